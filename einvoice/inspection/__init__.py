"""Any invoice XML or message, told what is right and wrong with it; nothing is raised for bad input.

`inspect` reads what the published tables, the law of the day of issue and the signatures say. Data
are believed only where a signature covers them or another part of the document confirms them.
"""

import re
from datetime import datetime

from lxml import etree

from einvoice import markup
from einvoice.errors import DocumentInvalid
from einvoice.inspection import invoices, messages, signatures, structure
from einvoice.inspection.invoices import Setting
from einvoice.inspection.report import Remark, Report, Sheet, SignatureView, Verdict
from einvoice.inspection.signatures import NOBODY, Trust
from einvoice.sentences import say

_UNREADABLE = {
    "empty": "tệp trống",
    "bytes": "tệp lớn hơn 2 MB",
    "an encoding": "bảng mã khác UTF-8, không được phép",
    "DTD": "có DTD, không được phép",
    "Entity": "có thực thể không được khai báo, không được phép",
    "Excessive depth": "các thẻ lồng nhau quá sâu",
    "UTF-8": "không phải UTF-8",
    "namespaces": "khai báo quá nhiều không gian tên",
    "processing instruction": "có lệnh xử lý hoặc thực thể, không được phép",
}
PAYLOADS = ("TBao", "TKhai", "BTHDLieu", "DNghi")


def inspect(document: bytes, *, now: datetime | None = None, trust: Trust = NOBODY) -> Report:
    """What is right and wrong with a document. `now` finds dates in the future, `trust` strangers."""
    sheet = Sheet("document")
    try:
        root = markup.parsed(document)
    except DocumentInvalid as error:
        sheet.wrong(
            "structure.unreadable",
            say("Không đọc được tài liệu: {}.", _unreadable(error.why)),
            remedy="Lấy lại tệp XML gốc (UTF-8, không DTD, tối đa 2 MB).",
            source="F1450",
        )
        return Report("unknown", sheet)
    sheet.where = str(root.tag)
    structure.white_space(sheet, root, document)
    setting = Setting(now=now, trust=trust, by_id=signatures.document_ids(sheet, root))
    report = _report(root, sheet, setting)
    signatures.strays(sheet, root, setting.known_signatures)
    return report


def _unreadable(why: str) -> str:
    known = next((text for word, text in _UNREADABLE.items() if word in why), "")
    place = re.search(r"line ([0-9]+), column ([0-9]+)", why)
    if known or not place:
        return known or "không phải XML đúng cấu trúc"
    return say("không phải XML đúng cấu trúc, ở dòng {}, cột {}", place[1], place[2])


def _report(root: markup.Element, sheet: Sheet, setting: Setting) -> Report:
    if root.tag == "HDon":
        invoices.check(sheet, root, setting)
        return Report("invoice", sheet)
    if root.tag == "TDiep":
        messages.check_message(sheet, root, setting)
        return Report("message", sheet)
    if root.tag in PAYLOADS:
        return messages.alone(root, sheet, setting)
    name = etree.QName(root)
    if name.namespace and name.localname in {"HDon", "TDiep", *PAYLOADS}:
        sheet.wrong("structure.root", say("Thẻ gốc {} mang không gian tên “{}”; thẻ của hóa đơn và thông điệp "
                    "không được mang.", name.localname, name.namespace[:80]),
                    remedy="Bỏ xmlns rồi ký lại.", source="F1450")  # fmt: skip
    else:
        sheet.wrong("structure.root", say("Thẻ gốc “{}” không phải hóa đơn (HDon) hay thông điệp (TDiep).",
                    name.localname[:80]), source="F1450")  # fmt: skip
    return Report("unknown", sheet)


__all__ = ["Remark", "Report", "SignatureView", "Trust", "Verdict", "inspect"]
