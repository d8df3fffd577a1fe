"""Goods to store, and a channel to tell."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from catalog.connectors.sandbox import SandboxConnector
from market import ids

NOW = datetime(2026, 11, 23, 1, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def owner_id() -> UUID:
    return ids.new()


@pytest.fixture
def goods(owner_id: UUID) -> Callable[..., catalog.Product]:
    """Make new goods of this test's vendor."""

    def make(**changes: Any) -> catalog.Product:
        product_id = ids.new()
        plain: dict[str, Any] = {
            "id": product_id,
            "owner_id": owner_id,
            "sku": catalog.sku_of(product_id),
            "name_vi": "Rau muống",
            "category": "rau-cu",
            "unit": "mo",
            "price_vnd": 8_000,
        }
        return catalog.Product(**plain | changes)

    return make


@pytest.fixture
def stored(
    db: AsyncSession, goods: Callable[..., catalog.Product], now: datetime
) -> Callable[..., Awaitable[catalog.Product]]:
    """Goods of which so many are on the shelf."""

    async def put(count: object, **changes: Any) -> catalog.Product:
        quantity = None if count is None else Decimal(str(count))
        product = await catalog.put_product(db, goods(stock_qty=quantity, **changes), now=now)
        await db.commit()
        return product

    return put


@pytest.fixture
def sandbox() -> SandboxConnector:
    return SandboxConnector()


@pytest.fixture
async def joined(db: AsyncSession, owner_id: UUID) -> AsyncSession:
    """The vendor sells on the channel “sandbox”."""
    await catalog.put_channel(db, "sandbox", "Thử nghiệm", catalog.portal_categories())
    await catalog.join_channel(db, "sandbox", owner_id, catalog.Seller(name="Cô Hoa"), now=NOW)
    await db.commit()
    return db
