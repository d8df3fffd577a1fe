"""Money back to a buyer: asked for, sent, and in the ledger once it is known to have gone.

A refund is reserved against its original before anybody outside hears of it (`refund_limit`), so
that all of them together never exceed what came, whoever races; the ledger's own rule stands
behind it. Before a request leaves, its row says UNKNOWN: whatever happens then, the acquirer is
asked how it ended and nothing is sent twice by guess.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments import events
from payments.errors import CodeTaken
from payments.ledger.accounts import AccountKind, AccountName
from payments.ledger.items import Fact
from payments.ledger.orders import Refund
from payments.ledger.transfer import Outcome, Transfer, TransferKind
from payments.ledger.writer import Ledger
from payments.refund import (
    FINAL,
    REASON_LENGTH_MAX,
    Answered,
    AskRefund,
    Refundable,
    RefundAnswer,
    RefundRequest,
    RefundState,
    after,
)
from payments.refund_errors import (
    NotRefundable,
    RefundFinal,
    RefundIdReused,
    RefundTooLarge,
    RefundUnknown,
)
from payments.refund_reading import cash_refundable, refundable, value_of
from payments.refund_tables import RefundLimitRow, RefundRequestRow
from payments.suspense.moves import REFUND_DUE


async def ask_refund(db: AsyncSession, command: AskRefund, *, now: datetime) -> RefundRequest:
    """The refund stands and its amount is reserved. The same command again returns what stands.

    `command.receipt_id` names what came; see `refundable` for what is left of it.
    Raises: NotRefundable, RefundTooLarge, RefundIdReused, CodeTaken.
    """
    known = await _row(db, command.id)
    if known is not None:
        return _same(known, command)
    try:
        target = await _target(db, command)
        await _lock_limit(db, target)
    except RefundTooLarge:
        known = await _row(db, command.id)  # the same request, faster, may have taken what was left
        if known is None:
            raise
        return _same(known, command)
    known = await _row(db, command.id)
    if known is not None:
        return _same(known, command)
    target = await _target(db, command)  # as it is now that nobody else can change it
    road = command.road or target.road
    code = command.code if road == "direct" else ""
    if code and await _is_taken(db, target.owner_id, code):
        raise CodeTaken(code)
    await _reserve(db, target, command.amount_vnd)
    row = RefundRequestRow(
        id=command.id,
        owner_id=target.owner_id,
        place_id=target.place_id,
        payment_id=target.payment_id,
        receipt_id=target.receipt_id,
        original_id=target.original_id,
        is_held=target.is_held,
        road=road,
        gateway=target.gateway,
        provider_ref=target.provider_ref,
        provider_no=target.provider_no,
        captured_vnd=target.captured_vnd,
        amount_vnd=command.amount_vnd,
        reason=" ".join(command.reason.split())[:REASON_LENGTH_MAX],
        asked_by=command.asked_by,
        code=code,
        to_bank_bin=command.to_bank_bin,
        to_account_no=command.to_account_no,
        to_name=command.to_name,
        asked_at=now,
        ask_from=now,
    )
    db.add(row)
    await db.flush()
    await _tell(db, row, "asked", now)
    return value_of(row)


async def withdraw_refund(db: AsyncSession, refund_id: UUID, *, now: datetime) -> RefundRequest:
    """Nobody wants it any more; possible until something has left.

    Raises: RefundUnknown, RefundFinal.
    """
    row = await _locked(db, refund_id)
    if row.state != RefundState.ASKED or row.asked_count:
        raise RefundFinal(refund_id, row.state)
    row.detail = "withdrawn"
    await _refuse(db, row, now)
    return value_of(row)


async def claim_refunds(
    db: AsyncSession, *, now: datetime, ask_after: timedelta, limit: int = 20
) -> Sequence[RefundRequest]:
    """Refunds to send to their acquirers now, oldest first; once this commits they are UNKNOWN.

    Of one payment only one is under way at a time: an acquirer refuses the second meanwhile.
    """
    ids = (await (await db.connection()).execute(_CLAIM, {"now": now, "limit": limit})).scalars()
    claimed = []
    for refund_id in ids.all():
        row = await _locked(db, refund_id)
        row.state, row.sent_at, row.detail = RefundState.UNKNOWN.value, now, ""
        row.ask_from, row.asked_count = now + ask_after, row.asked_count + 1
        db.add(row)
        claimed.append(value_of(row))
    await db.flush()
    return claimed


async def answer_refund(
    db: AsyncSession,
    refund_id: UUID,
    answer: RefundAnswer,
    *,
    now: datetime,
    ask_after: timedelta,
    problem: str = "",
    happened_at: datetime | None = None,
) -> RefundRequest:
    """What follows from an acquirer's word. A confirmed refund still has to be booked.

    `happened_at`: when the money went back, where that is known; else it is now.
    Raises: RefundUnknown.
    """
    row = await _locked(db, refund_id)
    if row.state in FINAL:
        if answer.kind is Answered.REFUSED and row.state == RefundState.DONE:
            row.problem = row.problem or f"said done, now {answer.detail}"
            db.add(row)
            await db.flush()
        return value_of(row)
    before = RefundState(row.state)
    state = after(before, answer.kind, was_answered=bool(row.detail))
    row.refund_no = answer.refund_no or row.refund_no
    row.detail = answer.detail or row.detail
    row.problem = problem or row.problem
    row.ask_from = now + ask_after if state is not RefundState.ASKED else now
    if answer.kind is Answered.CONFIRMED and row.confirmed_at is None:
        row.confirmed_at = happened_at or now
    if state is RefundState.REFUSED:
        await _refuse(db, row, now)
        return value_of(row)
    row.state = state.value
    db.add(row)
    await db.flush()
    if state is not before:
        await _tell(db, row, state.value, now)
    return value_of(row)


async def say_sent(db: AsyncSession, refund_id: UUID, *, now: datetime) -> RefundRequest:
    """The vendor says that the money went back. Cash has; of a transfer the bank's notice must show it.

    Raises: RefundUnknown; RefundFinal where it has ended or is neither cash nor a guided transfer.
    """
    row = await _locked(db, refund_id)
    if row.road == "cash" and row.state not in FINAL:
        row.sent_at = row.sent_at or now
        handed = RefundAnswer(Answered.CONFIRMED)
        return await answer_refund(db, refund_id, handed, now=now, ask_after=timedelta(0))
    if row.road != "direct" or row.state in FINAL:
        raise RefundFinal(refund_id, row.state)
    if row.state == RefundState.ASKED:
        row.state, row.sent_at = RefundState.SENT.value, now
        db.add(row)
        await db.flush()
        await _tell(db, row, "sent", now)
    return value_of(row)


async def match_outgoing(
    db: AsyncSession,
    owner_id: UUID,
    codes: Iterable[str],
    amount_vnd: int,
    refund_no: str,
    *,
    now: datetime,
) -> RefundRequest | None:
    """The guided transfer an outgoing notice shows, by its code; confirmed where the amount fits.

    Another amount is a problem for a person, never a refund of that other amount.
    """
    rows = await db.exec(
        select(RefundRequestRow)
        .where(
            RefundRequestRow.owner_id == owner_id,
            RefundRequestRow.road == "direct",
            col(RefundRequestRow.code).in_(list(codes)),
            col(RefundRequestRow.state).in_(("asked", "sent")),
            col(RefundRequestRow.confirmed_at).is_(None),
        )
        .order_by(col(RefundRequestRow.asked_at))
        .limit(1)
        .with_for_update()
    )
    row = rows.one_or_none()
    if row is None:
        return None
    told = RefundAnswer(Answered.CONFIRMED, refund_no, str(amount_vnd))
    if row.amount_vnd != amount_vnd:
        row.problem = f"the bank shows {amount_vnd} đ"
        db.add(row)
        await db.flush()
        await _tell(db, row, "problem", now)
        return value_of(row)
    row.sent_at, row.problem = row.sent_at or now, ""
    return await answer_refund(db, row.id, told, now=now, ask_after=timedelta(0))


async def note_problem(
    db: AsyncSession, refund_id: UUID, problem: str, *, now: datetime
) -> RefundRequest:
    """A person has to look at it; an empty problem says that one did, and it goes on.

    Raises: RefundUnknown.
    """
    row = await _locked(db, refund_id)
    if row.problem != problem:
        row.problem = problem
        db.add(row)
        await db.flush()
        await _tell(db, row, "problem" if problem else "looked_at", now)
    return value_of(row)


async def post_refund(ledger: Ledger, refund: RefundRequest, source_id: UUID) -> Outcome:
    """The ledger has a confirmed refund, once, with its event `refund.done`.

    Its id is the transfer's, so that a repeat is ALREADY_POSTED. Tell `end_refund` the outcome.
    `source_id`: see `source_of`.
    """
    assert refund.confirmed_at is not None
    place = REFUND_DUE if refund.is_held else ""
    kind = AccountKind.SUSPENSE if refund.is_held else AccountKind.REFUNDS
    account = AccountName(refund.owner_id, kind, place)
    order: Refund | Transfer
    if refund.is_held:  # it never was takings: out of suspense, where it was put for this
        order = Transfer(
            id=refund.id,
            owner_id=refund.owner_id,
            debit_id=account.id,
            credit_id=source_id,
            amount_vnd=refund.amount_vnd,
            kind=TransferKind.OTHER,
            occurred_at=refund.confirmed_at,
            subject_id=refund.receipt_id,
        )
    else:
        order = Refund(
            id=refund.id,
            owner_id=refund.owner_id,
            original_id=refund.original_id,
            amount_vnd=refund.amount_vnd,
            occurred_at=refund.confirmed_at,
        )
    fact = Fact("refund.done", refund.owner_id, refund.id, _facts(refund), refund.confirmed_at)
    (outcome,) = await ledger.post(order, opening=(account,), facts=(fact,))
    return outcome


async def end_refund(
    db: AsyncSession, refund_id: UUID, outcome: Outcome, *, now: datetime
) -> RefundRequest:
    """DONE where the ledger has it; else the ledger's word is a problem, and it is tried again."""
    row = await _locked(db, refund_id)
    if row.state in FINAL:
        return value_of(row)
    if outcome in {Outcome.POSTED, Outcome.ALREADY_POSTED}:
        row.state, row.ended_at, row.problem = RefundState.DONE.value, now, ""
    elif row.problem != f"ledger: {outcome}":
        row.problem = f"ledger: {outcome}"
        await _tell(db, row, "problem", now)
    db.add(row)
    await db.flush()
    return value_of(row)


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


