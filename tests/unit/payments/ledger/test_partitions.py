"""Which months are made and which are closed, from the day alone."""

from datetime import date

import pytest

from payments.ledger.partitions import closes_before, months


def test_months_go_on_over_the_new_year():
    assert months(date(2026, 11, 23), 3) == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]


def test_months_go_back_over_the_new_year():
    assert months(date(2026, 2, 28), -3) == [date(2026, 2, 1), date(2026, 1, 1), date(2025, 12, 1)]


@pytest.mark.parametrize(
    ("today", "first_open"),
    [
        (date(2026, 11, 1), date(2026, 9, 1)),
        (date(2026, 11, 30), date(2026, 9, 1)),
        (date(2026, 2, 15), date(2025, 12, 1)),
    ],
)
def test_a_month_is_closed_two_months_after_its_end(today, first_open):
    assert closes_before(today) == first_open
