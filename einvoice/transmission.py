"""Sending what is pending and recording what came back.

A message is written, signed, before it is sent, and every repetition sends the same bytes under the
same id. Replies may come late, twice or out of order: each is kept once, the first verdict stands.
The edge owns the transactions: `prepare` and commit, `claim_pending` and commit, send,
`record_reply` or `record_failure` and commit. No transaction is open during a call.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import sqlalchemy
from cryptography import x509
from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import envelope, notices, registration, rules, seal
from einvoice.authority import PulledReply
from einvoice.envelope import Finding, Header, Message, Reason
from einvoice.errors import DocumentInvalid, InvoiceNotFound, NotCorrectable, SealInvalid
from einvoice.identifiers import message_code
from einvoice.keys import Signer, fingerprint
from einvoice.markup import BYTES_MAX, text_at
from einvoice.seal import VIETNAM
from einvoice.tables import InvoiceRow, MessageRow, PullPositionRow, RegistrationRow, ReplyRow

BATCH_MAX = 500
"""Invoices in one message: nine halvings find the one that spoils a package."""
ENVELOPE_BYTES = 10_000
"""Kept free in a message for its header and signature."""
RETRY_SECONDS_MIN = 30
RETRY_SECONDS_MAX = 3_600
ERROR_MAX = 500
"""Characters of a failure's text that are kept."""
_OPEN = ("pending", "sent", "received")


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
class Waiting:
    """A seller with invoices to send."""

    owner_id: UUID
    tax_id: str
    name: str
    invoice_count: int
    oldest_at: datetime


@dataclass(frozen=True)
class Outgoing:
    """A message to send now, as it is."""

    id: UUID
    code: str
    kind: int
    owner_id: UUID
    body: bytes
    attempts: int


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


# ── Gathering ───────────────────────────────────────────────────────────────────────────────────


async def sellers_waiting(db: AsyncSession, limit: int) -> list[Waiting]:
    """Sellers with numbered invoices in no message yet, the longest wait first."""
    oldest = func.min(col(InvoiceRow.issued_at))
    keys = (col(InvoiceRow.owner_id), col(InvoiceRow.tax_id), col(RegistrationRow.name))
    query = (
        sqlalchemy.select(*keys, func.count(), oldest)
        .join(RegistrationRow, col(RegistrationRow.tax_id) == col(InvoiceRow.tax_id))
        .where(*_waiting())
        .group_by(*keys)
        .order_by(oldest)
        .limit(limit)
    )
    rows = await (await db.connection()).execute(query)
    return [Waiting(*row) for row in rows]


async def prepare(
    db: AsyncSession,
    tax_id: str,
    *,
    signer: Signer,
    sender: str,
    new_id: Callable[[], UUID],
    now: datetime,
) -> list[UUID]:
    """Put a seller's waiting invoices into signed messages, pending; returns the messages' ids.

    At most 500 invoices a call, lowest number first; call again while it returns something.
    A correction waits until the authority has accepted what it corrects.
    """
    query = (
        select(InvoiceRow)
        .where(col(InvoiceRow.tax_id) == tax_id, *_waiting())
        .order_by(col(InvoiceRow.batch), col(InvoiceRow.symbol), col(InvoiceRow.number))
        .limit(BATCH_MAX)
        .with_for_update(skip_locked=True, of=InvoiceRow)
    )
    rows = list(await db.exec(query.execution_options(populate_existing=True)))
    made = []
    for group in _groups(rows):
        message_id = new_id()
        header = Header(
            version=rules.phrase("format_version", now.astimezone(VIETNAM).date()),
            sender=sender,
            kind=envelope.CASH_REGISTER_INVOICES,
            code=message_code(sender, message_id),
            tax_id=tax_id,
            count=len(group),
        )
        body = envelope.invoices_message(header, [row.xml for row in group], signer, now)
        db.add(
            MessageRow(
                id=message_id,
                owner_id=group[0].owner_id,
                code=header.code,
                kind=header.kind,
                tax_id=tax_id,
                body=body,
                invoice_count=len(group),
                due_at=now,
                created_at=now,
            )
        )
        await db.flush()
        for row in group:
            row.message_id = message_id
        made.append(message_id)
    await db.flush()
    return made


