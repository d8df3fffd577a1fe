"""What an invoice says of the one it adjusts or replaces."""

import re

from lxml import etree

from einvoice import rules
from einvoice.inspection.reading import day, said
from einvoice.inspection.report import Sheet
from einvoice.sentences import say

SOURCE = "C91 Điều 10"
_WORDS = {"1": "Thay thế", "2": "Điều chỉnh"}


def check(sheet: Sheet, general: etree._Element, at_till: bool) -> None:
    """Check TTHDLQuan."""
    related = general.find("TTHDLQuan")
    _several(sheet, general, related)
    if related is None:
        return
    method, number = said(related, "TCHDon"), said(related, "SHDCLQuan")
    own = [said(general, tag) for tag in ("KHMSHDon", "KHHDon", "SHDon")]
    other = [said(related, tag) for tag in ("KHMSHDCLQuan", "KHHDCLQuan", "SHDCLQuan")]
    if own[:2] == other[:2] and own[2].lstrip("0") == other[2].lstrip("0"):
        sheet.wrong("correction.itself", "Hóa đơn tự thay thế hoặc điều chỉnh chính nó.", "TTHDLQuan",
                    "", SOURCE)  # fmt: skip
    issued_on, before = day(general, "NLap"), day(related, "NLHDCLQuan")
    if issued_on and before and before > issued_on:
        sheet.wrong("correction.date", "Hóa đơn liên quan có ngày lập sau hóa đơn này.",
                    "TTHDLQuan/NLHDCLQuan", "", SOURCE)  # fmt: skip
    if at_till and method == "2":
        sheet.doubt("correction.method", "Hóa đơn từ máy tính tiền sai thì chỉ được thay thế; điều chỉnh "
                    "chỉ dùng khi trả hàng, hủy dịch vụ, chiết khấu.", "TTHDLQuan/TCHDon",
                    source=SOURCE)  # fmt: skip
    if method in _WORDS and not sheet.wrong_in("correction."):
        _text(sheet, related, method, number)


def _several(sheet: Sheet, general: etree._Element, related: etree._Element | None) -> None:
    """One invoice for the same fault on several names their list. Source: Circular 91/2026, Art. 10."""
    listed = said(related, "SBKCLQuan") or said(general, "SBKe")
    if said(general, "HDCTTChinh") == "1" and not listed:
        sheet.doubt("correction.list", "Hóa đơn sửa nhiều hóa đơn (HDCTTChinh = 1) nhưng không nêu bảng kê.",
                    "TTChung/HDCTTChinh", "Ghi số và ngày của bảng kê 01/BK-ĐCTT.", SOURCE)  # fmt: skip


def _plain(text: str) -> str:
    """A text as it is compared: one case, no commas or stops, numbers without leading zeros."""
    words = re.sub(r"[,.;:]", " ", text.casefold()).split()
    return " ".join(word.lstrip("0") if word.isdigit() else word for word in words)


def _text(sheet: Sheet, related: etree._Element, method: str, number: str) -> None:
    told, on = said(related, "GChu"), day(related, "NLHDCLQuan")
    sheet.facts["corrects"] = say(
        "{} {}{} số {}",
        _WORDS[method].lower(),
        said(related, "KHMSHDCLQuan"),
        said(related, "KHHDCLQuan"),
        number,
    )
    if on is None or not told:
        return
    key = "replaces_phrase" if method == "1" else "adjusts_phrase"
    phrase = str(rules.rules_of(key)[-1].value)
    right = phrase.format(
        template=said(related, "KHMSHDCLQuan"),
        symbol=said(related, "KHHDCLQuan"),
        number=number,
        day=f"{on.day:02d}",
        month=f"{on.month:02d}",
        year=on.year,
    )
    listed = said(related, "SBKCLQuan")  # of several: the first, and the list of all
    plain, wanted_text = _plain(told), _plain(right)
    if plain == wanted_text or (listed and plain.startswith(wanted_text) and listed in told):
        sheet.right("correction", f"{told}.", "TTHDLQuan/GChu", SOURCE)
        return
    wanted = _WORDS[method].casefold()
    opposite = _WORDS["2" if method == "1" else "1"].casefold()
    if opposite in told.casefold() and wanted not in told.casefold():
        sheet.wrong("correction.text", say("TCHDon nói {} nhưng ghi chú nói {}.", wanted, opposite),
                    "TTHDLQuan/GChu", "", SOURCE)  # fmt: skip
    else:
        sheet.doubt("correction.text", say("Dòng chữ trên hóa đơn nên là “{}”.", right), "TTHDLQuan/GChu",
                    source=SOURCE)  # fmt: skip
