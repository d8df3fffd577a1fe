"""Settlement sessions on their way: fees into the ledger, instructions out, credits seen, differences
resolved. The platform never holds a buyer's money: it tells the acquirer whom to pay.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids, outbox
from market.db import Database
from market.flows.context import Context, Event
from market.flows.ledgers import ledger_of
from payments import clearing, suspense
from payments.clearing import PostingRefused
from payments.reconciliation import Resolution, kept, resolving
from payments.suspense.moves import IGNORED

INSTRUCT, CONFIRM = "instruct_session", "confirm_payout"
_STANDS = {payments.Outcome.POSTED, payments.Outcome.ALREADY_POSTED}
_MAY_BE_A_CREDIT = frozenset({"unmatched", "suggested", "foreign_code"})


# ── Approving and instructing ───────────────────────────────────────────────────────────────────


async def approve(
    db: AsyncSession, session_id: UUID, *, by: UUID, now: datetime
) -> clearing.Session:
    """One more approval; with the second one the acquirer's instructions are asked for.

    Raises: SessionUnknown, SessionNotReady, SamePerson.
    """
    session = await clearing.approve(db, session_id, by=by, now=now)
    if session.state is clearing.SessionState.APPROVED:
        await outbox.enqueue(db, INSTRUCT, {"session_id": str(session_id)}, now)
    return session


async def instruct_session(context: Context, arguments: dict[str, Any]) -> None:
    """Job: an approved session's fees are in the ledger, then its payouts stand. Safe to repeat.

    Raises: PostingRefused, kept with the session for a person.
    """
    session_id = UUID(arguments["session_id"])
    async with context.database.as_system() as db:
        session = await clearing.session(db, session_id)
        if session.state is not clearing.SessionState.APPROVED:
            return
        await clearing.freeze(db, session_id)
    try:
        async with ledger_of(context) as ledger:
            await post_fees(context.database, ledger, session_id)
    except PostingRefused as refused:
        async with context.database.as_system() as db:
            await clearing.note_problem(db, session_id, str(refused))
        raise
    async with context.database.as_system() as db:
        await clearing.instruct(db, session_id, now=context.now())


async def post_fees(database: Database, ledger: payments.Ledger, session_id: UUID) -> None:
    """Every fee and adjustment of the session's rows is in the ledger, once.

    Raises: PostingRefused.
    """
    async with database.as_system() as db:
        rows = await clearing.released_rows(db, session_id)
    await _post(ledger, rows)
    after = 0
    while True:
        async with database.as_system() as db:
            rows = await clearing.payable_rows(db, session_id, after=after)
        if not rows:
            return
        await _post(ledger, rows)
        after = rows[-1].seq


async def _post(ledger: payments.Ledger, rows: Sequence[clearing.PayableRow]) -> None:
    moves = [(row, move) for row in rows for move in clearing.transfers_of(row)]
    opening = {name for row, _ in moves for name in clearing.accounts_of(row)}
    outcomes = await ledger.post(*(move for _, move in moves), opening=tuple(opening))
    for (row, _), outcome in zip(moves, outcomes, strict=True):
        if outcome not in _STANDS:
            raise PostingRefused(f"row {row.seq}", outcome)


# ── Credits ─────────────────────────────────────────────────────────────────────────────────────


async def receipt_recorded(db: AsyncSession, event: Event, now: datetime) -> None:
    """Reaction: money that matched no sale may be the acquirer's credit for a session."""
    data = event.data
    if data["outcome"] not in _MAY_BE_A_CREDIT or event.owner_id is None:
        return
    if clearing.REFERENCE_PREFIX not in data.get("memo", "").upper():
        return
    waiting = await clearing.awaited(db, event.owner_id)
    payout = clearing.payout_in(data["memo"], data["amount_vnd"], waiting)
    if payout is not None:
        arguments = {
            "session_id": str(payout.session_id),
            "owner_id": str(payout.owner_id),
            "receipt_id": str(data["receipt_id"]),
        }
        await outbox.enqueue(db, CONFIRM, arguments, now)


