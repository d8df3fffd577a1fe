from decimal import Decimal

import pytest

from catalog.errors import InvalidQuantity
from catalog.units import UNITS, checked_quantity, line_amount_vnd


@pytest.mark.parametrize(
    ("price_vnd", "quantity", "round_vnd", "amount_vnd"),
    [
        (150_000, "0.35", 1, 52_500),
        (150_000, "0.35", 500, 52_500),
        (150_000, "0.35", 1000, 53_000),
        (33_333, "0.1", 1, 3_333),
        (33_335, "0.1", 1, 3_334),
        (21_500, "1", 1000, 22_000),
        (200, "1", 1000, 1_000),
        (8_000, "3", 500, 24_000),
    ],
)
def test_a_line_costs_price_times_quantity_rounded_half_up_to_the_stalls_step(
    price_vnd: int, quantity: str, round_vnd: int, amount_vnd: int
) -> None:
    found = line_amount_vnd(price_vnd, Decimal(quantity), round_vnd=round_vnd)

    assert found == amount_vnd


@pytest.mark.parametrize(
    ("unit", "quantity"),
    [("kg", "0.35"), ("kg", "12"), ("mo", "3"), ("chuc", "0.5"), ("chuc", "1.2"), ("lit", "1.5")],
)
def test_weighed_goods_are_sold_to_the_gram_and_counted_goods_in_steps(
    unit: str, quantity: str
) -> None:
    assert checked_quantity(UNITS[unit], Decimal(quantity)) == Decimal(quantity)


@pytest.mark.parametrize(
    ("unit", "quantity"),
    [
        ("kg", "0"),
        ("kg", "-1"),
        ("kg", "0.0001"),
        ("mo", "0.5"),
        ("chuc", "0.15"),
        ("kg", "NaN"),
        ("kg", "Infinity"),
        ("kg", "100001"),
    ],
)
def test_what_cannot_be_sold_is_refused_with_the_step(unit: str, quantity: str) -> None:
    with pytest.raises(InvalidQuantity) as caught:
        checked_quantity(UNITS[unit], Decimal(quantity))

    assert caught.value.unit == unit


@pytest.mark.parametrize(
    ("code", "factor", "step"),
    [("kg", "1000", "0.1"), ("lang", "100", "0.5"), ("yen", "10000", "0.1"), ("chuc", "10", "0.1")],
)
def test_the_units_of_the_market_have_their_factor_and_step(
    code: str, factor: str, step: str
) -> None:
    unit = UNITS[code]

    assert (unit.factor, unit.step) == (Decimal(factor), Decimal(step))


def test_every_unit_of_the_reference_is_in_the_list() -> None:
    names = {unit.name_vi for unit in UNITS.values()}

    wanted = "kg lạng yến tạ lít mớ bó củ quả con nải bìa chục xiên gói hộp chai hũ chiếc đôi"
    assert set(wanted.split()) <= names
