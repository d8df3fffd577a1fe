from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

import catalog
import market.db
from catalog.vietnamese import fold
from market import ids
from market.db import NOBODY, Database, Viewer

Goods = Callable[..., catalog.Product]


async def test_the_tables_in_code_are_those_of_the_migrations(database_url: str) -> None:
    assert "catalog" not in market.db.differences(database_url)


async def test_a_vendor_lists_goods_under_row_level_security(
    database: Database, goods: Goods, now: datetime, owner_id: UUID
) -> None:
    async with database.as_system() as db:
        await catalog.put_channel(db, "portal", "Cổng tỉnh", catalog.portal_categories())
    vendor = Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(owner_id,))

    async with database.as_viewer(vendor) as db:
        await catalog.join_channel(db, "portal", owner_id, catalog.Seller(name="Hoa"), now=now)
        stored = await catalog.put_product(db, goods(), now=now)
        changed = await catalog.put_product(db, replace(stored, price_vnd=9_000), now=now)

    async with database.as_viewer(vendor) as db:
        assert changed.version == 2
        (listing,) = await catalog.listings_of(db, [stored.id])
        assert listing.state == "queued"


async def test_everybody_sees_goods_on_offer_and_only_the_vendor_a_draft(
    database: Database, goods: Goods, now: datetime
) -> None:
    offered, draft = goods(), goods(status=catalog.Status.DRAFT)
    async with database.as_system() as db:
        for product in (offered, draft):
            await catalog.put_product(db, product, now=now)

    async with database.as_viewer(NOBODY) as db:
        seen = await catalog.products(db, [offered.id, draft.id])
        revisions = await catalog.revisions(db, offered.id)

    assert list(seen) == [offered.id]
    assert revisions == []


async def test_nobody_lists_goods_in_anothers_name(
    database: Database, goods: Goods, now: datetime
) -> None:
    stranger = Viewer(person_id=ids.new(), roles=("vendor",), vendor_ids=(ids.new(),))

    with pytest.raises(ProgrammingError, match="row-level security"):
        async with database.as_viewer(stranger) as db:
            await catalog.put_product(db, goods(), now=now)


async def test_a_signed_in_vendor_cannot_change_a_channel(
    database: Database, owner_id: UUID
) -> None:
    async with database.as_system() as db:
        await catalog.put_channel(db, "portal", "Cổng tỉnh", {})

    async with database.as_viewer(Viewer(vendor_ids=(owner_id,))) as db:
        changed = await db.execute(text("UPDATE catalog.channel SET is_enabled = false"))

    assert changed.rowcount == 0


@pytest.mark.parametrize(
    "content", ["Đậu phụ", "ĐƯỜNG", "Mỳ tôm", "hoá", "Ngũ vị hương", "Bưởi Luận Văn", "Ốc"]
)
async def test_the_database_folds_as_python_does(database: Database, content: str) -> None:
    async with database.as_system() as db:
        folded = (await db.execute(text("SELECT catalog.fold(:t)"), {"t": content})).scalar_one()

    assert folded == fold(content)
