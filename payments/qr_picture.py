"""Codes found in a photo: of the sticker on the table, or of a screen that was sent. Pure.

Needs zxing-cpp, which reads perspective, dirt and glare; without it the caller is told by name.
"""

import io

from payments.errors import PaymentError

PICTURE_BYTES_MAX = 12_000_000
"""A photo of a good phone has 3 to 8 MB."""
PICTURE_PIXELS_MAX = 25_000_000
"""Read from the file's head before anything is unpacked; large JPEGs are unpacked smaller."""
SIDE_PIXELS_MAX = 2_400
"""Larger photos are made smaller first: a code that fills a tenth of the side still has 3 px a module."""


class PictureError(PaymentError):
    """No code can be taken from what was sent."""

    code = "picture_error"


class PictureTooLarge(PictureError):
    """More bytes or pixels than a phone's photo has."""

    code = "picture_too_large"


class PictureUnreadable(PictureError):
    """Not a PNG, JPEG or WebP, or broken."""

    code = "picture_unreadable"


class PictureWithoutCode(PictureError):
    """A picture, but no QR code can be seen in it."""

    code = "picture_without_code"


class PictureReaderMissing(PictureError):
    """The library that reads codes is not installed here."""

    code = "picture_reader_missing"


def codes_in_picture(picture: bytes) -> tuple[str, ...]:
    """The texts of all QR codes in a picture file, payment codes first; at least one.

    Raises: PictureTooLarge, PictureUnreadable, PictureWithoutCode, PictureReaderMissing.
    """
    if len(picture) > PICTURE_BYTES_MAX:
        raise PictureTooLarge(f"A picture has at most {PICTURE_BYTES_MAX // 1_000_000} MB.")
    try:
        import zxingcpp
        from PIL import Image, ImageOps
    except ImportError as missing:
        raise PictureReaderMissing("Pictures need the packages zxing-cpp and pillow.") from missing

    try:
        image = Image.open(io.BytesIO(picture), formats=("PNG", "JPEG", "WEBP"))
        image.draft("L", (SIDE_PIXELS_MAX // 2, SIDE_PIXELS_MAX // 2))  # a JPEG is unpacked smaller
        if image.width * image.height > PICTURE_PIXELS_MAX:
            raise PictureTooLarge("A picture has at most 25 million pixels.")
        if image.has_transparency_data:
            drawn = image.convert("RGBA")
            grounds = [Image.new("RGBA", drawn.size, one) for one in ("white", "black")]
            greys = [Image.alpha_composite(one, drawn).convert("L") for one in grounds]
        else:
            greys = [image.convert("L")]
    except Image.DecompressionBombError as bomb:
        raise PictureTooLarge("A picture has at most 25 million pixels.") from bomb
    except (OSError, ValueError, SyntaxError) as broken:
        raise PictureUnreadable("This is no PNG, JPEG or WebP picture.") from broken

    for grey in greys:
        grey.thumbnail((SIDE_PIXELS_MAX, SIDE_PIXELS_MAX))
    formats = zxingcpp.BarcodeFormats([zxingcpp.BarcodeFormat.QRCode])
    for tried in (*greys, ImageOps.autocontrast(greys[0], cutoff=2)):
        found = zxingcpp.read_barcodes(tried, formats=formats)
        texts = dict.fromkeys(one.text for one in found if one.text)
        if texts:
            return tuple(sorted(texts, key=lambda text: not text.startswith("000201")))
    raise PictureWithoutCode("No QR code can be seen in this picture.")
