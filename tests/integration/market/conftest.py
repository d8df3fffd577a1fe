"""What the tests of the market's processes share."""

import asyncio
import inspect
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from market import ids
from market.db import Database
from payments import events


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def pass_by(self, **length: float) -> None:
        self.instant += timedelta(**length)


@pytest.fixture
def until() -> Callable[..., object]:
    """Waits until something in another task, thread or process has become true."""

    async def wait(true: Callable[[], object], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while True:
                answer = true()
                if await answer if inspect.isawaitable(answer) else answer:
                    return
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def append(database: Database, clock: Clock) -> Callable[..., object]:
    """Commits an event to the payments log, in a transaction of its own."""

    async def commit(kind: str, *, owner_id: UUID | None = None, **data: object) -> None:
        async with database.as_system() as db:
            await events.append(db, kind, owner_id, ids.new(), data, clock())

    return commit
