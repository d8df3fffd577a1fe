"""What came, as lists and sums: an owner's receipts, and takings recomputed from the journal."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.transfer import TransferKind
from payments.settlement import SettlementOutcome
from payments.tables import ReceiptRow

PAGE_MAX = 1_000


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One movement of money as reported, and what it was found to mean. It never changes."""

    id: UUID
    business_date: date
    owner_id: UUID | None
    payment_id: UUID | None
    suggested_id: UUID | None
    stand_id: UUID | None
    place_id: UUID | None
    gateway: str
    provider_id: str
    reference: str
    amount_vnd: int
    direction: str
    outcome: SettlementOutcome
    memo: str
    detail: str
    occurred_at: datetime
    recorded_at: datetime


class Taking(msgspec.Struct, frozen=True, kw_only=True):
    """What one place took in one hour, by the instants the money moved. Test payments never count.

    A sale that was paid in parts counts once, whole, in the hour it was completed.
    """

    place_id: UUID
    hour: datetime
    cashless_count: int
    cashless_vnd: int
    cash_count: int
    cash_vnd: int


async def receipts_of(
    db: AsyncSession, owner_id: UUID, *, since: datetime, limit: int = 100
) -> Sequence[Receipt]:
    """An owner's newest receipts since an instant, newest first."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(ReceiptRow)
        .where(ReceiptRow.owner_id == owner_id, col(ReceiptRow.occurred_at) >= since)
        .order_by(col(ReceiptRow.occurred_at).desc(), col(ReceiptRow.id).desc())
        .limit(limit)
    )
    return [_receipt(row) for row in rows.all()]


async def receipts_for(db: AsyncSession, payment_id: UUID) -> Sequence[Receipt]:
    """Every receipt that names a payment, oldest first: counted, late and doubled ones."""
    rows = await db.exec(
        select(ReceiptRow)
        .where(ReceiptRow.payment_id == payment_id)
        .order_by(col(ReceiptRow.recorded_at), col(ReceiptRow.id))
        .limit(PAGE_MAX)
    )
    return [_receipt(row) for row in rows.all()]


TO_RESOLVE = (
    SettlementOutcome.OVER,
    SettlementOutcome.LATE,
    SettlementOutcome.DUPLICATE_PAYMENT,
    SettlementOutcome.UNMATCHED,
    SettlementOutcome.SUGGESTED,
    SettlementOutcome.FOREIGN_CODE,
    SettlementOutcome.ACCOUNT_UNKNOWN,
    SettlementOutcome.AMOUNT_MISMATCH,
    SettlementOutcome.REFERENCE_REUSED,
)
"""What a person has to look at: money in suspense, or of nobody we know."""


async def receipts_to_resolve(
    db: AsyncSession, *, since: datetime, limit: int = 100
) -> Sequence[Receipt]:
    """The newest receipts of all owners that a person has to look at, newest first."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(ReceiptRow)
        .where(
            col(ReceiptRow.outcome).in_([outcome.value for outcome in TO_RESOLVE]),
            col(ReceiptRow.occurred_at) >= since,
        )
        .order_by(col(ReceiptRow.occurred_at).desc(), col(ReceiptRow.id).desc())
        .limit(limit)
    )
    return [_receipt(row) for row in rows.all()]


async def takings(
    db: AsyncSession, place_ids: Sequence[UUID], start: datetime, end: datetime
) -> Sequence[Taking]:
    """Takings per place and hour in [start, end), recomputed from the journal alone.

    Row-level security holds: who sees no journal sees no takings.
    """
    connection = await db.connection()
    rows = await connection.execute(
        _TAKINGS,
        {
            "places": list(place_ids),
            "start": start,
            "end": end,
            "counted": [int(kind) for kind in _COUNTED],
            "released": int(TransferKind.RELEASED),
            "cash": int(TransferKind.CASH_SALE),
            "reversal": int(TransferKind.REVERSAL),
        },
    )
    return [
        Taking(
            place_id=row.place_id,
            hour=row.hour,
            cashless_count=row.cashless_count,
            cashless_vnd=int(row.cashless_vnd),
            cash_count=row.cash_count,
            cash_vnd=int(row.cash_vnd),
        )
        for row in rows
    ]


_COUNTED = (
    TransferKind.SALE,
    TransferKind.STAND_SALE,
    TransferKind.CASH_SALE,
    TransferKind.ASSIGNED,
)
"""One of these is in the journal for every sale, and only one, unless it was undone whole."""
# RELEASED also completes charges of a hall; only money that went into sales is takings.
_TAKINGS = text("""
SELECT t.place_id, date_trunc('hour', t.occurred_at, 'UTC') AS hour,
       count(*) FILTER (WHERE t.kind NOT IN (:cash, :released)) AS cashless_count,
       COALESCE(sum(t.amount_vnd) FILTER (WHERE t.kind <> :cash), 0) AS cashless_vnd,
       count(*) FILTER (WHERE t.kind = :cash) AS cash_count,
       COALESCE(sum(t.amount_vnd) FILTER (WHERE t.kind = :cash), 0) AS cash_vnd
FROM payments.transfer t
JOIN payments.account a ON a.lane = t.lane AND a.id = t.credit_id AND a.kind = 'sales'
WHERE t.place_id = ANY(:places) AND t.occurred_at >= :start AND t.occurred_at < :end
  AND (t.kind = ANY(:counted) OR t.kind = :released)
  AND NOT EXISTS (
      SELECT FROM payments.refund f JOIN payments.transfer v ON v.lane = f.lane AND v.id = f.id
      WHERE f.lane = t.lane AND f.original_id = t.id AND v.kind = :reversal)
GROUP BY 1, 2 ORDER BY 2, 1
""")


def _receipt(row: ReceiptRow) -> Receipt:
    return Receipt(
        id=row.id,
        business_date=row.business_date,
        owner_id=row.owner_id,
        payment_id=row.payment_id,
        suggested_id=row.suggested_id,
        stand_id=row.stand_id,
        place_id=row.place_id,
        gateway=row.gateway,
        provider_id=row.provider_id,
        reference=row.reference,
        amount_vnd=row.amount_vnd,
        direction=row.direction,
        outcome=SettlementOutcome(row.outcome),
        memo=row.memo,
        detail=row.detail,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
    )
