"""What a reply of the authority says: read from 999, 102, 103, 104, 202, 204, 205, 301. Pure."""

from dataclasses import dataclass
from datetime import datetime

from lxml import etree

from einvoice import markup
from einvoice.envelope import (
    CHECK_RESULT,
    DELEGATION_DECIDED,
    ERROR_RESULT,
    MALFORMED,
    OCCASION_ANSWERED,
    REGISTRATION_DECIDED,
    REGISTRATION_RECEIVED,
    TECHNICAL,
    VALID,
    WITH_CODE,
    InvalidInvoice,
    Message,
    Reason,
    read_reasons,
    whole,
)
from einvoice.errors import DocumentInvalid
from einvoice.markup import needed, text_at, text_of
from einvoice.seal import VIETNAM


@dataclass(frozen=True)
class Finding:
    """What a reply says: `accepted` None while nothing is decided (999 without error, 102)."""

    kind: int
    accepted: bool | None
    reasons: tuple[Reason, ...] = ()
    result: int = 0
    """LTBao of a 204."""
    code_prefix: str = ""
    """The five characters of a 103."""
    invoice: bytes = b""
    """The invoice of a 202 with its code and the authority's signature; `embedded_invoice` has its bytes."""
    invalid: tuple[InvalidInvoice, ...] = ()
    """The invoices without code that a 204 names (LTBao 3); the others of the package are valid."""
    received_at: datetime | None = None
    """When the authority says the message reached it."""


def finding_in(reply: Message) -> Finding:
    """What a reply says. Raises: DocumentInvalid for a kind that is no reply of ours."""
    kind, data = reply.header.kind, reply.data
    if kind == TECHNICAL:
        refused = text_at(data, "TBao/TTTNhan") != "0"
        at = _instant(text_at(data, "TBao/NNhan"))
        reasons = read_reasons(data, "MTa")
        return Finding(kind, False if refused else None, reasons, received_at=at)
    if kind == MALFORMED:
        return Finding(kind, False, (Reason("-1", "the message was malformed"),))
    if kind == WITH_CODE:
        invoice = etree.tostring(needed(data, "HDon"), with_tail=False, encoding="unicode").encode()
        return Finding(kind, True, invoice=invoice)
    notice = needed(data, "TBao/DLTBao")
    if kind == CHECK_RESULT:
        result = whole(text_at(notice, "LTBao"))
        reasons = read_reasons(notice, "MTLoi")
        invalid = tuple(map(_read_invalid, notice.iterfind("LHDKMa/DSHDon/HDon")))
        return Finding(kind, result == VALID, reasons, result, invalid=invalid)
    if kind == ERROR_RESULT:
        taken = [text_of(one) == "1" for one in notice.iter("TTTNCCQT")]
        return Finding(kind, bool(taken) and all(taken), read_reasons(notice, "MTLoi"))
    if kind == DELEGATION_DECIDED:
        taken = [text_of(one) == "1" for one in notice.iter("KQua")]
        return Finding(kind, bool(taken) and any(taken), read_reasons(notice, "MTLoi"))
    if kind == OCCASION_ANSWERED:
        accepted = text_at(notice, "KQua") == "1"
        return Finding(kind, accepted, read_reasons(notice, "MTLoi"))
    if kind == REGISTRATION_RECEIVED:
        received = text_at(notice, "THop") == "1"
        return Finding(kind, None if received else False, read_reasons(notice, "MTLoi"))
    if kind == REGISTRATION_DECIDED:
        accepted = text_at(notice, "TTXNCQT") == "1"
        reasons = read_reasons(notice, "MTLoi")
        return Finding(kind, accepted, reasons, code_prefix=text_at(notice, "MCCQT"))
    raise DocumentInvalid(f"message kind {kind} is not a reply")


def embedded_invoice(reply: bytes) -> bytes:
    """The one HDon of a message, as its bytes stand there. Raises: DocumentInvalid."""
    begin, end = reply.find(b"<HDon>"), reply.rfind(b"</HDon>")
    cut = reply[begin : end + len(b"</HDon>")]
    if begin < 0 or end < begin or markup.parsed(cut).tag != "HDon":
        raise DocumentInvalid("there is no single HDon in the message")
    return cut


def _read_invalid(node: etree._Element) -> InvalidInvoice:
    names = ("KHMSHDon", "KHHDon", "SHDon", "NLap")
    template, symbol, number, issued_on = (text_at(node, one) for one in names)
    return InvalidInvoice(template, symbol, number, issued_on, read_reasons(node, "MTLoi"))


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=VIETNAM) if len(text) == 19 else None
    except ValueError:
        return None
