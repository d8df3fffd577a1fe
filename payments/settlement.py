"""A verified confirmation becomes transfers. Pure: decided from what was read, written elsewhere.

Three steps: `read` what the notice says, `route` it to an owner and a payment, `decide` what the
money means. Money that came is always recorded, whatever it means; takings are only what is clear.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from hashlib import blake2b
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from payments import memo
from payments.confirmation import Confirmation
from payments.errors import ConfirmationInvalid
from payments.ledger.accounts import TEST, AccountKind, AccountName
from payments.ledger.transfer import NO_ID, TRANSFER_VND_MAX, Transfer, TransferKind
from payments.payment import WAITING, Payment, PaymentState

VIETNAM = timezone(timedelta(hours=7))
"""Business dates are Vietnamese days."""
TEXT_LENGTH_MAX = 1_000
"""Longer than any bank's memo or reference; the raw notice keeps the rest."""
ALIKE_WITHIN = timedelta(minutes=2)
"""How far apart two sources may date one transfer."""
SUGGEST_WITHIN = timedelta(minutes=30)
"""How old an open payment may be that is suggested for its exact amount alone."""
_TEXTS = (
    "provider_id",
    "reference",
    "memo",
    "account_no",
    "bank_bin",
    "payment_ref",
    "detail",
)
FAILED_KEY = "#failed"
"""Ends the key of a failed attempt: an acquirer's attempt may fail first and succeed later."""


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


class Earlier(msgspec.Struct, frozen=True, gc=False):
    """Money that stands already, as far as it says whether another source tells of it again."""

    gateway: str
    bank_bin: str
    reference: str
    memo: str
    occurred_at: datetime


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A confirmation, understood as far as it goes without looking anything up."""

    confirmation: Confirmation
    business_date: date
    provider_key: str
    codes: tuple[str, ...]
    payment_id: UUID | None
    digest: bytes

    @property
    def is_acquired(self) -> bool:
        """Whether an acquirer took the money, rather than the owner's own bank."""
        return not self.confirmation.account_no

    @property
    def reference_key(self) -> tuple[str, str] | None:
        """What two sources that report one bank transfer share."""
        told = self.confirmation
        return (told.account_no, told.reference) if self.is_credit and told.reference else None

    @property
    def is_credit(self) -> bool:
        """Whether money came on a bank account."""
        told = self.confirmation
        return bool(told.account_no) and told.direction == "in" and told.succeeded

    def tells_again(self, earlier: Earlier) -> bool:
        """Whether another source told of this very transfer, one of the two without a reference.

        Asked only of credits of the same amount on the same account number.
        """
        told = self.confirmation
        return (
            told.gateway != earlier.gateway
            and not (told.reference and earlier.reference)
            and abs(told.occurred_at - earlier.occurred_at) <= ALIKE_WITHIN
            and _same_bank(earlier.bank_bin or told.bank_bin, told.bank_bin)
            and memo.alike(told.memo, earlier.memo)
        )


class CodeEntry(msgspec.Struct, frozen=True, gc=False):
    """What a code stands for, for one owner."""

    code: str
    owner_id: UUID
    kind: str
    subject_id: UUID
    place_id: UUID | None


class PayeeEntry(msgspec.Struct, frozen=True, gc=False):
    """A receiving account that a notice may be about."""

    id: UUID
    owner_id: UUID
    bank_bin: str
    is_retired: bool


class Route(msgspec.Struct, frozen=True, gc=False):
    """Whose money it is and what it is for, as far as known."""

    owner_id: UUID | None = None
    payee_id: UUID | None = None
    payment_id: UUID | None = None
    stand: CodeEntry | None = None
    is_foreign: bool = False


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


def read(confirmation: Confirmation) -> Reading:
    """Understand a confirmation.

    Raises: ConfirmationInvalid where it cannot be a movement of money.
    """
    if not 0 < confirmation.amount_vnd <= TRANSFER_VND_MAX:
        raise ConfirmationInvalid(f"an amount of {confirmation.amount_vnd} đ")
    if confirmation.occurred_at.tzinfo is None:
        raise ConfirmationInvalid("an instant without a zone")
    if not confirmation.provider_id or not confirmation.gateway:
        raise ConfirmationInvalid("no id of the provider")
    confirmation = _storable(confirmation)
    reference = confirmation.payment_ref
    payment_id = payment_id_of(reference)
    named = [reference.upper()] if memo.is_code(reference.upper()) else []
    return Reading(
        confirmation=confirmation,
        business_date=confirmation.occurred_at.astimezone(VIETNAM).date(),
        provider_key=confirmation.provider_id + ("" if confirmation.succeeded else FAILED_KEY),
        codes=tuple(named or memo.find_codes(confirmation.memo)),
        payment_id=payment_id,
        digest=_digest(confirmation),
    )


