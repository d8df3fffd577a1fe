"""From the journal to the accounts' books: statements and day sums, made later and in order.

Off the hot path and never in its way: a run takes the rows after the watermark "statements" that
no open transaction can still precede, in short transactions (while one is open, readers of the
event log wait behind it), and moves the watermark with them. `balances` reads the books up to the
watermark and the journal beyond it, so that nobody can tell how far they have come.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import asyncpg
import msgspec

WATERMARK = "statements"
ROW_COUNT_MAX = 4_000
"""Transfers in one transaction: about a tenth of a second, for events wait behind it."""
RUN_SECONDS = 40.0
"""How long one call goes on; the next takes up where it left."""
BOOKS_LOCK = 20_261_124
"""Advisory lock of the one who makes the books."""
_POSITIONS_OF_A_TRANSACTION = 1 << 20
_WINDOW_MAX = 1 << 62

Progress = Callable[[int], None]
"""Told how many transfers were fed so far."""


class Fed(msgspec.Struct, frozen=True):
    """What one run did."""

    transfer_count: int
    position: int
    """How far the books have come: every position up to and including it."""
    is_complete: bool
    """Whether everything that could be fed when the run began has been; not so where another run
    was at it, or the time was up."""


async def feed_statements(
    dsn: str,
    *,
    now: datetime,
    role: str | None = None,
    row_count_max: int = ROW_COUNT_MAX,
    seconds_max: float | None = RUN_SECONDS,
    progress: Progress | None = None,
) -> Fed:
    """Statements and day sums hold what the journal held when the run began.

    May run at any time, twice at once and be cut off anywhere: each transaction takes all of its
    rows or none, and only one run works at a time. Raises: what the driver raises.
    """
    assert row_count_max > 0
    connection = await _connect(dsn, role)
    try:
        return await _feed(
            connection, now, row_count_max, seconds_max, progress, waits_for_others=False
        )
    finally:
        await connection.close()


async def rebuild_statements(dsn: str, *, now: datetime, progress: Progress | None = None) -> Fed:
    """Statements and day sums are thrown away and made anew from the journal; as its owner.

    Balances and pages stay exact meanwhile, though slow. Only a repeatable-read transaction that
    began before and reads after would miss what was thrown away.
    """
    connection = await _connect(dsn, None)
    try:
        async with connection.transaction(isolation="read_committed"):
            await connection.execute(_WAIT, BOOKS_LOCK)
            await connection.execute(_FORGET)
        return await _feed(connection, now, ROW_COUNT_MAX, None, progress, waits_for_others=True)
    finally:
        await connection.close()


async def _connect(dsn: str, role: str | None) -> Any:
    settings = {"application_name": "payments-books", "jit": "off", "timezone": "UTC"}
    if role is not None:
        settings["role"] = role
    return await asyncpg.connect(dsn, server_settings=settings, timeout=10)


async def _feed(
    connection: Any,
    now: datetime,
    row_count_max: int,
    seconds_max: float | None,
    progress: Progress | None,
    *,
    waits_for_others: bool,
) -> Fed:
    clock = asyncio.get_running_loop().time
    deadline = None if seconds_max is None else clock() + seconds_max
    until = await connection.fetchval("SELECT payments.event_horizon() - 1")
    window = _POSITIONS_OF_A_TRANSACTION
    transfer_count, fed_to, skipped_to = 0, 0, 0
    while True:
        async with connection.transaction(isolation="read_committed"):
            if waits_for_others:
                await connection.execute(_WAIT, BOOKS_LOCK)
            fed_to = await connection.fetchval(_BEGIN, BOOKS_LOCK, WATERMARK)
            if fed_to is None:  # somebody else is at it
                return Fed(transfer_count, 0, is_complete=False)
            low = max(fed_to, skipped_to)
            if low >= until:
                return Fed(transfer_count, fed_to, is_complete=True)
            high = min(low + window, until)
            count, last = await connection.fetchrow(_FEED, low, high, row_count_max, WATERMARK, now)
        if count:
            fed_to = last
            transfer_count += count
            if progress is not None:
                progress(transfer_count)
        if count < row_count_max:
            skipped_to = high
        window = _next_window(window, count, row_count_max)
        if count and deadline is not None and clock() > deadline:
            return Fed(transfer_count, fed_to, is_complete=False)


def _next_window(window: int, count: int, row_count_max: int) -> int:
    """Positions to look at next: wide enough to fill a transaction, not to sort what cannot fit."""
    if count >= row_count_max:
        return max(window // 2, _POSITIONS_OF_A_TRANSACTION)
    if count <= row_count_max // 4:
        return min(window * 2, _WINDOW_MAX)
    return window


_WAIT = "SELECT pg_advisory_xact_lock($1)"

# The watermark; nothing where another run holds the lock. Waits for nobody.
_BEGIN = """
SELECT COALESCE((SELECT position FROM payments.watermark WHERE name = $2), 0)
WHERE pg_try_advisory_xact_lock($1)
"""

# One transaction's worth of the journal, in order of record, into the books. Only the holder of
# the lock runs it, so nothing it reads changes, and it locks only rows that it alone writes.
# Entries go in by key, neighbours together; an account's first of them goes on from its last one.
# Looked up row by row and not joined: nobody can tell the planner how many rows there will be.
_FEED = """
WITH journal AS MATERIALIZED (
    SELECT position, amount_vnd, occurred_at, recorded_at, lane, id, owner_id, debit_id, credit_id
    FROM payments.transfer WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3
), legs AS (
    SELECT lane, debit_id AS account_id, position, amount_vnd AS debit_vnd,
           0::bigint AS credit_vnd, occurred_at, recorded_at, id, owner_id
    FROM journal
    UNION ALL
    SELECT lane, credit_id, position, 0, amount_vnd, occurred_at, recorded_at, id, owner_id
    FROM journal
), ordered AS (
    SELECT l.*, row_number() OVER (PARTITION BY lane, account_id ORDER BY position) = 1 AS is_first
    FROM legs l
), seeded AS MATERIALIZED (
    SELECT o.*,
           CASE WHEN is_first THEN payments.debit_sign((
               SELECT a.kind FROM payments.account a
               WHERE a.lane = o.lane AND a.id = o.account_id)) END AS sign,
           CASE WHEN is_first THEN COALESCE((
               SELECT e.balance_vnd FROM payments.entry e
               WHERE e.lane = o.lane AND e.account_id = o.account_id
               ORDER BY e.position DESC LIMIT 1), 0) END AS before_vnd
    FROM ordered o
), entries AS (
    INSERT INTO payments.entry
        (lane, account_id, position, amount_vnd, balance_vnd, occurred_at, recorded_at,
         transfer_id, owner_id)
    SELECT lane, account_id, position, (debit_vnd - credit_vnd) * max(sign) OVER account,
           max(before_vnd) OVER account
               + max(sign) OVER account * sum(debit_vnd - credit_vnd) OVER account,
           occurred_at, recorded_at, id, owner_id
    FROM seeded WINDOW account AS (PARTITION BY lane, account_id ORDER BY position)
    ORDER BY lane, account_id, position
), days AS (
    INSERT INTO payments.account_day AS d
        (lane, account_id, day, owner_id, debit_vnd, credit_vnd, entry_count)
    SELECT lane, account_id, (occurred_at AT TIME ZONE interval '7 hours')::date,
           (array_agg(owner_id))[1], sum(debit_vnd), sum(credit_vnd), count(*)
    FROM legs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (lane, account_id, day) DO UPDATE
    SET debit_vnd = d.debit_vnd + EXCLUDED.debit_vnd,
        credit_vnd = d.credit_vnd + EXCLUDED.credit_vnd,
        entry_count = d.entry_count + EXCLUDED.entry_count
), recorded AS (
    INSERT INTO payments.record_day AS r (day, position_first, position_last)
    SELECT (recorded_at AT TIME ZONE interval '7 hours')::date, min(position), max(position)
    FROM journal GROUP BY 1 ORDER BY 1
    ON CONFLICT (day) DO UPDATE
    SET position_first = LEAST(r.position_first, EXCLUDED.position_first),
        position_last = GREATEST(r.position_last, EXCLUDED.position_last)
), moved AS (
    INSERT INTO payments.watermark AS w (name, position, moved_at)
    SELECT $4, max(position), $5 FROM journal HAVING count(*) > 0
    ON CONFLICT (name) DO UPDATE SET position = EXCLUDED.position, moved_at = EXCLUDED.moved_at
)
SELECT count(*), max(position) FROM journal
"""

# Readers wait for this moment; whoever reads after it finds the journal alone.
_FORGET = """
ALTER TABLE payments.entry DISABLE TRIGGER refuse_change;
TRUNCATE payments.entry, payments.account_day, payments.record_day;
ALTER TABLE payments.entry ENABLE TRIGGER refuse_change;
DELETE FROM payments.watermark WHERE name = 'statements'
"""
