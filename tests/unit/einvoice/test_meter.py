"""The revenue of a year against its limits: D68 Art. 3-5 and 8, D141 Art. 1, L109 Art. 7."""

from datetime import date, timedelta

import pytest

from einvoice import meter
from einvoice.meter import DayRevenue, LimitKind, Road

M = 1_000_000
AS_OF = date(2026, 11, 17)


def days(vnd: int, count: int, first: date = date(2026, 1, 1), road: Road = Road.QR):
    return [DayRevenue(first + timedelta(days=at), road, vnd) for at in range(count)]


def test_exactly_the_limit_is_not_above_it():
    """D141 1.1: exactly one billion is still free."""
    at = meter.read(2026, [DayRevenue(date(2026, 3, 1), Road.CASH, 1_000 * M)], as_of=AS_OF)
    above = meter.read(2026, [DayRevenue(date(2026, 3, 1), Road.CASH, 1_000 * M + 1)], as_of=AS_OF)

    assert at.limit(LimitKind.FREE).passed_on is None
    assert above.limit(LimitKind.FREE).passed_on == date(2026, 3, 1)


def test_every_road_counts_and_each_is_kept():
    """D68 5.1: revenue counts however it is paid."""
    mixed = [DayRevenue(date(2026, 5, 1), road, 300 * M) for road in Road]

    told = meter.read(2026, mixed, as_of=AS_OF)

    assert told.total_vnd == 1_200 * M
    assert set(told.by_road.values()) == {300 * M}
    assert told.limit(LimitKind.FREE).passed_on == date(2026, 5, 1)


@pytest.mark.parametrize(
    ("kind", "limit_vnd"),
    [
        (LimitKind.FREE, 1_000 * M),  # D141 1.1
        (LimitKind.PERCENTAGE, 3_000 * M),  # L109 7.3
        (LimitKind.MONTHLY, 50_000 * M),  # D68 8
    ],
)
def test_each_limit_is_the_one_of_the_year(kind, limit_vnd):
    told = meter.read(2026, days(limit_vnd // 100, 100), as_of=AS_OF)

    assert told.limit(kind).limit_vnd == limit_vnd
    assert told.limit(kind).left_vnd == 0
    assert told.limit(kind).is_near


def test_the_day_of_passing_follows_from_the_pace_of_four_weeks():
    told = meter.read(2026, days(3 * M, 320), as_of=AS_OF)

    assert told.pace_vnd == 3 * M
    assert told.total_vnd == 960 * M
    assert told.limit(LimitKind.FREE).expected_on == date(2026, 12, 1)  # 14 days of 3 million
    assert told.year_end_vnd == 960 * M + 44 * 3 * M


def test_less_than_a_week_foretells_nothing():
    told = meter.read(2026, days(100 * M, 6, AS_OF - timedelta(days=6)), as_of=AS_OF)

    assert told.pace_vnd is None
    assert told.year_end_vnd is None
    assert told.limit(LimitKind.FREE).expected_on is None


def test_today_counts_and_does_not_set_the_pace():
    steady = days(1 * M, 30, AS_OF - timedelta(days=30))

    told = meter.read(2026, [*steady, DayRevenue(AS_OF, Road.QR, 500 * M)], as_of=AS_OF)

    assert told.pace_vnd == 1 * M
    assert told.total_vnd == 530 * M


def test_a_return_may_bring_the_year_back_under_its_limit():
    """D68 5.1: returned goods are no revenue."""
    year = [
        DayRevenue(date(2026, 3, 1), Road.QR, 1_100 * M),
        DayRevenue(date(2026, 4, 1), Road.QR, -200 * M),
        DayRevenue(date(2026, 6, 1), Road.QR, 150 * M),
    ]

    assert meter.read(2026, year[:2], as_of=AS_OF).limit(LimitKind.FREE).passed_on is None
    assert meter.read(2026, year, as_of=AS_OF).limit(LimitKind.FREE).passed_on == date(2026, 6, 1)


def test_other_years_and_later_days_are_left_out():
    told = meter.read(
        2026,
        [
            DayRevenue(date(2025, 12, 31), Road.QR, M),
            DayRevenue(date(2026, 1, 1), Road.QR, M),
            DayRevenue(AS_OF + timedelta(days=1), Road.QR, M),
        ],
        as_of=AS_OF,
    )

    assert told.total_vnd == M
    assert told.by_month[0] == M
    assert told.by_quarter == (M, 0, 0, 0)


def test_who_passes_registers_within_thirty_days_of_the_quarter():
    """D141 1.2.c; D68 8: the first return by the end of the next quarter's first month."""
    told = meter.read(2026, [DayRevenue(date(2026, 8, 5), Road.QR, 1_001 * M)], as_of=AS_OF)

    assert told.register_by == date(2026, 10, 30)
    assert meter.duties_if_passed(date(2026, 8, 5)) == (date(2026, 10, 30), date(2026, 10, 31))
    assert meter.duties_if_passed(date(2026, 12, 31)) == (date(2027, 1, 30), date(2027, 1, 31))
    assert [one.form for one in told.filings] == ["01/CNKD", "01/CNKD"]


def test_the_limit_is_the_one_known_on_the_day_asked():
    """L109 said 500 million until D141 of 29 April 2026 raised it for the whole year."""
    year = days(6 * M, 100)

    before = meter.read(2026, year, as_of=AS_OF, known_on=date(2026, 4, 28))
    after = meter.read(2026, year, as_of=AS_OF, known_on=date(2026, 4, 29))

    assert before.limit(LimitKind.FREE).passed_on == date(2026, 3, 25)
    assert after.limit(LimitKind.FREE).passed_on is None


def test_an_empty_year_has_a_notice_to_file_and_nothing_else():
    """D68 8, C89 99.5: the revenue notice by 31 January."""
    told = meter.read(2026, [], as_of=AS_OF)

    assert [(one.form, one.due_on) for one in told.filings] == [
        ("01/TKN-CNKD", date(2027, 1, 31)),
    ]
    assert told.register_by is None


@pytest.mark.parametrize(
    ("trade", "group"),
    [("ăn sáng", "production"), ("Sửa chữa", "services"), ("rau củ", "goods"), ("", "goods")],
)
def test_a_stall_s_trade_has_a_group(trade, group):
    """L48 12.2.b, C69 Annex I: reselling is trade in goods, meals are production."""
    assert meter.trade_group(trade, AS_OF) == group
