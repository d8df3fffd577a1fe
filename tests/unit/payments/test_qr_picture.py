"""Codes in photos as phones take them, and what is no picture at all."""

import io
import random

import pytest
from PIL import Image, ImageFilter

from payments import qr, qr_picture

OURS = qr.write_vietqr("970436", "9990001112223", memo="CHOK7M2QX")
PASTED_OVER = qr.write_vietqr("970422", "0000000001")


def _code(text: str, side: int = 500) -> Image.Image:
    return Image.open(io.BytesIO(qr.qr_png(text))).convert("RGB").resize((side, side))


def _photo(*codes: Image.Image, seed: int = 1) -> Image.Image:
    """A table with noise, the codes side by side, a bit turned."""
    rng = random.Random(seed)
    noise = Image.frombytes("RGB", (200, 130), rng.randbytes(200 * 130 * 3))
    table = noise.filter(ImageFilter.GaussianBlur(2)).resize((1600, 1040))
    for at, code in enumerate(codes):
        turned = code.rotate(rng.uniform(-25, 25), expand=True, fillcolor="white")
        table.paste(turned, (80 + at * 780, 150))
    return table


def _file(picture: Image.Image, form: str, **how: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **how)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_turned_code_on_a_restless_table_is_read(form: str) -> None:
    assert qr_picture.codes_in_picture(_file(_photo(_code(OURS)), form)) == (OURS,)


def test_a_blurred_and_dim_photo_is_read() -> None:
    dim = _photo(_code(OURS)).filter(ImageFilter.GaussianBlur(1.5)).point(lambda x: 60 + x // 6)

    assert qr_picture.codes_in_picture(_file(dim, "JPEG", quality=40)) == (OURS,)


def test_a_large_photo_with_a_small_code_is_read() -> None:
    photo = Image.new("RGB", (6000, 4500), "grey")
    photo.paste(_code(OURS, 1100), (2000, 2000))

    assert qr_picture.codes_in_picture(_file(photo, "JPEG")) == (OURS,)


def test_a_code_drawn_on_nothing_is_read_as_on_white() -> None:
    clear = Image.new("RGBA", (700, 700), (0, 0, 0, 0))
    dark = _code(OURS, 600).convert("L").point(lambda x: 255 - x)
    clear.paste(Image.new("RGBA", (600, 600), "black"), (50, 50), dark)

    assert qr_picture.codes_in_picture(_file(clear, "PNG")) == (OURS,)


def test_a_white_code_on_nothing_is_read_as_on_black() -> None:
    clear = Image.new("RGBA", (700, 700), (0, 0, 0, 0))
    dark = _code(OURS, 600).convert("L").point(lambda x: 255 - x)
    clear.paste(Image.new("RGBA", (600, 600), "white"), (50, 50), dark)

    assert qr_picture.codes_in_picture(_file(clear, "PNG")) == (OURS,)


def test_every_code_in_the_picture_is_told_payment_codes_first() -> None:
    link = _code("https://example.vn/menu")

    found = qr_picture.codes_in_picture(_file(_photo(link, _code(PASTED_OVER)), "PNG"))

    assert found == (PASTED_OVER, "https://example.vn/menu")


@pytest.mark.parametrize(
    ("picture", "error"),
    [
        (b"", qr_picture.PictureUnreadable),
        (b"000201 this is text", qr_picture.PictureUnreadable),
        (b"GIF89a" + bytes(100), qr_picture.PictureUnreadable),
        (_file(Image.new("RGB", (300, 300), "white"), "PNG")[:60], qr_picture.PictureUnreadable),
        (_file(Image.new("RGB", (300, 300), "white"), "PNG"), qr_picture.PictureWithoutCode),
        (_file(Image.new("1", (6000, 5000)), "PNG"), qr_picture.PictureTooLarge),
        (bytes(qr_picture.PICTURE_BYTES_MAX + 1), qr_picture.PictureTooLarge),
    ],
    ids=["empty", "text", "gif", "cut", "blank", "bomb", "heavy"],
)
def test_what_cannot_be_read_is_refused_by_name(
    picture: bytes, error: type[qr_picture.PictureError]
) -> None:
    with pytest.raises(error):
        qr_picture.codes_in_picture(picture)
