"""What a household business owes in a year: VAT and personal income tax, by either method. Pure.

Sources: Law 109/2025 Art. 7, Decree 68/2026 Art. 3-6 with Decree 141/2026, Law 48/2024 Art. 12.2.b,
Circular 69/2025 Art. 5. Nothing here replaces a tax return.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, localcontext
from enum import StrEnum

from einvoice import amounts, rules
from einvoice.errors import RuleUnknown, TaxNotComputed

YEAR_MIN = 2026
"""Households declare by themselves from this year on; before, most paid a lump sum."""


class Group(StrEnum):
    """Trade groups that share a rate."""

    GOODS = "goods"
    SERVICES = "services"
    LETTING = "letting"
    PRODUCTION = "production"
    """Production, transport, services with goods: food and drink too."""
    OTHER = "other"
    DIGITAL = "digital"


class TaxMethod(StrEnum):
    """How personal income tax is computed; VAT is by percentage in both."""

    PERCENTAGE = "percentage"
    PROFIT = "profit"


@dataclass(frozen=True, kw_only=True)
class Revenue:
    """Revenue of a year. Several groups: it was not kept apart, so the highest rate counts.

    `reduced_vnd` is the part whose goods have the VAT cut (normally at 10 %).
    """

    groups: tuple[Group, ...]
    amount_vnd: int
    reduced_vnd: int = 0
    site: str = ""


@dataclass(frozen=True, kw_only=True)
class TaxPart:
    """What one revenue adds. `taken_vnd` of it is covered by the allowance."""

    revenue: Revenue
    vat_percent: Decimal
    pit_percent: Decimal
    vat_vnd: int
    pit_vnd: int
    cut_vnd: int = 0
    taken_vnd: int = 0


@dataclass(frozen=True, kw_only=True)
class HouseholdTax:
    """The tax of one year."""

    year: int
    method: TaxMethod
    revenue_vnd: int
    threshold_vnd: int
    is_liable: bool
    parts: tuple[TaxPart, ...]
    vat_vnd: int
    pit_vnd: int
    profit_vnd: int | None = None
    profit_percent: Decimal | None = None
    must_change_method: bool = False
    """By percentage over the limit at the year's end: by profit from the next year on."""

    @property
    def total_vnd(self) -> int:
        """Both taxes."""
        return self.vat_vnd + self.pit_vnd


def tax_of(
    year: int,
    revenues: Sequence[Revenue],
    *,
    method: TaxMethod = TaxMethod.PERCENTAGE,
    costs_vnd: int | None = None,
    allowance: Mapping[int, int] | None = None,
    known_on: date | None = None,
) -> HouseholdTax:
    """The tax of a year. `allowance` says how the free amount is split, by place in `revenues`.

    Without it the split is the best one: highest rate first. Exactly the threshold is still free.
    Raises: TaxNotComputed.
    """
    _sane(year, revenues, costs_vnd)
    day = date(year, 12, 31)
    try:
        threshold_vnd = rules.amount("household_threshold_vnd", day, known_on)
        parts = [_part(one, day, known_on) for one in revenues]
    except RuleUnknown as error:
        raise TaxNotComputed(str(error)) from error
    revenue_vnd = sum(one.amount_vnd for one in revenues)
    is_liable = revenue_vnd > threshold_vnd
    profit_vnd = profit_percent = None
    must_change = False
    if not is_liable:
        parts = [_free(one) for one in parts]
    elif method is TaxMethod.PERCENTAGE:
        taken = _taken(parts, threshold_vnd, allowance)
        parts = [_by_percentage(one, part) for one, part in zip(parts, taken, strict=True)]
        must_change = revenue_vnd > rules.amount("percentage_method_vnd_max", day, known_on)
    else:
        parts = _letting_apart(parts, threshold_vnd)
        profit_vnd, profit_percent = _profit(parts, revenue_vnd, costs_vnd, day, known_on)
    pit_vnd = sum(one.pit_vnd for one in parts)
    if profit_vnd is not None and profit_percent is not None:
        pit_vnd += _share(profit_vnd, profit_percent)
    return HouseholdTax(
        year=year,
        method=method,
        revenue_vnd=revenue_vnd,
        threshold_vnd=threshold_vnd,
        is_liable=is_liable,
        parts=tuple(parts),
        vat_vnd=sum(one.vat_vnd for one in parts),
        pit_vnd=pit_vnd,
        profit_vnd=profit_vnd,
        profit_percent=profit_percent,
        must_change_method=must_change,
    )


def withheld_vnd(
    kind: str, base_vnd: int, on: date, *, is_resident: bool = True
) -> tuple[int, int]:
    """VAT and income tax a platform with ordering and payment withholds from one transaction.

    Kinds: goods, services, transport; any other pays the highest rate.
    Source: Decree 252/2026, Art. 43-46; before 1 July 2026 Decree 117/2025.
    """
    rows = {row["kind"]: row for row in rules.table("platform_withholding", on)}
    row = rows.get(kind, rows["unknown"])
    income = row["pit" if is_resident else "pit_foreign"]
    return _share(base_vnd, Decimal(row["vat"])), _share(base_vnd, Decimal(income))


