"""What is drawn is read back by a camera, on a screen, on paper and in a terminal."""

import re
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image

from payments import qr, qr_picture
from payments.qr_drawing import Matrix

PLAIN = qr.write_vietqr("970415", "113366668888", 85_000, memo="CHOK7M2QX", mcc="5411")
NATIVE = qr.write_vietqr("970415", "113366668888", native_name="Hải sản Bảy Hòa")
LATIN = qr.write_vietqr("970415", "113366668888", native_name="Thanh Hóa")
"""Its only sign outside ASCII is in Latin-1 too: another encoding, another checksum."""
SEEN = pytest.mark.parametrize("text", [PLAIN, NATIVE, LATIN], ids=["plain", "native", "latin"])


def _seen(matrix: Matrix) -> list[str]:
    """The texts in UTF-8, as a bank's app takes the bytes, and not as a clever reader guesses."""
    margin = 4
    side = len(matrix) + 2 * margin
    picture = Image.new("L", (side, side), 255)
    for top, row in enumerate(matrix):
        for left, dark in enumerate(row):
            picture.putpixel((left + margin, top + margin), 0 if dark else 255)
    large = picture.resize((side * 4, side * 4), Image.Resampling.NEAREST)
    return [code.bytes.decode() for code in zxingcpp.read_barcodes(large)]


@SEEN
@pytest.mark.parametrize("fast", [False, True])
def test_the_drawn_code_is_read_back_by_a_camera(text: str, fast: bool) -> None:
    assert _seen(qr.qr_matrix(text, fast=fast)) == [text]


@SEEN
def test_the_png_is_read_back_by_a_camera(text: str) -> None:
    assert qr_picture.codes_in_picture(qr.qr_png(text)) == (text,)


def test_the_terminal_shows_the_same_code_black_on_white() -> None:
    drawn = qr.qr_terminal(PLAIN)

    lines = re.findall("\x1b\\[38;5;16;48;5;231m(.*)\x1b\\[0m\n", drawn)
    rows = [tuple(block in blocks for block in line) for line in lines for blocks in ("▀█", "▄█")]
    assert "".join(lines).strip(" ▀▄█") == ""
    assert len({len(line) for line in lines}) == 1
    assert _seen(tuple(rows)) == [PLAIN]


def test_the_svg_is_plain_and_draws_each_dark_module() -> None:
    svg = qr.qr_svg(PLAIN, 'Mã QR "cô Lan" & con')

    root = ElementTree.fromstring(svg)  # noqa: S314 - our own text
    dark = root[-1].attrib["d"]
    drawn = sum(int(width) for width in re.findall(r"h(\d+)v1", dark))
    assert drawn == sum(map(sum, qr.qr_matrix(PLAIN)))
    assert root[0].text == 'Mã QR "cô Lan" & con'
    assert "style" not in svg
    assert "script" not in svg


def test_a_printed_code_of_usual_length_stays_within_version_8() -> None:
    assert len(qr.qr_matrix(PLAIN)) <= 17 + 4 * 10
    assert len(qr.qr_matrix(qr.write_vietqr("970436", "9990001112223"))) <= 17 + 4 * 8
