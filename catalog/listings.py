"""List, change and withdraw goods: every change a revision, and word for every channel, at once."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select, update
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from catalog import channels
from catalog.connector import Change
from catalog.errors import PriceJump, SkuTaken, StaleVersion, UnknownProduct
from catalog.product import Product, Status, checked, content_hash, payload, price_jumps
from catalog.shelf import next_version, product_of, revision_of, values_of
from catalog.tables import ProductRow, RevisionRow


async def put_product(
    db: AsyncSession,
    product: Product,
    *,
    now: datetime,
    by: UUID | None = None,
    price_confirmed: bool = False,
) -> Product:
    """Store goods, new (version 0) or changed (the version that was read), as the next version.

    Afterwards the row, its revision and one pending operation per channel are there together.
    The same content again changes nothing and returns what is stored, so a put may be repeated. Where
    nothing but the count moved since (a sale), the change is made upon it: both stand.

    Raises: InvalidProduct, SkuTaken, UnknownProduct (another vendor's), StaleVersion, PriceJump.
    """
    wanted = checked(product)
    if wanted.version == 0:
        created = await _create(db, wanted, now, by)
        if created is not None:
            return created
    stored = await _locked(db, wanted.owner_id, wanted.id)
    wanted = await _upon(db, stored, wanted)
    if content_hash(stored) == content_hash(wanted):
        return stored
    if stored.sku != wanted.sku:
        raise SkuTaken(wanted.sku)
    _must_be(stored, wanted.version)
    _guard_price(stored, wanted, price_confirmed)
    return await _change(db, wanted, "put", Change.CONTENT, now, by)


async def put_new_products(
    db: AsyncSession, products: Sequence[Product], *, now: datetime, by: UUID | None = None
) -> list[Product]:
    """Store many new goods at once: a first stock, a sheet. All are valid, or none is stored.

    Goods whose id or SKU is there already are left as they are; what was stored is returned.

    Raises: InvalidProduct for the first that breaks a rule.
    """
    wanted = [next_version(checked(replace(product, version=0))) for product in products]
    if not wanted:
        return []
    made = await db.exec(
        insert(ProductRow)
        .values([values_of(product, now) | {"created_at": now} for product in wanted])
        .on_conflict_do_nothing()
        .returning(col(ProductRow.id))
    )
    created = set(made.scalars())
    stored = [product for product in wanted if product.id in created]
    if not stored:
        return []
    await _tell_revisions(db, stored, "put", Change.CONTENT, now, by)
    return stored


async def set_price(
    db: AsyncSession,
    owner_id: UUID,
    product_id: UUID,
    price_vnd: int | None,
    *,
    version_seen: int,
    now: datetime,
    by: UUID | None = None,
    price_confirmed: bool = False,
) -> Product:
    """Change the price; a sale price that is no longer below it ends.

    Raises: InvalidProduct, UnknownProduct, StaleVersion, PriceJump.
    """
    stored = await _locked(db, owner_id, product_id)
    sale_vnd = stored.sale_price_vnd
    if price_vnd is None or (sale_vnd is not None and sale_vnd >= price_vnd):
        sale_vnd = None
    wanted = checked(replace(stored, price_vnd=price_vnd, sale_price_vnd=sale_vnd))
    if wanted == stored:
        return stored
    _must_be(stored, version_seen)
    _guard_price(stored, wanted, price_confirmed)
    return await _change(db, wanted, "set_price", Change.PRICE, now, by)


async def set_stock(
    db: AsyncSession,
    owner_id: UUID,
    product_id: UUID,
    *,
    in_stock: bool,
    stock_qty: Decimal | None = None,
    keep_count: bool = False,
    now: datetime,
    by: UUID | None = None,
) -> Product:
    """Say whether and how many there are. The last word counts: no version is asked for.

    `keep_count`: how many there are stays as it was.

    Raises: InvalidProduct, UnknownProduct.
    """
    stored = await _locked(db, owner_id, product_id)
    quantity = stored.stock_qty if keep_count else stock_qty
    wanted = checked(replace(stored, in_stock=in_stock, stock_qty=quantity))
    if wanted == stored:
        return stored
    return await _change(db, wanted, "set_stock", Change.STOCK, now, by)


async def move_stock(
    db: AsyncSession,
    more: Mapping[UUID, Decimal],
    operation: str,
    *,
    now: datetime,
    by: UUID | None = None,
) -> None:
    """There is so much more, or less, of counted goods, never below none; the channels are told."""
    if not more:
        return
    asked = select(ProductRow).where(
        col(ProductRow.id).in_(list(more)), col(ProductRow.stock_qty).is_not(None)
    )
    moved = []
    for stored in await _fresh(db, asked):
        assert stored.stock_qty is not None
        left = max(Decimal(0), stored.stock_qty + more[stored.id])
        if left != stored.stock_qty:
            moved.append(next_version(replace(stored, stock_qty=left)))
    if not moved:
        return
    connection = await db.connection()
    await connection.execute(
        update(ProductRow).where(col(ProductRow.id) == bindparam("key")),
        [values_of(product, now) | {"key": product.id} for product in moved],
    )
    await _tell_revisions(db, moved, operation, Change.STOCK, now, by)


async def archive(
    db: AsyncSession,
    owner_id: UUID,
    product_id: UUID,
    *,
    version_seen: int,
    now: datetime,
    by: UUID | None = None,
) -> Product:
    """Withdraw goods from the stall and from every channel. Old sales still know them.

    Raises: UnknownProduct, StaleVersion.
    """
    stored = await _locked(db, owner_id, product_id)
    if stored.status is Status.ARCHIVED:
        return stored
    _must_be(stored, version_seen)
    wanted = replace(stored, status=Status.ARCHIVED)
    return await _change(db, wanted, "archive", Change.CONTENT, now, by)


async def tell_again(db: AsyncSession, owner_id: UUID, *, reason: str, now: datetime) -> int:
    """Make a next version of all a vendor's goods, for all channels; returns how many.

    For changes outside the goods that channels have to learn: a channel joined or left, a consent
    withdrawn, another name of the stall.
    """
    asked = select(ProductRow).where(
        ProductRow.owner_id == owner_id, ProductRow.status == Status.READY.value
    )
    # Lowest id first, so that two of these never wait for each other.
    rows = await db.exec(asked.order_by(col(ProductRow.id)).with_for_update())
    stored = [product_of(row) for row in rows]
    for one in stored:
        await _change(db, one, reason, Change.CONTENT, now, None)
    return len(stored)


async def _create(
    db: AsyncSession, wanted: Product, now: datetime, by: UUID | None
) -> Product | None:
    product = next_version(wanted)
    values = values_of(product, now) | {"created_at": now}
    made = await db.exec(
        insert(ProductRow).values(values).on_conflict_do_nothing().returning(col(ProductRow.id))
    )
    if made.scalar_one_or_none() is None:
        same_id = await db.exec(select(ProductRow.id).where(ProductRow.id == product.id))
        if same_id.one_or_none() is None:
            raise SkuTaken(product.sku)
        return None
    await _write_revision(db, product, "put", now, by)
    await channels.tell(db, product, Change.CONTENT, now=now)
    return product


async def _locked(db: AsyncSession, owner_id: UUID, product_id: UUID) -> Product:
    asked = select(ProductRow).where(ProductRow.id == product_id, ProductRow.owner_id == owner_id)
    found = await _fresh(db, asked)
    if not found:
        raise UnknownProduct(product_id)
    return found[0]


async def _fresh(db: AsyncSession, asked: SelectOfScalar[ProductRow]) -> list[Product]:
    """The goods as they are now, locked, lowest id first.

    Not against those who only refer to the goods: no key of theirs ever changes.
    """
    locked = asked.order_by(col(ProductRow.id)).with_for_update(key_share=True)
    rows = await db.exec(locked.execution_options(populate_existing=True))
    return [product_of(row) for row in rows]


async def _change(
    db: AsyncSession,
    wanted: Product,
    operation: str,
    change: Change,
    now: datetime,
    by: UUID | None,
) -> Product:
    product = next_version(wanted)
    await db.exec(
        update(ProductRow)
        .where(col(ProductRow.id) == product.id)
        .values(values_of(product, now))
        .execution_options(synchronize_session=False)
    )
    await _write_revision(db, product, operation, now, by)
    await channels.tell(db, product, change, now=now)
    return product


async def _tell_revisions(
    db: AsyncSession,
    stored: Sequence[Product],
    operation: str,
    change: Change,
    now: datetime,
    by: UUID | None,
) -> None:
    """Many goods of a new version: their revisions, and word for every channel."""
    await db.exec(
        insert(RevisionRow).values([_revision(product, operation, now, by) for product in stored])
    )
    owners = await channels.owners_joined(db, {product.owner_id for product in stored})
    for product in stored:
        if product.owner_id in owners:
            await channels.tell(db, product, change, now=now)


async def _write_revision(
    db: AsyncSession, product: Product, operation: str, now: datetime, by: UUID | None
) -> None:
    await db.exec(insert(RevisionRow).values(_revision(product, operation, now, by)))


def _revision(product: Product, operation: str, now: datetime, by: UUID | None) -> dict[str, Any]:
    return {
        "product_id": product.id,
        "version": product.version,
        "owner_id": product.owner_id,
        "operation": operation,
        "payload": payload(product),
        "content_hash": content_hash(product),
        "changed_by": by,
        "changed_at": now,
    }


async def _upon(db: AsyncSession, stored: Product, wanted: Product) -> Product:
    """What is wanted, of the stored version, if since the version that was read only the count moved."""
    if wanted.version in {0, stored.version}:
        return wanted
    read = await revision_of(db, stored.id, wanted.version)
    if read is None or _but_count(read, stored) != stored or _but_count(wanted, read) != wanted:
        return wanted
    return _but_count(wanted, stored)


def _but_count(product: Product, other: Product) -> Product:
    """The goods with the version and the count of another version of them."""
    return replace(
        product, version=other.version, in_stock=other.in_stock, stock_qty=other.stock_qty
    )


def _must_be(stored: Product, version_seen: int) -> None:
    if stored.version != version_seen:
        raise StaleVersion(stored.id, version_seen=version_seen, version_now=stored.version)


def _guard_price(stored: Product, wanted: Product, confirmed: bool) -> None:
    if price_jumps(stored.price_vnd, wanted.price_vnd) and not confirmed:
        assert stored.price_vnd is not None
        assert wanted.price_vnd is not None
        raise PriceJump(stored.id, old_vnd=stored.price_vnd, new_vnd=wanted.price_vnd)
