"""A vendor's day, writers in processes of their own, a server that may be killed; and a count."""

import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from random import Random, SystemRandom
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine

import payments
from market import db as market_db
from market import ids
from market.embedded import Cluster
from payments.ledger.accounts import LANES
from tests.faults.payments.day import BANK_BIN, NOW, Day, identifier
from tests.faults.payments.proxy import Proxy
from tests.faults.payments.till import Till

_numbers = itertools.count()


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def owner_id() -> UUID:
    return ids.new()


@pytest.fixture
async def payee(database_url: str, owner_id: UUID) -> payments.Payee:
    return await _open_owner(database_url, owner_id, "9990001112223")


@pytest.fixture
async def clean(database_url: str) -> AsyncIterator[None]:
    yield
    assert (await payments.audit(database_url)).problems == ()


@pytest.fixture
def cash_of(owner_id: UUID):
    def cash(**changes) -> payments.CashSale:
        fields = {"id": ids.new(), "owner_id": owner_id, "amount_vnd": 1_000, "occurred_at": NOW}
        return payments.CashSale(**(fields | changes))

    return cash


async def _open_owner(url: str, owner_id: UUID, account_no: str) -> payments.Payee:
    payee = payments.Payee(
        id=ids.new(), owner_id=owner_id, bank_bin=BANK_BIN, account_no=account_no
    )
    engine = create_async_engine(market_db.sqlalchemy_url(url, "asyncpg"))
    async with market_db.Session(engine) as db, db.begin():
        await payments.register_payee(db, payee, now=NOW)
        await payments.open_accounts(db, owner_id, now=NOW)
    await engine.dispose()
    return payee


# ── Days and those who live them ────────────────────────────────────────────────────────────────


@pytest.fixture
def ledger_seed(request: pytest.FixtureRequest) -> int:
    """Given, or a new one for every run; told in the summary, so that a failure can be replayed."""
    given = request.config.getoption("--ledger-seed")
    seed = SystemRandom().randrange(2**32) if given is None else given
    request.node.user_properties.append(("ledger seed", seed))
    return seed


@pytest.fixture
def draw(ledger_seed: int) -> Random:
    return Random(ledger_seed)


@pytest.fixture
async def open_day(ledger_seed: int):
    """A day of a new owner in a database."""

    async def open_one(url: str, count: int, *, jumps: bool = False, lane: int = 7) -> Day:
        owner_id = identifier(NOW, 0, ledger_seed % 2**20 * LANES + lane)
        day = Day(ledger_seed, count, owner_id, jumps)
        await _open_owner(url, day.owner_id, day.account_no)
        return day

    return open_one


@pytest.fixture
async def till_of():
    """Tills, killed at the latest with the test."""
    made: list[Till] = []

    def till(day: Day, url: str, **options) -> Till:
        made.append(Till(day, url, **options))
        return made[-1]

    yield till
    for one in made:
        await one.kill()


@pytest.fixture
async def proxy_of(tmp_path):
    """Proxies, each with a folder of its own."""
    made: list[Proxy] = []

    async def proxy(url: str) -> Proxy:
        if "host" not in make_url(url).query:
            pytest.skip("the proxy speaks to a Unix socket; this server is reached by TCP")
        made.append(Proxy(url, tmp_path / f"p{len(made)}"))
        await made[-1].start()
        return made[-1]

    yield proxy
    for one in made:
        await one.close()


# ── A server that may be killed ─────────────────────────────────────────────────────────────────


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A PostgreSQL of these tests alone, with a migrated database to copy."""
    one = Cluster(tmp_path_factory.mktemp("fault"))
    market_db.migrate(one.start())
    yield one
    one.stop()


@pytest.fixture
def own_url(cluster: Cluster) -> str:
    """A fresh, migrated database on the server that may be killed."""
    cluster.start()
    name = f"day_{next(_numbers)}"
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE market")
    return cluster.url(name)


@pytest.fixture
def survived(request: pytest.FixtureRequest):
    """Counts faults by kind; the run's summary tells how many there were."""

    def count(kind: str) -> None:
        request.node.user_properties.append(("ledger fault", kind))

    return count


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many faults were survived, of which kinds, and from which seeds."""
    kinds: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        told = getattr(report, "user_properties", ())
        kinds.update(value for name, value in told if name == "ledger fault")
    for report in terminalreporter.stats.get("failed", []):
        seed = dict(report.user_properties).get("ledger seed")
        if seed is not None:
            name = report.nodeid.rpartition("::")[2]
            terminalreporter.write_line(f"{name}: replay with --ledger-seed {seed}")
    if kinds:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        terminalreporter.write_line(
            f"The ledger survived {kinds.total()} faults of {len(kinds)} kinds: {listed}"
        )
