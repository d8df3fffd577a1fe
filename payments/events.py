"""The append-only log of facts, and reading it in an order in which nothing is ever skipped.

Numbers handed out before a commit become visible out of order, so a plain counter is no cursor: a
slow transaction would publish a number that readers have passed already. A position therefore
leads with the number of the writing transaction and counts within it:

    position = (transaction number) * 2^20 + (1, 2, 3, … within the transaction)

A reader is given only positions of transactions older than every one that is still open (the
`xmin` of its snapshot). What commits later has a larger transaction number, so a larger position.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.items import Fact
from payments.tables import EventRow

CHANNEL = "payments_event"
"""PostgreSQL channel that is notified, without payload, whenever a transaction appended."""
START = 0
"""Before the first event."""
EVENT_COUNT_MAX = 10_000


class Event(msgspec.Struct, frozen=True):
    """One fact. `data` is plain JSON."""

    position: int
    kind: str
    owner_id: UUID | None
    subject_id: UUID
    data: dict[str, Any]
    at: datetime


async def append(
    db: AsyncSession,
    kind: str,
    owner_id: UUID | None,
    subject_id: UUID,
    data: dict[str, Any],
    at: datetime,
) -> None:
    """Add a fact to the caller's transaction; readers see it, and are woken, after its commit."""
    await append_all(db, [Fact(kind, owner_id, subject_id, data, at)])


async def append_all(db: AsyncSession, facts: Sequence[Fact]) -> None:
    """As `append`, several in one statement, in this order."""
    if not facts:
        return
    connection = await db.connection()
    await connection.execute(
        _APPEND,
        {
            "channel": CHANNEL,
            "kinds": [one.kind for one in facts],
            "owners": [one.owner_id for one in facts],
            "subjects": [one.subject_id for one in facts],
            "data": [json.dumps(one.data, ensure_ascii=False) for one in facts],
            "instants": [one.at for one in facts],
        },
    )


async def events_after(db: AsyncSession, position: int, limit: int) -> Sequence[Event]:
    """The next events after `position` that no open transaction can still precede, in order.

    Continue with the last event's position. Empty while there is nothing new, or while an older
    transaction is still open anywhere on the server.
    """
    assert 0 < limit <= EVENT_COUNT_MAX
    rows = await db.exec(
        select(EventRow)
        .where(
            col(EventRow.position) > position,
            col(EventRow.position) < text("payments.event_horizon()"),
        )
        .order_by(col(EventRow.position))
        .limit(limit)
    )
    return [_event(row) for row in rows.all()]


async def continue_after_restore(db: AsyncSession) -> None:
    """Let new events and transfers come after all old ones, once a dump was restored elsewhere.

    Transaction numbers start anew there. Run it as the owner, before anything appends.
    """
    connection = await db.connection()
    await connection.execute(
        text(
            "UPDATE payments.event_epoch SET ahead = GREATEST(ahead, COALESCE((SELECT max(last) FROM ("
            " SELECT max(position) AS last FROM payments.event"
            " UNION ALL SELECT max(position) FROM payments.transfer"
            " UNION ALL SELECT max(position) FROM payments.watermark"
            ") known), 0) / 1048576 + 1 - pg_current_xact_id()::text::bigint)"
        )
    )


def _event(row: EventRow) -> Event:
    return Event(row.position, row.kind, row.owner_id, row.subject_id, row.data, row.at)


_APPEND = text(
    "WITH told AS (INSERT INTO payments.event (kind, owner_id, subject_id, data, at)"
    " SELECT x.kind, x.owner_id, x.subject_id, CAST(x.data AS jsonb), x.at"
    " FROM unnest(CAST(:kinds AS text[]), CAST(:owners AS uuid[]), CAST(:subjects AS uuid[]),"
    " CAST(:data AS text[]), CAST(:instants AS timestamptz[]))"
    " WITH ORDINALITY AS x (kind, owner_id, subject_id, data, at, number) ORDER BY x.number"
    " RETURNING position) SELECT pg_notify(:channel, '') FROM told LIMIT 1"
)
