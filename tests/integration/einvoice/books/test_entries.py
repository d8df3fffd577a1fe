"""What a vendor writes into the books, on PostgreSQL."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy

from einvoice import books
from einvoice.books import Entry, EntryKind
from einvoice.errors import BookEntryInvalid, BookEntryNotFound
from market import ids

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
TODAY = date(2026, 11, 23)
YEAR = (date(2026, 1, 1), date(2026, 12, 31))


def entry(**more) -> Entry:
    facts = {"id": ids.new(), "owner_id": ids.new(), "kind": EntryKind.COST, "on": TODAY,
             "text": "Tiền điện", "amount_vnd": 200_000}  # fmt: skip
    return Entry(**(facts | more))


async def test_written_twice_it_stands_once(db):
    one = entry()

    await books.write_entry(db, one, today=TODAY, now=NOW)
    await books.write_entry(db, one, today=TODAY, now=NOW)

    assert await books.entries_of(db, one.owner_id, *YEAR) == [one]


async def test_an_id_used_again_for_something_else_is_refused(db):
    one = await books.write_entry(db, entry(), today=TODAY, now=NOW)

    with pytest.raises(BookEntryInvalid):
        await books.write_entry(db, replace(one, amount_vnd=1), today=TODAY, now=NOW)


async def test_what_is_struck_is_out_of_the_books_and_still_there(db):
    one = await books.write_entry(db, entry(), today=TODAY, now=NOW)

    await books.strike_entry(db, one.owner_id, one.id, now=NOW)
    await books.strike_entry(db, one.owner_id, one.id, now=NOW)

    assert await books.entries_of(db, one.owner_id, *YEAR) == []
    kept = await db.execute(sqlalchemy.text("SELECT count(*) FROM einvoice.book_entry"))
    assert kept.scalar_one() == 1


async def test_nobody_strikes_another_s_line(db):
    one = await books.write_entry(db, entry(), today=TODAY, now=NOW)

    with pytest.raises(BookEntryNotFound):
        await books.strike_entry(db, ids.new(), one.id, now=NOW)


async def test_texts_are_cleaned_and_quantities_have_thousandths(db):
    one = entry(kind=EntryKind.GOODS, text="  Cam   Vinh ", goods="Cam", unit="kg",
                quantity=Decimal("1.2345"))  # fmt: skip

    stored = await books.write_entry(db, one, today=TODAY, now=NOW)

    assert (stored.text, stored.quantity) == ("Cam Vinh", Decimal("1.234"))
    assert await books.entries_of(db, one.owner_id, *YEAR) == [stored]


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": " "},
        {"text": "x" * 201},
        {"amount_vnd": 0},
        {"amount_vnd": -5},
        {"amount_vnd": 10**12},
        {"on": date(2026, 11, 24)},
        {"on": date(2024, 12, 31)},
        {"goods": "Cam"},
        {"quantity": Decimal(1)},
        {"goods": "Cam", "quantity": Decimal(0)},
        {"goods": "Cam", "quantity": Decimal("NaN")},
        {"goods": "Cam", "quantity": Decimal("1e20")},
    ],
)
async def test_what_cannot_stand_is_refused_and_leaves_nothing(db, wrong):
    one = entry(**wrong)

    with pytest.raises(BookEntryInvalid):
        await books.write_entry(db, one, today=TODAY, now=NOW)

    assert await books.entries_of(db, one.owner_id, *YEAR) == []


@pytest.mark.parametrize(
    ("facts", "counts"),
    [
        ({"amount_vnd": 4_999_999}, True),
        ({"amount_vnd": 5_000_000}, False),
        ({"amount_vnd": 5_000_000, "is_cash": False}, False),
        ({"amount_vnd": 5_000_000, "document": "1C26TAA-1"}, False),
        ({"amount_vnd": 5_000_000, "is_cash": False, "document": "1C26TAA-1"}, True),
    ],
)
def test_a_large_cost_needs_an_invoice_and_no_cash(facts, counts):
    """D68 6: from five million on."""
    assert entry(**facts).is_deductible is counts


async def test_an_owner_sees_their_own_lines_alone(database):
    from market.db import Viewer

    mine, theirs = entry(), entry()
    async with database.as_system() as db:
        for one in (mine, theirs):
            await books.write_entry(db, one, today=TODAY, now=NOW)

    async with database.as_viewer(Viewer(vendor_ids=(mine.owner_id,))) as db:
        seen = [await books.entries_of(db, one.owner_id, *YEAR) for one in (mine, theirs)]

    assert seen == [[mine], []]
