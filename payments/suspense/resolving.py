"""A person decides about waiting money: planned in one transaction, posted by the ledger, finished.

Planning takes the owner's cases under one lock, so of two people one is told to look again.
Posting is known by the decision's id: told again it changes nothing, so a plan that was cut off is
simply carried out by the next who sees it. Finishing writes down what became of it.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments import checkout
from payments.errors import PaymentNotOpen, PaymentUnknown
from payments.ledger.items import Fact
from payments.ledger.transfer import Outcome
from payments.ledger.writer import Ledger
from payments.payment import WAITING, Payment, PaymentState
from payments.suspense import reading
from payments.suspense.errors import CaseMoved, CasePartsWrong, CaseUnknown, PaymentAssigned
from payments.suspense.moves import (
    PARTS_MAX,
    REASON_LENGTH_MAX,
    SHARES_MAX,
    Case,
    Decision,
    Part,
    Share,
    accounts_of,
    orders_of,
    sale_id_of,
)
from payments.suspense.tables import AuditRow, CaseRow, DecisionRow, TargetRow

PLANNED_COUNT_MAX = 100
LOCK_CLASS = 20_261_124
"""Advisory locks of this class, one an owner: decisions about money of one owner take turns."""
RESOLVED, UNDONE = "suspense.resolved", "suspense.undone"
"""Kinds of events."""
_STANDS = {Outcome.POSTED, Outcome.ALREADY_POSTED}


class Resolve(msgspec.Struct, frozen=True, kw_only=True):
    """Say what the money of a case was for. The parts give all of it away.

    `decision_id` is made anew for each try; the case's version is what makes it happen once.
    """

    decision_id: UUID
    receipt_id: UUID
    version: int
    parts: tuple[Part, ...]
    decided_by: UUID
    reason: str = ""


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """Say that the decision about a case was wrong: all of it is taken back."""

    decision_id: UUID
    receipt_id: UUID
    version: int
    decided_by: UUID
    reason: str = ""


# ── Planning ────────────────────────────────────────────────────────────────────────────────────


async def plan(db: AsyncSession, command: Resolve, *, now: datetime) -> Decision:
    """The decision is written down; `carry_out` moves the money once this is committed.

    A payment that it assigns to stops waiting: what was left open of it is cancelled. Money that
    had come short for that payment goes with it. The same decision twice is planned once.
    Raises: CaseUnknown, CaseMoved, CasePartsWrong, PaymentUnknown, PaymentNotOpen, PaymentAssigned.
    """
    first = await _locked(db, command.receipt_id)
    repeated = await _repeated(db, first, command)
    if repeated is not None:
        return repeated
    _check_free(first, command.version)
    parts = [
        await _part(db, first, part, sale_id_of(command.decision_id, index), now)
        for index, part in enumerate(sorted(command.parts, key=_locked_in_order))
    ]
    paid = [one.target_id for one in parts if one.kind == "payment" and one.target_id]
    shares = await _shares(db, first, paid)
    parts = _filled(parts, shares)
    _check(shares, parts, command.reason)
    decision = Decision(
        id=command.decision_id,
        owner_id=first.owner_id,
        undoes_id=None,
        state="planned",
        outcome="",
        decided_by=command.decided_by,
        reason=command.reason,
        shares=tuple(
            Share(
                receipt_id=one.receipt_id,
                amount_vnd=one.amount_vnd,
                version=one.version,
                outcome=one.outcome,
            )
            for one in shares
        ),
        parts=tuple(parts),
        occurred_at=max(one.occurred_at for one in shares),
        decided_at=now,
    )
    await _write(db, decision)
    for payment_id in paid:
        await _take(db, payment_id, decision)
    return decision


async def plan_undo(db: AsyncSession, command: Undo, *, now: datetime) -> Decision:
    """The taking back is written down; `carry_out` moves the money once this is committed.

    Raises: CaseUnknown; CaseMoved where it is not resolved, or by another decision by now.
    """
    known = await _locked(db, command.receipt_id)
    if known.state != "resolved" or known.version != command.version or known.decision_id is None:
        raise CaseMoved(command.receipt_id, known.state)
    row = await db.get(DecisionRow, known.decision_id)
    assert row is not None
    undone = _decision(row)
    decision = msgspec.structs.replace(
        undone,
        id=command.decision_id,
        undoes_id=undone.id,
        state="planned",
        decided_by=command.decided_by,
        reason=command.reason[:REASON_LENGTH_MAX],
        decided_at=now,
        shares=tuple(
            msgspec.structs.replace(one, version=one.version + 1) for one in undone.shares
        ),
    )
    await _write(db, decision)
    return decision


def _locked_in_order(part: Part) -> tuple[bool, UUID]:
    """Payments by id, as the ledger locks them, then the rest."""
    return part.kind != "payment", part.target_id or UUID(int=0)


async def _repeated(db: AsyncSession, known: Case, command: Resolve) -> Decision | None:
    """The decision that stands, if it is this very one: a second tap, or an answer that was lost."""
    if known.decision_id is None or known.version != command.version + 1:
        return None
    row = await db.get(DecisionRow, known.decision_id)
    assert row is not None
    decision = _decision(row)
    same = decision.undoes_id is None and decision.decided_by == command.decided_by
    return decision if same and _meant(command.parts) == _meant(decision.parts) else None


def _meant(parts: Sequence[Part]) -> set[tuple[str, UUID | None]]:
    """What parts say, without what is filled in."""
    return {(one.kind, one.target_id if one.kind == "payment" else None) for one in parts}


async def _part(db: AsyncSession, first: Case, part: Part, sale_id: UUID, now: datetime) -> Part:
    """The part as it is stored; a payment it names waits no longer."""
    if part.kind == "sale":
        return msgspec.structs.replace(part, target_id=sale_id)
    if part.kind != "payment":
        return msgspec.structs.replace(part, target_id=None, place_id=None)
    payment = await _ended(db, first, part, now)
    return msgspec.structs.replace(
        part,
        place_id=payment.place_id,
        is_charge=payment.purpose == "charge",
        amount_vnd=payment.amount_vnd,
    )


async def _ended(db: AsyncSession, first: Case, part: Part, now: datetime) -> Payment:
    """The payment, which takes no money any more: from here on only this decision completes it."""
    payment = await checkout.payment(db, part.target_id) if part.target_id else None
    if payment is None or payment.owner_id != first.owner_id or payment.purpose == "test":
        raise PaymentUnknown(part.target_id or first.receipt_id)
    if payment.state in WAITING:
        payment = await checkout.cancel_payment(db, payment.id, now=now)
    if payment.state is PaymentState.SETTLED:
        raise PaymentNotOpen(payment.id, payment.state)
    return payment


async def _shares(db: AsyncSession, first: Case, paid: Sequence[UUID]) -> list[Case]:
    """The case, and the money that had come short for the payments it is assigned to."""
    found = await reading.cases_of(db, [first.receipt_id], paid)
    return [one for one in found if one.receipt_id == first.receipt_id or one.state == "open"]


def _filled(parts: Sequence[Part], shares: Sequence[Case]) -> list[Part]:
    """A part without an amount takes what the others leave, and is dropped where that is nothing."""
    total_vnd = sum(one.amount_vnd for one in shares)
    left_vnd = total_vnd - sum(one.amount_vnd for one in parts)
    return [
        msgspec.structs.replace(one, amount_vnd=left_vnd) if one.amount_vnd == 0 else one
        for one in parts
        if one.amount_vnd or left_vnd
    ]


def _check(shares: Sequence[Case], parts: Sequence[Part], reason: str) -> None:
    total_vnd = sum(one.amount_vnd for one in shares)
    given_vnd = sum(one.amount_vnd for one in parts)
    targets = [one.target_id for one in parts if one.target_id]
    wrong = (
        not 0 < len(parts) <= PARTS_MAX
        or len(shares) > SHARES_MAX
        or given_vnd != total_vnd
        or any(one.amount_vnd <= 0 for one in parts)
        or any(one.kind == "sale" and one.place_id is None for one in parts)
        or len(set(targets)) != len(targets)
        or len(reason) > REASON_LENGTH_MAX
        or (not reason.strip() and any(one.kind == "ignored" for one in parts))
    )
    if wrong:
        raise CasePartsWrong(shares[0].receipt_id, has_vnd=total_vnd, given_vnd=given_vnd)


def _check_free(known: Case, version: int) -> None:
    if known.state != "open" or known.version != version:
        raise CaseMoved(known.receipt_id, known.state)


async def _locked(db: AsyncSession, receipt_id: UUID) -> Case:
    """The case; nobody else decides about money of its owner until the transaction ends."""
    known = await reading.case(db, receipt_id)
    if known is None:
        raise CaseUnknown(receipt_id)
    await _lock(db, known.owner_id)
    again = await reading.case(db, receipt_id)
    if again is None:  # the rest of its payment came meanwhile
        raise CaseMoved(receipt_id, "resolved")
    return again


async def _lock(db: AsyncSession, owner_id: UUID) -> None:
    connection = await db.connection()
    await connection.execute(_LOCK, {"class": LOCK_CLASS, "owner_id": str(owner_id)})


async def _take(db: AsyncSession, payment_id: UUID, decision: Decision) -> None:
    taken = await db.exec(
        insert(TargetRow)
        .values(payment_id=payment_id, owner_id=decision.owner_id, decision_id=decision.id)
        .on_conflict_do_nothing()
        .returning(col(TargetRow.payment_id))
    )
    if taken.scalar_one_or_none() is None:
        raise PaymentAssigned(payment_id)


async def _write(db: AsyncSession, decision: Decision) -> None:
    db.add(
        DecisionRow(
            **{
                name: getattr(decision, name)
                for name in DecisionRow.model_fields
                if name not in {"shares", "parts"}
            },
            shares=msgspec.to_builtins(decision.shares),
            parts=msgspec.to_builtins(decision.parts),
        )
    )
    await db.flush()
    await _point(db, decision.owner_id, decision.shares, decision.id)


async def _point(
    db: AsyncSession, owner_id: UUID, shares: Sequence[Share], decision_id: UUID | None
) -> None:
    """The cases follow this decision, or none, and are a version further."""
    for share in shares:
        put = insert(CaseRow).values(
            receipt_id=share.receipt_id, owner_id=owner_id, version=1, decision_id=decision_id
        )
        changed = {"decision_id": decision_id, "version": col(CaseRow.version) + 1}
        await db.exec(put.on_conflict_do_update(index_elements=["receipt_id"], set_=changed))


# ── Carrying out ────────────────────────────────────────────────────────────────────────────────


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


async def finish(
    db: AsyncSession, decision_id: UUID, outcomes: Sequence[Outcome], *, now: datetime
) -> Decision:
    """Write down what became of a decision that was carried out. Repeatable.

    What the ledger refused leaves the cases as they were before.
    """
    row = await db.get(DecisionRow, decision_id)
    assert row is not None
    await _lock(db, row.owner_id)
    await db.refresh(row)
    if row.state != "planned":
        return _decision(row)
    stands = all(one in _STANDS for one in outcomes)
    refused = [one for one in outcomes if one not in _STANDS and one is not Outcome.LINKED_FAILED]
    row.state = "posted" if stands else "refused"
    row.outcome = "" if stands else str((refused or outcomes)[0])
    db.add(row)
    decision = _decision(row)
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
    return [_decision(row) for row in rows.all()]


async def decision(db: AsyncSession, decision_id: UUID) -> Decision | None:
    """One decision as it stands."""
    row = await db.get(DecisionRow, decision_id, populate_existing=True)
    return None if row is None else _decision(row)


async def _reopen(db: AsyncSession, done: Decision) -> None:
    """What was decided before is undone: the cases wait again, the payments are free again."""
    assert done.undoes_id is not None
    undone = await db.get(DecisionRow, done.undoes_id)
    assert undone is not None
    undone.state = "undone"
    db.add(undone)
    await db.exec(delete(TargetRow).where(col(TargetRow.decision_id) == done.undoes_id))
    await _point(db, done.owner_id, done.shares, None)


async def _restore(db: AsyncSession, refused: Decision) -> None:
    """As before it was planned: open, or by the decision that was to be undone."""
    if refused.undoes_id is None:
        await db.exec(delete(TargetRow).where(col(TargetRow.decision_id) == refused.id))
    await _point(db, refused.owner_id, refused.shares, refused.undoes_id)


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


def _decision(row: DecisionRow) -> Decision:
    fields = {name: getattr(row, name) for name in DecisionRow.model_fields}
    return msgspec.convert(
        fields | {"shares": row.shares, "parts": row.parts}, Decision, strict=False
    )


_LOCK = text("SELECT pg_advisory_xact_lock(:class, hashtext(:owner_id))")
