"""Generated histories against the ledger of plain dicts: the real writer on a real PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import hypothesis
import psycopg
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

import payments
from payments.ledger.accounts import lane_of
from tests.property.payments.world import DEADLINE_HOURS, Asker, World

STEPS = 30
OPERATIONS_PER_EXAMPLE = 150
"""Examples cost more than calls of the other proofs: so many fewer of them."""
VIETNAM = timezone(timedelta(hours=7))
draws = st.randoms(use_true_random=True)


class LedgerMachine(RuleBasedStateMachine):
    """One connection, one call after the other; every example has owners of its own."""

    connection: psycopg.Connection
    runner: asyncio.Runner
    ledger: payments.Ledger
    world_count = 0
    operation_count = 0

    def __init__(self):
        super().__init__()
        type(self).world_count += 1
        self.world = World(self.world_count)
        self.world.open(self.connection)
        self.asker = Asker(self.world)

    @rule(draw=draws)
    def ask(self, draw):
        orders, linked = self.asker.call(draw)

        day = _today()
        told = self.runner.run(self.ledger.post(*orders, linked=linked))

        self.agree(told, self.world.model.post(orders, _now(), day, linked=linked))

    @rule(draw=draws, count=st.integers(1, 12))
    def ask_at_once(self, draw, count):
        """Calls that share a commit are carried out in the order they were made."""
        calls = [self.asker.call(draw) for _ in range(count)]

        async def post():
            return await asyncio.gather(
                *[self.ledger.post(*orders, linked=linked) for orders, linked in calls]
            )

        day = _today()
        for told, (orders, linked) in zip(self.runner.run(post()), calls, strict=True):
            self.agree(told, self.world.model.post(orders, _now(), day, linked=linked))

    @rule(hours=st.integers(0, DEADLINE_HOURS - 1))
    def expire(self, hours):
        """The clock passes the deadlines of some holds."""
        assert self.world.expire(self.connection, hours) == []

    @rule(
        draw=draws,
        state=st.sampled_from(["", "", "", "", "", "", "frozen", "closed"]),
        out_vnd_max=st.sampled_from([None, 300, 4_000]),
    )
    def change(self, draw, state, out_vnd_max):
        changed_id = draw.choice(list(self.world.model.accounts))
        lane = lane_of(self.world.model.accounts[changed_id].owner_id)

        self.connection.execute(
            "UPDATE payments.account SET out_vnd_max = %s,"
            " frozen_at = CASE WHEN %s = 'frozen' THEN now() END,"
            " closed_at = CASE WHEN %s = 'closed' THEN now() END WHERE lane = %s AND id = %s",
            (out_vnd_max, state, state, lane, changed_id),
        )

        self.world.model.change(changed_id, state=state, out_vnd_max=out_vnd_max)

    def agree(self, told, expected):
        hypothesis.assume(_today() == _today())
        assert [one.value for one in told] == expected
        type(self).operation_count += len(expected)

    def teardown(self):
        assert self.world.differences(self.connection) == []
        assert self.world.expire(self.connection) == []


async def _started(url):
    ledger = payments.Ledger(url, "market_system")
    await ledger.start()
    return ledger


def test_the_ledger_answers_and_holds_what_the_model_says(
    database_url, ledger_seed, operation_count, record_property, problems_of
):
    example_count = max(5, operation_count // OPERATIONS_PER_EXAMPLE)
    with (
        psycopg.connect(database_url, autocommit=True) as connection,
        asyncio.Runner() as runner,
    ):
        ledger = runner.run(_started(database_url))
        fields = {"connection": connection, "runner": runner, "ledger": ledger}
        machine = hypothesis.seed(ledger_seed)(type("Machine", (LedgerMachine,), fields))

        run_state_machine_as_test(
            machine,
            settings=hypothesis.settings(
                max_examples=example_count,
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                suppress_health_check=list(hypothesis.HealthCheck),
            ),
        )

        runner.run(ledger.close())
        problems = runner.run(problems_of())

    record_property("operations", machine.operation_count)
    assert problems == []


def _now():
    return datetime.now(UTC)  # noqa: TID251 - every deadline is years away from it


def _today():
    return datetime.now(VIETNAM).date()  # noqa: TID251 - what the database's clock says as well
