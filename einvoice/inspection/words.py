"""What a notice of the authority says, as facts in words."""

from collections.abc import Callable

from lxml import etree

from einvoice.inspection.reading import said, whole
from einvoice.inspection.report import Sheet
from einvoice.sentences import say

_BOXES = {
    1: "LCMa",
    3: "LHDKMa",
    4: "LBTHKXDau",
    5: "LBTHXDau",
    6: "LDNCLe",
    7: "LHDMTTien",
    9: "KHLKhac",
}
LISTED_MAX = 50


def tell(sheet: Sheet, kind: int, notice: etree._Element) -> None:
    """Put what the notice of this kind says among the facts."""
    teller = _TELLERS.get(kind)
    if teller is not None:
        teller(sheet, notice)


def _checked(sheet: Sheet, notice: etree._Element) -> None:
    result = whole(said(notice, "LTBao"))
    if result is None:
        return
    names = {1: "không đủ điều kiện cấp mã", 2: "gói dữ liệu hợp lệ", 3: "có hóa đơn không hợp lệ",
             4: "bảng tổng hợp không hợp lệ", 5: "bảng tổng hợp không hợp lệ",
             6: "đề nghị từng lần phát sinh không hợp lệ", 7: "gói hóa đơn máy tính tiền không hợp lệ",
             9: "trường hợp khác"}  # fmt: skip
    sheet.facts["result"] = say("{}: {}", result, names.get(result, "không có kết quả này"))
    if result not in names:
        sheet.wrong("message.result", say("Kết quả kiểm tra (LTBao) {} không tồn tại.", result),
                    "DLTBao/LTBao", "", "F1510")  # fmt: skip
    box = _BOXES.get(result)
    reasons = [
        f"{said(one, 'MLoi')} {said(one, 'MTLoi') or said(one, 'MTa')}".strip()
        + (f" → {said(one, 'HDXLy')}" if said(one, "HDXLy") else "")
        for one in notice.iter("LDo")
    ]
    if reasons:
        sheet.facts["reasons"] = reasons[:50]
    if box and notice.find(box) is None:
        sheet.doubt(
            "message.result",
            say("Kết quả {} nhưng không có phần {} nêu lý do.", result, box),
            "DLTBao",
        )


def _delegated(sheet: Sheet, notice: etree._Element) -> None:
    rows = list(notice.iter("TTUNhiem"))[:LISTED_MAX]
    sheet.facts["results"] = [
        say("{} {}: được chấp nhận", said(one, "MST"), said(one, "TTChuc"))
        if said(one, "KQua") == "1"
        else say("{} {}: không được chấp nhận{}", said(one, "MST"), said(one, "TTChuc"), _why(one))
        for one in rows
    ]


def _service_ends(sheet: Sheet, notice: etree._Element) -> None:
    names = {"1": "hết thời gian dùng miễn phí", "2": "không thuộc loại được dùng"}
    sheet.facts["result"] = names.get(said(notice, "LTBao"), "")
    sheet.facts["ends_on"] = said(notice, "NKThuc")


def _occasion(sheet: Sheet, notice: etree._Element) -> None:
    accepted = said(notice, "KQua") == "1"
    sheet.facts["result"] = "được cấp" if accepted else say("không được cấp{}", _why(notice))


def _review(sheet: Sheet, notice: etree._Element) -> None:
    sheet.facts["answer_days"] = said(notice, "THan")
    sheet.facts["asked"] = [
        say("{}{} số {}: {}", *(said(one, tag) for tag in ("KHMSHDon", "KHHDon", "SHDon", "LDo")))
        for one in list(notice.iterfind("DSHDon/HDon"))[:LISTED_MAX]
    ]


def _why(node: etree._Element) -> str:
    reasons = [said(one, "MTLoi") for one in node.iter("LDo")]
    return f" ({'; '.join(filter(None, reasons))})" if any(reasons) else ""


_TELLERS: dict[int, Callable[[Sheet, etree._Element], None]] = {
    104: _delegated,
    105: _service_ends,
    204: _checked,
    205: _occasion,
    302: _review,
}
