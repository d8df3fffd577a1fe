"""Demo worlds, with three days of trade and without, made once a run and copied for each test."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from sqlalchemy import make_url

from market import clock
from market.db import Database
from market.demo import history, world
from market.demo.plan import WorldPlan

DEMO_SEED = 7
DEMO_DAYS = 3
WORLD_BEGAN = datetime(2026, 10, 14, 17, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture(scope="session")
def demo_now() -> datetime:
    """The instant up to which the demo world has traded."""
    return clock.now()


@pytest.fixture(scope="session")
def demo_began(demo_now: datetime) -> datetime:
    """The instant its trade began."""
    return clock.day_bounds(clock.local_day(demo_now - timedelta(days=DEMO_DAYS)))[0]


@pytest.fixture(scope="session")
def demo_template(
    server_url: str, template: str, demo_began: datetime, demo_now: datetime
) -> Iterator[tuple[str, WorldPlan]]:
    """A database with the demo's world and its past, and the plan it was made from."""
    name = f"demo_{os.getpid()}"
    _admin(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    plan = asyncio.run(_build(_url(server_url, name), demo_began, demo_now))
    yield name, plan
    _admin(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def demo_plan(demo_template: tuple[str, WorldPlan]) -> WorldPlan:
    """The plan of the demo's world."""
    return demo_template[1]


@pytest.fixture
def demo_url(server_url: str, demo_template: tuple[str, WorldPlan]) -> Iterator[str]:
    """A libpq URL of a demo market of this test alone."""
    name = f"demo_{os.getpid()}_{next(_numbers)}"
    _admin(server_url, f"CREATE DATABASE {name} TEMPLATE {demo_template[0]}")
    yield _url(server_url, name)
    _admin(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def world_template(server_url: str, template: str) -> Iterator[tuple[str, WorldPlan]]:
    """A database with the demo's world as it stood on 15 October 2026, before any trade."""
    name = f"world_{os.getpid()}"
    _admin(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    plan = asyncio.run(_build(_url(server_url, name), WORLD_BEGAN, WORLD_BEGAN))
    yield name, plan
    _admin(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def world_plan(world_template: tuple[str, WorldPlan]) -> WorldPlan:
    """The plan of the world without trade."""
    return world_template[1]


@pytest.fixture
def world_url(server_url: str, world_template: tuple[str, WorldPlan]) -> Iterator[str]:
    """A libpq URL of a market before any trade, of this test alone."""
    name = f"world_{os.getpid()}_{next(_numbers)}"
    _admin(server_url, f"CREATE DATABASE {name} TEMPLATE {world_template[0]}")
    yield _url(server_url, name)
    _admin(server_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _build(url: str, began: datetime, now: datetime) -> WorldPlan:
    database = Database(url, pool_size=2)
    async with database.as_system() as db:
        plan = await world.demo_world(db, DEMO_SEED, began)
    await history.write_history(database, plan, DEMO_SEED, began, now)
    await database.close()
    return plan


def _url(server_url: str, database: str) -> str:
    return make_url(server_url).set(database=database).render_as_string(hide_password=False)


def _admin(server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)
