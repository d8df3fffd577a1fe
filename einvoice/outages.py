"""Deadlines watched: when the authority could not be reached, what is late, whom to alarm.

A day of silence changes no deadline by itself. Only data of invoices without code get two working days
from the all-clear (Decree 254/2026, Art. 14.4); everything else that misses its day is marked late, and
the outage is kept as the evidence.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import sqlalchemy
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice.deadlines import Event, deadline
from einvoice.seal import VIETNAM
from einvoice.tables import AlarmRow, InvoiceRow, OutageRow

AHEAD = timedelta(hours=3)
"""How long before its last day ends an invoice that is not sent is told of."""
ALARMS_MAX = 1_000
WHY_MAX = 200


@dataclass(frozen=True)
class Outage:
    """A time without the authority; `ended_at` None while it lasts."""

    source: str
    began_at: datetime
    ended_at: datetime | None
    why: str


@dataclass(frozen=True)
class Alarm:
    """Invoices of one owner and one last day that the authority does not have."""

    owner_id: UUID
    due_on: date
    is_late: bool
    """The day is over; else it ends soon."""
    invoice_count: int
    rejected_count: int
    """Of these the authority refused so many: they wait for the seller."""


# ── Outages ─────────────────────────────────────────────────────────────────────────────────────


async def outage_began(
    db: AsyncSession, source: str, *, new_id: UUID, why: str, now: datetime
) -> None:
    """The authority did not answer: an outage begins, or goes on."""
    row = {"id": new_id, "source": source, "began_at": now, "why": why[:WHY_MAX]}
    await (await db.connection()).execute(insert(OutageRow).values(**row).on_conflict_do_nothing())


async def outage_ended(db: AsyncSession, source: str, *, now: datetime) -> bool:
    """The authority answers: says whether an outage ended with that."""
    ended = await db.exec(
        update(OutageRow)
        .where(col(OutageRow.source) == source, col(OutageRow.ended_at).is_(None))
        .values(ended_at=sqlalchemy.func.greatest(now, col(OutageRow.began_at)))
        .returning(col(OutageRow.id))
        .execution_options(synchronize_session=False)
    )
    return ended.first() is not None


async def outage_now(db: AsyncSession, source: str) -> Outage | None:
    """The outage that lasts."""
    query = select(OutageRow).where(
        col(OutageRow.source) == source, col(OutageRow.ended_at).is_(None)
    )
    row = (await db.exec(query)).one_or_none()
    return None if row is None else Outage(row.source, row.began_at, row.ended_at, row.why)


# ── Late or in time ─────────────────────────────────────────────────────────────────────────────


async def mark_delivered(db: AsyncSession, message_id: UUID, at: datetime) -> None:
    """The authority has the invoices of this message since `at`; those past their day are late."""
    query = (
        select(InvoiceRow)
        .where(col(InvoiceRow.message_id) == message_id, col(InvoiceRow.delivered_at).is_(None))
        .with_for_update()
    )
    day = at.astimezone(VIETNAM).date()
    for row in list(await db.exec(query.execution_options(populate_existing=True))):
        row.delivered_at = at
        row.is_late = day > row.due_on and day > await _extended(db, row)
    await db.flush()


async def _extended(db: AsyncSession, row: InvoiceRow) -> date:
    """The last day of an invoice without code whose day fell into an outage."""
    if row.symbol.startswith("C"):
        return row.due_on
    after = datetime.combine(row.due_on + timedelta(days=1), datetime.min.time(), VIETNAM)
    before = datetime.combine(row.due_on, datetime.min.time(), VIETNAM)
    query = (
        select(OutageRow)
        .where(
            col(OutageRow.began_at) < after,
            sqlalchemy.or_(col(OutageRow.ended_at) >= before, col(OutageRow.ended_at).is_(None)),
        )
        .order_by(col(OutageRow.ended_at).desc())
        .limit(1)
    )
    outage = (await db.exec(query)).first()
    if outage is None or outage.ended_at is None:
        return row.due_on
    clear = outage.ended_at.astimezone(VIETNAM).date()
    return max(row.due_on, deadline(Event.TAX_SYSTEM_BACK, clear).due_on)


# ── Alarms ──────────────────────────────────────────────────────────────────────────────────────

# A read of the index of what is not delivered: it is short on every day but a bad one.
_DUE = text(
    "SELECT owner_id, due_on, count(*), count(*) FILTER (WHERE state = 'rejected')"
    " FROM einvoice.invoice WHERE delivered_at IS NULL AND correction <> 'replaced'"
    " AND due_on < :before AND (:everyone OR owner_id = :owner_id)"
    " GROUP BY owner_id, due_on ORDER BY due_on, owner_id LIMIT :limit"
)


async def alarms(
    db: AsyncSession, *, now: datetime, ahead: timedelta = AHEAD, owner_id: UUID | None = None
) -> list[Alarm]:
    """What is late or will be within `ahead`, oldest day first; of one owner, or of everybody."""
    today = now.astimezone(VIETNAM).date()
    values = {
        "before": (now + ahead).astimezone(VIETNAM).date(),
        "everyone": owner_id is None,
        "owner_id": owner_id or UUID(int=0),
        "limit": ALARMS_MAX,
    }
    rows = await (await db.connection()).execute(_DUE, values)
    return [Alarm(owner, due_on, due_on < today, *counts) for owner, due_on, *counts in rows]


async def raise_alarms(db: AsyncSession, *, now: datetime, ahead: timedelta = AHEAD) -> list[Alarm]:
    """The alarms nobody was told of yet; called again it gives them no second time."""
    found = {
        (one.owner_id, one.due_on, "late" if one.is_late else "soon"): one
        for one in await alarms(db, now=now, ahead=ahead)
    }
    if not found:
        return []
    rows = [
        {
            "owner_id": owner_id,
            "due_on": due_on,
            "level": level,
            "invoice_count": one.invoice_count,
            "raised_at": now,
        }
        for (owner_id, due_on, level), one in found.items()
    ]
    statement = insert(AlarmRow).values(rows).on_conflict_do_nothing()
    keys = (col(AlarmRow.owner_id), col(AlarmRow.due_on), col(AlarmRow.level))
    raised = await (await db.connection()).execute(statement.returning(*keys))
    return [found[owner_id, due_on, level] for owner_id, due_on, level in raised.all()]