def _sane(year: int, revenues: Sequence[Revenue], costs_vnd: int | None) -> None:
    if year < YEAR_MIN:
        raise TaxNotComputed(f"households declare by themselves from {YEAR_MIN} on")
    if costs_vnd is not None and costs_vnd < 0:
        raise TaxNotComputed("costs are negative")
    for one in revenues:
        if one.amount_vnd < 0 or not one.groups:
            raise TaxNotComputed("a revenue is negative or names no trade group")
        if not 0 <= one.reduced_vnd <= one.amount_vnd:
            raise TaxNotComputed("the part with the VAT cut is larger than the revenue")


def _part(one: Revenue, day: date, known_on: date | None) -> TaxPart:
    vat = max(rules.percent(f"vat_percent_{group}", day, known_on) for group in one.groups)
    pit = max(rules.percent(f"pit_percent_{group}", day, known_on) for group in one.groups)
    cut_vnd = 0
    if one.reduced_vnd:
        cut = rules.amount("vat_reduction_percent", day, known_on)
        cut_vnd = amounts.percentage_reduction_vnd(one.reduced_vnd, vat, cut)
    vat_vnd = _share(one.amount_vnd, vat) - cut_vnd
    return TaxPart(
        revenue=one, vat_percent=vat, pit_percent=pit, vat_vnd=vat_vnd, pit_vnd=0, cut_vnd=cut_vnd
    )


def _free(part: TaxPart) -> TaxPart:
    return TaxPart(
        revenue=part.revenue,
        vat_percent=part.vat_percent,
        pit_percent=part.pit_percent,
        vat_vnd=0,
        pit_vnd=0,
        taken_vnd=part.revenue.amount_vnd,
    )


def _taken(
    parts: Sequence[TaxPart], threshold_vnd: int, allowance: Mapping[int, int] | None
) -> list[int]:
    """How much of each revenue the allowance covers."""
    if allowance is None:
        return _best(parts, threshold_vnd)
    if any(not 0 <= index < len(parts) for index in allowance):
        raise TaxNotComputed("the allowance names a revenue that is not there")
    taken = [allowance.get(index, 0) for index in range(len(parts))]
    if sum(taken) > threshold_vnd:
        raise TaxNotComputed(f"the allowance is more than {threshold_vnd} đồng")
    for one, part in zip(taken, parts, strict=True):
        if not 0 <= one <= part.revenue.amount_vnd:
            raise TaxNotComputed("the allowance of a trade is more than its revenue")
    return taken


def _best(parts: Sequence[TaxPart], left_vnd: int) -> list[int]:
    taken = [0] * len(parts)
    for index in sorted(range(len(parts)), key=lambda index: -parts[index].pit_percent):
        taken[index] = min(left_vnd, parts[index].revenue.amount_vnd)
        left_vnd -= taken[index]
    return taken


def _by_percentage(part: TaxPart, taken_vnd: int) -> TaxPart:
    taxed_vnd = part.revenue.amount_vnd - taken_vnd
    return TaxPart(
        revenue=part.revenue,
        vat_percent=part.vat_percent,
        pit_percent=part.pit_percent,
        vat_vnd=part.vat_vnd,
        pit_vnd=_share(taxed_vnd, part.pit_percent),
        cut_vnd=part.cut_vnd,
        taken_vnd=taken_vnd,
    )


def _is_letting(part: TaxPart) -> bool:
    return part.revenue.groups == (Group.LETTING,)


def _letting_apart(parts: Sequence[TaxPart], threshold_vnd: int) -> list[TaxPart]:
    """Letting is taxed by percentage of what is above the threshold, whatever the method."""
    done: list[TaxPart] = []
    for part in parts:
        taken_vnd = min(threshold_vnd, part.revenue.amount_vnd) if _is_letting(part) else 0
        threshold_vnd -= taken_vnd
        done.append(_by_percentage(part, taken_vnd) if _is_letting(part) else part)
    return done


def _profit(
    parts: Sequence[TaxPart],
    revenue_vnd: int,
    costs_vnd: int | None,
    day: date,
    known_on: date | None,
) -> tuple[int, Decimal]:
    if costs_vnd is None:
        raise TaxNotComputed("by profit, the deductible costs must be given")
    traded_vnd = sum(one.revenue.amount_vnd for one in parts if not _is_letting(one))
    bands = rules.table("profit_bands", day, known_on)
    band = next(one for one in bands if revenue_vnd <= one.get("vnd_max", revenue_vnd))
    return max(0, traded_vnd - costs_vnd), Decimal(band["percent"])


def _share(amount_vnd: int, percent: Decimal) -> int:
    with localcontext(prec=amounts.DIGITS):
        return amounts.rounded(amount_vnd * percent / 100)