async def confirm_payout(context: Context, arguments: dict[str, Any]) -> None:
    """Job: the notice of a credit confirms a payout."""
    async with ledger_of(context) as ledger:
        await confirm(
            context.database,
            ledger,
            UUID(arguments["session_id"]),
            UUID(arguments["owner_id"]),
            receipt_id=UUID(arguments["receipt_id"]),
            by=None,
            now=context.now(),
        )


async def confirm(
    database: Database,
    ledger: payments.Ledger,
    session_id: UUID,
    owner_id: UUID,
    *,
    receipt_id: UUID | None,
    by: UUID | None,
    now: datetime,
) -> clearing.Payout:
    """What the acquirer owed lies on the vendor's account. Safe to repeat.

    With `receipt_id` the money of that notice leaves suspense for it; without, `by` saw the credit.
    Raises: PayoutUnknown, PostingRefused, CaseRefused.
    """
    async with database.as_system() as db:
        session = await clearing.session(db, session_id)
        payout = await clearing.payout_of(db, session_id, owner_id)
        bank = await clearing.bank_account_of(db, owner_id)
    if payout.state == "confirmed":
        return payout
    if receipt_id is None:
        source, at = bank, now
    else:
        decided_by = by or session.approved_by
        assert decided_by is not None
        source, at = await _out_of_suspense(database, ledger, receipt_id, decided_by, payout, now)
    if source is None:
        raise PostingRefused("the payout", "the vendor has no bank account")
    order = clearing.payout_transfer(payout, source, at)
    (outcome,) = await ledger.post(order, opening=(source,))
    if outcome not in _STANDS and outcome is not payments.Outcome.ID_REUSED:
        raise PostingRefused("the payout", outcome)
    async with database.as_system() as db:
        return await clearing.confirm(
            db, session_id, owner_id, receipt_id=receipt_id, by=by, now=now
        )


async def _out_of_suspense(
    database: Database,
    ledger: payments.Ledger,
    receipt_id: UUID,
    by: UUID,
    payout: clearing.Payout,
    now: datetime,
) -> tuple[payments.AccountName, datetime]:
    """The case of the notice is decided as no takings; where its money lies now, and since when."""
    async with database.as_system() as db:
        case = await suspense.case(db, receipt_id)
        if case is None or case.owner_id != payout.owner_id or case.amount_vnd != payout.pay_vnd:
            raise PostingRefused("the payout", "the notice is not of this credit")
        decision = None
        if case.state == "open":
            part = suspense.Part(kind="ignored", amount_vnd=case.amount_vnd)
            command = suspense.Resolve(
                decision_id=ids.new(),
                receipt_id=receipt_id,
                version=case.version,
                parts=(part,),
                decided_by=by,
                reason=f"{payout.acquirer} {payout.day} {payout.reference}",
            )
            decision = await suspense.plan(db, command, now=now)
    if decision is not None:
        outcomes = await suspense.carry_out(ledger, decision)
        async with database.as_system() as db:
            done = await suspense.finish(db, decision.id, outcomes, now=now)
        if done.state == "refused":
            raise suspense.CaseRefused(receipt_id, done.outcome)
    name = payments.AccountName(payout.owner_id, payments.AccountKind.SUSPENSE, IGNORED)
    return name, case.occurred_at


# ── Differences ─────────────────────────────────────────────────────────────────────────────────


async def resolve(
    database: Database,
    ledger: payments.Ledger,
    difference_id: UUID,
    resolution: Resolution,
    *,
    by: UUID,
    reason: str,
    now: datetime,
) -> kept.KeptDifference:
    """What was decided about a difference, carried out, once. Safe to repeat.

    Raises: DifferenceUnknown, ResolutionRefused, PostingRefused; LedgerBusy, LedgerUnavailable.
    """
    async with database.as_system() as db:
        plan = await resolving.begin(db, difference_id, resolution, by=by, reason=reason, now=now)
    if plan.difference.state == "resolved":
        return plan.difference
    settled = None
    if plan.confirmation is not None:
        settled = await ledger.settle(plan.confirmation, receipt_id=ids.new(), now=now)
        if settled.owner_id is None and plan.confirmation.direction == "in":
            await _give_up(database, difference_id, by, now)
            raise PostingRefused("the receipt", "nobody knows whose money it is")
    elif plan.refund is not None:
        try:
            await _give_back(database, ledger, plan, plan.refund, now)
        except (payments.RefundTooLarge, payments.NotRefundable) as refused:
            await _give_up(database, difference_id, by, now)
            raise PostingRefused("the refund", refused.code) from refused
    else:
        await _carry_out(ledger, plan)
    async with database.as_system() as db:
        return await resolving.finish(
            db,
            difference_id,
            now=now,
            owner_id=settled.owner_id if settled else None,
            receipt_id=settled.receipt_id if settled else None,
        )


