"""What every test may ask for: a real PostgreSQL, migrated, one fresh database per test.

The tests' folders are in memory where there is room: a database is copied for nearly every test, which
is five hundred files to write and sync each time. What is killed here is a process, never the machine,
so nothing proven about a crash depends on the disk. PYTEST_DEBUG_TEMPROOT chooses another place.
"""

import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from market import db as market_db
from market.embedded import Cluster

MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of its own in it
MEMORY_BYTES_MIN = 6_000_000_000
"""Two workers have some five clusters open between them, of 300 MB each."""
TEMPORARY = "PYTEST_DEBUG_TEMPROOT"
_numbers = itertools.count()


def pytest_configure() -> None:
    """Choose where the folders of the tests are; the workers are told by the first process."""
    if os.access(MEMORY, os.W_OK) and _has_room():
        os.environ.setdefault(TEMPORARY, str(MEMORY))  # noqa: TID251 - pytest reads it there


def pytest_addoption(parser: pytest.Parser) -> None:
    """How far the ledger's own proofs go; see docs/testing-the-ledger.md."""
    parser.addoption("--ledger-operations", type=int, default=6_000, help="asked of the ledger")
    parser.addoption("--ledger-faults", type=int, default=10, help="drawn in the storm")
    parser.addoption(
        "--races", type=int, default=50, help="for the last item; see docs/suspense.md"
    )
    parser.addoption("--ledger-seed", type=int, help="replays a failure")


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server: `MARKET_TEST_DATABASE_URL`, or an embedded cluster of this run."""
    given = os.environ.get("MARKET_TEST_DATABASE_URL")  # noqa: TID251 - chooses the server under test
    if given:
        yield given
        return
    cluster = Cluster(Path(tmp_path_factory.mktemp("postgres")))
    yield cluster.start()
    cluster.stop()


def _has_room() -> bool:
    """Whether there is a file system in memory, with room in it and in the machine."""
    try:
        said = Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]
        return min(shutil.disk_usage(MEMORY).free, int(said) * 1024) >= MEMORY_BYTES_MIN
    except (OSError, IndexError):
        return False


def url_of(server_url: str, database: str) -> str:
    return make_url(server_url).set(database=database).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """A migrated database that tests are copied from."""
    name = f"template_{os.getpid()}"
    _admin(server_url, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    market_db.migrate(url_of(server_url, name))
    yield name
    _admin(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(server_url: str, template: str) -> Iterator[str]:
    """A libpq URL of a fresh, migrated database of this test alone (as its owner)."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    _admin(server_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield url_of(server_url, name)
    _admin(server_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[AsyncSession]:
    """A session on the fresh database, as its owner; the test commits where it must."""
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"))
    async with market_db.Session(engine, expire_on_commit=False) as session:
        yield session
    await engine.dispose()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[market_db.Database]:
    """The pools of a web process on the fresh database, with both roles."""
    opened = market_db.Database(database_url, pool_size=4)
    yield opened
    await opened.close()


def _admin(server_url: str, statement: str) -> None:
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(statement)
