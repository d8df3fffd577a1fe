"""One tap from a paid sale to an invoice, and the page behind its code."""

from uuid import UUID

import pytest
from sqlalchemy import text

import einvoice
from market import clock, ids
from market.flows import invoice_issuing
from market.tables import StallRow


@pytest.fixture
async def registered(database, world) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )


async def test_a_paid_sale_becomes_an_invoice_once(
    registered, open_sale, notify, follow, as_, client
):
    sale = await open_sale(amount_vnd=85_000)
    await notify(sale["memo"], 85_000)
    await follow()
    path = f"/api/sales/{sale['sale_id']}/invoice"

    first = (await as_("vendor").post(path)).json()
    second = (await as_("vendor").post(path)).json()

    assert first == second
    assert (first["number"], first["symbol"][0], first["symbol"][4]) == (1, "2", "M")
    page = await client.get(first["lookup_url"], headers={"accept": "text/html"})
    assert "Tám mươi lăm nghìn đồng" in page.text
    original = await client.get(first["lookup_url"] + "/xml")
    assert einvoice.read(original.content).totals.payable_vnd == 85_000
    printed = await client.get(first["lookup_url"] + "/pdf?kho=k80")
    assert printed.content.startswith(b"%PDF")


async def test_an_unpaid_sale_and_an_unregistered_vendor_get_no_invoice(
    open_sale, notify, follow, as_
):
    sale = await open_sale()
    path = f"/api/sales/{sale['sale_id']}/invoice"

    unpaid = await as_("vendor").post(path)
    await notify(sale["memo"], 85_000)
    await follow()
    unregistered = await as_("vendor").post(path)

    assert (unpaid.status_code, unpaid.json()["code"]) == (409, "sale_not_paid")
    assert (unregistered.status_code, unregistered.json()["code"]) == (409, "invoice_not_possible")


async def test_a_stall_that_wishes_it_gets_an_invoice_for_every_paid_sale(
    registered, open_sale, notify, follow, work_off, as_, database, world
):
    async with database.as_system() as db:
        stall = await db.get(StallRow, world.stall_id)
        stall.invoice_mode = "each_sale"
        db.add(stall)
    sale = await open_sale()
    await notify(sale["memo"], 85_000)
    await follow()

    await work_off("issue_invoices")

    paid = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert paid["invoice_id"] is not None


async def test_in_a_rush_invoices_wait_a_second_for_each_other_and_a_lone_one_for_nobody(database):
    now = clock.now()
    soon = now + invoice_issuing.GATHER / 2
    lone, rush, late = [ids.new()], [ids.new() for _ in range(3)], [ids.new()]

    async with database.as_system() as db:
        await invoice_issuing.wish(db, lone, now=now)
        await invoice_issuing.wish(db, rush, now=now)
        await invoice_issuing.wish(db, late, now=soon)

    async with database.as_system() as db:
        asked = text(
            "SELECT arguments -> 'sale_ids', available_at FROM market.outbox ORDER BY available_at"
        )
        rows = [tuple(one) for one in await db.execute(asked)]
    assert rows == [
        ([str(one) for one in lone], now),
        ([str(one) for one in (*rush, *late)], now + invoice_issuing.GATHER),
    ]


async def test_sales_paid_together_are_invoiced_together_and_one_in_the_way_costs_no_other(
    registered, open_sale, notify, follow, work, work_off, as_, database, world
):
    async with database.as_system() as db:
        for stall_id in (world.stall_id, world.other_stall_id):
            stall = await db.get(StallRow, stall_id)
            stall.invoice_mode = "each_sale"
    sales = [await open_sale() for _ in range(4)]
    for sale in sales[:3]:
        await notify(sale["memo"], 85_000)
    await follow()
    ids_of = [one["sale_id"] for one in sales]
    first = (await as_("vendor").post(f"/api/sales/{ids_of[0]}/invoice")).json()

    rows = await work_off("issue_invoices")
    again = [*ids_of, str(ids.new())]
    await work("issue_invoices", sale_ids=again)

    assert rows == 1
    shown = [(await as_("vendor").get(f"/api/sales/{one}")).json() for one in ids_of]
    assert [one["invoice_id"] is not None for one in shown] == [True, True, True, False]
    async with database.as_system() as db:
        issued = [
            await einvoice.invoice_of_subject(db, world.vendor_id, UUID(one)) for one in ids_of[:3]
        ]
        left = await db.execute(
            text("SELECT arguments FROM market.outbox WHERE job = 'issue_invoice'")
        )
        alone = [one["sale_id"] for one in left.scalars()]
    assert sorted(one.invoice.number for one in issued) == [1, 2, 3]
    assert first["number"] == issued[0].invoice.number
    assert alone == [ids_of[3]]


async def test_the_buyer_may_have_it_in_their_name_on_the_same_day(
    registered, open_sale, notify, follow, as_, client
):
    sale = await open_sale()
    await notify(sale["memo"], 85_000)
    await follow()
    first = (await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")).json()

    answer = await as_("vendor").post(
        first["lookup_url"] + "/ten", data={"name": "Công ty TNHH Ví Dụ", "tax_id": "0107001729"}
    )
    page = await client.get(answer.headers["location"], headers={"accept": "text/html"})

    assert answer.status_code == 303
    assert "Công ty TNHH Ví Dụ" in page.text
    assert "Thay thế cho hóa đơn" in page.text
