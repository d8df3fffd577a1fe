"""How many there are of goods, as a person counts them; and goods that a buyer brought back.

A person counts what lies on the shelf. What is paid has been handed over, though it leaves the
books a moment later (`stock.sell_stock`), so a count stands beside it, not in it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog import listings, shelf, stock
from catalog.errors import InvalidQuantity
from catalog.product import THOUSANDTH, Product
from catalog.tables import ProductRow, StockHoldRow
from catalog.units import unit

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Count:
    """What is known of counted goods."""

    on_shelf: Decimal
    held: Decimal
    """Of it, what somebody is paying for just now."""

    @property
    def free(self) -> Decimal:
        """What can still be sold."""
        return max(ZERO, self.on_shelf - self.held)


@dataclass(frozen=True, slots=True)
class Sold:
    """Counted goods that left with a sale; `is_back`: and were brought back since."""

    product_id: UUID
    name: str
    unit: str
    quantity: Decimal
    return_id: UUID | None

    @property
    def is_back(self) -> bool:
        return self.return_id is not None


async def counts(db: AsyncSession, product_ids: Iterable[UUID]) -> dict[UUID, Count]:
    """How many there are of those of the goods that are counted."""
    asked = select(ProductRow).where(
        col(ProductRow.id).in_(list(product_ids)), col(ProductRow.stock_qty).is_not(None)
    )
    found = {row.id: row.stock_qty for row in await db.exec(asked)}
    busy = await _busy(db, found)
    return {
        product_id: Count(
            max(ZERO, quantity - busy.get((product_id, "paid"), ZERO)),
            busy.get((product_id, "held"), ZERO),
        )
        for product_id, quantity in found.items()
        if quantity is not None
    }


async def count_stock(
    db: AsyncSession,
    owner_id: UUID,
    product_id: UUID,
    *,
    counted: Decimal | None = None,
    more: Decimal | None = None,
    now: datetime,
    by: UUID | None = None,
) -> Product:
    """So many lie on the shelf, or so many more than before; neither: nobody counts them any more.

    What was counted is for sale again, even if it was said to be sold out. Less than none is none.
    Raises: InvalidProduct, InvalidQuantity (half a bunch), UnknownProduct.
    """
    await _lock(db, owner_id, product_id)
    stored = await shelf.product_by_id(db, product_id)
    _check_whole(stored, counted if more is None else more)
    wanted: Decimal | None = None
    if more is not None:
        wanted = max(ZERO, (stored.stock_qty or ZERO) + more)
    elif counted is not None:
        busy = await _busy(db, [product_id])
        wanted = counted + busy.get((product_id, "paid"), ZERO)
    return await listings.set_stock(
        db, owner_id, product_id, in_stock=True, stock_qty=wanted, now=now, by=by
    )


# ── Goods that came back ────────────────────────────────────────────────────────────────────────


async def sold_of(db: AsyncSession, subject_id: UUID) -> list[Sold]:
    """The goods of a subject that are counted and left with it, whole; those brought back as well."""
    rows = await db.exec(
        select(StockHoldRow, ProductRow)
        .join(ProductRow, col(ProductRow.id) == StockHoldRow.product_id)
        .where(
            StockHoldRow.subject_id == subject_id,
            col(StockHoldRow.state).in_(("paid", "sold", "returned")),
            col(ProductRow.stock_qty).is_not(None),
        )
        .order_by(col(ProductRow.sort_key))
        .execution_options(populate_existing=True)
    )
    return [
        Sold(product.id, product.name_vi, product.unit, hold.quantity, hold.return_id)
        for hold, product in rows
    ]


async def return_stock(
    db: AsyncSession,
    subject_id: UUID,
    product_ids: Collection[UUID],
    return_id: UUID,
    *,
    now: datetime,
    by: UUID | None = None,
) -> None:
    """These goods of the subject are on the shelf again, each of them once. Repeatable."""
    for row in await stock.holds_of(db, subject_id, "paid", "sold"):
        if row.product_id in product_ids:
            had_left = row.state == "sold"
            row.state, row.return_id, row.changed_at = "returned", return_id, now
            db.add(row)
            await db.flush()
            if had_left:
                back = {row.product_id: row.quantity}
                await listings.move_stock(db, back, "returned", now=now, by=by)


async def take_back(
    db: AsyncSession, subject_id: UUID, return_id: UUID, *, now: datetime, by: UUID | None = None
) -> None:
    """That return was none: what it brought back is with the buyer after all. Repeatable."""
    for row in await stock.holds_of(db, subject_id, "returned"):
        if row.return_id == return_id:
            row.state, row.return_id, row.changed_at = "sold", None, now
            db.add(row)
            await db.flush()
            gone = {row.product_id: -row.quantity}
            await listings.move_stock(db, gone, "not_returned", now=now, by=by)


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


def _check_whole(product: Product, quantity: Decimal | None) -> None:
    kept_in = unit(product.unit)
    step = THOUSANDTH if kept_in.is_weighed else kept_in.step
    if quantity is not None and (not quantity.is_finite() or quantity % step):
        raise InvalidQuantity(quantity, product.unit, step)


async def _lock(db: AsyncSession, owner_id: UUID, product_id: UUID) -> None:
    asked = select(ProductRow.id).where(
        ProductRow.id == product_id, ProductRow.owner_id == owner_id
    )
    await db.exec(asked.with_for_update(key_share=True))


async def _busy(db: AsyncSession, product_ids: Iterable[UUID]) -> dict[tuple[UUID, str], Decimal]:
    """By goods and state: what is being paid for, and what is paid and in the books yet."""
    rows = await db.exec(
        select(StockHoldRow.product_id, StockHoldRow.state, func.sum(StockHoldRow.quantity))
        .where(
            col(StockHoldRow.product_id).in_(list(product_ids)),
            col(StockHoldRow.state).in_(("held", "paid")),
        )
        .group_by(col(StockHoldRow.product_id), col(StockHoldRow.state))
    )
    return {(product_id, state): Decimal(quantity) for product_id, state, quantity in rows}
