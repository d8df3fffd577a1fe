"""A planned decision is carried out by the ledger, and what became of it written down."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.items import Fact
from payments.ledger.transfer import Outcome
from payments.ledger.writer import Ledger
from payments.suspense.moves import Decision, accounts_of, orders_of
from payments.suspense.storage import decision_of, lock, point
from payments.suspense.tables import AuditRow, CaseRow, DecisionRow, TargetRow

PLANNED_COUNT_MAX = 100
RESOLVED, UNDONE = "suspense.resolved", "suspense.undone"
"""Kinds of events."""
_STANDS = {Outcome.POSTED, Outcome.ALREADY_POSTED}


async def carry_out(ledger: Ledger, decision: Decision) -> list[Outcome]:
    """What the ledger says to all of it together; told again it changes nothing.

    Raises: LedgerBusy, LedgerUnavailable, LedgerClosed; then it may be carried out again.
    """
    return await ledger.post(
        *orders_of(decision),
        linked=True,
        opening=accounts_of(decision),
        facts=(
            Fact(
                RESOLVED if decision.undoes_id is None else UNDONE,
                decision.owner_id,
                decision.id,
                _event(decision),
                decision.decided_at,
            ),
        ),
    )


async def locked(db: AsyncSession, decision_id: UUID) -> Decision:
    """A decision as it stands; until the transaction ends, nobody else finishes or makes one."""
    row = await db.get(DecisionRow, decision_id)
    assert row is not None
    await lock(db, row.owner_id)
    await db.refresh(row)
    return decision_of(row)


async def finish(
    db: AsyncSession, decision_id: UUID, outcomes: Sequence[Outcome], *, now: datetime
) -> Decision:
    """Write down what became of a decision that was carried out. Repeatable.

    What the ledger refused leaves the cases as they were before.
    """
    known = await locked(db, decision_id)
    if known.state != "planned":
        return known
    row = await db.get_one(DecisionRow, decision_id)
    stands = all(one in _STANDS for one in outcomes)
    refused = [one for one in outcomes if one not in _STANDS and one is not Outcome.LINKED_FAILED]
    row.state = "posted" if stands else "refused"
    row.outcome = "" if stands else str((refused or outcomes)[0])
    db.add(row)
    decision = decision_of(row)
    if stands and row.undoes_id is not None:
        await _reopen(db, decision)
    elif not stands:
        await _restore(db, decision)
    await _audit(db, decision, stands=stands, now=now)
    return decision


async def planned(db: AsyncSession, *, before: datetime) -> Sequence[Decision]:
    """Decisions that were planned before an instant and never finished: carry them out."""
    rows = await db.exec(
        select(DecisionRow)
        .where(DecisionRow.state == "planned", col(DecisionRow.decided_at) < before)
        .order_by(col(DecisionRow.decided_at))
        .limit(PLANNED_COUNT_MAX)
    )
    return [decision_of(row) for row in rows.all()]


async def decision(db: AsyncSession, decision_id: UUID) -> Decision | None:
    """One decision as it stands."""
    row = await db.get(DecisionRow, decision_id, populate_existing=True)
    return None if row is None else decision_of(row)


async def _reopen(db: AsyncSession, done: Decision) -> None:
    """What was decided before is undone: the cases wait again, the payments are free again."""
    assert done.undoes_id is not None
    undone = await db.get(DecisionRow, done.undoes_id)
    assert undone is not None
    undone.state = "undone"
    db.add(undone)
    await db.exec(delete(TargetRow).where(col(TargetRow.decision_id) == done.undoes_id))
    await point(db, done.owner_id, done.shares, None)


async def _restore(db: AsyncSession, refused: Decision) -> None:
    """As before it was planned: open, or by the decision that was to be undone."""
    if refused.undoes_id is None:
        await db.exec(delete(TargetRow).where(col(TargetRow.decision_id) == refused.id))
    await point(db, refused.owner_id, refused.shares, refused.undoes_id)


async def _audit(db: AsyncSession, done: Decision, *, stands: bool, now: datetime) -> None:
    action = "refused" if not stands else "resolved" if done.undoes_id is None else "undone"
    given = {"state": "resolved", "parts": msgspec.to_builtins(done.parts)}
    for share in done.shares:
        waiting = {"state": "open", "amount_vnd": share.amount_vnd}
        before, after = (waiting, given) if done.undoes_id is None else (given, waiting)
        row = await db.get(CaseRow, share.receipt_id, populate_existing=True)
        assert row is not None
        db.add(
            AuditRow(
                decision_id=done.id,
                receipt_id=share.receipt_id,
                owner_id=done.owner_id,
                version=row.version,
                action=action,
                decided_by=done.decided_by,
                reason=done.reason,
                before=before,
                after=before | {"outcome": done.outcome} if not stands else after,
                at=now,
            )
        )
    await db.flush()


def _event(decided: Decision) -> dict[str, Any]:
    """What the event says; reactions rely on every key being there."""
    plain: dict[str, Any] = msgspec.to_builtins(decided)
    plain["decision_id"] = plain.pop("id")
    del plain["state"], plain["outcome"]
    return plain
