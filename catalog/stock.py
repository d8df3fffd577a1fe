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
from catalog.baskets import Goods, Shelf
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
    connection = await db.connection()
    asked = {"ids": list(wanted), "owner_id": owner_id}
    rows = (await connection.execute(_LOCK_GOODS, asked)).all()
    if not rows:
        return
    shelf = Shelf([Goods(*row) for row in rows], await _held(db, [row.id for row in rows]))
    taken = shelf.take(owner_id, wanted, as_far_as_there=as_far_as_there)
    if taken:
        common = {"subject_id": subject_id, "owner_id": owner_id, "until": until, "now": now}
        goods = {"ids": list(taken), "quantities": list(taken.values())}
        await connection.execute(_HOLD, common | goods)


async def pay_stock(db: AsyncSession, subject_id: UUID, *, now: datetime) -> bool:
    """What the subject holds stays its own for good. Repeatable; whether there was any.

    What was free again meanwhile is taken once more.
    Raises: OutOfStock where somebody else has it by now; then nothing is paid.
    """
    rows = await holds_of(db, subject_id, "held", "released")
    for row in rows:
        if row.state == "released":
            await _check_free(db, row)
    if rows:
        await _move(db, [subject_id], ["held", "released"], "paid", now)
    return bool(rows)


async def sell_stock(db: AsyncSession, *subject_ids: UUID, now: datetime) -> bool:
    """What the subjects have paid leaves the shelf, and the channels are told. Repeatable."""
    moved = await _move(db, subject_ids, ["paid"], "sold", now)
    await listings.move_stock(db, _sums(moved, -1), "sold", now=now)
    return bool(moved)


async def release_stock(
    db: AsyncSession, *subject_ids: UUID, now: datetime, paid_too: bool = False
) -> bool:
    """What the subjects hold is free again; whether there was any.

    `paid_too`: what was paid, or left the shelf, is back as well: the sale was none after all.
    """
    states = ["held", "paid", "sold"] if paid_too else ["held"]
    moved = await _move(db, subject_ids, states, "released", now)
    back = [one for one in moved if one.state == "sold"]
    await listings.move_stock(db, _sums(back, 1), "not_sold", now=now)
    return bool(moved)


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


async def _move(
    db: AsyncSession, subject_ids: Sequence[UUID], states: list[str], state: str, now: datetime
) -> Sequence[Any]:
    """What the subjects have in these states is in another; each hold as it was before."""
    connection = await db.connection()
    asked = {"subjects": list(subject_ids), "states": states, "state": state, "now": now}
    return (await connection.execute(_MOVE, asked)).all()


def _sums(moved: Sequence[Any], sign: int) -> dict[UUID, Decimal]:
    """By goods, how many more there are."""
    more: dict[UUID, Decimal] = {}
    for one in moved:
        more[one.product_id] = more.get(one.product_id, Decimal(0)) + sign * one.quantity
    return more


async def _held(db: AsyncSession, product_ids: Iterable[UUID]) -> dict[UUID, Decimal]:
    """Read in a statement of its own, after the goods were locked, so that nothing is missed."""
    connection = await db.connection()
    rows = await connection.execute(_HELD, {"ids": list(product_ids)})
    return {row.product_id: Decimal(row.quantity) for row in rows}


async def _check_free(db: AsyncSession, hold: StockHoldRow) -> None:
    connection = await db.connection()
    asked = {"ids": [hold.product_id], "owner_id": hold.owner_id}
    rows = (await connection.execute(_LOCK_GOODS, asked)).all()
    shelf = Shelf([Goods(*row) for row in rows], await _held(db, [hold.product_id]))
    shelf.take(hold.owner_id, {hold.product_id: hold.quantity})


# As `baskets.LOCK`, `baskets.HELD` and `baskets.HOLD`, of one basket.
_LOCK_GOODS = text("""
SELECT id, owner_id, name_vi, stock_qty FROM catalog.product
WHERE id = ANY(:ids) AND owner_id = :owner_id AND stock_qty IS NOT NULL
ORDER BY id FOR NO KEY UPDATE
""")
_HELD = text("""
SELECT product_id, sum(quantity) AS quantity FROM catalog.stock_hold
WHERE product_id = ANY(:ids) AND state IN ('held', 'paid')
GROUP BY product_id
""")
_HOLD = text("""
INSERT INTO catalog.stock_hold
    (subject_id, product_id, owner_id, quantity, state, until, changed_at)
SELECT CAST(:subject_id AS uuid), x.product_id, CAST(:owner_id AS uuid), x.quantity, 'held',
       CAST(:until AS timestamptz), CAST(:now AS timestamptz)
FROM unnest(CAST(:ids AS uuid[]), CAST(:quantities AS numeric[])) AS x (product_id, quantity)
""")
# Lowest subject first, of each its lowest goods: nobody waits for another in a circle.
_MOVE = text("""
WITH found AS MATERIALIZED (
    SELECT subject_id, product_id, owner_id, quantity, state FROM catalog.stock_hold
    WHERE subject_id = ANY(:subjects) AND state = ANY(:states)
    ORDER BY subject_id, product_id FOR UPDATE
)
UPDATE catalog.stock_hold h SET state = :state, changed_at = :now FROM found
WHERE h.subject_id = found.subject_id AND h.product_id = found.product_id
RETURNING found.*
""")
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
