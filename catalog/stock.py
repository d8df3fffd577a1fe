"""Counted goods that somebody is about to pay for: held, paid, then sold; or free again.

What is held or paid is nobody else's, but it is still on the shelf: `stock_qty` goes down when it is
sold. A hold has a deadline for people to see; only the end of its payment frees it, because money
that came in the last second must find the goods there.

Every function takes a subject's own holds first, then goods by id: no two of them wait for each
other. Paying touches the holds alone, so a transaction may pay for many subjects, and is followed
by `sell_stock` for each in one of its own. Goods that nobody counts are never held.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from catalog import listings
from catalog.errors import OutOfStock
from catalog.product import THOUSANDTH
from catalog.tables import ProductRow, StockHoldRow

SUBJECTS_MAX = 500


async def hold_stock(
    db: AsyncSession,
    subject_id: UUID,
    owner_id: UUID,
    wanted: Mapping[UUID, Decimal],
    *,
    until: datetime,
    now: datetime,
    as_far_as_there: bool = False,
) -> None:
    """All of `wanted` (quantity by goods) is held for the subject, or nothing is.

    `as_far_as_there`: for goods that were handed over already; what is missing is not held.
    Raises: OutOfStock for the first goods of which less is free.
    """
    asked = (
        select(ProductRow)
        .where(
            col(ProductRow.id).in_(list(wanted)),
            ProductRow.owner_id == owner_id,
            col(ProductRow.stock_qty).is_not(None),
        )
        .order_by(col(ProductRow.id))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    rows = (await db.exec(asked)).all()
    if not rows:
        return
    held = await _held(db, [row.id for row in rows])
    for row in rows:
        assert row.stock_qty is not None
        free = max(Decimal(0), row.stock_qty - held.get(row.id, Decimal(0)))
        quantity = wanted[row.id].quantize(THOUSANDTH)
        if quantity > free and not as_far_as_there:
            raise OutOfStock(row.id, row.name_vi, wanted=quantity, left=free)
        if min(quantity, free) > 0:
            db.add(
                StockHoldRow(
                    subject_id=subject_id,
                    product_id=row.id,
                    owner_id=owner_id,
                    quantity=min(quantity, free),
                    state="held",
                    until=until,
                    changed_at=now,
                )
            )
    await db.flush()


async def pay_stock(db: AsyncSession, subject_id: UUID, *, now: datetime) -> bool:
    """What the subject holds stays its own for good. Repeatable; whether there was any.

    What was free again meanwhile is taken once more.
    Raises: OutOfStock where somebody else has it by now; then nothing is paid.
    """
    rows = await holds_of(db, subject_id, "held", "released")
    for row in rows:
        if row.state == "released":
            await _check_free(db, row)
    await _put(db, rows, "paid", now)
    return bool(rows)


async def sell_stock(db: AsyncSession, subject_id: UUID, *, now: datetime) -> bool:
    """What the subject has paid leaves the shelf, and the channels are told. Repeatable."""
    rows = await holds_of(db, subject_id, "paid")
    await _put(db, rows, "sold", now)
    for row in rows:
        await listings.move_stock(db, row.owner_id, row.product_id, -row.quantity, "sold", now=now)
    return bool(rows)


async def release_stock(
    db: AsyncSession, subject_id: UUID, *, now: datetime, paid_too: bool = False
) -> bool:
    """What the subject holds is free again; whether there was any.

    `paid_too`: what was paid, or left the shelf, is back as well: the sale was none after all.
    """
    rows = await holds_of(db, subject_id, "held", *(("paid", "sold") if paid_too else ()))
    back = [row for row in rows if row.state == "sold"]
    await _put(db, rows, "released", now)
    for row in back:
        await listings.move_stock(
            db, row.owner_id, row.product_id, row.quantity, "not_sold", now=now
        )
    return bool(rows)


async def free_stock(db: AsyncSession, product_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """How much of each counted goods can still be sold: what is there less what is held."""
    rows = await db.exec(
        select(ProductRow).where(
            col(ProductRow.id).in_(list(product_ids)), col(ProductRow.stock_qty).is_not(None)
        )
    )
    counted = {row.id: row.stock_qty for row in rows if row.stock_qty is not None}
    held = await _held(db, counted)
    return {one: max(Decimal(0), left - held.get(one, Decimal(0))) for one, left in counted.items()}


async def holding(db: AsyncSession, subject_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the subjects that hold goods, or did."""
    if not subject_ids:
        return set()
    connection = await db.connection()
    return set((await connection.execute(_HOLDING, {"subjects": list(subject_ids)})).scalars())


