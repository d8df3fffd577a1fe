from datetime import date

import pytest

from market import periods
from market.periods import Period, PeriodError


def test_an_administrative_month_runs_from_the_15th_before_to_the_14th():
    november = periods.month("administrative", 2026, 11)

    assert (november.first, november.last) == (date(2026, 10, 15), date(2026, 11, 14))


def test_an_administrative_january_begins_in_the_year_before():
    january = periods.month("administrative", 2026, 1)

    assert (january.first, january.last) == (date(2025, 12, 15), date(2026, 1, 14))


def test_administrative_quarters_halves_and_years_follow_the_decree():
    quarter = periods.quarter("administrative", 2026, 4)
    half = periods.half_year("administrative", 2026)
    year = periods.whole_year("administrative", 2026)

    assert (quarter.first, quarter.last) == (date(2026, 9, 15), date(2026, 12, 14))
    assert (half.first, half.last) == (date(2025, 12, 15), date(2026, 6, 14))
    assert (year.first, year.last) == (date(2025, 12, 15), date(2026, 12, 14))


def test_statistical_periods_are_calendar_periods():
    month = periods.month("statistical", 2028, 2)
    quarter = periods.quarter("statistical", 2026, 1)
    year = periods.whole_year("statistical", 2026)

    assert (month.first, month.last) == (date(2028, 2, 1), date(2028, 2, 29))
    assert (quarter.first, quarter.last) == (date(2026, 1, 1), date(2026, 3, 31))
    assert (year.first, year.last) == (date(2026, 1, 1), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("day", "number"), [(date(2026, 11, 14), 11), (date(2026, 11, 15), 12), (date(2026, 12, 31), 1)]
)
def test_every_day_lies_in_the_administrative_month_found_for_it(day, number):
    found = periods.month_of("administrative", day)

    assert found.first <= day <= found.last
    assert found.last.month == number


def test_twelve_administrative_months_are_the_administrative_year_without_gap():
    months = [periods.month("administrative", 2026, number) for number in range(1, 13)]

    days = [day for one in months for day in one.days()]

    assert days == list(periods.whole_year("administrative", 2026).days())


def test_a_day_begins_at_five_in_the_afternoon_before_in_utc():
    day = periods.one_day(date(2026, 11, 23))

    assert day.start.isoformat() == "2026-11-22T17:00:00+00:00"
    assert day.end.isoformat() == "2026-11-23T17:00:00+00:00"


def test_a_running_period_is_cut_at_today_and_others_are_left_alone():
    period = Period(date(2026, 11, 15), date(2026, 12, 14))

    assert period.until(date(2026, 11, 23)).last == date(2026, 11, 23)
    assert period.until(date(2027, 1, 1)) == period
    assert period.until(date(2026, 1, 1)) == period


@pytest.mark.parametrize("last", [date(2026, 11, 22), date(2030, 1, 1)])
def test_a_period_that_ends_before_it_begins_or_never_ends_is_refused(last):
    with pytest.raises(PeriodError):
        Period(date(2026, 11, 23), last)
