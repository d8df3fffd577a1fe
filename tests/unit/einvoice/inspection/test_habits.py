"""Names, parties and messages as other makers write them, each against the sentence of the law."""

import re

import pytest

from einvoice import inspection, qr
from einvoice.inspection import Verdict
from tests.unit.einvoice.conftest import NOW
from tests.unit.einvoice.inspection.conftest import coded, company_invoice, findings, spoiled
from tests.unit.einvoice.inspection.test_messages import known, office
from tests.unit.einvoice.test_checks import numbered, ordinary, package, sent

__all__ = ["known", "office"]


def told(xml: bytes, code: str) -> str:
    """The sentence of the first remark with this code."""
    report = inspection.inspect(xml, now=NOW)
    return next(one.text for one in report.sheet.remarks if one.code == code)


@pytest.mark.parametrize(
    ("symbol", "why"),
    [
        ("C25MAA", "hai số năm khác năm của ngày lập"),
        ("C26MA1", "không theo dạng"),
        ("C26maa", "không theo dạng"),
        ("C26NAA", "không đi với mẫu số này"),
    ],
)
def test_a_wrong_symbol_is_told_why(stall, symbol, why):
    """Circular 91/2026, Annex I."""
    assert why in told(spoiled(stall, "<KHHDon>C26MAA", f"<KHHDon>{symbol}"), "name.symbol")


@pytest.mark.parametrize(
    "name",
    [
        *("Khách lẻ.", "KHÁCH  LẺ", "Người mua không lấy hoá đơn", "khách không lấy hóa đơn."),
        "Khách hàng không cung cấp thông tin",
    ],
)
def test_yesterday_s_names_of_nobody_are_wrong_however_they_are_typed(stall, name):
    """Decree 254/2026, Annex 4.b."""
    assert "party.consumer" in findings(spoiled(stall, "Bán cho người tiêu dùng", name))


def test_a_household_issues_sales_invoices_with_code(stall, company_signer):
    """Decree 254/2026, Art. 6.1.d and 8; a company is not asked."""
    without_code = re.sub(rb"<MCCQT>.*</MCCQT>|<DLQRCode>.*</DLQRCode>", b"", stall)
    without_code = without_code.replace(b"C26MAA", b"K26MAA")
    vat = coded(company_invoice(), company_signer, None).replace(
        b"<MST>0107001729</MST>", b"<MST>038190000123</MST>", 1
    )

    assert "party.household_code" in findings(without_code, Verdict.DOUBT)
    assert "party.household_vat" in findings(vat, Verdict.DOUBT)
    assert not [one for one in findings(stall, Verdict.DOUBT) if one.startswith("party.")]


def test_the_title_belongs_to_the_template(stall):
    other = spoiled(stall, "Hóa đơn bán hàng", "HÓA ĐƠN GIÁ TRỊ GIA TĂNG")

    assert "name.title" in findings(other, Verdict.DOUBT)


def test_a_broken_lookup_code_is_told_in_vietnamese(stall):
    xml = re.sub(rb"[0-9A-F]{4}</DLQRCode>", b"0000</DLQRCode>", stall)

    assert told(xml, "lookup.broken") == "Mã QR tra cứu hỏng (số kiểm tra CRC sai)."


def test_an_unknown_tag_is_named_without_its_namespace(stall):
    xml = spoiled(stall, "</DLHDon>", '</DLHDon><a:B xmlns:a="urn:x/y"/>')

    assert told(xml, "structure.unknown").startswith("Trường B ")


@pytest.mark.parametrize("document", [b"", b" \n\t"])
def test_an_empty_file_is_called_empty(document):
    assert told(document, "structure.unreadable") == "Không đọc được tài liệu: tệp trống."


@pytest.mark.parametrize(
    ("kind", "symbol"), [(200, "K26TAA"), (203, "C26TAA"), (200, "C26MAA"), (203, "K26MAA")]
)
def test_an_invoice_travels_in_the_message_of_its_kind(signer, kind, symbol):
    """Decision 1510: 200 for a code, 203 without code, 206 from a cash register."""
    body = sent(signer, kind, ordinary(1, "C26TAA" if kind == 200 else "K26TAA"))
    right = "C26TAA" if kind == 200 else "K26TAA"

    assert "message.symbol" in findings(body.replace(right.encode(), symbol.encode()))
    assert "message.symbol" not in findings(body)


def test_a_message_says_the_format_of_its_day(signer):
    body = package(signer, numbered(1))

    older = body.replace(b"<PBan>2.1.0", b"<PBan>2.0.1", 1)
    unreal = body.replace(b"<PBan>2.1.0", b"<PBan>7", 1)
    assert "message.version" in findings(older, Verdict.DOUBT)
    assert "message.version" in findings(unreal)
    assert "message.version" not in findings(body, Verdict.DOUBT)


