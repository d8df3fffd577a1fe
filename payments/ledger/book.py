"""One batch while it is judged, item by item in its order. Pure: nothing here touches storage.

Ids are sixteen bytes here, instants are microseconds since 1970: that is how they come from the
wire and go back to it. The fast way for batches without any doubt is `plain`; this is the exact one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from payments.ledger.accounts import AccountKind, account_id, debit_sign
from payments.ledger.orders import Hold, Order, PostHold, Refund, Reversal, VoidHold
from payments.ledger.records import Record, microseconds, record_of
from payments.ledger.transfer import TRANSFER_VND_MAX, Outcome, Transfer, TransferKind

Key = tuple[int, bytes]
"""Lane and id."""
GIVING_BACK = frozenset({TransferKind.REFUND, TransferKind.REVERSAL})


@dataclass(slots=True)
class Account:
    """An account as it stands while a batch is judged. `balance_vnd` counts on its normal side."""

    owner_id: bytes
    debit_sign: int
    """+1 where a debit makes the balance larger, -1 where it makes it smaller."""
    balance_vnd: int = 0
    balance_vnd_min: int | None = None
    balance_vnd_max: int | None = None
    held_out_vnd: int = 0
    held_in_vnd: int = 0
    out_vnd: int = 0
    """What left it today."""
    out_vnd_max: int | None = None
    is_frozen: bool = False
    is_closed: bool = False

    @classmethod
    def of_kind(cls, owner_id: bytes, kind: str, *limits: int | None) -> "Account":
        """An account of this kind, with its balance and the rest in the order of the fields."""
        return cls(owner_id, debit_sign(kind), *limits)  # type: ignore[arg-type]  # as read


class Held(NamedTuple):
    """A hold as it stands: what it is for, until when, and how it ended if it did."""

    record: Record
    expires_us: int
    outcome: Outcome | None = None
    """HOLD_POSTED, HOLD_VOIDED or HOLD_EXPIRED."""
    ended_by: bytes = b""
    posted_vnd: int = 0


@dataclass(slots=True)
class Sums:
    """What a batch does to one account."""

    lane: int
    debit_vnd: int = 0
    credit_vnd: int = 0
    held_debit_vnd: int = 0
    held_credit_vnd: int = 0


@dataclass
class Read:
    """What was read for a batch, under its locks."""

    accounts: dict[bytes, Account] = field(default_factory=dict)
    elsewhere: Collection[bytes] = ()
    """Accounts that exist, but not in the lane of the order that names them."""
    transfers: dict[Key, Record] = field(default_factory=dict)
    """Those that stand under an id of the batch, or are to be given back."""
    refunded_vnd: dict[Key, int] = field(default_factory=dict)
    holds: dict[Key, Held] = field(default_factory=dict)
    hold_ends: dict[Key, tuple[bytes, str]] = field(default_factory=dict)
    """By the order's id: the hold it ended, and how."""
    now_us: int = 0


class HoldEnd(NamedTuple):
    """How a hold ended, to be written."""

    lane: int
    hold_id: bytes
    id: bytes
    owner_id: bytes
    outcome: str
    amount_vnd: int


