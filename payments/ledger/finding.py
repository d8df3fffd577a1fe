"""What a batch needs to know: read under its locks before anything is decided.

Two round trips at most. The first names what the items name; the second what that led to.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from payments import routing
from payments.ledger import records, statements
from payments.ledger.accounts import AccountKind, AccountName, account_id, lane_of
from payments.ledger.book import Account, Held, Key, Read
from payments.ledger.items import Item, Posting, Settling
from payments.ledger.line import Line, Told
from payments.ledger.orders import Hold, PostHold, Refund, Reversal, VoidHold
from payments.ledger.records import Raw, Record
from payments.ledger.transfer import Outcome, Transfer
from payments.payment import Payment, PaymentState
from payments.routing import CodeEntry, Earlier, PayeeEntry, Reading, Route


class Seen(msgspec.Struct, frozen=True, gc=False):
    """A receipt that stands already, as far as a repeat of it needs to know."""

    id: UUID
    digest: bytes
    amount_vnd: int
    outcome: str
    payment_id: UUID | None
    suggested_id: UUID | None
    stand_id: UUID | None
    owner_id: UUID | None
    place_id: UUID | None


AlikeKey = tuple[str, int]
"""Account number and amount."""


@dataclass(slots=True)
class Found:
    """What a batch touches, as read under its locks."""

    payments: dict[UUID, Payment] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    """By the item's `id()`."""
    waiting: dict[UUID, list[Payment]] = field(default_factory=dict)
    by_provider: dict[tuple[str, str], Seen] = field(default_factory=dict)
    by_reference: dict[tuple[str, str], Seen] = field(default_factory=dict)
    alike: dict[AlikeKey, list[tuple[Earlier, Seen]]] = field(default_factory=dict)
    """Credits that another source may tell of without a reference, or did."""
    read: Read = field(default_factory=Read)


async def find(line: Line, items: Sequence[Item]) -> Found:
    """Everything that judging the items asks for; locks their lanes, then their payments.

    In this order, for a row lock gives the transaction its number: a batch is numbered once the
    lanes are its own, so that within a lane the order of record is the order of commits.
    """
    settlings = [item for item in items if isinstance(item, Settling)]
    named = _Named()
    for item in items:
        if isinstance(item, Posting):
            named.add(item)
    found = Found()
    _lock_lanes(line, settlings, named)
    money = _ask_about_money(line, settlings) if settlings else None
    orders = _ask_about_orders(line, named)
    await line.go()
    if money is not None:
        _take_in_money(money, settlings, found)
    _take_in_orders(orders, found.read)
    await _second_trip(line, settlings, named, found)
    return found


class _Named:
    """What the orders of a batch name: ids by lane, as they will be asked for."""

    def __init__(self) -> None:
        self.lanes: set[int] = set()
        self.transfers: dict[Key, None] = {}
        self.originals: dict[Key, None] = {}
        self.holds: dict[Key, None] = {}
        self.hold_ends: dict[Key, None] = {}
        self.accounts: dict[Key, None] = {}

    def add(self, item: Posting) -> None:
        if item.packed is not None:
            for record in records.unpack(item.packed):
                self._add_record(record)
            return
        for order in item.orders:
            lane, order_id = lane_of(order.owner_id), order.id.bytes
            self.lanes.add(lane)
            if isinstance(order, Transfer | Hold):
                self.accounts[lane, order.debit_id.bytes] = None
                self.accounts[lane, order.credit_id.bytes] = None
            if isinstance(order, Hold):
                self.holds[lane, order_id] = None
            elif isinstance(order, PostHold | VoidHold):
                self.holds[lane, order.hold_id.bytes] = None
                self.hold_ends[lane, order_id] = None
            elif isinstance(order, Refund | Reversal):
                self.originals[lane, order.original_id.bytes] = None
                self.transfers[lane, order.original_id.bytes] = None
                refunds_id = account_id(order.owner_id, AccountKind.REFUNDS)
                self.accounts[lane, refunds_id.bytes] = None
            if not isinstance(order, Hold | VoidHold):
                self.transfers[lane, order_id] = None

    def _add_record(self, record: Record) -> None:
        lane = record.lane
        self.lanes.add(lane)
        self.transfers[lane, record.id] = None
        self.accounts[lane, record.debit_id] = None
        self.accounts[lane, record.credit_id] = None


