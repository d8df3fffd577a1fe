"""A person decides about waiting money: planned in one transaction, posted by the ledger, finished.

Planning takes the owner's cases under one lock, so of two people one is told to look again.
Posting is known by the decision's id: told again it changes nothing, so a plan that was cut off is
simply carried out by the next who sees it. Finishing writes down what became of it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from payments import checkout
from payments.errors import PaymentNotOpen, PaymentUnknown
from payments.payment import WAITING, Payment, PaymentState
from payments.suspense import reading
from payments.suspense.errors import (
    CaseMoved,
    CasePartsWrong,
    CaseRefunded,
    CaseUnknown,
    PaymentAssigned,
)
from payments.suspense.moves import (
    PARTS_MAX,
    REASON_LENGTH_MAX,
    SHARES_MAX,
    Case,
    Decision,
    Part,
    Share,
    sale_id_of,
)
from payments.suspense.storage import decision_of, is_refunded, lock, point
from payments.suspense.tables import DecisionRow, TargetRow


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
        shares=tuple(map(_share, shares)),
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

    Raises: CaseUnknown; CaseMoved where it is not resolved, or by another decision by now;
    CaseRefunded where some of it went back, or a refund of it has left.
    """
    known = await _locked(db, command.receipt_id)
    if known.state != "resolved" or known.version != command.version or known.decision_id is None:
        raise CaseMoved(command.receipt_id, known.state)
    row = await db.get(DecisionRow, known.decision_id)
    assert row is not None
    undone = decision_of(row)
    if await is_refunded(db, undone):
        raise CaseRefunded(command.receipt_id)
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
    decision = decision_of(row)
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
        try:
            payment = await checkout.cancel_payment(db, payment.id, now=now)
        except PaymentNotOpen as ended:  # it expired, or was settled, a moment ago
            payment = msgspec.structs.replace(payment, state=PaymentState(ended.state))
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


def _share(one: Case) -> Share:
    return Share(
        receipt_id=one.receipt_id,
        amount_vnd=one.amount_vnd,
        version=one.version,
        outcome=one.outcome,
    )


def _check_free(known: Case, version: int) -> None:
    if known.state != "open" or known.version != version:
        raise CaseMoved(known.receipt_id, known.state)


async def _locked(db: AsyncSession, receipt_id: UUID) -> Case:
    """The case; nobody else decides about money of its owner until the transaction ends."""
    known = await reading.case(db, receipt_id)
    if known is None:
        raise CaseUnknown(receipt_id)
    await lock(db, known.owner_id)
    again = await reading.case(db, receipt_id)
    if again is None:  # the rest of its payment came meanwhile
        raise CaseMoved(receipt_id, "resolved")
    return again


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
    await point(db, decision.owner_id, decision.shares, decision.id)
