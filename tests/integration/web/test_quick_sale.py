"""The quick way to a sale leaves what the exact one leaves, and steps aside where it cannot know."""

import asyncio
from dataclasses import replace as with_
from decimal import Decimal

import pytest
from sqlalchemy import text

import catalog
import payments
from market import clock, ids, sales
from market.db import Viewer
from market.flows import quick_sale
from market.flows import sale as exact
from market.tables import SaleRow

OWN = {"id", "payment_id", "memo", "qr_text", "code", "subject_id", "sale_id"}
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
                ("market.sale_line", "sale_id"), ("catalog.stock_hold", "subject_id"),
            ):  # fmt: skip
                found = await db.execute(
                    text(f"SELECT * FROM {table} WHERE {key} = :id ORDER BY 1, 2"),
                    {"id": sale_id},
                )
                rows[table] = [dict(one) for one in found.mappings()]
        return rows

    return read


@pytest.fixture
def put(database, world, viewer):
    """Goods with so many of them there; None: nobody counts them."""

    async def stored(count, owner_id=world.vendor_id):
        product_id = ids.new()
        product = catalog.Product(
            id=product_id, owner_id=owner_id, sku=catalog.sku_of(product_id), name_vi="Cá chép",
            category="thuy-san", unit="con", price_vnd=45_000,
            stock_qty=None if count is None else Decimal(count),
        )  # fmt: skip
        async with database.as_system() as db:
            return await catalog.put_product(db, product, now=clock.now())

    return stored


@pytest.fixture
def basket(command):
    """A sale of one of each of these goods."""

    def made(*goods, **more):
        lines = tuple(
            sales.SaleLine(one.name_vi, one.unit, Decimal(1), 45_000, 45_000, one.id)
            for one in goods
        )
        return command(lines=lines, amount_vnd=45_000 * len(lines), **more)

    return made


@pytest.fixture
def free(database):
    """How many of goods can still be sold."""

    async def of(product):
        async with database.as_system() as db:
            return (await catalog.free_stock(db, [product.id]))[product.id]

    return of


async def both_ways(database, quick, viewer, one, stored, now):
    """What the quick and the exact way leave of two equal sales."""
    other = with_(one, sale_id=ids.new())
    made = await quick.open(one, viewer, now=now)
    async with database.as_viewer(viewer) as db:
        slow = await exact.open_sale(db, other, viewer.person_id, now=now)
    assert made is not None
    assert made.qr_text.replace(made.memo, slow.memo)[:-4] == slow.qr_text[:-4]
    left, right = await stored(one.sale_id), await stored(other.sale_id)
    assert left["market.sale"][0]["qr_text"] == made.qr_text
    return [
        {
            table: [{k: v for k, v in row.items() if k not in OWN} for row in rows]
            for table, rows in found.items()
        }
        for found in (left, right)
    ]


async def test_both_ways_leave_the_same(database, quick, viewer, command, stored):
    now = clock.now()

    quickly, exactly = await both_ways(database, quick, viewer, command(sold_at=now), stored, now)

    assert quickly == exactly


async def test_both_ways_leave_the_same_of_a_basket(database, quick, viewer, basket, stored, put):
    now = clock.now()
    goods = [await put(5), await put(None), await put(2)]

    quickly, exactly = await both_ways(
        database, quick, viewer, basket(*goods, goods[0], sold_at=now), stored, now
    )

    assert quickly == exactly
    assert [len(rows) for rows in quickly.values()] == [1, 1, 1, 4, 2]


async def test_a_line_that_is_of_no_goods_is_a_line_all_the_same(quick, viewer, command, stored):
    asked = command(lines=(sales.SaleLine("Rau", "bó", Decimal("1.5"), 56_667, 85_000),))

    made = await quick.open(asked, viewer, now=clock.now())

    (line,) = (await stored(made.id))["market.sale_line"]
    assert (line["name"], line["quantity"], line["product_id"]) == ("Rau", Decimal("1.5"), None)


