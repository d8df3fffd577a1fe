"""How far a household's revenue of a year has come: against each dated limit, with alarms and dates. Pure.

Revenue counts however it was paid; the road it came by is kept to show that it makes no difference.
Source: Decree 68/2026, Art. 3-5 and 8 with Decree 141/2026, Art. 1; Law 109/2025, Art. 7.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import accumulate

from einvoice import rules
from einvoice.deadlines import register_by
from einvoice.filings import Filing, filings
from einvoice.household import TaxMethod

PACE_DAYS = 28
"""Four whole weeks: a market has its days of the week."""
PACE_DAYS_MIN = 7
"""Less than a week says nothing about a pace."""
_FOREVER_DAYS = 366 * 2


class Road(StrEnum):
    """How the money of a sale came."""

    QR = "qr"
    """Transfers, cards, wallets: whatever is not cash."""
    CASH = "cash"
    PLATFORM = "platform"
    """Through a platform that takes orders and payments, and may have withheld tax."""
    OTHER = "other"
    """Sold outside the market, written down by the vendor."""


class LimitKind(StrEnum):
    """The limits of a year's revenue. The value is the key of the rule."""

    FREE = "household_threshold_vnd"
    """Up to it, it included, neither tax; above it e-invoices and returns."""
    PERCENTAGE = "percentage_method_vnd_max"
    """Above it income tax by profit from the next year on."""
    MONTHLY = "monthly_filing_above_vnd"
    """Above it a return each month."""


@dataclass(frozen=True)
class DayRevenue:
    """Net revenue of one day by one road: returns are subtracted on the day they are made."""

    on: date
    road: Road
    amount_vnd: int


@dataclass(frozen=True)
class Limit:
    """One limit, and where the year stands against it."""

    kind: LimitKind
    limit_vnd: int
    source: str
    left_vnd: int
    """How much may still come without passing it; negative when passed."""
    passed_on: date | None
    """The first day from which revenue stayed above it."""
    expected_on: date | None
    """When it is passed at the present pace, if still in this year."""
    is_near: bool
    """Not passed, but the share that alarms is reached."""


@dataclass(frozen=True, kw_only=True)
class Meter:
    """The year so far."""

    year: int
    as_of: date
    total_vnd: int
    by_road: Mapping[Road, int]
    by_month: tuple[int, ...]
    pace_vnd: int | None
    """A day's revenue at the present pace; None while too few days are known."""
    year_end_vnd: int | None
    """What the year comes to at this pace."""
    limits: tuple[Limit, ...]
    filings: tuple[Filing, ...]
    """What this revenue makes the household file, soonest first."""
    register_by: date | None
    """E-invoices: until when to register, once the free limit is passed."""

    @property
    def by_quarter(self) -> tuple[int, ...]:
        """Four sums."""
        return tuple(sum(self.by_month[at : at + 3]) for at in (0, 3, 6, 9))

    def limit(self, kind: LimitKind) -> Limit:
        """One of the limits."""
        return next(one for one in self.limits if one.kind is kind)


def read(
    year: int,
    days: Iterable[DayRevenue],
    *,
    as_of: date,
    method: TaxMethod = TaxMethod.PERCENTAGE,
    started_on: date | None = None,
    known_on: date | None = None,
) -> Meter:
    """Where the year stands on `as_of`; days outside the year or later are left out.

    `as_of` itself counts in the sums and not in the pace: its day is not over.
    """
    kept = [one for one in days if one.on.year == year and one.on <= as_of]
    by_day = _by_day(kept)
    total_vnd = sum(by_day.values())
    pace = _pace(by_day, as_of)
    last = date(year, 12, 31)
    months = _by_month(by_day)
    limits = tuple(
        _limit(kind, last, by_day, total_vnd, pace, as_of, known_on) for kind in LimitKind
    )
    free = limits[0]
    quarters = [sum(months[at : at + 3]) for at in (0, 3, 6, 9)]
    return Meter(
        year=year,
        as_of=as_of,
        total_vnd=total_vnd,
        by_road=_by_road(kept),
        by_month=months,
        pace_vnd=pace and pace[0] // pace[1],
        year_end_vnd=pace and total_vnd + pace[0] * max(0, (last - as_of).days) // pace[1],
        limits=limits,
        filings=tuple(filings(year, quarters, method=method, started_on=started_on)),
        register_by=free.passed_on and register_by(_quarter_end(free.passed_on)),
    )


