import io

import pytest
from PIL import Image

from catalog.errors import PictureRefused
from catalog.pictures import UPLOAD_BYTES_MAX, prepared


def upload(
    size: tuple[int, int], form: str = "JPEG", mode: str = "RGB", **options: object
) -> bytes:
    written = io.BytesIO()
    Image.new(mode, size, "red").save(written, form, **options)
    return written.getvalue()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_photo_becomes_a_large_jpeg_and_a_small_square_webp() -> None:
    photo = prepared(upload((1600, 1200)))

    assert (opened(photo.large).format, opened(photo.large).size) == ("JPEG", (800, 600))
    assert (opened(photo.small).format, opened(photo.small).size) == ("WEBP", (160, 160))
    assert (photo.width, photo.height) == (800, 600)


def test_a_photo_is_turned_upright_and_says_nothing_of_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90°
    exif.get_ifd(0x8825)[1] = "N"

    photo = prepared(upload((400, 300), exif=exif))

    assert (photo.width, photo.height) == (300, 400)
    assert not opened(photo.large).getexif()


def test_what_is_transparent_becomes_white() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (200, 200), (0, 0, 0, 0)).save(written, "PNG")

    photo = prepared(written.getvalue())

    assert opened(photo.large).getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "format"),
        (b"not a picture", "format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "format"),
        (upload((400, 400), "GIF", "P"), "format"),
        (upload((400, 400))[:300], "unreadable"),
        (upload((100, 400)), "too_small"),
        (b"x" * (UPLOAD_BYTES_MAX + 1), "too_big"),
        (upload((10_000, 5_001), "PNG", "1"), "too_many_pixels"),
    ],
    ids=["empty", "text", "svg", "gif", "cut", "small", "big", "bomb"],
)
def test_what_cannot_be_used_is_refused_with_its_reason(content: bytes, reason: str) -> None:
    with pytest.raises(PictureRefused) as caught:
        prepared(content)

    assert caught.value.reason == reason
