"""Putting what waits into messages, and sending them; `answers` takes in what comes back.

A message is written, signed, before it is sent, and every repetition sends the same bytes under the
same id. The edge owns the transactions: `prepare` and commit, `claim_pending` and commit, send,
`record_reply` or `record_failure` and commit. No transaction is open during a call.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlalchemy import func
from sqlalchemy.orm import aliased
from sqlmodel import col, or_, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import envelope
from einvoice.envelope import Reason
from einvoice.errors import InvoiceNotFound, NotCorrectable
from einvoice.forms import Form
from einvoice.keys import Signer
from einvoice.markup import BYTES_MAX
from einvoice.numbering import form_of
from einvoice.outgoing import header_of, queued
from einvoice.seal import VIETNAM
from einvoice.tables import InvoiceRow, MessageRow, RegistrationRow

BATCH_MAX = 500
"""Invoices in one message: nine halvings find the one that spoils a package."""
ENVELOPE_BYTES = 10_000
"""Kept free in a message for its header and signature."""
RETRY_SECONDS_MIN = 30
RETRY_SECONDS_MAX = 3_600
ERROR_MAX = 500
"""Characters of a failure's text that are kept."""
OPEN = ("pending", "sent", "received")
"""States of a message without a verdict."""
KINDS = {
    Form.AT_TILL: envelope.CASH_REGISTER_INVOICES,
    Form.WITH_CODE: envelope.FOR_A_CODE,
    Form.WITHOUT_CODE: envelope.WITHOUT_CODE,
}


@dataclass(frozen=True)
class Waiting:
    """A seller with invoices to send, signed by itself or by who issues for it."""

    owner_id: UUID
    tax_id: str
    name: str
    delegate_tax_id: str
    """Empty: the seller signs."""
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
class Progress:
    """How far a seller's invoices of one day are."""

    waiting: int = 0
    """Numbered, in no message or in one that is not sent."""
    sent: int = 0
    accepted: int = 0
    rejected: int = 0
    late: int = 0
    message_count: int = 0
    byte_count: int = 0

    @property
    def invoice_count(self) -> int:
        """All of the day."""
        return self.waiting + self.sent + self.accepted + self.rejected


# ── Gathering ───────────────────────────────────────────────────────────────────────────────────


async def sellers_waiting(db: AsyncSession, limit: int) -> list[Waiting]:
    """Sellers with numbered invoices in no message yet, the longest wait first."""
    oldest = func.min(col(InvoiceRow.issued_at))
    name = func.coalesce(col(RegistrationRow.name), "")
    keys = (
        col(InvoiceRow.owner_id),
        col(InvoiceRow.tax_id),
        name,
        col(InvoiceRow.delegate_tax_id),
    )
    query = (
        sqlalchemy.select(*keys, func.count(), oldest)
        .join(RegistrationRow, col(RegistrationRow.tax_id) == col(InvoiceRow.tax_id), isouter=True)
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
    delegate_tax_id: str = "",
) -> list[UUID]:
    """Put a seller's waiting invoices into signed messages, pending; returns the messages' ids.

    A till's invoices go together (206), those without code too (203), one that asks for its code goes
    alone (200). At most 500 invoices a call, lowest number first; call again while it returns
    something. A correction waits until the authority has accepted what it corrects.
    """
    query = (
        select(InvoiceRow)
        .where(
            col(InvoiceRow.tax_id) == tax_id,
            col(InvoiceRow.delegate_tax_id) == delegate_tax_id,
            *_waiting(),
        )
        .order_by(col(InvoiceRow.batch), col(InvoiceRow.symbol), col(InvoiceRow.number))
        .limit(BATCH_MAX)
        .with_for_update(skip_locked=True, of=InvoiceRow)
    )
    rows = list(await db.exec(query.execution_options(populate_existing=True)))
    made = []
    for group in _groups(rows):
        header = header_of(KINDS[form_of(group[0].symbol)], tax_id, sender, new_id(), now, group)
        body = envelope.invoices_message(header, [row.xml for row in group], signer, now)
        message = queued(header, body, group[0].owner_id, now)
        db.add(message)
        await db.flush()
        for row in group:
            row.message_id = message.id
        made.append(message.id)
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
    """Rows of one batch and form together, no group over the size of a message."""
    groups: list[list[InvoiceRow]] = []
    size = 0
    for row in rows:
        if not (groups and _goes_with(groups[-1][0], row)) or (
            size + len(row.xml) > BYTES_MAX - ENVELOPE_BYTES
        ):
            groups.append([])
            size = 0
        groups[-1].append(row)
        size += len(row.xml)
    return groups


def _goes_with(first: InvoiceRow, row: InvoiceRow) -> bool:
    form = form_of(row.symbol)
    return form is not Form.WITH_CODE and (first.batch, form_of(first.symbol)) == (row.batch, form)


# ── Sending ─────────────────────────────────────────────────────────────────────────────────────


async def claim_pending(db: AsyncSession, limit: int, now: datetime) -> list[Outgoing]:
    """Messages due to be sent, oldest first; each is due again later unless a verdict comes.

    Two workers never get the same one at once. Commit before sending.
    """
    query = (
        select(MessageRow)
        .where(col(MessageRow.state).in_(OPEN), col(MessageRow.due_at) <= now)
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


async def all_due(db: AsyncSession, *, now: datetime) -> None:
    """The authority is back: what waits for its next time is due at once."""
    await db.exec(
        update(MessageRow)
        .where(col(MessageRow.state).in_(OPEN), col(MessageRow.due_at) > now)
        .values(due_at=now)
        .execution_options(synchronize_session=False)
    )


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


# ── How far ─────────────────────────────────────────────────────────────────────────────────────

_PROGRESS = sqlalchemy.text(
    "SELECT count(*) FILTER (WHERE i.state = 'numbered'), count(*) FILTER (WHERE i.state = 'sent'),"
    " count(*) FILTER (WHERE i.state = 'accepted'), count(*) FILTER (WHERE i.state = 'rejected'),"
    " count(*) FILTER (WHERE i.is_late), count(DISTINCT i.message_id),"
    " coalesce(sum(octet_length(i.xml)), 0)"
    " FROM einvoice.invoice i WHERE i.owner_id = :owner_id AND i.issued_at >= :from"
    " AND i.issued_at < :to"
)


@dataclass(frozen=True)
class MessageState:
    """Where one message stands."""

    kind: int
    state: str
    """pending → sent → received → accepted or rejected."""
    reasons: tuple[Reason, ...]
    attempts: int
    error: str
    """Why it could not be handed over the last time."""
    answered_at: datetime | None


async def message_state(db: AsyncSession, message_id: UUID) -> MessageState | None:
    """What became of a message of ours."""
    query = select(MessageRow).where(col(MessageRow.id) == message_id)
    row = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        return None
    reasons = tuple(Reason(**one) for one in row.reasons)
    return MessageState(row.kind, row.state, reasons, row.attempts, row.error, row.answered_at)


async def progress_of(db: AsyncSession, owner_id: UUID, day: date) -> Progress:
    """How far the invoices of one owner of one local day are."""
    begins = datetime(day.year, day.month, day.day, tzinfo=VIETNAM)
    values = {"owner_id": owner_id, "from": begins, "to": begins + timedelta(days=1)}
    row = (await (await db.connection()).execute(_PROGRESS, values)).one()
    return Progress(*map(int, row))
