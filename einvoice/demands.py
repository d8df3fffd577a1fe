"""What the authority asks by itself: to review invoices (302), to leave the free service (105).

Kept once, with the day until which an answer is due; answering is an error notice that names it
(`notification`), or a correction. Source: Circular 91/2026, Art. 10.3; Decree 254/2026, Art. 11.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from cryptography import x509
from lxml import etree
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import envelope, seal
from einvoice.deadlines import working_days_after
from einvoice.delegating import day_of
from einvoice.envelope import (
    NOTICE_PLACE,
    REVIEW,
    SERVICE_ENDS,
    Header,
    Message,
    notice_message,
    whole,
)
from einvoice.errors import DocumentInvalid, SealInvalid
from einvoice.keys import Signer, fingerprint
from einvoice.markup import needed, tag, text_at, text_tag
from einvoice.tables import DemandRow, RegistrationRow

KINDS = (REVIEW, SERVICE_ENDS)
ASKED_MAX = 500
FREE_PERIOD_OVER, WRONG_KIND = 1, 2


@dataclass(frozen=True, kw_only=True)
class AskedInvoice:
    """One invoice the authority asks to be looked at."""

    template: str
    symbol: str
    number: str
    issued_on: date
    why: str
    code: str = ""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What is asked of a seller, and until when."""

    code: str
    kind: int
    """302 or 105."""
    owner_id: UUID
    tax_id: str
    number: str
    """Its own, which the answer names."""
    said_on: date
    answer_by: date | None
    invoices: tuple[AskedInvoice, ...] = ()
    service_reason: int = 0
    """Of a 105: 1 the free period is over, 2 not the kind of invoice this seller may use."""
    answered_at: datetime | None = None


# ── The messages ────────────────────────────────────────────────────────────────────────────────


def review_message(
    header: Header,
    name: str,
    asked: Sequence[AskedInvoice],
    days: int,
    signer: Signer,
    at: datetime,
) -> bytes:
    """A signed 302, notice 01/TB-RSĐT: please review these within so many working days."""
    assert header.kind == REVIEW
    rows = (
        tag(
            "HDon",
            text_tag("STT", str(index)),
            text_tag("MCCQT", one.code),
            text_tag("KHMSHDon", one.template),
            text_tag("KHHDon", one.symbol),
            text_tag("SHDon", one.number),
            text_tag("NLap", one.issued_on.isoformat()),
            text_tag("LADHDDT", "1"),
            text_tag("LDo", one.why[:255]),
        )
        for index, one in enumerate(asked, 1)
    )
    body = (
        text_tag("MST", header.tax_id),
        text_tag("TNNT", name),
        text_tag("THan", str(days)),
        tag("DSHDon", *rows),
    )
    title = "Thông báo về hóa đơn điện tử cần rà soát"
    return notice_message(header, "01/TB-RSĐT", title, body, signer, at)


def service_message(
    header: Header, name: str, reason: int, ends_on: date, signer: Signer, at: datetime
) -> bytes:
    """A signed 105, notice 01/TB-KTT: the free period is over, or this kind is not for this seller."""
    assert header.kind == SERVICE_ENDS
    body = (
        text_tag("MST", header.tax_id),
        text_tag("TNNT", name),
        text_tag("LTBao", str(reason)),
        text_tag("NKThuc", ends_on.isoformat()),
    )
    title = (
        "Thông báo hết thời gian sử dụng hóa đơn không thu tiền hoặc không thuộc trường hợp sử dụng"
    )
    return notice_message(header, "01/TB-KTT", title, body, signer, at)


def asked_in(said: Message, owner_id: UUID) -> Demand:
    """What a 302 or 105 says. Raises: DocumentInvalid."""
    notice = needed(said.data, "TBao/DLTBao")
    said_on = day_of(text_at(notice, "NTBao"))
    kind = said.header.kind
    listed = notice.findall("DSHDon/HDon")
    if kind == REVIEW and not 1 <= len(listed) <= ASKED_MAX:
        raise DocumentInvalid("it names no invoice, or too many")
    if kind == REVIEW:
        days = min(whole(text_at(notice, "THan", "2")), 60)
        due = working_days_after(said_on, days)
    else:
        due = day_of(text_at(notice, "NKThuc"))
    return Demand(
        code=said.header.code,
        kind=kind,
        owner_id=owner_id,
        tax_id=said.header.tax_id,
        number=text_at(notice, "So"),
        said_on=said_on,
        answer_by=due,
        invoices=tuple(map(_asked, listed)),
        service_reason=whole(text_at(notice, "LTBao", "0")),
    )


