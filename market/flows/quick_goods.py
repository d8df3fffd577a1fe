"""The goods of baskets that tills open at one moment: looked up, held and written in the trips of
`quick_sale`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from catalog import baskets
from market.flows import sale as sale_flow
from market.sales import OpenSale
from market.tables import SaleRow
from payments.ledger import records
from payments.ledger.line import Line, Told

_LINES = """
INSERT INTO market.sale_line
    (sale_id, line_index, product_id, name, unit, quantity, unit_price_vnd, amount_vnd)
SELECT x.sale_id, x.line_index, x.product_id, x.name, x.unit, x.quantity::numeric,
       x.unit_price_vnd, x.amount_vnd
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)
    AS x (sale_id, line_index, product_id, name, unit, quantity, unit_price_vnd, amount_vnd)
"""


class Basket(NamedTuple):
    """A sale that is to be written, and how much of which counted goods is to be held for it."""

    row: SaleRow
    command: OpenSale
    taken: Mapping[UUID, Decimal]


class Asked(NamedTuple):
    """The goods of some baskets and what is held of them; there once the trip is over."""

    goods: Told
    held: Told

    def shelf(self) -> baskets.Shelf:
        """What the baskets take from, one after the other."""
        held = {product_id: Decimal(quantity) for product_id, quantity in self.held.rows}
        return baskets.Shelf([baskets.Goods(*row) for row in self.goods.rows], held)


def ask(line: Line, commands: Sequence[OpenSale]) -> Asked | None:
    """Locks the counted goods of these sales with the line's next trip; None where there are none.

    Ask before anything else: then of one sale that is told twice at once, the second finds the first.
    """
    product_ids = {one for command in commands for one in sale_flow.goods_of(command)}
    if not product_ids:
        return None
    asked = records.ids(sorted(product_ids))
    return Asked(line.put(baskets.LOCK, asked), line.put(baskets.HELD, asked))


def put(line: Line, sold: Sequence[Basket]) -> None:
    """With the line's next trip the sales have their lines and hold their goods."""
    lines = [
        (one.row.id, index, each) for one in sold for index, each in enumerate(one.command.lines)
    ]
    if not lines:
        return
    line.put(
        _LINES,
        records.ids([sale_id for sale_id, _, _ in lines]),
        records.integers([index for _, index, _ in lines]),
        records.ids([each.product_id for _, _, each in lines]),
        records.texts([each.name for _, _, each in lines]),
        records.texts([each.unit for _, _, each in lines]),
        records.texts([str(each.quantity) for _, _, each in lines]),
        records.integers([each.unit_price_vnd for _, _, each in lines]),
        records.integers([each.amount_vnd for _, _, each in lines]),
    )
    holds = [(one.row, *each) for one in sold for each in one.taken.items()]
    if not holds:
        return
    line.put(
        baskets.HOLD,
        records.ids([row.id for row, _, _ in holds]),
        records.ids([product_id for _, product_id, _ in holds]),
        records.ids([row.vendor_id for row, _, _ in holds]),
        records.texts([str(quantity) for _, _, quantity in holds]),
        records.times([row.recorded_at + sale_flow.HELD_FOR for row, _, _ in holds]),
        records.times([row.recorded_at for row, _, _ in holds]),
    )
