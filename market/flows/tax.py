"""A vendor's revenue of a year from what the market knows: the meter and the mirror. Nothing is sent."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from einvoice import books, household, meter, mirror
from einvoice.meter import Road
from market import clock
from market.errors import NotFound
from market.tables import VendorRow


@dataclass(frozen=True)
class Stall:
    """One place of business of a vendor."""

    id: UUID
    code: str
    hall_name: str
    address: str
    trade: str
    groups: tuple[household.Group, ...]
    opened_on: date
    ended_on: date | None

    @property
    def name(self) -> str:
        """As the books call it: “Sạp A12, Chợ Điện Biên”."""
        return f"Sạp {self.code}, {self.hall_name}"


@dataclass(frozen=True)
class SoldDay:
    """What one stall sold on one day by one road."""

    on: date
    stall_id: UUID
    is_cash: bool
    count: int
    amount_vnd: int


@dataclass(frozen=True)
class Returned:
    """Money given back to a buyer, on the day it was."""

    on: date
    stall_id: UUID | None
    payment_id: UUID | None
    receipt_id: UUID
    amount_vnd: int
    is_cash: bool = False


@dataclass(frozen=True, kw_only=True)
class TaxYear:
    """Everything a vendor's taxes of a year, up to a day, follow from."""

    year: int
    until: date
    vendor: books.Household
    stalls: Mapping[UUID, Stall]
    sold: Sequence[SoldDay]
    returned: Sequence[Returned]
    entries: Sequence[books.Entry]

    @property
    def started_on(self) -> date | None:
        """When the first of the stalls opened, if in this year."""
        first = min((one.opened_on for one in self.stalls.values()), default=None)
        return first if first is not None and first.year == self.year else None

    def revenue_days(self) -> Iterator[meter.DayRevenue]:
        """Net revenue by day and road."""
        for sold in self.sold:
            yield meter.DayRevenue(sold.on, _road(sold.is_cash), sold.amount_vnd)
        for back in self.returned:
            yield meter.DayRevenue(back.on, _road(back.is_cash), -back.amount_vnd)
        for entry in self.entries:
            if entry.kind.is_sale:
                yield meter.DayRevenue(entry.on, road_of_entry(entry), entry.amount_vnd)

    def takings(self, until: date | None = None) -> Iterator[mirror.Takings]:
        """Net revenue by trade, site and road, up to a day."""
        last = until or self.until
        for sold in self.sold:
            if sold.on <= last:
                stall = self.stalls[sold.stall_id]
                yield _takings(stall, _road(sold.is_cash), sold.amount_vnd)
        for back in self.returned:
            if back.on <= last:
                yield _takings(self.stall(back.stall_id), _road(back.is_cash), -back.amount_vnd)
        for entry in self.entries:
            if entry.kind.is_sale and entry.on <= last:
                yield _takings(self.stall(None), road_of_entry(entry), entry.amount_vnd)

    def costs_vnd(self) -> int:
        """What the vendor wrote down as deductible costs and goods bought."""
        return sum(
            one.amount_vnd for one in self.entries if not one.kind.is_sale and one.is_deductible
        )

    def with_groups(self, chosen: Mapping[str, household.Group]) -> "TaxYear":
        """The same year with the trade groups the vendor chose, by stall code."""
        stalls = {
            one.id: replace(one, groups=(chosen[one.code],)) if one.code in chosen else one
            for one in self.stalls.values()
        }
        return replace(self, stalls=stalls)

    def stall(self, stall_id: UUID | None) -> Stall:
        """A stall; for what is known of none, the vendor's first."""
        if stall_id is not None and stall_id in self.stalls:
            return self.stalls[stall_id]
        return next(iter(self.stalls.values()), _NO_STALL)


_NO_STALL = Stall(UUID(int=0), "", "", "", "", (household.Group.GOODS,), date.min, None)


def _takings(stall: Stall, road: Road, amount_vnd: int) -> mirror.Takings:
    return mirror.Takings(
        groups=stall.groups, road=road, amount_vnd=amount_vnd, site=stall.name if stall.code else ""
    )


def _road(is_cash: bool) -> Road:
    return Road.CASH if is_cash else Road.QR


def road_of_entry(entry: books.Entry) -> Road:
    """How revenue written by hand came."""
    return Road.PLATFORM if entry.kind is books.EntryKind.PLATFORM_SALE else Road.OTHER


