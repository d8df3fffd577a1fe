"""Balances and pages at any past instant against a plain list, however far the books have come."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

import payments
from market import db as market_db
from market import ids
from payments.ledger.accounts import lane_of

NOON = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
"""Instants lie around midnights in Vietnam (17:00 UTC), so that days matter."""
KINDS = ("bank", "sales", "fees")

instants = st.builds(
    lambda days, hours, seconds: NOON + timedelta(days=days, hours=hours, seconds=seconds),
    st.integers(-1, 1),
    st.sampled_from([0, 11, 12, 13]),
    st.sampled_from([-1, 0, 0, 0, 1]),
)
moves = st.tuples(
    st.permutations(KINDS),
    st.integers(1, 1_000),
    instants,
    instants,
    st.booleans(),
)
feeds = st.one_of(
    st.none(),
    st.tuples(st.just("some"), st.integers(1, 5)),
    st.tuples(st.just("all"), st.integers(1, 5)),
    st.tuples(st.just("anew"), st.just(0)),
)
steps = st.lists(st.tuples(st.lists(moves, min_size=1, max_size=4), feeds), min_size=1, max_size=5)
looks = st.lists(instants, min_size=2, max_size=4, unique=True)


@dataclass(frozen=True)
class Line:
    """What the list knows of a transfer as one account sees it."""

    position: int
    transfer_id: UUID
    amount_vnd: int
    occurred_at: datetime
    recorded_at: datetime


def moved(recorded):
    return (KINDS, 7, NOON, NOON + recorded, True)


class World:
    """One owner, a neighbour in the same lane, and the list of what was written."""

    def __init__(self, connection, db, url):
        self.connection, self.db, self.url = connection, db, url
        self.owner_id = ids.new()
        self.neighbour_id = UUID(int=self.owner_id.int ^ (1 << 100))
        self.lines = {kind: [] for kind in KINDS}

    def name(self, kind, owner_id=None):
        return payments.AccountName(owner_id or self.owner_id, payments.AccountKind(kind))

    async def open(self):
        for owner_id in (self.owner_id, self.neighbour_id):
            for kind in KINDS:
                await self.connection.execute(
                    "INSERT INTO payments.account (lane, id, owner_id, kind, place, balance_vnd,"
                    " opened_at) VALUES ($1, $2, $3, $4, '', 0, $5)",
                    lane_of(owner_id), self.name(kind, owner_id).id, owner_id, kind, NOON,
                )  # fmt: skip

    async def post(self, batch):
        """A transaction of the journal; clocks may say what they like."""
        async with self.connection.transaction():
            base = await self.connection.fetchval("SELECT payments.event_base()")
            for number, (kinds, amount_vnd, occurred_at, recorded_at, is_ours) in enumerate(batch):
                owner_id = self.owner_id if is_ours else self.neighbour_id
                debit, credit = kinds[:2]
                transfer_id = ids.new()
                await self.connection.execute(
                    "INSERT INTO payments.transfer VALUES"
                    " ($1, $2, $3, $4, $5, 12, $6, $7, $8, $9, $6, $6)",
                    base | number + 1, amount_vnd, occurred_at, recorded_at, lane_of(owner_id),
                    transfer_id, owner_id, self.name(debit, owner_id).id,
                    self.name(credit, owner_id).id,
                )  # fmt: skip
                if is_ours:
                    for kind, sign in ((debit, 1), (credit, -1)):
                        grew = amount_vnd * (-sign if kind == "sales" else sign)
                        self.lines[kind].append(
                            Line(base | number + 1, transfer_id, grew, occurred_at, recorded_at)
                        )

    async def feed(self, how, row_count_max):
        if how == "anew":
            await payments.rebuild_statements(self.url, now=NOON)
        else:
            await payments.feed_statements(
                self.url,
                now=NOON,
                row_count_max=row_count_max,
                seconds_max=0 if how == "some" else None,
            )

    async def look(self, kind, looked, limit):
        """Every clock, at these instants and at every instant of a line."""
        for by in ("occurred", "recorded"):
            known = {getattr(line, f"{by}_at") for line in self.lines[kind]}
            for at in known | set(looked):
                told = await payments.balance_vnd_at(self.db, self.name(kind), at, by=by)
                assert told == sum(
                    line.amount_vnd for line in self.lines[kind] if getattr(line, f"{by}_at") <= at
                )
            for since, until in ((None, None), (min(looked), None), (min(looked), max(looked))):
                await self.page(kind, by, limit, since, until)

    async def page(self, kind, by, limit, since, until):
        pages, after = [], 0
        while found := await payments.statement(
            self.db, self.name(kind), after=after, limit=limit, by=by, since=since, until=until
        ):
            assert len(found) <= limit
            pages += found
            after = found[-1].position
        told = [(one.position, one.transfer_id, one.amount_vnd, one.balance_vnd) for one in pages]
        assert told == self.expected(kind, by, since, until)

    def expected(self, kind, by, since, until):
        order = (
            (lambda x: (x.occurred_at, x.position)) if by == "occurred" else lambda x: x.position
        )
        total, expected = 0, []
        for line in sorted(self.lines[kind], key=order):
            total += line.amount_vnd
            instant = getattr(line, f"{by}_at")
            if (since is None or instant >= since) and (until is None or instant < until):
                expected.append((line.position, line.transfer_id, line.amount_vnd, total))
        return expected


async def walk(url, taken, looked, limit):
    engine = create_async_engine(market_db.sqlalchemy_url(url, "asyncpg"))
    connection = await asyncpg.connect(url)
    try:
        async with market_db.Session(engine) as db:
            world = World(connection, db, url)
            await world.open()
            for number, (batch, feed) in enumerate(taken):
                await world.post(batch)
                if feed is not None:
                    await world.feed(*feed)
                await world.look(KINDS[number % 3], looked[:2], limit)
                await db.rollback()
            for kind in KINDS:
                await world.look(kind, looked, limit)
    finally:
        await connection.close()
        await engine.dispose()


@pytest.mark.slow
@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps, looks, st.integers(1, 4))
@example(
    # One day recorded in three runs while the clock steps back, by a second and then over midnight.
    [
        ([moved(recorded=timedelta(hours=13))], ("all", 5)),
        ([moved(recorded=timedelta(hours=12))], ("all", 5)),
        ([moved(recorded=timedelta(hours=11))], ("all", 5)),
        ([moved(recorded=timedelta(hours=13))], ("all", 5)),
    ],
    [NOON + timedelta(hours=11), NOON + timedelta(hours=12)],
    2,
)
def test_every_balance_and_page_is_what_a_plain_list_says(database_url, taken, looked, limit):
    asyncio.run(walk(database_url, taken, looked, limit))
