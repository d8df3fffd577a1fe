from datetime import UTC, date, datetime

from market import clock


def test_a_sale_half_an_hour_after_midnight_belongs_to_the_new_day_in_vietnam() -> None:
    instant = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)

    day = clock.local_day(instant)

    assert day == date(2026, 11, 23)
    start, end = clock.day_bounds(day)
    assert start <= instant < end
