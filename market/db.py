"""The database: its addresses for each driver, its migrations, and a session per request."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from uuid import UUID

import sqlalchemy
import sqlalchemy.ext.asyncio
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog.migrations
import einvoice.migrations
import market.migrations
import payments.migrations
from market.lines import Lines
from payments.ledger.line import Line
from payments.ledger.records import Raw

PACKAGES = (payments.migrations, einvoice.migrations, catalog.migrations, market.migrations)
"""Schemas in the order they are migrated; the market's grants come last."""
VERSION_MIN = 150000
MIGRATION_LOCK = 4_040_404
"""Advisory lock: two processes that migrate at once do it one after the other."""

ROLE_WEB = "market_web"
"""Row-level security holds for it: it sees what the signed-in person may see."""
ROLE_SYSTEM = "market_system"
"""Hooks, workers and the relay: every row, but no DDL, no UPDATE or DELETE on the journal."""


LINE_COUNT = 4
"""Lines of one process: each takes a sale in a millisecond or two."""


class DatabaseTooOld(Exception):
    """The server is older than PostgreSQL 15."""


@dataclass(frozen=True)
class Viewer:
    """On whose behalf a transaction runs; what row-level security compares with."""

    person_id: UUID | None = None
    roles: tuple[str, ...] = ()
    vendor_ids: tuple[UUID, ...] = ()
    """Vendors whose money this person may see: own, or as their helper."""
    hall_ids: tuple[UUID, ...] = ()
    """Halls this person operates or serves in the community team."""
    unit_ids: tuple[UUID, ...] = ()
    """Wards this person is an official of."""


NOBODY = Viewer()


def sqlalchemy_url(url: str, driver: str) -> sqlalchemy.URL:
    """A libpq URL for SQLAlchemy with `asyncpg` or `psycopg`."""
    return make_url(url).set(drivername=f"postgresql+{driver}")


def migrate(url: str) -> None:
    """Bring all schemas, roles and grants up to date; safe to repeat and to run twice at once.

    Raises: DatabaseTooOld.
    """
    with _owner(url) as connection:
        version = connection.execute(text("SHOW server_version_num")).scalar_one()
        if int(version) < VERSION_MIN:
            raise DatabaseTooOld(f"PostgreSQL 15 or newer is needed, this one is {version}.")
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        for package in PACKAGES:
            package.upgrade(connection)
        grants = files("market").joinpath("roles.sql").read_text("utf-8")
        connection.exec_driver_sql(grants.replace("%", "%%"))


def differences(url: str) -> dict[str, list[object]]:
    """Per schema, where the migrated database and the tables in code disagree."""
    with _owner(url) as connection:
        found = {package.SCHEMA: package.differences(connection) for package in PACKAGES}
    return {schema: wrong for schema, wrong in found.items() if wrong}


def _owner(url: str):  # type: ignore[no-untyped-def]  # a context manager of SQLAlchemy's own type
    engine = sqlalchemy.create_engine(sqlalchemy_url(url, "psycopg"), poolclass=sqlalchemy.NullPool)
    return engine.begin()


class Session(AsyncSession):
    """SQLModel's session, with SQLAlchemy's own `execute` for textual SQL (SQLModel's warns)."""

    execute = sqlalchemy.ext.asyncio.AsyncSession.execute


class Database:
    """The pools of one process: `as_viewer` under row-level security, `as_system` for the edges."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self._web = _engine(url, ROLE_WEB, pool_size)
        self._system = _engine(url, ROLE_SYSTEM, pool_size)
        self._lines = Lines(url, ROLE_WEB, LINE_COUNT)
        self._system_lines = Lines(url, ROLE_SYSTEM, LINE_COUNT)
        self._web_session = async_sessionmaker(self._web, class_=Session, expire_on_commit=False)
        self._system_session = async_sessionmaker(
            self._system, class_=Session, expire_on_commit=False
        )

    @asynccontextmanager
    async def as_viewer(self, viewer: Viewer) -> AsyncIterator[AsyncSession]:
        """One transaction as this person: committed at the end, rolled back on an exception."""
        async with self._web_session.begin() as session:
            await session.execute(_SET_VIEWER, _viewer_settings(viewer))
            yield session

    @asynccontextmanager
    async def as_system(self) -> AsyncIterator[AsyncSession]:
        """One transaction that sees every row: for hooks, public pages by id, workers, the relay."""
        async with self._system_session.begin() as session:
            yield session

    @asynccontextmanager
    async def as_viewer_at_once(self, viewer: Viewer) -> AsyncIterator[Line]:
        """As `as_viewer`, on a line that takes several statements in one trip. Who finds a row locked
        for longer than `LOCK_WAIT` is refused: others may share the trip.
        """
        settings = {f"app.{name}": value for name, value in _viewer_settings(viewer).items()}
        settings["lock_timeout"] = LOCK_WAIT
        async with self._lines.transaction(settings) as line:
            yield line

    async def ask(self, statement: str, *parameters: Raw) -> Sequence[tuple[Any, ...]]:
        """One statement that sees every row and is its own transaction, in one trip."""
        return await self._system_lines.ask(statement, *parameters)

    async def close(self) -> None:
        """Give all connections back."""
        await self._lines.close()
        await self._system_lines.close()
        await self._web.dispose()
        await self._system.dispose()


LOCK_WAIT = "500ms"

_SET_VIEWER = text(
    "SELECT set_config('app.person_id', :person_id, true), set_config('app.roles', :roles, true),"
    " set_config('app.owner_ids', :owner_ids, true), set_config('app.hall_ids', :hall_ids, true),"
    " set_config('app.unit_ids', :unit_ids, true)"
)


def _viewer_settings(viewer: Viewer) -> dict[str, str]:
    def listed(ids: Iterable[UUID | str]) -> str:
        return "{" + ",".join(str(one) for one in ids) + "}"

    return {
        "person_id": str(viewer.person_id or ""),
        "roles": listed(viewer.roles),
        "owner_ids": listed(viewer.vendor_ids),
        "hall_ids": listed(viewer.hall_ids),
        "unit_ids": listed(viewer.unit_ids),
    }


_SESSION = {
    "jit": "off",
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "120s",  # what hangs must not hold rows for ever
}


def _engine(url: str, role: str, pool_size: int) -> AsyncEngine:
    return create_async_engine(
        sqlalchemy_url(url, "asyncpg"),
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        hide_parameters=True,  # personal data stays out of errors and logs
        connect_args={"server_settings": {"role": role, **_SESSION}},
    )
