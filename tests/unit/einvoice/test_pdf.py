"""The printed page, read back."""

import io
import re
from dataclasses import replace

import pypdfium2
import pytest
import zxingcpp
from pypdf import PdfReader

from einvoice import document, pdf, seal
from einvoice import invoice as values
from einvoice.issuance import IssuedInvoice
from einvoice.page import ink
from market import ids
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice, vat_invoice

LINK = "http://127.0.0.1:8000/hd/7K3MZ9QW2XCVB5N8"


def issued(
    invoice: values.Invoice, xml: bytes | None = None, correction: str = ""
) -> IssuedInvoice:
    return IssuedInvoice(
        id=ids.new(),
        owner_id=ids.new(),
        subject_id=ids.new(),
        kind="original",
        corrects_id=None,
        invoice=invoice,
        xml=xml or document.write(invoice),
        issued_at=NOW,
        lookup_code="7K3MZ9QW2XCVB5N8",
        state="numbered",
        correction=correction,
        reasons=(),
        decided_at=None,
    )


def text_of(page: bytes) -> str:
    reader = PdfReader(io.BytesIO(page))
    return " ".join(" ".join(one.extract_text() for one in reader.pages).split())


def codes_in(page: bytes) -> list[str]:
    opened = pypdfium2.PdfDocument(page)
    picture = opened[0].render(scale=3).to_pil()
    opened.close()
    return [one.text for one in zxingcpp.read_barcodes(picture)]


@pytest.mark.parametrize("size", pdf.Size)
def test_the_page_says_what_the_law_asks(size):
    page = pdf.pdf_of(issued(food_stall_invoice()), size, lookup_url=LINK)

    said = text_of(page)
    for part in (
        "HÓA ĐƠN BÁN HÀNG",
        "2C26MAA",
        "00000123",
        "Ngày 23 tháng 11 năm 2026",
        "M2-26-A1B2C-00000000123",
        "HỘ KINH DOANH VÍ DỤ",
        "038190000123",
        "Bán cho người tiêu dùng",
        "0,35",
        "110.750 ₫",
        "Một trăm mười nghìn bảy trăm năm mươi đồng",
        "7K3M Z9QW 2XCV B5N8",
        "Cần kiểm tra, đối chiếu khi lập, giao, nhận hóa đơn",
    ):
        assert part in said


@pytest.mark.parametrize("size", pdf.Size)
def test_the_printed_code_opens_the_lookup_page(size):
    page = pdf.pdf_of(issued(food_stall_invoice()), size, lookup_url=LINK)

    assert codes_in(page) == [LINK]


def test_without_a_link_the_code_is_the_lookup_of_the_authority():
    page = pdf.pdf_of(issued(food_stall_invoice()))

    assert codes_in(page) == [food_stall_invoice().lookup]


@pytest.mark.parametrize("size", pdf.Size)
def test_every_font_is_embedded(size):
    page = pdf.pdf_of(issued(food_stall_invoice()), size)

    reader = PdfReader(io.BytesIO(page))
    fonts = [
        font.get_object()
        for one in reader.pages
        for font in one["/Resources"]["/Font"].get_object().values()
    ]
    assert fonts
    for font in fonts:
        assert "BeVietnamPro" in font["/BaseFont"]
        assert "/FontFile2" in font["/FontDescriptor"].get_object()


def test_the_same_invoice_prints_the_same_bytes():
    one = issued(food_stall_invoice())

    assert pdf.pdf_of(one) == pdf.pdf_of(one)


def test_a_vat_invoice_shows_each_rate():
    said = text_of(pdf.pdf_of(issued(vat_invoice()), pdf.A4))

    assert "Thuế giá trị gia tăng 8% 9.600" in said
    assert "179.600 ₫" in said


def test_a_replaced_invoice_says_so_first():
    said = text_of(pdf.pdf_of(issued(food_stall_invoice(), correction="replaced")))

    assert said.startswith("ĐÃ ĐƯỢC THAY THẾ")


def test_a_signed_invoice_names_its_signer_and_time(signer):
    invoice = food_stall_invoice()
    xml = seal.sign(document.write(invoice), seal.SELLER, signer, NOW)

    said = text_of(pdf.pdf_of(issued(invoice, xml)))

    assert "Đã ký số bởi HỘ KINH DOANH VÍ DỤ, 23/11/2026 09:15:00" in said


