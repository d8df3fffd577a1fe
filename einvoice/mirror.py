"""The same-tax mirror: one year's revenue under each method, and whether the road of the money matters. Pure.

Neither law nor formula asks how a buyer paid; the mirror computes the year three times, as it was,
as if all of it had been cash and as if all had come by QR, and shows all three.
Source: Law 109/2025, Art. 7; Decree 68/2026, Art. 4-5; Law 48/2024, Art. 12.2.b.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from einvoice.errors import TaxNotComputed
from einvoice.household import Group, HouseholdTax, Revenue, TaxMethod, tax_of
from einvoice.meter import Road
from einvoice.rules import all_rules


@dataclass(frozen=True, kw_only=True)
class Takings:
    """Revenue of one trade at one site by one road, returns subtracted."""

    groups: tuple[Group, ...]
    road: Road
    amount_vnd: int
    site: str = ""


@dataclass(frozen=True)
class Mirror:
    """A year's tax, seen from each side."""

    revenues: tuple[Revenue, ...]
    by_percentage: HouseholdTax
    by_profit: HouseholdTax | None
    """None while nobody said what the costs are."""
    all_cash_vnd: int
    all_qr_vnd: int
    """What would be owed by percentage if every đồng had come so."""
    worst_split_vnd: int
    """By percentage, with the free amount taken where the rate is lowest."""

    @property
    def best(self) -> TaxMethod | None:
        """The method that costs less; None where that is not known or both cost the same."""
        if self.by_profit is None or self.by_profit.total_vnd == self.by_percentage.total_vnd:
            return None
        less = self.by_profit.total_vnd < self.by_percentage.total_vnd
        return TaxMethod.PROFIT if less else TaxMethod.PERCENTAGE

    @property
    def split_saves_vnd(self) -> int:
        """What the best split of the free amount saves against the worst."""
        return self.worst_split_vnd - self.by_percentage.total_vnd


def reflect(
    year: int,
    takings: Sequence[Takings],
    *,
    costs_vnd: int | None = None,
    known_on: date | None = None,
) -> Mirror:
    """The tax of a year by both methods, and the same if all of it had come one way.

    Raises: TaxNotComputed.
    """
    revenues = revenues_of(takings)
    best = tax_of(year, revenues, known_on=known_on)
    profit = None
    if costs_vnd is not None:
        profit = tax_of(
            year, revenues, method=TaxMethod.PROFIT, costs_vnd=costs_vnd, known_on=known_on
        )
    return Mirror(
        revenues=revenues,
        by_percentage=best,
        by_profit=profit,
        all_cash_vnd=_if_all(Road.CASH, year, takings, known_on),
        all_qr_vnd=_if_all(Road.QR, year, takings, known_on),
        worst_split_vnd=_worst(year, revenues, best, known_on),
    )


def revenues_of(takings: Iterable[Takings]) -> tuple[Revenue, ...]:
    """One revenue for each trade and site, whatever road; a trade that lost more than it took is zero."""
    sums: dict[tuple[str, tuple[Group, ...]], int] = {}
    for one in takings:
        key = (one.site, one.groups)
        sums[key] = sums.get(key, 0) + one.amount_vnd
    return tuple(
        Revenue(groups=groups, amount_vnd=max(0, vnd), site=site)
        for (site, groups), vnd in sums.items()
    )


def tax_of_period(
    year: int,
    before: Sequence[Revenue],
    until: Sequence[Revenue],
    *,
    known_on: date | None = None,
) -> tuple[int, int]:
    """VAT and income tax by percentage that fall on a period: the year up to its end less that before.

    So the periods of a year add up to the year, and the one in which the threshold is passed bears
    the VAT of the time before it.
    """
    earlier = tax_of(year, before, known_on=known_on)
    later = tax_of(year, until, known_on=known_on)
    return later.vat_vnd - earlier.vat_vnd, later.pit_vnd - earlier.pit_vnd


def as_known(
    year: int,
    revenues: Sequence[Revenue],
    *,
    method: TaxMethod = TaxMethod.PERCENTAGE,
    costs_vnd: int | None = None,
) -> list[tuple[date, HouseholdTax]]:
    """The tax of one year as each change of the law left it: the day it became known, and the sum.

    Only days that changed the sum, oldest first. Where a later one is less, what was paid too much is
    offset or refunded. Source: Decree 141/2026, Art. 4.1.
    """
    end = date(year, 12, 31)
    found: list[tuple[date, HouseholdTax]] = []
    for day in sorted({row.known_from for row in all_rules() if row.holds_on(end)}):
        try:
            tax = tax_of(year, revenues, method=method, costs_vnd=costs_vnd, known_on=day)
        except TaxNotComputed:
            continue
        if not found or found[-1][1] != tax:
            found.append((day, tax))
    return found


def _if_all(road: Road, year: int, takings: Sequence[Takings], known_on: date | None) -> int:
    turned = [replace(one, road=road) for one in takings]
    return tax_of(year, revenues_of(turned), known_on=known_on).total_vnd


def _worst(
    year: int, revenues: Sequence[Revenue], best: HouseholdTax, known_on: date | None
) -> int:
    if not best.is_liable:
        return best.total_vnd
    left_vnd, split = best.threshold_vnd, dict[int, int]()
    for index in sorted(range(len(revenues)), key=lambda at: best.parts[at].pit_percent):
        split[index] = min(left_vnd, revenues[index].amount_vnd)
        left_vnd -= split[index]
    return tax_of(year, revenues, allowance=split, known_on=known_on).total_vnd
