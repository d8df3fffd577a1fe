"""Counting goods, and goods that buyers bring back."""

from datetime import timedelta
from decimal import Decimal

import pytest

import catalog
from market import ids

HOUR = timedelta(hours=1)


@pytest.fixture
def bought(db, owner_id, now):
    """A subject that holds so much, and paid for it where asked; its id."""

    async def hold(product, quantity, *steps):
        subject_id = ids.new()
        await catalog.hold_stock(
            db, subject_id, owner_id, {product.id: Decimal(quantity)}, until=now + HOUR, now=now
        )
        for step in steps:
            await step(db, subject_id, now=now)
        return subject_id

    return hold


async def count_of(db, product):
    return (await catalog.counts(db, [product.id])).get(product.id)


async def test_what_a_person_counts_is_what_lies_on_the_shelf(db, stored, owner_id, now):
    product = await stored(None)

    await catalog.count_stock(db, owner_id, product.id, counted=Decimal(5), now=now)

    assert await count_of(db, product) == catalog.Count(Decimal(5), Decimal(0))


async def test_a_count_does_not_hand_paid_goods_out_twice(db, stored, bought, owner_id, now):
    product = await stored(5)
    subject_id = await bought(product, 2, catalog.pay_stock)

    await catalog.count_stock(db, owner_id, product.id, counted=Decimal(3), now=now)
    await catalog.sell_stock(db, subject_id, now=now)

    assert (await count_of(db, product)).on_shelf == 3


async def test_what_a_buyer_is_paying_for_is_counted_and_not_free(
    db, stored, bought, owner_id, now
):
    product = await stored(5)
    await bought(product, 2)

    await catalog.count_stock(db, owner_id, product.id, counted=Decimal(4), now=now)

    count = await count_of(db, product)
    assert (count.on_shelf, count.held, count.free) == (4, 2, 2)


async def test_one_more_and_one_less_start_from_what_is_there(db, stored, owner_id, now):
    product = await stored(3)

    for more in (1, 1, -10, 2):
        await catalog.count_stock(db, owner_id, product.id, more=Decimal(more), now=now)

    assert (await count_of(db, product)).on_shelf == 2


async def test_sold_out_goods_that_are_counted_are_for_sale_again(db, stored, owner_id, now):
    product = await stored(3)
    await catalog.set_stock(db, owner_id, product.id, in_stock=False, keep_count=True, now=now)

    changed = await catalog.count_stock(db, owner_id, product.id, more=Decimal(1), now=now)

    assert (changed.in_stock, changed.stock_qty) == (True, 4)


async def test_half_a_bunch_is_refused_and_half_a_kilo_is_not(db, stored, owner_id, now):
    bunch, kilo = await stored(3), await stored(3, unit="kg")

    with pytest.raises(catalog.InvalidQuantity):
        await catalog.count_stock(db, owner_id, bunch.id, counted=Decimal("2.5"), now=now)
    weighed = await catalog.count_stock(db, owner_id, kilo.id, counted=Decimal("2.5"), now=now)

    assert weighed.stock_qty == Decimal("2.5")


async def test_nobody_counts_anothers_goods(db, stored, now):
    product = await stored(3)

    with pytest.raises(catalog.UnknownProduct):
        await catalog.count_stock(db, ids.new(), product.id, counted=Decimal(1), now=now)


async def test_goods_brought_back_are_on_the_shelf_once(db, stored, bought, now):
    product = await stored(5)
    sale_id = await bought(product, 2, catalog.pay_stock, catalog.sell_stock)
    refund_id = ids.new()

    for _ in range(2):
        await catalog.return_stock(db, sale_id, [product.id], refund_id, now=now)
    await catalog.return_stock(db, sale_id, [product.id], ids.new(), now=now)

    (sold,) = await catalog.sold_of(db, sale_id)
    assert sold.return_id == refund_id
    assert (await count_of(db, product)).on_shelf == 5


async def test_goods_brought_back_before_they_left_the_books_never_leave(db, stored, bought, now):
    product = await stored(5)
    sale_id = await bought(product, 2, catalog.pay_stock)

    await catalog.return_stock(db, sale_id, [product.id], ids.new(), now=now)
    await catalog.sell_stock(db, sale_id, now=now)

    count = await count_of(db, product)
    assert (count.on_shelf, count.free) == (5, 5)


async def test_a_return_that_was_none_is_taken_back_once(db, stored, bought, now):
    product = await stored(5)
    sale_id = await bought(product, 2, catalog.pay_stock, catalog.sell_stock)
    refund_id = ids.new()
    await catalog.return_stock(db, sale_id, [product.id], refund_id, now=now)

    for return_id in (ids.new(), refund_id, refund_id):
        await catalog.take_back(db, sale_id, return_id, now=now)

    (sold,) = await catalog.sold_of(db, sale_id)
    assert not sold.is_back
    assert (await count_of(db, product)).on_shelf == 3
