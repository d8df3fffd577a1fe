"""The ledger on one page of dicts: no batch, no lock, no database, nothing clever.

Dicts of values that never change, and every change by `_put`: so a set of orders, or what was only
a question, is taken back.
"""

from dataclasses import dataclass, field, replace
from uuid import UUID

from payments import AccountKind, account_id
from payments.ledger.accounts import DEBIT_NORMAL, lane_of
from payments.ledger.transfer import TRANSFER_VND_MAX, TransferKind

GIVING_BACK = {TransferKind.REFUND, TransferKind.REVERSAL}


@dataclass(frozen=True)
class Account:
    owner_id: UUID
    kind: AccountKind
    balance_vnd: int = 0
    low_vnd: int | None = None
    high_vnd: int | None = None
    out_vnd_max: int | None = None
    out: tuple = (None, 0)
    """A day, and what left the account on it."""
    held_in_vnd: int = 0
    held_out_vnd: int = 0
    state: str = ""
    """closed, frozen or nothing of it."""


@dataclass(frozen=True)
class Held:
    hold: object
    end: object = None
    """The order that ended it; an expired one has none."""
    outcome: str = ""
    """hold_posted, hold_voided, hold_expired; empty while it is open."""


@dataclass(frozen=True)
class Moved:
    """A transfer that stands: what was asked, and what moved."""

    asked: tuple
    owner_id: UUID
    debit_id: UUID
    credit_id: UUID
    amount_vnd: int
    kind: int
    given_back_vnd: int = 0


