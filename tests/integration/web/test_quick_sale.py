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
def quick(database):
    return quick_sale.QuickSales(database)


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


async def test_both_ways_leave_the_same(database, quick, viewer, command, stored):
    now = clock.now()
    one = command(sold_at=now)
    other = with_(one, sale_id=ids.new())

    made = await quick.open(one, viewer, now=now)
    async with database.as_viewer(viewer) as db:
        slow = await exact.open_sale(db, other, viewer.person_id, now=now)

    left, right = await stored(one.sale_id), await stored(other.sale_id)
    for table in left:
        (mine,), (theirs,) = left[table], right[table]
        assert {k: v for k, v in mine.items() if k not in OWN} == {
            k: v for k, v in theirs.items() if k not in OWN
        }
    assert made is not None
    assert left["market.sale"][0]["qr_text"] == made.qr_text
    assert made.qr_text.replace(made.memo, slow.memo)[:-4] == slow.qr_text[:-4]


async def test_a_sale_told_again_is_left_to_the_exact_way(quick, viewer, command, stored):
    asked, now = command(), clock.now()
    await quick.open(asked, viewer, now=now)

    again = await quick.open(asked, viewer, now=now)

    assert again is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [1, 1, 1]


async def test_the_same_sale_eight_times_at_once_is_made_once(quick, viewer, command, stored):
    asked, now = command(), clock.now()

    made = await asyncio.gather(*(quick.open(asked, viewer, now=now) for _ in range(8)))

    assert len([one for one in made if one is not None]) == 1
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [1, 1, 1]


async def test_a_taken_code_leaves_nothing(quick, viewer, command, stored, monkeypatch):
    now = clock.now()
    first = await quick.open(command(), viewer, now=now)
    monkeypatch.setattr(payments, "new_code", lambda _: first.memo)
    second = command()

    made = await quick.open(second, viewer, now=now)

    assert made is None
    assert [len(rows) for rows in (await stored(second.sale_id)).values()] == [0, 0, 0]


async def test_nobody_sells_at_a_stall_that_is_not_theirs(quick, command, stored):
    stranger = Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(ids.new(),))
    asked = command()

    made = await quick.open(asked, stranger, now=clock.now())

    assert made is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [0, 0, 0]


async def test_a_stranger_who_asks_in_the_same_moment_as_the_vendor_sells_nothing(
    quick, viewer, command, stored
):
    stranger = Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(ids.new(),))
    own, other, now = [command() for _ in range(4)], [command() for _ in range(4)], clock.now()

    made = await asyncio.gather(
        *(quick.open(one, viewer, now=now) for one in own),
        *(quick.open(one, stranger, now=now) for one in other),
    )

    assert [one is not None for one in made] == [True] * 4 + [False] * 4
    for asked, count in (*((one, 1) for one in own), *((one, 0) for one in other)):
        assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [count] * 3


async def test_one_sale_that_cannot_be_costs_those_of_the_same_moment_nothing(
    quick, viewer, command, stored, monkeypatch
):
    now = clock.now()
    first = await quick.open(command(), viewer, now=now)
    codes = iter([first.memo])  # somebody in the round draws a code that is taken
    fresh = payments.new_code
    monkeypatch.setattr(payments, "new_code", lambda drawn: next(codes, None) or fresh(drawn))
    asked = [command() for _ in range(6)]

    made = await asyncio.gather(*(quick.open(one, viewer, now=now) for one in asked))

    assert all(one is not None for one in made)
    assert len({one.memo for one in made}) == 6
    for one in asked:
        assert [len(rows) for rows in (await stored(one.sale_id)).values()] == [1, 1, 1]


async def test_an_account_that_was_given_up_is_asked_for_no_money(
    database, quick, viewer, command, stored, world
):
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE payments.payee SET retired_at = now() WHERE id = :id"),
            {"id": world.payee_id},
        )
    asked = command()

    made = await quick.open(asked, viewer, now=clock.now())

    assert made is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [0, 0, 0]


async def test_baskets_and_cash_are_left_to_the_exact_way(quick, viewer, command):
    line = sales.SaleLine("Rau", "bó", 1, 85_000, 85_000)

    made = [
        await quick.open(command(**more), viewer, now=clock.now())
        for more in ({"lines": (line,)}, {"method": "cash"})
    ]

    assert made == [None, None]


async def test_an_impossible_amount_is_refused(quick, viewer, command):
    with pytest.raises(sales.AmountOutOfRange):
        await quick.open(command(amount_vnd=0), viewer, now=clock.now())


async def test_who_waits_for_a_locked_row_is_left_to_the_exact_way_and_holds_up_nobody(
    database, quick, viewer, command, world
):
    async with database.as_system() as db:
        await db.execute(
            text("SELECT FROM market.stall WHERE id = :id FOR UPDATE"), {"id": world.stall_id}
        )
        made = await asyncio.wait_for(quick.open(command(), viewer, now=clock.now()), 10)

    assert made is None
    assert await quick.open(command(), viewer, now=clock.now()) is not None
