"""The rows of decisions and cases, and the one lock under which they change."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.accounts import lane_of
from payments.ledger.transfer import TransferKind
from payments.suspense.moves import Decision, Share
from payments.suspense.tables import CaseRow, DecisionRow

LOCK_CLASS = 20_261_124
"""Advisory locks of this class, one an owner: decisions about money of one owner take turns."""


async def lock(db: AsyncSession, owner_id: UUID) -> None:
    """Nobody else decides about money of this owner until the transaction ends."""
    connection = await db.connection()
    await connection.execute(_LOCK, {"class": LOCK_CLASS, "owner_id": str(owner_id)})


async def lock_decided(db: AsyncSession, owner_id: UUID, receipt_id: UUID) -> None:
    """If somebody decided about this money, nobody decides otherwise until the transaction ends."""
    if await db.get(CaseRow, receipt_id) is not None:
        await lock(db, owner_id)


async def point(
    db: AsyncSession, owner_id: UUID, shares: Sequence[Share], decision_id: UUID | None
) -> None:
    """The cases follow this decision, or none, and are a version further."""
    for share in shares:
        put = insert(CaseRow).values(
            receipt_id=share.receipt_id, owner_id=owner_id, version=1, decision_id=decision_id
        )
        changed = {"decision_id": decision_id, "version": col(CaseRow.version) + 1}
        await db.exec(put.on_conflict_do_update(index_elements=["receipt_id"], set_=changed))


def decision_of(row: DecisionRow) -> Decision:
    """A stored decision as a value."""
    fields = {name: getattr(row, name) for name in DecisionRow.model_fields}
    return msgspec.convert(
        fields | {"shares": row.shares, "parts": row.parts}, Decision, strict=False
    )


async def is_refunded(db: AsyncSession, decision: Decision) -> bool:
    """Whether money a decision gave away has left again, or is about to.

    A refund that only was asked for, out of suspense, is withdrawn with the decision.
    """
    connection = await db.connection()
    found = await connection.execute(
        _IS_REFUNDED,
        {
            "lane": lane_of(decision.owner_id),
            "held": int(TransferKind.HELD),
            "receipts": [one.receipt_id for one in decision.shares],
        },
    )
    return bool(found.scalar_one())


_IS_REFUNDED = text("""
SELECT EXISTS (
    SELECT FROM payments.refund_request q
    JOIN payments.transfer t ON t.lane = :lane AND t.id = q.original_id AND t.kind = :held
    WHERE q.receipt_id = ANY(:receipts) AND q.state <> 'refused'
      AND NOT (q.is_held AND q.state = 'asked' AND q.asked_count = 0))
""")
_LOCK = text("SELECT pg_advisory_xact_lock(:class, hashtext(:owner_id))")
