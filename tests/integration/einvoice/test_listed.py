"""One new invoice for several of a buyer's month: issued, accepted, its list kept."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import einvoice
from einvoice.errors import FieldInvalid, NotCorrectable
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    SENDER,
    TAX_ID,
    command,
    lines,
    signer_of,
)

BUYER = einvoice.Buyer(name="Công ty Mua", tax_id="0107001729")
RIGHT = (einvoice.line("Bún bò", 2, 45_000, unit="Tô"), *lines()[1:])


@pytest.fixture
def exchange(registered, authority):
    """What waits goes to the authority, and its answers are taken in."""
    db = registered

    async def sent(now=NOW):
        authority.now = now
        await einvoice.prepare(
            db, TAX_ID, signer=signer_of(TAX_ID), sender=SENDER, new_id=ids.new, now=now
        )
        for message in await einvoice.claim_pending(db, 20, now):
            answer = authority.answer(message.body)
            for reply in (answer.immediate, *answer.later):
                await einvoice.record_reply(db, reply, now=now)

    return sent


@pytest.fixture
def sold(registered, exchange):
    """Accepted invoices of one buyer."""

    async def issued(count=2, **changes):
        found = [
            await einvoice.issue(registered, command(buyer=BUYER, **changes), now=NOW)
            for _ in range(count)
        ]
        await exchange()
        return found

    return issued


def wish(invoices, right=RIGHT, **changes):
    new = ids.new()
    given = einvoice.CorrectByList(
        id=new,
        method=einvoice.Method.REPLACES,
        number="BK-01",
        items=tuple(
            einvoice.ListedFault(invoice_id=one.id, fault="Sai giá bún bò", lines=right)
            for one in invoices
        ),
        issued_at=NOW + timedelta(minutes=1),
        lookup_code=einvoice.lookup_code(new.bytes[::-1]),
    )
    return replace(given, **changes)


LATER = NOW + timedelta(minutes=2)


async def correct(db, given):
    return await einvoice.correct_by_list(db, given, now=LATER)


async def test_one_replacement_of_two_is_accepted_and_both_sales_find_it(
    registered, sold, exchange
):
    first, second = await sold()

    new = await correct(registered, wish([first, second]))
    await exchange(LATER)

    said = await einvoice.invoice_by_id(registered, new.id)
    found = [
        await einvoice.invoice_of_subject(registered, OWNER_ID, one.subject_id)
        for one in (first, second)
    ]
    old = [await einvoice.invoice_by_id(registered, one.id) for one in (first, second)]
    assert (said.state, said.payable_vnd) == ("accepted", first.payable_vnd * 2 + 20_000)
    assert [one.id for one in found] == [new.id, new.id]
    assert [one.correction for one in old] == ["replaced", "replaced"]
    assert next((one.name, one.quantity) for one in said.invoice.lines) == ("Bún bò", 4)


async def test_the_list_says_each_invoice_with_its_difference(registered, sold):
    found = await sold(3)

    new = await correct(registered, wish(found))

    listed = await einvoice.list_of(registered, new.id)
    sheet = einvoice.sheet_of_list(listed)
    assert [one.difference_vnd for one in listed.items] == [10_000] * 3
    assert (listed.number, len(sheet.tables[0].rows)) == ("BK-01", 3)
    assert [len(await einvoice.successors(registered, one.id)) for one in found] == [1, 1, 1]


async def test_the_same_list_twice_is_issued_once(registered, sold):
    given = wish(await sold())

    new, again = await correct(registered, given), await correct(registered, given)

    assert new.id == again.id


async def test_an_adjustment_by_list_leaves_each_its_part(registered, sold, exchange):
    first, second = await sold()
    parts = [(einvoice.line("Bún bò", -1, 40_000, unit="Tô"),),
             (einvoice.line("Trà đá", -2, 5_000, unit="Ly"),)]  # fmt: skip
    given = wish([first, second], method=einvoice.Method.ADJUSTS)
    items = tuple(replace(one, lines=part) for one, part in zip(given.items, parts, strict=True))

    new = await correct(registered, replace(given, items=items))
    await exchange(LATER)

    said = [await einvoice.adjustments_of(registered, one.id) for one in (first, second)]
    state = (await einvoice.invoice_by_id(registered, new.id)).state
    assert (state, new.payable_vnd) == ("accepted", -50_000)
    assert [[line.amount_vnd for line in one[0]] for one in said] == [[-40_000], [-10_000]]


async def test_what_was_corrected_by_a_list_is_not_corrected_otherwise(registered, sold):
    found = await sold(3)
    await correct(registered, wish(found[:2]))

    with pytest.raises(NotCorrectable):
        await correct(registered, wish(found[1:]))


async def test_a_replacement_of_a_list_may_itself_be_replaced_and_every_sale_finds_that(
    registered, sold, exchange
):
    first, second = await sold()
    new = await correct(registered, wish([first, second]))
    await exchange(LATER)

    last = await einvoice.correct(
        registered,
        einvoice.CorrectInvoice(
            id=ids.new(),
            invoice_id=new.id,
            method=einvoice.Method.REPLACES,
            issued_at=LATER,
            lookup_code=einvoice.lookup_code(bytes(range(10))),
            buyer=replace(BUYER, address="1 Phố Mua"),
        ),
        now=LATER,
    )
    await exchange(LATER + timedelta(minutes=1))

    found = await einvoice.invoice_of_subject(registered, OWNER_ID, second.subject_id)
    assert found.id == last.id
    assert (found.state, found.invoice.corrects_by_list) == ("accepted", False)


async def test_only_what_the_authority_has_goes_on_a_list(registered, sold):
    (first,) = await sold(1)
    other = await einvoice.issue(registered, command(buyer=BUYER), now=NOW)

    with pytest.raises(NotCorrectable):
        await correct(registered, wish([first, other]))


async def test_another_buyers_invoice_does_not_go_on_the_list(registered, sold, exchange):
    (first,) = await sold(1)
    other = await einvoice.issue(
        registered, command(buyer=einvoice.Buyer(name="Khác", tax_id="0100109106")), now=NOW
    )
    await exchange()

    with pytest.raises(FieldInvalid):
        await correct(registered, wish([first, other]))


async def test_alike_are_those_of_the_same_buyer_and_month(registered, sold, exchange):
    first, second = await sold()
    await einvoice.issue(registered, command(), now=NOW)
    await exchange()

    found = await einvoice.alike(registered, first)

    assert [one.id for one in found] == [first.id, second.id]


async def test_the_authority_refuses_a_list_that_names_an_unknown_invoice(
    registered, sold, exchange, authority
):
    first, second = await sold()
    new = await correct(registered, wish([first, second]))
    del authority.known.invoices[(TAX_ID, 2, second.invoice.symbol, second.invoice.number)]

    await exchange(LATER)

    assert (await einvoice.invoice_by_id(registered, new.id)).state == "rejected"


async def test_a_list_never_changes(registered, sold):
    await correct(registered, wish(await sold()))

    with pytest.raises(DBAPIError, match="never changes"):
        await registered.execute(text("UPDATE einvoice.listed_invoice SET fault = 'x'"))