async def _target(db: AsyncSession, command: AskRefund) -> Refundable:
    """What of the receipt's money the command means: takings first."""
    if command.road == "cash":
        found = await cash_refundable(db, command.owner_id, command.receipt_id)
    else:
        found = await refundable(db, receipt_id=command.receipt_id)
    own = [
        one
        for one in found
        if one.owner_id == command.owner_id
        and command.is_held in (None, one.is_held)
        and command.payment_id in (None, one.payment_id)
    ]
    if not own:
        raise NotRefundable(command.receipt_id, "nothing came by it")
    if command.road == "acquired" and own[0].road != "acquired":
        raise NotRefundable(command.receipt_id, "no acquirer took it")
    for one in own:
        if 0 < command.amount_vnd <= one.left_vnd:
            return one
    raise RefundTooLarge(command.amount_vnd, left_vnd=max(one.left_vnd for one in own))


async def _lock_limit(db: AsyncSession, target: Refundable) -> None:
    """One at a time per original; what the ledger gave back already counts from the start."""
    await db.exec(
        insert(RefundLimitRow)
        .values(
            original_id=target.original_id,
            owner_id=target.owner_id,
            amount_vnd=target.original_vnd,
            asked_vnd=target.gone_vnd,
        )
        .on_conflict_do_nothing()
    )
    await db.exec(
        select(RefundLimitRow)
        .where(RefundLimitRow.original_id == target.original_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )


async def _reserve(db: AsyncSession, target: Refundable, amount_vnd: int) -> None:
    limit = await db.get_one(RefundLimitRow, (target.original_id, target.owner_id))
    left_vnd = min(target.left_vnd, limit.amount_vnd - limit.asked_vnd)
    if amount_vnd > left_vnd:
        raise RefundTooLarge(amount_vnd, left_vnd=left_vnd)
    limit.asked_vnd += amount_vnd
    db.add(limit)
    await db.flush()


async def _refuse(db: AsyncSession, row: RefundRequestRow, now: datetime) -> None:
    """It ends without money; what it had reserved is free again."""
    limit = await db.get_one(
        RefundLimitRow,
        (row.original_id, row.owner_id),
        with_for_update=True,
        populate_existing=True,
    )
    limit.asked_vnd -= row.amount_vnd
    row.state, row.ended_at = RefundState.REFUSED.value, now
    db.add(limit)
    db.add(row)
    await db.flush()
    await _tell(db, row, "refused", now)


async def _row(db: AsyncSession, refund_id: UUID) -> RefundRequestRow | None:
    return await db.get(RefundRequestRow, refund_id, populate_existing=True)


async def _is_taken(db: AsyncSession, owner_id: UUID, code: str) -> bool:
    other = col(RefundRequestRow.owner_id) == owner_id, col(RefundRequestRow.code) == code
    return (await db.exec(select(RefundRequestRow.id).where(*other))).first() is not None


async def _locked(db: AsyncSession, refund_id: UUID) -> RefundRequestRow:
    row = await db.get(RefundRequestRow, refund_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise RefundUnknown(refund_id)
    return row


def _same(row: RefundRequestRow, command: AskRefund) -> RefundRequest:
    asked = (command.owner_id, command.receipt_id, command.amount_vnd)
    if (row.owner_id, row.receipt_id, row.amount_vnd) != asked:
        raise RefundIdReused(command.id)
    return value_of(row)


def _facts(refund: RefundRequest | RefundRequestRow) -> dict[str, Any]:
    return {
        "refund_id": str(refund.id),
        "owner_id": str(refund.owner_id),
        "place_id": None if refund.place_id is None else str(refund.place_id),
        "payment_id": None if refund.payment_id is None else str(refund.payment_id),
        "receipt_id": str(refund.receipt_id),
        "road": refund.road,
        "gateway": refund.gateway,
        "amount_vnd": refund.amount_vnd,
        "reason": refund.reason,
        "detail": refund.detail,
        "problem": refund.problem,
    }


async def _tell(db: AsyncSession, row: RefundRequestRow, what: str, now: datetime) -> None:
    await events.append(db, f"refund.{what}", row.owner_id, row.id, _facts(row), now)


# Two workers never take one refund, nor two refunds of one payment.
_CLAIM = text("""
SELECT r.id FROM payments.refund_request r
WHERE r.road = 'acquired' AND r.state = 'asked' AND r.ask_from <= :now
  AND NOT EXISTS (
      SELECT FROM payments.refund_request o
      WHERE o.gateway = r.gateway AND o.provider_ref = r.provider_ref AND o.id <> r.id
        AND (o.state IN ('unknown', 'sent') OR (o.state = 'asked' AND o.id < r.id)))
ORDER BY r.asked_at, r.id
LIMIT :limit FOR UPDATE SKIP LOCKED
""")
