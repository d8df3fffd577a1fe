"""The migrations of schema `market`: how it is made and brought up to date."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from market import (
    conflict_tables,
    correction_tables,
    refund_tables,
    till_tables,
    webhook_tables,
)
from market.tables import Base

TABLES = (conflict_tables, correction_tables, refund_tables, till_tables, webhook_tables)
"""Parts of the schema that stand beside `market.tables`."""

SCHEMA = "market"


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring schema `market` to `revision`; safe to repeat. The caller commits."""
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
    command.upgrade(_config(connection), revision)


def differences(connection: Connection) -> list[object]:
    """What the tables in code have and the migrated database has not, or the reverse."""
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


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _ours(name: str | None, kind: str, parents: object) -> bool:
    return name == SCHEMA if kind == "schema" else name != "alembic_version"
