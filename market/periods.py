"""Reporting periods in Vietnamese days: the administrative and the statistical calendar (pure)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from market import clock

ADMINISTRATIVE_DAY = 15
"""An administrative period begins on this day of the month before it is named after.

Source: Decree 09/2019/NĐ-CP, article 12.
"""
DAYS_MAX = 800
"""The longest period a screen may ask for: two years and the overlap of two calendars."""

Calendar = Literal["administrative", "statistical", "days"]


class PeriodError(Exception):
    """The asked period ends before it begins, or is longer than two years."""

    code = "period_invalid"

    def __init__(self, first: date, last: date) -> None:
        super().__init__(f"{first} to {last} is not a period of 1 to {DAYS_MAX} days.")
        self.first, self.last = first, last


@dataclass(frozen=True)
class Period:
    """Whole Vietnamese days, both ends included."""

    first: date
    last: date
    calendar: Calendar = "days"

    def __post_init__(self) -> None:
        if not 1 <= (self.last - self.first).days + 1 <= DAYS_MAX:
            raise PeriodError(self.first, self.last)

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return clock.day_bounds(self.first)[0]

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return clock.day_bounds(self.last)[1]

    def days(self) -> Iterator[date]:
        """Each day, in order."""
        for number in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=number)

    def until(self, day: date) -> "Period":
        """The part that is over or running on `day`; itself if it lies wholly after."""
        if day < self.first or day >= self.last:
            return self
        return Period(self.first, day, self.calendar)


def month(calendar: Calendar, year: int, number: int) -> Period:
    """Month `number` of `year`: 15th of the month before → 14th, or 1st → last day."""
    return _months(calendar, year, number, 1)


def quarter(calendar: Calendar, year: int, number: int) -> Period:
    """Quarter 1–4: 15th of the month before it → 14th of its last month, or calendar quarter."""
    assert 1 <= number <= 4
    return _months(calendar, year, number * 3 - 2, 3)


def half_year(calendar: Calendar, year: int) -> Period:
    """The first six months: 15/12 → 14/6, or 1/1 → 30/6."""
    return _months(calendar, year, 1, 6)


def whole_year(calendar: Calendar, year: int) -> Period:
    """The year: 15/12 → 14/12, or 1/1 → 31/12."""
    return _months(calendar, year, 1, 12)


def month_of(calendar: Calendar, day: date) -> Period:
    """The month of this calendar that a day lies in."""
    if calendar == "administrative" and day.day >= ADMINISTRATIVE_DAY:
        following = _shifted(day.replace(day=1), 1)
        return month(calendar, following.year, following.month)
    return month(calendar, day.year, day.month)


def one_day(day: date) -> Period:
    """A single day."""
    return Period(day, day)


def _months(calendar: Calendar, year: int, first_month: int, count: int) -> Period:
    assert 1 <= first_month <= 12
    begin = date(year, first_month, 1)
    end = _shifted(begin, count)
    if calendar == "administrative":
        begin = _shifted(begin, -1).replace(day=ADMINISTRATIVE_DAY)
        end = _shifted(end, -1).replace(day=ADMINISTRATIVE_DAY)
    return Period(begin, end - timedelta(days=1), calendar)


def _shifted(first_of_month: date, months: int) -> date:
    number = first_of_month.year * 12 + first_of_month.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)
