"""Photos of goods: made upright, small and free of metadata, then kept."""

import hashlib
import io
import warnings
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog.errors import PictureRefused
from catalog.tables import PhotoRow

UPLOAD_BYTES_MAX = 8 * 1024 * 1024
"""A phone's photo is 2–6 MB; what is kept is always under 2 MB."""
PIXELS_MAX = 50_000_000
"""Checked before decoding: a small file can unpack into gigabytes."""
SIDE_PX_MIN = 160
LARGE_PX = 800
SMALL_PX = 160
FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo ready to be kept: JPEG up to 800 px, WebP 160 px square."""

    digest: bytes
    width: int
    height: int
    large: bytes
    small: bytes


def prepared(upload: bytes) -> Photo:
    """Re-encode an upload. Takes some 0.1 s of CPU: call it in a thread.

    Raises: PictureRefused.
    """
    if len(upload) > UPLOAD_BYTES_MAX:
        raise PictureRefused("too_big")
    image = _decoded(upload)
    if min(image.size) < SIDE_PX_MIN:
        raise PictureRefused("too_small")
    large = image.copy()
    large.thumbnail((LARGE_PX, LARGE_PX), Image.Resampling.LANCZOS)
    small = ImageOps.fit(image, (SMALL_PX, SMALL_PX), Image.Resampling.LANCZOS)
    return Photo(
        digest=hashlib.sha256(upload).digest(),
        width=large.width,
        height=large.height,
        large=_encoded(large, "JPEG", quality=85, optimize=True),
        small=_encoded(small, "WEBP", quality=80),
    )


async def put_photo(
    db: AsyncSession, photo_id: UUID, owner_id: UUID, photo: Photo, *, now: datetime
) -> UUID:
    """Keep a photo and return its id: that of the first upload when the file came before."""
    made = await db.exec(
        insert(PhotoRow)
        .values(
            id=photo_id,
            owner_id=owner_id,
            digest=photo.digest,
            width=photo.width,
            height=photo.height,
            large=photo.large,
            small=photo.small,
            added_at=now,
        )
        .on_conflict_do_nothing(index_elements=["owner_id", "digest"])
        .returning(col(PhotoRow.id))
    )
    if made.scalar_one_or_none() is not None:
        return photo_id
    known = select(PhotoRow.id).where(
        PhotoRow.owner_id == owner_id, PhotoRow.digest == photo.digest
    )
    return (await db.exec(known)).one()


async def photo_bytes(db: AsyncSession, photo_id: UUID, *, small: bool) -> bytes | None:
    """A kept photo: WebP when small, JPEG when large; None when there is none."""
    size = PhotoRow.small if small else PhotoRow.large
    return (await db.exec(select(size).where(PhotoRow.id == photo_id))).one_or_none()


def _decoded(upload: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(upload), formats=FORMATS)
            if image.width * image.height > PIXELS_MAX:
                raise PictureRefused("too_many_pixels")
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as bomb:
        raise PictureRefused("too_many_pixels") from bomb
    except UnidentifiedImageError as unknown:
        raise PictureRefused("format") from unknown
    except (OSError, SyntaxError, ValueError) as broken:
        raise PictureRefused("unreadable") from broken
    upright = ImageOps.exif_transpose(image)
    if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
        layered = upright.convert("RGBA")
        ground = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(ground, layered).convert("RGB")
    return upright.convert("RGB")


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    # A fresh image carries no EXIF: where the photo was taken is nobody's business.
    bare = Image.new("RGB", image.size)
    bare.paste(image)
    written = io.BytesIO()
    bare.save(written, form, **options)
    return written.getvalue()
