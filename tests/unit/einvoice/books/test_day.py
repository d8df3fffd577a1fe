"""The evening's check: D254 4.1, 6.1.d, 9, 15.3; C91 10; the fines of D125 24 with D310."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import pytest

from einvoice import books
from einvoice.books import Finding, InvoiceMark, Sold

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
LATER = NOON + timedelta(days=2)
SPACE = UUID(int=7)


def name(number: int) -> UUID:
    return uuid5(SPACE, str(number))


def sold(number: int = 1, **more) -> Sold:
    facts = {"on": DAY, "amount_vnd": 50_000, "is_cash": False, "is_paid": True,
             "payment_state": "settled"}  # fmt: skip
    return Sold(id=name(number), **(facts | more))


def mark(of: int = 1, **more) -> InvoiceMark:
    facts = {
        "id": name(of + 1_000), "subject_id": name(of), "kind": "original",
        "corrects_id": None, "template": 2, "symbol": "C26MAA", "number": of,
        "issued_on": DAY, "payable_vnd": 50_000, "state": "accepted", "correction": "",
        "message_state": "accepted", "message_made_at": NOON, "decided_at": NOON,
    }  # fmt: skip
    return InvoiceMark(**(facts | more))


def finding(sale: Sold | None, *marks: InvoiceMark, is_required: bool = True, now=LATER) -> Finding:
    check = books.check_day(
        DAY, [sale] if sale else [], list(marks), is_required=is_required, now=now
    )
    assert len(check.items) == 1
    return check.items[0].finding


@pytest.mark.parametrize(
    ("sale", "marks", "expected"),
    [
        (sold(), [mark()], Finding.RIGHT),
        (sold(is_cash=True, payment_state=""), [mark()], Finding.RIGHT),
        (sold(), [], Finding.NO_INVOICE),  # D254 4.1, 9
        (sold(), [mark(state="rejected")], Finding.REJECTED),
        (sold(), [mark(issued_on=date(2026, 11, 24))], Finding.WRONG_DAY),  # D254 9.1
        (sold(), [mark(payable_vnd=40_000)], Finding.AMOUNT_DIFFERS),
        (sold(returned_vnd=20_000), [mark()], Finding.NO_ADJUSTMENT),  # C91 10
        (sold(returned_vnd=50_000), [], Finding.NOT_REQUIRED),
        (sold(payment_state="open"), [mark()], Finding.NO_MONEY),
        (sold(is_paid=False), [], Finding.NO_SALE),  # the money is settled, the sale is not paid
        (sold(is_paid=False, payment_state="expired"), [mark()], Finding.NO_SALE),
        (None, [mark(9)], Finding.NO_SALE),
        (sold(), [mark(state="numbered", message_state="", message_made_at=None)], Finding.LATE),
        (sold(), [mark(state="sent", message_state="sent")], Finding.LATE),  # D254 15.3
        (sold(), [mark(message_made_at=LATER)], Finding.SENT_LATE),
    ],
)
def test_each_gap_has_its_name(sale, marks, expected):
    assert finding(sale, *marks) is expected


def test_an_invoice_on_its_way_in_time_is_awaited():
    """D254 15.3: the data of a cash register go by the end of the day."""
    assert finding(sold(), mark(state="sent"), now=NOON) is Finding.WAITING
    midnight = datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert finding(sold(), mark(state="sent"), now=midnight) is Finding.LATE


def test_who_need_not_invoice_misses_nothing():
    """D254 6.1.d: at one billion and below it is the household's choice."""
    assert finding(sold(), is_required=False) is Finding.NOT_REQUIRED


def test_a_replacement_counts_instead_of_what_it_replaced():
    replaced = mark(correction="replaced", payable_vnd=90_000)
    by = mark(kind="replacement", corrects_id=replaced.id, number=2)

    assert finding(sold(), replaced, by) is Finding.RIGHT


def test_an_adjustment_is_added_to_what_it_adjusts():
    adjusted = mark(correction="adjusted")
    less = mark(kind="adjustment", corrects_id=adjusted.id, number=2, payable_vnd=-20_000)

    assert finding(sold(returned_vnd=20_000), adjusted, less) is Finding.RIGHT


def test_the_four_sides_are_counted():
    check = books.check_day(
        DAY,
        [sold(1), sold(2, is_cash=True, payment_state=""), sold(3, payment_state="open")],
        [mark(1), mark(2, state="sent")],
        is_required=True,
        now=NOON,
    )

    sides = (check.payments, check.sales, check.invoices, check.accepted)
    assert [(one.count, one.amount_vnd) for one in sides] == [
        (2, 100_000), (3, 150_000), (2, 100_000), (1, 50_000),
    ]  # fmt: skip
    assert check.trouble_count == 1


@pytest.mark.parametrize(
    ("count", "low", "high"), [(1, 1, 2), (9, 2, 10), (19, 10, 30), (49, 30, 50), (100, 60, 80)]
)
def test_what_is_missing_has_the_bracket_of_its_number(count, low, high):
    """D125 24.3 as amended by D310."""
    sales = [sold(number) for number in range(count)]

    check = books.check_day(DAY, sales, [], is_required=True, now=NOON)

    assert (check.fine_missing.vnd_min, check.fine_missing.vnd_max) == (
        low * 1_000_000, high * 1_000_000,
    )  # fmt: skip
    assert check.fine_wrong_day is None


def test_invoices_of_another_day_have_their_own_bracket():
    """D125 24.2 as amended by D310."""
    late = mark(issued_on=date(2026, 11, 24))

    check = books.check_day(DAY, [sold()], [late], is_required=True, now=LATER)

    assert check.fine_missing is None
    assert (check.fine_wrong_day.vnd_min, check.fine_wrong_day.vnd_max) == (500_000, 1_500_000)


def test_the_worst_stands_first():
    check = books.check_day(
        DAY, [sold(1), sold(2), sold(3)], [mark(1), mark(2, state="rejected")],
        is_required=True, now=LATER,
    )  # fmt: skip

    assert [one.finding for one in check.items] == [
        Finding.NO_INVOICE, Finding.REJECTED, Finding.RIGHT,
    ]  # fmt: skip
