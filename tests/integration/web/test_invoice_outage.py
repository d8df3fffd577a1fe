"""The tax authority is down for a day: sales go on, all is sent afterwards, in time or marked late."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

import einvoice
from einvoice.forms import Form
from market import clock, ids
from market.flows import invoice as invoice_flow
from market.flows import invoice_deadlines, invoice_issuing
from market.flows.context import Context
from market.simulators.tax import TaxConfig, create_app
from market.tables import VendorRow
from tests.integration.simulators.conftest import http_server

TAX_ID, COMPANY = "038190000123", "0107001729"
COMPANY_ID = UUID(int=0xC0)


@dataclass
class Clock:
    at: datetime

    def __call__(self) -> datetime:
        return self.at


@asynccontextmanager
async def authority(tmp_path, moved) -> AsyncIterator[httpx.AsyncClient]:
    """The simulated authority in this loop, reached over HTTP, on a clock that is moved."""
    app = create_app(TaxConfig(tmp_path / "tax.sqlite", delay_s=0, now=moved))
    async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as inner:

        async def answer(request):
            return await inner.request(
                request.method, f"http://tax.test{request.target}", headers=request.headers,
                content=request.body,
            )  # fmt: skip

        async with http_server(answer) as url, httpx.AsyncClient(base_url=url) as client:
            yield client


@pytest.fixture
def moved() -> Clock:
    """It begins at ten in the morning, whenever the test is run: deadlines are days."""
    start, _ = clock.day_bounds(clock.local_day(clock.now()))
    return Clock(start + timedelta(hours=10))


@pytest.fixture
async def paid_sale(open_sale, notify, follow):
    async def sell() -> UUID:
        sale = await open_sale()
        await notify(sale["memo"], 85_000)
        await follow()
        return UUID(sale["sale_id"])

    return sell


async def registered(context, vendor_id):
    """The vendor by its own form, and a company that sends invoices without code."""
    async with context.database.as_system() as db:
        vendor = await db.get(VendorRow, vendor_id)
        vendor.tax_id = TAX_ID
        db.add(vendor)
        await db.flush()
        await invoice_flow.register_seller(db, context.settings, vendor_id, now=context.now())
        await einvoice.record_registration(
            db, COMPANY_ID, COMPANY, "CÔNG TY", "C0C0C", now=context.now(), forms=frozenset(Form)
        )
    for _ in range(2):
        await invoice_flow.send_invoices(context, {})
        context.now.at += timedelta(seconds=1)


async def company_invoice(context):
    now = context.now()
    signer = invoice_flow.signer_of(context.settings, COMPANY, "CÔNG TY", now)
    new = ids.new()
    command = einvoice.IssueInvoice(
        id=new, owner_id=COMPANY_ID, subject_id=ids.new(), form=Form.WITHOUT_CODE,
        seller=einvoice.Seller(name="CÔNG TY", tax_id=COMPANY, address="1 Phố Chợ"),
        lines=(einvoice.line("Bàn", 1, 1_000_000),), issued_at=now, payment_form="TM/CK",
        lookup_code=einvoice.lookup_code(new.bytes[::-1]),
    )  # fmt: skip
    async with context.database.as_system() as db:
        return await einvoice.issue(db, command, now=now, signer=signer)


async def test_a_day_without_the_authority(database, settings, world, tmp_path, moved, paid_sale):
    async with authority(tmp_path, moved) as client:
        context = Context(database, replace(settings, tax_url=str(client.base_url)), moved)
        await client.post("/sellers", json={"tax_id": COMPANY, "name": "CÔNG TY"})
        await registered(context, world.vendor_id)
        await client.post("/control", json={"down": 1})
        began = moved.at
        made = [await company_invoice(context)]
        for hour in (1, 2):
            async with database.as_system() as db:
                issued = await invoice_issuing.issue_for_sale(
                    db, await paid_sale(), now=clock.now()
                )
            made.append(issued)
            moved.at = began + timedelta(hours=hour)
            await invoice_flow.send_invoices(context, {})
        while_down = await seen(context, world.vendor_id)
        moved.at = began + timedelta(hours=25)
        await invoice_deadlines.watch_deadlines(context, {})
        await invoice_flow.send_invoices(context, {})
        after_a_day = await seen(context, world.vendor_id)

        await client.post("/control", json={"down": 0})
        for minute in range(1, 6):
            moved.at = began + timedelta(hours=26, minutes=minute)
            await invoice_flow.send_invoices(context, {})

    found = await all_of(context, made)
    assert while_down.down_since == began + timedelta(hours=1)
    assert (after_a_day.level, after_a_day.late_count) == ("late", 2)
    assert [one.state for one in found] == ["accepted"] * 3
    assert [one.is_late for one in found] == [False, True, True]
    assert {one.delivered_at > began + timedelta(hours=24) for one in found} == {True}
    assert await seen(context, world.vendor_id) is None
    assert ("late", 2) in await alarms_raised(context)


async def seen(context, owner_id):
    async with context.database.as_system() as db:
        return await invoice_deadlines.banner(db, [owner_id], now=context.now())


async def all_of(context, made):
    async with context.database.as_system() as db:
        return [await einvoice.invoice_by_id(db, one.id) for one in made]


async def alarms_raised(context):
    async with context.database.as_system() as db:
        again = await einvoice.raise_alarms(db, now=context.now())
        rows = await db.execute(text("SELECT level, invoice_count FROM einvoice.alarm"))
    assert again == []
    return [tuple(row) for row in rows]
