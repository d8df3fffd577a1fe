"""What went back of takings, recomputed from the journal alone.

A refund is of the instant it was made, whenever the sale was. Money that never became takings (out
of suspense, a test, a hall's charge) is none of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.accounts import lane_of
from payments.ledger.transfer import TransferKind

_MOVES = 3
"""Transfers of one receipt; their ids follow from its own (`settlement.transfers`)."""


class GivenBack(msgspec.Struct, frozen=True, kw_only=True):
    """One refund of a sale."""

    refund_id: UUID
    place_id: UUID
    amount_vnd: int
    gateway: str
    """Who reported the money that went back; “cash” where nobody had to."""
    outcome: str
    """As what that money was recorded: by a printed code it is “stand”."""
    occurred_at: datetime
    is_last: bool
    """Nothing is left of the sale after it."""


async def given_back(
    db: AsyncSession, place_ids: Sequence[UUID], start: datetime, end: datetime
) -> Sequence[GivenBack]:
    """Every refund of takings of these places made in [start, end), in the order of record.

    Row-level security holds: who sees no journal sees no refunds.
    """
    within = {"places": list(place_ids), "start": start, "end": end}
    return await _read(db, _WITHIN, within)


async def given_back_by(db: AsyncSession, owner_id: UUID, refund_id: UUID) -> GivenBack | None:
    """One refund by its id; None where it was none of takings, or of no place."""
    found = await _read(db, _ONE, {"lane": lane_of(owner_id), "id": refund_id})
    return found[0] if found else None


async def _read(db: AsyncSession, statement: Any, asked: dict[str, Any]) -> Sequence[GivenBack]:
    connection = await db.connection()
    kind = {
        "refund": int(TransferKind.REFUND),
        "charge": int(TransferKind.CHARGE),
        "held": int(TransferKind.HELD),
        "cash": int(TransferKind.CASH_SALE),
    }
    rows = (await connection.execute(statement, asked | kind)).all()
    found = []
    for row in rows:
        gone_vnd = await _gone_vnd(db, row)
        found.append(
            GivenBack(
                refund_id=row.id,
                place_id=row.place_id,
                amount_vnd=row.amount_vnd,
                gateway=row.gateway,
                outcome=row.outcome,
                occurred_at=row.occurred_at,
                is_last=gone_vnd - row.amount_vnd < row.sale_vnd <= gone_vnd,
            )
        )
    return found


async def _gone_vnd(db: AsyncSession, row: Any) -> int:
    """What has gone back of the sale with this refund: of all the money it was paid with."""
    connection = await db.connection()
    originals = [
        UUID(int=receipt_id.int ^ index)
        for receipt_id in row.receipt_ids
        for index in range(_MOVES)
    ]
    gone = await connection.execute(
        _GONE,
        {
            "refund": int(TransferKind.REFUND),
            "lane": row.lane,
            "originals": originals,
            "position": row.position,
            "id": row.id,
            "target": row.target_id,
        },
    )
    return int(gone.scalar_one())


# A receipt's business day is the Vietnamese day on which its transfers occurred: the key leads with it.
# `a` is the sale that a person said the money was for; there it is takings, wherever it had come to.
_SELECT = """
SELECT t.id, t.lane, t.position, COALESCE(a.place_id, t.place_id) AS place_id, t.amount_vnd,
       t.occurred_at, COALESCE(r.gateway, 'cash') AS gateway, COALESCE(r.outcome, 'cash') AS outcome,
       a.target_id, COALESCE(a.amount_vnd, p.amount_vnd, r.amount_vnd, s.amount_vnd) AS sale_vnd,
       CASE WHEN a.target_id IS NOT NULL THEN a.receipt_ids
            WHEN r.payment_id IS NULL THEN ARRAY[s.subject_id] ELSE
           ARRAY(SELECT o.id FROM payments.receipt o WHERE o.payment_id = r.payment_id) END AS receipt_ids
FROM payments.transfer t
JOIN payments.transfer s ON s.lane = t.lane AND s.id = t.subject_id AND s.kind <> :charge
LEFT JOIN payments.receipt r ON r.id = s.subject_id
    AND r.business_date = (s.occurred_at AT TIME ZONE INTERVAL '7 hours')::date
LEFT JOIN payments.payment p ON p.id = r.payment_id
LEFT JOIN payments.refund_request q ON q.id = t.id
LEFT JOIN LATERAL (
    SELECT (x.part ->> 'target_id')::uuid AS target_id, (x.part ->> 'place_id')::uuid AS place_id,
           (x.part ->> 'amount_vnd')::bigint AS amount_vnd,
           (x.part ->> 'is_charge')::boolean AS is_charge,
           ARRAY(SELECT (y ->> 'receipt_id')::uuid FROM jsonb_array_elements(d.shares) y) AS receipt_ids
    FROM payments.suspense_case c
    JOIN payments.suspense_decision d ON d.id = c.decision_id
        AND d.state IN ('planned', 'posted') AND d.undoes_id IS NULL
    CROSS JOIN jsonb_array_elements(d.parts) WITH ORDINALITY x (part, number)
    WHERE s.kind = :held AND c.receipt_id = r.id AND x.part ->> 'kind' IN ('payment', 'sale')
    ORDER BY (x.part ->> 'target_id')::uuid = q.payment_id DESC NULLS LAST, x.number
    LIMIT 1) a ON true
WHERE t.kind = :refund AND (r.id IS NOT NULL OR s.kind = :cash) AND NOT COALESCE(a.is_charge, COALESCE(p.purpose, 'sale') <> 'sale')
  AND COALESCE(a.place_id, t.place_id) <> '00000000-0000-0000-0000-000000000000'
"""
_WITHIN = text(
    _SELECT + " AND (t.place_id = ANY(:places) OR s.kind = :held)"
    " AND COALESCE(a.place_id, t.place_id) = ANY(:places) AND t.occurred_at >= :start AND t.occurred_at < :end"
    " ORDER BY t.position, t.id"
)
_ONE = text(_SELECT + " AND t.lane = :lane AND t.id = :id")
_GONE = text("""
SELECT COALESCE(sum(f.amount_vnd), 0)::bigint FROM payments.refund f
JOIN payments.transfer t ON t.lane = f.lane AND t.id = f.id AND t.kind = :refund
WHERE f.lane = :lane AND f.original_id = ANY(:originals) AND (t.position, t.id) <= (:position, :id)
  AND (CAST(:target AS uuid) IS NULL OR EXISTS (
      SELECT FROM payments.refund_request q WHERE q.id = f.id AND q.payment_id = :target))
""")
