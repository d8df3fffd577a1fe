"""What people decide about differences: planned, carried out in the ledger, kept with who and why.

    plan = await resolving.begin(db, difference_id, Resolution.ACCEPT, by=…, reason=…, now=…)  # commit
    … plan.orders are posted, plan.confirmation is settled: both are known by their ids …
    await resolving.finish(db, difference_id, now=…)                                         # commit

Cut off in between, `begin` with the same resolution gives the same plan again.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import insert
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.clearing.errors import DifferenceUnknown, ResolutionRefused
from payments.clearing.posting import derived_id, toward
from payments.clearing.tables import (
    DifferenceChangeRow,
    DifferenceRow,
    SettlementSessionRow,
)
from payments.confirmation import Confirmation
from payments.ledger.orders import Order, Reversal
from payments.reconciliation.classes import Class, Resolution
from payments.reconciliation.kept import KeptDifference, kept_of
from payments.reconciliation.provider_file import time_of
from payments.refund import AskRefund

REASON_LENGTH_MAX = 200
FOUND_IN_FILE = "Cổng thanh toán đã hoàn"
"""Why money went back, where only the provider's file tells of it."""
UNDO = "undo"
STATEMENT_GATEWAY = "statement"
"""Receipts made from a bank's statement stand under this gateway."""
_NO_REASON_NEEDED = frozenset({Resolution.RECORD, Resolution.WAIT})


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision moves; empty where it moves nothing."""

    difference: KeptDifference
    orders: tuple[Order, ...] = ()
    confirmation: Confirmation | None = None
    refund: AskRefund | None = None
    """Money that went back without our asking: asked for after the fact, and answered by the file."""


async def begin(
    db: AsyncSession,
    difference_id: UUID,
    resolution: Resolution,
    *,
    by: UUID,
    reason: str,
    now: datetime,
) -> Plan:
    """The decision is kept, with what it moves. The same one again: the same plan.

    Raises: DifferenceUnknown; ResolutionRefused where it is decided otherwise, not possible for
    this class, or not explained.
    """
    await _refuse_withdrawn(db, difference_id)
    row = await _locked(db, difference_id)
    if row.state != "open":
        if row.resolution == resolution:
            return _plan(kept_of(row))
        raise ResolutionRefused(difference_id, f"it is decided already ({row.resolution})")
    known = kept_of(row)
    reason = reason.strip()[:REASON_LENGTH_MAX]
    if resolution not in known.resolutions:
        raise ResolutionRefused(difference_id, f"{resolution} is not for {known.class_}")
    if not reason and resolution not in _NO_REASON_NEEDED:
        raise ResolutionRefused(difference_id, "say why")
    if resolution is Resolution.RECORD and known.session_id and _is_nobodys(known):
        raise ResolutionRefused(difference_id, "nobody knows whose money it is")
    before = _facts(row)
    row.state, row.resolution, row.reason = "resolving", resolution.value, reason
    row.resolved_by, row.version = by, row.version + 1
    await _keep(db, row, resolution.value, reason, by, before, now)
    return _plan(kept_of(row))


async def finish(
    db: AsyncSession,
    difference_id: UUID,
    *,
    now: datetime,
    owner_id: UUID | None = None,
    receipt_id: UUID | None = None,
) -> KeptDifference:
    """What was decided is done; the row, if one was held, waits for the next payout. Repeatable."""
    row = await _locked(db, difference_id)
    if row.state == "resolving" and row.resolution == UNDO:
        row.state, row.resolution, row.reason, row.resolved_by = "open", "", "", None
        db.add(row)
        await db.flush()
    elif row.state == "resolving":
        row.state, row.resolved_at = "resolved", now
        row.owner_id = row.owner_id or owner_id
        row.receipt_id = row.receipt_id or receipt_id
        db.add(row)
        await db.flush()
    return kept_of(row)


async def undo(
    db: AsyncSession, difference_id: UUID, *, by: UUID, reason: str, now: datetime
) -> Plan:
    """The plan takes back what was moved; after `finish` the difference is open again.

    A receipt that was made stays: money that came is a fact, and recording it again changes nothing.
    Raises: DifferenceUnknown; ResolutionRefused where nothing was decided, or the row is in a payout.
    """
    row = await _locked(db, difference_id)
    if row.released_in is not None:
        raise ResolutionRefused(difference_id, "it is paid out already")
    if row.state == "resolved":
        before = _facts(row)
        row.state, row.resolution, row.reason = (
            "resolving",
            UNDO,
            reason.strip()[:REASON_LENGTH_MAX],
        )
        row.resolved_by, row.resolved_at = by, None
        row.version += 1
        await _keep(db, row, UNDO, row.reason, by, before, now)
    elif row.resolution != UNDO:
        raise ResolutionRefused(difference_id, "nothing about it is decided yet")
    return Plan(difference=kept_of(row), orders=await _taken_back(db, row))


async def _refuse_withdrawn(db: AsyncSession, difference_id: UUID) -> None:
    """A session that does not count is decided about no more.

    It is locked until the commit, before its difference, as whoever instructs it does.
    """
    row = await db.get(DifferenceRow, difference_id)
    if row is None or row.session_id is None:
        return
    session = await db.get(
        SettlementSessionRow, row.session_id, with_for_update=True, populate_existing=True
    )
    assert session is not None
    if session.state == "withdrawn":
        raise ResolutionRefused(row.id, "its session was withdrawn")


def _is_nobodys(known: KeptDifference) -> bool:
    return known.owner_id is None and known.facts.get("type") != "PAYMENT"


def _plan(known: KeptDifference) -> Plan:
    if known.resolution == Resolution.RECORD:
        return _recorded(known)
    if known.resolution == Resolution.ACCEPT and known.class_ is Class.AMOUNT_MISMATCH:
        assert known.owner_id is not None
        assert known.theirs_vnd is not None
        assert known.ours_vnd is not None
        order = toward(
            known.owner_id,
            known.source,
            known.theirs_vnd - known.ours_vnd,
            id=_accept_id(known, known.version),
            occurred_at=known.opened_at,
            subject_id=known.receipt_id or known.id,
        )
        return Plan(difference=known, orders=(order,))
    return Plan(difference=known)


async def _taken_back(db: AsyncSession, row: DifferenceRow) -> tuple[Order, ...]:
    """The exact mirror of what the decision before moved."""
    change = await db.get(DifferenceChangeRow, (row.id, row.version))
    assert change is not None
    known = kept_of(row)
    was_accepted = change.before["resolution"] == Resolution.ACCEPT
    if not was_accepted or known.class_ is not Class.AMOUNT_MISMATCH or known.owner_id is None:
        return ()
    return (
        Reversal(
            id=derived_id(known.opened_at, known.id, known.version),
            owner_id=known.owner_id,
            original_id=_accept_id(known, known.version - 1),
            occurred_at=known.opened_at,
        ),
    )


def _accept_id(known: KeptDifference, version: int) -> UUID:
    return derived_id(known.opened_at, known.id, version)


def _recorded(known: KeptDifference) -> Plan:
    """The receipt, or the refund, that we never heard of."""
    facts = known.facts
    assert known.theirs_vnd is not None
    if facts.get("type", "PAYMENT") == "PAYMENT":
        return Plan(difference=known, confirmation=_confirmation(known))
    assert known.owner_id is not None
    assert known.receipt_id is not None
    at = time_of(facts["time"])
    refund = AskRefund(
        id=derived_id(at, known.source, known.reference, "refund"),
        owner_id=known.owner_id,
        receipt_id=known.receipt_id,
        amount_vnd=-known.theirs_vnd,
        reason=known.reason or FOUND_IN_FILE,
        asked_by=known.resolved_by,
        road="dispute" if facts["type"] == "CHARGEBACK" else "acquired",
    )
    return Plan(difference=known, refund=refund)


def went_back_at(plan: Plan) -> datetime:
    """When the provider says that the money of this plan's refund left."""
    return time_of(plan.difference.facts["time"])


