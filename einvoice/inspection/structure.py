"""What the tables say about an element, as sentences."""

import re

from lxml import etree

from einvoice import layout
from einvoice.inspection.report import Sheet, Verdict
from einvoice.layout import Problem
from einvoice.sentences import say

SOURCE = "F1306"
_SENTENCES = {
    "missing": (Verdict.WRONG, "Thiếu trường bắt buộc {tag}.", "Bổ sung trường rồi lập lại."),
    "expected": (Verdict.DOUBT, "Không có trường {tag} mà bảng dữ liệu có.", ""),
    "twice": (Verdict.WRONG, "Trường {tag} xuất hiện hơn một lần.", "Chỉ giữ một trường."),
    "unknown": (Verdict.NOTE, "Trường {tag} không có trong bảng; được giữ nguyên.", ""),
    "order": (Verdict.NOTE, "Các trường trong {tag} không theo thứ tự của bảng.", ""),
    "text": (Verdict.WRONG, "Có chữ đứng ngoài các thẻ bên trong {tag}.", "Lấy lại bản gốc."),
    "nested": (Verdict.WRONG, "Trường {tag} có thẻ con ở chỗ phải là chữ.", ""),
    "length": (Verdict.WRONG, "Trường {tag} dài quá mức cho phép ({detail} ký tự).", "Rút ngắn."),
    "number": (Verdict.WRONG, "Trường {tag} “{detail}” không phải số đúng định dạng.",
               "Viết số dạng 1234567.89, không dấu phân cách hàng nghìn."),
    "date": (Verdict.WRONG, "Trường {tag} “{detail}” không phải ngày giờ đúng định dạng.",
             "Viết ngày dạng YYYY-MM-DD, giờ dạng YYYY-MM-DDThh:mm:ss."),
    "choice": (Verdict.WRONG, "Trường {tag} có giá trị “{detail}” không được phép.", ""),
    "form": (Verdict.DOUBT, "Chữ trong {tag} không ở dạng Unicode dựng sẵn (NFC).", ""),
    "attribute": (Verdict.DOUBT, "Thẻ {tag} có thuộc tính lạ: {detail}.", ""),
}  # fmt: skip
PER_KIND_MAX = 20
"""Remarks of one sort; a broken file of ten thousand lines says enough with these."""


def check(
    sheet: Sheet, node: etree._Element, group: str, wanted: str, *, soften: bool = False
) -> None:
    """Compare an element with its table. `soften`: the table is not known for sure, only doubts."""
    counts: dict[str, int] = {}
    for problem in layout.problems(node, group, wanted):
        counts[problem.what] = counts.get(problem.what, 0) + 1
        if counts[problem.what] <= PER_KIND_MAX:
            _say(sheet, problem, soften=soften)
    for what, count in counts.items():
        if count > PER_KIND_MAX:
            sheet.note(
                "structure.more", say("Còn {} chỗ khác như vậy ({}).", count - PER_KIND_MAX, what)
            )
    if not sheet.wrong_in("structure."):
        sheet.right("structure", "Cấu trúc, độ dài và kiểu dữ liệu đúng bảng.", source=SOURCE)


def _say(sheet: Sheet, problem: Problem, *, soften: bool) -> None:
    verdict, text, remedy = _SENTENCES[problem.what]
    tag = re.sub(r"\{[^}]*\}", "", problem.where).rpartition("/")[2]
    said = say(text, tag=tag, detail=problem.detail)
    code = f"structure.{problem.what}"
    soften = soften or "/TTKhac" in problem.where  # everybody's own fields
    if verdict is Verdict.WRONG and not soften:
        sheet.wrong(code, said, problem.where, remedy, SOURCE)
    elif verdict is Verdict.NOTE:
        sheet.note(code, said, problem.where, SOURCE)
    else:
        sheet.doubt(code, said, problem.where, remedy, SOURCE)


_DECLARED = re.compile(rb"[\s]xmlns(?::([A-Za-z_][A-Za-z0-9_.-]*))?\s*=")


def white_space(sheet: Sheet, root: etree._Element, document: bytes) -> None:
    """White space between tags and declared namespaces: harmless alone, fatal for a seal later."""
    if any(len(node) and (node.text or "").isspace() for node in root.iter()):
        sheet.note(
            "structure.white_space",
            "Có khoảng trắng giữa các thẻ; khi truyền đi nên bỏ trước khi ký lần đầu.",
        )
    declared = {prefix.decode() for prefix in _DECLARED.findall(document)}
    own = {str(node.prefix or "") for node in root.iter("{*}*") if node.tag[0] == "{"}
    if declared - own:
        sheet.doubt(
            "structure.namespace",
            "Có khai báo không gian tên (xmlns) không dùng đến; nhúng hóa đơn vào thông điệp "
            "khác có thể làm hỏng chữ ký.",
        )
