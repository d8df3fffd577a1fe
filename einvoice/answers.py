"""What the authority answers, recorded: late, twice, out of order, and the first verdict stands."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from cryptography import x509
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import (
    delegation,
    demands,
    envelope,
    findings,
    notices,
    outages,
    registration,
    rules,
    seal,
)
from einvoice.authority import PulledReply
from einvoice.envelope import Message, Reason
from einvoice.errors import CodeInvalid, DocumentInvalid, SealInvalid
from einvoice.findings import Finding
from einvoice.identifiers import checked_ordinary_code
from einvoice.keys import fingerprint
from einvoice.markup import canonical, needed, parsed, text_at
from einvoice.tables import InvoiceRow, MessageRow, PullPositionRow, ReplyRow
from einvoice.transmission import OPEN

CLOCKS_APART = timedelta(minutes=5)
"""How far ahead of ours the authority's clock may be and still be believed."""
_UNSIGNED = (envelope.TECHNICAL, envelope.MALFORMED)


class Outcome(StrEnum):
    """What recording one reply did."""

    RECORDED = "recorded"
    """Something moved on."""
    REPEATED = "repeated"
    """This very reply was recorded before."""
    IGNORED = "ignored"
    """A verdict stands already; the reply is kept and changes nothing."""
    UNKNOWN = "unknown"
    """It answers no message of ours; not kept."""


@dataclass(frozen=True)
class Receipt:
    """What became of a reply."""

    outcome: Outcome
    message_id: UUID | None = None
    kind: int = 0
    accepted: bool | None = None
    reasons: tuple[Reason, ...] = ()
    invoice_ids: tuple[UUID, ...] = ()
    """Invoices whose state moved."""


async def record_reply(
    db: AsyncSession, reply: bytes, *, now: datetime, pinned: x509.Certificate | None = None
) -> Receipt:
    """Take in one reply of the authority and move the message and its invoices on.

    With `pinned`, notices and coded invoices must be signed with that certificate; a 999 is never
    signed and is believed because it names the unguessable id of our message. What the authority asks
    by itself (105, 302) is kept as a demand.
    Raises: DocumentInvalid, SealInvalid.
    """
    said = envelope.read_message(reply)
    if said.header.kind in demands.KINDS:
        demands.check_signed(reply, pinned)
        kept = await demands.keep(db, said, reply, now)
        outcome = {True: Outcome.RECORDED, False: Outcome.REPEATED, None: Outcome.UNKNOWN}[kept]
        return Receipt(outcome, kind=said.header.kind)
    finding = findings.finding_in(said)
    if pinned is not None and finding.kind not in _UNSIGNED:
        _must_be_signed(reply, said, pinned)
    query = select(MessageRow).where(col(MessageRow.code) == said.header.refers_to)
    query = query.with_for_update().execution_options(populate_existing=True)
    row = (await db.exec(query)).one_or_none()
    if row is None:
        return Receipt(Outcome.UNKNOWN, kind=finding.kind)
    if not _fits(row.kind, finding.kind):
        raise DocumentInvalid(f"a {finding.kind} does not answer a {row.kind}")
    if row.kind == envelope.FOR_A_CODE_ONCE and finding.kind == envelope.WITH_CODE:
        _same_invoice(reply, findings.embedded_invoice(row.body))
    if not await _kept(db, row, said, reply, now):
        return Receipt(Outcome.REPEATED, row.id, finding.kind)
    if row.state not in OPEN:
        return Receipt(Outcome.IGNORED, row.id, finding.kind, finding.accepted, finding.reasons)
    return await _apply(db, row, finding, reply, now)


async def record_replies(
    db: AsyncSession,
    replies: Sequence[PulledReply],
    *,
    source: str,
    now: datetime,
    pinned: x509.Certificate | None = None,
) -> list[Receipt]:
    """Take in replies that were pulled and remember how far; a bad one never costs the others."""
    receipts = []
    for one in replies:
        try:
            async with db.begin_nested():
                receipts.append(await record_reply(db, one.body, now=now, pinned=pinned))
        except (DocumentInvalid, SealInvalid):
            receipts.append(Receipt(Outcome.UNKNOWN))
    if replies:
        position = max(one.position for one in replies)
        statement = insert(PullPositionRow).values(source=source, position=position)
        await (await db.connection()).execute(
            statement.on_conflict_do_update(
                index_elements=["source"],
                set_={
                    "position": func.greatest(
                        col(PullPositionRow.position), statement.excluded.position
                    )
                },
            )
        )
    return receipts


