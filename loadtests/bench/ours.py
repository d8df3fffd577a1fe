"""Our ledger through its own front door, in every way it can be asked."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import numpy as np
import psycopg

import payments
from loadtests.bench.book import Book
from loadtests.bench.cell import Skipped, Tally, Variant, closed_loop
from loadtests.bench.load import Array, Load, transfers_of
from payments.ledger.accounts import LANES
from payments.ledger.items import Fact

BATCH = 8_000
IN_FLIGHT = 2
"""Calls at once: while one commits the next waits, so a batch is exactly one call's transfers."""
OBJECTS_MAX = 240_000
"""Transfers held as Python objects: about 150 MB."""
RECORDS_MAX = 2_000_000
REFUSED_EVERY = 100
TOO_MUCH_VND = 10**13
"""More than any account of the bench holds."""
HOLD_HOURS = 24


@dataclass(frozen=True)
class Call:
    """One call of the ledger: what it is sent, and what must be true after it."""

    send: Callable[[], Awaitable[Any]]
    transfers: int
    """How many this call completes."""
    ids: Array
    """What stands in the journal after it and did not before."""
    expected: Mapping[str, int]


async def prepare(url: str, load: Load) -> None:
    """The schema, every owner's two accounts opened by their first sale, and nothing else."""
    await payments.migrate(url)
    ledger = payments.Ledger(url)
    await ledger.start()
    for start in range(0, len(load.owners), BATCH):
        chosen = np.arange(start, min(start + BATCH, len(load.owners)))
        first = transfers_of(load.records_of(chosen))
        names = [name for one in chosen.tolist() for name in load.owners[one].names]
        outcomes = await ledger.post(*first, opening=names)
        assert set(outcomes) == {payments.Outcome.POSTED}
    await ledger.close()


