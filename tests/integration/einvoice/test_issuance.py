"""Issuing, freezing, replacing and finding invoices."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import document, errors
from einvoice.invoice import Method
from market import db as market_db
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    TAX_ID,
    command,
    lines,
    signer_of,
)


async def correction_of(issued, **changes):
    new = ids.new()
    given = {
        "id": new,
        "invoice_id": issued.id,
        "method": Method.REPLACES,
        "issued_at": NOW,
        "lookup_code": einvoice.lookup_code(new.bytes[::-1]),
        "buyer": einvoice.Buyer(name="Nguyễn Thị Bưởi", address="12 Lê Lợi"),
    }
    return einvoice.CorrectInvoice(**{**given, **changes})


async def test_an_issued_invoice_has_number_code_words_and_lookup(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)

    said = issued.invoice
    assert (said.symbol, said.number, said.code) == ("C26MAA", 1, "M2-26-A1B2C-00000000001")
    assert said.totals.in_words == "Một trăm mười nghìn bảy trăm năm mươi đồng"
    assert said.buyer.name == "Bán cho người tiêu dùng"
    assert said.lookup.startswith("000201")
    assert issued.state == "numbered"


async def test_the_same_command_twice_issues_once(registered):
    asked = command()

    first = await einvoice.issue(registered, asked, now=NOW)
    again = await einvoice.issue(
        registered,
        replace(asked, lookup_code=einvoice.lookup_code(b"other bytes")),
        now=NOW + timedelta(hours=2),
    )

    assert again == first
    third = await einvoice.issue(registered, command(), now=NOW)
    assert third.invoice.number == 2


async def test_an_id_used_for_something_else_is_refused_and_costs_no_number(registered):
    asked = command()
    await einvoice.issue(registered, asked, now=NOW)

    with pytest.raises(errors.IdReused):
        await einvoice.issue(registered, replace(asked, letters="AB"), now=NOW)

    assert (await einvoice.issue(registered, command(), now=NOW)).invoice.number == 2


async def test_a_sale_is_invoiced_once(registered):
    first = command()
    await einvoice.issue(registered, first, now=NOW)

    with pytest.raises(errors.AlreadyInvoiced):
        await einvoice.issue(registered, command(subject_id=first.subject_id), now=NOW)

    assert (await einvoice.issue(registered, command(), now=NOW)).invoice.number == 2


async def test_a_refused_invoice_takes_no_number(registered):
    bad = command(lines=(replace(lines()[0], amount_vnd=79_999),))

    with pytest.raises(errors.TotalsWrong):
        await einvoice.issue(registered, bad, now=NOW)

    assert (await einvoice.issue(registered, command(), now=NOW)).invoice.number == 1


async def test_a_seller_without_registration_issues_nothing(db):
    with pytest.raises(errors.SellerNotRegistered):
        await einvoice.issue(db, command(), now=NOW)


async def test_a_tax_id_of_another_owner_is_refused(registered):
    with pytest.raises(errors.SellerOfAnother):
        await einvoice.issue(registered, command(owner_id=ids.new()), now=NOW)


async def test_an_invoice_of_tomorrow_is_refused(registered):
    with pytest.raises(errors.FieldInvalid):
        await einvoice.issue(registered, command(issued_at=NOW + timedelta(days=1)), now=NOW)


async def test_the_series_begins_again_with_the_local_year(registered):
    eve = NOW.replace(month=12, day=31, hour=16, minute=59)
    await einvoice.issue(registered, command(issued_at=eve), now=eve)

    midnight = eve + timedelta(minutes=1)
    issued = await einvoice.issue(registered, command(issued_at=midnight), now=midnight)

    assert (issued.invoice.symbol, issued.invoice.number) == ("C27MAA", 1)
    assert issued.invoice.code == "M2-27-A1B2C-00000000001"


@pytest.mark.parametrize(
    "change", ["SET xml = '\\x00'", "SET number = 7", "SET payable_vnd = 1", "SET lookup_code = ''"]
)
async def test_what_an_invoice_says_is_frozen(registered, change):
    await einvoice.issue(registered, command(), now=NOW)
    await registered.commit()

    with pytest.raises(DBAPIError, match="frozen"):
        await (await registered.connection()).execute(text(f"UPDATE einvoice.invoice {change}"))


@pytest.mark.parametrize("statement", ["DELETE FROM", "TRUNCATE"])
@pytest.mark.parametrize("table", ["invoice", "series", "message", "reply"])
async def test_nothing_issued_is_deleted(registered, statement, table):
    await einvoice.issue(registered, command(), now=NOW)
    await registered.commit()

    cascade = " CASCADE" if statement == "TRUNCATE" else ""
    with pytest.raises(DBAPIError, match="frozen"):
        await (await registered.connection()).execute(
            text(f"{statement} einvoice.{table}{cascade}")
        )


async def test_a_named_buyer_gets_a_replacement_the_same_day(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)

    named = await einvoice.name_buyer(
        registered,
        issued.id,
        einvoice.Buyer(name="Nguyễn Thị Bưởi", tax_id="0107001729"),
        new_id=ids.new(),
        lookup_code=einvoice.lookup_code(b"abcdefghij"),
        now=NOW + timedelta(hours=3),
    )

    assert named.invoice.number == 2
    assert named.invoice.buyer.name == "Nguyễn Thị Bưởi"
    assert named.invoice.lines == issued.invoice.lines
    note = "Thay thế cho hóa đơn Mẫu số 2 ký hiệu C26MAA số 1 ngày 23 tháng 11 năm 2026"
    assert named.invoice.related.note == note
    before = await einvoice.invoice_by_id(registered, issued.id)
    assert before.correction == "replaced"
    in_force = await einvoice.invoice_of_subject(registered, OWNER_ID, issued.subject_id)
    assert in_force.id == named.id


async def test_the_day_after_nobody_is_named(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)

    with pytest.raises(errors.TooLateToName):
        await einvoice.name_buyer(
            registered,
            issued.id,
            einvoice.Buyer(name="Nguyễn Thị Bưởi"),
            new_id=ids.new(),
            lookup_code=einvoice.lookup_code(b"abcdefghij"),
            now=NOW + timedelta(days=1),
        )


async def test_a_replaced_invoice_is_not_replaced_again_but_its_successor_is(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)
    first = await correction_of(issued)
    replaced = await einvoice.correct(registered, first, now=NOW)

    assert await einvoice.correct(registered, first, now=NOW) == replaced
    with pytest.raises(errors.NotCorrectable):
        await einvoice.correct(registered, await correction_of(issued), now=NOW)
    second = await einvoice.correct(registered, await correction_of(replaced), now=NOW)

    assert second.invoice.related.number == "2"


async def test_returned_goods_are_adjusted_with_negative_lines(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)
    returned = (einvoice.line("Bún bò", -1, 40_000, unit="Tô"),)

    asked = await correction_of(issued, method=Method.ADJUSTS, lines=returned, buyer=None)
    adjusted = await einvoice.correct(registered, asked, now=NOW)

    assert adjusted.payable_vnd == -40_000
    assert adjusted.invoice.totals.in_words == "Âm bốn mươi nghìn đồng"
    with pytest.raises(errors.NotCorrectable):  # the first correction fixes the method
        await einvoice.correct(registered, await correction_of(issued), now=NOW)


async def test_an_invoice_is_found_by_its_lookup_code_and_by_no_other(registered):
    issued = await einvoice.issue(registered, command(), now=NOW)

    assert (await einvoice.invoice_by_lookup(registered, issued.lookup_code)).id == issued.id
    assert await einvoice.invoice_by_lookup(registered, "0" * 16) is None
    assert await einvoice.invoice_by_lookup(registered, "' OR 1=1 --") is None


async def test_invoices_of_an_owner_come_newest_first(registered):
    for hour in range(3):
        at = NOW + timedelta(hours=hour)
        await einvoice.issue(registered, command(issued_at=at), now=at)

    found = await einvoice.invoices_of(registered, OWNER_ID, NOW + timedelta(hours=1))

    assert [one.invoice.number for one in found] == [3, 2]
    assert document.read(einvoice.xml_of(found[0])) == found[0].invoice


async def test_with_a_signer_the_invoice_is_sealed(registered):
    issued = await einvoice.issue(registered, command(), now=NOW, signer=signer_of(TAX_ID))

    sealed = einvoice.verify(issued.xml, einvoice.SELLER)

    assert (sealed.tax_id, sealed.signed_at) == (TAX_ID, NOW)


async def test_numbers_have_no_gap_when_many_issue_at_once_and_some_give_up(
    registered, database_url
):
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"), pool_size=8)

    async def till(number: int) -> None:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            await einvoice.issue(session, command(), now=NOW)
            await (session.rollback() if number % 3 == 0 else session.commit())

    await asyncio.gather(*(till(number) for number in range(30)))

    found = await einvoice.invoices_of(registered, OWNER_ID, NOW)
    assert sorted(one.invoice.number for one in found) == list(range(1, 21))
    assert len({one.invoice.code for one in found}) == 20
    await engine.dispose()


async def test_one_command_sent_twice_at_once_issues_once(registered, database_url):
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"), pool_size=4)
    asked = command()

    async def till() -> int:
        async with AsyncSession(engine, expire_on_commit=False) as session:
            issued = await einvoice.issue(session, asked, now=NOW)
            await session.commit()
            return issued.invoice.number

    numbers = await asyncio.gather(*(till() for _ in range(4)))

    assert numbers == [1, 1, 1, 1]
    assert (await einvoice.issue(registered, command(), now=NOW)).invoice.number == 2
    await engine.dispose()


async def test_an_owner_sees_and_issues_only_their_own(registered, database):
    mine = await einvoice.issue(registered, command(), now=NOW)
    await registered.commit()
    other_id = ids.new()

    async with database.as_viewer(market_db.Viewer(vendor_ids=(OWNER_ID,))) as session:
        own = await einvoice.issue(session, command(), now=NOW)
        seen = await einvoice.invoice_by_id(session, mine.id)
    async with database.as_viewer(market_db.Viewer(vendor_ids=(other_id,))) as session:
        hidden = await einvoice.invoice_by_id(session, mine.id)
        found = await einvoice.invoices_of(session, OWNER_ID, NOW)
    with pytest.raises((DBAPIError, errors.EInvoiceError)):
        async with database.as_viewer(market_db.Viewer(vendor_ids=(other_id,))) as session:
            await einvoice.issue(session, command(), now=NOW)

    assert own.invoice.number == 2
    assert seen is not None
    assert hidden is None
    assert found == []