def _waiting() -> list[Any]:
    original = aliased(InvoiceRow)
    accepted = (
        select(original.id)
        .where(col(original.id) == col(InvoiceRow.corrects_id), col(original.state) == "accepted")
        .exists()
    )
    return [
        col(InvoiceRow.state) == "numbered",
        col(InvoiceRow.message_id).is_(None),
        or_(col(InvoiceRow.corrects_id).is_(None), accepted),
    ]


def _groups(rows: Sequence[InvoiceRow]) -> list[list[InvoiceRow]]:
    """Rows of one batch together, no group over the size of a message."""
    groups: list[list[InvoiceRow]] = []
    size = 0
    for row in rows:
        fits = groups and groups[-1][0].batch == row.batch
        if not fits or size + len(row.xml) > BYTES_MAX - ENVELOPE_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(row)
        size += len(row.xml)
    return groups


# ── Sending ─────────────────────────────────────────────────────────────────────────────────────


async def claim_pending(db: AsyncSession, limit: int, now: datetime) -> list[Outgoing]:
    """Messages due to be sent, oldest first; each is due again later unless a verdict comes.

    Two workers never get the same one at once. Commit before sending.
    """
    query = (
        select(MessageRow)
        .where(col(MessageRow.state).in_(_OPEN), col(MessageRow.due_at) <= now)
        .order_by(col(MessageRow.due_at), col(MessageRow.id))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = list(await db.exec(query.execution_options(populate_existing=True)))
    for row in rows:
        row.attempts += 1
        row.due_at = now + wait_before(row.attempts)
        if row.state == "pending":
            row.state = "sent"
    await db.flush()
    if rows:
        await db.exec(
            update(InvoiceRow)
            .where(
                col(InvoiceRow.message_id).in_([row.id for row in rows]),
                col(InvoiceRow.state) == "numbered",
            )
            .values(state="sent")
            .execution_options(synchronize_session=False)
        )
    return [
        Outgoing(row.id, row.code, row.kind, row.owner_id, row.body, row.attempts) for row in rows
    ]


def wait_before(attempts: int) -> timedelta:
    """How long an answer is waited for before the same bytes are sent again: 30 s, doubling to 1 h."""
    return timedelta(seconds=min(RETRY_SECONDS_MIN * 2 ** min(attempts - 1, 10), RETRY_SECONDS_MAX))


async def record_failure(db: AsyncSession, message_id: UUID, error: str) -> None:
    """Keep why a message could not be handed over; it stays due at its next time."""
    await db.exec(
        update(MessageRow)
        .where(col(MessageRow.id) == message_id)
        .values(error=error[:ERROR_MAX])
        .execution_options(synchronize_session=False)
    )


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────


async def record_reply(
    db: AsyncSession, reply: bytes, *, now: datetime, pinned: x509.Certificate | None = None
) -> Receipt:
    """Take in one reply of the authority and move the message and its invoices on.

    With `pinned`, notices (102, 103, 204, 301) must be signed with that certificate; a 999 is never signed
    and is believed because it names the unguessable id of our message.
    Raises: DocumentInvalid, SealInvalid.
    """
    said = envelope.read_message(reply)
    finding = envelope.finding_in(said)
    if pinned is not None and finding.kind not in (envelope.TECHNICAL, envelope.MALFORMED):
        _must_be_signed(reply, said, pinned)
    query = select(MessageRow).where(col(MessageRow.code) == said.header.refers_to)
    query = query.with_for_update().execution_options(populate_existing=True)
    row = (await db.exec(query)).one_or_none()
    if row is None:
        return Receipt(Outcome.UNKNOWN, kind=finding.kind)
    if not _fits(row.kind, finding.kind):
        raise DocumentInvalid(f"a {finding.kind} does not answer a {row.kind}")
    if not await _kept(db, row, said, reply, now):
        return Receipt(Outcome.REPEATED, row.id, finding.kind)
    if row.state not in _OPEN:
        return Receipt(Outcome.IGNORED, row.id, finding.kind, finding.accepted, finding.reasons)
    return await _apply(db, row, finding, now)


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


async def resubmit(db: AsyncSession, invoice_id: UUID) -> None:
    """Let a rejected invoice wait again, once what it was rejected for is set right.

    Raises: InvoiceNotFound, NotCorrectable if it is not rejected.
    """
    query = select(InvoiceRow).where(col(InvoiceRow.id) == invoice_id).with_for_update()
    row = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise InvoiceNotFound(invoice_id)
    if row.state != "rejected":
        raise NotCorrectable(invoice_id, row.state)
    row.state, row.message_id, row.reasons, row.decided_at = "numbered", None, [], None
    row.batch = str(invoice_id)
    await db.flush()


def _must_be_signed(reply: bytes, said: Message, pinned: x509.Certificate) -> None:
    """The notice is signed by the authority, and inside it names the message it answers.

    The envelope itself is not signed: without the name inside, an old notice in a new envelope would
    decide another message.
    """
    sealed = seal.verify(reply, envelope.NOTICE_PLACE)
    if fingerprint(sealed.certificate) != fingerprint(pinned):
        raise SealInvalid("stranger", "the notice is not signed by the tax authority")
    if text_at(sealed.elements[0], "MGDDTu") != said.header.refers_to:
        raise SealInvalid("stranger", "the notice answers another message")


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


def _fits(asked: int, answered: int) -> bool:
    if answered in (envelope.TECHNICAL, envelope.MALFORMED):
        return True
    answers = {
        envelope.REGISTER: (envelope.REGISTRATION_RECEIVED, envelope.REGISTRATION_DECIDED),
        envelope.CASH_REGISTER_INVOICES: (envelope.CHECK_RESULT,),
        notices.ERROR: (notices.RESULT,),
        notices.ERROR_AT_TILL: (notices.RESULT,),
    }
    return answered in answers.get(asked, ())


async def _apply(db: AsyncSession, row: MessageRow, finding: Finding, now: datetime) -> Receipt:
    moved: tuple[UUID, ...] = ()
    if row.kind == envelope.REGISTER:
        await registration.record_finding(db, row.id, finding, now)
    elif finding.accepted is not None:
        moved = await _decide(db, row, finding, now)
    if finding.accepted is None:
        row.state = "received"
    else:
        row.state = "accepted" if finding.accepted else "rejected"
        row.reasons = [asdict(one) for one in finding.reasons]
        row.answered_at = now
    row.error = ""
    await db.flush()
    return Receipt(Outcome.RECORDED, row.id, finding.kind, finding.accepted, finding.reasons, moved)


# The invoices of a refused package go back in two halves, each a package of its own.
_HALVE = text(
    "UPDATE einvoice.invoice i SET state = 'numbered', message_id = NULL,"
    " batch = CAST(:message_id AS text) || CASE WHEN h.place * 2 <= h.total THEN '.0' ELSE '.1' END"
    " FROM (SELECT id, row_number() OVER (ORDER BY symbol, number) AS place,"
    " count(*) OVER () AS total FROM einvoice.invoice WHERE message_id = :message_id) h"
    " WHERE i.id = h.id RETURNING i.id"
)


async def _decide(
    db: AsyncSession, row: MessageRow, finding: Finding, now: datetime
) -> tuple[UUID, ...]:
    if finding.result == envelope.CASH_REGISTER_INVALID and row.invoice_count > 1:
        halved = await (await db.connection()).execute(_HALVE, {"message_id": row.id})
        return tuple(halved.scalars())
    decided = await db.exec(
        update(InvoiceRow)
        .where(col(InvoiceRow.message_id) == row.id)
        .values(
            state="accepted" if finding.accepted else "rejected",
            reasons=[asdict(one) for one in finding.reasons],
            decided_at=now,
        )
        .returning(col(InvoiceRow.id))
        .execution_options(synchronize_session=False)
    )
    return tuple(decided.scalars())
