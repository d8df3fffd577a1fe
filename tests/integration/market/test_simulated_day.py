"""A day of more than twenty thousand payments, some told twice, and the audit after it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

import payments
from market import adoption, clock, periods
from market.adoption import Scope
from market.demo import history
from market.flows import adoption as flow

PAYMENTS_MIN = 20_000
PER_STALL = 400.0
TOLD_TWICE = 500

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def database_url(demo_url):
    return demo_url


@pytest.fixture
def busy(demo_plan):
    """The demo's world with every paid stall selling to a crowd."""
    return replace(
        demo_plan,
        halls=tuple(
            replace(
                hall,
                stalls=tuple(
                    replace(stall, cashless_per_day=PER_STALL if stall.cashless_per_day else 0.0)
                    for stall in hall.stalls
                ),
            )
            for hall in demo_plan.halls
        ),
    )


async def test_a_day_of_twenty_thousand_payments_audits_clean(database, busy, demo_began):
    day = clock.local_day(demo_began - timedelta(days=10))
    start, end = clock.day_bounds(day)

    written = await history.write_history(database, busy, 11, start, end)
    again = await told_twice(database, busy, start, end)
    report = await payments.audit(database.url)
    async with database.as_system() as db:
        units = (await db.execute(text("SELECT DISTINCT unit_id FROM market.hall"))).scalars().all()
        found = [
            await flow.recompute(db, Scope("unit", unit), periods.one_day(day)) for unit in units
        ]
        stalls = [
            one
            for unit in units
            for one in await adoption.stalls_of(db, Scope("unit", unit), periods.one_day(day))
        ]

    assert written.cashless_count >= PAYMENTS_MIN
    assert again == {payments.SettlementOutcome.ALREADY_SEEN}
    assert report.problems == ()
    assert all(one.differences == () for one in found)
    assert sum(one.ledger.cashless_count for one in found) == written.cashless_count
    assert sum(one.cashless_count for one in stalls) == written.cashless_count


async def told_twice(database, plan, start, end):
    async with database.as_system() as db:
        memos = await history.memos_of(db)
    past = history.past_sales(plan, 11, memos, start, end)
    sales = [one for one in past if one.kind == "stand"][:TOLD_TWICE]
    ledger = payments.Ledger(database.url)
    await ledger.start()
    settled = await asyncio.gather(
        *(ledger.settle(history.told_by_bank(one), receipt_id=one.id, now=end) for one in sales)
    )
    await ledger.close()
    return {one.outcome for one in settled}
