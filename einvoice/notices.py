"""Error notices 04/SS-HĐĐT (messages 300 and 303) and the authority's result on them (301). Pure.

Source: Circular 91/2026, Art. 10; fields of QĐ 1510/QĐ-TCT. Which TCTBao a pure notice has in version
2.1.0 is not settled: `PURE_NOTICE` is a setting, 4 (explain).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum

from lxml import etree

from einvoice import rules, seal
from einvoice.envelope import Header, Message, Reason, message, notice_message
from einvoice.errors import DocumentInvalid, FieldInvalid
from einvoice.keys import Signer
from einvoice.kinds import ERROR_NOTICE
from einvoice.markup import needed, only, tag, text_at, text_tag
from einvoice.seal import VIETNAM

ERROR = 300
ERROR_AT_TILL = 303
RESULT = 301
LINES_MAX = 1_000
REASON_MAX = 255


class NoticeKind(IntEnum):
    """TCTBao: what the notice says about one invoice."""

    NEW = 0
    CANCELS = 1
    """Kept for reading old notices: since July 2026 nothing is cancelled."""
    ADJUSTS = 2
    REPLACES = 3
    EXPLAINS = 4
    SUMMARY_WRONG = 5


PURE_NOTICE = NoticeKind.EXPLAINS


@dataclass(frozen=True, kw_only=True)
class WrongInvoice:
    """One line of the notice."""

    template: str
    symbol: str
    number: str
    issued_on: date
    reason: str
    """LDo: always filled; the form's column 8 says only “thông báo” or “giải trình”."""
    code: str = ""
    kind: NoticeKind = PURE_NOTICE
    system: int = 1
    """LADHDDT: 1 the present system … 4 printed by the tax office."""


@dataclass(frozen=True, kw_only=True)
class ErrorNotice:
    """What the seller says is wrong."""

    name: str
    tax_id: str
    office_name: str
    office_code: str
    place: str
    on: date
    invoices: tuple[WrongInvoice, ...]
    answers: str = ""
    """The number of the authority's 01/TB-RSĐT this answers (Loai 2)."""
    answers_on: date | None = None
    budget_unit: str = ""


@dataclass(frozen=True)
class NoticeResult:
    """What the authority says of one line: TTTNCCQT 1 accepted, 2 not."""

    template: str
    symbol: str
    number: str
    is_accepted: bool
    reasons: tuple[Reason, ...] = ()


def error_message(
    header: Header, notice: ErrorNotice, signer: Signer, signed_at: datetime
) -> bytes:
    """A signed 300 or 303. Raises: FieldInvalid, MessageTooLarge."""
    assert header.kind in (ERROR, ERROR_AT_TILL)
    _sane(notice)
    day = signed_at.astimezone(VIETNAM).date()
    answers = bool(notice.answers)
    data = tag(
        "DLTBao",
        text_tag("PBan", header.version),
        text_tag("MSo", rules.phrase("form_error_notice", day)),
        text_tag("Ten", "Thông báo hóa đơn điện tử có sai sót"),
        text_tag("Loai", "2" if answers else "1"),
        text_tag("So", notice.answers),
        text_tag("NTBCCQT", notice.answers_on.isoformat() if notice.answers_on else ""),
        text_tag("MCQT", notice.office_code),
        text_tag("TCQT", notice.office_name),
        text_tag("TNNT", notice.name),
        text_tag("MST", notice.tax_id),
        text_tag("MDVQHNSach", notice.budget_unit),
        text_tag("DDanh", notice.place),
        text_tag("NTBao", notice.on.isoformat()),
        tag("DSHDon", *(_line(index, one) for index, one in enumerate(notice.invoices, 1))),
        Id=f"TB{header.code}",
    )
    body = f"<TBao>{data}<DSCKS/></TBao>".encode()
    return message(header, seal.sign(body, ERROR_NOTICE, signer, signed_at).decode())


def _sane(notice: ErrorNotice) -> None:
    if not 1 <= len(notice.invoices) <= LINES_MAX:
        raise FieldInvalid("notice.invoices", f"from 1 to {LINES_MAX}")
    if bool(notice.answers) != (notice.answers_on is not None):
        raise FieldInvalid("notice.answers", "number and day of the authority's notice go together")
    for one in notice.invoices:
        if not 1 <= len(one.reason.strip()) <= REASON_MAX:
            raise FieldInvalid("notice.reason", f"from 1 to {REASON_MAX} characters")