def test_many_lines_flow_over_pages_and_long_words_are_cut():
    lines = tuple(values.line(f"Rau{'dài' * 120} {i}", 1, 1_000) for i in range(60))
    invoice = food_stall_invoice(lines=lines, totals=values.totals_of(2, lines))

    page = pdf.pdf_of(issued(invoice), pdf.A4)

    assert len(PdfReader(io.BytesIO(page)).pages) > 3
    assert "60.000 ₫" in text_of(page)
    assert len(re.findall(r"1\.000", text_of(page))) >= 120


def test_the_roll_is_80_mm_wide_and_as_long_as_it_must_be():
    page = PdfReader(io.BytesIO(pdf.pdf_of(issued(food_stall_invoice())))).pages[0]

    assert abs(float(page.mediabox.width) - 226.77) < 0.1
    assert 250 < float(page.mediabox.height) < 700


def test_letters_outside_the_packed_fonts_are_drawn_all_the_same():
    lines = (values.line("Crème brûlée Ø ßæ", 1, 30_000), values.line("Trà đá", 1, 5_000))
    invoice = food_stall_invoice(lines=lines, totals=values.totals_of(2, lines))

    said = text_of(pdf.pdf_of(issued(invoice)))

    assert "Crème brûlée Ø ßæ" in said
    assert "Trà đá" in said
    assert text_of(pdf.pdf_of(issued(food_stall_invoice()))).count("Trà đá") == 1


def test_every_vietnamese_letter_is_in_the_first_subset():
    assert len(ink.letters()) == len(set(ink.letters())) <= 255
    assert all(ink._coded(letter, font) for letter in ink.letters() for font in ink.fonts())


def test_every_page_of_every_invoice_carries_the_same_fonts():
    def fonts_in(page: bytes) -> set[bytes]:
        reader = PdfReader(io.BytesIO(page))
        return {
            font.get_object()["/FontDescriptor"].get_object()["/FontFile2"].get_object().get_data()
            for one in reader.pages
            for font in one["/Resources"]["/Font"].get_object().values()
        }

    assert fonts_in(pdf.pdf_of(issued(vat_invoice()), pdf.A4)) == fonts_in(
        pdf.pdf_of(issued(food_stall_invoice()))
    )


def test_each_page_has_a_code_of_its_own():
    links = [f"http://127.0.0.1:8000/hd/7K3MZ9QW2XCVB{number}" for number in range(100, 110)]

    read = [codes_in(pdf.pdf_of(issued(food_stall_invoice()), lookup_url=one)) for one in links]

    assert read == [[one] for one in links]


def test_what_is_not_taxed_says_so_and_an_invoice_without_a_code_shows_no_empty_line():
    said = text_of(pdf.pdf_of(issued(vat_invoice()), pdf.A4))

    assert "Không chịu thuế, tiền hàng 50.000" in said
    assert "Mã của cơ quan thuế" not in said


def test_a_delegate_is_named_and_is_the_one_who_signed(signer):
    delegate = values.Delegate(tax_id=TAX_ID, name="BAN QUẢN LÝ CHỢ VÍ DỤ", address="Thanh Hóa")
    seller = replace(food_stall_invoice().seller, tax_id="0107001729")
    invoice = food_stall_invoice(seller=seller, delegate=delegate)
    xml = seal.sign(document.write(invoice), seal.SELLER, signer, NOW)

    said = text_of(pdf.pdf_of(issued(invoice, xml)))

    assert "Đơn vị được ủy nhiệm lập hóa đơn: BAN QUẢN LÝ CHỢ VÍ DỤ" in said
    assert "Đã ký số bởi BAN QUẢN LÝ CHỢ VÍ DỤ" in said


def test_fees_and_cuts_stand_between_the_goods_and_the_total():
    lines = food_stall_invoice().lines
    fees = (values.Fee(name="Phí đóng gói", amount_vnd=5_000),)
    totals = values.totals_of(2, lines, fees=fees, reduction_vnd=750)

    said = text_of(pdf.pdf_of(issued(food_stall_invoice(totals=totals))))

    assert "Phí đóng gói 5.000 ₫ Giảm trừ -750 ₫ TỔNG CỘNG 115.000 ₫" in said