class Ours(Variant):
    """A ledger in this process, a batch a call."""

    has_transfers_max = OBJECTS_MAX

    def __init__(self, url: str, load: Load, shape: str, *, batch: int = BATCH) -> None:
        super().__init__(url, load, shape)
        self.batch = batch
        self.lanes = range(LANES)
        self._acknowledged: list[Array] = []
        self._book = Book(url)

    async def open(self) -> None:
        """The writer, with batches no larger than a call."""
        self._book.open()
        self.ledger = payments.Ledger(self.url, batch_max=self.batch)
        await self.ledger.start()

    async def make(self, count: int) -> Sequence[Call]:
        """Whole batches, at least one for each call in flight."""
        batches = max(-(-count // self.batch), IN_FLIGHT)
        if self.has_transfers_max is not None:
            batches = max(min(batches, self.has_transfers_max // self.batch), IN_FLIGHT)
        return [call for _ in range(batches) for call in await self.calls()]

    async def calls(self) -> Sequence[Call]:
        """One batch of this variant: plain transfers as objects."""
        records = self._records()
        transfers = transfers_of(records)
        return [self._posting(lambda: self.ledger.post(*transfers), records["id"])]

    async def run(self, made: Sequence[Call], seconds: float) -> Tally:
        """Two calls in flight."""
        results, took, elapsed = await closed_loop([call.send for call in made], IN_FLIGHT, seconds)
        sent = made[: len(results)]
        self._acknowledged += [call.ids for call in sent]
        return Tally(
            sum(call.transfers for call in sent),
            elapsed,
            took,
            [
                f"outcomes {dict(outcomes_of(result))}, expected {dict(call.expected)}"
                for call, result in zip(sent, results, strict=True)
                if outcomes_of(result) != call.expected
            ],
        )

    async def check(self) -> list[str]:
        """Every acknowledged id is there once, nothing else is, and the sums agree."""
        return self._book.wrong(self.acknowledged)

    async def close(self) -> None:
        """Stop the writer."""
        await self.ledger.close()
        self._book.close()

    def disk_bytes(self) -> float | None:
        """The journal's growth since `open`."""
        return self._book.disk_bytes()

    @property
    def acknowledged(self) -> Array:
        """The ids that must stand in the journal, each once."""
        return np.concatenate([np.zeros(0, "V16"), *self._acknowledged])

    def _records(self) -> Array:
        return self.load.records(self.shape, self.batch, self.lanes)

    def _posting(self, send: Callable[[], Awaitable[Any]], ids: Array) -> Call:
        return Call(send, len(ids), ids, {"posted": len(ids)})


class Arrays(Ours):
    """The same as arrays."""

    has_transfers_max = RECORDS_MAX

    async def open(self) -> None:
        """As ever."""
        if not hasattr(payments.Ledger, "post_array"):
            raise Skipped("this ledger takes no arrays")
        await super().open()

    async def calls(self) -> Sequence[Call]:
        """One array a call."""
        records = self._records()
        return [self._posting(lambda: self.ledger.post_array(records), records["id"])]


class Replay(Arrays):
    """Everything is posted before, outside the clock; then the same once more."""

    async def calls(self) -> Sequence[Call]:
        """Every transfer a duplicate."""
        records = self._records()
        first = await self.ledger.post_array(records)
        assert outcomes_of(first) == {"posted": self.batch}
        self._acknowledged.append(records["id"])
        nothing = np.zeros(0, "V16")
        return [
            Call(
                lambda: self.ledger.post_array(records),
                self.batch,
                nothing,
                {"already_posted": self.batch},
            )
        ]


class Refused(Arrays):
    """One in a hundred would overdraw its account; the others are posted all the same."""

    async def calls(self) -> Sequence[Call]:
        """The other way round, and far too much."""
        records = self._records()
        bad = np.arange(0, self.batch, REFUSED_EVERY)
        banks = records["debit_id"][bad]
        records["debit_id"][bad] = records["credit_id"][bad]
        records["credit_id"][bad] = banks
        records["amount_vnd"][bad] = TOO_MUCH_VND
        return [
            Call(
                lambda: self.ledger.post_array(records),
                self.batch,
                np.delete(records["id"], bad),
                {"posted": self.batch - len(bad), "overdrawn": len(bad)},
            )
        ]


class Events(Ours):
    """Every transfer with a fact of its own, as the market's confirmations have."""

    async def calls(self) -> Sequence[Call]:
        """Facts of the size of a receipt's."""
        records = self._records()
        transfers = transfers_of(records)
        facts = [
            Fact(
                "receipt.recorded",
                one.owner_id,
                one.id,
                {"receipt_id": one.id, "owner_id": one.owner_id, "amount_vnd": one.amount_vnd},
                one.occurred_at,
            )
            for one in transfers
        ]
        return [self._posting(lambda: self.ledger.post(*transfers, facts=facts), records["id"])]


class Linked(Ours):
    """Pairs that are posted together or not at all, each pair a call of its own."""

    async def calls(self) -> Sequence[Call]:
        """A batch of pairs, sent at once."""
        owners = np.repeat(self.load.choose(self.shape, self.batch // 2), 2)
        records = self.load.records_of(owners)
        transfers = transfers_of(records)
        pairs = list(zip(transfers[::2], transfers[1::2], strict=True))

        async def send() -> list[payments.Outcome]:
            answers = await asyncio.gather(
                *[self.ledger.post(*pair, linked=True) for pair in pairs]
            )
            return list(itertools.chain.from_iterable(answers))

        return [self._posting(send, records["id"])]


class Callers(Ours):
    """Many callers with one transfer each: what group commit makes of them."""

    def __init__(
        self, url: str, load: Load, shape: str, *, callers: int, batch: int = BATCH
    ) -> None:
        super().__init__(url, load, shape, batch=batch)
        self._callers = callers

    async def make(self, count: int) -> Sequence[Call]:
        """One call a transfer."""
        records = self.load.records(self.shape, min(count, OBJECTS_MAX))
        ids = records["id"]
        return [
            self._posting(partial(self.ledger.post, one), ids[number : number + 1])
            for number, one in enumerate(transfers_of(records))
        ]

    async def run(self, made: Sequence[Call], seconds: float) -> Tally:
        """As many in flight as there are callers."""
        results, took, elapsed = await closed_loop(
            [call.send for call in made], self._callers, seconds
        )
        self._acknowledged += [call.ids for call in made[: len(results)]]
        outcomes = Counter(str(one) for result in results for one in result)
        problems = [] if set(outcomes) <= {"posted"} else [f"outcomes {dict(outcomes)}"]
        return Tally(len(results), elapsed, took, problems)


class Holds(Ours):
    """Money set aside and then moved: two orders, two commits a transfer."""

    async def calls(self) -> Sequence[Call]:
        """A batch of holds, and a batch that posts them all."""
        if not hasattr(payments, "Hold"):
            raise Skipped("this ledger takes no holds")
        records = self._records()
        posted = self.load.new_ids(self.batch)
        holds, posts = [], []
        for one, id_bytes in zip(transfers_of(records), posted.tolist(), strict=True):
            hold = payments.Hold(
                id=one.id,
                owner_id=one.owner_id,
                debit_id=one.debit_id,
                credit_id=one.credit_id,
                amount_vnd=one.amount_vnd,
                kind=one.kind,
                occurred_at=one.occurred_at,
                expires_at=one.occurred_at + timedelta(hours=HOLD_HOURS),
            )
            holds.append(hold)
            posts.append(
                payments.PostHold(
                    id=UUID(bytes=id_bytes),
                    owner_id=one.owner_id,
                    hold_id=one.id,
                    occurred_at=one.occurred_at,
                )
            )
        nothing = np.zeros(0, "V16")
        return [
            Call(lambda: self.ledger.post(*holds), 0, nothing, {"posted": self.batch}),
            self._posting(lambda: self.ledger.post(*posts), posted),
        ]


class Settling(Ours):
    """What the market does: confirmations of transfers to printed codes, with receipt and event."""

    _CALLERS = 2_000

    async def open(self) -> None:
        """Every owner has a bank account and a printed code."""
        await super().open()
        self._codes = open_stands(self.url, self.load)
        self._ids = itertools.count()

    async def make(self, count: int) -> Sequence[Call]:
        """One confirmation a call."""
        made = []
        now = datetime.fromtimestamp(time.time(), UTC)
        chosen = self.load.choose(self.shape, min(count, OBJECTS_MAX // 3))
        receipts = self.load.new_ids(len(chosen)).tolist()
        for owner, receipt in zip(chosen.tolist(), receipts, strict=True):
            told = payments.Confirmation(
                "sepay",
                f"bench-{next(self._ids)}",
                45_000,
                now,
                memo=f"{self._codes[owner]} rau",
                account_no=account_no_of(owner),
                bank_bin=BANK_BIN,
            )
            made.append(
                Call(
                    partial(self.ledger.settle, told, receipt_id=UUID(bytes=receipt), now=now),
                    1,
                    np.zeros(0, "V16"),
                    {},
                )
            )
        return made

    async def run(self, made: Sequence[Call], seconds: float) -> Tally:
        """Each waits for its own answer."""
        results, took, elapsed = await closed_loop(
            [call.send for call in made], self._CALLERS, seconds
        )
        outcomes = Counter(str(result.outcome) for result in results)
        self._settled = getattr(self, "_settled", 0) + outcomes["stand"]
        problems = [] if set(outcomes) <= {"stand"} else [f"outcomes {dict(outcomes)}"]
        return Tally(outcomes["stand"], elapsed, took, problems)

    async def check(self) -> list[str]:
        """As many transfers as were acknowledged; their ids are the ledger's to make."""
        return self._book.wrong(None, count=self._settled)


BANK_BIN = "970436"


def account_no_of(owner: int) -> str:
    """The bank account of the owner with this number."""
    return f"77{owner:010d}"


def open_stands(url: str, load: Load) -> Sequence[str]:
    """A bank account and a printed code for every owner, as rows: their codes, in order."""
    codes = [payments.new_code(owner.id.bytes) for owner in load.owners]
    with psycopg.connect(url) as connection:
        numbers = range(len(load.owners))
        connection.execute(
            "INSERT INTO payments.payee (id, owner_id, bank_bin, account_no, registered_at)"
            " SELECT gen_random_uuid(), x.owner_id, %s, x.account_no, now()"
            " FROM unnest(%s::uuid[], %s::text[]) AS x (owner_id, account_no)",
            (BANK_BIN, [owner.id for owner in load.owners], list(map(account_no_of, numbers))),
        )
        connection.execute(
            "INSERT INTO payments.code (code, owner_id, kind, subject_id, created_at)"
            " SELECT x.code, x.owner_id, 'stand', gen_random_uuid(), now()"
            " FROM unnest(%s::text[], %s::uuid[]) AS x (code, owner_id)",
            (codes, [owner.id for owner in load.owners]),
        )
    return codes


def outcomes_of(result: Any) -> Mapping[str, int]:
    """How often each outcome was answered, of a list or of an array of numbers."""
    if isinstance(result, np.ndarray):
        numbers, counts = np.unique(result, return_counts=True)
        return {
            str(payments.OUTCOMES[number]): int(count)
            for number, count in zip(numbers, counts, strict=True)
        }
    return Counter(str(one) for one in result)
