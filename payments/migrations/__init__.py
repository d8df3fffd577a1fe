"""The migrations of schema `payments`: how it is made and brought up to date."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from payments.clearing import tables as _clearing
from payments.suspense import tables as _suspense
from payments.tables import Base

if TYPE_CHECKING:
    from alembic.config import Config

assert _clearing
assert _suspense  # their tables are part of the schema

SCHEMA = "payments"
_PARTITION = re.compile(r"^(transfer|receipt)_(p\d{4}_\d{2}|rest)$")


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring schema `payments` to `revision`; safe to repeat. The caller commits."""
    from alembic import command  # slow to import, and who only imports the library never migrates

    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    command.upgrade(_config(connection), revision)


async def migrate(url: str) -> None:
    """Bring schema `payments` of the database at this libpq URL up to date, for use as a library."""
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
    finally:
        await engine.dispose()


def differences(connection: Connection) -> list[object]:
    """What the tables in code have and the migrated database has not, or the reverse."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(
        connection,
        opts={
            "include_schemas": True,
            "include_name": _ours,
            "version_table_schema": SCHEMA,
            "compare_server_default": False,
        },
    )
    return list(compare_metadata(context, Base.metadata))


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _ours(name: str | None, kind: str, parents: object) -> bool:
    """Partitions are not named in code: they are as their tables are."""
    if kind == "schema":
        return name == SCHEMA
    return name != "alembic_version" and not (kind == "table" and _PARTITION.search(name or ""))