def test_a_verdict_that_does_not_exist_is_wrong():
    """Decision 1510: LTBao is 1 to 7 or 9."""
    notice = "<TBao><DLTBao><MSo>01/TB-KTDL</MSo><LTBao>{}</LTBao></DLTBao></TBao>"

    assert "message.result" in findings(notice.format(8))
    assert "message.result" not in findings(notice.format(2))


def test_a_lookup_code_names_each_thing_once_and_the_whole_tax_id(stall):
    """Decision 1450, part I.7: the seller's tax id without dash, nothing left off."""
    xml = stall.decode()
    text = re.search("<DLQRCode>(.*)</DLQRCode>", xml)[1]
    inner = text[6:-8]
    short = inner.replace("0112038190000123", "011138190000123")
    for content, code in (
        (f"99{len(short) - 4:02d}{short[4:]}", "lookup.differs"),
        (inner + inner, "lookup.broken"),
    ):
        open_end = f"000201{content}6304"
        forged = open_end + qr.crc16(open_end.encode())
        assert code in findings(xml.replace(text, forged)), content


def test_a_symbol_in_small_letters_is_one_fault_and_not_six(stall):
    """C91 Annex I: capitals. The rest of the invoice is judged as what it means to be."""
    found = findings(spoiled(stall, "<KHHDon>C26MAA", "<KHHDon>c26maa"))

    assert found == ["name.symbol", "lookup.differs"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"<HDon>\n<DLHDon></HDon>", "ở dòng 2, cột"),
        (b'<?xml version="1.0" encoding="ISO-8859-1"?><HDon/>', "bảng mã khác UTF-8"),
        (b"<!DOCTYPE a><HDon/>", "có DTD"),
        (b"<HDon>&ten;</HDon>", "thực thể"),
        (b"<HDon>" * 300 + b"</HDon>" * 300, "lồng nhau quá sâu"),
        (b'<HDon xmlns="urn:x"/>', "Thẻ gốc HDon mang không gian tên “urn:x”"),
    ],
)
def test_what_cannot_be_read_is_told_why_and_where(document, said):
    report = inspection.inspect(document)

    assert said in next(iter(report.remarks(Verdict.WRONG))).text


RELATED = (
    "<TTHDLQuan><TCHDon>1</TCHDon><LHDCLQuan>1</LHDCLQuan><KHMSHDCLQuan>2</KHMSHDCLQuan>"
    "<KHHDCLQuan>C26MAA</KHHDCLQuan><SHDCLQuan>{number}</SHDCLQuan><NLHDCLQuan>2026-11-05</NLHDCLQuan>"
    "<GChu>{text}</GChu></TTHDLQuan></TTChung>"
)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("120", "Thay thế cho hóa đơn Mẫu số 2 ký hiệu C26MAA số 120 ngày 05 tháng 11 năm 2026"),
        (
            "00000120",
            "Thay thế cho hóa đơn Mẫu số 2 ký hiệu C26MAA số 120 ngày 5 tháng 11 năm 2026.",
        ),
        (
            "120",
            "Thay thế cho hóa đơn Mẫu số 2, ký hiệu C26MAA, số 00000120, ngày 05 tháng 11 năm 2026",
        ),
    ],
)
def test_the_text_of_a_replacement_may_pad_numbers_and_part_them_with_commas(stall, number, text):
    """C91 Art. 10: the words are given, not how their numbers are padded."""
    xml = spoiled(stall, "</TTChung>", RELATED.format(number=number, text=text))

    assert "correction.text" not in findings(xml, Verdict.DOUBT)
    other = spoiled(xml, "năm 2026", "năm 2025")
    assert "correction.text" in findings(other, Verdict.DOUBT)


def test_one_invoice_for_several_wrong_ones_names_their_list(stall):
    """C91 Art. 10: the same error on many invoices of one buyer goes with the list 01/BK-ĐCTT."""
    xml = spoiled(stall, "</NLap>", "</NLap><HDCTTChinh>1</HDCTTChinh>")

    assert "correction.list" in findings(xml, Verdict.DOUBT)


def test_free_fields_of_other_makers_are_doubted_and_never_wrong(stall):
    """F1510: at most 500 characters, one of four types; on import they are opaque."""
    field = f"<TTKhac><TTin><TTruong>Fkey</TTruong><KDLieu>text</KDLieu><DLieu>{'x' * 600}</DLieu></TTin></TTKhac>"
    xml = spoiled(stall, "</TTChung>", f"{field}</TTChung>")

    assert findings(xml) == []
    assert {"structure.choice", "structure.length"} <= set(findings(xml, Verdict.DOUBT))
