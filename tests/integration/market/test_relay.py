"""Events become effects exactly once, in order, whatever fails between."""

import asyncio

import asyncpg
import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker
from sqlalchemy import text

from market import broker, outbox
from market.db import Database
from market.flows import Event
from market.relay import EVENT_COUNT_MAX, LEADER_LOCK, TRIES_ALONE, Relay, lead


class Diary:
    """Reactions that write down what happened, in the database, in their own transaction."""

    def __init__(self) -> None:
        self.failing: set[str] = set()
        self.tried = 0

    async def note(self, db, event: Event, now) -> None:
        self.tried += 1
        await db.execute(
            text("INSERT INTO diary (word) VALUES (:word)"), {"word": event.data["word"]}
        )
        if event.data["word"] in self.failing:
            raise ValueError(f"cannot read {event.data['word']}")


@pytest.fixture
async def diary(database: Database, database_url: str) -> Diary:
    connection = await asyncpg.connect(database_url)
    await connection.execute(
        "CREATE TABLE diary (id bigint GENERATED ALWAYS AS IDENTITY, word text);"
        "GRANT ALL ON diary TO market_system; ALTER ROLE market_system SET search_path TO public"
    )
    await connection.close()
    return Diary()


@pytest.fixture
def queue() -> dramatiq.Broker:
    stub = StubBroker(middleware=[])
    stub.declare_queue(broker.QUEUE)
    return stub


@pytest.fixture
def relay(database, diary, queue, clock) -> Relay:
    return Relay(database, queue, reactions={"said": diary.note}, periodic={}, now=clock)


async def words(database: Database) -> list[str]:
    async with database.as_system() as db:
        return list((await db.execute(text("SELECT word FROM diary ORDER BY id"))).scalars())


async def test_events_are_followed_in_order_and_once(relay, append, database):
    for word in ("một", "hai", "ba"):
        await append("said", word=word)

    await relay.follow()
    await relay.follow()

    assert await words(database) == ["một", "hai", "ba"]


async def test_an_event_nobody_reacts_to_is_stepped_over(relay, append, database):
    await append("unknown.kind", word="x")
    await append("said", word="một")

    await relay.follow()

    assert await words(database) == ["một"]


async def test_more_events_than_one_transaction_takes_are_all_followed(relay, append, database):
    for number in range(EVENT_COUNT_MAX + 3):
        await append("said", word=str(number))

    while await relay.step():
        pass

    assert await words(database) == [str(number) for number in range(EVENT_COUNT_MAX + 3)]


async def test_a_bad_event_stands_aside_and_the_others_go_on(relay, append, database, diary):
    diary.failing = {"hai"}
    for word in ("một", "hai", "ba"):
        await append("said", word=word)

    while await relay.follow():
        pass

    assert await words(database) == ["một", "ba"]


async def test_what_stumbled_once_makes_nobody_wait_for_the_next_look(
    relay, append, database, diary
):
    diary.failing = {"hai"}
    for word in ("một", "hai", "ba"):
        await append("said", word=word)

    while await relay.step():
        diary.failing = set()

    assert await words(database) == ["một", "hai", "ba"]


async def test_an_event_that_stood_aside_happens_once_its_cause_is_mended(
    relay, append, database, diary, clock
):
    diary.failing = {"hai"}
    await append("said", word="hai")
    while await relay.follow():
        pass
    failed_again = await relay.react()
    diary.failing = set()

    too_early = await relay.react()
    clock.pass_by(seconds=2)
    mended = await relay.react()
    none_left = await relay.react()

    assert (failed_again, too_early, mended, none_left) == (True, False, True, False)
    assert await words(database) == ["hai"]


async def test_a_bad_event_is_tried_alone_a_few_times_first(relay, append, diary):
    diary.failing = {"hai"}
    await append("said", word="hai")

    while await relay.follow():
        pass

    assert diary.tried == 1 + TRIES_ALONE


async def test_an_announced_event_has_its_effect_with_the_transaction_that_announced_it(
    relay, database, clock
):
    async with database.as_system() as db:
        await outbox.announce(db, "said", {"word": "một"}, clock())
    async with database.as_system() as db:
        await outbox.announce(db, "said", {"word": "never"}, clock())
        await db.rollback()

    while await relay.react():
        pass

    assert await words(database) == ["một"]


async def test_two_relays_that_both_believe_they_lead_do_not_double_an_effect(
    database, database_url, diary, queue, append, clock
):
    other = Database(database_url, pool_size=2)
    relays = [
        Relay(each, queue, reactions={"said": diary.note}, periodic={}, now=clock)
        for each in (database, other)
    ]
    for number in range(50):
        await append("said", word=str(number))

    for _ in range(5):
        await asyncio.gather(*(each.follow() for each in relays))
    await other.close()

    assert await words(database) == [str(number) for number in range(50)]


async def test_due_work_reaches_the_broker_as_one_message_with_its_turn(
    relay, database, queue, clock
):
    async with database.as_system() as db:
        row_id = await outbox.enqueue(db, "greet", {}, clock())

    handed = [await relay.hand_out(), await relay.hand_out()]

    sent = dramatiq.Message.decode(queue.queues[broker.QUEUE].get_nowait())
    assert handed == [1, 0]
    assert sent.actor_name == broker.ACTOR
    assert sent.args == (str(row_id), 0)


async def test_periodic_work_is_asked_for_at_its_pace(database, queue, clock):
    relay = Relay(database, queue, reactions={}, periodic={"sweep": 30}, now=clock)

    asked = []
    for _ in range(4):
        await relay.tick()
        async with database.as_system() as db:
            asked += [row_id for row_id, _ in await outbox.hand_out(db, clock(), 10)]
            await db.execute(text("UPDATE market.outbox SET done_at = now()"))
        clock.pass_by(seconds=15)

    assert len(asked) == 2


async def test_one_leads_and_the_next_takes_over_when_its_connection_is_cut(
    relay, database, database_url, append, until
):
    stop = asyncio.Event()
    leaders = [asyncio.create_task(lead(relay, database_url, stop)) for _ in range(2)]
    watcher = await asyncpg.connect(database_url)
    first = await leader_pid(watcher)

    await watcher.execute("SELECT pg_terminate_backend($1)", first)
    second = await leader_pid(watcher, other_than=first)
    await append("said", word="sau")
    await until(lambda: words(database))
    stop.set()
    await asyncio.gather(*leaders)
    await watcher.close()

    assert second != first
    assert await words(database) == ["sau"]


async def leader_pid(connection: asyncpg.Connection, other_than: int = 0) -> int:
    async with asyncio.timeout(10):
        while True:
            pid = await connection.fetchval(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND granted"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
                LEADER_LOCK,
            )
            if pid is not None and pid != other_than:
                return int(pid)
            await asyncio.sleep(0.01)


async def test_a_woken_leader_follows_an_event_well_within_its_poll(
    relay, database, database_url, append, until
):
    stop = asyncio.Event()
    leader = asyncio.create_task(lead(relay, database_url, stop))
    watcher = await asyncpg.connect(database_url)
    await leader_pid(watcher)
    await asyncio.sleep(0.3)  # so that the leader's pause has grown long

    began = asyncio.get_running_loop().time()
    await append("said", word="nhanh")
    await until(lambda: words(database))
    took = asyncio.get_running_loop().time() - began
    stop.set()
    await leader
    await watcher.close()

    assert took < 0.7