async def undo(
    database: Database,
    ledger: payments.Ledger,
    difference_id: UUID,
    *,
    by: UUID,
    reason: str,
    now: datetime,
) -> kept.KeptDifference:
    """The difference is open again, and what its resolution moved is moved back. Safe to repeat.

    Raises: as `resolve`.
    """
    async with database.as_system() as db:
        plan = await resolving.undo(db, difference_id, by=by, reason=reason, now=now)
    await _carry_out(ledger, plan)
    async with database.as_system() as db:
        return await resolving.finish(db, difference_id, now=now)


async def _give_up(database: Database, difference_id: UUID, by: UUID, now: datetime) -> None:
    """Nothing could be made of the decision: the difference is open as it was."""
    async with database.as_system() as db:
        await resolving.finish(db, difference_id, now=now)
        await resolving.undo(db, difference_id, by=by, reason="", now=now)
        await resolving.finish(db, difference_id, now=now)


async def _carry_out(ledger: payments.Ledger, plan: resolving.Plan) -> None:
    if not plan.orders:
        return
    owner_id = plan.difference.owner_id
    assert owner_id is not None
    kinds = (payments.AccountKind.FEES, payments.AccountKind.REFUNDS)
    opening = tuple(payments.AccountName(owner_id, kind) for kind in kinds)
    for outcome in await ledger.post(*plan.orders, linked=True, opening=opening):
        if outcome not in _STANDS:
            raise PostingRefused("the resolution", outcome)


async def _give_back(
    database: Database,
    ledger: payments.Ledger,
    plan: resolving.Plan,
    found: payments.AskRefund,
    now: datetime,
) -> None:
    """The acquirer's file is the answer to the refund: the one we asked for and never heard the end
    of, else one that is asked for now. Cut off after this commits, `book_refunds` ends it.

    Raises: PostingRefused; RefundTooLarge, NotRefundable, and then nothing is kept.
    """
    known = plan.difference
    async with database.as_system() as db:
        refund_id = await _open_refund(db, known)
        if refund_id is None:
            refund_id = (await payments.ask_refund(db, found, now=now)).id
        answer = payments.RefundAnswer(
            payments.Answered.CONFIRMED, known.reference, "settlement file"
        )
        refund = await payments.answer_refund(
            db, refund_id, answer, now=now, ask_after=timedelta(0),
            happened_at=resolving.went_back_at(plan),
        )  # fmt: skip
        source_id = await payments.source_of(db, refund)
    outcome = await payments.post_refund(ledger, refund, source_id)
    async with database.as_system() as db:
        await payments.end_refund(db, refund_id, outcome, now=now)
    if outcome not in _STANDS:
        raise PostingRefused("the refund", outcome)


async def _open_refund(db: AsyncSession, known: kept.KeptDifference) -> UUID | None:
    told = {
        "receipt": known.receipt_id,
        "amount": abs(known.theirs_vnd or 0),
        "number": known.reference,
    }
    found: UUID | None = (await db.execute(_OPEN_REFUND, told)).scalar_one_or_none()
    return found


# Or the one this very row answered, where the decision was cut off afterwards.
_OPEN_REFUND = text(
    "SELECT id FROM payments.refund_request WHERE receipt_id = :receipt AND amount_vnd = :amount"
    " AND (state IN ('asked', 'unknown', 'sent') OR refund_no = :number)"
    " ORDER BY refund_no = :number DESC, asked_at LIMIT 1"
)
