"""What a batch needs to know: read under its locks before anything is decided.

Two round trips at most. The first names what the items name; the second what that led to.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec

from payments import settlement
from payments.ledger import records, statements
from payments.ledger.accounts import AccountKind, AccountName, account_id, lane_of
from payments.ledger.book import Account, Held, Key, Read
from payments.ledger.connection import BytesCursor
from payments.ledger.items import Item, Posting, Settling
from payments.ledger.orders import Hold, PostHold, Refund, Reversal, VoidHold
from payments.ledger.records import Record
from payments.ledger.transfer import Outcome, Transfer
from payments.payment import Payment, PaymentState
from payments.settlement import CodeEntry, PayeeEntry, Route


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


@dataclass(slots=True)
class Found:
    """What a batch touches, as read under its locks."""

    payments: dict[UUID, Payment] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    """By the item's `id()`."""
    waiting: dict[UUID, list[Payment]] = field(default_factory=dict)
    by_provider: dict[tuple[str, str], Seen] = field(default_factory=dict)
    by_reference: dict[tuple[str, str], Seen] = field(default_factory=dict)
    read: Read = field(default_factory=Read)


async def find(connection: Any, items: Sequence[Item]) -> Found:
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
    await _lock_lanes(connection, settlings, named)
    asked = await _ask_about_money(connection, settlings)
    seen = await _ask_seen(connection, settlings)
    orders = await _ask_about_orders(connection, named)
    if settlings:
        await _take_in_money(asked, settlings, found)
        await _take_in_seen(seen, found)
    await _take_in_orders(orders, found.read)
    await _second_trip(connection, settlings, named, found)
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


async def _ask_about_money(connection: Any, settlings: Sequence[Settling]) -> list[Any]:
    if not settlings:
        return []
    numbers = records.texts(sorted(_account_numbers(settlings)))
    readings = [item.reading for item in settlings]
    acquired = {code for one in readings if one.is_acquired for code in one.codes}
    direct = {code for one in readings if not one.is_acquired for code in one.codes}
    payment_ids = records.ids(sorted({one.payment_id for one in readings if one.payment_id}))
    lists = [records.texts(sorted(codes)) for codes in (acquired | direct, acquired, direct)]
    return [
        await _query(connection, statements.PAYEES_AND_CODES, numbers, lists[0]),
        await _query(
            connection, statements.LOCK_PAYMENTS, payment_ids, lists[1], lists[2], numbers
        ),
    ]


async def _lock_lanes(connection: Any, settlings: Sequence[Settling], named: _Named) -> None:
    readings = [item.reading for item in settlings]
    await connection.execute(
        statements.LOCK_LANES,
        (
            records.smallints(sorted(named.lanes)),
            records.texts(sorted(_account_numbers(settlings))),
            records.ids([one.payment_id for one in readings if one.payment_id]),
            records.texts([code for one in readings if one.is_acquired for code in one.codes]),
        ),
    )


async def _ask_seen(connection: Any, settlings: Sequence[Settling]) -> Any:
    """Confirmations told before. Asked after the locks: who told them first has committed."""
    if not settlings:
        return None
    readings = [item.reading for item in settlings]
    providers = {
        (one.business_date, one.confirmation.gateway, one.provider_key) for one in readings
    }
    references = {
        (one.business_date, *key) for one in readings if (key := one.reference_key) is not None
    }
    return await _query(connection, statements.SEEN, *_keys(providers), *_keys(references))


async def _ask_about_orders(connection: Any, named: _Named) -> dict[str, Any]:
    if not named.lanes:
        return {}
    asked = {"now": await _query_bytes(connection, statements.NOW)}
    ids = [key[1] for key in named.transfers]
    if ids:
        asked["transfers"] = await _query_bytes(
            connection, statements.TRANSFERS, *_key_arrays(named.transfers), *_bounds(ids)
        )
    for name, statement, keys in (
        ("refunded", statements.REFUNDED, named.originals),
        ("holds", statements.HOLDS, named.holds),
        ("hold_ends", statements.HOLD_ENDS, named.hold_ends),
    ):
        if keys:
            asked[name] = await _query_bytes(connection, statement, *_key_arrays(keys))
    return asked


