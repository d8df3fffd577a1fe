"""The VAT cut on an invoice: the rate of 8 %, the 20 % off of percentage sellers, the note that says so.

Source: Resolution 204/2025, Decree 174/2025: to 31 December 2026.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from lxml import etree

from einvoice import instruments, rules
from einvoice.inspection.reading import day, number, said, shown
from einvoice.inspection.report import Sheet
from einvoice.sentences import say

ZERO = Decimal(0)


def rate(sheet: Sheet, told: Iterable[str], general: etree._Element) -> None:
    """8 % is the cut rate: after its last day only a correction of an older invoice carries it."""
    on, cut = day(general, "NLap"), rules.rules_of("vat_cut_to_percent")
    if on is None or not any(name == f"{one.value}%" for name in told for one in cut):
        return
    if any(one.valid_to is None or on <= one.valid_to for one in cut):
        return
    text = say("Thuế suất 8% không còn vào ngày {:%d/%m/%Y}.", on)
    if general.find("TTHDLQuan") is None:
        sheet.wrong("money.rate_expired", text, "DSHHDVu", "Ghi thuế suất 10%.", "NQ204")
    else:
        sheet.doubt("money.rate_expired", say("{} Chỉ dùng khi sửa hóa đơn cũ.", text), "DSHHDVu",
                    source="NQ204")  # fmt: skip


def reduction(
    sheet: Sheet, content: etree._Element, totals: etree._Element, general: etree._Element
) -> None:
    """The 20 % cut of a percentage-method seller: a note must say it, and only while it holds."""
    on = day(general, "NLap")
    told = reduction_in(totals)
    notes = [
        said(one, "THHDVu")
        for one in content.iterfind("DSHHDVu/HHDVu")
        if said(one, "TChat") == "4" and "giảm" in said(one, "THHDVu").casefold()
    ]
    if on is None or not (told or notes):
        return
    if notes and not rules.holds("vat_reduction_percent", on):
        text = "Ghi giảm thuế GTGT vào ngày chính sách giảm không còn (hoặc chưa có) hiệu lực."
        if general.find("TTHDLQuan") is None:
            sheet.wrong("money.reduction_expired", text, "DSHHDVu", "Lập lại không giảm.", "NQ204")
        else:
            sheet.doubt("money.reduction_expired", say("{} Chỉ dùng khi sửa hóa đơn cũ.", text), "DSHHDVu",
                        source="NQ204")  # fmt: skip
        return
    if told and not notes:
        sheet.doubt("money.reduction_note", say("Giảm {} nhưng không có dòng ghi chú nói "
                    "giảm theo văn bản nào.", shown(told)), "DSHHDVu", "Thêm dòng ghi chú.", "NQ204")  # fmt: skip
    elif notes and not told:
        sheet.doubt("money.reduction_note", "Ghi chú nói có giảm thuế nhưng tổng tiền không giảm.",
                    "DSHHDVu", source="NQ204")  # fmt: skip
    elif notes:
        _note(sheet, notes[0], told, on)


def reduction_in(totals: etree._Element) -> Decimal:
    """TGTKhac, or the field of that name in TTKhac where the till's layout has no tag for it."""
    told = number(totals, "TGTKhac")
    if told is not None:
        return told
    for one in totals.iterfind("TTKhac/TTin"):
        if said(one, "TTruong") == "TGTKhac":
            return number(one, "DLieu") or ZERO
    return ZERO


def _note(sheet: Sheet, note: str, told: Decimal, on: date) -> None:
    """The note names the amount and the resolution of the day."""
    if not re.search(rf"(?<![0-9.]){re.escape(shown(told))}(?![0-9.])", note.replace(",", ".")):
        sheet.doubt("money.reduction_note", "Số tiền giảm trong ghi chú khác số trong tổng tiền.",
                    "DSHHDVu", source="NQ204")  # fmt: skip
    basis = instruments.numbers_in(rules.phrase("reduction_phrase", on))
    if not any(one.casefold() in note.casefold() for one in basis):
        sheet.doubt("money.reduction_basis", say("Ghi chú giảm thuế không dẫn {}.", basis),
                    "DSHHDVu", "Dẫn nghị quyết đang có hiệu lực.", "NQ204")  # fmt: skip
