"""A PDF told what is right and wrong with it: the XML inside, and the signature of the file."""

from datetime import datetime

from einvoice import inspection
from einvoice.errors import DocumentInvalid
from einvoice.inspection.report import Report, Sheet
from einvoice.inspection.signatures import NOBODY, Trust
from einvoice.page import archive, pades
from einvoice.seal import VIETNAM
from einvoice.sentences import say

_WHERE = "PDF"
_WHY = {
    "password": "tệp bị khóa bằng mật khẩu",
    "not one": "phải có đúng một tệp XML bên trong",
    "has more than": "tệp hoặc XML bên trong quá lớn",
    "unusual": "XML bên trong được nén theo cách lạ",
    "unpacked": "XML bên trong bị hỏng",
}


def inspect_pdf(content: bytes, *, now: datetime | None = None, trust: Trust = NOBODY) -> Report:
    """The report on the XML inside, with remarks on the PDF around it; nothing is raised.

    Not to be called inside a running event loop.
    """
    try:
        xml = archive.xml_in(content)
    except DocumentInvalid as error:
        sheet = Sheet(_WHERE)
        sheet.wrong(
            "page.xml",
            say("Không lấy được XML hóa đơn trong tệp PDF: {}.", _why(error)),
            remedy="Bản in PDF không phải hóa đơn: xin người bán tệp XML gốc.",
        )
        return Report("unknown", sheet)
    report = inspection.inspect(xml, now=now, trust=trust)
    report.sheet.right("page.xml", "Tệp PDF có XML gốc bên trong, kết luận là về XML đó.", _WHERE)
    _seals(report.sheet, content)
    return report


def _why(error: DocumentInvalid) -> str:
    return next((said for word, said in _WHY.items() if word in error.why), "tệp không đọc được")


def _seals(sheet: Sheet, content: bytes) -> None:
    try:
        seals = pades.page_seals(content)
    except DocumentInvalid:
        sheet.wrong("page.seal", "Chữ ký của tệp PDF không đọc được.", _WHERE)
        return
    if not seals:
        sheet.note("page.seal", "Tệp PDF không có chữ ký riêng; luật chỉ đòi chữ ký XML.", _WHERE)
    for one in seals:
        who = one.name or one.tax_id or "?"
        at = f"{one.signed_at.astimezone(VIETNAM):%d/%m/%Y %H:%M:%S}" if one.signed_at else "?"
        if not one.holds:
            sheet.wrong(
                "page.seal",
                say("Tệp PDF đã bị sửa sau khi {} ký.", who),
                _WHERE,
                remedy="Xin lại tệp PDF, hoặc chỉ tin XML bên trong nếu chữ ký XML đúng.",
            )
        elif not one.is_whole:
            sheet.doubt(
                "page.seal",
                say("{} ký tệp PDF lúc {}; sau đó tệp được thêm nội dung.", who, at),
                _WHERE,
                remedy="Xem phần được thêm.",
            )
        else:
            sheet.right("page.seal", say("{} ký toàn bộ tệp PDF lúc {}.", who, at), _WHERE)
