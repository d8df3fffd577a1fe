"""A verified confirmation becomes transfers. Pure: decided from what was read, written elsewhere.

`routing` has read what the notice says and whose money it is; `decide` says what the money means. Money that came is always recorded, whatever it means; takings are only what is clear.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

from payments import memo
from payments.ledger.accounts import TEST, AccountKind, AccountName
from payments.ledger.transfer import NO_ID, Transfer, TransferKind
from payments.payment import WAITING, Payment, PaymentState
from payments.routing import Reading, Route

SUGGEST_WITHIN = timedelta(minutes=30)
"""How old an open payment may be that is suggested for its exact amount alone."""


class SettlementOutcome(StrEnum):
    """What one confirmation was found to mean."""

    SETTLED = "settled"
    """The payment is complete, to the đồng."""
    SHORT = "short"
    """Less than asked: it waits in suspense, the payment waits for the rest."""
    OVER = "over"
    """The payment is complete; what is too much lies in suspense."""
    LATE = "late"
    """For a payment that expired or was cancelled: in suspense, a person decides."""
    DUPLICATE_PAYMENT = "duplicate_payment"
    """For a payment that was settled already: in suspense, to be given back."""
    STAND = "stand"
    """By a printed code: a sale of its own, whatever the amount."""
    UNMATCHED = "unmatched"
    """The owner's money, nobody knows what for: in suspense."""
    SUGGESTED = "suggested"
    """As unmatched, with a payment it may have been meant for."""
    FOREIGN_CODE = "foreign_code"
    """It carries another owner's code: in suspense, an alert."""
    OUTGOING = "outgoing"
    """Money left the account: recorded, no transfer."""
    ACCOUNT_UNKNOWN = "account_unknown"
    """No receiving account or payment of ours: recorded, without an owner."""
    FAILED = "failed"
    """The acquirer says that it was not paid: recorded, no transfer."""
    AMOUNT_MISMATCH = "amount_mismatch"
    """An acquirer took another amount than asked: in suspense, an alert, not settled."""
    ALREADY_SEEN = "already_seen"
    """Told before, by this or another source; nothing changed."""
    REFERENCE_REUSED = "reference_reused"
    """Told before with other content; the first stands, an alert."""


COUNTED = frozenset({SettlementOutcome.SETTLED, SettlementOutcome.SHORT, SettlementOutcome.OVER})
"""Outcomes whose money counts towards their payment."""
MOVES_NOTHING = frozenset(
    {SettlementOutcome.OUTGOING, SettlementOutcome.ACCOUNT_UNKNOWN, SettlementOutcome.FAILED}
)
"""Outcomes that are recorded without a transfer."""


