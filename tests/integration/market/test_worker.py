"""Jobs run once a turn, their failures are kept, and a real broker delivers them."""

import asyncio
import sys

import pytest
from sqlmodel import select

from market import broker, outbox, worker
from market.flows import Context
from market.relay import Relay
from market.settings import Settings, SettingsError
from market.tables import OutboxRow


@pytest.fixture
def context(database, clock) -> Context:
    return Context(database, Settings(), clock)


async def ask(context: Context, job: str, **arguments: object):
    async with context.database.as_system() as db:
        return await outbox.enqueue(db, job, arguments, context.now())


async def only_row(context: Context) -> OutboxRow:
    async with context.database.as_system() as db:
        return (await db.exec(select(OutboxRow))).one()


async def test_a_job_is_given_its_arguments_and_done(context):
    heard = []

    async def greet(given: Context, arguments) -> None:
        heard.append((given, arguments))

    row_id = await ask(context, "greet", name="Lan")

    await worker.run_row(context, {"greet": greet}, row_id, 0)

    assert heard == [(context, {"name": "Lan"})]
    assert (await only_row(context)).done_at == context.now()


async def test_a_doubled_message_runs_the_job_once(context):
    runs = []

    async def greet(given: Context, arguments) -> None:
        runs.append(arguments)

    row_id = await ask(context, "greet")

    await asyncio.gather(*(worker.run_row(context, {"greet": greet}, row_id, 0) for _ in range(4)))

    assert len(runs) == 1


async def test_a_job_may_use_the_database_while_its_row_is_begun(context):
    async def look(given: Context, arguments) -> None:
        async with given.database.as_system() as db:
            row = (await db.exec(select(OutboxRow).with_for_update(nowait=True))).one()
            assert row.attempts == 1

    row_id = await ask(context, "look")

    await worker.run_row(context, {"look": look}, row_id, 0)

    assert (await only_row(context)).error == ""


async def test_what_a_job_raises_is_kept_and_the_row_waits(context):
    async def greet(given: Context, arguments) -> None:
        raise ConnectionError("nobody answers")

    row_id = await ask(context, "greet")

    await worker.run_row(context, {"greet": greet}, row_id, 0)

    row = await only_row(context)
    assert row.done_at is None
    assert row.error == "ConnectionError: nobody answers"
    assert row.available_at > context.now()


async def test_a_job_this_release_does_not_have_is_an_error_of_its_row(context):
    row_id = await ask(context, "dance")

    await worker.run_row(context, {}, row_id, 0)

    assert (await only_row(context)).error == "JobUnknown: dance"


async def test_a_periodic_job_that_fails_is_over_until_its_next_tick(context):
    async def sweep(given: Context, arguments) -> None:
        raise ValueError("no")

    async with context.database.as_system() as db:
        await outbox.enqueue_tick(db, "expire_payments", context.now())
    row = await only_row(context)

    await worker.run_row(context, {"expire_payments": sweep}, row.id, 0)

    assert (await only_row(context)).done_at == context.now()
    assert (await only_row(context)).error == "ValueError: no"


async def test_a_worker_on_postgresql_runs_what_the_relay_hands_out(
    database, database_url, clock, until
):
    heard: list[str] = []

    async def greet(given: Context, arguments) -> None:
        heard.append(arguments["name"])

    settings = Settings(database_url=database_url)
    context = Context(database, settings, clock)
    queue = await asyncio.to_thread(broker.connect, settings)
    running = await asyncio.to_thread(worker.start, settings, {"greet": greet})
    for name in ("Lan", "Hoa", "Mai"):
        await ask(context, "greet", name=name)

    try:
        await Relay(database, queue, reactions={}, periodic={}, now=clock).hand_out()
        await until(lambda: len(heard) == 3)
    finally:
        await asyncio.to_thread(running.stop, 3000)
        for one in (running.broker, queue):
            one.close()

    assert sorted(heard) == ["Hoa", "Lan", "Mai"]


@pytest.mark.parametrize("url", ["http://example.test", "kafka://example.test"])
def test_a_broker_of_another_kind_is_refused_by_name(url):
    with pytest.raises(SettingsError, match="MARKET_BROKER_URL must begin with"):
        broker.connect(Settings(broker_url=url))


@pytest.mark.parametrize("url", ["amqp://localhost", "redis://localhost"])
def test_a_broker_whose_driver_is_missing_names_the_extra_to_install(url, monkeypatch):
    monkeypatch.setitem(sys.modules, "dramatiq.brokers.rabbitmq", None)
    monkeypatch.setitem(sys.modules, "dramatiq.brokers.redis", None)

    with pytest.raises(SettingsError, match=r"cho-market\[(rabbitmq|redis)\]"):
        broker.connect(Settings(broker_url=url))
