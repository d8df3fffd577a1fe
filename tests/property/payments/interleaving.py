"""Eight connections at once, and whether one order of all they did explains every answer.

All that changes anything in a lane holds the lane until its commit, and takes its transaction's
number meanwhile. So the numbers, and within one transaction the order of asking, are the order in
which things happened: it is read back from the rows, the model follows it, and

- whatever was answered "posted" is posted by the model too, at its place in that order;
- whatever was answered before something else was asked also comes before it;
- every other answer is what the model says at some place between the asking and the answer;
- in the end all rows are those of the model, none more.
"""

import asyncio
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from random import Random
from uuid import UUID

import asyncpg
import numpy as np

import payments
from payments.ledger.accounts import lane_of
from payments.ledger.orders import Hold, VoidHold
from payments.ledger.transfer import Transfer
from tests.property.payments.world import Asker, World

CONNECTIONS = 8
IN_FLIGHT = 4
"""Calls that wait at once on each connection, so that some share a commit."""
IDS = ("id", "owner_id", "debit_id", "credit_id", "subject_id", "place_id")
VIETNAM = timezone(timedelta(hours=7))


@dataclass
class Call:
    """What one worker did, and when: by a count of all askings and answers."""

    orders: list
    linked: bool = False
    asked: int = 0
    answered: int = 0
    days: tuple[date, ...] = ()
    outcomes: list[str] = field(default_factory=list)


@dataclass
class Step:
    """Something that happened in a lane: orders that were posted, an account changed, holds expired."""

    number: int
    """Of its transaction."""
    call: Call
    index: int
    day: date | None = None
    orders: list = field(default_factory=list)
    changed: tuple[UUID, dict] | None = None
    expired: tuple[int, UUID] | None = None


class Interleaving:
    """So many operations, in calls drawn from the seed, on eight ledgers."""

    def __init__(self, url: str, world: World, seed: int, operation_count: int) -> None:
        self._url, self._world = url, world
        self._draw = Random(seed)
        self._operation_count = operation_count
        self._ticks = 0
        self.calls: list[Call] = []
        self.steps: dict[int, list[Step]] = {lane: [] for lane in world.lanes}
        self._expiring: dict[int, Call] = {}
        self._owner: asyncpg.Connection | None = None
        self._owner_lock = asyncio.Lock()

    # ── Running ─────────────────────────────────────────────────────────────────────────────────

    async def run(self) -> None:
        self._owner = await asyncpg.connect(self._url)
        ledgers = [payments.Ledger(self._url, "market_system") for _ in range(CONNECTIONS)]
        for one in ledgers:
            await one.start()
        work = self._work()
        await asyncio.gather(*[self._worker(one, work) for one in ledgers * IN_FLIGHT])
        for one in ledgers:
            await one.close()
        await self._read_steps()
        await self._owner.close()

    def _work(self) -> Iterator:
        """The same for every run of a seed, whoever takes which."""
        asker, asked = Asker(self._world), 0
        while asked < self._operation_count:
            chance = self._draw.random()
            if chance < 0.01:
                yield "expire", self._draw.randint(1, 3)
            elif chance < 0.03:
                yield "change", self._change()
            else:
                orders, linked = asker.call(self._draw)
                asked += len(orders)
                is_flat = not linked and all(isinstance(one, Transfer) for one in orders)
                yield (
                    ("array" if is_flat and self._draw.random() < 0.3 else "call"),
                    (orders, linked),
                )

    def _change(self) -> tuple[UUID, dict]:
        """Mostly what an account is in peace, or the others would have nothing to do."""
        changed_id = self._draw.choice(list(self._world.model.accounts))
        (state,) = self._draw.choices(["", "frozen", "closed"], (80, 10, 10))
        return changed_id, {
            "state": state,
            "out_vnd_max": self._draw.choice([None, 2_000, 100_000]),
        }

    async def _worker(self, ledger: payments.Ledger, work: Iterator) -> None:
        for kind, what in work:
            call = Call(*what) if kind in {"call", "array"} else Call([])
            self._ticks += 1
            call.asked, day = self._ticks, _today()
            if call.orders:
                self.calls.append(call)
                call.outcomes = await _post(ledger, call, as_array=kind == "array")
            else:
                await (self._expire if kind == "expire" else self._do_change)(call, what)
            self._ticks += 1
            call.answered, call.days = self._ticks, tuple({day, _today()})

    async def _expire(self, call: Call, count_max: int) -> None:
        async with self._owner_lock, self._owner.transaction():
            await self._owner.execute(
                "SELECT payments.expire_holds($1, $2)", self._world.far + timedelta(1), count_max
            )
            self._expiring[await self._transaction()] = call

    async def _do_change(self, call: Call, change: tuple[UUID, dict]) -> None:
        changed_id, what = change
        lane = lane_of(self._world.model.accounts[changed_id].owner_id)
        async with self._owner_lock, self._owner.transaction():
            await self._owner.execute("SELECT payments.lock_lanes(ARRAY[$1::smallint])", lane)
            await self._owner.execute(
                "UPDATE payments.account SET out_vnd_max = $3,"
                " frozen_at = CASE WHEN $4 = 'frozen' THEN now() END,"
                " closed_at = CASE WHEN $4 = 'closed' THEN now() END WHERE lane = $1 AND id = $2",
                lane, changed_id, what["out_vnd_max"], what["state"],
            )  # fmt: skip
            number = await self._transaction()
        self.steps[lane].append(Step(number, call, 0, changed=change))

    async def _transaction(self) -> int:
        return int(await self._owner.fetchval("SELECT pg_current_xact_id()::text"))

    # ── What happened, in order ─────────────────────────────────────────────────────────────────

    async def _read_steps(self) -> None:
        """Every row belongs to an answer "posted", and the other way round."""
        transfers = {
            (row[0], row[1]): (row[2], row[3].astimezone(VIETNAM).date())
            for row in await self._owner.fetch(
                "SELECT lane, id, position >> 20, recorded_at FROM payments.transfer"
            )
        }
        holds = {
            (row[0], row[1]): (int(row[2]), None)
            for row in await self._owner.fetch("SELECT lane, id, xmin::text FROM payments.hold")
        }
        ends = await self._owner.fetch(
            "SELECT lane, id, xmin::text, outcome, hold_id FROM payments.hold_end"
        )
        voids = {(row[0], row[1]): (int(row[2]), None) for row in ends if row[3] == "voided"}
        for lane, _, number, outcome, hold_id in ends:
            if outcome == "expired":
                call = self._expiring[int(number)]
                self.steps[lane].append(Step(int(number), call, 0, expired=(lane, hold_id)))
        unexplained = {"transfer": transfers, "hold": holds, "void": voids}
        for call in self.calls:
            whole = call.linked and set(call.outcomes) == {"posted"}
            for index, one in enumerate(call.orders):
                if call.outcomes[index] != "posted":
                    continue
                number, day = unexplained[_table(one)].pop((lane_of(one.owner_id), one.id))
                if not whole:
                    self._add(Step(number, call, index, day, [one]))
                elif index == len(call.orders) - 1:
                    self._add(Step(number, call, 0, day or call.days[0], call.orders))
        assert unexplained == {"transfer": {}, "hold": {}, "void": {}}, "rows nobody was told of"
        for steps in self.steps.values():
            steps.sort(key=lambda step: (step.number, step.call.asked, step.index))

    def _add(self, step: Step) -> None:
        self.steps[lane_of(step.orders[0].owner_id)].append(step)

    # ── Whether it can have been so ─────────────────────────────────────────────────────────────

    def explain(self) -> None:
        """Raises AssertionError with the first thing the model does not follow."""
        now = datetime.now(UTC)  # noqa: TID251 - every deadline is years away from it
        for lane, steps in self.steps.items():
            _in_real_order(steps)
            waiting = self._refused(lane, steps)
            for place in range(len(steps) + 1):
                waiting.ask(place, self._world.model, now)
                if place < len(steps):
                    self._follow(lane, steps[place], now)

    def _follow(self, lane: int, step: Step, now: datetime) -> None:
        model = self._world.model
        if step.changed:
            changed_id, what = step.changed
            model.change(changed_id, **what)
        elif step.expired:
            model.expire(*step.expired)
        else:
            day = step.day or step.call.days[0]
            outcomes = model.post(step.orders, now, day, linked=step.call.linked)
            assert set(outcomes) == {"posted"}, f"lane {lane}: {step} would be {outcomes}"

    def _refused(self, lane: int, steps: list[Step]) -> "Refused":
        """All of this lane that were not posted, with the places at which that may have been said."""
        first_asked_after, last_answered_before = _bounds(steps)
        refused = Refused(len(steps))
        for call in self.calls:
            low = bisect_right(last_answered_before, call.asked)
            high = bisect_right(first_asked_after, call.answered)
            if call.linked:
                if "posted" not in call.outcomes and lane_of(call.orders[0].owner_id) == lane:
                    refused.add(low, high, call, call.orders, call.outcomes)
                continue
            for one, outcome in zip(call.orders, call.outcomes, strict=True):
                if outcome != "posted" and lane_of(one.owner_id) == lane:
                    refused.add(low, high, call, [one], [outcome])
        return refused


