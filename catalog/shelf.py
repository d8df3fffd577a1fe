"""Goods as they are stored: rows become values here, and values rows; and reading them by id."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog.errors import UnknownProduct
from catalog.product import Origin, Product, Status, content_hash, from_payload
from catalog.tables import ProductRow, RevisionRow
from catalog.vietnamese import sort_key

_SAME = (
    *("id", "owner_id", "sku", "version", "name_vi", "category", "description", "unit"),
    *("unit_qty", "net_content", "net_unit", "weight_g", "price_vnd", "sale_price_vnd"),
    *("sale_from", "sale_to", "in_stock", "stock_qty", "available_until", "gtin", "icon"),
)
"""Fields that a product and its row hold alike."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One version of goods as it was, and who made it when."""

    product: Product
    operation: str
    changed_by: UUID | None
    changed_at: datetime


async def product_by_id(db: AsyncSession, product_id: UUID) -> Product:
    """Goods as they are now.

    Raises: UnknownProduct, also for another vendor's draft.
    """
    row = await db.get(ProductRow, product_id, populate_existing=True)
    if row is None:
        raise UnknownProduct(product_id)
    return product_of(row)


async def product_by_sku(db: AsyncSession, sku: str) -> Product | None:
    """Goods by the SKU in a public address."""
    row = (await db.exec(select(ProductRow).where(ProductRow.sku == sku))).one_or_none()
    return None if row is None else product_of(row)


async def products(db: AsyncSession, product_ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Those of the asked goods that exist, by id: what a basket is priced from."""
    asked = select(ProductRow).where(col(ProductRow.id).in_(list(product_ids)))
    return {row.id: product_of(row) for row in await db.exec(asked)}


async def products_of(db: AsyncSession, owner_id: UUID, *, archived: bool = False) -> list[Product]:
    """A vendor's goods in Vietnamese order, drafts included."""
    asked = select(ProductRow).where(ProductRow.owner_id == owner_id)
    if not archived:
        asked = asked.where(ProductRow.status != Status.ARCHIVED.value)
    rows = await db.exec(asked.order_by(col(ProductRow.sort_key), col(ProductRow.id)))
    return [product_of(row) for row in rows]


async def revisions(db: AsyncSession, product_id: UUID) -> list[Revision]:
    """Every version of goods, the first one first."""
    asked = select(RevisionRow).where(RevisionRow.product_id == product_id)
    rows = await db.exec(asked.order_by(col(RevisionRow.version)))
    return [
        Revision(from_payload(row.payload), row.operation, row.changed_by, row.changed_at)
        for row in rows
    ]


async def revision_of(db: AsyncSession, product_id: UUID, version: int) -> Product | None:
    """Goods as they were in that version; None where there was none."""
    row = await db.get(RevisionRow, (product_id, version))
    return None if row is None else from_payload(row.payload)


def product_of(row: ProductRow) -> Product:
    """The value a row holds."""
    return Product(
        **{field: getattr(row, field) for field in _SAME},
        origin=msgspec.convert(row.origin, Origin),
        photo_ids=tuple(row.photo_ids),
        status=Status(row.status),
    )


def values_of(product: Product, now: datetime) -> dict[str, Any]:
    """The columns of a checked product, its creation aside."""
    return {field: getattr(product, field) for field in _SAME} | {
        "origin": msgspec.to_builtins(product.origin),
        "photo_ids": list(product.photo_ids),
        "status": product.status.value,
        "name_lower": product.name_vi.lower(),
        "sort_key": sort_key(product.name_vi),
        "content_hash": content_hash(product),
        "updated_at": now,
    }


def next_version(product: Product) -> Product:
    """The same goods, one version on."""
    return replace(product, version=product.version + 1)
