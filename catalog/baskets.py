"""Counted goods of baskets: what of them is free, and the statements that hold it in one trip.

For a caller who opens many baskets at once on a line of its own: send `LOCK`, then `HELD`, both
with the ids of the goods, `take` each basket from the shelf that they show, and send `HOLD` before
the transaction ends. One basket alone is `stock.hold_stock`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from catalog.errors import OutOfStock
from catalog.product import THOUSANDTH

# Lowest goods first. Not against those who only refer to the goods: no key of theirs ever changes.
LOCK = """
SELECT id, owner_id, name_vi, stock_qty FROM catalog.product
WHERE id = ANY($1) AND stock_qty IS NOT NULL ORDER BY id FOR NO KEY UPDATE
"""
# A statement of its own, after the goods were locked, so that nothing is missed.
HELD = """
SELECT product_id, sum(quantity) FROM catalog.stock_hold
WHERE product_id = ANY($1) AND state IN ('held', 'paid') GROUP BY product_id
"""
# Subjects, goods, owners, quantities as text, deadlines, instants.
HOLD = """
INSERT INTO catalog.stock_hold
    (subject_id, product_id, owner_id, quantity, state, until, changed_at)
SELECT x.subject_id, x.product_id, x.owner_id, x.quantity::numeric, 'held', x.until, x.changed_at
FROM unnest($1, $2, $3, $4, $5, $6)
    AS x (subject_id, product_id, owner_id, quantity, until, changed_at)
"""


class Goods(NamedTuple):
    """Counted goods as `LOCK` shows them."""

    id: UUID
    owner_id: UUID
    name_vi: str
    stock_qty: Decimal


class Shelf:
    """Locked goods, and what of them is still to be had."""

    def __init__(self, goods: Iterable[Goods], held: Mapping[UUID, Decimal]) -> None:
        self._goods = {one.id: one for one in goods}
        self._free = {
            one.id: max(Decimal(0), one.stock_qty - held.get(one.id, Decimal(0)))
            for one in self._goods.values()
        }

    def take(
        self, owner_id: UUID, wanted: Mapping[UUID, Decimal], *, as_far_as_there: bool = False
    ) -> dict[UUID, Decimal]:
        """What is to be held of the owner's counted goods; nobody else can take it any more.

        Raises: OutOfStock for the first goods of which less is free; then nothing is taken.
        """
        taken: dict[UUID, Decimal] = {}
        for product_id in sorted(wanted.keys() & self._goods.keys()):
            one, free = self._goods[product_id], self._free[product_id]
            if one.owner_id != owner_id:
                continue
            quantity = wanted[product_id].quantize(THOUSANDTH)
            if quantity > free and not as_far_as_there:
                raise OutOfStock(one.id, one.name_vi, wanted=quantity, left=free)
            if min(quantity, free) > 0:
                taken[product_id] = min(quantity, free)
        for product_id, quantity in taken.items():
            self._free[product_id] -= quantity
        return taken
