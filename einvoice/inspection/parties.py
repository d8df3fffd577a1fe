"""Who sold, who bought, who issued for the seller: what an invoice says of them."""

import re
import unicodedata
from datetime import date

from lxml import etree

from einvoice import rules
from einvoice.errors import EInvoiceError
from einvoice.identifiers import tax_id_doubt, tax_id_of
from einvoice.inspection.reading import said
from einvoice.inspection.report import Sheet
from einvoice.sentences import say

OUTDATED_CONSUMER = {
    *("người mua không lấy hóa đơn", "khách không lấy hóa đơn", "khách lẻ", "khách vãng lai"),
    *("khách hàng không cung cấp thông tin", "khách không cung cấp thông tin", "người mua lẻ"),
    *("khách hàng không lấy hóa đơn", "khách hàng lẻ", "người mua không cung cấp thông tin"),
    *("bán lẻ", "khách lẻ không lấy hóa đơn", "người tiêu dùng", "bán lẻ cho người tiêu dùng"),
}


def check(
    sheet: Sheet, general: etree._Element, content: etree._Element, issued_on: date | None
) -> None:
    """Check NBan, NMua and the delegate."""
    _seller(sheet, content)
    _buyer(sheet, content, issued_on)
    _delegate(sheet, general)


def household(sheet: Sheet, content: etree._Element, template: str, symbol: str) -> None:
    """What a household, told by its 12-digit id, may issue: sales invoices, with code."""
    if not re.fullmatch(r"[0-9]{12}", said(content, "NBan/MST")):
        return
    if template == "1":
        sheet.doubt("party.household_vat", "Hộ kinh doanh tính thuế trực tiếp lập hóa đơn bán hàng "
                    "(mẫu số 2), không lập hóa đơn GTGT.", "TTChung/KHMSHDon",
                    source="D254 Điều 8")  # fmt: skip
    if symbol[:1] == "K" and template in {"1", "2"}:
        sheet.doubt("party.household_code", "Hộ kinh doanh dùng hóa đơn có mã hoặc từ máy tính tiền có "
                    "mã, không dùng loại không mã.", "TTChung/KHHDon",
                    source="D254 Điều 6.1.d")  # fmt: skip


def _tax_id(sheet: Sheet, text: str, who: str, where: str) -> None:
    try:
        written = tax_id_of(text)
    except EInvoiceError:
        sheet.wrong("party.tax_id", say("Mã số thuế {} “{}” không phải 10, 10-3 hay 12 số.", who, text[:20]),
                    where, "Điều chỉnh hoặc thay thế hóa đơn.", "L108 Điều 11")  # fmt: skip
        return
    if written != text:
        sheet.doubt("party.tax_id_form", say("Mã số thuế {} nên viết {}.", who, written), where)
    if tax_id_doubt(written):
        sheet.doubt("party.tax_id_check", say("Số kiểm tra trong mã số thuế {} {} không khớp "
                    "(có thể gõ nhầm).", who, written), where)  # fmt: skip


def _seller(sheet: Sheet, content: etree._Element) -> None:
    text = said(content, "NBan/MST")
    if text:
        _tax_id(sheet, text, "người bán", "NBan/MST")


def _buyer(sheet: Sheet, content: etree._Element, issued_on: date | None) -> None:
    buyer = content.find("NMua")
    text = said(buyer, "MST")
    if text:
        _tax_id(sheet, text, "người mua", "NMua/MST")
    personal = said(buyer, "CCCDan")
    if personal and not re.fullmatch(r"[0-9]{12}", personal):
        sheet.wrong("party.personal_id", "Số định danh cá nhân của người mua không đủ 12 số.",
                    "NMua/CCCDan", "", "D254 Điều 10")  # fmt: skip
    names = [said(buyer, "Ten"), said(buyer, "HVTNMHang")]
    told = any(said(buyer, tag) for tag in ("MST", "CCCDan", "SHChieu", "DChi", "MDVQHNSach"))
    if issued_on is None or told or not rules.holds("consumer_name", issued_on):
        return
    phrase = rules.phrase("consumer_name", issued_on)
    if not any(names) and not said(buyer, "SDThoai"):
        sheet.doubt("party.consumer", say("Người mua để trống; người tiêu dùng không cho thông tin thì ghi "
                    "“{}”.", phrase), "NMua/Ten", "Thông báo sai sót nếu thuộc trường hợp phải ghi.",
                    "D254 Phụ lục mục 4.b")  # fmt: skip
    elif any(_plain(name) in OUTDATED_CONSUMER for name in names):
        sheet.wrong("party.consumer", say("Phải ghi “{}” khi người tiêu dùng không cho thông tin.", phrase),
                    "NMua/Ten", "Thông báo sai sót (04/SS-HĐĐT).", "D254 Phụ lục mục 4.b")  # fmt: skip


def _plain(name: str) -> str:
    """A name as it is compared: one spelling, one space, no stop at its end."""
    plain = unicodedata.normalize("NFC", name).casefold().replace("hoá", "hóa")
    return " ".join(plain.split()).rstrip(". ")


def _delegate(sheet: Sheet, general: etree._Element) -> None:
    told = [bool(said(general, tag)) for tag in ("MSTDVNUNLHDon", "TDVNUNLHDon", "DCDVNUNLHDon")]
    if any(told) and not all(told):
        sheet.wrong("party.delegate", "Hóa đơn ủy nhiệm phải ghi đủ tên, địa chỉ, mã số thuế của bên "
                    "nhận ủy nhiệm.", "TTChung", "", "C91 Điều 9")  # fmt: skip
    elif all(told):
        _tax_id(sheet, said(general, "MSTDVNUNLHDon"), "bên nhận ủy nhiệm", "TTChung/MSTDVNUNLHDon")