class Book:
    """One batch: its accounts as they would stand, and what is to be written."""

    def __init__(self, read: Read | None = None) -> None:
        self._read = read or Read()
        self.accounts = self._read.accounts
        self.posted: list[Record] = []
        self.held: list[Held] = []
        self.ended: list[HoldEnd] = []
        self.refunds: list[tuple[int, bytes, bytes, bytes, int]] = []
        """Lane, the transfer that gives back, the original, the owner, the amount."""
        self.sums: dict[bytes, Sums] = {}
        self._undo: list[tuple[object, ...]] | None = None
        """How to take back what was done, kept only while something may be."""

    # ── Judging ─────────────────────────────────────────────────────────────────────────────────

    def post(self, order: Order) -> Outcome:
        """Judge one order; what it does is seen by all that follow."""
        if isinstance(order, Transfer):
            record = record_of(order)
            return Outcome.INVALID if record is None else self.post_record(record)
        if isinstance(order, Hold):
            return self._hold(order)
        if isinstance(order, PostHold):
            return self._post_hold(order)
        if isinstance(order, VoidHold):
            return self._void_hold(order)
        return self._give_back(order)

    def post_record(self, record: Record) -> Outcome:
        """Judge one plain transfer."""
        if not 0 < record.amount_vnd <= TRANSFER_VND_MAX or record.debit_id == record.credit_id:
            return Outcome.INVALID
        seen = self._read.transfers.get((record.lane, record.id))
        if seen is not None:
            return Outcome.ALREADY_POSTED if seen == record else Outcome.ID_REUSED
        outcome = self._judge_legs(record) or self._judge_limits(record, record.amount_vnd)
        if outcome is None:
            self._apply(record)
            return Outcome.POSTED
        return outcome

    def record(self, record: Record) -> None:
        """Post what already happened outside: money that came is a fact, no limit refuses it."""
        self._apply(record)

    def post_linked(self, orders: Sequence[Order]) -> list[Outcome]:
        """Judge a set that is carried out as a whole, in its order, or not at all.

        A set that already stands as a whole is ALREADY_POSTED; a set of which only a part stands
        is not that set, and fails.
        """
        owner_id = orders[0].owner_id
        stood = [self._stands(one) for one in orders]
        self._undo = []
        outcomes = [
            self.post(one) if one.owner_id == owner_id else Outcome.OWNER_MISMATCH for one in orders
        ]
        whole = len(set(outcomes)) == 1
        if not (whole and outcomes[0] in {Outcome.POSTED, Outcome.ALREADY_POSTED}):
            self._take_back(0)
            outcomes = [_of_failed_set(one, stood[index]) for index, one in enumerate(outcomes)]
        self._undo = None
        return outcomes

    def _stands(self, order: Order) -> bool:
        key = (order.owner_id.bytes[15] & 63, order.id.bytes)
        if isinstance(order, Hold):
            return key in self._read.holds
        if isinstance(order, VoidHold):
            return key in self._read.hold_ends
        return key in self._read.transfers

    # ── Holds ───────────────────────────────────────────────────────────────────────────────────

    def _hold(self, order: Hold) -> Outcome:
        record = _record(order, order.debit_id, order.credit_id, order.amount_vnd, order.kind)
        expires_us = microseconds(order.expires_at)
        if record is None or record.debit_id == record.credit_id:
            return Outcome.INVALID
        key = (record.lane, record.id)
        seen = self._read.holds.get(key)
        if seen is not None:
            same = seen.record == record and seen.expires_us == expires_us
            return Outcome.ALREADY_POSTED if same else Outcome.ID_REUSED
        if expires_us <= self._read.now_us:
            return Outcome.INVALID
        outcome = self._judge_legs(record) or self._judge_limits(record, record.amount_vnd, False)
        if outcome is not None:
            return outcome
        self._set_aside(record, record.amount_vnd)
        self._put(self._read.holds, key, Held(record, expires_us))
        self._append(self.held, self._read.holds[key])
        return Outcome.POSTED

    def _post_hold(self, order: PostHold) -> Outcome:
        lane = order.owner_id.bytes[15] & 63
        key, hold_key = (lane, order.id.bytes), (lane, order.hold_id.bytes)
        if order.amount_vnd is not None and not 0 < order.amount_vnd <= TRANSFER_VND_MAX:
            return Outcome.INVALID
        held = self._read.holds.get(hold_key)
        seen = self._read.transfers.get(key)
        if seen is not None:
            if held is None or held.ended_by != order.id.bytes:
                return Outcome.ID_REUSED
            amount_vnd = order.amount_vnd or held.record.amount_vnd
            same = (seen.amount_vnd, seen.occurred_us) == (
                amount_vnd,
                microseconds(order.occurred_at),
            )
            return Outcome.ALREADY_POSTED if same else Outcome.ID_REUSED
        if key in self._read.hold_ends:
            return Outcome.ID_REUSED
        if held is None or held.record.owner_id != order.owner_id.bytes:
            return Outcome.HOLD_UNKNOWN
        amount_vnd = order.amount_vnd or held.record.amount_vnd
        record = held.record._replace(
            id=order.id.bytes,
            amount_vnd=amount_vnd,
            occurred_us=microseconds(order.occurred_at),
        )
        outcome = self._judge_legs(record) or self._judge_held(held)
        if outcome is None and amount_vnd > held.record.amount_vnd:
            outcome = Outcome.OVER_HOLD
        if outcome is not None:
            return outcome
        self._set_aside(held.record, -held.record.amount_vnd)
        outcome = self._judge_limits(record, amount_vnd)
        if outcome is not None:
            self._set_aside(held.record, held.record.amount_vnd)
            return outcome
        self._apply(record)
        self._end(hold_key, held, Outcome.HOLD_POSTED, order.id.bytes, amount_vnd)
        return Outcome.POSTED

    def _void_hold(self, order: VoidHold) -> Outcome:
        lane = order.owner_id.bytes[15] & 63
        key, hold_key = (lane, order.id.bytes), (lane, order.hold_id.bytes)
        seen = self._read.hold_ends.get(key)
        if seen is not None:
            same = seen == (order.hold_id.bytes, "voided")
            return Outcome.ALREADY_POSTED if same else Outcome.ID_REUSED
        held = self._read.holds.get(hold_key)
        if held is None or held.record.owner_id != order.owner_id.bytes:
            return Outcome.HOLD_UNKNOWN
        outcome = self._judge_held(held)
        if outcome is not None:
            return outcome
        self._set_aside(held.record, -held.record.amount_vnd)
        self._end(hold_key, held, Outcome.HOLD_VOIDED, order.id.bytes, 0)
        return Outcome.POSTED

    def _judge_held(self, held: Held) -> Outcome | None:
        if held.outcome is not None:
            return held.outcome
        return Outcome.HOLD_EXPIRED if held.expires_us <= self._read.now_us else None

    def _end(
        self, key: Key, held: Held, outcome: Outcome, order_id: bytes, amount_vnd: int
    ) -> None:
        ended = held._replace(outcome=outcome, ended_by=order_id, posted_vnd=amount_vnd)
        word = outcome.value.removeprefix("hold_")
        self._put(self._read.holds, key, ended)
        self._put(self._read.hold_ends, (key[0], order_id), (key[1], word))
        owner_id = held.record.owner_id
        self._append(self.ended, HoldEnd(*key, order_id, owner_id, word, amount_vnd))

    # ── Giving back ─────────────────────────────────────────────────────────────────────────────

    def _give_back(self, order: Refund | Reversal) -> Outcome:
        owner_id = order.owner_id.bytes
        lane = owner_id[15] & 63
        key, original_key = (lane, order.id.bytes), (lane, order.original_id.bytes)
        if isinstance(order, Refund) and not 0 < order.amount_vnd <= TRANSFER_VND_MAX:
            return Outcome.INVALID
        seen = self._read.transfers.get(key)
        original = self._read.transfers.get(original_key)
        known = (
            original is not None
            and original.owner_id == owner_id
            and original.kind not in GIVING_BACK
        )
        if not known or original is None:
            return Outcome.ID_REUSED if seen is not None else Outcome.ORIGINAL_UNKNOWN
        record = given_back(order, original)
        if seen is not None:
            return Outcome.ALREADY_POSTED if seen == record else Outcome.ID_REUSED
        if record.debit_id == record.credit_id:
            return Outcome.ORIGINAL_UNKNOWN
        before_vnd = self._read.refunded_vnd.get(original_key, 0)
        outcome = self._judge_legs(record)
        if outcome is None and before_vnd + record.amount_vnd > original.amount_vnd:
            outcome = Outcome.OVER_ORIGINAL
        outcome = outcome or self._judge_limits(record, record.amount_vnd)
        if outcome is not None:
            return outcome
        self._apply(record)
        self._put(self._read.refunded_vnd, original_key, before_vnd + record.amount_vnd)
        self._append(self.refunds, (lane, record.id, original.id, owner_id, record.amount_vnd))
        return Outcome.POSTED

    # ── Rules ───────────────────────────────────────────────────────────────────────────────────

    def _judge_legs(self, record: Record) -> Outcome | None:
        """Whether the accounts are there, the owner's, and take movements."""
        debit = self.accounts.get(record.debit_id)
        credit = self.accounts.get(record.credit_id)
        if debit is None or credit is None:
            legs = ((debit, record.debit_id), (credit, record.credit_id))
            known = all(found or leg in self._read.elsewhere for found, leg in legs)
            return Outcome.OWNER_MISMATCH if known else Outcome.ACCOUNT_UNKNOWN
        if debit.owner_id != record.owner_id or credit.owner_id != record.owner_id:
            return Outcome.OWNER_MISMATCH
        if debit.is_closed or credit.is_closed:
            return Outcome.ACCOUNT_CLOSED
        if debit.is_frozen or credit.is_frozen:
            return Outcome.ACCOUNT_FROZEN
        return None

    def _judge_limits(self, record: Record, vnd: int, moves: bool = True) -> Outcome | None:
        """A limit stops only what moves towards it: an account beyond one may always come back."""
        debit, credit = self.accounts[record.debit_id], self.accounts[record.credit_id]
        found: Outcome | None = None
        for account, change in (
            (debit, debit.debit_sign * vnd),
            (credit, -credit.debit_sign * vnd),
        ):
            if change < 0:
                low, cap = account.balance_vnd_min, account.out_vnd_max
                if low is not None and account.balance_vnd + change - account.held_out_vnd < low:
                    return Outcome.OVERDRAWN
                if moves and cap is not None and account.out_vnd - change > cap:
                    found = found or Outcome.DAILY_LIMIT
            else:
                high = account.balance_vnd_max
                if high is not None and account.balance_vnd + change + account.held_in_vnd > high:
                    found = Outcome.LIMIT
        return found

    # ── What is done, and undone ────────────────────────────────────────────────────────────────

    def _apply(self, record: Record) -> None:
        self._move(record, record.amount_vnd)
        self._read.transfers[record.lane, record.id] = record
        self.posted.append(record)
        if self._undo is not None:
            self._undo.append((self._unapply, record))

    def _unapply(self, record: Record) -> None:
        self._move(record, -record.amount_vnd)
        del self._read.transfers[record.lane, record.id]
        self.posted.pop()

    def _move(self, record: Record, vnd: int) -> None:
        """On an account that was not read only the sums are kept."""
        self._sums_of(record.debit_id, record).debit_vnd += vnd
        self._sums_of(record.credit_id, record).credit_vnd += vnd
        debit, credit = self.accounts.get(record.debit_id), self.accounts.get(record.credit_id)
        if debit is not None:
            debit.balance_vnd += debit.debit_sign * vnd
            if debit.debit_sign < 0:
                debit.out_vnd += vnd
        if credit is not None:
            credit.balance_vnd -= credit.debit_sign * vnd
            if credit.debit_sign > 0:
                credit.out_vnd += vnd

    def _set_aside(self, record: Record, vnd: int) -> None:
        self._sums_of(record.debit_id, record).held_debit_vnd += vnd
        self._sums_of(record.credit_id, record).held_credit_vnd += vnd
        debit, credit = self.accounts[record.debit_id], self.accounts[record.credit_id]
        if debit.debit_sign > 0:
            debit.held_in_vnd += vnd
        else:
            debit.held_out_vnd += vnd
        if credit.debit_sign > 0:
            credit.held_out_vnd += vnd
        else:
            credit.held_in_vnd += vnd
        if self._undo is not None:
            self._undo.append((self._free, record, vnd))

    def _free(self, record: Record, vnd: int) -> None:
        undo, self._undo = self._undo, None
        self._set_aside(record, -vnd)
        self._undo = undo

    def _sums_of(self, leg_id: bytes, record: Record) -> Sums:
        sums = self.sums.get(leg_id)
        if sums is None:
            sums = self.sums[leg_id] = Sums(record.lane)
        return sums

    def _put(self, where: dict, key: object, value: object) -> None:  # type: ignore[type-arg]
        if self._undo is not None:
            self._undo.append((_restore, where, key, where.get(key)))
        where[key] = value

    def _append(self, where: list, value: object) -> None:  # type: ignore[type-arg]
        where.append(value)
        if self._undo is not None:
            self._undo.append((where.pop,))

    def _take_back(self, count: int) -> None:
        assert self._undo is not None
        while len(self._undo) > count:
            undo, *arguments = self._undo.pop()
            undo(*arguments)  # type: ignore[operator]


