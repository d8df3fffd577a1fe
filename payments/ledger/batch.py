"""One batch: read what it touches, judge every item in order, write it all, in one transaction."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from payments import settlement
from payments.ledger import statements
from payments.ledger.accounts import (
    Account,
    AccountKind,
    AccountName,
    balance_vnd_min,
    lane_of,
)
from payments.ledger.transfer import Book, Outcome, Transfer
from payments.payment import WAITING, Payment, PaymentState
from payments.settlement import (
    CodeEntry,
    Decision,
    PayeeEntry,
    Reading,
    Route,
    Settled,
    SettlementOutcome,
)


class Fact(msgspec.Struct, frozen=True):
    """An event to append if what it belongs to is posted."""

    kind: str
    owner_id: UUID | None
    subject_id: UUID
    data: dict[str, Any]
    at: datetime


@dataclass(slots=True, eq=False)
class Posting:
    """Transfers in the queue, judged one by one or as a linked set."""

    transfers: Sequence[Transfer]
    is_linked: bool
    opening: Sequence[AccountName]
    facts: Sequence[Fact]
    answer: "asyncio.Future[list[Outcome]]"

    @property
    def size(self) -> int:
        """How much of a batch it fills."""
        return len(self.transfers)


@dataclass(slots=True, eq=False)
class Settling:
    """A confirmation in the queue."""

    reading: Reading
    receipt_id: UUID
    now: datetime
    answer: "asyncio.Future[Settled]"
    may_stand: bool = False
    """A commit of unknown outcome may have written it: its own receipt is then no duplicate."""
    size: int = 1


Item = Posting | Settling
Answer = list[Outcome] | Settled


class AccountsMissing(Exception):
    """Accounts that were believed to exist do not; forget the belief and run again."""


class _Seen(msgspec.Struct, frozen=True):
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
class _Found:
    """What a batch's confirmations touch, as read under its locks."""

    payments: dict[UUID, Payment] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    """By the item's `id()`."""
    waiting: dict[UUID, list[Payment]] = field(default_factory=dict)
    by_provider: dict[tuple[str, str], _Seen] = field(default_factory=dict)
    by_reference: dict[tuple[str, str], _Seen] = field(default_factory=dict)


async def run(connection: Any, items: Sequence[Item], known: set[UUID]) -> list[Answer]:
    """Judge and write the batch in one transaction; the answers hold once this returns.

    `known` are accounts that surely exist; it grows by what this batch opened.
    Raises: whatever the driver raises, AccountsMissing; then nothing of the batch is known to stand.
    """
    batch = _Batch(connection)
    async with connection.transaction():
        answers = await batch.run(items, known)
    known.update(batch.opened)
    return answers


