"""The quick way to a sale leaves what the exact one leaves, and steps aside where it cannot know."""

import asyncio
from dataclasses import replace as with_

import pytest
from sqlalchemy import text

import payments
from market import clock, ids, sales
from market.db import Viewer
from market.flows import quick_sale
from market.flows import sale as exact

OWN = {"id", "payment_id", "memo", "qr_text", "code", "subject_id"}
"""What belongs to each sale alone."""


@pytest.fixture
def viewer(world) -> Viewer:
    return Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(world.vendor_id,))


@pytest.fixture
def command(world):
    def made(**more):
        asked = sales.OpenSale(
            sale_id=ids.new(), stall_id=world.stall_id, amount_vnd=85_000, method="vietqr",
            lines=(), sold_at=clock.now(),
        )  # fmt: skip
        return with_(asked, **more)

    return made


@pytest.fixture
def stored(database):
    """Everything that stands about a sale."""

    async def read(sale_id):
        async with database.as_system() as db:
            rows = {}
            for table, key in (
                ("market.sale", "id"), ("payments.payment", "id"), ("payments.code", "subject_id"),
            ):  # fmt: skip
                found = await db.execute(
                    text(f"SELECT * FROM {table} WHERE {key} = :id"),
                    {"id": sale_id},
                )
                rows[table] = [dict(one) for one in found.mappings()]
        return rows

    return read


async def test_both_ways_leave_the_same(database, viewer, command, stored):
    now, sold_by = clock.now(), viewer.person_id
    one = command(sold_at=now)
    other = with_(one, sale_id=ids.new())

    quick = await quick_sale.open_sale(database, viewer, one, sold_by, now=now)
    async with database.as_viewer(viewer) as db:
        slow = await exact.open_sale(db, other, sold_by, now=now)

    left, right = await stored(one.sale_id), await stored(other.sale_id)
    for table in left:
        (mine,), (theirs,) = left[table], right[table]
        assert {k: v for k, v in mine.items() if k not in OWN} == {
            k: v for k, v in theirs.items() if k not in OWN
        }
    assert quick is not None
    assert left["market.sale"][0]["qr_text"] == quick.qr_text
    assert quick.qr_text.replace(quick.memo, slow.memo)[:-4] == slow.qr_text[:-4]


async def test_a_sale_told_again_is_left_to_the_exact_way(database, viewer, command, stored):
    asked, now = command(), clock.now()
    await quick_sale.open_sale(database, viewer, asked, None, now=now)

    again = await quick_sale.open_sale(database, viewer, asked, None, now=now)

    assert again is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [1, 1, 1]


async def test_the_same_sale_eight_times_at_once_is_made_once(database, viewer, command, stored):
    asked, now = command(), clock.now()

    made = await asyncio.gather(
        *(quick_sale.open_sale(database, viewer, asked, None, now=now) for _ in range(8))
    )

    assert len([one for one in made if one is not None]) == 1
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [1, 1, 1]


async def test_a_taken_code_leaves_nothing(database, viewer, command, stored, monkeypatch):
    now = clock.now()
    first = await quick_sale.open_sale(database, viewer, command(), None, now=now)
    monkeypatch.setattr(payments, "new_code", lambda _: first.memo)
    second = command()

    made = await quick_sale.open_sale(database, viewer, second, None, now=now)

    assert made is None
    assert [len(rows) for rows in (await stored(second.sale_id)).values()] == [0, 0, 0]


async def test_nobody_sells_at_a_stall_that_is_not_theirs(database, command, stored):
    stranger = Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(ids.new(),))
    asked = command()

    made = await quick_sale.open_sale(database, stranger, asked, None, now=clock.now())

    assert made is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [0, 0, 0]


async def test_an_account_that_was_given_up_is_asked_for_no_money(
    database, viewer, command, stored, world
):
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE payments.payee SET retired_at = now() WHERE id = :id"),
            {"id": world.payee_id},
        )
    asked = command()

    made = await quick_sale.open_sale(database, viewer, asked, None, now=clock.now())

    assert made is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [0, 0, 0]


async def test_baskets_and_cash_are_left_to_the_exact_way(database, viewer, command):
    line = sales.SaleLine("Rau", "bó", 1, 85_000, 85_000)

    made = [
        await quick_sale.open_sale(database, viewer, command(**more), None, now=clock.now())
        for more in ({"lines": (line,)}, {"method": "cash"})
    ]

    assert made == [None, None]


async def test_an_impossible_amount_is_refused(database, viewer, command):
    with pytest.raises(sales.AmountOutOfRange):
        await quick_sale.open_sale(database, viewer, command(amount_vnd=0), None, now=clock.now())
