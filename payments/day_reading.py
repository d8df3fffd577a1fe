"""What a day's check and the books ask of many payments at once."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.refund import RefundRequest
from payments.refund_reading import value_of
from payments.refund_tables import RefundRequestRow
from payments.tables import PaymentRow

REFUND_COUNT_MAX = 100_000
CHUNK = 20_000
"""Ids asked for at once."""


async def payment_states(db: AsyncSession, ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The state of each payment that is there: open, settled, expired or cancelled."""
    found: dict[UUID, str] = {}
    for at in range(0, len(ids), CHUNK):
        part = ids[at : at + CHUNK]
        rows = await db.exec(
            select(PaymentRow.id, PaymentRow.state).where(col(PaymentRow.id).in_(part))
        )
        found.update(rows.all())
    return found


async def refunds_done(
    db: AsyncSession, owner_id: UUID, since: datetime, until: datetime
) -> Sequence[RefundRequest]:
    """Takings an owner gave back from `since` to before `until`, oldest first.

    Neither money that never became takings, nor what a bank took back in a dispute.
    """
    rows = await db.exec(
        select(RefundRequestRow)
        .where(
            RefundRequestRow.owner_id == owner_id,
            RefundRequestRow.state == "done",
            RefundRequestRow.road != "dispute",
            col(RefundRequestRow.is_held).is_(False),
            col(RefundRequestRow.ended_at) >= since,
            col(RefundRequestRow.ended_at) < until,
        )
        .order_by(col(RefundRequestRow.ended_at), col(RefundRequestRow.id))
        .limit(REFUND_COUNT_MAX)
    )
    return [value_of(row) for row in rows.all()]
