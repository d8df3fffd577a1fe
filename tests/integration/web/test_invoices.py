"""One tap from a paid sale to an invoice, and the page behind its code."""

import pytest

import einvoice
from market import clock


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
    registered, open_sale, notify, follow, work, as_, database, world
):
    async with database.as_system() as db:
        from market.tables import StallRow

        stall = await db.get(StallRow, world.stall_id)
        stall.invoice_mode = "each_sale"
        db.add(stall)
    sale = await open_sale()
    await notify(sale["memo"], 85_000)
    await follow()

    await work("issue_invoice", sale_id=sale["sale_id"])

    paid = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert paid["invoice_id"] is not None


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
