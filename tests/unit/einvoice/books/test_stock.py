"""S2d at the weighted average of the period (Circular 152/2025)."""

from datetime import date
from decimal import Decimal

from einvoice import books
from einvoice.books import Book
from einvoice.books.stock import stock_cards
from tests.unit.einvoice.books.conftest import HOUSEHOLD, QUARTER, read_back

SINCE = date(2026, 10, 1)


def move(on: date, quantity: str, cost_vnd: int = 0, goods: str = "Cam") -> books.GoodsMove:
    return books.GoodsMove(
        on=on, document="", text="Mua" if cost_vnd else "Bán", goods=goods, unit="kg",
        quantity=Decimal(quantity), cost_vnd=cost_vnd,
    )  # fmt: skip


def test_what_is_sold_costs_the_average_of_the_period():
    (card,) = stock_cards(
        [
            move(date(2026, 10, 2), "10", 200_000),
            move(date(2026, 10, 9), "10", 300_000),
            move(date(2026, 10, 5), "-8"),
        ],
        SINCE,
    )

    assert card.sold_vnd == 200_000  # 8 of 20 for 500,000
    assert (card.closing, card.closing_vnd) == (Decimal(12), 300_000)


def test_what_moved_before_makes_the_opening_stock():
    (card,) = stock_cards(
        [
            move(date(2026, 9, 1), "10", 200_000),
            move(date(2026, 9, 2), "-4"),
            move(date(2026, 10, 5), "-6"),
        ],
        SINCE,
    )

    assert (card.opening, card.opening_vnd) == (Decimal(6), 120_000)
    assert (card.closing, card.closing_vnd) == (Decimal(0), 0)


def test_the_first_day_of_a_period_is_in_it():
    (card,) = stock_cards([move(SINCE, "2", 40_000)], SINCE)

    assert (card.opening, card.bought, card.closing_vnd) == (Decimal(0), Decimal(2), 40_000)


def test_more_sold_than_bought_costs_no_more_than_was_paid():
    (card,) = stock_cards(
        [move(date(2026, 10, 2), "1", 20_000), move(date(2026, 10, 3), "-3")], SINCE
    )

    assert card.sold_vnd == 20_000
    assert (card.closing, card.closing_vnd) == (Decimal(-2), 0)


def test_goods_that_were_never_bought_are_not_kept_in_stock():
    assert stock_cards([move(date(2026, 10, 2), "-1")], SINCE) == []


def test_one_name_in_two_spellings_is_one_card():
    cards = stock_cards(
        [move(date(2026, 10, 2), "1", 20_000), move(date(2026, 10, 3), "-1", goods="CAM")], SINCE
    )

    assert len(cards) == 1


def test_the_cost_of_what_was_sold_stands_in_s2c():
    cards = stock_cards(
        [move(date(2026, 10, 2), "2", 50_000), move(date(2026, 10, 3), "-1")], SINCE
    )
    accounts = books.Accounts(household=HOUSEHOLD, period=QUARTER, items=(), cards=cards)

    rows = read_back(books.xlsx_of(books.book_of(Book.S2C, accounts)))
    stock = read_back(books.xlsx_of(books.book_of(Book.S2D, accounts)))

    assert any(row[2:3] == ["Giá vốn hàng đã bán trong kỳ"] and row[4] == 25_000 for row in rows)
    assert ["Cam (kg)"] in stock
    assert any(row[2:] == ["Cộng, tồn cuối kỳ", 2, 50_000, 1, 25_000, 1, 25_000] for row in stock)