async def test_of_eight_who_ask_for_the_last_two_at_one_moment_two_have_them(
    quick, viewer, basket, stored, put, free
):
    product, now = await put(2), clock.now()
    asked = [basket(product) for _ in range(8)]

    said = await asyncio.gather(
        *(quick.open(one, viewer, now=now) for one in asked), return_exceptions=True
    )

    assert sum(isinstance(one, catalog.OutOfStock) for one in said) == 6
    assert await free(product) == 0
    for one, answer in zip(asked, said, strict=True):
        count = 0 if isinstance(answer, catalog.OutOfStock) else 1
        assert [len(rows) for rows in (await stored(one.sale_id)).values()] == [count] * 5


async def test_of_many_who_ask_two_processes_for_the_last_ones_nobody_has_what_is_not_there(
    database, viewer, basket, put, free
):
    shelf, now = [await put(5), await put(5)], clock.now()
    ways = [quick_sale.QuickSales(database) for _ in range(3)]

    said = await asyncio.gather(
        *(
            ways[number % 3].open(basket(*shelf[:: 1 - 2 * (number % 2)]), viewer, now=now)
            for number in range(30)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(one, SaleRow) for one in said) == 5
    assert [await free(one) for one in shelf] == [0, 0]


async def test_a_basket_whose_goods_it_has_itself_is_told_again_without_being_short(
    database, quick, viewer, basket, put
):
    asked, now = basket(await put(1)), clock.now()
    made = await quick.open(asked, viewer, now=now)

    again = await quick.open(asked, viewer, now=now)

    assert again is None
    async with database.as_viewer(viewer) as db:
        assert (await exact.open_sale(db, asked, None, now=now)).memo == made.memo


async def test_the_last_item_asked_for_twice_at_once_by_one_sale_is_sold_to_it(
    database, viewer, basket, put, world
):
    asked, now = basket(await put(1)), clock.now()

    async def ask():
        async with database.as_viewer(viewer) as db:
            return await exact.open_sale(db, asked, None, now=now)

    said = await asyncio.gather(*(ask() for _ in range(4)), return_exceptions=True)

    assert not [one for one in said if isinstance(one, catalog.OutOfStock)]
    assert len({one.memo for one in said if isinstance(one, SaleRow)}) == 1


async def test_another_vendors_goods_are_not_held(
    database, quick, viewer, basket, stored, put, world, free
):
    product = await put(1, world.other_vendor_id)

    made = await quick.open(basket(product), viewer, now=clock.now())

    assert made is not None
    assert await free(product) == 1


async def test_a_sale_told_again_is_left_to_the_exact_way(quick, viewer, command, stored):
    asked, now = command(), clock.now()
    await quick.open(asked, viewer, now=now)

    again = await quick.open(asked, viewer, now=now)

    assert again is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [1, 1, 1, 0, 0]


async def test_the_same_sale_eight_times_at_once_is_made_once(quick, viewer, command, stored):
    asked, now = command(), clock.now()

    made = await asyncio.gather(*(quick.open(asked, viewer, now=now) for _ in range(8)))

    assert len([one for one in made if one is not None]) == 1
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [1, 1, 1, 0, 0]


async def test_a_taken_code_leaves_nothing(quick, viewer, command, stored, monkeypatch):
    now = clock.now()
    first = await quick.open(command(), viewer, now=now)
    monkeypatch.setattr(payments, "new_code", lambda _: first.memo)
    second = command()

    made = await quick.open(second, viewer, now=now)

    assert made is None
    assert [len(rows) for rows in (await stored(second.sale_id)).values()] == [0] * 5


async def test_nobody_sells_at_a_stall_that_is_not_theirs(quick, command, stored):
    stranger = Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(ids.new(),))
    asked = command()

    made = await quick.open(asked, stranger, now=clock.now())

    assert made is None
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [0] * 5


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
        assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [count] * 3 + [
            0,
            0,
        ]


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
        assert [len(rows) for rows in (await stored(one.sale_id)).values()] == [1, 1, 1, 0, 0]


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
    assert [len(rows) for rows in (await stored(asked.sale_id)).values()] == [0] * 5


async def test_cash_is_left_to_the_exact_way(quick, viewer, command):
    assert await quick.open(command(method="cash"), viewer, now=clock.now()) is None


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
