"""Cash that is handed back: the ledger, the day's sums and figures, the invoice, the shelf."""

from datetime import timedelta

import pytest
from sqlalchemy import text

import einvoice
import payments
from market import adoption, clock, corrections, ids
from market.adoption import Scope
from market.db import Viewer
from market.flows import adoption as figures
from market.periods import Period

LINES = [
    {"name": "Rau muống", "unit": "bó", "quantity": "5", "unit_price_vnd": 5_000, "amount_vnd": 25_000},
    {"name": "Thịt ba chỉ", "unit": "kg", "quantity": "0.5", "unit_price_vnd": 120_000, "amount_vnd": 60_000},
]  # fmt: skip


@pytest.fixture
async def registered(database, world) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )


@pytest.fixture
def sold(registered, open_sale, follow, as_):
    """A sale paid in cash, with its invoice."""

    async def opened(**more):
        sale = await open_sale(amount_vnd=85_000, method="cash", **more)
        await follow()
        await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")
        return sale

    return opened


@pytest.fixture
def ask(as_):
    async def asked(sale, amount_vnd, **more):
        more.setdefault("refund_id", str(ids.new()))
        answer = await as_("vendor").post(
            f"/api/sales/{sale['sale_id']}/refunds", json={"amount_vnd": amount_vnd, **more}
        )
        return answer.status_code, answer.json()

    return asked


@pytest.fixture
def hand_over(as_, work, follow):
    """The cash is handed over; everything that follows has followed."""

    async def gone(sale, refund_id):
        answer = await as_("vendor").post(
            f"/api/sales/{sale['sale_id']}/refunds/{refund_id}/gone", json={}
        )
        assert answer.status_code == 200, answer.text
        await work("book_refunds")
        await follow()
        await work("write_corrections")

    return gone


@pytest.fixture
def balances(database, world):
    async def found():
        async with database.as_system() as db:
            views = await payments.accounts_of(db, world.vendor_id)
        return {view.kind: view.balance_vnd for view in views}

    return found


@pytest.fixture
def invoices(database, world):
    async def found():
        since = clock.now() - timedelta(days=1)
        viewer = Viewer(roles=("vendor",), vendor_ids=(world.vendor_id,))
        async with database.as_viewer(viewer) as db:
            listed = await einvoice.invoices_of(db, world.vendor_id, since)
        return sorted(listed, key=lambda one: one.invoice.number)

    return found


async def test_cash_that_was_handed_back_leaves_the_drawer_once(sold, ask, hand_over, balances):
    sale = await sold()
    _, refund = await ask(sale, 20_000)
    before = await balances()

    await hand_over(sale, refund["refund_id"])

    after = await balances()
    assert (refund["road"], refund["state"]) == ("cash", "asked")
    assert before["cash"] - after["cash"] == 20_000
    assert after["refunds"] == 20_000


async def test_never_more_goes_back_than_was_paid(sold, ask, hand_over):
    sale = await sold()
    _, refund = await ask(sale, 60_000)
    await hand_over(sale, refund["refund_id"])

    status, problem = await ask(sale, 25_001)

    assert (status, problem["code"]) == (422, "refund_too_large")


async def test_what_is_not_wanted_any_more_costs_nothing(sold, ask, balances, as_, world):
    sale = await sold()
    _, refund = await ask(sale, 85_000)

    await as_("vendor").post(
        f"/ban-hang/{world.stall_id}/hoan-tien/{sale['sale_id']}/{refund['refund_id']}/thoi"
    )

    status, _ = await ask(sale, 85_000)
    assert status == 201
    assert (await balances()).get("refunds", 0) == 0


async def test_somebody_else_hands_nothing_back(sold, as_):
    sale = await sold()

    answer = await as_("other").post(
        f"/api/sales/{sale['sale_id']}/refunds",
        json={"refund_id": str(ids.new()), "amount_vnd": 1_000},
    )

    assert answer.status_code in {403, 404}


async def test_two_bunches_brought_back_are_two_bunches_on_the_adjustment(
    sold, as_, world, work, follow, invoices, database
):
    sale = await sold(lines=LINES)
    page = f"/ban-hang/{world.stall_id}/hoan-tien/{sale['sale_id']}"
    refund_id = ids.new()

    shown = await as_("vendor").get(page)
    await as_("vendor").post(
        page,
        data={"refund_id": str(refund_id), "amount": "85.000 ₫", "reason": "Khách trả lại hàng",
              "sl": ["2", "0"]},
    )  # fmt: skip
    asked = await as_("vendor").get(f"{page}/{refund_id}")
    await as_("vendor").post(f"{page}/{refund_id}/da-chuyen")
    await work("book_refunds")
    await follow()
    await work("write_corrections")

    original, adjustment = await invoices()
    async with database.as_system() as db:
        row = await corrections.of_refund(db, refund_id)
    assert "Khách trả lại món nào?" in shown.text
    assert "Tôi đã đưa tiền cho khách" in asked.text
    assert "10.000" in asked.text
    assert [(one.name, one.quantity) for one in adjustment.invoice.lines] == [("Rau muống", -2)]
    assert (original.correction, adjustment.payable_vnd) == ("adjusted", -10_000)
    assert (row.state, row.faults) == ("written", ["returned"])


async def test_money_off_afterwards_is_spread_over_the_goods(sold, ask, hand_over, invoices):
    sale = await sold(lines=LINES)
    _, refund = await ask(sale, 17_000, reason="Bớt tiền cho khách")

    await hand_over(sale, refund["refund_id"])

    _, adjustment = await invoices()
    assert [one.amount_vnd for one in adjustment.invoice.lines] == [-5_000, -12_000]


async def test_more_than_was_bought_does_not_come_back(sold, as_, world):
    sale = await sold(lines=LINES)

    answer = await as_("vendor").post(
        f"/ban-hang/{world.stall_id}/hoan-tien/{sale['sale_id']}",
        data={"refund_id": str(ids.new()), "amount": "1000", "sl": ["6", "0"]},
    )

    assert answer.status_code == 422


async def test_the_days_sums_and_the_cashless_share_tell_cash_from_the_rest(
    sold, ask, hand_over, as_, world, database
):
    sale = await sold()
    _, refund = await ask(sale, 85_000)
    await hand_over(sale, refund["refund_id"])

    sums = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()

    day = clock.local_day(clock.now())
    async with database.as_system() as db:
        hours = (await db.execute(text("SELECT method, refund_vnd FROM market.refund_hour"))).all()
        scope = Scope("hall", world.hall_id)
        period = Period(day, day)
        proof = await figures.recompute(db, scope, period)
        (stall, *_) = [
            one
            for one in await adoption.stalls_of(db, scope, period)
            if one.stall_id == world.stall_id
        ]
    assert (sums["refund_vnd"], sums["kept_vnd"]) == (85_000, 0)
    assert [tuple(one) for one in hours] == [("cash", 85_000)]
    assert proof.differences == ()
    assert (stall.cash_vnd, stall.cash_count, stall.refund_vnd) == (0, 0, 0)
