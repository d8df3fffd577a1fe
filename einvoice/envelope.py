"""Messages to and from the tax authority: the TDiep envelope and the kinds we speak. Pure.

100 registration · 102, 103 its answers · 101 delegation (`delegating`), 104 its answer · 105, 302 what the
authority asks (`demands`) · 106, 205 per occurrence (`occasions`) · 400 summary tables (`summaries`) · 200 an invoice for a code, 202 its answer · 203 invoices without
code · 206 cash-register invoices · 204 the check's result · 999 technical reply; `notices` has 300, 301,
303. Tags of 102 and 103 beyond those in the reference are ours and said to be.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from einvoice import markup, seal
from einvoice.errors import DocumentInvalid, MessageTooLarge
from einvoice.identifiers import AUTHORITY
from einvoice.keys import Signer
from einvoice.markup import BYTES_MAX, needed, tag, text_at, text_tag
from einvoice.seal import VIETNAM, Place

REGISTER = 100
REGISTRATION_RECEIVED = 102
REGISTRATION_DECIDED = 103
DELEGATE = 101
DELEGATION_DECIDED = 104
SERVICE_ENDS = 105
OCCASION = 106
FOR_A_CODE = 200
FOR_A_CODE_ONCE = 201
WITH_CODE = 202
WITHOUT_CODE = 203
CHECK_RESULT = 204
OCCASION_ANSWERED = 205
CASH_REGISTER_INVOICES = 206
ERROR_RESULT = 301
REVIEW = 302
SUMMARY = 400
TECHNICAL = 999
MALFORMED = -1

NO_CODE = 1
"""LTBao of 204: not eligible for a code."""
VALID = 2
"""LTBao of 204: the package is valid."""
SOME_INVALID = 3
"""Of a package without codes."""
SUMMARY_INVALID = 4
REQUEST_INVALID = 6
CASH_REGISTER_INVALID = 7
OTHER = 9

NOTICE_PLACE = Place("DLieu/TBao/DSCKS/CQT", ("DLieu/TBao/DLTBao",))
REGISTRATION_PLACE = Place("DLieu/TKhai/DSCKS/NNT", ("DLieu/TKhai/DLTKhai",))


@dataclass(frozen=True, kw_only=True)
class Header:
    """TTChung of a message."""

    version: str
    sender: str
    receiver: str = AUTHORITY
    kind: int
    code: str
    """MTDiep."""
    refers_to: str = ""
    """MTDTChieu: the request a reply answers."""
    tax_id: str = ""
    count: int = 0


@dataclass(frozen=True)
class Reason:
    """Why something was refused, and what the authority says to do."""

    code: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class InvalidInvoice:
    """One invoice that a check refused, and why."""

    template: str
    symbol: str
    number: str
    issued_on: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Message:
    """A message that was read: its header and the DLieu element."""

    header: Header
    data: etree._Element


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def message(header: Header, data: str, data_id: str = "") -> bytes:
    """TDiep around ready data; with `data_id` it has an empty place for the taxpayer's signature.

    Raises: MessageTooLarge.
    """
    general = tag(
        "TTChung",
        text_tag("PBan", header.version),
        text_tag("MNGui", header.sender),
        text_tag("MNNhan", header.receiver),
        text_tag("MLTDiep", str(header.kind)),
        text_tag("MTDiep", header.code),
        text_tag("MTDTChieu", header.refers_to),
        text_tag("MST", header.tax_id),
        text_tag("SLuong", str(header.count)),
    )
    opening = f'<DLieu Id="{data_id}">' if data_id else "<DLieu>"
    signature = "<CKSNNT/>" if data_id else ""
    body = f"<TDiep>{general}{opening}{data}</DLieu>{signature}</TDiep>".encode()
    return sized(body)


def sized(body: bytes) -> bytes:
    """Raises: MessageTooLarge over 2 MB."""
    if len(body) > BYTES_MAX:
        raise MessageTooLarge(len(body))
    return body


def invoices_message(
    header: Header, invoices: Sequence[bytes], signer: Signer, signed_at: datetime
) -> bytes:
    """A 206 signed as a whole, or a 200, 201, 203 of invoices that are signed themselves.

    The invoices' bytes are embedded verbatim. Raises: MessageTooLarge, DocumentInvalid.
    """
    assert header.kind in _INVOICE_KINDS
    assert header.count == len(invoices)
    assert header.count == 1 or header.kind in (WITHOUT_CODE, CASH_REGISTER_INVOICES)
    if header.kind != CASH_REGISTER_INVOICES:
        return message(header, b"".join(invoices).decode())
    around = message(header, "", f"D{header.code}")
    size = len(around) + sum(map(len, invoices))
    if size > BYTES_MAX:
        raise MessageTooLarge(size)
    return sized(seal.sign_around(around, seal.MESSAGE, invoices, signer, signed_at))


_INVOICE_KINDS = (FOR_A_CODE, FOR_A_CODE_ONCE, WITHOUT_CODE, CASH_REGISTER_INVOICES)


def coded_message(header: Header, invoice: bytes, code: str, signer: Signer, at: datetime) -> bytes:
    """A 202: the seller's invoice verbatim, with its code and the authority's signature over both.

    Raises: DocumentInvalid, MessageTooLarge.
    """
    assert header.kind == WITH_CODE
    head, found, tail = invoice.rpartition(b"<DSCKS>")
    if not found or b"<MCCQT" in invoice:
        raise DocumentInvalid("it is not signed, or has a code already")
    with_code = head + f'<MCCQT Id="M{code}">{code}</MCCQT>'.encode() + found + tail
    signed = seal.sign(with_code, seal.AUTHORITY_ON_INVOICE, signer, at)
    return message(header, signed.decode())


def technical_reply(
    header: Header, request: Header | None, at: datetime, reasons: Sequence[Reason] = ()
) -> bytes:
    """A 999: received, or why not."""
    listed = tag(
        "DSLDo",
        *(tag("LDo", text_tag("MLoi", r.code), text_tag("MTa", r.text)) for r in reasons),
    )
    notice = tag(
        "TBao",
        text_tag("MTDiep", request.code if request else ""),
        text_tag("MNGui", request.sender if request else ""),
        text_tag("NNhan", written_time(at)),
        text_tag("TTTNhan", "1" if reasons else "0"),
        listed,
    )
    return message(header, notice)


_BOXES = {
    NO_CODE: "LCMa",
    SOME_INVALID: "LHDKMa",
    SUMMARY_INVALID: "LBTHKXDau",
    REQUEST_INVALID: "LDNCLe",
    CASH_REGISTER_INVALID: "LHDMTTien",
    OTHER: "KHLKhac",
}


def check_result(
    header: Header,
    tax_id: str,
    name: str,
    result: int,
    reasons: Sequence[Reason],
    signer: Signer,
    at: datetime,
    invalid: Sequence[InvalidInvoice] = (),
) -> bytes:
    """A signed 204, notice 01/TB-KTDL."""
    box = _BOXES.get(result, "")
    said = tag("DSHDon", *map(_invalid, invalid)) if invalid else reason_list(reasons)
    body = (
        text_tag("MST", tax_id),
        text_tag("TNNT", name),
        text_tag("TGGui", written_time(at)),
        text_tag("LTBao", str(result)),
        text_tag("SLuong", str(header.count)),
        tag(box, said) if box else "",
    )
    return notice_message(
        header, "01/TB-KTDL", "Thông báo về việc kết quả kiểm tra dữ liệu", body, signer, at
    )


def registration_received(header: Header, tax_id: str, signer: Signer, at: datetime) -> bytes:
    """A signed 102: the form was received."""
    body = (text_tag("MST", tax_id), text_tag("THop", "1"))
    return notice_message(header, "01/TB-TNĐT", "Thông báo tiếp nhận tờ khai", body, signer, at)


def registration_decided(
    header: Header,
    tax_id: str,
    prefix: str,
    reasons: Sequence[Reason],
    signer: Signer,
    at: datetime,
) -> bytes:
    """A signed 103: accepted with the code prefix, or why not."""
    body = (
        text_tag("MST", tax_id),
        text_tag("TTXNCQT", "2" if reasons else "1"),
        text_tag("MCCQT", prefix),
        reason_list(reasons),
    )
    return notice_message(header, "01/TB-ĐKĐT", "Thông báo chấp nhận đăng ký", body, signer, at)


def notice_message(
    header: Header, form: str, title: str, body: Sequence[str], signer: Signer, at: datetime
) -> bytes:
    """A notice of the authority, signed."""
    data = tag(
        "DLTBao",
        text_tag("PBan", header.version),
        text_tag("MSo", form),
        text_tag("Ten", title),
        text_tag("So", header.code[-12:]),
        text_tag("DDanh", "Thanh Hóa"),
        text_tag("NTBao", at.astimezone(VIETNAM).date().isoformat()),
        *body,
        text_tag("MGDDTu", header.refers_to),
        Id=f"TB{header.code}",
    )
    notice = f"<TBao>{data}<DSCKS/></TBao>".encode()
    return message(header, seal.sign(notice, seal.AUTHORITY_ON_NOTICE, signer, at).decode())


def _invalid(one: InvalidInvoice) -> str:
    return tag(
        "HDon",
        text_tag("KHMSHDon", one.template),
        text_tag("KHHDon", one.symbol),
        text_tag("SHDon", one.number),
        text_tag("NLap", one.issued_on),
        reason_list(one.reasons),
    )


def reason_list(reasons: Sequence[Reason]) -> str:
    """DSLDo: codes, texts and what to do, cut to their lengths."""
    return tag(
        "DSLDo",
        *(
            tag(
                "LDo",
                text_tag("MLoi", one.code[:4]),
                text_tag("MTLoi", one.text[:255]),
                text_tag("HDXLy", one.remedy[:255]),
            )
            for one in reasons
        ),
    )


def written_time(at: datetime) -> str:
    """A date and time as the format writes it: in Vietnam, without a zone."""
    return f"{at.astimezone(VIETNAM):%Y-%m-%dT%H:%M:%S}"


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def read_message(document: bytes) -> Message:
    """The envelope of any message. Raises: DocumentInvalid."""
    return message_of(markup.parsed(document))


def message_of(root: etree._Element) -> Message:
    """The same for a document that is parsed. Raises: DocumentInvalid."""
    if root.tag != "TDiep":
        raise DocumentInvalid(f"the root is {root.tag}, not TDiep")
    general = needed(root, "TTChung")
    header = Header(
        version=text_at(general, "PBan"),
        sender=text_at(general, "MNGui"),
        receiver=text_at(general, "MNNhan"),
        kind=whole(text_at(general, "MLTDiep")),
        code=text_at(general, "MTDiep"),
        refers_to=text_at(general, "MTDTChieu"),
        tax_id=text_at(general, "MST"),
        count=whole(text_at(general, "SLuong", "0")),
    )
    return Message(header, needed(root, "DLieu"))


def holder_fields(notice: Message) -> tuple[str, str]:
    """Tax id and name in a registration form. Raises: DocumentInvalid."""
    general = needed(notice.data, "TKhai/DLTKhai/TTChung")
    return text_at(general, "MST"), text_at(general, "TNNT")


def invoices_in(request: Message) -> list[etree._Element]:
    """The HDon elements of a 206. Raises: DocumentInvalid if anything else stands beside them."""
    if any(one.tag != "HDon" for one in request.data):
        raise DocumentInvalid("only HDon may stand in DLieu")
    return list(request.data)


def read_reasons(node: etree._Element, text_name: str) -> tuple[Reason, ...]:
    """Every LDo inside; the technical reply names its text MTa, notices MTLoi."""
    return tuple(
        Reason(text_at(one, "MLoi"), text_at(one, text_name), text_at(one, "HDXLy"))
        for one in node.iter("LDo")
    )


def whole(text: str) -> int:
    """A small whole number of a header or notice. Raises: DocumentInvalid."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 7):
        raise DocumentInvalid(f"“{text[:20]}” is not a whole number of a header")
    return int(text)