async def pulled_to(db: AsyncSession, source: str) -> int:
    """The position to pull the next replies after."""
    query = select(PullPositionRow.position).where(col(PullPositionRow.source) == source)
    return (await db.exec(query)).one_or_none() or 0


# ── Whether it is to be believed ────────────────────────────────────────────────────────────────


def _must_be_signed(reply: bytes, said: Message, pinned: x509.Certificate) -> None:
    """The notice is signed by the authority, and inside it names the message it answers.

    The envelope itself is not signed: without the name inside, an old notice in a new envelope would
    decide another message. A coded invoice is compared with what was sent instead.
    """
    if said.header.kind == envelope.WITH_CODE:
        sealed = seal.verify(findings.embedded_invoice(reply), seal.AUTHORITY_ON_INVOICE)
    else:
        sealed = seal.verify(reply, envelope.NOTICE_PLACE)
        if text_at(sealed.elements[0], "MGDDTu") != said.header.refers_to:
            raise SealInvalid("stranger", "the notice answers another message")
    if fingerprint(sealed.certificate) != fingerprint(pinned):
        raise SealInvalid("stranger", "it is not signed by the tax authority")


async def _kept(
    db: AsyncSession, row: MessageRow, said: Message, reply: bytes, now: datetime
) -> bool:
    statement = (
        insert(ReplyRow)
        .values(
            code=said.header.code,
            owner_id=row.owner_id,
            message_id=row.id,
            kind=said.header.kind,
            body=reply,
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(ReplyRow.code))
    )
    return (await (await db.connection()).execute(statement)).scalar() is not None


_ANSWERS = {
    envelope.REGISTER: (envelope.REGISTRATION_RECEIVED, envelope.REGISTRATION_DECIDED),
    envelope.DELEGATE: (envelope.REGISTRATION_RECEIVED, envelope.DELEGATION_DECIDED),
    envelope.OCCASION: (envelope.OCCASION_ANSWERED, envelope.CHECK_RESULT),
    envelope.FOR_A_CODE: (envelope.WITH_CODE, envelope.CHECK_RESULT),
    envelope.FOR_A_CODE_ONCE: (envelope.WITH_CODE, envelope.CHECK_RESULT),
    envelope.WITHOUT_CODE: (envelope.CHECK_RESULT,),
    envelope.CASH_REGISTER_INVOICES: (envelope.CHECK_RESULT,),
    envelope.SUMMARY: (envelope.CHECK_RESULT,),
    notices.ERROR: (notices.RESULT,),
    notices.ERROR_AT_TILL: (notices.RESULT,),
}


def _fits(asked: int, answered: int) -> bool:
    return answered in _UNSIGNED or answered in _ANSWERS.get(asked, ())


# ── What follows ────────────────────────────────────────────────────────────────────────────────


async def _apply(
    db: AsyncSession, row: MessageRow, finding: Finding, reply: bytes, now: datetime
) -> Receipt:
    moved: tuple[UUID, ...] = ()
    if row.kind == envelope.REGISTER:
        await registration.record_finding(db, row, finding, now)
    elif row.kind == envelope.DELEGATE:
        await delegation.record_finding(db, row.id, finding, reply, now)
    elif row.invoice_count:
        if finding.accepted is not False:
            await _delivered(db, row.id, finding, now)
        if finding.accepted is not None:
            moved = await _decide(db, row, finding, reply, now)
    if finding.accepted is None:
        row.state = "received"
    else:
        row.state = "accepted" if finding.accepted else "rejected"
        row.reasons = [asdict(one) for one in finding.reasons]
        row.answered_at = now
    row.error = ""
    await db.flush()
    return Receipt(Outcome.RECORDED, row.id, finding.kind, finding.accepted, finding.reasons, moved)


async def _delivered(db: AsyncSession, message_id: UUID, finding: Finding, now: datetime) -> None:
    said = finding.received_at
    at = said if said is not None and said <= now + CLOCKS_APART else now
    await outages.mark_delivered(db, message_id, at)


