from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from market import ids

Goods = Callable[..., catalog.Product]
NAMES = (
    "Thịt bò thăn",
    "Bò viên",
    "Bơ sáp",
    "Bông cải xanh",
    "Đậu phụ",
    "Mì tôm",
    "Tôm thẻ",
    "Cà phê Arabica",
    "Nước mắm 40% đạm",
)


@pytest.fixture
async def shelf(db: AsyncSession, goods: Goods, now: datetime) -> AsyncSession:
    for name in NAMES:
        await catalog.put_product(db, goods(name_vi=name, category="tap-hoa"), now=now)
    return db


async def names(db: AsyncSession, query: str, **asked: object) -> list[str]:
    page = await catalog.find(db, query, **asked)  # type: ignore[arg-type]  # options by name
    return [product.name_vi for product in page.products]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("thit bo", "Thịt bò thăn"),
        ("bò thịt", "Thịt bò thăn"),
        ("DAU PHU", "Đậu phụ"),
        ("đậu phu", "Đậu phụ"),
        ("my tom", "Mì tôm"),
        ("ca phe arabika", "Cà phê Arabica"),
        ("40%", "Nước mắm 40% đạm"),
    ],
)
async def test_goods_are_found_however_they_are_typed(
    shelf: AsyncSession, query: str, first: str
) -> None:
    assert (await names(shelf, query))[0] == first


async def test_what_was_typed_with_its_marks_comes_first(shelf: AsyncSession) -> None:
    with_mark = await names(shelf, "bơ")
    other_mark = await names(shelf, "bò")
    without = await names(shelf, "bo")

    assert with_mark[0] == "Bơ sáp"
    assert other_mark[:2] == ["Bò viên", "Thịt bò thăn"]
    assert set(without) == {"Bơ sáp", "Bò viên", "Thịt bò thăn", "Bông cải xanh"}
    assert without[-1] == "Bông cải xanh"


@pytest.mark.parametrize("query", ["%", "_", "\\", "'; DROP", "\x00🥬", "x" * 5000])
async def test_strange_queries_find_nothing_and_break_nothing(
    shelf: AsyncSession, query: str
) -> None:
    found = await names(shelf, query)

    assert len(found) <= 1


async def test_without_a_query_all_goods_come_in_order_and_in_pages(shelf: AsyncSession) -> None:
    first = await catalog.find(shelf, page=1, page_size=5)
    second = await catalog.find(shelf, page=2, page_size=5)

    assert (first.total, first.page_count) == (9, 2)
    listed = [product.name_vi for product in first.products + second.products]
    assert listed[0] == "Bò viên"
    assert sorted(listed) == sorted(NAMES)


async def test_a_hall_is_the_vendors_in_it(
    shelf: AsyncSession, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    other = ids.new()
    await catalog.put_product(shelf, goods(name_vi="Bò khô", owner_id=other), now=now)

    assert await names(shelf, "bò", owner_ids=[other]) == ["Bò khô"]
    assert "Bò khô" not in await names(shelf, "bò", owner_ids=[owner_id])
    assert await names(shelf, "bò", owner_ids=[]) == []


async def test_only_goods_on_offer_are_found(
    shelf: AsyncSession, goods: Goods, now: datetime
) -> None:
    hidden = goods(name_vi="Bò nháp", status=catalog.Status.DRAFT)
    await catalog.put_product(shelf, hidden, now=now)

    assert "Bò nháp" not in await names(shelf, "bo")


async def test_a_category_narrows_the_search(
    shelf: AsyncSession, goods: Goods, now: datetime
) -> None:
    await catalog.put_product(shelf, goods(name_vi="Bò tái", category="thit-bo"), now=now)

    assert await names(shelf, "bò", category="thit-bo") == ["Bò tái"]


async def test_the_index_serves_the_search(shelf: AsyncSession) -> None:
    await shelf.execute(text("SET LOCAL enable_seqscan = off"))

    plan = await shelf.execute(
        text(
            "EXPLAIN SELECT id FROM catalog.product"
            " WHERE catalog.fold(name_vi) LIKE '%bo%' OR 'bo' <% catalog.fold(name_vi)"
        )
    )

    assert "ix_product_folded" in "\n".join(plan.scalars())
