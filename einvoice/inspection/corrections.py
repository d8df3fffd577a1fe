"""What an invoice says of the one it adjusts or replaces."""

from lxml import etree

from einvoice import rules
from einvoice.inspection.reading import day, said
from einvoice.inspection.report import Sheet

SOURCE = "C91 Điều 10"
_WORDS = {"1": "Thay thế", "2": "Điều chỉnh"}


def check(sheet: Sheet, general: etree._Element, at_till: bool) -> None:
    """Check TTHDLQuan."""
    related = general.find("TTHDLQuan")
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


def _text(sheet: Sheet, related: etree._Element, method: str, number: str) -> None:
    told, on = said(related, "GChu"), day(related, "NLHDCLQuan")
    sheet.facts["corrects"] = f"{_WORDS[method].lower()} {said(related, 'KHMSHDCLQuan')}" + (
        f"{said(related, 'KHHDCLQuan')} số {number}"
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
    if told.casefold() == right.casefold() or (
        listed and told.casefold().startswith(right.casefold()) and listed in told
    ):
        sheet.right("correction", f"{told}.", "TTHDLQuan/GChu", SOURCE)
        return
    wanted = _WORDS[method].casefold()
    opposite = _WORDS["2" if method == "1" else "1"].casefold()
    if opposite in told.casefold() and wanted not in told.casefold():
        sheet.wrong("correction.text", f"TCHDon nói {wanted} nhưng ghi chú nói {opposite}.",
                    "TTHDLQuan/GChu", "", SOURCE)  # fmt: skip
    else:
        sheet.doubt("correction.text", f"Dòng chữ trên hóa đơn nên là “{right}”.", "TTHDLQuan/GChu",
                    source=SOURCE)  # fmt: skip
