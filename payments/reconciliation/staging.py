"""A file into the staging table as fast as PostgreSQL takes it, or row by row where it is small or odd.

The fast way sends the file's own bytes by COPY over two connections and lets SQL look at every row.
Whatever that finds amiss sends the file through the careful reader, which names the line, or finds
that it was well after all.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import date
from typing import Any

import asyncpg
import msgspec

from payments.ledger.transfer import TRANSFER_VND_MAX
from payments.reconciliation import provider_file
from payments.reconciliation.errors import RecordDay, RecordUnreadable
from payments.reconciliation.provider_file import COLUMNS, Layout, Sums

CAREFUL_BYTES = 1_000_000
"""Up to here the careful reader takes no time worth saving."""
CHUNK_BYTES = 1 << 20

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of it out of how much is done."""


class Staged(msgspec.Struct, frozen=True):
    """What lies in the staging table."""

    day: date
    sums: Sums
    payment_count: int


class _Doubt(Exception):
    """The fast way found something the careful reader must look at."""


async def stage(
    connections: tuple[Any, Any], raw: bytes, day: date | None, progress: Progress
) -> Staged:
    """The file's rows stand in the staging table, each looked at, their sums as the trailer says.

    The caller holds the staging lock. Raises: RecordUnreadable; then nothing of the file stands.
    """
    layout = provider_file.layout_of(raw)
    checksum = asyncio.create_task(asyncio.to_thread(provider_file.check_checksum, raw, layout))
    try:
        if len(raw) > CAREFUL_BYTES:
            try:
                staged = await _fast(connections, raw, layout, progress)
            except (_Doubt, asyncpg.PostgresError):
                staged = await _careful(connections[0], raw, layout, day, progress)
        else:
            staged = await _careful(connections[0], raw, layout, day, progress)
    except BaseException:
        await asyncio.wait([checksum])  # whatever it says, the rows say it better
        checksum.exception()
        await _empty(connections[0])
        raise
    try:
        await checksum
        if day is not None and staged.day != day:
            raise RecordDay(
                f"The file is of session {staged.day}, not {day}.", "Take the file of that day."
            )
    except RecordUnreadable:
        await _empty(connections[0])
        raise
    return staged


async def _empty(connection: Any) -> None:
    await connection.execute("TRUNCATE payments.staging")


async def _fast(
    connections: tuple[Any, Any], raw: bytes, layout: Layout, progress: Progress
) -> Staged:
    await _empty(connections[0])
    done, total = 0, layout.rows_end - layout.rows_start

    async def chunks(start: int, end: int) -> AsyncIterator[bytes]:
        nonlocal done
        view = memoryview(raw)
        while start < end:
            part = view[start : min(start + CHUNK_BYTES, end)]
            yield bytes(part)
            start += len(part)
            done += len(part)
            progress("copy", done, total)

    async def copy(connection: Any, start: int, end: int) -> None:
        await connection.copy_to_table(
            "staging",
            schema_name="payments",
            source=chunks(start, end),
            columns=list(layout.columns),
            format="csv",
            delimiter=layout.delimiter,
            encoding="utf8",
        )

    middle = raw.find(b"\n", layout.rows_start + total // 2, layout.rows_end) + 1
    if layout.is_quoted or not middle:
        await copy(connections[0], layout.rows_start, layout.rows_end)
    else:
        halves = ((layout.rows_start, middle), (middle, layout.rows_end))
        work = (copy(one, *half) for one, half in zip(connections, halves, strict=True))
        for wrong in await asyncio.gather(*work, return_exceptions=True):
            if wrong is not None:
                raise wrong
    progress("look", 0, 1)
    return await _looked_at(connections[0], layout)


async def _looked_at(connection: Any, layout: Layout) -> Staged:
    row = await connection.fetchrow(_LOOK, TRANSFER_VND_MAX)
    if not row["rows"] or not row["is_well"] or row["day_first"] != row["day_last"]:
        raise _Doubt
    sums = Sums(*(int(row[name]) for name in ("rows", "amount", "fee", "fee_vat", "net")))
    try:
        provider_file.check_sums(sums, layout.trailer)
        day = provider_file.day_of(row["day_first"])
    except RecordUnreadable as wrong:  # the careful reader says in which line
        raise _Doubt from wrong
    return Staged(day, sums, row["payments"])


async def _careful(
    connection: Any, raw: bytes, layout: Layout, day: date | None, progress: Progress
) -> Staged:
    await _empty(connection)
    sums, days, payment_count = [0, 0, 0, 0, 0], set[str](), 0

    def records() -> Any:
        nonlocal payment_count
        for number, row in enumerate(provider_file.rows_of(raw, layout, day), 1):
            amounts = (row.amount, row.fee, row.fee_vat, row.net_amount)
            for place, value in enumerate((1, *amounts)):
                sums[place] += value
            days.add(row.settlement_date)
            payment_count += row.txn_type == "PAYMENT"
            if number % 10_000 == 0:
                progress("read", number, layout.trailer.row_count)
            yield tuple(getattr(row, name) for name in COLUMNS)

    await connection.copy_records_to_table(
        "staging", schema_name="payments", columns=list(COLUMNS), records=records()
    )
    return Staged(provider_file.day_of(days.pop()), Sums(*sums), payment_count)


# Everything that the careful reader asks of a row, in one pass. A time is looked at when it is used.
_LOOK = """
SELECT count(*) AS rows, sum(amount) AS amount, sum(fee) AS fee, sum(fee_vat) AS fee_vat,
       sum(net_amount) AS net, min(settlement_date) AS day_first, max(settlement_date) AS day_last,
       count(*) FILTER (WHERE txn_type = 'PAYMENT') AS payments,
       count(settlement_date) = count(*) AND bool_and(
           net_amount = amount - fee - fee_vat AND currency = 'VND' AND provider_txn_no <> ''
           AND provider_txn_no IS NOT NULL AND currency IS NOT NULL AND seq > 0
           AND amount BETWEEN -$1::bigint AND $1 AND fee BETWEEN -$1::bigint AND $1
           AND fee_vat BETWEEN -$1::bigint AND $1
           AND length(txn_time) BETWEEN 14 AND 25
           AND CASE txn_type WHEN 'PAYMENT' THEN amount > 0 WHEN 'REFUND' THEN amount < 0
               WHEN 'CHARGEBACK' THEN amount < 0 WHEN 'ADJUST' THEN amount <> 0 ELSE false END
       ) AS is_well
FROM payments.staging
"""
