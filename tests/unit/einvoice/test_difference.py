"""What an adjustment says: differences that add up."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from einvoice.difference import cheaper, differences, lessened, merged, spread
from einvoice.invoice import Line, line, totals_of

BASKET = (
    line("Bún bò", 2, 40_000, unit="Tô"),
    line("Trà đá", 3, 5_000, unit="Ly"),
    line("Chả quế", Decimal("0.35"), 45_000, unit="kg"),
)


def payable(lines):
    return totals_of(2, lines).payable_vnd


def test_fewer_pieces_are_a_negative_quantity():
    right = (line("Bún bò", 1, 40_000, unit="Tô"), *BASKET[1:])

    (one,) = differences(BASKET, right)

    assert (one.name, one.quantity, one.amount_vnd) == ("Bún bò", -1, -40_000)


def test_another_name_takes_the_wrong_goods_back_and_adds_the_right_ones():
    right = (line("Bún riêu", 2, 40_000, unit="Tô"), *BASKET[1:])

    found = differences(BASKET, right)

    assert [(one.name, one.amount_vnd) for one in found] == [
        ("Bún bò", -80_000),
        ("Bún riêu", 80_000),
    ]


def test_what_is_the_same_makes_no_lines():
    assert differences(BASKET, tuple(reversed(BASKET))) == ()


def test_all_of_it_takes_every_line_back():
    found = lessened(BASKET, payable(BASKET))

    assert found is not None
    assert payable(found) == -payable(BASKET)
    assert merged(BASKET, found) == ()


def test_the_only_line_bears_a_part_in_pieces_where_it_is_whole_pieces():
    by_piece = lessened(BASKET[:1], 40_000)
    by_money = lessened(BASKET[:1], 30_000)

    assert by_piece is not None
    assert by_money is not None
    assert (by_piece[0].quantity, by_piece[0].amount_vnd) == (-1, -40_000)
    assert (by_money[0].quantity, by_money[0].amount_vnd) == (None, -30_000)


def test_a_part_that_is_the_price_of_one_line_is_that_line():
    found = lessened(BASKET, 15_000)

    assert found is not None
    assert [(one.name, one.quantity) for one in found] == [("Trà đá", -3)]


def test_a_part_that_could_be_of_any_goods_is_left_to_a_person():
    assert lessened(BASKET, 20_000) is None
    assert lessened(BASKET, 20_000, index=1) is None  # the tea was cheaper than that
    chosen = lessened(BASKET, 20_000, index=0)
    assert chosen is not None
    assert chosen[0].amount_vnd == -20_000


@st.composite
def baskets(draw):
    count = st.decimals(min_value="0.01", max_value=99, places=2)
    return tuple(
        line(f"Hàng {index}", draw(count), draw(st.integers(1, 500_000)), unit="kg")
        for index in range(draw(st.integers(1, 5)))
    )


@settings(max_examples=50)
@given(baskets(), baskets())
def test_the_differences_make_one_basket_of_another(before: tuple[Line, ...], after):
    found = differences(before, after)

    assert payable(before) + payable(found) == payable(after)
    assert payable(merged(before, found)) == payable(after)


@settings(max_examples=50)
@given(baskets(), st.data())
def test_an_amount_spread_over_the_goods_adds_up(basket, data):
    amount_vnd = data.draw(st.integers(1, max(1, payable(basket))))
    if payable(basket) == 0:
        return

    found = spread(basket, amount_vnd)

    assert payable(found) == -amount_vnd
    assert all(one.amount_vnd is not None and one.amount_vnd < 0 for one in found)


def test_goods_that_lost_a_part_of_their_price_are_one_line_still():
    once = lessened(BASKET[:1], 30_000)
    assert once is not None
    now = merged(BASKET[:1], once)

    again = lessened(now, 20_000)

    assert [(one.quantity, one.amount_vnd) for one in now] == [(None, 50_000)]
    assert again is not None
    assert payable(merged(now, again)) == 30_000


def test_the_same_goods_for_less_keep_their_pieces():
    (one,) = cheaper(BASKET[:1], 20_000) or ()

    assert (one.quantity, one.unit_price_vnd, one.amount_vnd) == (2, 30_000, 60_000)
    assert cheaper(BASKET, 20_000) is None
    assert payable(cheaper(BASKET, 20_000, index=0) or ()) == payable(BASKET) - 20_000
