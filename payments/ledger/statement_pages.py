"""The statement of an account, a page at a time, by either clock. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.errors import StatementCursorUnknown
from payments.ledger.accounts import AccountName
from payments.ledger.reading import (
    BEFORE_DAY,
    DAY,
    MINE,
    RECORDED_AFTER,
    RECORDED_UNTIL,
    TAIL,
    Clock,
    query,
    read,
)
from payments.ledger.transfer import TransferKind

PAGE_MAX = 1_000
FIRST = 0
"""Before the first entry."""


class Entry(msgspec.Struct, frozen=True):
    """One transfer as one of its accounts sees it: positive where the balance grew."""

    position: int
    """Its place in the order of record; continue a statement after it."""
    transfer_id: UUID
    amount_vnd: int
    balance_vnd: int
    """After it, in the order of its statement."""
    kind: TransferKind
    other_id: UUID
    subject_id: UUID
    place_id: UUID
    occurred_at: datetime
    recorded_at: datetime


async def statement(
    db: AsyncSession,
    name: AccountName,
    *,
    after: int = FIRST,
    limit: int = 100,
    by: Clock = "recorded",
    since: datetime | None = None,
    until: datetime | None = None,
) -> Sequence[Entry]:
    """A page of an account's entries, each with the balance after it; continue after the last
    one's `position`.

    By "recorded" in the order of record: what was shown stays as it was, new entries only follow.
    By "occurred" in the order of time, where what is told late comes in between. `since` (from
    it on) and `until` (before it) are of the same clock.

    Raises: StatementCursorUnknown, by "occurred", where no entry of this account is at `after`.
    """
    assert 0 < limit <= PAGE_MAX
    if by == "recorded":
        found = await read(db, _BY_RECORD, name, after=after, limit=limit, since=since, until=until)
    else:
        if after != FIRST:
            since = await _occurred_at(db, name, after)
        found = await read(
            db, _BY_OCCURRENCE, name, after=after, limit=limit, since=since, until=until
        )
    return [_entry(name, row) for row in found if row.position is not None]


async def _occurred_at(db: AsyncSession, name: AccountName, position: int) -> datetime:
    occurred_at: datetime | None = (await read(db, _CURSOR, name, after=position))[0].occurred_at
    if occurred_at is None:
        raise StatementCursorUnknown(name.id, position)
    return occurred_at


def _entry(name: AccountName, row: Any) -> Entry:
    return Entry(
        position=row.position,
        transfer_id=row.transfer_id,
        amount_vnd=row.amount_vnd,
        balance_vnd=int(row.balance_vnd),
        kind=TransferKind(row.kind),
        other_id=row.credit_id if row.debit_id == name.id else row.debit_id,
        subject_id=row.subject_id,
        place_id=row.place_id,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
    )


_CURSOR = query(f"""
{TAIL}
SELECT fed.position AS fed_to,
       COALESCE((SELECT occurred_at FROM payments.entry WHERE {MINE} AND position = :after),
                (SELECT occurred_at FROM tail WHERE position = :after)) AS occurred_at
FROM fed
""")  # noqa: S608 - a constant

_PAGE = """
SELECT fed.position AS fed_to, p.position, p.transfer_id, p.amount_vnd, p.balance_vnd,
       p.occurred_at, p.recorded_at, t.kind, t.debit_id, t.credit_id, t.subject_id, t.place_id
FROM fed LEFT JOIN (page p JOIN payments.transfer t ON t.lane = :lane AND t.id = p.transfer_id)
    ON true
ORDER BY {order}
"""

_SINCE, _UNTIL = "COALESCE(:since, '-infinity')", "COALESCE(:until, 'infinity')"

# Entries bring their balance; those of the tail go on from the last one.
_BY_RECORD = query(f"""
{TAIL}
, line AS (
    (SELECT position, transfer_id, amount_vnd, balance_vnd, occurred_at, recorded_at
     FROM payments.entry
     WHERE {MINE} AND position > :after
       AND position > {RECORDED_AFTER.format(instant=_SINCE)}
       AND position <= {RECORDED_UNTIL.format(instant=_UNTIL)}
       AND recorded_at >= {_SINCE} AND recorded_at < {_UNTIL}
     ORDER BY position LIMIT :limit)
    UNION ALL
    SELECT position, transfer_id, amount_vnd,
           COALESCE((SELECT balance_vnd FROM payments.entry WHERE {MINE}
                     ORDER BY position DESC LIMIT 1), 0)
           + sum(amount_vnd) OVER (ORDER BY position),
           occurred_at, recorded_at
    FROM tail
), page AS (
    SELECT * FROM line
    WHERE position > :after AND recorded_at >= {_SINCE} AND recorded_at < {_UNTIL}
    ORDER BY position LIMIT :limit
)
{_PAGE.format(order="p.position")}
""")  # noqa: S608 - a constant

# The balance before the first line of the page, as by `balance_vnd_at`, and the page's own sums.
_BY_OCCURRENCE = query(f"""
{TAIL}
, line AS (
    (SELECT position, transfer_id, amount_vnd, occurred_at, recorded_at FROM payments.entry
     WHERE {MINE} AND occurred_at >= {_SINCE} AND occurred_at < {_UNTIL}
       AND (occurred_at > {_SINCE} OR position > :after)
     ORDER BY occurred_at, position LIMIT :limit)
    UNION ALL
    SELECT position, transfer_id, amount_vnd, occurred_at, recorded_at FROM tail
    WHERE occurred_at >= {_SINCE} AND occurred_at < {_UNTIL}
      AND (occurred_at > {_SINCE} OR position > :after)
), listed AS MATERIALIZED (
    SELECT * FROM line ORDER BY occurred_at, position LIMIT :limit
), head AS (
    SELECT occurred_at AS at, position AS number FROM listed ORDER BY 1, 2 LIMIT 1
), base AS (
    SELECT {
    BEFORE_DAY.format(
        day=DAY.format("head.at"), within="(occurred_at, position) < (head.at, head.number)"
    )
} AS balance_vnd FROM head
), page AS (
    SELECT l.*, (SELECT balance_vnd FROM base)
                + sum(amount_vnd) OVER (ORDER BY occurred_at, position) AS balance_vnd
    FROM listed l
)
{_PAGE.format(order="p.occurred_at, p.position")}
""")  # noqa: S608 - a constant
