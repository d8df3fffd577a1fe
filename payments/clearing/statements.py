"""A vendor's statement of one session: every row with its fee, what is held and why, what is paid."""

import csv
import io
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.clearing.errors import PayoutUnknown
from payments.clearing.payouts import Payout, _payout
from payments.clearing.tables import PayoutRow

VIETNAM = timezone(timedelta(hours=7))
_CSV_BOM = "\ufeff"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
CSV_COLUMNS = (
    "day",
    "time",
    "type",
    "number",
    "reference",
    "amount_vnd",
    "fee_vnd",
    "fee_vat_vnd",
    "net_vnd",
    "state",
)


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row that is paid."""

    day: date
    """Of the session the row came in; another than the statement's if it was held before."""
    occurred_at: datetime
    txn_type: str
    number: str
    reference: str
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int
    net_vnd: int


class HeldRow(msgspec.Struct, frozen=True, kw_only=True):
    """One amount that is not paid yet: why, and since when."""

    day: date
    class_: str = msgspec.field(name="class")
    """Why; `payments.reconciliation.Class`."""
    state: str
    resolution: str
    reference: str
    held_vnd: int
    """The net that is held; of money the file does not have at all, what we know came."""
    opened_at: datetime


class VendorStatement(msgspec.Struct, frozen=True, kw_only=True):
    """One vendor, one session."""

    payout: Payout
    rows: tuple[StatementRow, ...]
    held: tuple[HeldRow, ...]


async def statement_of(db: AsyncSession, session_id: UUID, owner_id: UUID) -> VendorStatement:
    """Everything one vendor is paid for in one session, to the đồng.

    Raises: PayoutUnknown before the session is instructed, or where the vendor has no part in it.
    """
    found = await db.get(PayoutRow, (session_id, owner_id), populate_existing=True)
    if found is None:
        raise PayoutUnknown(session_id, owner_id)
    connection = await db.connection()
    rows = await connection.execute(_ROWS, {"session": session_id, "owner": owner_id})
    held = await held_of(db, owner_id, source=found.acquirer, until=found.day)
    return VendorStatement(
        payout=_payout(found),
        rows=tuple(StatementRow(**row._mapping) for row in rows),
        held=tuple(held),
    )


async def held_of(
    db: AsyncSession, owner_id: UUID, *, source: str | None = None, until: date | None = None
) -> Sequence[HeldRow]:
    """What of a vendor's money waits for an answer, oldest first; of one acquirer if wanted."""
    connection = await db.connection()
    rows = await connection.execute(
        _HELD, {"owner": owner_id, "source": source, "until": until or date.max}
    )
    return [
        HeldRow(
            day=row.day, class_=row.class_, state=row.state, resolution=row.resolution,
            reference=row.reference, held_vnd=row.vnd, opened_at=row.opened_at,
        )
        for row in rows
    ]  # fmt: skip


def as_csv(statement: VendorStatement) -> bytes:
    """The statement as a spreadsheet opens it: UTF-8 with its mark, amounts as plain digits."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_COLUMNS)
    for row in statement.rows:
        at = row.occurred_at.astimezone(VIETNAM)
        writer.writerow(_safe((
            row.day.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}", row.txn_type, row.number, row.reference,
            row.amount_vnd, row.fee_vnd, row.fee_vat_vnd, row.net_vnd, "paid",
        )))  # fmt: skip
    for held in statement.held:
        at = held.opened_at.astimezone(VIETNAM)
        writer.writerow(_safe((
            held.day.isoformat(), f"{at:%Y-%m-%d %H:%M:%S}", "HELD", held.reference, held.class_,
            "", "", "", held.held_vnd, "held",
        )))  # fmt: skip
    told = statement.payout
    writer.writerow(
        (told.day.isoformat(), "", "CARRIED", "", "", "", "", "", told.carried_in_vnd, "")
    )
    writer.writerow((
        told.day.isoformat(), "", "TOTAL", told.reference, told.acquirer, told.amount_vnd,
        told.fee_vnd, told.fee_vat_vnd, told.pay_vnd, told.state,
    ))  # fmt: skip
    return (_CSV_BOM + out.getvalue()).encode()


def _safe(cells: tuple[Any, ...]) -> tuple[Any, ...]:
    """Texts of strangers never become formulas."""
    return tuple(
        f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
        for cell in cells
    )


_ROWS = text("""
SELECT r.day, r.occurred_at, r.txn_type, r.provider_txn_no AS number, r.txn_ref AS reference,
       r.amount_vnd, r.fee_vnd, r.fee_vat_vnd, r.net_vnd
FROM payments.settlement_row r
LEFT JOIN payments.difference d ON d.session_id = r.session_id AND d.seq = r.seq
WHERE (d.released_in = :session AND COALESCE(r.owner_id, d.owner_id) = :owner)
   OR (r.session_id = :session AND r.owner_id = :owner AND d.id IS NULL)
ORDER BY r.day, r.occurred_at, r.provider_txn_no
""")
_HELD = text("""
SELECT d.day, d.class AS class_, d.state, d.resolution, d.reference, d.opened_at,
       CASE WHEN d.seq IS NULL THEN COALESCE(d.ours_vnd, 0) ELSE d.held_vnd END AS vnd
FROM payments.difference d
LEFT JOIN payments.settlement_session s ON s.id = d.session_id
WHERE d.owner_id = :owner AND d.session_id IS NOT NULL AND d.released_in IS NULL
  AND d.resolution NOT IN ('reject', 'came_later')
  AND COALESCE(s.state, '') <> 'withdrawn'
  AND (CAST(:source AS text) IS NULL OR d.source = :source) AND d.day <= :until
ORDER BY d.day, d.opened_at, d.reference
""")
