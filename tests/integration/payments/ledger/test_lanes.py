"""Whoever writes into a lane waits for whoever holds it: the order of record is that of commits."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

import payments
from market import ids
from payments import Outcome
from payments.ledger.accounts import lane_of

WAITING = """
SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture
def sale(vendor, now):
    """Makes an order of the vendor's."""

    def made(kind: type = payments.Transfer, **more):
        return kind(
            id=ids.new(),
            owner_id=vendor.id,
            debit_id=vendor.account("bank").id,
            credit_id=vendor.account("sales").id,
            amount_vnd=1_000,
            kind=payments.TransferKind.SALE,
            occurred_at=now,
            **more,
        )

    return made


@pytest.fixture
async def way(request, vendor, ledger, sale, told, now):
    """One of the ways into the journal: what starts it, and what it answers."""
    await ledger.post(sale(), opening=[vendor.account("bank"), vendor.account("sales")])
    hold = sale(payments.Hold, expires_at=now + timedelta(days=3_650))
    ways = {
        "all at once": (lambda: ledger.post(sale()), [Outcome.POSTED]),
        "judged": (lambda: ledger.post(hold), [Outcome.POSTED]),
        "money": (lambda: ledger.settle(told(), receipt_id=ids.new(), now=now), "unmatched"),
    }
    return ways[request.param]


@pytest.mark.parametrize("way", ["all at once", "judged", "money"], indirect=True)
async def test_every_way_waits_for_the_lane(database_url, vendor, way):
    start, expected = way
    async with await psycopg.AsyncConnection.connect(database_url) as holder:
        lane = lane_of(vendor.id)
        await holder.execute("SELECT payments.lock_lanes(ARRAY[%s::smallint])", (lane,))

        posting = asyncio.create_task(start())
        async with asyncio.timeout(20):
            while not posting.done():
                if (await (await holder.execute(WAITING)).fetchone())[0]:
                    break
                await asyncio.sleep(0.005)
        was_done = posting.done()
        await holder.commit()
        answer = await posting

    assert not was_done
    assert getattr(answer, "outcome", answer) == expected