def duties_if_passed(on: date) -> tuple[date, date]:
    """Until when to register for e-invoices, and to file the first return, if the limit falls on a day.

    Source: Decree 141/2026, Art. 1.2.c; Decree 68/2026, Art. 8.
    """
    end = _quarter_end(on)
    quarters = [0, 0, 0, 0]
    quarters[(on.month - 1) // 3] = rules.amount(LimitKind.FREE.value, end) + 1
    return register_by(end), filings(on.year, quarters)[0].due_on


def trade_group(trade: str, on: date) -> str:
    """The tax group of a stall's line of goods; trade in goods unless a rule names another."""
    said = trade.strip().casefold()
    for row in rules.table("trade_groups", on):
        if str(row["trade"]) in said:
            return str(row["group"])
    return "goods"


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


def _by_day(days: Sequence[DayRevenue]) -> dict[date, int]:
    found: defaultdict[date, int] = defaultdict(int)
    for one in days:
        found[one.on] += one.amount_vnd
    return dict(sorted(found.items()))


def _by_road(days: Sequence[DayRevenue]) -> dict[Road, int]:
    found = dict.fromkeys(Road, 0)
    for one in days:
        found[one.road] += one.amount_vnd
    return found


def _by_month(by_day: Mapping[date, int]) -> tuple[int, ...]:
    months = [0] * 12
    for day, amount_vnd in by_day.items():
        months[day.month - 1] += amount_vnd
    return tuple(months)


def _pace(by_day: Mapping[date, int], as_of: date) -> tuple[int, int] | None:
    """What came in how many whole days before `as_of`."""
    first = next((day for day, amount_vnd in by_day.items() if amount_vnd > 0), None)
    if first is None:
        return None
    count = min(PACE_DAYS, (as_of - first).days)
    if count < PACE_DAYS_MIN:
        return None
    since = as_of - timedelta(days=count)
    return max(0, sum(vnd for day, vnd in by_day.items() if since <= day < as_of)), count


def _limit(
    kind: LimitKind,
    last: date,
    by_day: Mapping[date, int],
    total_vnd: int,
    pace: tuple[int, int] | None,
    as_of: date,
    known_on: date | None,
) -> Limit:
    row = rules.rule(kind.value, last, known_on)
    assert isinstance(row.value, int)
    limit_vnd = row.value
    is_passed = total_vnd > limit_vnd
    alarm = rules.amount("threshold_alarm_percent", last)
    return Limit(
        kind=kind,
        limit_vnd=limit_vnd,
        source=row.source,
        left_vnd=limit_vnd - total_vnd,
        passed_on=_passed_on(by_day, limit_vnd) if is_passed else None,
        expected_on=None if is_passed else _expected_on(limit_vnd - total_vnd, pace, as_of, last),
        is_near=not is_passed and total_vnd * 100 >= limit_vnd * alarm,
    )


def _passed_on(by_day: Mapping[date, int], limit_vnd: int) -> date:
    """Returns may bring a year back under its limit: the last time it rose above counts."""
    sums = list(accumulate(by_day.values()))
    below = [index for index, vnd in enumerate(sums) if vnd <= limit_vnd]
    return list(by_day)[below[-1] + 1 if below else 0]


def _expected_on(
    left_vnd: int, pace: tuple[int, int] | None, as_of: date, last: date
) -> date | None:
    if pace is None or pace[0] == 0:
        return None
    count = -(-(left_vnd + 1) * pace[1] // pace[0])
    if count > _FOREVER_DAYS:
        return None
    day = as_of + timedelta(days=count)
    return day if day <= last else None


def _quarter_end(day: date) -> date:
    month = (day.month - 1) // 3 * 3 + 3
    first_of_next = date(day.year + month // 12, month % 12 + 1, 1)
    return first_of_next - timedelta(days=1)