# The invoices of a refused package go back in two halves, each a package of its own. They are not
# delivered: what counts is the package that is taken.
_HALVE = text(
    "UPDATE einvoice.invoice i SET state = 'numbered', message_id = NULL, delivered_at = NULL,"
    " is_late = false,"
    " batch = CAST(:message_id AS text) || CASE WHEN h.place * 2 <= h.total THEN '.0' ELSE '.1' END"
    " FROM (SELECT id, row_number() OVER (ORDER BY symbol, number) AS place,"
    " count(*) OVER () AS total FROM einvoice.invoice WHERE message_id = :message_id) h"
    " WHERE i.id = h.id RETURNING i.id"
)
_REFUSED: dict[str, Any] = {"state": "rejected", "delivered_at": None, "is_late": False}
_UNNAMED = (envelope.CASH_REGISTER_INVALID, envelope.SOME_INVALID)
"""Results that say some invoice is wrong; the first never says which."""


async def _decide(
    db: AsyncSession, row: MessageRow, finding: Finding, reply: bytes, now: datetime
) -> tuple[UUID, ...]:
    if finding.kind == envelope.WITH_CODE:
        return (await _coded(db, row, reply, now),)
    if finding.invalid:
        return await _decide_each(db, row, finding, now)
    if finding.result in _UNNAMED and row.invoice_count > 1 and not _of_seller(finding, now):
        halved = await (await db.connection()).execute(_HALVE, {"message_id": row.id})
        return tuple(halved.scalars())
    reasons = [asdict(one) for one in finding.reasons]
    values = {"state": "accepted", "reasons": reasons, "decided_at": now}
    if not finding.accepted:
        values |= _REFUSED
    decided = await db.exec(
        update(InvoiceRow)
        .where(col(InvoiceRow.message_id) == row.id)
        .values(**values)
        .returning(col(InvoiceRow.id))
        .execution_options(synchronize_session=False)
    )
    return tuple(decided.scalars())


def _of_seller(finding: Finding, now: datetime) -> bool:
    """Whether every half would be refused too: the reason is who sells, not what an invoice says."""
    known = rules.phrase("reasons_of_seller", now.astimezone(seal.VIETNAM).date()).split()
    return any(one.code in known for one in finding.reasons)


async def _decide_each(
    db: AsyncSession, row: MessageRow, finding: Finding, now: datetime
) -> tuple[UUID, ...]:
    """Of a package without codes: those that are named are refused, the others stand."""
    wrong = {(one.template, one.symbol, one.number): one.reasons for one in finding.invalid}
    query = select(InvoiceRow).where(col(InvoiceRow.message_id) == row.id).with_for_update()
    await outages.mark_delivered(db, row.id, now)
    rows = list(await db.exec(query.execution_options(populate_existing=True)))
    for one in rows:
        reasons = wrong.get((str(one.template), one.symbol, str(one.number)))
        one.state, one.decided_at = "accepted", now
        if reasons is not None:
            one.state, one.delivered_at, one.is_late = "rejected", None, False
            one.reasons = [asdict(reason) for reason in reasons]
    await db.flush()
    return tuple(one.id for one in rows)


async def _coded(db: AsyncSession, row: MessageRow, reply: bytes, now: datetime) -> UUID:
    """Keep the invoice with its code, if what it says is what was sent. Raises: DocumentInvalid."""
    query = select(InvoiceRow).where(col(InvoiceRow.message_id) == row.id).with_for_update()
    invoice = (await db.exec(query.execution_options(populate_existing=True))).one()
    invoice.code, invoice.coded_xml = _same_invoice(reply, invoice.xml)
    invoice.state, invoice.decided_at = "accepted", now
    await db.flush()
    return invoice.id


def _same_invoice(reply: bytes, sent: bytes) -> tuple[str, bytes]:
    """Code and bytes of the invoice in a 202, if it says what was sent. Raises: DocumentInvalid."""
    coded = findings.embedded_invoice(reply)
    root = parsed(coded)
    if canonical(needed(root, "DLHDon")) != canonical(needed(parsed(sent), "DLHDon")):
        raise DocumentInvalid("the invoice that came back is another one")
    try:
        return checked_ordinary_code(text_at(root, "MCCQT")), coded
    except CodeInvalid as error:
        raise DocumentInvalid(str(error)) from error
