import random
from datetime import UTC, datetime

from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from market import ids
from market.demo.goods import stock_shelf

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


async def test_a_shelf_is_stocked_alike_from_the_same_seed(db: AsyncSession) -> None:
    shelves = []
    for _ in range(2):
        owner_id = ids.new()
        await stock_shelf(
            db, owner_id, "rau củ", rng=random.Random(7), new_id=ids.new, now=NOW, count=10
        )
        shelf = await catalog.products_of(db, owner_id)
        shelves.append([(one.name_vi, one.price_vnd, one.icon) for one in shelf])

    assert len(shelves[0]) == 10
    assert shelves[0] == shelves[1]
