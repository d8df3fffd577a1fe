"""Takings recomputed from the journal; receipts as lists; what row-level security lets through."""

from datetime import timedelta

import pytest

import payments
from market import ids
from market.db import NOBODY, Viewer


@pytest.fixture
async def day(db, vendor, ledger, open_payment, told, settle, now):
    """A payment in two parts over two hours, a stand sale, cash, and money nobody knows."""
    hour = timedelta(hours=1)
    payment = await open_payment(expires_at=now + 2 * hour)
    stand_code = payments.new_code(ids.new().bytes)
    await payments.register_stand(
        db, ids.new(), owner_id=vendor.id, place_id=vendor.place_id, code=stand_code, now=now
    )
    await db.commit()
    await settle(told(payment.code, amount_vnd=20_000, occurred_at=now))
    await settle(told(payment.code, amount_vnd=30_000, occurred_at=now + hour))
    await settle(told(stand_code, amount_vnd=7_000, occurred_at=now))
    await settle(told("?", amount_vnd=99_000, occurred_at=now))
    cash = payments.CashSale(
        id=ids.new(),
        owner_id=vendor.id,
        place_id=vendor.place_id,
        amount_vnd=5_000,
        occurred_at=now,
    )
    await ledger.record_cash(cash, now=now)
    return payment


async def test_takings_count_each_sale_once_where_it_was_completed(db, vendor, day, now):
    hour = now.replace(minute=0, second=0, microsecond=0)

    found = await payments.takings(db, [vendor.place_id], hour, hour + timedelta(hours=3))

    assert found == [
        payments.Taking(
            place_id=vendor.place_id,
            hour=hour,
            cashless_count=1,
            cashless_vnd=7_000,
            cash_count=1,
            cash_vnd=5_000,
        ),
        payments.Taking(
            place_id=vendor.place_id,
            hour=hour + timedelta(hours=1),
            cashless_count=1,
            cashless_vnd=45_000,
            cash_count=0,
            cash_vnd=0,
        ),
    ]


async def test_takings_equal_what_the_events_booked(db, vendor, day, now):
    found = await payments.takings(
        db, [vendor.place_id], now - timedelta(days=1), now + timedelta(days=1)
    )

    events = await payments.events_after(db, 0, 100)
    booked_vnd = sum(event.data["booked_vnd"] for event in events)
    assert sum(one.cashless_vnd + one.cash_vnd for one in found) == booked_vnd == 57_000


async def test_receipts_are_listed_newest_first_and_by_payment(db, vendor, day, now):
    listed = await payments.receipts_of(db, vendor.id, since=now)
    of_payment = await payments.receipts_for(db, day.id)

    assert listed[0].amount_vnd == 30_000
    assert len(listed) == 4
    assert [(one.amount_vnd, one.outcome) for one in of_payment] == [
        (20_000, "short"),
        (30_000, "over"),
    ]


async def test_a_vendor_sees_the_own_money_and_nobody_elses(
    database, vendor, other_vendor, day, now
):
    seen = {}
    for name, viewer in (
        ("own", Viewer(vendor_ids=(vendor.id,))),
        ("other", Viewer(vendor_ids=(other_vendor.id,))),
        ("nobody", NOBODY),
    ):
        async with database.as_viewer(viewer) as db:
            seen[name] = (
                len(await payments.accounts_of(db, vendor.id)),
                len(await payments.receipts_of(db, vendor.id, since=now)),
                await payments.payment(db, day.id) is not None,
                len(await payments.takings(db, [vendor.place_id], now, now + timedelta(days=1))),
                len(await payments.events_after(db, 0, 100)),
                len(await payments.notices(db)),
            )

    assert seen["own"] == (4, 4, True, 2, 5, 0)
    assert seen["other"] == seen["nobody"] == (0, 0, False, 0, 0, 0)


async def test_a_vendor_opens_payments_for_nobody_else(
    database, vendor, other_vendor, command_of, now
):
    command = command_of()
    async with database.as_viewer(Viewer(vendor_ids=(vendor.id,))) as db:
        await payments.open_payment(db, command, now=now)

    async with database.as_viewer(Viewer(vendor_ids=(other_vendor.id,))) as db:
        with pytest.raises(payments.PaymentUnknown):
            await payments.cancel_payment(db, command.id, now=now)
        foreign = command_of(
            id=command.id, owner_id=other_vendor.id, payee_id=other_vendor.payee_id
        )
        with pytest.raises(payments.PaymentIdReused):
            await payments.open_payment(db, foreign, now=now)
