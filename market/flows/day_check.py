"""The evening's check of a vendor: payment ↔ sale ↔ invoice ↔ accepted message."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
import payments
from einvoice import books
from einvoice.deadlines import working_day_from
from einvoice.household import YEAR_MIN
from market import clock
from market.errors import NotFound
from market.flows import tax

DAY_MIN = date(YEAR_MIN, 1, 1)
"""The limits of a year are known from here on."""


async def check(db: AsyncSession, vendor_id: UUID, day: date, *, now: datetime) -> books.DayCheck:
    """One day of one vendor.

    Raises: NotFound for a vendor there is not, and for days before `DAY_MIN`.
    """
    if day < DAY_MIN:
        raise NotFound("day", str(day))
    year = await tax.tax_year(db, vendor_id, day)
    since = await due_since(db, vendor_id, year)
    sales = await _sold(db, vendor_id, day, now, since)
    marks = await books.invoice_marks(db, vendor_id, [one.id for one in sales])
    known = {one.id for one in marks}
    issued = await books.invoices_issued_on(db, vendor_id, day)
    elsewhere = [one for one in issued if one.id not in known]
    strays = await _without_sale(db, vendor_id, elsewhere)
    return books.check_day(
        day,
        sales,
        [*marks, *strays],
        is_required=since is not None and since < clock.day_bounds(day)[1],
        now=now,
    )


async def due_since(db: AsyncSession, vendor_id: UUID, year: tax.TaxYear) -> datetime | None:
    """From when on every sale needs an invoice: registered, or past the last day to register.

    Who passes the free limit has thirty days after the quarter for it; who passed it late in the year
    before, until January. Source: Decree 254/2026, Art. 6.1.d; Decree 141/2026, Art. 1.2.
    """
    found = await _registration(db, year)
    since = [found.accepted_at] if found and found.accepted_at else []
    years = [year]
    if year.year > YEAR_MIN:
        years.append(await tax.tax_year(db, vendor_id, date(year.year - 1, 12, 31)))
    for one in years:
        register_by = tax.meter_of(one).register_by
        since += [clock.day_bounds(working_day_from(register_by))[1]] if register_by else []
    return min(since, default=None)


async def is_registered(db: AsyncSession, year: tax.TaxYear) -> bool:
    """Whether the authority accepted the vendor's registration for e-invoices."""
    found = await _registration(db, year)
    return found is not None and found.state == "accepted"


async def _registration(db: AsyncSession, year: tax.TaxYear) -> einvoice.RegistrationState | None:
    if not year.vendor.tax_id:
        return None
    return await einvoice.registration_of(db, year.vendor.tax_id)


async def vendors_of(db: AsyncSession, day: date) -> list[tuple[UUID, str]]:
    """Who sold anything on a day, by name."""
    start, end = clock.day_bounds(day)
    rows = await db.execute(_VENDORS, {"start": start, "end": end})
    return [(row.id, row.name) for row in rows.all()]


async def _sold(
    db: AsyncSession, vendor_id: UUID, day: date, now: datetime, due_since: datetime | None
) -> list[books.Sold]:
    start, end = clock.day_bounds(day)
    rows = (await db.execute(_SALES, {"vendor_id": vendor_id, "start": start, "end": end})).all()
    states = await payments.payment_states(db, [row.payment_id for row in rows if row.payment_id])
    returned: dict[UUID, int] = {}
    for one in await payments.refunds_done(db, vendor_id, start, max(end, now)):
        key = one.payment_id or one.receipt_id  # a stand's sale has its receipt's id
        returned[key] = returned.get(key, 0) + one.amount_vnd
    return [
        books.Sold(
            id=row.id,
            on=clock.local_day(row.paid_at or row.sold_at),  # handed over when paid
            amount_vnd=row.amount_vnd,
            is_cash=row.method == "cash",
            is_paid=row.state == "paid",
            payment_state=states.get(row.payment_id, "") if row.payment_id else "settled",
            returned_vnd=returned.get(row.payment_id or row.id, 0),
            is_before_duty=due_since is None or (row.paid_at or row.sold_at) < due_since,
        )
        for row in rows
        if row.state == "paid" or row.invoice_id or states.get(row.payment_id) == "settled"
    ]


async def _without_sale(
    db: AsyncSession, vendor_id: UUID, marks: Sequence[books.InvoiceMark]
) -> list[books.InvoiceMark]:
    """Invoices of this day whose sale is not there; those of another day's sale are checked there."""
    if not marks:
        return []
    ids = [one.subject_id for one in marks]
    rows = await db.execute(_PRESENT, {"vendor_id": vendor_id, "ids": ids})
    present = set(rows.scalars().all())
    return [one for one in marks if one.subject_id not in present]


_SALES = text("""
SELECT id, amount_vnd, method, state, payment_id, invoice_id, sold_at, paid_at
FROM market.sale
WHERE vendor_id = :vendor_id AND sold_at >= :start AND sold_at < :end
ORDER BY sold_at, id
""")
_PRESENT = text("SELECT id FROM market.sale WHERE vendor_id = :vendor_id AND id = ANY (:ids)")
_VENDORS = text("""
SELECT DISTINCT v.id, v.name FROM market.sale s JOIN market.vendor v ON v.id = s.vendor_id
WHERE s.sold_at >= :start AND s.sold_at < :end AND s.state = 'paid'
ORDER BY v.name, v.id
""")