class _Batch:
    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._found = _Found()
        self._book = Book((), {})
        self._receipts: list[tuple[object, ...]] = []
        self._facts: list[Fact] = []
        self._changed: dict[UUID, Payment] = {}
        self.opened: list[UUID] = []

    async def run(self, items: Sequence[Item], known: set[UUID]) -> list[Answer]:
        settlings = [item for item in items if isinstance(item, Settling)]
        postings = [item for item in items if isinstance(item, Posting)]
        if settlings:
            await self._find(settlings)
        await self._lock_accounts(settlings, postings, known)
        if settlings:
            await self._find_seen(settlings)
        answers = [self._judge(item) for item in items]
        await self._write()
        return answers

    # ── Reading ─────────────────────────────────────────────────────────────────────────────────

    async def _find(self, items: Sequence[Settling]) -> None:
        """Who and what the confirmations are about; locks their payments in id order."""
        payees = await self._payees(items)
        codes = await self._codes(items)
        ids: set[UUID] = set()
        for item in items:
            owners = {payee.owner_id for payee in payees.get(_account_no(item), ())}
            if item.reading.payment_id:
                ids.add(item.reading.payment_id)
            for code in item.reading.codes:
                for entry in codes.get(code, ()):
                    if entry.kind == "payment" and (
                        item.reading.is_acquired or entry.owner_id in owners
                    ):
                        ids.add(entry.subject_id)
        if ids:
            rows = await self._connection.fetch(statements.LOCK_PAYMENTS, list(ids))
            self._found.payments = {row["id"]: _payment(row) for row in rows}
        for item in items:
            self._found.routes[id(item)] = settlement.route(
                item.reading, payees.get(_account_no(item), ()), codes, self._found.payments
            )
        await self._find_waiting(items)

    async def _payees(self, items: Sequence[Settling]) -> dict[str, list[PayeeEntry]]:
        numbers = {_account_no(item) for item in items} - {""}
        found: dict[str, list[PayeeEntry]] = {}
        if numbers:
            for row in await self._connection.fetch(statements.PAYEES, list(numbers)):
                found.setdefault(row["account_no"], []).append(
                    PayeeEntry(row["id"], row["owner_id"], row["bank_bin"], row["is_retired"])
                )
        return found

    async def _codes(self, items: Sequence[Settling]) -> dict[str, list[CodeEntry]]:
        wanted = {code for item in items for code in item.reading.codes}
        found: dict[str, list[CodeEntry]] = {}
        if wanted:
            for row in await self._connection.fetch(statements.CODES, list(wanted)):
                found.setdefault(row["code"], []).append(CodeEntry(*row))
        return found

    async def _find_waiting(self, items: Sequence[Settling]) -> None:
        """For money of a known owner and unknown meaning: what it may have been meant for."""
        routes = (self._found.routes[id(item)] for item in items)
        owners = {
            routed.owner_id
            for routed in routes
            if routed.owner_id and routed.payment_id is None and routed.stand is None
        }
        if owners:
            for row in await self._connection.fetch(statements.WAITING_PAYMENTS, list(owners)):
                self._found.waiting.setdefault(row["owner_id"], []).append(_payment(row))

    async def _lock_accounts(
        self, settlings: Sequence[Settling], postings: Sequence[Posting], known: set[UUID]
    ) -> None:
        names = {name for item in settlings for name in self._names(item)}
        names.update(name for item in postings for name in item.opening)
        await self._open(names, known)
        keys = {(lane_of(name.owner_id), name.id) for name in names}
        own = {key[1] for key in keys}
        seen_keys: dict[tuple[int, UUID], None] = {}
        for posting in postings:
            for one in posting.transfers:
                lane = lane_of(one.owner_id)
                keys.add((lane, one.debit_id))
                keys.add((lane, one.credit_id))
                seen_keys[lane, one.id] = None
        accounts = await self._accounts(keys)
        if not own <= accounts.keys():
            raise AccountsMissing
        elsewhere: set[UUID] = set()
        missing = {account_id for _, account_id in keys} - accounts.keys()
        if missing:
            rows = await self._connection.fetch(statements.ACCOUNTS_ELSEWHERE, list(missing))
            elsewhere = {row["id"] for row in rows}
        seen = await self._seen_transfers(seen_keys) if seen_keys else {}
        self._book = Book(accounts.values(), seen, elsewhere)

    def _names(self, item: Settling) -> Sequence[AccountName]:
        routed = self._found.routes[id(item)]
        payment = self._found.payments.get(routed.payment_id) if routed.payment_id else None
        return settlement.accounts_needed(item.reading, routed, payment)

    async def _open(self, names: Iterable[AccountName], known: set[UUID]) -> None:
        new = [name for name in names if name.id not in known]
        if not new:
            return
        self.opened = [name.id for name in new]
        await self._connection.execute(
            statements.OPEN_ACCOUNTS,
            [lane_of(name.owner_id) for name in new],
            self.opened,
            [name.owner_id for name in new],
            [name.kind.value for name in new],
            [name.place for name in new],
            [balance_vnd_min(name.kind) for name in new],
        )

    async def _accounts(self, keys: Iterable[tuple[int, UUID]]) -> dict[UUID, Account]:
        lanes, ids = _columns(keys, 2)
        if not ids:
            return {}
        rows = await self._connection.fetch(statements.LOCK_ACCOUNTS, lanes, ids)
        return {
            row[0]: Account(row[0], row[1], AccountKind(row[2]), row[3], row[4], row[5], row[6])
            for row in rows
        }

    async def _seen_transfers(
        self, keys: Iterable[tuple[int, UUID]]
    ) -> dict[tuple[int, UUID], bytes]:
        rows = await self._connection.fetch(statements.SEEN_TRANSFERS, *_columns(keys, 2))
        return {(row[0], row[1]): row[2] for row in rows}

    async def _find_seen(self, items: Sequence[Settling]) -> None:
        """Confirmations told before. Read after the locks: who told them first has committed."""
        providers = {
            (one.business_date, one.confirmation.gateway, one.provider_key)
            for one in (item.reading for item in items)
        }
        rows = await self._connection.fetch(statements.SEEN_BY_PROVIDER, *_columns(providers, 3))
        self._found.by_provider = _seen(rows)
        references = {
            (item.reading.business_date, *key)
            for item in items
            if (key := item.reading.reference_key) is not None
        }
        if references:
            rows = await self._connection.fetch(
                statements.SEEN_BY_REFERENCE, *_columns(references, 3)
            )
            self._found.by_reference = _seen(rows)

    # ── Judging ─────────────────────────────────────────────────────────────────────────────────

    def _judge(self, item: Item) -> Answer:
        if isinstance(item, Settling):
            return self._judge_settling(item)
        if item.is_linked:
            outcomes = self._book.post_linked(item.transfers)
        else:
            post = self._book.post
            outcomes = [post(transfer) for transfer in item.transfers]
        if item.facts and all(outcome is Outcome.POSTED for outcome in outcomes):
            self._facts.extend(item.facts)
        return outcomes

    def _judge_settling(self, item: Settling) -> Settled:
        reading, found = item.reading, self._found
        key = reading.reference_key
        first = found.by_provider.get((reading.confirmation.gateway, reading.provider_key))
        if first is not None:
            return self._told_before(item, first, same=first.digest == reading.digest)
        if key is not None and (first := found.by_reference.get(key)) is not None:
            return self._told_before(
                item, first, same=first.amount_vnd == reading.confirmation.amount_vnd
            )
        routed = found.routes[id(item)]
        payment = found.payments.get(routed.payment_id) if routed.payment_id else None
        decision = settlement.decide(
            reading, routed, payment, self._waiting(routed), self._suspense_vnd(routed)
        )
        return self._record(item, routed, payment, decision)

    def _waiting(self, routed: Route) -> list[Payment]:
        """The owner's payments that still wait, also after what this batch did so far."""
        listed = self._found.waiting.get(routed.owner_id, []) if routed.owner_id else []
        current = (self._found.payments.get(one.id, one) for one in listed)
        return [one for one in current if one.state in WAITING]

    def _suspense_vnd(self, routed: Route) -> int:
        if routed.owner_id is None:
            return 0
        account = self._book.accounts.get(AccountName(routed.owner_id, AccountKind.SUSPENSE).id)
        return 0 if account is None else account.balance_vnd

    def _told_before(self, item: Settling, first: _Seen, *, same: bool) -> Settled:
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
            data = _event_data(item, settled, None, booked_vnd=0) | {"told_vnd": told.amount_vnd}
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
        self._book.record(settlement.transfers(decision, item.receipt_id, place_id, occurred_at))
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
        self._receipts.append(_receipt_row(item, routed, settled))
        data = _event_data(item, settled, payment, booked_vnd=decision.booked_vnd)
        self._facts.append(
            Fact("receipt.recorded", routed.owner_id, item.receipt_id, data, item.now)
        )
        self._remember(item, settled)
        return settled

    def _remember(self, item: Settling, settled: Settled) -> None:
        """The same told again in this very batch is a duplicate too."""
        seen = _Seen(
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

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────

    async def _write(self) -> None:
        execute = self._connection.execute
        if self._receipts:
            await execute(statements.INSERT_RECEIPTS, *_columns(self._receipts, 22))
        if self._book.posted:
            rows = [_transfer_row(*one) for one in self._book.posted]
            await execute(statements.INSERT_TRANSFERS, *_columns(rows, 11))
        deltas = self._book.deltas()
        if deltas:
            await execute(statements.UPDATE_ACCOUNTS, *_columns(deltas, 3))
        if self._changed:
            changed = [
                (one.id, one.state.value, one.received_vnd, one.ended_at)
                for one in self._changed.values()
            ]
            await execute(statements.UPDATE_PAYMENTS, *_columns(changed, 4))
        if self._facts:
            facts = [
                (one.kind, one.owner_id, one.subject_id, _json(one.data), one.at)
                for one in self._facts
            ]
            await execute(statements.INSERT_EVENTS, *_columns(facts, 5))
            await execute(statements.NOTIFY)


def _account_no(item: Settling) -> str:
    return item.reading.confirmation.account_no


def _columns(rows: Iterable[tuple[object, ...]], count: int) -> list[list[object]]:
    """Rows as columns, one array each; `count` empty ones where there are no rows."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(count)]


def _seen(rows: Iterable[Any]) -> dict[tuple[str, str], _Seen]:
    return {(row[0], row[1]): _Seen(*row[2:]) for row in map(tuple, rows)}


def _payment(row: Any) -> Payment:
    fields = dict(row)
    return Payment(**{**fields, "state": PaymentState(fields["state"])})


def _transfer_row(lane: int, digest: bytes, one: Transfer) -> tuple[object, ...]:
    return (
        lane,
        int(one.kind),
        one.amount_vnd,
        one.occurred_at,
        one.id,
        one.owner_id,
        one.debit_id,
        one.credit_id,
        one.subject_id,
        one.place_id,
        digest,
    )


def _receipt_row(item: Settling, routed: Route, settled: Settled) -> tuple[object, ...]:
    reading = item.reading
    told = reading.confirmation
    return (
        reading.business_date,
        settled.receipt_id,
        settled.owner_id,
        routed.payee_id,
        settled.payment_id,
        settled.suggested_id,
        settled.stand_id,
        settled.place_id,
        told.gateway,
        reading.provider_key,
        told.reference,
        told.amount_vnd,
        told.direction,
        settled.outcome.value,
        told.memo,
        told.account_no,
        told.bank_bin,
        told.payment_ref,
        told.detail,
        reading.digest,
        told.occurred_at,
        item.now,
    )


def _event_data(
    item: Settling, settled: Settled, payment: Payment | None, *, booked_vnd: int
) -> dict[str, Any]:
    told = item.reading.confirmation
    return {
        "receipt_id": settled.receipt_id,
        "payment_id": settled.payment_id,
        "suggested_id": settled.suggested_id,
        "stand_id": settled.stand_id,
        "owner_id": settled.owner_id,
        "place_id": settled.place_id,
        "gateway": told.gateway,
        "outcome": settled.outcome.value,
        "amount_vnd": settled.amount_vnd,
        "asked_vnd": settled.asked_vnd,
        "received_vnd": settled.received_vnd,
        "booked_vnd": booked_vnd,
        "memo": told.memo,
        "occurred_at": told.occurred_at.isoformat(),
        "purpose": payment.purpose if payment else "sale",
    }


def _json(data: dict[str, Any]) -> str:
    return msgspec.json.encode(data).decode()