async def tax_year(db: AsyncSession, vendor_id: UUID, until: date) -> TaxYear:
    """The year of `until`, from its first day to that day.

    Raises: NotFound.
    """
    vendor = await db.get(VendorRow, vendor_id)
    if vendor is None:
        raise NotFound("vendor", vendor_id)
    since = date(until.year, 1, 1)
    start, end = clock.day_bounds(since)[0], clock.day_bounds(until)[1]
    between: dict[str, Any] = {"vendor_id": vendor_id, "start": start, "end": end}
    sold = [SoldDay(*row) for row in (await db.execute(_SOLD, between)).all()]
    stalls = await _stalls(db, vendor_id, {one.stall_id for one in sold}, until)
    refunds = await payments.refunds_done(db, vendor_id, start, end)
    return TaxYear(
        year=until.year,
        until=until,
        vendor=books.Household(
            name=vendor.name,
            tax_id=vendor.tax_id,
            address=vendor.address,
            sites=tuple(one.name for one in stalls.values()),
        ),
        stalls=stalls,
        sold=sold,
        returned=[
            Returned(
                clock.local_day(one.ended_at),
                one.place_id,
                one.payment_id,
                one.receipt_id,
                one.amount_vnd,
                one.road == "cash",
            )
            for one in refunds
            if one.ended_at is not None
        ],
        entries=await books.entries_of(db, vendor_id, since, until),
    )


def meter_of(year: TaxYear) -> meter.Meter:
    """How far the year has come."""
    return meter.read(year.year, year.revenue_days(), as_of=year.until, started_on=year.started_on)


def mirror_of(
    year: TaxYear, *, costs_vnd: int | None = None, year_end_vnd: int | None = None
) -> mirror.Mirror:
    """The tax of the revenue so far or, with `year_end_vnd`, of the year at its present pace.

    Raises: TaxNotComputed.
    """
    takings = list(year.takings())
    total_vnd = sum(one.amount_vnd for one in takings)
    if year_end_vnd is not None and total_vnd > 0:
        takings = [
            replace(one, amount_vnd=one.amount_vnd * year_end_vnd // total_vnd) for one in takings
        ]
    return mirror.reflect(year.year, takings, costs_vnd=costs_vnd)


def withheld_vnd(year: TaxYear) -> int:
    """What platforms should have withheld from the sales written down as theirs."""
    group = year.stall(None).groups[0]
    kinds = {household.Group.GOODS: "goods", household.Group.PRODUCTION: "transport"}
    return sum(
        sum(household.withheld_vnd(kinds.get(group, "services"), one.amount_vnd, one.on))
        for one in year.entries
        if one.kind is books.EntryKind.PLATFORM_SALE
    )


async def _stalls(
    db: AsyncSession, vendor_id: UUID, seen: set[UUID], on: date
) -> dict[UUID, Stall]:
    rows = await db.execute(_STALLS, {"vendor_id": vendor_id, "seen": list(seen)})
    return {
        row.id: Stall(
            row.id,
            row.code,
            row.hall_name,
            f"Sạp {row.code}, {row.hall_name}, Phường {row.unit_name}, Tỉnh Thanh Hóa",
            row.trade,
            (household.Group(meter.trade_group(row.trade, on)),),
            row.opened_on,
            row.ended_on,
        )
        for row in rows.all()
    }


_SOLD = text("""
SELECT (s.sold_at AT TIME ZONE 'UTC' + interval '7 hours')::date AS on, s.stall_id,
       s.method = 'cash' AS is_cash, count(*)::int AS count, sum(s.amount_vnd)::bigint AS amount_vnd
FROM market.sale s
WHERE s.vendor_id = :vendor_id AND s.state = 'paid' AND s.sold_at >= :start AND s.sold_at < :end
GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
""")
_STALLS = text("""
SELECT s.id, s.code, s.trade, s.opened_on, s.ended_on, h.name AS hall_name, u.name AS unit_name
FROM market.stall s
JOIN market.hall h ON h.id = s.hall_id
JOIN market.unit u ON u.id = h.unit_id
WHERE s.vendor_id = :vendor_id OR s.id = ANY (:seen)
ORDER BY s.opened_on, s.code, s.id
""")
