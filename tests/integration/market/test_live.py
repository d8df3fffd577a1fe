import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from market import live
from market.db import Database

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[live.Hub]:
    opened = live.Hub(database)
    await opened.start()
    yield opened
    await opened.close()


async def told(database: Database, channel: str, number: int) -> None:
    async with database.as_system() as db:
        await live.tell(db, channel, "money", {"number": number}, now=NOW)


async def numbers(stream: AsyncIterator[live.LiveEvent | None], count: int) -> list[int]:
    found: list[int] = []
    async for event in stream:
        if event is not None:
            found.append(event.data["number"])
        if len(found) == count:
            return found
    return found


async def test_a_screen_hears_its_own_channel_in_order(database: Database, hub: live.Hub) -> None:
    listening = asyncio.create_task(numbers(hub.stream("stall:a", None), 3))
    await asyncio.sleep(0)

    for number in range(3):
        await told(database, "stall:b", 100 + number)
        await told(database, "stall:a", number)

    assert await asyncio.wait_for(listening, 5) == [0, 1, 2]


async def test_a_screen_that_comes_back_hears_what_it_missed_first(
    database: Database, hub: live.Hub
) -> None:
    for number in range(5):
        await told(database, "stall:a", number)
    async with database.as_system() as db:
        rows = await db.execute(text("SELECT id FROM market.live_event ORDER BY id"))
        second = list(rows.scalars())[1]

    listening = asyncio.create_task(numbers(hub.stream("stall:a", second), 4))
    await told(database, "stall:a", 5)

    assert await asyncio.wait_for(listening, 5) == [2, 3, 4, 5]


async def test_ids_are_in_commit_order_however_long_a_teller_takes(
    database: Database, hub: live.Hub
) -> None:
    listening = asyncio.create_task(numbers(hub.stream("stall:a", None), 2))
    slow_told, may_commit = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with database.as_system() as db:
            await live.tell(db, "stall:a", "money", {"number": 1}, now=NOW)
            slow_told.set()
            await may_commit.wait()

    first = asyncio.create_task(slow())
    await slow_told.wait()
    second = asyncio.create_task(told(database, "stall:a", 2))
    done, _ = await asyncio.wait({second}, timeout=0.3)
    assert not done, "the second teller waits until the first has committed"
    may_commit.set()
    await asyncio.gather(first, second)

    assert await asyncio.wait_for(listening, 5) == [1, 2]


async def test_a_cut_listening_connection_loses_nothing(database: Database, hub: live.Hub) -> None:
    listening = asyncio.create_task(numbers(hub.stream("stall:a", None), 2))
    await told(database, "stall:a", 1)

    async with database.as_system() as db:
        await db.execute(text("SELECT 1"))
    async with database.as_system() as db:
        await live.tell(db, "stall:a", "money", {"number": 2}, now=NOW)
        await db.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE query LIKE '%market.live_event WHERE id >%' AND pid <> pg_backend_pid()"
            )
        )

    assert await asyncio.wait_for(listening, 10) == [1, 2]