@dataclass
class Model:
    accounts: dict = field(default_factory=dict)
    moved: dict = field(default_factory=dict)
    held: dict = field(default_factory=dict)
    ends: dict = field(default_factory=dict)
    """What ended a hold, by its own id."""
    _undo: list = field(default_factory=list)

    def post(self, orders, now, day, *, linked=False, keep=True):
        """What each is answered, in order; `linked`: all or none; not `keep`: only a question."""
        owner_id = orders[0].owner_id
        outcomes = [
            "owner_mismatch"
            if linked and one.owner_id != owner_id
            else getattr(self, f"_{type(one).__name__.lower()}")(one, now, day)
            for one in orders
        ]
        if linked and set(outcomes) not in ({"posted"}, {"already_posted"}):
            self._take_back()
            outcomes = [self._in_failed_set(*pair) for pair in zip(orders, outcomes, strict=True)]
        if not keep:
            self._take_back()
        self._undo.clear()
        return outcomes

    def expire(self, lane, hold_id):
        """What the hold set aside is free again."""
        self._end(lane, hold_id, None, "hold_expired")
        self._undo.clear()

    def change(self, changed_id, **changes):
        """Freeze, close, limit: what somebody does to an account."""
        self.accounts[changed_id] = replace(self.accounts[changed_id], **changes)

    # ── One order each ──────────────────────────────────────────────────────────────────────────

    def _transfer(self, one, now, day):
        legs = (one.debit_id, one.credit_id)
        if not _is_amount(one.amount_vnd) or one.debit_id == one.credit_id:
            return "invalid"
        if seen := self.moved.get(_key(one)):
            return _again(seen.asked == ("transfer", one))
        wrong = self._legs(one.owner_id, *legs) or self._limits(*legs, one.amount_vnd, day)
        return wrong or self._move(one, ("transfer", one), *legs, one.amount_vnd, one.kind, day)

    def _hold(self, one, now, day):
        legs = (one.debit_id, one.credit_id)
        if not _is_amount(one.amount_vnd) or one.debit_id == one.credit_id:
            return "invalid"
        if seen := self.held.get(_key(one)):
            return _again(seen.hold == one)
        if one.expires_at <= now:
            return "invalid"
        wrong = self._legs(one.owner_id, *legs) or self._limits(*legs, one.amount_vnd, None)
        if wrong:
            return wrong
        self._put(self.held, _key(one), Held(one))
        self._set_aside(one, one.amount_vnd)
        return "posted"

    def _posthold(self, one, now, day):
        if one.amount_vnd is not None and not _is_amount(one.amount_vnd):
            return "invalid"
        lane = lane_of(one.owner_id)
        held = self.held.get((lane, one.hold_id))
        amount_vnd = one.amount_vnd or (held.hold.amount_vnd if held else 0)
        asked = ("posthold", one.owner_id, one.hold_id, amount_vnd, one.occurred_at)
        if seen := self.moved.get(_key(one)):
            return _again(seen.asked == asked)
        if _key(one) in self.ends:
            return "id_reused"
        if held is None or held.hold.owner_id != one.owner_id:
            return "hold_unknown"
        legs = (held.hold.debit_id, held.hold.credit_id)
        wrong = self._legs(one.owner_id, *legs) or _ended(held, now)
        if wrong or amount_vnd > held.hold.amount_vnd:
            return wrong or "over_hold"
        self._set_aside(held.hold, -held.hold.amount_vnd)
        if wrong := self._limits(*legs, amount_vnd, day):
            self._set_aside(held.hold, held.hold.amount_vnd)
            return wrong
        self._set_aside(held.hold, held.hold.amount_vnd)
        self._end(lane, one.hold_id, one, "hold_posted")
        return self._move(one, asked, *legs, amount_vnd, held.hold.kind, day)

    def _voidhold(self, one, now, day):
        held = self.held.get((lane_of(one.owner_id), one.hold_id))
        if seen := self.ends.get(_key(one)):
            return _again(seen == ("hold_voided", one.hold_id))
        if held is None or held.hold.owner_id != one.owner_id:
            return "hold_unknown"
        if wrong := _ended(held, now):
            return wrong
        self._end(lane_of(one.owner_id), one.hold_id, one, "hold_voided")
        return "posted"

    def _refund(self, one, now, day):
        if not _is_amount(one.amount_vnd):
            return "invalid"
        refunds_id = account_id(one.owner_id, AccountKind.REFUNDS)
        return self._give_back(one, refunds_id, one.amount_vnd, TransferKind.REFUND, day)

    def _reversal(self, one, now, day):
        return self._give_back(one, None, None, TransferKind.REVERSAL, day)

    def _give_back(self, one, to_id, amount_vnd, kind, day):
        original_key = (lane_of(one.owner_id), one.original_id)
        first = self.moved.get(original_key)
        asked = (kind, one.owner_id, one.original_id, amount_vnd, one.occurred_at)
        if seen := self.moved.get(_key(one)):
            return _again(seen.asked == asked)
        if first is None or first.owner_id != one.owner_id or first.kind in GIVING_BACK:
            return "original_unknown"
        to_id, amount_vnd = to_id or first.credit_id, amount_vnd or first.amount_vnd
        legs = (to_id, first.debit_id)
        if to_id == first.debit_id:
            return "original_unknown"
        if wrong := self._legs(one.owner_id, *legs):
            return wrong
        if first.given_back_vnd + amount_vnd > first.amount_vnd:
            return "over_original"
        if wrong := self._limits(*legs, amount_vnd, day):
            return wrong
        given_back_vnd = first.given_back_vnd + amount_vnd
        self._put(self.moved, original_key, replace(first, given_back_vnd=given_back_vnd))
        return self._move(one, asked, *legs, amount_vnd, kind, day)

    # ── Rules ───────────────────────────────────────────────────────────────────────────────────

    def _legs(self, owner_id, *legs):
        found = [self.accounts.get(leg) for leg in legs]
        states = {one.state for one in found if one}
        if None in found:
            return "account_unknown"
        if {one.owner_id for one in found} != {owner_id}:
            return "owner_mismatch"
        wrong = [word for word in ("closed", "frozen") if word in states]
        return f"account_{wrong[0]}" if wrong else ""

    def _limits(self, debit_id, credit_id, vnd, day):
        """No day: money that is set aside does not leave yet."""
        wrong = set()
        for leg, change in self._changes(debit_id, credit_id, vnd):
            one = self.accounts[leg]
            after = one.balance_vnd + change
            out = (one.out[1] if one.out[0] == day else 0) - change
            if change < 0 and one.low_vnd is not None and after - one.held_out_vnd < one.low_vnd:
                wrong.add("overdrawn")
            if change > 0 and one.high_vnd is not None and after + one.held_in_vnd > one.high_vnd:
                wrong.add("limit")
            if change < 0 and day and one.out_vnd_max is not None and out > one.out_vnd_max:
                wrong.add("daily_limit")
        return next((word for word in ("overdrawn", "limit", "daily_limit") if word in wrong), "")

    def _changes(self, debit_id, credit_id, vnd):
        """By how much each leg's balance grows, on its normal side."""
        signs = [
            1 if self.accounts[leg].kind in DEBIT_NORMAL else -1 for leg in (debit_id, credit_id)
        ]
        return (debit_id, signs[0] * vnd), (credit_id, -signs[1] * vnd)

    def _in_failed_set(self, one, outcome):
        """After the set was taken back."""
        stood = {"Hold": self.held, "VoidHold": self.ends}.get(type(one).__name__, self.moved)
        if outcome == "already_posted" and _key(one) not in stood:
            return "invalid"  # the same order twice in one set
        return "linked_failed" if outcome == "posted" else outcome

    # ── What is done, and taken back ────────────────────────────────────────────────────────────

    def _move(self, one, asked, debit_id, credit_id, vnd, kind, day):
        for leg, change in self._changes(debit_id, credit_id, vnd):
            account = self.accounts[leg]
            out = account.out
            if change < 0 and account.out_vnd_max is not None:
                out = (day, (out[1] if out[0] == day else 0) - change)
            after = account.balance_vnd + change
            self._put(self.accounts, leg, replace(account, balance_vnd=after, out=out))
        moved = Moved(asked, one.owner_id, debit_id, credit_id, vnd, kind)
        self._put(self.moved, _key(one), moved)
        return "posted"

    def _set_aside(self, hold, vnd):
        for leg, change in self._changes(hold.debit_id, hold.credit_id, vnd):
            one, grows = self.accounts[leg], (change > 0) == (vnd > 0)
            aside = "held_in_vnd" if grows else "held_out_vnd"
            self._put(self.accounts, leg, replace(one, **{aside: getattr(one, aside) + vnd}))

    def _end(self, lane, hold_id, order, outcome):
        held = self.held[lane, hold_id]
        assert not held.outcome
        self._put(self.held, (lane, hold_id), replace(held, end=order, outcome=outcome))
        if order is not None:
            self._put(self.ends, (lane, order.id), (outcome, hold_id))
        self._set_aside(held.hold, -held.hold.amount_vnd)

    def _put(self, table, key, value):
        self._undo.append((table, key, table.get(key)))
        table[key] = value

    def _take_back(self):
        while self._undo:
            table, key, before = self._undo.pop()
            if before is None:
                del table[key]
            else:
                table[key] = before


def _key(one):
    return lane_of(one.owner_id), one.id


def _is_amount(vnd):
    return 0 < vnd <= TRANSFER_VND_MAX


def _again(is_same):
    return "already_posted" if is_same else "id_reused"


def _ended(held, now):
    return held.outcome or ("hold_expired" if held.hold.expires_at <= now else "")
