"""The XML of an invoice: exact when written, patient when read."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from einvoice import document, errors
from einvoice import invoice as values
from einvoice.invoice import Method, Related
from tests.unit.einvoice.conftest import food_stall_invoice, vat_invoice

FOOD_STALL = (
    '<HDon><DLHDon Id="HD2C26MAA123"><TTChung><PBan>2.1.0</PBan><THDon>Hóa đơn bán hàng</THDon>'
    "<KHMSHDon>2</KHMSHDon><KHHDon>C26MAA</KHHDon><SHDon>123</SHDon><NLap>2026-11-23</NLap>"
    "</TTChung><NDHDon><NBan><Ten>HỘ KINH DOANH VÍ DỤ</Ten><MST>038190000123</MST>"
    "<DChi>Sạp 12, Chợ Ví Dụ, Phường Ví Dụ, Tỉnh Thanh Hóa</DChi></NBan>"
    "<NMua><Ten>Bán cho người tiêu dùng</Ten></NMua><DSHHDVu>"
    "<HHDVu><TChat>1</TChat><STT>1</STT><THHDVu>Bún bò</THHDVu><DVTinh>Tô</DVTinh>"
    "<SLuong>2</SLuong><DGia>40000</DGia><ThTien>80000</ThTien></HHDVu>"
    "<HHDVu><TChat>1</TChat><STT>2</STT><THHDVu>Trà đá</THHDVu><DVTinh>Ly</DVTinh>"
    "<SLuong>3</SLuong><DGia>5000</DGia><ThTien>15000</ThTien></HHDVu>"
    "<HHDVu><TChat>1</TChat><STT>3</STT><THHDVu>Chả quế</THHDVu><DVTinh>kg</DVTinh>"
    "<SLuong>0.35</SLuong><DGia>45000</DGia><ThTien>15750</ThTien></HHDVu></DSHHDVu>"
    "<TToan><TgTTTBSo>110750</TgTTTBSo>"
    "<TgTTTBChu>Một trăm mười nghìn bảy trăm năm mươi đồng</TgTTTBChu></TToan></NDHDon></DLHDon>"
    "<DLQRCode>00020199740010A0000007750112038190000123020120306C26MAA04031230508202611230606"
    "1107506304246F</DLQRCode><MCCQT>M2-26-A1B2C-00000000123</MCCQT><DSCKS/></HDon>"
)


def test_the_food_stall_is_written_as_the_reference_shows_it():
    assert document.write(food_stall_invoice()).decode() == FOOD_STALL


def test_the_vat_invoice_has_totals_by_rate_in_the_order_of_the_table():
    xml = document.write(vat_invoice()).decode()

    assert (
        "<TToan><THTTLTSuat><LTSuat><TSuat>8%</TSuat><ThTien>120000</ThTien><TThue>9600</TThue>"
        "</LTSuat><LTSuat><TSuat>KCT</TSuat><ThTien>50000</ThTien><TThue>0</TThue></LTSuat>"
        "</THTTLTSuat><TgTCThue>170000</TgTCThue><TgTThue>9600</TgTThue>"
        "<TgTTTBSo>179600</TgTTTBSo>"
        "<TgTTTBChu>Một trăm bảy mươi chín nghìn sáu trăm đồng</TgTTTBChu></TToan>"
    ) in xml
    assert "<DVTTe>VND</DVTTe><HTTToan>TM/CK</HTTToan>" in xml


@pytest.mark.parametrize("invoice", [food_stall_invoice(), vat_invoice()])
def test_what_is_written_is_read_back(invoice):
    assert document.read(document.write(invoice)) == invoice


def test_a_buyer_who_gave_nothing_at_all_is_read_back_as_one():
    invoice = replace(vat_invoice(), buyer=values.Buyer())

    assert document.read(document.write(invoice)) == invoice


def test_a_correction_names_what_it_replaces():
    related = Related(
        method=Method.REPLACES,
        template="2",
        symbol="C26MAA",
        number="122",
        issued_on=date(2026, 11, 23),
        note="Thay thế cho hóa đơn Mẫu số 2 ký hiệu C26MAA số 122 ngày 23 tháng 11 năm 2026",
    )
    invoice = food_stall_invoice(related=related)

    xml = document.write(invoice).decode()

    assert "<TTHDLQuan><TCHDon>1</TCHDon><LHDCLQuan>1</LHDCLQuan><KHMSHDCLQuan>2" in xml
    assert document.read(xml.encode()) == invoice


def test_any_order_white_space_and_comments_are_read():
    shuffled = (
        FOOD_STALL.replace("<PBan>2.1.0</PBan>", "")
        .replace("</TTChung>", "<PBan>2.1.0</PBan></TTChung>")
        .replace("><", ">\n  <")
        .replace("Bún bò", "Bún<!-- chen vào --> bò")
    )

    assert document.read(shuffled.encode()) == food_stall_invoice()


def test_fields_we_do_not_know_are_kept_and_written_back():
    strange = FOOD_STALL.replace("</TTChung>", "<MHMoi>7</MHMoi></TTChung>").replace(
        "</NBan>", "<Telex>02373<Moi>x</Moi></Telex></NBan>"
    )

    read = document.read(strange.encode())

    assert read.unknown == ("<MHMoi>7</MHMoi>",)
    assert read.seller.unknown == ("<Telex>02373<Moi>x</Moi></Telex>",)
    assert document.read(document.write(read)) == read


def test_free_fields_of_other_providers_are_opaque():
    free = "<TTKhac><TTin><TTruong>Fkey</TTruong><KDLieu>string</KDLieu><DLieu>a&lt;b</DLieu></TTin></TTKhac>"
    strange = FOOD_STALL.replace("</NDHDon></DLHDon>", f"</NDHDon>{free}</DLHDon>")

    read = document.read(strange.encode())

    assert read.fields == (values.FreeField(name="Fkey", value="a<b"),)


def test_the_till_layout_moves_what_it_has_no_tag_for_into_free_fields():
    seller = replace(food_stall_invoice().seller, store_code="DD01", bank_account="9990001")
    invoice = food_stall_invoice(seller=seller)

    xml = document.write(invoice).decode()

    assert "<MCHang>" not in xml
    assert "<TTruong>MCHang</TTruong>" in xml
    assert document.read(xml.encode()).seller == seller


def test_special_characters_are_escaped():
    buyer = values.Buyer(name="""Bún & Phở "Bà Tư" <38> 'ngon'""")

    xml = document.write(food_stall_invoice(buyer=buyer))

    assert b"B\xc3\xban &amp; Ph\xe1\xbb\x9f &quot;" in xml
    assert document.read(xml).buyer == buyer


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.350"), "0.35"),
        (Decimal("-2"), "-2"),
        (100, "100"),
        (Decimal("0.000001"), "0.000001"),
    ],
)
def test_numbers_have_a_dot_and_no_exponent(number, text):
    assert document.number_text(number) == text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<SHDon>123</SHDon>", ""),
        ("<SHDon>123</SHDon>", "<SHDon>123</SHDon><SHDon>124</SHDon>"),
        ("<SHDon>123</SHDon>", "<SHDon>1e3</SHDon>"),
        ("<SHDon>123</SHDon>", "<SHDon><b>123</b></SHDon>"),
        ("<ThTien>80000</ThTien>", "<ThTien>80000.5</ThTien>"),
        ("<ThTien>80000</ThTien>", "<ThTien>80,000</ThTien>"),
        ("<TChat>1</TChat>", "<TChat>9</TChat>"),
        ("2026-11-23", "23/11/2026"),
        ("2026-11-23", "2026-02-30"),
        ("<NMua>", "<!DOCTYPE x><NMua>"),
        ("<HDon>", "<?xml version='1.0'?><!DOCTYPE HDon [<!ENTITY a 'b'>]><HDon>"),
        ("<HDon>", "<HDon><?php x ?>"),
        ("</HDon>", ""),
        ("<NBan>", "<NBan/><NBan>"),
    ],
)
def test_a_broken_document_is_refused_in_words(old, new):
    with pytest.raises(errors.DocumentInvalid):
        document.read(FOOD_STALL.replace(old, new).encode())


def test_other_encodings_and_giants_are_refused():
    latin = b'<?xml version="1.0" encoding="ISO-8859-1"?>' + FOOD_STALL.encode("ascii", "replace")
    for bad in (FOOD_STALL.encode("utf-16"), latin, b"", b"<HDon>" + b" " * 2_000_001):
        with pytest.raises(errors.DocumentInvalid):
            document.read(bad)


def test_a_negative_discount_of_another_provider_is_read_as_ours():
    ours = FOOD_STALL.replace(
        "</DSHHDVu>",
        "<HHDVu><TChat>3</TChat><THHDVu>Bớt</THHDVu><ThTien>{}</ThTien></HHDVu></DSHHDVu>",
    )

    for amount in ("750", "-750"):
        assert document.read(ours.format(amount).encode()).lines[-1].amount_vnd == 750


def test_an_adjustment_that_changes_no_money_may_leave_out_lines_and_totals():
    """F1510, tables h and i."""
    related = Related(
        method=Method.ADJUSTS, template="2", symbol="C26MAA", number="1",
        issued_on=date(2026, 11, 23), note="Điều chỉnh",
    )  # fmt: skip
    xml = document.write(food_stall_invoice(related=related)).decode()
    start, end = xml.index("<DSHHDVu>"), xml.index("</TToan>") + len("</TToan>")

    read = document.read((xml[:start] + xml[end:]).encode())

    assert (read.lines, read.totals.payable_vnd, read.totals.in_words) == ((), 0, "Không đồng")
