"""Many invoices at once, each with an outcome of its own; tills that number by themselves."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import errors, series
from einvoice.identifiers import till_letters
from market import db as market_db
from market import ids
from tests.integration.einvoice.conftest import NOW, OWNER_ID, TAX_ID, command

PREFIX_2 = "M2-26-A1B2C"


async def test_many_take_their_numbers_in_their_order(registered):
    commands = [command() for _ in range(20)]

    outcomes = await einvoice.issue_all(registered, commands, now=NOW)

    assert [one.id for one in outcomes] == [one.id for one in commands]
    assert [one.invoice.number for one in outcomes] == list(range(1, 21))
    assert outcomes[-1].invoice.code.endswith("00000000020")
    assert outcomes[7].invoice == einvoice.read(outcomes[7].xml)


async def test_again_they_are_the_same_and_one_wrong_costs_no_other(registered):
    first = await einvoice.issue_all(registered, [command(), command()], now=NOW)
    again = command(id=first[0].id, subject_id=first[0].subject_id)
    taken = command(subject_id=first[1].subject_id)
    wrong = command(lines=())
    good = command()

    outcomes = await einvoice.issue_all(registered, [again, taken, wrong, good], now=NOW)

    assert outcomes[0].invoice.number == 1
    assert isinstance(outcomes[1], errors.AlreadyInvoiced)
    assert isinstance(outcomes[2], errors.FieldInvalid)
    assert outcomes[3].invoice.number == 3


async def test_series_are_numbered_apart(registered):
    commands = [command(letters=letters) for letters in ("AB", "AC", "AB", "AC")]

    outcomes = await einvoice.issue_all(registered, commands, now=NOW)

    said = [(one.invoice.symbol, one.invoice.number) for one in outcomes]
    assert said == [("C26MAB", 1), ("C26MAC", 1), ("C26MAB", 2), ("C26MAC", 2)]
    assert len({one.invoice.code for one in outcomes}) == 4


# ── Tills without a network ─────────────────────────────────────────────────────────────────────


async def test_each_till_has_letters_of_its_own_and_keeps_them(registered):
    tills = [ids.new() for _ in range(3)]

    given = [
        await einvoice.letters_of_till(registered, OWNER_ID, TAX_ID, one) for one in tills + tills
    ]

    assert given[:3] == given[3:]
    assert len(set(given)) == 3
    assert "AA" not in given
    assert len(set(till_letters())) == 398


async def test_tills_asking_at_once_get_ranges_that_never_meet(registered, database_url):
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"))

    async def ask(size: int) -> einvoice.CodeRange:
        async with AsyncSession(engine) as db, db.begin():
            return await einvoice.reserve_codes(db, OWNER_ID, PREFIX_2, ids.new(), size, now=NOW)

    ranges = await asyncio.gather(*(ask(size) for size in (1, 7, 100, 3, 50, 2, 1_000, 9)))
    await engine.dispose()
    issued = await einvoice.issue(registered, command(), now=NOW)

    serials = [n for one in ranges for n in range(one.first_serial, one.last_serial + 1)]
    assert sorted(serials) == list(range(1, 1_173))
    assert issued.invoice.code.endswith("00000001173")


async def test_a_till_uploads_what_it_numbered_by_itself(registered):
    till = ids.new()
    letters = await einvoice.letters_of_till(registered, OWNER_ID, TAX_ID, till)
    await einvoice.issue(registered, command(), now=NOW)  # the server goes on meanwhile
    codes = await einvoice.reserve_codes(registered, OWNER_ID, PREFIX_2, till, 10, now=NOW)
    own = [einvoice.OwnNumber(till, n, codes.first_serial + n - 1) for n in (1, 2)]

    issued = [
        await einvoice.issue(registered, command(letters=letters, own_number=one), now=NOW)
        for one in own
    ]

    assert [one.invoice.number for one in issued] == [1, 2]
    assert issued[1].invoice.code == f"{PREFIX_2}-{codes.first_serial + 1:011d}"


@pytest.mark.parametrize(("number", "serial"), [(2, 2), (1, 500)])
async def test_a_number_that_is_not_next_or_a_code_of_another_is_refused(
    registered, number, serial
):
    till = ids.new()
    letters = await einvoice.letters_of_till(registered, OWNER_ID, TAX_ID, till)
    await einvoice.reserve_codes(registered, OWNER_ID, PREFIX_2, till, 10, now=NOW)
    await einvoice.reserve_codes(registered, OWNER_ID, PREFIX_2, ids.new(), 1_000, now=NOW)
    own = einvoice.OwnNumber(till, number, serial)

    with pytest.raises(errors.NumberOutOfTurn):
        await einvoice.issue(registered, command(letters=letters, own_number=own), now=NOW)

    nothing_taken = await series.next_number(registered, OWNER_ID, TAX_ID, 2, f"C26M{letters}")
    assert nothing_taken == 1


async def test_the_same_upload_twice_is_one_invoice(registered):
    till = ids.new()
    letters = await einvoice.letters_of_till(registered, OWNER_ID, TAX_ID, till)
    codes = await einvoice.reserve_codes(registered, OWNER_ID, PREFIX_2, till, 10, now=NOW)
    one = command(letters=letters, own_number=einvoice.OwnNumber(till, 1, codes.first_serial))

    first = await einvoice.issue(registered, one, now=NOW)
    second = await einvoice.issue(registered, one, now=NOW)

    assert first == second