def _asked(node: etree._Element) -> AskedInvoice:
    return AskedInvoice(
        template=text_at(node, "KHMSHDon"),
        symbol=text_at(node, "KHHDon"),
        number=text_at(node, "SHDon"),
        issued_on=day_of(text_at(node, "NLap")),
        why=text_at(node, "LDo"),
        code=text_at(node, "MCCQT"),
    )


# ── Kept ────────────────────────────────────────────────────────────────────────────────────────


def check_signed(reply: bytes, pinned: x509.Certificate | None) -> None:
    """Nothing we sent vouches for these, so the signature must. Raises: SealInvalid, DocumentInvalid."""
    sealed = seal.verify(reply, NOTICE_PLACE)
    if pinned is not None and fingerprint(sealed.certificate) != fingerprint(pinned):
        raise SealInvalid("stranger", "it is not signed by the tax authority")


async def keep(db: AsyncSession, said: Message, reply: bytes, now: datetime) -> bool | None:
    """Keep it for its seller: True; False if it is kept already, None for a seller of nobody here.

    Raises: DocumentInvalid.
    """
    tax_id = text_at(needed(said.data, "TBao/DLTBao"), "MST")
    query = select(RegistrationRow.owner_id).where(col(RegistrationRow.tax_id) == tax_id)
    owner_id = (await db.exec(query)).one_or_none()
    if owner_id is None or tax_id != said.header.tax_id:
        return None
    one = asked_in(said, owner_id)
    statement = (
        insert(DemandRow)
        .values(
            code=one.code,
            owner_id=owner_id,
            tax_id=one.tax_id,
            kind=one.kind,
            number=one.number,
            said_on=one.said_on,
            answer_by=one.answer_by,
            body=reply,
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(DemandRow.code))
    )
    return (await (await db.connection()).execute(statement)).scalar() is not None


async def demands_of(
    db: AsyncSession, owner_id: UUID, *, open_only: bool = True, limit: int = 100
) -> list[Demand]:
    """What the authority asked of this seller, the soonest due first."""
    query = select(DemandRow).where(col(DemandRow.owner_id) == owner_id)
    if open_only:
        query = query.where(col(DemandRow.answered_at).is_(None))
    rows = await db.exec(query.order_by(col(DemandRow.answer_by), col(DemandRow.code)).limit(limit))
    return [_view(row) for row in rows]


async def owners_asked(db: AsyncSession, since: datetime) -> list[UUID]:
    """Whom the authority asked something that was received at this instant or later."""
    query = select(DemandRow.owner_id).where(
        col(DemandRow.received_at) >= since, col(DemandRow.answered_at).is_(None)
    )
    return list((await db.exec(query.distinct())).all())


async def demand_of(db: AsyncSession, owner_id: UUID, code: str) -> Demand | None:
    """One thing the authority asked of this seller, by its message's code."""
    row = await db.get(DemandRow, code)
    return _view(row) if row is not None and row.owner_id == owner_id else None


async def demand_answered(db: AsyncSession, owner_id: UUID, number: str, now: datetime) -> None:
    """The seller answered the notice of this number."""
    await db.exec(
        update(DemandRow)
        .where(
            col(DemandRow.owner_id) == owner_id,
            col(DemandRow.number) == number,
            col(DemandRow.answered_at).is_(None),
        )
        .values(answered_at=now)
        .execution_options(synchronize_session=False)
    )


def _view(row: DemandRow) -> Demand:
    said = asked_in(envelope.read_message(row.body), row.owner_id)
    return Demand(**{**vars(said), "answered_at": row.answered_at})