# ── The first trip ──────────────────────────────────────────────────────────────────────────────


def _lock_lanes(line: Line, settlings: Sequence[Settling], named: _Named) -> None:
    readings = [item.reading for item in settlings]
    line.put(
        statements.LOCK_LANES,
        records.smallints(sorted(named.lanes)),
        records.texts(sorted(_account_numbers(settlings))),
        records.ids([one.payment_id for one in readings if one.payment_id]),
        records.texts([code for one in readings if one.is_acquired for code in one.codes]),
    )


class _Money(NamedTuple):
    """What is asked about confirmations."""

    payees_and_codes: Told
    payments: Told
    seen: Told
    """Confirmations told before. Asked after the locks: who told them first has committed."""
    alike: Told | None


def _ask_about_money(line: Line, settlings: Sequence[Settling]) -> _Money:
    numbers = records.texts(sorted(_account_numbers(settlings)))
    readings = [item.reading for item in settlings]
    acquired = {code for one in readings if one.is_acquired for code in one.codes}
    direct = {code for one in readings if not one.is_acquired for code in one.codes}
    payment_ids = records.ids(sorted({one.payment_id for one in readings if one.payment_id}))
    lists = [records.texts(sorted(codes)) for codes in (acquired | direct, acquired, direct)]
    providers = {
        (one.business_date, one.confirmation.gateway, one.provider_key) for one in readings
    }
    references = {
        (one.business_date, *key) for one in readings if (key := one.reference_key) is not None
    }
    return _Money(
        line.put(statements.PAYEES_AND_CODES, numbers, lists[0]),
        line.put(statements.LOCK_PAYMENTS, payment_ids, lists[1], lists[2], numbers),
        line.put(statements.SEEN, *_keys(providers), *_keys(references)),
        _ask_alike(line, [one for one in readings if one.is_credit]),
    )


def _ask_alike(line: Line, told_in: Sequence[Reading]) -> Told | None:
    if not told_in:
        return None
    told = [one.confirmation for one in told_in]
    return line.put(
        statements.ALIKE,
        records.dates([one.business_date for one in told_in]),
        records.texts([one.account_no for one in told]),
        records.integers([one.amount_vnd for one in told]),
        records.texts([one.gateway for one in told]),
        records.texts([one.reference for one in told]),
        records.times([one.occurred_at for one in told]),
    )


def _ask_about_orders(line: Line, named: _Named) -> dict[str, Told]:
    if not named.lanes:
        return {}
    asked = {"now": line.put(statements.NOW, as_bytes=True)}
    ids = [key[1] for key in named.transfers]
    if ids:
        asked["transfers"] = line.put(
            statements.TRANSFERS,
            *_key_arrays(named.transfers),
            records.Id(min(ids)),
            records.Id(max(ids)),
            as_bytes=True,
        )
    for name, statement, keys in (
        ("refunded", statements.REFUNDED, named.originals),
        ("holds", statements.HOLDS, named.holds),
        ("hold_ends", statements.HOLD_ENDS, named.hold_ends),
    ):
        if keys:
            asked[name] = line.put(statement, *_key_arrays(keys), as_bytes=True)
    return asked


def _take_in_money(asked: _Money, settlings: Sequence[Settling], found: Found) -> None:
    payees: dict[str, list[PayeeEntry]] = {}
    codes: dict[str, list[CodeEntry]] = {}
    for row in asked.payees_and_codes.rows:
        number, its_id, owner_id, bank_bin, is_retired, code, kind, place_id = row
        if number is not None:
            entry = PayeeEntry(its_id, owner_id, bank_bin, is_retired)
            payees.setdefault(number, []).append(entry)
        else:
            codes.setdefault(code, []).append(CodeEntry(code, owner_id, kind, its_id, place_id))
    found.payments = {row[0]: _payment(row) for row in asked.payments.rows}
    for item in settlings:
        own = payees.get(item.reading.confirmation.account_no, ())
        found.routes[id(item)] = routing.route(item.reading, own, codes, found.payments)
    for row in asked.seen.rows:
        where = found.by_provider if row[0] == 1 else found.by_reference
        where[row[1], row[2]] = Seen(*row[3:])
    for row in asked.alike.rows if asked.alike else ():
        found.alike.setdefault((row[0], row[1]), []).append((Earlier(*row[2:7]), Seen(*row[7:])))


