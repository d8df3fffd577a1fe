"""Settlement sessions: where one stands, who approved it, and what may come next.

LOADED → CHECKED → RECONCILED → APPROVED (two persons) → INSTRUCTED → CONFIRMED, and WITHDRAWN
instead while nobody's second approval stands. We never hold the money: "instructed" is a list for
the acquirer, "confirmed" a credit that was seen on the vendor's own account.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments import events
from payments.clearing.errors import SamePerson, SessionNotReady, SessionUnknown
from payments.clearing.tables import SettlementSessionRow

PAGE_MAX = 500
REASON_LENGTH_MAX = 200


class SessionState(StrEnum):
    """How far a session has come."""

    LOADED = "loaded"
    """The rows are kept."""
    CHECKED = "checked"
    """Trailer, sums and signs are right."""
    RECONCILED = "reconciled"
    """Compared with the ledger; differences are held."""
    APPROVED = "approved"
    """By two persons."""
    INSTRUCTED = "instructed"
    """Fees are in the ledger, the acquirer is told whom to pay how much."""
    CONFIRMED = "confirmed"
    """Every vendor's credit was seen."""
    WITHDRAWN = "withdrawn"
    """The file was wrong; another one of that day may be loaded."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One acquirer's day."""

    id: UUID
    acquirer: str
    day: date
    state: SessionState
    row_count: int
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int
    net_vnd: int
    matched_count: int
    difference_count: int
    """That are not resolved."""
    held_vnd: int
    """The net of rows that are in no payout yet."""
    loaded_by: UUID | None
    loaded_at: datetime
    first_by: UUID | None
    first_at: datetime | None
    approved_by: UUID | None
    approved_at: datetime | None
    instructed_at: datetime | None
    confirmed_at: datetime | None
    problem: str


async def sessions(db: AsyncSession, *, limit: int = 100) -> Sequence[Session]:
    """The newest days first; withdrawn ones too."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(SettlementSessionRow)
        .order_by(col(SettlementSessionRow.day).desc(), col(SettlementSessionRow.loaded_at).desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    found = list(rows.all())
    counts = await _counts(db, [row.id for row in found])
    return [_session(row, *counts.get(row.id, (0, 0))) for row in found]


async def session(db: AsyncSession, session_id: UUID) -> Session:
    """Raises: SessionUnknown."""
    row = await db.get(SettlementSessionRow, session_id, populate_existing=True)
    if row is None:
        raise SessionUnknown(session_id)
    counts = await _counts(db, [session_id])
    return _session(row, *counts.get(session_id, (0, 0)))


async def approve(db: AsyncSession, session_id: UUID, *, by: UUID, now: datetime) -> Session:
    """The first or the second approval stands; with the second the session is APPROVED.

    One person twice is one approval: the first again changes nothing.
    Raises: SessionUnknown, SessionNotReady; SamePerson for the second by the first's person.
    """
    row = await _locked(db, session_id)
    if row.state == SessionState.APPROVED and by in (row.first_by, row.approved_by):
        return await session(db, session_id)
    if row.state != SessionState.RECONCILED:
        raise SessionNotReady(session_id, row.state, "approved")
    if row.first_by == by:
        raise SamePerson(session_id)
    if row.first_by is None:
        row.first_by, row.first_at = by, now
    else:
        row.approved_by, row.approved_at = by, now
        row.state = SessionState.APPROVED.value
    await _moved(db, row, "approved" if row.approved_by else "approved_once", by, now)
    return await session(db, session_id)


async def take_back(db: AsyncSession, session_id: UUID, *, by: UUID, now: datetime) -> Session:
    """The first approval no longer stands; possible until the second. Repeatable.

    Raises: SessionUnknown, SessionNotReady.
    """
    row = await _locked(db, session_id)
    if row.state != SessionState.RECONCILED:
        raise SessionNotReady(session_id, row.state, "taken back")
    if row.first_by is not None:
        row.first_by = row.first_at = None
        await _moved(db, row, "taken_back", by, now)
    return await session(db, session_id)


async def withdraw(
    db: AsyncSession, session_id: UUID, *, by: UUID, reason: str, now: datetime
) -> Session:
    """The file does not count; another one of that day may be loaded. Repeatable.

    Raises: SessionUnknown; SessionNotReady once it is approved, or while a decision about one of
    its differences moved money: take that back first.
    """
    row = await _locked(db, session_id)
    if row.state == SessionState.WITHDRAWN:
        return await session(db, session_id)
    connection = await db.connection()
    if (await connection.execute(_MOVED, {"session": session_id})).first() is not None:
        raise SessionNotReady(session_id, "decided upon", "withdrawn")
    if row.state not in (SessionState.LOADED, SessionState.CHECKED, SessionState.RECONCILED):
        raise SessionNotReady(session_id, row.state, "withdrawn")
    row.state = SessionState.WITHDRAWN.value
    row.problem = reason[:REASON_LENGTH_MAX]
    await _moved(db, row, "withdrawn", by, now)
    return await session(db, session_id)


async def note_problem(db: AsyncSession, session_id: UUID, problem: str) -> None:
    """Why instructing stopped; empty once it went on."""
    row = await _locked(db, session_id)
    row.problem = problem[:REASON_LENGTH_MAX]
    db.add(row)
    await db.flush()


async def _locked(db: AsyncSession, session_id: UUID) -> SettlementSessionRow:
    row = await db.get(
        SettlementSessionRow, session_id, with_for_update=True, populate_existing=True
    )
    if row is None:
        raise SessionUnknown(session_id)
    return row


async def _moved(
    db: AsyncSession, row: SettlementSessionRow, what: str, by: UUID | None, now: datetime
) -> None:
    """Each step is a fact: who, when, what."""
    db.add(row)
    await db.flush()
    facts: dict[str, Any] = {
        "acquirer": row.acquirer,
        "day": row.day.isoformat(),
        "by": None if by is None else str(by),
        "net_vnd": row.net_vnd,
        "state": row.state,
    }
    await events.append(db, f"session.{what}", None, row.id, facts, now)


async def _counts(db: AsyncSession, ids: list[UUID]) -> dict[UUID, tuple[int, int]]:
    connection = await db.connection()
    rows = await connection.execute(_COUNTS, {"ids": ids})
    return {row.session_id: (row.open_count, int(row.held_vnd)) for row in rows}


_COUNTS = text("""
SELECT session_id, count(*) FILTER (WHERE state <> 'resolved') AS open_count,
       COALESCE(sum(held_vnd) FILTER (WHERE released_in IS NULL), 0) AS held_vnd
FROM payments.difference WHERE session_id = ANY (:ids) GROUP BY session_id
""")
# Decisions lock the session in the same way, so none comes in between.
_MOVED = text("""
SELECT 1 FROM payments.difference
WHERE session_id = :session AND class = 'amount_mismatch'
  AND (resolution = 'accept' OR state = 'resolving') LIMIT 1
""")


def _session(row: SettlementSessionRow, difference_count: int, held_vnd: int) -> Session:
    named = {name: getattr(row, name) for name in Session.__struct_fields__ if name in _STORED}
    return Session(
        **named | {"state": SessionState(row.state)},
        difference_count=difference_count,
        held_vnd=held_vnd,
    )


_STORED = frozenset(SettlementSessionRow.model_fields)