async def gone(db: AsyncSession, subject_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the subjects whose goods were free again and are not all there any more."""
    connection = await db.connection()
    return set((await connection.execute(_GONE, {"subjects": list(subject_ids)})).scalars())


async def paid(db: AsyncSession, *, limit: int = SUBJECTS_MAX) -> list[UUID]:
    """Subjects whose goods are paid and still on the shelf, longest first."""
    return await _subjects(db, StockHoldRow.state == "paid", col(StockHoldRow.changed_at), limit)


async def overdue(db: AsyncSession, *, before: datetime, limit: int = SUBJECTS_MAX) -> list[UUID]:
    """Subjects that still hold goods though their deadline was before an instant, oldest first."""
    due = and_(col(StockHoldRow.state) == "held", col(StockHoldRow.until) < before)
    return await _subjects(db, due, col(StockHoldRow.until), limit)


async def _subjects(db: AsyncSession, condition: Any, order: Any, limit: int) -> list[UUID]:
    rows = await db.exec(
        select(StockHoldRow.subject_id)
        .where(condition)
        .group_by(col(StockHoldRow.subject_id))
        .order_by(func.min(order))
        .limit(limit)
    )
    return list(rows.all())


async def _put(db: AsyncSession, rows: Sequence[StockHoldRow], state: str, now: datetime) -> None:
    for row in rows:
        row.state, row.changed_at = state, now
        db.add(row)
    await db.flush()


async def holds_of(db: AsyncSession, subject_id: UUID, *states: str) -> Sequence[StockHoldRow]:
    """What a subject holds in these states; locked, lowest goods first."""
    rows = await db.exec(
        select(StockHoldRow)
        .where(StockHoldRow.subject_id == subject_id, col(StockHoldRow.state).in_(states))
        .order_by(col(StockHoldRow.product_id))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return rows.all()


async def _held(db: AsyncSession, product_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """Read in a statement of its own, after the goods were locked, so that nothing is missed."""
    rows = await db.exec(
        select(StockHoldRow.product_id, func.sum(StockHoldRow.quantity))
        .where(
            col(StockHoldRow.product_id).in_(list(product_ids)),
            col(StockHoldRow.state).in_(("held", "paid")),
        )
        .group_by(col(StockHoldRow.product_id))
    )
    return {product_id: Decimal(quantity) for product_id, quantity in rows}


async def _check_free(db: AsyncSession, hold: StockHoldRow) -> None:
    row = await db.get_one(
        ProductRow,
        hold.product_id,
        with_for_update={"key_share": True},
        populate_existing=True,
    )
    if row.stock_qty is None:
        return
    held = await _held(db, [row.id])
    left = max(Decimal(0), row.stock_qty - held.get(row.id, Decimal(0)))
    if hold.quantity > left:
        raise OutOfStock(row.id, row.name_vi, wanted=hold.quantity, left=left)


_HOLDING = text(
    "SELECT DISTINCT subject_id FROM catalog.stock_hold WHERE subject_id = ANY (:subjects)"
)
_GONE = text("""
SELECT DISTINCT h.subject_id FROM catalog.stock_hold h JOIN catalog.product p ON p.id = h.product_id
WHERE h.subject_id = ANY(:subjects) AND h.state = 'released' AND p.stock_qty IS NOT NULL
  AND h.quantity > p.stock_qty - COALESCE(
      (SELECT sum(o.quantity) FROM catalog.stock_hold o
       WHERE o.product_id = h.product_id AND o.state IN ('held', 'paid')), 0)
""")
