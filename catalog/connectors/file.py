"""A package of files for a person to upload where there is no interface (pure)."""

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from uuid import UUID

from catalog.connector import Offer
from catalog.product import payload
from catalog.units import UNITS

COLUMNS = (
    *("ma_san_pham", "ten", "loai_san_pham", "mo_ta", "don_vi_tinh", "gia_vnd"),
    *("gia_khuyen_mai_vnd", "con_hang", "xuat_xu", "nha_cung_cap", "dien_thoai", "anh"),
)
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""No clock in the package: the same goods make the same bytes."""


def package(offers: Iterable[Offer], photos: Mapping[UUID, bytes]) -> bytes:
    """A ZIP with `hang-hoa.csv` (UTF-8 with BOM, for spreadsheets), `hang-hoa.json` and `anh/`.

    `photos` holds the JPEG of every photo that should go along.
    """
    listed = list(offers)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "hang-hoa.csv", _table(listed, photos).encode("utf-8-sig"))
        plain = [payload(one.product) | {"remote_category": one.remote_category} for one in listed]
        _add(archive, "hang-hoa.json", json.dumps(plain, ensure_ascii=False, indent=1).encode())
        for photo_id in dict.fromkeys(
            photo for one in listed for photo in one.product.photo_ids if photo in photos
        ):
            _add(archive, f"anh/{photo_id}.jpg", photos[photo_id])
    return written.getvalue()


def _table(offers: list[Offer], photos: Mapping[UUID, bytes]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for offer in offers:
        writer.writerow(_safe(cell) for cell in _cells(offer, photos))
    return text.getvalue()


def _cells(offer: Offer, photos: Mapping[UUID, bytes]) -> tuple[object, ...]:
    product, seller, origin = offer.product, offer.seller, offer.product.origin
    return (
        product.sku,
        product.name_vi,
        offer.remote_category,
        product.description,
        UNITS[product.unit].name_vi,
        product.price_vnd if product.price_vnd is not None else "Liên hệ",
        product.sale_price_vnd if product.sale_price_vnd is not None else "",
        "còn hàng" if product.in_stock else "hết hàng",
        ", ".join(part for part in (origin.commune, origin.province) if part) or origin.country,
        origin.producer or seller.name,
        seller.phone,
        " ".join(f"anh/{photo}.jpg" for photo in product.photo_ids if photo in photos),
    )


def _safe(cell: object) -> object:
    # A spreadsheet would run a text that begins like a formula.
    if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return f"'{cell}"
    return cell


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), content, zipfile.ZIP_DEFLATED)