def given_back(order: Refund | Reversal, original: Record) -> Record:
    """The transfer that gives back: it names its original as its subject."""
    if isinstance(order, Refund):
        owner_id = UUID(bytes=original.owner_id)
        debit_id = account_id(owner_id, AccountKind.REFUNDS).bytes
        amount_vnd, kind = order.amount_vnd, TransferKind.REFUND
    else:
        debit_id, amount_vnd, kind = original.credit_id, original.amount_vnd, TransferKind.REVERSAL
    return Record(
        id=order.id.bytes,
        owner_id=original.owner_id,
        debit_id=debit_id,
        credit_id=original.debit_id,
        subject_id=original.id,
        place_id=original.place_id,
        amount_vnd=amount_vnd,
        occurred_us=microseconds(order.occurred_at),
        kind=kind,
    )


def _record(
    order: Hold, debit_id: UUID, credit_id: UUID, amount_vnd: int, kind: TransferKind
) -> Record | None:
    return record_of(
        Transfer(
            order.id,
            order.owner_id,
            debit_id,
            credit_id,
            amount_vnd,
            kind,
            order.occurred_at,
            order.subject_id,
            order.place_id,
        )
    )


def _of_failed_set(outcome: Outcome, stood: bool) -> Outcome:
    """What is true of one of a set after the set was taken back."""
    if outcome is Outcome.POSTED:
        return Outcome.LINKED_FAILED
    if outcome is Outcome.ALREADY_POSTED and not stood:
        return Outcome.INVALID  # the same order twice in one set
    return outcome


def _restore(where: Mapping, key: object, before: object) -> None:  # type: ignore[type-arg]
    if before is None:
        del where[key]  # type: ignore[attr-defined]
    else:
        where[key] = before  # type: ignore[index]