def route(
    reading: Reading,
    payees: Sequence[PayeeEntry],
    codes: Mapping[str, Sequence[CodeEntry]],
    payments: Mapping[UUID, Payment],
) -> Route:
    """Find the owner, and the payment or the stand if exactly one is meant.

    `payees` are the receiving accounts with the notice's number, `codes` what its codes stand for,
    `payments` every payment that one of those, or the acquirer's echo, names.
    """
    entries = [entry for code in reading.codes for entry in codes.get(code, ())]
    if reading.is_acquired:
        return _route_acquired(reading, entries, payments)
    meant = [one for one in payees if _same_bank(one.bank_bin, reading.confirmation.bank_bin)]
    owners = {payee.owner_id for payee in meant}
    named = payments.get(reading.payment_id) if reading.payment_id else None
    if named is not None and named.owner_id in owners:
        return Route(named.owner_id, _payee_of(meant, named.owner_id), named.id)
    own = {entry.subject_id: entry for entry in entries if entry.owner_id in owners}
    if len(own) == 1:
        (entry,) = own.values()
        payee_id = _payee_of(meant, entry.owner_id)
        if entry.kind == "stand":
            return Route(entry.owner_id, payee_id, stand=entry)
        return Route(entry.owner_id, payee_id, entry.subject_id)
    owner_id = _only_owner(meant)
    if owner_id is None:
        return Route()
    return Route(owner_id, _payee_of(meant, owner_id), is_foreign=bool(entries) and not own)


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


def _route_acquired(
    reading: Reading, entries: Sequence[CodeEntry], payments: Mapping[UUID, Payment]
) -> Route:
    named = {reading.payment_id} if reading.payment_id else {one.subject_id for one in entries}
    found = [payments[one] for one in named if one in payments]
    if len(found) != 1 or not is_asked_of(found[0], reading.confirmation.gateway):
        return Route()
    return Route(found[0].owner_id, None, found[0].id)


def is_asked_of(payment: Payment, acquirer: str) -> bool:
    """Whether that acquirer may confirm it: its own, or a QR code's, whose payer may take any.

    What was asked of one, no other may confirm.
    """
    return payment.method in {"vietqr", acquirer}


def _same_bank(ours: str, told: str) -> bool:
    return not told or ours == told


def _only_owner(payees: Sequence[PayeeEntry]) -> UUID | None:
    """The owner of the account: of those in use, else of those that were."""
    in_use = {payee.owner_id for payee in payees if not payee.is_retired}
    owners = in_use or {payee.owner_id for payee in payees}
    return owners.pop() if len(owners) == 1 else None


def _payee_of(payees: Sequence[PayeeEntry], owner_id: UUID) -> UUID:
    own = [payee for payee in payees if payee.owner_id == owner_id]
    return min(own, key=lambda payee: (payee.is_retired, payee.id)).id


def payment_id_of(reference: str) -> UUID | None:
    """The payment an acquirer's echo of our reference names; None where it is not one of ours."""
    try:
        return UUID(reference) if len(reference) in {32, 36} else None
    except ValueError:
        return None


def _storable(told: Confirmation) -> Confirmation:
    """The same with texts that PostgreSQL takes: no NUL, no half surrogate pair, not endless."""
    joined = f"{told.provider_id}{told.reference}{told.memo}{told.account_no}{told.bank_bin}"
    joined = f"{joined}{told.payment_ref}{told.detail}"
    if joined.isascii() and len(joined) <= TEXT_LENGTH_MAX and "\x00" not in joined:
        return told  # as nearly all are
    texts = {field: getattr(told, field) for field in _TEXTS}
    clean: dict[str, Any] = {field: _clean(text) for field, text in texts.items()}
    return told if clean == texts else replace(told, **clean)


def _clean(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text[:TEXT_LENGTH_MAX]
    storable = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return storable[:TEXT_LENGTH_MAX]


def _digest(told: Confirmation) -> bytes:
    """What makes two reports of one id the same; not the instant, which sources round.

    On the acquired road a notice and an answer to a question carry other texts and bank numbers of
    the same money: there our own reference and the amount decide.
    """
    content: tuple[object, ...] = (
        told.direction,
        told.succeeded,
        told.amount_vnd,
        told.payment_ref,
    )
    if told.account_no:
        content += (told.account_no, told.reference, "".join(told.memo.split()))
    return blake2b(repr(content).encode("utf-8"), digest_size=16).digest()
