"""The months of the journal and the receipts: made ahead, and closed when they are over.

Closing forbids nothing, for a sale made offline may come months late: the rows are frozen, so
that no later vacuum reads them again, the statistics are made, and the table's comment says when
and with how many rows. All of it runs beside the writers: what would make them wait gives up
after `LOCK_WAIT` and tries again.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import asyncpg
import msgspec

MONTHS_AHEAD = 3
MONTHS_OPEN = 2
"""A month is closed this long after its end: until then rows come late every day."""
LOCK_WAIT = "200ms"
"""Whoever waits for a lock makes all who come after it wait too."""
LOCK_TRIES = 50
LOCK_PAUSE_SECONDS = 0.1
UPKEEP_LOCK = 20_261_125
"""Advisory lock of the one who looks after the partitions."""
_RETRIED = (
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.CheckViolationError,  # a row of that month came between the look and the attaching
)

Progress = Callable[[str], None]
"""Told the name of the partition that is being worked on."""


class Kept(msgspec.Struct, frozen=True):
    """What one run did, by name of partition."""

    made: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    is_complete: bool = True
    """Not so where another run was at it."""


async def keep_partitions(dsn: str, *, today: date, progress: Progress | None = None) -> Kept:
    """The months from `MONTHS_OPEN` back to `MONTHS_AHEAD` ahead stand, and those over are closed.

    Runs as the owner of the tables. May be repeated, run twice at once and be cut off anywhere.
    Raises: what the driver raises; its LockNotAvailableError where the tables were never free.
    """
    connection = await asyncpg.connect(
        dsn,
        server_settings={"application_name": "payments-upkeep", "lock_timeout": LOCK_WAIT},
        timeout=10,
    )
    try:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", UPKEEP_LOCK):
            return Kept(is_complete=False)
        made = await _make(connection, today, progress)
        closed = await _close(connection, today, progress)
        await _summarise(connection)
        return Kept(tuple(made), tuple(closed))
    finally:
        await connection.close()


def months(first: date, count: int) -> list[date]:
    """The first days of so many months, from that of `first` on; a negative count goes back."""
    number = first.year * 12 + first.month - 1
    numbers = range(number, number + count) if count > 0 else range(number, number + count, -1)
    return [date(one // 12, one % 12 + 1, 1) for one in numbers]


def closes_before(today: date) -> date:
    """Months that begin before this one are closed."""
    return months(today, -(MONTHS_OPEN + 1))[-1]


async def _make(connection: Any, today: date, progress: Progress | None) -> list[str]:
    before = {row["name"] for row in await connection.fetch(_PARTITIONS)}
    first = months(today, -(MONTHS_OPEN + 1))[-1]
    for month in months(first, MONTHS_OPEN + 1 + MONTHS_AHEAD):
        wanted = {f"transfer_p{month:%Y_%m}", f"receipt_p{month:%Y_%m}"}
        if wanted <= before:
            continue
        if progress is not None:
            progress(f"{month:%Y-%m}")
        await _patiently(connection, "SELECT payments.make_partitions($1, $1)", month)
    after = [row["name"] for row in await connection.fetch(_PARTITIONS)]
    return [name for name in after if name not in before]


async def _close(connection: Any, today: date, progress: Progress | None) -> list[str]:
    closed = []
    for row in await connection.fetch(_PARTITIONS):
        name = row["name"]
        if not row["is_open"] or row["month"] is None or row["month"] >= closes_before(today):
            continue
        if progress is not None:
            progress(name)
        await _close_one(connection, name, today)
        closed.append(name)
    return closed


async def _close_one(connection: Any, name: str, today: date) -> None:
    """The comment comes last: what was cut off before it is done again."""
    table = f'payments."{name}"'
    await _patiently(connection, f"ALTER TABLE {table} SET ({_CLOSED_SETTINGS})")
    await _patiently(connection, f"VACUUM (FREEZE, ANALYZE, TRUNCATE FALSE) {table}")
    await _patiently(connection, _SUMMARISE, [name])
    count = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - our name
    comment = f"append-only, closed {today:%Y-%m-%d} with {count:,} rows"
    await _patiently(connection, f"COMMENT ON TABLE {table} IS '{comment}'")


async def _summarise(connection: Any) -> None:
    """The indexes by position know every page of the months that are written now."""
    names = [row["name"] for row in await connection.fetch(_PARTITIONS) if row["is_open"]]
    await _patiently(connection, _SUMMARISE, names)


async def _patiently(connection: Any, statement: str, *arguments: object) -> None:
    """Run it in a transaction of its own, again and again until its locks are free."""
    for attempt in range(LOCK_TRIES):
        try:
            await connection.execute(statement, *arguments)
            return
        except _RETRIED:
            if attempt == LOCK_TRIES - 1:
                raise
        await asyncio.sleep(LOCK_PAUSE_SECONDS)


_CLOSED_SETTINGS = (
    "autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000, "
    "autovacuum_freeze_min_age = 0"
)
"""What still comes late is frozen soon too, though it is little beside what is there."""

# Oldest month first; the month of the rest is null.
_PARTITIONS = """
SELECT c.relname::text AS name,
       to_date(substring(c.relname FROM '_p(\\d{4}_\\d{2})$'), 'YYYY_MM') AS month,
       COALESCE(obj_description(c.oid, 'pg_class'), '') NOT LIKE '%closed%' AS is_open
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('payments.transfer'::regclass, 'payments.receipt'::regclass)
ORDER BY month NULLS LAST, name
"""

_SUMMARISE = """
SELECT brin_summarize_new_values(i.indexrelid)
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_am m ON m.oid = x.relam
WHERE m.amname = 'brin' AND i.indrelid IN (
    SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'payments' AND c.relname = ANY ($1))
"""
