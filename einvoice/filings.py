"""Which returns and notices a household business files, and until when. Pure.

Source: Decree 68/2026, Art. 8-10, 13.4, 18; Circular 18/2026, Art. 3-4, 8; Circular 89/2026, Art. 99.5, 100.
"""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from einvoice import rules
from einvoice.deadlines import working_day_from
from einvoice.household import TaxMethod


@dataclass(frozen=True)
class Filing:
    """One paper to file."""

    form: str
    period: str
    """12/2026, 3/2026 (a quarter) or 2026, as the forms write periods."""
    due_on: date
    """As the decree names it, the day to keep to."""
    source: str

    @property
    def ends_on(self) -> date:
        """The day the term ends: the next working day where `due_on` is a day off."""
        return working_day_from(self.due_on)


def filings(
    year: int,
    revenue_by_quarter_vnd: Sequence[int],
    *,
    method: TaxMethod = TaxMethod.PERCENTAGE,
    started_on: date | None = None,
) -> list[Filing]:
    """What this year's revenue makes a household file, soonest first.

    At or under the threshold one notice (two for who started in the first half); over it quarterly
    returns from the quarter in which it was passed; monthly over 50 bn; a settlement by profit.
    """
    assert len(revenue_by_quarter_vnd) == 4
    end = date(year, 12, 31)
    threshold_vnd = rules.amount("household_threshold_vnd", end)
    total_vnd = sum(revenue_by_quarter_vnd)
    if total_vnd <= threshold_vnd:
        return _notices(year, started_on)
    found = _returns(year, revenue_by_quarter_vnd, threshold_vnd, total_vnd)
    if method is TaxMethod.PROFIT:
        found.append(_filing("form_profit_settlement", f"{year}", date(year + 1, 3, 31)))
    return sorted(found, key=lambda one: one.due_on)


def _notices(year: int, started_on: date | None) -> list[Filing]:
    found = [_filing("form_revenue_notice", f"{year}", date(year + 1, 1, 31))]
    if started_on is not None and started_on.year == year and started_on.month <= 6:
        found.insert(0, _filing("form_revenue_notice", f"H1/{year}", date(year, 7, 31)))
    return found


def _returns(
    year: int, quarters: Sequence[int], threshold_vnd: int, total_vnd: int
) -> list[Filing]:
    if total_vnd > rules.amount("monthly_filing_above_vnd", date(year, 12, 31)):
        return [
            _filing("form_return", f"{month:02d}/{year}", _next_month(year, month, 20))
            for month in range(1, 13)
        ]
    passed = next(i for i in range(4) if sum(quarters[: i + 1]) > threshold_vnd)
    return [
        _filing("form_return", f"{quarter}/{year}", _next_month(year, quarter * 3, 31))
        for quarter in range(passed + 1, 5)
    ]


def _next_month(year: int, month: int, day: int) -> date:
    year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return date(year, month, min(day, monthrange(year, month)[1]))


def _filing(key: str, period: str, due_on: date) -> Filing:
    row = rules.rule(key, due_on)
    return Filing(str(row.value), period, due_on, row.source)
