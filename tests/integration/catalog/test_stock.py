"""Counted goods: held for one, sold once, free again when nobody paid."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

import catalog
from market import ids

HOUR = timedelta(hours=1)


async def sell(db, subject_id, now):
    """Paid, and gone from the shelf."""
    paid = await catalog.pay_stock(db, subject_id, now=now)
    return await catalog.sell_stock(db, subject_id, now=now) and paid


@pytest.fixture
def hold(db, owner_id, now):
    """Hold some of goods for a new subject; its id."""

    async def held(*wanted, **more):
        subject_id = ids.new()
        quantities = {product.id: Decimal(quantity) for product, quantity in wanted}
        await catalog.hold_stock(
            db, subject_id, owner_id, quantities, until=now + HOUR, now=now, **more
        )
        return subject_id

    return held


async def on_shelf(db, product):
    return (await catalog.product_by_id(db, product.id)).stock_qty


async def free(db, product):
    return (await catalog.free_stock(db, [product.id])).get(product.id)


async def test_what_is_held_is_on_the_shelf_and_not_to_be_sold(db, stored, hold):
    product = await stored(3)

    await hold((product, 2))

    assert (await on_shelf(db, product), await free(db, product)) == (3, 1)


async def test_the_last_item_is_held_once(db, stored, hold):
    product = await stored(1)
    await hold((product, 1))

    with pytest.raises(catalog.OutOfStock) as caught:
        await hold((product, 1))

    assert (caught.value.name, caught.value.wanted, caught.value.left) == ("Rau muống", "1", "0")


async def test_of_a_basket_all_is_held_or_nothing(db, stored, hold):
    plenty, none = await stored(5), await stored(0)

    with pytest.raises(catalog.OutOfStock):
        await hold((plenty, 1), (none, 1))
    await db.rollback()

    assert await free(db, plenty) == 5


async def test_goods_that_nobody_counts_are_never_short(db, stored, hold, now):
    product = await stored(None)

    subject_id = await hold((product, 1_000))

    assert not await sell(db, subject_id, now)
    assert await on_shelf(db, product) is None


async def test_another_vendors_goods_are_not_held(db, stored, now):
    product = await stored(1)

    await catalog.hold_stock(
        db, ids.new(), ids.new(), {product.id: Decimal(1)}, until=now + HOUR, now=now
    )

    assert await free(db, product) == 1


async def test_what_is_sold_leaves_the_shelf_once_with_a_revision(db, stored, hold, now):
    product = await stored("2.5")
    subject_id = await hold((product, "0.35"))

    said = [await sell(db, subject_id, now) for _ in range(2)]

    assert said == [True, False]
    assert (await on_shelf(db, product), await free(db, product)) == (Decimal("2.15"),) * 2
    last = (await catalog.revisions(db, product.id))[-1]
    assert (last.operation, last.product.stock_qty) == ("sold", Decimal("2.15"))


async def test_the_channels_are_told_what_was_sold(joined, stored, hold, now, sandbox, owner_id):
    product = await stored(2)
    await sell(joined, await hold((product, 1)), now)

    (listing,) = await catalog.listings_of(joined, [product.id])

    assert listing.state == catalog.ListingState.QUEUED


async def test_what_was_not_paid_is_free_again_for_another(db, stored, hold, now):
    product = await stored(1)
    first = await hold((product, 1))

    await catalog.release_stock(db, first, now=now)
    await hold((product, 1))

    assert await free(db, product) == 0


async def test_what_is_paid_is_on_the_shelf_until_it_is_handed_out_and_nobody_elses(
    db, stored, hold, now
):
    product = await stored(3)
    subject_id = await hold((product, 2))

    await catalog.pay_stock(db, subject_id, now=now)

    assert (await on_shelf(db, product), await free(db, product)) == (3, 1)
    assert await catalog.paid(db) == [subject_id]
    assert not await catalog.release_stock(db, subject_id, now=now)
    assert await catalog.release_stock(db, subject_id, now=now, paid_too=True)
    assert await free(db, product) == 3


async def test_a_sale_is_not_freed_by_a_late_word_of_its_end(db, stored, hold, now):
    product = await stored(1)
    subject_id = await hold((product, 1))
    await sell(db, subject_id, now)

    assert not await catalog.release_stock(db, subject_id, now=now)
    assert await on_shelf(db, product) == 0


async def test_late_money_takes_the_goods_again_while_they_are_there(db, stored, hold, now):
    product = await stored(1)
    subject_id = await hold((product, 1))
    await catalog.release_stock(db, subject_id, now=now)

    assert await catalog.gone(db, [subject_id]) == set()
    assert await sell(db, subject_id, now)
    assert await on_shelf(db, product) == 0


async def test_late_money_does_not_take_what_somebody_else_has(db, stored, hold, now):
    product = await stored(1)
    late = await hold((product, 1))
    await catalog.release_stock(db, late, now=now)
    await hold((product, 1))

    assert await catalog.gone(db, [late]) == {late}
    with pytest.raises(catalog.OutOfStock):
        await sell(db, late, now)
    await db.rollback()


async def test_a_sale_that_was_none_puts_the_goods_back(db, stored, hold, now):
    product = await stored(4)
    subject_id = await hold((product, 3))
    await sell(db, subject_id, now)

    await catalog.release_stock(db, subject_id, now=now, paid_too=True)

    assert (await on_shelf(db, product), await free(db, product)) == (4, 4)


async def test_goods_handed_over_already_are_held_as_far_as_they_are_there(db, stored, hold, now):
    product = await stored(2)

    subject_id = await hold((product, 5), as_far_as_there=True)
    await sell(db, subject_id, now)

    assert await on_shelf(db, product) == 0


async def test_a_new_count_holds_what_is_being_paid_for(db, stored, hold, now, owner_id):
    product = await stored(3)
    subject_id = await hold((product, 1))

    await catalog.set_stock(db, owner_id, product.id, in_stock=True, stock_qty=Decimal(10), now=now)

    assert await free(db, product) == 9
    await sell(db, subject_id, now)
    assert await on_shelf(db, product) == 9


async def test_what_is_held_too_long_is_named(db, stored, hold, now):
    product = await stored(3)
    subject_id = await hold((product, 1))
    done = await hold((product, 1))
    await sell(db, done, now)

    assert await catalog.overdue(db, before=now + 2 * HOUR) == [subject_id]
    assert await catalog.overdue(db, before=now) == []


async def test_twenty_at_once_over_crossing_baskets_take_what_there_is_and_none_waits_for_ever(
    database, db, stored, owner_id, now
):
    shelf = [await stored(5), await stored(5), await stored(5)]

    async def buy(number):
        basket = shelf if number % 2 else shelf[::-1]
        wanted = {one.id: Decimal(1) for one in basket[:2]}
        subject_id = ids.new()
        try:
            async with database.as_system() as session:
                await catalog.hold_stock(
                    session, subject_id, owner_id, wanted, until=now + HOUR, now=now
                )
        except catalog.OutOfStock:
            return []
        async with database.as_system() as session:
            await sell(session, subject_id, now)
        return list(wanted)

    sold = [one for basket in await asyncio.gather(*map(buy, range(20))) for one in basket]

    await db.rollback()
    for product in shelf:
        assert sold.count(product.id) <= 5
        assert await on_shelf(db, product) == 5 - sold.count(product.id)
    assert sold.count(shelf[1].id) == 5
