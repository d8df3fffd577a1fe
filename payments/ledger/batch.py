"""The exact way: read what a batch touches, judge every item in order, write it all, at once."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
import numpy as np

from payments import settlement
from payments.ledger import plain, records, statements
from payments.ledger.accounts import AccountKind, AccountName, balance_vnd_min, lane_of
from payments.ledger.book import Book, Sums
from payments.ledger.finding import Found, Seen, find
from payments.ledger.items import Answer, Fact, Item, Posting, Settling
from payments.ledger.line import Line
from payments.ledger.records import TRANSFER_DTYPE, record_of
from payments.ledger.rows import event_data, receipt_row
from payments.ledger.transfer import Outcome
from payments.notice import Notice
from payments.payment import WAITING, Payment
from payments.routing import Earlier, Reading, Route
from payments.settlement import Decision, Settled, SettlementOutcome


class AccountsMissing(Exception):
    """Accounts that were believed to exist do not; forget the belief and run again."""


async def run(line: Line, items: Sequence[Item], known: set[UUID]) -> list[Answer]:
    """Judge and write the batch in one transaction; the answers hold once this returns.

    `known` are accounts that surely exist; it grows by what this batch opened.
    Raises: whatever the driver raises, AccountsMissing; then nothing of the batch is known to stand.
    """
    async with line.transaction():
        batch = _Batch(line, await find(line, items))
        answers = [batch.judge(item) for item in items]
        batch.assert_opened(items)
        batch.write(known)
    known.update(batch.opened)
    return answers


def open_accounts(line: Line, names: Collection[AccountName]) -> None:
    """With the next trip: the accounts stand, empty where they were not there before."""
    listed = sorted(names, key=lambda name: (lane_of(name.owner_id), name.id))
    line.put(
        statements.OPEN_ACCOUNTS,
        records.smallints([lane_of(name.owner_id) for name in listed]),
        records.ids([name.id for name in listed]),
        records.ids([name.owner_id for name in listed]),
        records.texts([name.kind.value for name in listed]),
        records.texts([name.place for name in listed]),
        records.integers([balance_vnd_min(name.kind) for name in listed]),
    )


class _Batch:
    def __init__(self, line: Line, found: Found) -> None:
        self._line = line
        self._found = found
        self._book = Book(found.read)
        self._receipts: list[tuple[Any, ...]] = []
        self._notices: list[Notice] = []
        self._facts: list[Fact] = []
        self._changed: dict[UUID, Payment] = {}
        self._needed: dict[UUID, AccountName] = {}
        """Accounts of confirmations: they exist, or are opened with the first money."""
        self.opened: list[UUID] = []

    def assert_opened(self, items: Iterable[Item]) -> None:
        """Accounts that an item brought along were opened before: if one is gone, that was wrong.

        Raises: AccountsMissing.
        """
        for item in items:
            if isinstance(item, Posting):
                for name in item.opening:
                    if name.id.bytes not in self._book.accounts and _uses(item, name):
                        raise AccountsMissing

    # ── Judging ─────────────────────────────────────────────────────────────────────────────────

    def judge(self, item: Item) -> Answer:
        """What becomes of one item, after all before it."""
        if isinstance(item, Settling):
            return self._judge_settling(item)
        if item.is_linked:
            outcomes = self._book.post_linked(item.orders)
        elif item.packed is not None:
            post_record = self._book.post_record
            outcomes = [post_record(record) for record in records.unpack(item.packed)]
        else:
            outcomes = [self._book.post(order) for order in item.orders]
        if item.facts and all(outcome is Outcome.POSTED for outcome in outcomes):
            self._facts.extend(item.facts)
        return outcomes

    def _judge_settling(self, item: Settling) -> Settled:
        if item.notice is not None:
            self._notices.append(item.notice)
        reading, found = item.reading, self._found
        key = reading.reference_key
        first = found.by_provider.get((reading.confirmation.gateway, reading.provider_key))
        if first is not None:
            return self._told_before(item, first, same=first.digest == reading.digest)
        if key is not None and (first := found.by_reference.get(key)) is not None:
            return self._told_before(
                item, first, same=first.amount_vnd == reading.confirmation.amount_vnd
            )
        if (first := self._told_by_another(reading)) is not None:
            return self._told_before(item, first, same=True)
        routed = found.routes[id(item)]
        payment = found.payments.get(routed.payment_id) if routed.payment_id else None
        decision = settlement.decide(
            reading, routed, payment, self._waiting(routed), self._suspense_vnd(routed)
        )
        return self._record(item, routed, payment, decision)

    def _told_by_another(self, reading: Reading) -> Seen | None:
        """The receipt of the same credit by a source that shares no reference with this one."""
        if not self._found.alike or not reading.is_credit:
            return None
        told = reading.confirmation
        known = self._found.alike.get((told.account_no, told.amount_vnd), ())
        return next((seen for earlier, seen in known if reading.tells_again(earlier)), None)

    def _waiting(self, routed: Route) -> list[Payment]:
        """The owner's payments that still wait, also after what this batch did so far."""
        listed = self._found.waiting.get(routed.owner_id, []) if routed.owner_id else []
        current = (self._found.payments.get(one.id, one) for one in listed)
        return [one for one in current if one.state in WAITING]

    def _suspense_vnd(self, routed: Route) -> int:
        if routed.owner_id is None:
            return 0
        suspense = AccountName(routed.owner_id, AccountKind.SUSPENSE)
        account = self._book.accounts.get(suspense.id.bytes)
        return 0 if account is None else account.balance_vnd

    def _told_before(self, item: Settling, first: Seen, *, same: bool) -> Settled:
        if item.may_stand and first.id == item.receipt_id:
            outcome = SettlementOutcome(first.outcome)
        elif same:
            outcome = SettlementOutcome.ALREADY_SEEN
        else:
            outcome = SettlementOutcome.REFERENCE_REUSED
        payment = self._found.payments.get(first.payment_id) if first.payment_id else None
        settled = Settled(
            outcome=outcome,
            receipt_id=first.id,
            payment_id=first.payment_id,
            suggested_id=first.suggested_id,
            stand_id=first.stand_id,
            owner_id=first.owner_id,
            place_id=first.place_id,
            amount_vnd=first.amount_vnd,
            asked_vnd=0 if payment is None else payment.amount_vnd,
            received_vnd=0 if payment is None else payment.received_vnd,
        )
        if outcome is SettlementOutcome.REFERENCE_REUSED:
            told = item.reading.confirmation
            data = event_data(item, settled, None, booked_vnd=0) | {"told_vnd": told.amount_vnd}
            self._facts.append(Fact("receipt.conflict", first.owner_id, first.id, data, item.now))
        return settled

    def _record(
        self, item: Settling, routed: Route, payment: Payment | None, decision: Decision
    ) -> Settled:
        stand = routed.stand if decision.outcome is SettlementOutcome.STAND else None
        if decision.outcome is SettlementOutcome.OUTGOING:
            payment = None
        place_id = stand.place_id if stand else payment.place_id if payment else None
        occurred_at = item.reading.confirmation.occurred_at
        for one in settlement.transfers(decision, item.receipt_id, place_id, occurred_at):
            record = record_of(one)
            assert record is not None  # `routing.read` refuses amounts that are none
            self._book.record(record)
        for move in decision.moves:
            self._needed[move.debit.id] = move.debit
            self._needed[move.credit.id] = move.credit
        if decision.payment is not None:
            payment = decision.payment
            self._found.payments[payment.id] = self._changed[payment.id] = payment
        told = item.reading.confirmation
        settled = Settled(
            outcome=decision.outcome,
            receipt_id=item.receipt_id,
            payment_id=payment.id if payment else None,
            suggested_id=decision.suggested_id,
            stand_id=stand.subject_id if stand else None,
            owner_id=routed.owner_id,
            place_id=place_id,
            amount_vnd=told.amount_vnd,
            asked_vnd=payment.amount_vnd if payment else 0,
            received_vnd=payment.received_vnd if payment else told.amount_vnd if stand else 0,
        )
        self._receipts.append(receipt_row(item, routed, settled))
        data = event_data(item, settled, payment, booked_vnd=decision.booked_vnd)
        self._facts.append(
            Fact("receipt.recorded", routed.owner_id, item.receipt_id, data, item.now)
        )
        self._remember(item, settled)
        return settled

    def _remember(self, item: Settling, settled: Settled) -> None:
        """The same told again in this very batch is a duplicate too."""
        seen = Seen(
            settled.receipt_id,
            item.reading.digest,
            settled.amount_vnd,
            settled.outcome.value,
            settled.payment_id,
            settled.suggested_id,
            settled.stand_id,
            settled.owner_id,
            settled.place_id,
        )
        gateway = item.reading.confirmation.gateway
        self._found.by_provider[gateway, item.reading.provider_key] = seen
        key = item.reading.reference_key
        if key is not None:
            self._found.by_reference[key] = seen
        if item.reading.is_credit:
            told = item.reading.confirmation
            earlier = Earlier(
                told.gateway, told.bank_bin, told.reference, told.memo, told.occurred_at
            )
            alike = self._found.alike.setdefault((told.account_no, told.amount_vnd), [])
            alike.append((earlier, seen))

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────

    def write(self, known: Collection[UUID]) -> None:
        """Everything, with the trip that commits it."""
        new = [name for account_id, name in self._needed.items() if account_id not in known]
        if new:
            self.opened = [name.id for name in new]
            open_accounts(self._line, new)
        if self._notices:
            self._line.put(statements.KEEP_NOTICES, *_notice_columns(self._notices))
        self._write_orders()
        put, book = self._line.put, self._book
        if self._receipts or self._facts:
            columns = (*self._money_columns(), *_transfer_columns(book.posted))
            put(statements.WRITE_MONEY, *columns, *_balance_columns(book.sums))
        elif book.sums:
            if book.posted:
                put(statements.INSERT_TRANSFERS, *_transfer_columns(book.posted))
            put(statements.MOVE_BALANCES, *_balance_columns(book.sums))

    def _write_orders(self) -> None:
        """What orders leave beside their transfers."""
        put, book = self._line.put, self._book
        if book.held:
            columns = _transfer_columns([one.record for one in book.held])
            expires = records.instants(np.array([one.expires_us for one in book.held]))
            put(statements.INSERT_HOLDS, *columns, expires)
        if book.ended:
            put(
                statements.INSERT_HOLD_ENDS,
                records.smallints([one.lane for one in book.ended]),
                records.varied(records.UUIDs, [one.hold_id for one in book.ended]),
                records.varied(records.UUIDs, [one.id for one in book.ended]),
                records.varied(records.UUIDs, [one.owner_id for one in book.ended]),
                records.texts([one.outcome for one in book.ended]),
                records.integers([one.amount_vnd for one in book.ended]),
            )
        if book.refunds:
            lanes, ids, originals, owners, amounts = zip(*book.refunds, strict=True)
            put(
                statements.INSERT_REFUNDS,
                records.smallints(lanes),
                *(records.varied(records.UUIDs, one) for one in (ids, originals, owners)),
                records.integers(amounts),
            )

    def _money_columns(self) -> tuple[Any, ...]:
        changed = list(self._changed.values())
        return (
            *_receipt_columns(self._receipts),
            records.ids([one.id for one in changed]),
            records.texts([one.state.value for one in changed]),
            records.integers([one.received_vnd for one in changed]),
            records.times([one.ended_at for one in changed]),
            *(plain.fact_columns(self._facts) if self._facts else plain.NO_FACTS),
        )