def _confirmation(known: KeptDifference) -> Confirmation:
    assert known.theirs_vnd is not None
    facts = known.facts
    is_statement = known.session_id is None
    return Confirmation(
        gateway=STATEMENT_GATEWAY if is_statement else known.source,
        provider_id=known.reference,
        amount_vnd=abs(known.theirs_vnd),
        occurred_at=time_of(facts["time"]),
        direction="out" if known.theirs_vnd < 0 else "in",
        reference=facts.get("bank_reference", ""),
        memo=facts.get("memo", ""),
        account_no=known.source if is_statement else "",
        payment_ref=facts.get("txn_ref", "").partition(".")[0],
        detail="statement" if is_statement else "settlement file",
    )


async def _locked(db: AsyncSession, difference_id: UUID) -> DifferenceRow:
    row = await db.get(DifferenceRow, difference_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise DifferenceUnknown(difference_id)
    return row


async def _keep(
    db: AsyncSession,
    row: DifferenceRow,
    action: str,
    reason: str,
    by: UUID,
    before: dict[str, Any],
    now: datetime,
) -> None:
    db.add(row)
    await db.flush()
    await db.exec(
        insert(DifferenceChangeRow).values(
            difference_id=row.id,
            version=row.version,
            owner_id=row.owner_id,
            action=action,
            reason=reason,
            by=by,
            at=now,
            before=before,
            after=_facts(row),
        )
    )


def _facts(row: DifferenceRow) -> dict[str, Any]:
    return {"state": row.state, "resolution": row.resolution, "reason": row.reason}