def _take_in_orders(asked: dict[str, Told], read: Read) -> None:
    if not asked:
        return
    ((read.now_us,),) = asked["now"].rows
    for row in _rows(asked, "transfers"):
        record = Record._make(row)
        read.transfers[record.lane, record.id] = record
    read.refunded_vnd = {(row[0], row[1]): row[2] for row in _rows(asked, "refunded")}
    for row in _rows(asked, "holds"):
        record = Record._make(row[:9])
        outcome = None if row[10] is None else Outcome(f"hold_{row[10]}")
        read.holds[record.lane, record.id] = Held(
            record, row[9], outcome, row[11] or b"", row[12] or 0
        )
    read.hold_ends = {(row[0], row[1]): (row[2], row[3]) for row in _rows(asked, "hold_ends")}


def _rows(asked: dict[str, Told], name: str) -> Sequence[tuple[Any, ...]]:
    return asked[name].rows if name in asked else ()


# ── The second trip ─────────────────────────────────────────────────────────────────────────────


async def _second_trip(
    line: Line, settlings: Sequence[Settling], named: _Named, found: Found
) -> None:
    """For money of a known owner and unknown meaning: what it may have been meant for. For money
    that completes a payment: what waited. For orders: their accounts.
    """
    routes = [found.routes[id(item)] for item in settlings]
    lost = {
        one.owner_id
        for one in routes
        if one.owner_id and one.payment_id is None and one.stand is None
    }
    keys = dict(named.accounts)
    named_payments = Counter(one.payment_id for one in routes if one.payment_id)
    for payment_id, count in named_payments.items():
        payment = found.payments.get(payment_id)
        if payment is not None and (payment.received_vnd or count > 1):
            suspense = AccountName(payment.owner_id, AccountKind.SUSPENSE)
            keys[lane_of(payment.owner_id), suspense.id.bytes] = None
    for lane, record in (
        *((key[0], one) for key, one in found.read.transfers.items() if key in named.originals),
        *((key[0], one.record) for key, one in found.read.holds.items()),
    ):
        keys[lane, record.debit_id] = None
        keys[lane, record.credit_id] = None
    if not lost and not keys:
        return
    waiting = accounts = None
    if lost:
        waiting = line.put(statements.WAITING_PAYMENTS, records.ids(sorted(lost)))
    if keys:
        accounts = line.put(statements.ACCOUNTS, *_key_arrays(keys), as_bytes=True)
    await line.go()
    for row in waiting.rows if waiting else ():
        found.waiting.setdefault(row[1], []).append(_payment(row))
    if accounts is not None:
        found.read.accounts = {row[0]: Account.of_kind(*row[1:]) for row in accounts.rows}
    missing = [key[1] for key in named.accounts if key[1] not in found.read.accounts]
    if missing:
        elsewhere = line.put(
            statements.ACCOUNTS_ELSEWHERE, records.varied(records.UUIDs, missing), as_bytes=True
        )
        await line.go()
        found.read.elsewhere = {row[0] for row in elsewhere.rows}


# ── Asking ──────────────────────────────────────────────────────────────────────────────────────


def _key_arrays(keys: Iterable[Key]) -> tuple[Raw, Raw]:
    listed = list(keys)
    return (
        records.smallints([key[0] for key in listed]),
        records.varied(records.UUIDs, [key[1] for key in listed]),
    )


def _keys(keys: Iterable[tuple[Any, str, str]]) -> tuple[Raw, ...]:
    listed = sorted(keys)
    return (
        records.dates([key[0] for key in listed]),
        records.texts([key[1] for key in listed]),
        records.texts([key[2] for key in listed]),
    )


def _account_numbers(settlings: Sequence[Settling]) -> set[str]:
    return {item.reading.confirmation.account_no for item in settlings} - {""}


def _payment(row: Sequence[Any]) -> Payment:
    """From the columns of `LOCK_PAYMENTS`, in the order of the fields."""
    fields = dict(zip(Payment.__struct_fields__, row, strict=True))
    return Payment(**{**fields, "state": PaymentState(fields["state"])})