class Settled(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What became of a confirmation. For what was seen before: what became of the first."""

    outcome: SettlementOutcome
    receipt_id: UUID
    payment_id: UUID | None = None
    suggested_id: UUID | None = None
    stand_id: UUID | None = None
    owner_id: UUID | None = None
    place_id: UUID | None = None
    amount_vnd: int
    asked_vnd: int = 0
    """What the payment asked for; 0 without one."""
    received_vnd: int = 0
    """What came for the payment in all; without one, 0, or a stand's amount."""


class Move(NamedTuple):
    """One leg pair of a decision."""

    debit: AccountName
    credit: AccountName
    amount_vnd: int
    kind: TransferKind


class Decision(msgspec.Struct, frozen=True, gc=False):
    """What is to be written for one confirmation."""

    outcome: SettlementOutcome
    moves: tuple[Move, ...] = ()
    payment: Payment | None = None
    """The payment after it, where the money counts towards it."""
    suggested_id: UUID | None = None
    booked_vnd: int = 0
    """What became takings by this confirmation."""


def decide(
    reading: Reading,
    routed: Route,
    payment: Payment | None,
    waiting: Iterable[Payment],
    suspense_vnd: int,
) -> Decision:
    """Say what a confirmation means. `payment` is the routed one, as it stands under its lock.

    `waiting` are the owner's payments that still wait, for a suggestion; `suspense_vnd` is what
    the owner's suspense holds.
    """
    told = reading.confirmation
    if told.direction == "out":
        return Decision(SettlementOutcome.OUTGOING)
    if not told.succeeded:
        return Decision(SettlementOutcome.FAILED)
    if routed.owner_id is None:
        return Decision(SettlementOutcome.ACCOUNT_UNKNOWN)
    source = _source(reading, routed.owner_id, routed.payee_id)
    if routed.stand is not None:
        sales = AccountName(routed.owner_id, AccountKind.SALES)
        move = Move(source, sales, told.amount_vnd, TransferKind.STAND_SALE)
        return Decision(SettlementOutcome.STAND, (move,), booked_vnd=told.amount_vnd)
    if payment is not None:
        return _decide_payment(reading, payment, source, suspense_vnd)
    suggested_id = suggest(reading, waiting)
    if routed.is_foreign:
        outcome = SettlementOutcome.FOREIGN_CODE
    elif suggested_id is not None:
        outcome = SettlementOutcome.SUGGESTED
    else:
        outcome = SettlementOutcome.UNMATCHED
    held = _held(source, told.amount_vnd)
    return Decision(outcome, (held,), suggested_id=suggested_id)


def suggest(reading: Reading, waiting: Iterable[Payment]) -> UUID | None:
    """The one waiting payment the money may be for: by a damaged code, else by its exact amount."""
    by_code = {payment.code: payment for payment in waiting}
    code = memo.suggested(memo.find_damaged(reading.confirmation.memo), by_code)
    if code is not None:
        return by_code[code].id
    told = reading.confirmation
    fitting = [
        payment.id
        for payment in by_code.values()
        if payment.missing_vnd == told.amount_vnd
        and payment.opened_at <= told.occurred_at <= payment.opened_at + SUGGEST_WITHIN
    ]
    return fitting[0] if len(fitting) == 1 else None


def accounts_needed(
    reading: Reading, routed: Route, payment: Payment | None
) -> tuple[AccountName, ...]:
    """Every account a decision may touch; they are locked, and opened if missing, before it."""
    told = reading.confirmation
    owner_id = routed.owner_id
    if owner_id is None or told.direction == "out" or not told.succeeded:
        return ()
    names = (
        _source(reading, owner_id, routed.payee_id),
        AccountName(owner_id, AccountKind.SALES),
        AccountName(owner_id, AccountKind.SUSPENSE),
    )
    if payment is None or payment.purpose == "sale":
        return names
    if payment.purpose == "test":
        return (*names, AccountName(owner_id, AccountKind.SUSPENSE, TEST))
    return (*names, AccountName(owner_id, AccountKind.CHARGES))


def transfers(
    decision: Decision, receipt_id: UUID, place_id: UUID | None, occurred_at: datetime
) -> list[Transfer]:
    """The transfers of a decision. Their ids follow from the receipt's: the first one is equal."""
    return [
        Transfer(
            id=UUID(int=receipt_id.int ^ index),
            owner_id=move.debit.owner_id,
            debit_id=move.debit.id,
            credit_id=move.credit.id,
            amount_vnd=move.amount_vnd,
            kind=move.kind,
            occurred_at=occurred_at,
            subject_id=receipt_id,
            place_id=place_id or NO_ID,
        )
        for index, move in enumerate(decision.moves)
    ]


def _decide_payment(
    reading: Reading, payment: Payment, source: AccountName, suspense_vnd: int
) -> Decision:
    told = reading.confirmation
    is_test = payment.purpose == "test"
    held = _held(source, told.amount_vnd, is_test=is_test)
    if payment.state is PaymentState.SETTLED:
        return Decision(SettlementOutcome.DUPLICATE_PAYMENT, (held,))
    if not payment.takes_money(told.occurred_at):
        return Decision(SettlementOutcome.LATE, (held,))
    if reading.is_acquired and told.amount_vnd != payment.amount_vnd:
        return Decision(SettlementOutcome.AMOUNT_MISMATCH, (held,))
    after = payment.after(told.amount_vnd, told.occurred_at)
    if after.state in WAITING:
        return Decision(SettlementOutcome.SHORT, (held,), after)
    excess_vnd = after.received_vnd - after.amount_vnd
    outcome = SettlementOutcome.OVER if excess_vnd else SettlementOutcome.SETTLED
    if is_test:
        return Decision(outcome, (held,), after)
    if payment.received_vnd > suspense_vnd:  # somebody took what waited: a person decides
        return Decision(SettlementOutcome.SUGGESTED, (held,), suggested_id=payment.id)
    moves = _completing(payment, source, told.amount_vnd - excess_vnd, excess_vnd)
    booked_vnd = payment.amount_vnd if payment.purpose == "sale" else 0
    return Decision(outcome, moves, after, booked_vnd=booked_vnd)


def _completing(
    payment: Payment, source: AccountName, missing_vnd: int, excess_vnd: int
) -> tuple[Move, ...]:
    """The last money into revenue, with it what waited; what is too much waits."""
    is_charge = payment.purpose == "charge"
    kind = TransferKind.CHARGE if is_charge else TransferKind.SALE
    revenue = AccountName(payment.owner_id, AccountKind.CHARGES if is_charge else AccountKind.SALES)
    suspense = AccountName(payment.owner_id, AccountKind.SUSPENSE)
    moves = [Move(source, revenue, missing_vnd, kind)]
    if payment.received_vnd:
        moves.append(Move(suspense, revenue, payment.received_vnd, TransferKind.RELEASED))
    if excess_vnd:
        moves.append(_held(source, excess_vnd))
    return tuple(moves)


def _held(source: AccountName, amount_vnd: int, *, is_test: bool = False) -> Move:
    place = TEST if is_test else ""
    suspense = AccountName(source.owner_id, AccountKind.SUSPENSE, place)
    return Move(source, suspense, amount_vnd, TransferKind.TEST if is_test else TransferKind.HELD)


def _source(reading: Reading, owner_id: UUID, payee_id: UUID | None) -> AccountName:
    if reading.is_acquired:
        return AccountName(owner_id, AccountKind.ACQUIRER, reading.confirmation.gateway)
    return AccountName(owner_id, AccountKind.BANK, str(payee_id))