def _line(index: int, one: WrongInvoice) -> str:
    return tag(
        "HDon",
        text_tag("STT", str(index)),
        text_tag("MCCQT", one.code),
        text_tag("KHMSHDon", one.template),
        text_tag("KHHDon", one.symbol),
        text_tag("SHDon", one.number),
        text_tag("Ngay", one.issued_on.isoformat()),
        text_tag("LADHDDT", str(one.system)),
        text_tag("TCTBao", str(int(one.kind))),
        text_tag("LDo", one.reason),
    )


def read_error_notice(notice: Message) -> ErrorNotice:
    """The notice in a message of kind 300 or 303. Raises: DocumentInvalid."""
    data = needed(notice.data, "TBao/DLTBao")
    answers_on = text_at(data, "NTBCCQT")
    return ErrorNotice(
        name=text_at(data, "TNNT"),
        tax_id=text_at(data, "MST"),
        office_name=text_at(data, "TCQT"),
        office_code=text_at(data, "MCQT"),
        place=text_at(data, "DDanh"),
        on=_day(text_at(data, "NTBao")),
        invoices=tuple(_read_line(one) for one in needed(data, "DSHDon").findall("HDon")),
        answers=text_at(data, "So"),
        answers_on=_day(answers_on) if answers_on else None,
        budget_unit=text_at(data, "MDVQHNSach"),
    )


def _read_line(node: etree._Element) -> WrongInvoice:
    return WrongInvoice(
        template=text_at(node, "KHMSHDon"),
        symbol=text_at(node, "KHHDon"),
        number=text_at(node, "SHDon"),
        issued_on=_day(text_at(node, "Ngay")),
        reason=text_at(node, "LDo"),
        code=text_at(node, "MCCQT"),
        kind=NoticeKind(_digit(text_at(node, "TCTBao"), "012345")),
        system=_digit(text_at(node, "LADHDDT"), "1234"),
    )


def _digit(text: str, allowed: str) -> int:
    if len(text) != 1 or text not in allowed:
        raise DocumentInvalid(f"“{text[:20]}” is none of {', '.join(allowed)}")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text if len(text) == 10 else "")
    except ValueError as error:
        raise DocumentInvalid(f"“{text[:40]}” is not a date YYYY-MM-DD") from error


# ── The authority's result ──────────────────────────────────────────────────────────────────────


def result_message(
    header: Header,
    asked: ErrorNotice,
    results: Sequence[NoticeResult],
    signer: Signer,
    at: datetime,
) -> bytes:
    """A signed 301."""
    rows = (
        tag(
            "HDon",
            text_tag("STT", str(index)),
            text_tag("MCCQT", one.code),
            text_tag("KHMSHDon", one.template),
            text_tag("KHHDon", one.symbol),
            text_tag("SHDon", one.number),
            text_tag("NLap", one.issued_on.isoformat()),
            text_tag("LADHDDT", str(one.system)),
            text_tag("TCTBao", str(int(one.kind))),
            text_tag("TTTNCCQT", "1" if result.is_accepted else "2"),
            tag("DSLDKTNhan", *(_reason(reason) for reason in result.reasons)),
        )
        for index, (one, result) in enumerate(zip(asked.invoices, results, strict=True), 1)
    )
    body = (
        text_tag("MST", asked.tax_id),
        text_tag("TNNT", asked.name),
        tag("DSHDon", *rows),
    )
    title = "Thông báo về việc tiếp nhận và kết quả xử lý hóa đơn có sai sót"
    return notice_message(header, "01/TB-SSĐT", title, body, signer, at)


def _reason(one: Reason) -> str:
    return tag(
        "LDo",
        text_tag("MLoi", one.code[:4]),
        text_tag("MTLoi", one.text[:255]),
        text_tag("HDXLy", one.remedy[:255]),
    )


def results_in(reply: Message) -> tuple[NoticeResult, ...]:
    """What a 301 says, line by line. Raises: DocumentInvalid."""
    listed = needed(reply.data, "TBao/DLTBao/DSHDon")
    return tuple(_read_result(one) for one in listed.findall("HDon"))


def _read_result(node: etree._Element) -> NoticeResult:
    reasons = only(node, "DSLDKTNhan")
    return NoticeResult(
        text_at(node, "KHMSHDon"),
        text_at(node, "KHHDon"),
        text_at(node, "SHDon"),
        _digit(text_at(node, "TTTNCCQT"), "12") == 1,
        tuple(
            Reason(text_at(one, "MLoi"), text_at(one, "MTLoi"), text_at(one, "HDXLy"))
            for one in (() if reasons is None else reasons.findall("LDo"))
        ),
    )
