from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.units import ROUND_VND, line_amount_vnd

prices = st.integers(1, 499_999_999)
quantities = st.decimals("0.001", "1000", places=3)


@settings(max_examples=60)
@given(price_vnd=prices, quantity=quantities, round_vnd=st.sampled_from(ROUND_VND))
def test_rounding_never_moves_a_line_by_more_than_half_a_step_or_to_nothing(
    price_vnd: int, quantity: Decimal, round_vnd: int
) -> None:
    exact = price_vnd * quantity

    amount_vnd = line_amount_vnd(price_vnd, quantity, round_vnd=round_vnd)

    assert amount_vnd > 0
    assert amount_vnd % round_vnd == 0
    assert abs(amount_vnd - exact) * 2 <= round_vnd or amount_vnd == round_vnd


@settings(max_examples=60)
@given(price_vnd=prices, quantity=quantities, more=quantities)
def test_more_goods_never_cost_less(price_vnd: int, quantity: Decimal, more: Decimal) -> None:
    less_vnd = line_amount_vnd(price_vnd, quantity, round_vnd=500)
    more_vnd = line_amount_vnd(price_vnd, quantity + more, round_vnd=500)

    assert less_vnd <= more_vnd