def _uses(item: Posting, name: AccountName) -> bool:
    """Whether an item's orders name the account, rather than only bring it along."""
    wanted = name.id.bytes
    if item.packed is not None:
        return any(wanted in (one.debit_id, one.credit_id) for one in records.unpack(item.packed))
    return any(
        name.id in (getattr(one, "debit_id", None), getattr(one, "credit_id", None))
        for one in item.orders
    )


def _transfer_columns(listed: Sequence[records.Record]) -> tuple[Any, ...]:
    """For `INSERT_TRANSFERS` and, with one more, `INSERT_HOLDS`."""
    return plain.transfer_columns(np.frombuffer(records.pack_records(listed), TRANSFER_DTYPE))


_RECEIPT_COLUMNS: tuple[Callable[[Any], object], ...] = (
    records.dates,
    *(records.ids,) * 7,
    *(records.texts,) * 3,
    records.integers,
    *(records.texts,) * 7,
    records.byteas,
    *(records.times,) * 2,
)
"""How each column of `receipt_row` is sent."""


def _receipt_columns(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    columns = list(zip(*rows, strict=True)) or [()] * len(_RECEIPT_COLUMNS)
    return tuple(send(column) for send, column in zip(_RECEIPT_COLUMNS, columns, strict=True))


def _notice_columns(notices: Sequence[Notice]) -> tuple[Any, ...]:
    return (
        records.ids([one.id for one in notices]),
        records.texts([one.gateway for one in notices]),
        records.texts([msgspec.json.encode(one.headers).decode() for one in notices]),
        records.byteas([one.body for one in notices]),
        records.texts([one.verdict for one in notices]),
        records.texts([one.reason for one in notices]),
        records.times([one.received_at for one in notices]),
    )


def _balance_columns(sums: Mapping[bytes, Sums]) -> tuple[Any, ...]:
    moved = sorted(sums.items(), key=lambda one: (one[1].lane, one[0]))
    listed = [one for _, one in moved]
    return (
        records.smallints([one.lane for one in listed]),
        records.varied(records.UUIDs, [account_id for account_id, _ in moved]),
        records.integers([one.debit_vnd for one in listed]),
        records.integers([one.credit_vnd for one in listed]),
        records.integers([one.held_debit_vnd for one in listed]),
        records.integers([one.held_credit_vnd for one in listed]),
    )
