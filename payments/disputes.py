"""A buyer's bank takes money back: a refund that somebody else asked for.

While it is open its amount is reserved, so that the same money is not refunded as well. Lost, the
ledger gives it back; won, it is free again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.refund import Answered, AskRefund, RefundAnswer, RefundRequest, RefundState
from payments.refund_reading import refundable, value_of
from payments.refund_tables import RefundRequestRow
from payments.refunds import answer_refund, ask_refund, note_problem

_OF_STATUS = {
    "won": Answered.REFUSED,
    "lost": Answered.CONFIRMED,
    "warning_closed": Answered.REFUSED,
    "prevented": Answered.REFUSED,
}
"""How an ended dispute reads as a refund; everything else is still open."""
_AT_ONCE = timedelta(0)


DISPUTES_MAX = 200


class LooseDispute(msgspec.Struct, frozen=True, kw_only=True):
    """A dispute that reserves nothing: over money that went back already, or of nobody we know."""

    number: str
    gateway: str
    provider_ref: str
    """What the acquirer knows the payment by."""
    amount_vnd: int
    status: str
    told_at: datetime


async def disputes(
    db: AsyncSession, *, since: datetime, owner_id: UUID | None = None, limit: int = DISPUTES_MAX
) -> Sequence[RefundRequest]:
    """Every dispute that was opened since an instant, ended ones too, newest first; of one owner, or
    of all that the session may see.
    """
    assert 0 < limit <= DISPUTES_MAX
    query = select(RefundRequestRow).where(
        RefundRequestRow.road == "dispute", col(RefundRequestRow.asked_at) >= since
    )
    if owner_id is not None:
        query = query.where(RefundRequestRow.owner_id == owner_id)
    rows = await db.exec(query.order_by(col(RefundRequestRow.asked_at).desc()).limit(limit))
    return [value_of(row) for row in rows.all()]


async def loose_disputes(
    db: AsyncSession, *, since: datetime, limit: int = DISPUTES_MAX
) -> Sequence[LooseDispute]:
    """Disputes told since an instant that nothing is reserved for, newest first: a person's list."""
    assert 0 < limit <= DISPUTES_MAX
    connection = await db.connection()
    rows = await connection.execute(_LOOSE, {"since": since, "limit": limit})
    return [LooseDispute(**row) for row in rows.mappings()]


async def dispute_told(
    db: AsyncSession,
    receipt_id: UUID,
    dispute_no: str,
    status: str,
    amount_vnd: int,
    *,
    dispute_id: UUID,
    now: datetime,
) -> RefundRequest | None:
    """What an acquirer says of a dispute over the money of a receipt, in whatever order it says it.

    `dispute_id` is used if nothing was heard of it before. None where nothing is left that could
    be taken back: all of it went back already.
    """
    row = await _row(db, dispute_no)
    if row is None:
        opened = await _open(db, receipt_id, amount_vnd, dispute_id=dispute_id, now=now)
        if opened is None:
            return None
        taken = RefundAnswer(Answered.ACCEPTED, dispute_no, status)
        await answer_refund(db, opened.id, taken, now=now, ask_after=_AT_ONCE)
        if opened.amount_vnd < amount_vnd:
            await note_problem(db, opened.id, f"{amount_vnd} đ is disputed", now=now)
        row = await _row(db, dispute_no)
        assert row is not None
    kind = _OF_STATUS.get(status)
    if kind is None or row.state in (RefundState.DONE, RefundState.REFUSED):
        return value_of(row)
    ended = RefundAnswer(kind, dispute_no, status)
    return await answer_refund(db, row.id, ended, now=now, ask_after=_AT_ONCE)


async def _open(
    db: AsyncSession, receipt_id: UUID, amount_vnd: int, *, dispute_id: UUID, now: datetime
) -> RefundRequest | None:
    found = [one for one in await refundable(db, receipt_id=receipt_id) if one.left_vnd > 0]
    if not found:
        return None
    target = found[0]
    command = AskRefund(
        id=dispute_id,
        owner_id=target.owner_id,
        receipt_id=receipt_id,
        amount_vnd=min(amount_vnd, target.left_vnd),
        reason="dispute",
        road="dispute",
    )
    return await ask_refund(db, command, now=now)


async def _row(db: AsyncSession, dispute_no: str) -> RefundRequestRow | None:
    rows = await db.exec(
        select(RefundRequestRow)
        .where(RefundRequestRow.road == "dispute", col(RefundRequestRow.refund_no) == dispute_no)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return rows.first()


# The word that ends a dispute counts, in whatever order the words came.
_LOOSE = text("""
SELECT * FROM (
    SELECT DISTINCT ON (split_part(r.provider_id, ':', 1))
           split_part(r.provider_id, ':', 1) AS number, r.gateway, r.reference AS provider_ref,
           r.amount_vnd, split_part(r.detail, '.', 2) AS status, r.recorded_at AS told_at
    FROM payments.receipt r
    WHERE r.gateway = 'stripe' AND r.direction = 'out' AND r.detail LIKE 'dispute.%'
      AND r.business_date >= (:since AT TIME ZONE INTERVAL '7 hours')::date
    ORDER BY split_part(r.provider_id, ':', 1), r.detail = 'dispute.opened', r.recorded_at DESC
) told
WHERE NOT EXISTS (
    SELECT FROM payments.refund_request q WHERE q.road = 'dispute' AND q.refund_no = told.number)
ORDER BY told_at DESC LIMIT :limit
""")
