"""Stalls that invoice at the end of the day: every paid sale nobody asked an invoice for, in one go."""

from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import clock
from market.errors import InvoiceNotPossible
from market.flows import invoice, invoice_issuing
from market.flows.context import Context
from market.tables import StallRow, VendorRow

CLOSES_AT = time(21)
"""From then on the day's sales are invoiced; those that come later with the next run."""
LOOKED_BACK = timedelta(days=3)
"""A market that was off over night catches up; what is older was invoiced, or the stall had no wish."""
AT_ONCE_MAX = 500
"""Invoices of one run; the next one goes on."""

_WISH = select(VendorRow).where(
    col(VendorRow.id).in_(select(StallRow.vendor_id).where(StallRow.invoice_mode == "day_end"))
)
_UNINVOICED = text("""
SELECT s.id FROM unnest(CAST(:vendors AS uuid[]), CAST(:sinces AS timestamptz[])) AS w (id, since)
JOIN market.sale s ON s.vendor_id = w.id JOIN market.stall t ON t.id = s.stall_id
WHERE t.invoice_mode = 'day_end'
  AND s.state = 'paid' AND s.invoice_id IS NULL AND s.sold_at >= w.since AND s.sold_at < :until
ORDER BY s.paid_at, s.id LIMIT :most
""")


def ended_before(now: datetime) -> datetime:
    """Sales before this instant belong to a day that is over for the stalls."""
    start, end = clock.day_bounds(clock.local_day(now))
    return end if clock.local(now).time() >= CLOSES_AT else start


async def invoice_day_end(context: Context, _: dict[str, Any]) -> None:
    """Job: an invoice, dated when it was paid, for each sale of a day that is over; each on its own."""
    now = context.now()
    async with context.database.as_system() as db:
        found = await _uninvoiced(db, ended_before(now))
    for sale_id in found:
        try:
            async with context.database.as_system() as db:
                await invoice_issuing.issue_for_sale(db, sale_id, now=context.now())
        except InvoiceNotPossible:
            continue


async def _uninvoiced(db: AsyncSession, until: datetime) -> list[UUID]:
    since: dict[UUID, datetime] = {}
    for vendor in (await db.exec(_WISH)).all():
        if await invoice.is_possible(db, vendor.id, "day_end"):
            registered = await invoice_issuing.registered_since(db, vendor)
            earliest = until - LOOKED_BACK
            if registered is not None:
                earliest = max(earliest, clock.day_bounds(registered)[0])
            since[vendor.id] = earliest
    given = {"vendors": list(since), "sinces": list(since.values())}
    rows = await db.execute(_UNINVOICED, {**given, "until": until, "most": AT_ONCE_MAX})
    return list(rows.scalars())


# ── By hand, before the day is over ─────────────────────────────────────────────────────────────

_OF_STALL = text("""
SELECT s.id FROM market.sale s
WHERE s.stall_id = :stall_id AND s.state = 'paid' AND s.invoice_id IS NULL
  AND s.sold_at >= :since AND s.sold_at < :until
ORDER BY s.paid_at, s.id LIMIT :most
""")


async def uninvoiced(
    db: AsyncSession, stall_id: UUID, since: datetime, until: datetime
) -> list[UUID]:
    """Paid sales of a stall without an invoice, at most 500, the first paid first."""
    given = {"stall_id": stall_id, "since": since, "until": until, "most": AT_ONCE_MAX}
    return list((await db.execute(_OF_STALL, given)).scalars())


async def issue_rest(
    db: AsyncSession, stall_id: UUID, since: datetime, until: datetime, *, now: datetime
) -> None:
    """Each of them is invoiced soon, by a worker."""
    await invoice_issuing.wish(db, await uninvoiced(db, stall_id, since, until), now=now)
