"""The till's commonest sale, an amount keyed and a code shown, in two trips to the database."""

from datetime import datetime
from uuid import UUID

import psycopg
import structlog

from market.db import Database, Viewer
from market.flows import sale as sale_flow
from market.sales import OpenSale
from market.tables import SaleRow
from payments import opening
from payments.ledger import records

log = structlog.get_logger("market.sale")

_FIND = """
SELECT s.vendor_id, a.id, a.bank_bin, a.account_no, a.holder_name
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


async def open_sale(
    database: Database, viewer: Viewer, command: OpenSale, sold_by: UUID | None, *, now: datetime
) -> SaleRow | None:
    """As `sale.open_sale`, committed; None where that one has to be asked, and nothing is done.

    Raises: AmountOutOfRange, LinesDoNotAddUp.
    """
    command.checked()
    if command.lines or command.method == "cash":
        return None
    asked = records.ids([command.stall_id]), records.ids([command.sale_id])
    try:
        async with database.as_viewer_at_once(viewer) as line:
            found = await line.ask(_FIND, *asked)
            if not found:
                return None
            vendor_id, payee_id, *account = found[0]
            row = sale_flow.new_row(command, vendor_id, sold_by, now)
            request = sale_flow.request(row, payee_id, command.method, now)
            sale_flow.show_code(row, request.code, *account)
            opening.put_opening(line, request, now=now)
            line.put(_INSERT, *_columns(row))
    except psycopg.IntegrityError:  # a code that is taken, the same sale at the same instant
        return None
    except psycopg.Error:
        log.warning("a sale takes the exact way", exc_info=True)
        return None
    return row


def _columns(row: SaleRow) -> tuple[records.Raw, ...]:
    return (
        records.ids([row.id]),
        records.ids([row.stall_id]),
        records.ids([row.vendor_id]),
        records.integers([row.amount_vnd]),
        records.texts([row.method]),
        records.texts([row.memo]),
        records.texts([row.qr_text]),
        records.ids([row.sold_by]),
        records.times([row.sold_at]),
        records.times([row.recorded_at]),
        records.byteas([row.digest]),
    )