class Refused:
    """Answers that changed nothing, waiting for a place at which they are true."""

    def __init__(self, place_count: int) -> None:
        self._begin: list[list] = [[] for _ in range(place_count + 1)]
        self._open: list = []

    def add(self, low: int, high: int, call: Call, orders: list, outcomes: list[str]) -> None:
        self._begin[low].append((high, call, orders, outcomes))

    def ask(self, place: int, model, now: datetime) -> None:
        still = []
        for one in self._open + self._begin[place]:
            high, call, orders, outcomes = one
            said = [
                model.post(orders, now, day, linked=call.linked, keep=False) for day in call.days
            ]
            if outcomes in said:
                continue
            assert place < high, f"{orders} were answered {outcomes}, the model says {said}"
            still.append(one)
        self._open = still


async def _post(ledger: payments.Ledger, call: Call, *, as_array: bool) -> list[str]:
    if not as_array:
        return [one.value for one in await ledger.post(*call.orders, linked=call.linked)]
    rows = [
        (
            *(getattr(one, name).bytes for name in IDS),
            one.amount_vnd,
            (one.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1),
            one.kind,
        )
        for one in call.orders
    ]
    numbers = await ledger.post_array(np.array(rows, payments.TRANSFER_DTYPE))
    return [payments.OUTCOMES[number].value for number in numbers]


def _bounds(steps: list[Step]) -> tuple[list[int], list[int]]:
    """Two growing lists: the latest asking up to each step, the earliest answer from each step on."""
    asked, answered = [], []
    for step in steps:
        asked.append(max(step.call.asked, asked[-1] if asked else 0))
    for step in reversed(steps):
        answered.append(min(step.call.answered, answered[-1] if answered else step.call.answered))
    return asked, answered[::-1]


def _in_real_order(steps: list[Step]) -> None:
    latest = 0
    for step in steps:
        assert step.call.answered > latest, f"{step} was answered before what precedes it was asked"
        latest = max(latest, step.call.asked)


def _table(order) -> str:
    return {Hold: "hold", VoidHold: "void"}.get(type(order), "transfer")


def _today() -> date:
    return datetime.now(VIETNAM).date()  # noqa: TID251 - what the database's clock says as well
