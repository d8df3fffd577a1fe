"""One batch: read what it touches, judge every item in order, write it all, in one transaction."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from payments import settlement
from payments.ledger import statements
from payments.ledger.accounts import (
    Account,
    AccountKind,
    AccountName,
    balance_vnd_min,
    lane_of,
)
from payments.ledger.finding import Found, Seen, find, find_seen
from payments.ledger.items import Answer, Fact, Item, Posting, Settling
from payments.ledger.rows import columns, event_data, json_text, receipt_row, transfer_row
from payments.ledger.transfer import Book, Outcome, Transfer
from payments.payment import WAITING, Payment
from payments.settlement import Decision, Route, Settled, SettlementOutcome


class AccountsMissing(Exception):
    """Accounts that were believed to exist do not; forget the belief and run again."""


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
        self._found = Found()
        self._book = Book((), {})
        self._receipts: list[tuple[object, ...]] = []
        self._facts: list[Fact] = []
        self._changed: dict[UUID, Payment] = {}
        self.opened: list[UUID] = []

    async def run(self, items: Sequence[Item], known: set[UUID]) -> list[Answer]:
        settlings = [item for item in items if isinstance(item, Settling)]
        postings = [item for item in items if isinstance(item, Posting)]
        if settlings:
            self._found = await find(self._connection, settlings)
        await self._lock_accounts(settlings, postings, known)
        if settlings:
            await find_seen(self._connection, settlings, self._found)
        answers = [self._judge(item) for item in items]
        await self._write()
        return answers

    # ── Reading ─────────────────────────────────────────────────────────────────────────────────

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
        lanes, ids = columns(keys, 2)
        if not ids:
            return {}
        rows = await self._connection.fetch(statements.LOCK_ACCOUNTS, lanes, ids)
        return {
            row[0]: Account(row[0], row[1], AccountKind(row[2]), row[3], row[4], row[5], row[6])
            for row in rows
        }

    async def _seen_transfers(
        self, keys: Iterable[tuple[int, UUID]]
    ) -> dict[tuple[int, UUID], Transfer]:
        rows = await self._connection.fetch(statements.SEEN_TRANSFERS, *columns(keys, 2))
        return {(lane_of(row[1]), row[0]): Transfer(*row) for row in rows}

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

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────

    async def _write(self) -> None:
        execute = self._connection.execute
        if self._receipts:
            await execute(statements.INSERT_RECEIPTS, *columns(self._receipts, 22))
        if self._book.posted:
            rows = [transfer_row(*one) for one in self._book.posted]
            await execute(statements.INSERT_TRANSFERS, *columns(rows, 10))
        deltas = self._book.deltas()
        if deltas:
            await execute(statements.UPDATE_ACCOUNTS, *columns(deltas, 3))
        if self._changed:
            changed = [
                (one.id, one.state.value, one.received_vnd, one.ended_at)
                for one in self._changed.values()
            ]
            await execute(statements.UPDATE_PAYMENTS, *columns(changed, 4))
        if self._facts:
            facts = [
                (one.kind, one.owner_id, one.subject_id, json_text(one.data), one.at)
                for one in self._facts
            ]
            await execute(statements.INSERT_EVENTS, *columns(facts, 5))
            await execute(statements.NOTIFY)
