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