async def _take_in_money(asked: Sequence[Any], settlings: Sequence[Settling], found: Found) -> None:
    payees: dict[str, list[PayeeEntry]] = {}
    codes: dict[str, list[CodeEntry]] = {}
    for number, its_id, owner_id, bank_bin, is_retired, code, kind, place_id in await asked[
        0
    ].fetchall():
        if number is not None:
            entry = PayeeEntry(its_id, owner_id, bank_bin, is_retired)
            payees.setdefault(number, []).append(entry)
        else:
            codes.setdefault(code, []).append(CodeEntry(code, owner_id, kind, its_id, place_id))
    found.payments = {row[0]: _payment(row) for row in await asked[1].fetchall()}
    for item in settlings:
        own = payees.get(item.reading.confirmation.account_no, ())
        found.routes[id(item)] = settlement.route(item.reading, own, codes, found.payments)


async def _take_in_seen(seen: Any, found: Found) -> None:
    for row in await seen.fetchall():
        where = found.by_provider if row[0] == 1 else found.by_reference
        where[row[1], row[2]] = Seen(*row[3:])


async def _take_in_orders(asked: dict[str, Any], read: Read) -> None:
    if not asked:
        return
    ((read.now_us,),) = await asked["now"].fetchall()
    if "transfers" in asked:
        for row in await asked["transfers"].fetchall():
            record = Record._make(row)
            read.transfers[record.lane, record.id] = record
    if "refunded" in asked:
        read.refunded_vnd = {(row[0], row[1]): row[2] for row in await asked["refunded"].fetchall()}
    if "holds" in asked:
        for row in await asked["holds"].fetchall():
            record = Record._make(row[:9])
            outcome = None if row[10] is None else Outcome(f"hold_{row[10]}")
            read.holds[record.lane, record.id] = Held(
                record, row[9], outcome, row[11] or b"", row[12] or 0
            )
    if "hold_ends" in asked:
        read.hold_ends = {
            (row[0], row[1]): (row[2], row[3]) for row in await asked["hold_ends"].fetchall()
        }


# ── The second trip ─────────────────────────────────────────────────────────────────────────────


async def _second_trip(
    connection: Any, settlings: Sequence[Settling], named: _Named, found: Found
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
    waiting = accounts = None
    if lost:
        waiting = await _query(connection, statements.WAITING_PAYMENTS, records.ids(sorted(lost)))
    if keys:
        accounts = await _query_bytes(connection, statements.ACCOUNTS, *_key_arrays(keys))
    if waiting is not None:
        for row in await waiting.fetchall():
            found.waiting.setdefault(row[1], []).append(_payment(row))
    if accounts is not None:
        found.read.accounts = {
            row[0]: Account.of_kind(*row[1:]) for row in await accounts.fetchall()
        }
    missing = [key[1] for key in named.accounts if key[1] not in found.read.accounts]
    if missing:
        rows = await _query_bytes(
            connection, statements.ACCOUNTS_ELSEWHERE, records.varied(records.UUIDs, missing)
        )
        found.read.elsewhere = {row[0] for row in await rows.fetchall()}


# ── Asking ──────────────────────────────────────────────────────────────────────────────────────


async def _query(connection: Any, statement: str, *arguments: object) -> Any:
    """A cursor whose rows come later; the statement is only sent."""
    return await connection.execute(statement, arguments, binary=True)


async def _query_bytes(connection: Any, statement: str, *arguments: object) -> Any:
    return await BytesCursor(connection).execute(statement, arguments, binary=True)


def _key_arrays(keys: Iterable[Key]) -> tuple[object, object]:
    listed = list(keys)
    return (
        records.smallints([key[0] for key in listed]),
        records.varied(records.UUIDs, [key[1] for key in listed]),
    )


def _keys(keys: Iterable[tuple[Any, str, str]]) -> tuple[object, ...]:
    listed = sorted(keys)
    return (
        records.dates([key[0] for key in listed]),
        records.texts([key[1] for key in listed]),
        records.texts([key[2] for key in listed]),
    )


def _bounds(ids: Sequence[bytes]) -> tuple[UUID, UUID]:
    return UUID(bytes=min(ids)), UUID(bytes=max(ids))


def _account_numbers(settlings: Sequence[Settling]) -> set[str]:
    return {item.reading.confirmation.account_no for item in settlings} - {""}


_PAYMENT_FIELDS = (
    "id",
    "owner_id",
    "place_id",
    "payee_id",
    "amount_vnd",
    "received_vnd",
    "method",
    "purpose",
    "code",
    "state",
    "opened_at",
    "expires_at",
    "ended_at",
)


def _payment(row: Sequence[Any]) -> Payment:
    fields = dict(zip(_PAYMENT_FIELDS, row, strict=True))
    return Payment(**{**fields, "state": PaymentState(fields["state"])})
