"""What a notice of the authority says, as facts in words."""

from collections.abc import Callable

from lxml import etree

from einvoice.inspection.reading import said, whole
from einvoice.inspection.report import Sheet

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
    sheet.facts["result"] = f"{result}: {names.get(result, 'không có kết quả này')}"
    if result not in names:
        sheet.wrong("message.result", f"Kết quả kiểm tra (LTBao) {result} không tồn tại.",
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
            "message.result", f"Kết quả {result} nhưng không có phần {box} nêu lý do.", "DLTBao"
        )


def _delegated(sheet: Sheet, notice: etree._Element) -> None:
    rows = list(notice.iter("TTUNhiem"))[:LISTED_MAX]
    sheet.facts["results"] = [
        f"{said(one, 'MST')} {said(one, 'TTChuc')}: "
        + ("được chấp nhận" if said(one, "KQua") == "1" else f"không được chấp nhận{_why(one)}")
        for one in rows
    ]


def _service_ends(sheet: Sheet, notice: etree._Element) -> None:
    names = {"1": "hết thời gian dùng miễn phí", "2": "không thuộc loại được dùng"}
    sheet.facts["result"] = names.get(said(notice, "LTBao"), "")
    sheet.facts["ends_on"] = said(notice, "NKThuc")


def _occasion(sheet: Sheet, notice: etree._Element) -> None:
    accepted = said(notice, "KQua") == "1"
    sheet.facts["result"] = "được cấp" if accepted else f"không được cấp{_why(notice)}"


def _review(sheet: Sheet, notice: etree._Element) -> None:
    sheet.facts["answer_days"] = said(notice, "THan")
    sheet.facts["asked"] = [
        f"{said(one, 'KHMSHDon')}{said(one, 'KHHDon')} số {said(one, 'SHDon')}: {said(one, 'LDo')}"
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
