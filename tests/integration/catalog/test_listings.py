import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from market import ids
from market.db import Database

Goods = Callable[..., catalog.Product]


async def test_new_goods_are_version_one_with_their_first_revision(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(db, goods(), now=now, by=owner_id)

    assert stored.version == 1
    assert await catalog.product_by_id(db, stored.id) == stored
    assert await catalog.product_by_sku(db, stored.sku) == stored
    (first,) = await catalog.revisions(db, stored.id)
    assert (first.product, first.changed_by, first.changed_at) == (stored, owner_id, now)


async def test_the_same_put_twice_changes_things_once(
    db: AsyncSession, goods: Goods, now: datetime
) -> None:
    product = goods()

    stored = [await catalog.put_product(db, product, now=now) for _ in range(2)]

    assert [one.version for one in stored] == [1, 1]
    assert len(await catalog.revisions(db, product.id)) == 1


async def test_a_repeated_change_is_taken_though_its_version_is_past(
    db: AsyncSession, goods: Goods, now: datetime
) -> None:
    first = await catalog.put_product(db, goods(), now=now)
    change = replace(first, price_vnd=9_000)

    again = [await catalog.put_product(db, change, now=now) for _ in range(2)]

    assert [one.version for one in again] == [2, 2]


async def test_a_change_of_what_was_read_too_long_ago_is_refused(
    db: AsyncSession, goods: Goods, now: datetime
) -> None:
    first = await catalog.put_product(db, goods(), now=now)
    await catalog.put_product(db, replace(first, price_vnd=9_000), now=now)

    with pytest.raises(catalog.StaleVersion) as caught:
        await catalog.put_product(db, replace(first, price_vnd=7_000), now=now)

    assert (caught.value.version_seen, caught.value.version_now) == (1, 2)


async def test_a_sku_is_never_given_twice(db: AsyncSession, goods: Goods, now: datetime) -> None:
    await catalog.put_product(db, goods(sku="RAU-1"), now=now)

    with pytest.raises(catalog.SkuTaken):
        await catalog.put_product(db, goods(sku="RAU-1"), now=now)


async def test_another_vendors_goods_are_unknown(
    db: AsyncSession, goods: Goods, now: datetime
) -> None:
    stored = await catalog.put_product(db, goods(), now=now)
    stranger = ids.new()

    with pytest.raises(catalog.UnknownProduct):
        await catalog.put_product(db, replace(stored, owner_id=stranger, price_vnd=1), now=now)
    with pytest.raises(catalog.UnknownProduct):
        await catalog.set_stock(db, stranger, stored.id, in_stock=False, now=now)


async def test_invalid_goods_leave_nothing_behind(
    db: AsyncSession, goods: Goods, now: datetime
) -> None:
    product = goods(price_vnd=0)

    with pytest.raises(catalog.InvalidProduct):
        await catalog.put_product(db, product, now=now)

    assert await catalog.products(db, [product.id]) == {}


async def test_a_price_that_jumps_waits_for_a_persons_word(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(db, goods(price_vnd=8_000), now=now)

    with pytest.raises(catalog.PriceJump):
        await catalog.set_price(db, owner_id, stored.id, 80_000, version_seen=1, now=now)
    changed = await catalog.set_price(
        db, owner_id, stored.id, 80_000, version_seen=1, now=now, price_confirmed=True
    )

    assert (changed.price_vnd, changed.version) == (80_000, 2)


async def test_a_sale_price_ends_when_the_price_falls_to_it(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(db, goods(sale_price_vnd=7_000), now=now)

    changed = await catalog.set_price(db, owner_id, stored.id, 7_000, version_seen=1, now=now)

    assert changed.sale_price_vnd is None


async def test_stock_is_set_without_a_version_and_the_last_word_counts(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(db, goods(), now=now)

    await catalog.set_stock(
        db, owner_id, stored.id, in_stock=True, stock_qty=Decimal("2.5"), now=now
    )
    changed = await catalog.set_stock(db, owner_id, stored.id, in_stock=False, now=now)

    assert (changed.in_stock, changed.stock_qty, changed.version) == (False, None, 3)


async def test_archived_goods_leave_the_list_but_old_sales_still_know_them(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    stored = await catalog.put_product(db, goods(), now=now)

    await catalog.archive(db, owner_id, stored.id, version_seen=1, now=now)

    assert await catalog.products_of(db, owner_id) == []
    assert (await catalog.products(db, [stored.id]))[stored.id].name_vi == "Rau muống"
    assert len(await catalog.products_of(db, owner_id, archived=True)) == 1


async def test_a_vendors_goods_come_in_vietnamese_order(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    for name in ("Đu đủ", "Dưa hấu", "Ổi", "Cam", "Chuối tiêu", "Bưởi Luận Văn"):
        await catalog.put_product(db, goods(name_vi=name), now=now)

    names = [product.name_vi for product in await catalog.products_of(db, owner_id)]

    assert names == ["Bưởi Luận Văn", "Cam", "Chuối tiêu", "Dưa hấu", "Đu đủ", "Ổi"]


@pytest.mark.parametrize("statement", ["UPDATE", "DELETE", "TRUNCATE"])
async def test_a_revision_cannot_be_changed_even_by_the_owner_of_the_database(
    db: AsyncSession, goods: Goods, now: datetime, statement: str
) -> None:
    await catalog.put_product(db, goods(), now=now)
    sql = {
        "UPDATE": "UPDATE catalog.revision SET operation = 'x'",
        "DELETE": "DELETE FROM catalog.revision",
        "TRUNCATE": "TRUNCATE catalog.revision",
    }[statement]

    with pytest.raises(DBAPIError, match="append-only"):
        await db.execute(text(sql))


async def test_of_two_changes_at_once_the_second_waits_and_is_told_that_it_is_stale(
    db: AsyncSession, database: Database, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    async with database.as_system() as before:
        stored = await catalog.put_product(before, goods(), now=now)

    async def change() -> None:
        async with database.as_system() as second:
            await catalog.set_price(second, owner_id, stored.id, 7_000, version_seen=1, now=now)

    async with database.as_system() as first:
        await catalog.set_price(first, owner_id, stored.id, 9_000, version_seen=1, now=now)
        changing = asyncio.create_task(change())
        await somebody_waits_for_a_lock(db)

    with pytest.raises(catalog.StaleVersion):
        await changing


async def somebody_waits_for_a_lock(db: AsyncSession) -> None:
    waiting = text(
        "SELECT pg_stat_clear_snapshot(), count(*) FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    while (await db.execute(waiting)).one()[1] == 0:  # noqa: ASYNC110 - the server has no event for it
        await asyncio.sleep(0.01)


async def test_of_many_first_puts_at_once_one_creates_the_goods(
    database: Database, goods: Goods, now: datetime
) -> None:
    product = goods()

    async def put() -> int:
        async with database.as_system() as db:
            return (await catalog.put_product(db, product, now=now)).version

    versions = await asyncio.gather(*(put() for _ in range(4)))

    assert versions == [1, 1, 1, 1]
    async with database.as_system() as db:
        assert len(await catalog.revisions(db, product.id)) == 1


async def test_a_first_stock_is_stored_at_once_and_told_to_the_channels(
    joined: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    products = [goods(name_vi=name) for name in ("Rau muống", "Rau ngót", "Su hào")]

    stored = await catalog.put_new_products(joined, products, now=now)
    again = await catalog.put_new_products(joined, products, now=now)

    assert ([one.version for one in stored], again) == ([1, 1, 1], [])
    assert len(await catalog.products_of(joined, owner_id)) == 3
    listings = await catalog.listings_of(joined, [one.id for one in products])
    assert [one.state for one in listings] == ["queued"] * 3


async def test_one_invalid_thing_in_a_stock_leaves_nothing_stored(
    db: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    with pytest.raises(catalog.InvalidProduct):
        await catalog.put_new_products(db, [goods(), goods(price_vnd=0)], now=now)

    assert await catalog.products_of(db, owner_id) == []
