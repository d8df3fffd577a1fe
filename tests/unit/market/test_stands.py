import dataclasses
from io import BytesIO

import pypdfium2
import pytest
import zxingcpp
from pypdf import PdfReader

import payments.qr
from market import stands

TEXT = payments.qr.write_vietqr(
    "970405", "3501205098765", memo="CHO2346K7", merchant_name="NGUYEN THI PHUONG", city="THANH HOA"
)
SHEET = stands.StandSheet(
    qr_text=TEXT, serial="7K3M-9Q2F", hall_name="Chợ Điện Biên", stall_code="A12",
    vendor_name="Cô Phượng – Rau củ", holder_name="NGUYEN THI PHUONG", bank_name="Agribank",
    account_last4="8765", colour="#1E5AA8",
)  # fmt: skip


@pytest.mark.parametrize("size", ["a6", "a5"])
@pytest.mark.parametrize("zoom", [1.2, 3])
def test_the_printed_code_is_read_by_a_camera(size: str, zoom: float) -> None:
    with pypdfium2.PdfDocument(stands.stand_pdf(SHEET, size)) as sheet:
        picture = sheet[0].render(scale=zoom).to_pil()

        (read,) = zxingcpp.read_barcodes(picture)

    assert read.text == TEXT


@pytest.mark.parametrize(("size", "millimetres"), [("a6", (105, 148)), ("a5", (148, 210))])
def test_the_sheet_has_the_size_of_its_paper(size: str, millimetres: tuple[int, int]) -> None:
    (page,) = PdfReader(BytesIO(stands.stand_pdf(SHEET, size))).pages

    points = (float(page.mediabox.width), float(page.mediabox.height))
    assert tuple(round(side * 25.4 / 72) for side in points) == millimetres


def test_the_sheet_says_whose_money_it_is() -> None:
    (page,) = PdfReader(BytesIO(stands.stand_pdf(SHEET))).pages

    words = page.extract_text()
    for said in ("Cô Phượng – Rau củ", "A12", "Chợ Điện Biên", "NGUYEN THI PHUONG", "Agribank", "…8765",
                 "7K3M-9Q2F", "Quét bằng app ngân hàng bất kỳ"):  # fmt: skip
        assert said in words
    assert "3501205098765" not in words


def test_the_code_is_drawn_and_every_font_is_embedded() -> None:
    (page,) = PdfReader(BytesIO(stands.stand_pdf(SHEET))).pages

    assert list(page.images) == []
    fonts = [font.get_object() for font in page["/Resources"]["/Font"].values()]
    used = [font for font in fonts if "BeVietnamPro" in font["/BaseFont"]]
    assert used
    assert all("/FontFile2" in font["/FontDescriptor"] for font in used)


def test_a_long_name_is_made_to_fit() -> None:
    long = dataclasses.replace(SHEET, vendor_name="Hộ kinh doanh " + "Nguyễn Thị Phượng Hồng " * 3)

    with pypdfium2.PdfDocument(stands.stand_pdf(long)) as sheet:
        (read,) = zxingcpp.read_barcodes(sheet[0].render(scale=2).to_pil())

    assert read.text == TEXT


def test_serials_have_no_look_alikes_and_differ() -> None:
    serials = {stands.new_serial(number.to_bytes(8)) for number in range(500)}

    assert len(serials) == 500
    assert all(
        set(serial) <= {*stands.SERIAL_ALPHABET, "-"} and len(serial) == 9 for serial in serials
    )


def test_the_sheet_says_who_issues_by_contract_and_the_code_is_still_read() -> None:
    """Circular 91/2026, Art. 9: a delegation is posted at the stall."""
    lines = (
        "Hóa đơn do CÔNG TY CHỢ ĐIỆN BIÊN (mã số thuế 0107001729) lập thay,",
        "theo hợp đồng ủy nhiệm số UN-01, từ 01/11/2026 đến 01/11/2027.",
    )
    content = stands.stand_pdf(dataclasses.replace(SHEET, issued_by=lines))

    words = PdfReader(BytesIO(content)).pages[0].extract_text()
    with pypdfium2.PdfDocument(content) as sheet:
        (read,) = zxingcpp.read_barcodes(sheet[0].render(scale=2).to_pil())

    assert all(line in words for line in lines)
    assert read.text == TEXT
