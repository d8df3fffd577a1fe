"""Stalls that invoice at the end of the day, and when their day ends."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

import einvoice
from market import ids
from market.flows import JOBS, PERIODIC, Context, day_end, invoice_issuing, settlement
from market.settings import Settings
from market.tables import SaleRow, StallRow

NOON = datetime(2026, 11, 23, 5, tzinfo=UTC)
NINE = datetime(2026, 11, 23, 14, tzinfo=UTC)


@pytest.fixture
async def stall(database, world):
    """A stall that invoices at the end of the day, its vendor registered."""
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=NOON
        )
        row = await db.get(StallRow, world.stall_id)
        row.invoice_mode = "day_end"
        db.add(row)
    return world


@pytest.fixture
def sold(database, stall):
    async def made(at, state="paid", **more):
        row = SaleRow(
            id=ids.new(), stall_id=stall.stall_id, vendor_id=stall.vendor_id, amount_vnd=85_000,
            received_vnd=85_000, method="stand", state=state, sold_at=at, recorded_at=at,
            paid_at=at if state == "paid" else None, digest=b"x", **more,
        )  # fmt: skip
        async with database.as_system() as db:
            db.add(row)
        return row.id

    return made


@pytest.fixture
def run(database, tmp_path):
    async def at(now):
        settings = Settings(database_url=database.url, data=tmp_path, secret="test" * 8)
        await JOBS["invoice_day_end"](Context(database, settings, lambda: now), {})

    return at


@pytest.fixture
def days(database, stall):
    """The day of each invoice, by number."""

    async def found():
        async with database.as_system() as db:
            rows = await db.execute(text("SELECT issued_on FROM einvoice.invoice ORDER BY number"))
            return [f"{one:%d/%m}" for one in rows.scalars()]

    return found


async def test_nothing_is_invoiced_before_nine_in_the_evening(sold, run, days):
    await sold(NOON)

    await run(NINE - timedelta(minutes=1))

    assert await days() == []


async def test_from_nine_on_every_paid_sale_has_its_invoice_once(sold, run, days):
    await sold(NOON)
    await sold(NOON + timedelta(hours=1))
    await sold(NOON, state="open")

    await run(NINE)
    late = NINE + timedelta(minutes=30)
    await sold(late)
    await run(late + timedelta(minutes=1))
    await run(late + timedelta(minutes=2))

    assert await days() == ["23/11", "23/11", "23/11"]


async def test_what_was_missed_over_night_is_dated_the_day_it_was_paid(sold, run, days):
    await sold(NINE + timedelta(hours=2))

    await run(NINE + timedelta(hours=12))

    assert await days() == ["23/11"]


@pytest.mark.parametrize("mode", ["day_end", "each_sale"])
async def test_what_was_sold_before_the_registration_is_invoiced_by_hand_only_and_dated_then(
    sold, run, days, database, mode
):
    """Decree 254/2026, Art. 6.1.d: no invoice was due; none is dated before its seller could."""
    early = await sold(NOON - timedelta(days=1))
    same_day = await sold(NOON - timedelta(hours=1))
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.stall SET invoice_mode = :mode"), {"mode": mode})

    await run(NINE)
    async with database.as_system() as db:
        for sale_id in (early, same_day):
            await settlement.invoice_if_wished(db, await db.get(SaleRow, sale_id), NINE)
        wished = await db.scalar(
            text("SELECT arguments FROM market.outbox WHERE job = 'issue_invoices'")
        )
    by_itself = await days()
    async with database.as_system() as db:
        await invoice_issuing.issue_for_sale(db, early, now=NINE)

    assert by_itself == (["23/11"] if mode == "day_end" else [])
    assert wished == ({"sale_ids": [str(same_day)]} if mode == "each_sale" else None)
    assert await days() == [*by_itself, "23/11"]


async def test_another_wish_and_an_unregistered_vendor_are_left_alone(
    sold, run, days, database, stall
):
    await sold(NOON)
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.stall SET invoice_mode = 'on_request'"))

    await run(NINE)
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.stall SET invoice_mode = 'day_end'"))
        await db.execute(text("UPDATE einvoice.registration SET state = 'refused'"))
    await run(NINE)

    assert await days() == []
    assert "invoice_day_end" in PERIODIC


@pytest.mark.parametrize(
    ("now", "until"),
    [
        (NINE - timedelta(seconds=1), datetime(2026, 11, 22, 17, tzinfo=UTC)),
        (NINE, datetime(2026, 11, 23, 17, tzinfo=UTC)),
        (datetime(2026, 11, 23, 17, tzinfo=UTC), datetime(2026, 11, 23, 17, tzinfo=UTC)),
    ],
)
def test_a_day_is_over_at_nine_in_the_evening_in_vietnam(now, until):
    assert day_end.ended_before(now) == until
