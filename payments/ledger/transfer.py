"""Transfers and what posting one would do. Pure: nothing here reads or writes storage."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec

from payments.ledger.accounts import Account, lane_of

TRANSFER_VND_MAX = 10**14
"""No single movement is larger: a typing error is refused before it can overflow a sum."""
NO_ID = UUID(int=0)


class TransferKind(IntEnum):
    """Why money moved; stored as a small number, so a number is never used again."""

    SALE = 1
    """The last money of a payment, into sales."""
    HELD = 2
    """Money that came and waits in suspense."""
    RELEASED = 3
    """Short money that waited, into sales once its payment is complete."""
    CASH_SALE = 4
    TEST = 5
    """Money of a test payment; never takings."""
    CHARGE = 6
    """The last money of a charge of the hall."""
    STAND_SALE = 7
    """Money that came by a printed code: a sale of its own."""
    REFUND = 8
    FEE = 9
    PAYOUT = 10
    REVERSAL = 11
    OTHER = 12


class Outcome(StrEnum):
    """What happened to a transfer. Where several would be true, the first of this list is said."""

    INVALID = "invalid"
    """Not a movement: no positive amount, too large, or an account paying itself."""
    ALREADY_POSTED = "already_posted"
    """This very transfer stood there before. A retry of what was posted always gets this."""
    ID_REUSED = "id_reused"
    """The id stands for other content; the first one is kept."""
    ACCOUNT_UNKNOWN = "account_unknown"
    OWNER_MISMATCH = "owner_mismatch"
    """An account, or another transfer of its linked set, belongs to another owner."""
    ACCOUNT_CLOSED = "account_closed"
    OVERDRAWN = "overdrawn"
    """It would take an account below its smallest balance."""
    LIMIT = "limit"
    """It would take an account above its largest balance."""
    LINKED_FAILED = "linked_failed"
    """Nothing wrong with it alone, but another of its linked set could not be posted."""
    FAILED = "failed"
    """The database refused it; nothing of it stands. A person must look."""
    POSTED = "posted"


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """An amount from one account of an owner (credit) to another (debit).

    `id` is the idempotency key within the owner's lane: UUIDv7, made where the movement was first
    known. `place_id` is the platform's stall, so that takings follow from the journal alone.
    """

    id: UUID
    owner_id: UUID
    debit_id: UUID
    credit_id: UUID
    amount_vnd: int
    kind: TransferKind
    occurred_at: datetime
    subject_id: UUID = NO_ID
    """The receipt or the sale it belongs to."""
    place_id: UUID = NO_ID


def judge(
    transfer: Transfer,
    seen: Transfer | None,
    accounts: Mapping[UUID, Account],
    elsewhere: Collection[UUID],
) -> Outcome:
    """Say what posting `transfer` would do. Reads nothing, changes nothing.

    `seen` is what already stands under its id; `elsewhere` are accounts of other lanes.
    """
    if not _is_movement(transfer):
        return Outcome.INVALID
    if seen is not None:
        return Outcome.ALREADY_POSTED if seen == transfer else Outcome.ID_REUSED
    debit, credit = accounts.get(transfer.debit_id), accounts.get(transfer.credit_id)
    if debit is None or credit is None:
        legs = ((debit, transfer.debit_id), (credit, transfer.credit_id))
        known = all(found or account_id in elsewhere for found, account_id in legs)
        return Outcome.OWNER_MISMATCH if known else Outcome.ACCOUNT_UNKNOWN
    if debit.owner_id != transfer.owner_id or credit.owner_id != transfer.owner_id:
        return Outcome.OWNER_MISMATCH
    if debit.is_closed or credit.is_closed:
        return Outcome.ACCOUNT_CLOSED
    after = (
        (debit, debit.balance_vnd + debit.debit_sign * transfer.amount_vnd),
        (credit, credit.balance_vnd - credit.debit_sign * transfer.amount_vnd),
    )
    return _within_limits(after)


def _is_movement(transfer: Transfer) -> bool:
    return 0 < transfer.amount_vnd <= TRANSFER_VND_MAX and transfer.debit_id != transfer.credit_id


def _within_limits(after: Iterable[tuple[Account, int]]) -> Outcome:
    """A limit stops only what moves towards it: an account beyond one may always come back."""
    found = Outcome.POSTED
    for account, balance_vnd in after:
        falls = balance_vnd < account.balance_vnd
        low, high = account.balance_vnd_min, account.balance_vnd_max
        if falls and low is not None and balance_vnd < low:
            return Outcome.OVERDRAWN
        if not falls and high is not None and balance_vnd > high:
            found = Outcome.LIMIT
    return found


def _of_failed_set(outcome: Outcome, stands: bool) -> Outcome:
    """What is true of one of a set after the set was taken back."""
    if outcome is Outcome.POSTED:
        return Outcome.LINKED_FAILED
    if outcome is Outcome.ALREADY_POSTED and not stands:
        return Outcome.INVALID  # the same transfer twice in one set
    return outcome


class Book:
    """One batch while it is judged: its accounts as they would stand, and what is to be written."""

    def __init__(
        self,
        accounts: Iterable[Account],
        seen: Mapping[tuple[int, UUID], Transfer],
        elsewhere: Collection[UUID] = (),
    ) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.posted: list[tuple[int, Transfer]] = []
        """Lane and transfer, in the order they were judged."""
        self._read_vnd = {account.id: account.balance_vnd for account in self.accounts.values()}
        self._seen = dict(seen)
        self._elsewhere = elsewhere

    def post(self, transfer: Transfer) -> Outcome:
        """Judge one transfer; what it does is seen by all that follow."""
        lane = lane_of(transfer.owner_id)
        seen = self._seen.get((lane, transfer.id))
        outcome = judge(transfer, seen, self.accounts, self._elsewhere)
        if outcome is Outcome.POSTED:
            self._apply(lane, transfer)
        return outcome

    def record(self, transfers: Iterable[Transfer]) -> None:
        """Post what already happened outside: money that came is a fact, no limit refuses it."""
        for transfer in transfers:
            self._apply(lane_of(transfer.owner_id), transfer)

    def post_linked(self, transfers: Sequence[Transfer]) -> list[Outcome]:
        """Judge a set that is posted as a whole, in its order, or not at all.

        A set that already stands as a whole is ALREADY_POSTED; a set of which only a part stands
        is not that set, and fails.
        """
        owner_id = transfers[0].owner_id
        before = len(self.posted)
        outcomes = [
            self.post(one) if one.owner_id == owner_id else Outcome.OWNER_MISMATCH
            for one in transfers
        ]
        if len(set(outcomes)) == 1 and outcomes[0] in {Outcome.POSTED, Outcome.ALREADY_POSTED}:
            return outcomes
        self._take_back(before)
        return [
            _of_failed_set(outcome, (lane_of(one.owner_id), one.id) in self._seen)
            for one, outcome in zip(transfers, outcomes, strict=True)
        ]

    def deltas(self) -> list[tuple[int, UUID, int]]:
        """Lane, account and by how much its balance changed, where it changed."""
        return [
            (lane_of(account.owner_id), account.id, account.balance_vnd - read_vnd)
            for account_id, read_vnd in self._read_vnd.items()
            if (account := self.accounts[account_id]).balance_vnd != read_vnd
        ]

    def _apply(self, lane: int, transfer: Transfer, direction: int = 1) -> None:
        debit, credit = self.accounts[transfer.debit_id], self.accounts[transfer.credit_id]
        debit.balance_vnd += direction * debit.debit_sign * transfer.amount_vnd
        credit.balance_vnd -= direction * credit.debit_sign * transfer.amount_vnd
        if direction == 1:
            self._seen[lane, transfer.id] = transfer
            self.posted.append((lane, transfer))

    def _take_back(self, count: int) -> None:
        while len(self.posted) > count:
            lane, transfer = self.posted.pop()
            self._apply(lane, transfer, direction=-1)
            del self._seen[lane, transfer.id]
