from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID

from market import adoption
from market.adoption import StallTotals
from market.periods import Period

NOVEMBER = Period(date(2026, 10, 15), date(2026, 11, 14), "administrative")


def stall(number, **facts):
    base = StallTotals(
        stall_id=UUID(int=number),
        hall_id=UUID(int=1),
        area_id=None,
        vendor_id=UUID(int=1000 + number),
        code=f"A{number}",
        trade="rau củ",
        is_active=True,
        has_code=True,
    )
    return replace(base, **facts)


def test_coverage_and_activation_are_counted_over_active_stalls():
    stalls = [
        *(stall(number, cashless_count=1, cashless_vnd=10_000) for number in range(5)),
        stall(5),
        stall(6, has_code=False),
        stall(7, has_code=False),
        stall(8, is_active=False, cashless_count=3, cashless_vnd=30_000),
    ]

    found = adoption.figures_of(stalls, NOVEMBER)

    assert found["A1"].value == 8
    assert (found["A3"].numerator, found["A3"].denominator) == (6, 8)
    assert found["A3"].value == Decimal("75.0")
    assert found["B1"].value == Decimal("62.5")
    assert found["B2"].value == 8
    assert found["B3"].value == 80_000


def test_every_figure_says_its_days_basis_and_formula():
    found = adoption.figures_of([stall(1)], NOVEMBER)

    assert {one.first for one in found.values()} == {date(2026, 10, 15)}
    assert {one.last for one in found.values()} == {date(2026, 11, 14)}
    assert {code for code, one in found.items() if one.basis == "D"} == {"B6", "B7"}
    assert all(one.formula_vi for one in found.values())


def test_a_ratio_with_nothing_to_divide_by_has_no_value():
    found = adoption.figures_of([], NOVEMBER)

    assert found["A1"].value == 0
    assert found["A3"].value is None
    assert found["B4"].value is None
    assert found["A3"].withheld == ""


def test_percentages_round_half_up_to_one_decimal():
    assert adoption.percent(1, 3) == Decimal("33.3")
    assert adoption.percent(2, 3) == Decimal("66.7")
    assert adoption.percent(1, 8) == Decimal("12.5")
    assert adoption.percent(1, 2000) == Decimal("0.1")
    assert adoption.percent(7, 7) == Decimal("100.0")


def test_the_average_sale_is_rounded_half_up_to_the_dong():
    stalls = [stall(number, cashless_count=2, cashless_vnd=5) for number in range(5)]

    assert adoption.figures_of(stalls, NOVEMBER)["B4"].value == 3


def test_shares_from_declared_cash_are_published_once_half_the_stalls_record_it():
    careful = {"cash_count": 3, "cash_vnd": 60_000, "selling_days": 10, "cash_days": 8}
    careless = {"cash_count": 1, "cash_vnd": 20_000, "selling_days": 10, "cash_days": 7}
    paid = {"cashless_count": 1, "cashless_vnd": 40_000}
    half = [stall(number, **paid, **careful) for number in range(5)]
    other = [stall(number, **paid, **careless) for number in range(5, 10)]

    open_gate = adoption.figures_of([*half, *other], NOVEMBER)
    shut_gate = adoption.figures_of([*half[:4], *other], NOVEMBER)

    assert open_gate["B8"].value == Decimal("50.0")
    assert open_gate["B6"].value == Decimal("33.3")
    assert open_gate["B7"].value == Decimal("50.0")
    assert shut_gate["B6"].value is None
    assert shut_gate["B6"].withheld == "cash_gate"


def test_a_cell_of_fewer_than_five_vendors_is_shown_to_the_operator_alone():
    stalls = [stall(number, cashless_count=1, cashless_vnd=10_000) for number in range(4)]

    outside = adoption.figures_of(stalls, NOVEMBER)
    inside = adoption.figures_of(stalls, NOVEMBER, seen_by_operator=True)

    assert {one.withheld for one in outside.values()} >= {"small_cell"}
    assert outside["B3"].value is None
    assert outside["B3"].numerator is None
    assert inside["B3"].value == 40_000


def test_four_sellers_among_many_vendors_hide_the_money_but_not_the_coverage():
    stalls = [stall(number, cashless_count=int(number < 4)) for number in range(10)]

    found = adoption.figures_of(stalls, NOVEMBER)

    assert found["A3"].value == Decimal("100.0")
    assert found["B2"].withheld == "small_cell"


def test_a_vendor_with_two_stalls_counts_once_among_vendors():
    stalls = [stall(number, vendor_id=UUID(int=1000 + number // 2)) for number in range(8)]

    assert adoption.figures_of(stalls, NOVEMBER)["A1"].withheld == "small_cell"


def test_each_step_of_the_funnel_is_a_part_of_the_one_before():
    stalls = [
        stall(1, cashless_count=2, recent_count=1),
        stall(2, cashless_count=2),
        stall(3),
        stall(4, has_code=False, cashless_count=1, recent_count=1),
        stall(5, is_active=False),
    ]

    assert [count for _, count in adoption.funnel(stalls)] == [4, 3, 2, 1]


def test_the_state_of_a_stall_is_no_code_unused_or_in_use():
    assert stall(1, has_code=False).state == "no_code"
    assert stall(1).state == "unused"
    assert stall(1, cashless_count=1).state == "in_use"
