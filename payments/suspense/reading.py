"""The cases of an owner, or of all: what waits, since when, and why. Derived from the receipts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.suspense.moves import Case, CaseState
from payments.suspense.tables import TO_RESOLVE, AuditRow

CASE_COUNT_MAX = 1_000
Which = Literal["all", "unresolved", "resolved"]


class Waiting(msgspec.Struct, frozen=True):
    """How much waits for a person."""

    count: int
    amount_vnd: int


class Audited(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a case's history. It never changes."""

    decision_id: UUID
    receipt_id: UUID
    version: int
    action: str
    """resolved, undone, refused."""
    decided_by: UUID
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]
    at: datetime


async def cases(
    db: AsyncSession,
    owner_id: UUID | None = None,
    *,
    which: Which = "unresolved",
    since: datetime | None = None,
    limit: int = 100,
) -> Sequence[Case]:
    """Cases, oldest money first; of one owner, or of all that the session may see.

    `since`: the money came, or the decision was made, at or after it.
    """
    assert 0 < limit <= CASE_COUNT_MAX
    return await _read(db, which=which, owner_id=owner_id, since=since, limit=limit)


async def case(db: AsyncSession, receipt_id: UUID) -> Case | None:
    """One case as it stands; None where no money of this receipt ever went into suspense."""
    found = await _read(db, receipt_ids=[receipt_id])
    return found[0] if found else None


async def cases_of(
    db: AsyncSession, receipt_ids: Sequence[UUID], payment_ids: Sequence[UUID] = ()
) -> Sequence[Case]:
    """These cases, and those of money that came short for these payments."""
    return await _read(db, receipt_ids=list(receipt_ids), payment_ids=list(payment_ids))


async def waiting(db: AsyncSession, owner_id: UUID) -> Waiting:
    """How many cases a person has to look at, and how much money; not what waits for its rest."""
    connection = await db.connection()
    row = (await connection.execute(_WAITING, {"owner_id": owner_id})).one()
    return Waiting(row.cases, int(row.vnd))


async def history(db: AsyncSession, receipt_id: UUID) -> Sequence[Audited]:
    """Everything that was decided about a case, oldest first."""
    rows = await db.exec(
        select(AuditRow).where(AuditRow.receipt_id == receipt_id).order_by(col(AuditRow.version))
    )
    return [
        Audited(**{name: getattr(row, name) for name in Audited.__struct_fields__})
        for row in rows.all()
    ]


async def _read(
    db: AsyncSession,
    *,
    which: Which = "all",
    owner_id: UUID | None = None,
    receipt_ids: Sequence[UUID] | None = None,
    payment_ids: Sequence[UUID] = (),
    since: datetime | None = None,
    limit: int = CASE_COUNT_MAX,
) -> Sequence[Case]:
    connection = await db.connection()
    named = receipt_ids is not None
    rows = await connection.execute(
        _NAMED if named else _LISTED[which],
        {"receipts": receipt_ids, "payments": list(payment_ids)}
        if named
        else {"owner_id": owner_id, "since": since, "limit": limit},
    )
    return [_case(row) for row in rows]


def _case(row: Any) -> Case:
    return Case(
        receipt_id=row.id,
        owner_id=row.owner_id,
        amount_vnd=row.case_vnd,
        outcome=row.outcome,
        state=_state(row),
        version=row.version,
        memo=row.memo,
        gateway=row.gateway,
        payment_id=row.payment_id,
        suggested_id=row.suggested_id,
        place_id=row.place_id,
        decision_id=row.decision_id,
        occurred_at=row.occurred_at,
    )


def _state(row: Any) -> CaseState:
    if row.decision_state is not None:
        return "planned" if row.decision_state == "planned" else "resolved"
    is_waiting = row.outcome == "short" and row.payment_state in {"open", "partial"}
    return "waiting" if is_waiting else "open"


# Money that came short is no case once its payment is complete: the rest released it.
_FROM = f"""
FROM payments.receipt r
LEFT JOIN payments.payment p ON p.id = r.payment_id
LEFT JOIN payments.suspense_case c ON c.receipt_id = r.id
LEFT JOIN payments.suspense_decision d ON d.id = c.decision_id
WHERE r.{TO_RESOLVE} AND p.purpose IS DISTINCT FROM 'test'
  AND (r.outcome <> 'short' OR p.state <> 'settled')
"""
_VND = "CASE r.outcome WHEN 'over' THEN p.received_vnd - p.amount_vnd ELSE r.amount_vnd END"
_SELECT = f"""
SELECT r.id, r.owner_id, {_VND} AS case_vnd, r.outcome, r.memo, r.gateway, r.payment_id,
       r.suggested_id, r.place_id, r.occurred_at, COALESCE(c.version, 0) AS version, c.decision_id,
       p.state AS payment_state, d.state AS decision_state
{_FROM}
"""
_OWN = " AND (CAST(:owner_id AS uuid) IS NULL OR r.owner_id = :owner_id)"
_UNRESOLVED = " AND (d.state IS NULL OR d.state = 'planned')"
_SINCE = " AND (CAST(:since AS timestamptz) IS NULL OR {} >= :since)"
_ORDER = " ORDER BY r.occurred_at, r.id LIMIT :limit"
_LISTED = {
    "all": text(_SELECT + _OWN + _SINCE.format("r.occurred_at") + _ORDER),
    "unresolved": text(_SELECT + _OWN + _UNRESOLVED + _SINCE.format("r.occurred_at") + _ORDER),
    "resolved": text(
        _SELECT + _OWN + " AND d.state = 'posted'" + _SINCE.format("d.decided_at")
        + " ORDER BY d.decided_at DESC, r.id LIMIT :limit"
    ),
}  # fmt: skip
_NAMED = text(
    _SELECT
    + " AND (r.id = ANY(:receipts) OR r.outcome = 'short' AND r.payment_id = ANY(:payments))"
    " ORDER BY r.occurred_at, r.id"
)
_WAITING = text(
    f"SELECT count(*) AS cases, COALESCE(sum({_VND}), 0) AS vnd {_FROM}"
    " AND r.owner_id = :owner_id AND d.state IS NULL"
    " AND (r.outcome <> 'short' OR p.state IN ('expired', 'cancelled'))"
)
