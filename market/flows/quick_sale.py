"""The till's commonest sale, an amount or a basket and a code shown: all of a moment in two trips.

Tills that ask at the same moment share a transaction, and of its goods each takes what those before
it left. It sees the rows of all their vendors and of
nobody else; that each sells for a vendor of their own is asked of every single one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
import structlog

import catalog
import payments
from catalog.baskets import Shelf
from market.db import Database, Viewer
from market.flows import quick_goods
from market.flows import sale as sale_flow
from market.flows.quick_goods import Basket
from market.joint import Joint
from market.sales import OpenSale
from market.tables import SaleRow
from payments import checkout, opening
from payments.ledger import records
from payments.ledger.line import Line

log = structlog.get_logger("market.sale")

_FIND = """
SELECT x.stall_id, x.sale_id, s.vendor_id, a.id, a.bank_bin, a.account_no, a.holder_name
FROM unnest($1, $2) AS x (stall_id, sale_id)
JOIN market.stall s ON s.id = x.stall_id AND s.status = 'active'
CROSS JOIN LATERAL (
    SELECT a.id, a.bank_bin, a.account_no, a.holder_name FROM market.payee_account a
    WHERE a.vendor_id = s.vendor_id AND a.retired_at IS NULL AND a.verified_at IS NOT NULL
    ORDER BY a.verified_at DESC LIMIT 1
) a
WHERE NOT EXISTS (SELECT FROM market.sale known WHERE known.id = x.sale_id)
"""
_INSERT = """
INSERT INTO market.sale
    (id, stall_id, vendor_id, amount_vnd, received_vnd, method, state, payment_id, memo, qr_text,
     sold_by, sold_at, recorded_at, echo_word, digest)
SELECT x.id, x.stall_id, x.vendor_id, x.amount_vnd, 0, x.method, 'open', x.id, x.memo, x.qr_text,
       x.sold_by, x.sold_at, x.recorded_at, '', x.digest
FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    AS x (id, stall_id, vendor_id, amount_vnd, method, memo, qr_text, sold_by, sold_at,
          recorded_at, digest)
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One till's sale and who asks for it."""

    command: OpenSale
    viewer: Viewer
    now: datetime


class _Opened(NamedTuple):
    basket: Basket
    request: payments.OpenPayment


_Said = SaleRow | catalog.OutOfStock | None


class QuickSales:
    """Opens sales as `sale.open_sale` does, committed; leaves to that one what is not common."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._joint: Joint[Asked, _Said] = Joint(self._open_all)

    async def open(self, command: OpenSale, viewer: Viewer, *, now: datetime) -> SaleRow | None:
        """The sale; None where `sale.open_sale` has to be asked, and nothing is done.

        Raises: AmountOutOfRange, LinesDoNotAddUp; catalog.OutOfStock as `sale.open_sale` does.
        """
        command.checked()
        if command.method == "cash":
            return None
        said = await self._joint.ask(Asked(command, viewer, now))
        if isinstance(said, catalog.OutOfStock):
            raise said
        return said

    async def _open_all(self, asked: Sequence[Asked]) -> list[_Said]:
        try:
            return await self._open_together(asked)
        except psycopg.Error as error:
            if len(asked) > 1:  # one of them costs no other anything
                return [said for one in asked for said in await self._open_all([one])]
            if not isinstance(error, psycopg.IntegrityError):  # a code, or the very sale, is taken
                log.warning("a sale takes the exact way", exc_info=True)
            return [None]

    async def _open_together(self, asked: Sequence[Asked]) -> list[_Said]:
        vendor_ids = {one for each in asked for one in each.viewer.vendor_ids}
        viewers = Viewer(vendor_ids=tuple(sorted(vendor_ids)))
        async with self._database.as_viewer_at_once(viewers) as line:
            goods = quick_goods.ask(line, [one.command for one in asked])
            found = await line.ask(
                _FIND,
                records.ids([one.command.stall_id for one in asked]),
                records.ids([one.command.sale_id for one in asked]),
            )
            shelf = goods.shelf() if goods else Shelf([], {})
            accounts = {(stall_id, sale_id): facts for stall_id, sale_id, *facts in found}
            opened = [
                _opened(one, accounts.pop((one.command.stall_id, one.command.sale_id), None), shelf)
                for one in asked
            ]
            _put(line, [one for one in opened if isinstance(one, _Opened)])
        return [one.basket.row if isinstance(one, _Opened) else one for one in opened]


def _opened(
    asked: Asked, account: Sequence[Any] | None, shelf: Shelf
) -> _Opened | catalog.OutOfStock | None:
    """The sale and the request for its money; None where that is not for this way to say."""
    if account is None:
        return None
    vendor_id, payee_id, *payee = account
    if vendor_id not in asked.viewer.vendor_ids:
        return None
    assert asked.command.method != "cash"
    row = sale_flow.new_row(asked.command, vendor_id, asked.viewer.person_id, asked.now)
    request = sale_flow.request(row, payee_id, asked.command.method, asked.now)
    try:
        checkout.check_request(request, asked.now)
        taken = shelf.take(vendor_id, sale_flow.goods_of(asked.command))
    except payments.PaymentError:
        return None
    except catalog.OutOfStock as gone:
        return gone
    sale_flow.show_code(row, request.code, *payee)
    return _Opened(Basket(row, asked.command, taken), request)


def _put(line: Line, opened: Sequence[_Opened]) -> None:
    if not opened:
        return
    rows = [one.basket.row for one in opened]
    opening.put_openings(line, [one.request for one in opened], [row.recorded_at for row in rows])
    line.put(
        _INSERT,
        records.ids([row.id for row in rows]),
        records.ids([row.stall_id for row in rows]),
        records.ids([row.vendor_id for row in rows]),
        records.integers([row.amount_vnd for row in rows]),
        records.texts([row.method for row in rows]),
        records.texts([row.memo for row in rows]),
        records.texts([row.qr_text for row in rows]),
        records.ids([row.sold_by for row in rows]),
        records.times([row.sold_at for row in rows]),
        records.times([row.recorded_at for row in rows]),
        records.byteas([row.digest for row in rows]),
    )
    quick_goods.put(line, [one.basket for one in opened])
