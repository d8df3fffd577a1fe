"""The writer's connection: its settings, and what its errors mean."""

from typing import Any

import psycopg

from payments.errors import NotDurable
from payments.ledger import statements
from payments.ledger.records import teach_arrays, teach_bytes

CONNECT_SECONDS_MAX = 10
DURABLE = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_write", "remote_apply"},
}
TRANSIENT = ("08", "25006", "53", "57", "58")
"""Beginnings of SQLSTATEs that say the server, not the item, is in trouble."""
CONFLICT = {"23505", "40001", "40P01", "PL001"}
"""SQLSTATEs that say another writer, or an optimistic guess, was in the way."""


class NoConnection(Exception):
    """Whatever keeps us from connecting, it is never the fault of what waits."""


class BytesCursor(psycopg.AsyncRawCursor[Any]):
    """Reads ids as sixteen bytes and instants as microseconds since 1970."""

    def __init__(self, connection: Any) -> None:
        super().__init__(connection)
        teach_bytes(self.adapters)
        self.format = psycopg.pq.Format.BINARY


async def connect(dsn: str, role: str | None) -> Any:
    """A connection in autocommit that only a durable server gets.

    Raises: NotDurable; whatever the driver raises.
    """
    options = "-c jit=off -c timezone=UTC" + (f" -c role={role}" if role else "")
    connection = await psycopg.AsyncConnection.connect(
        dsn,
        autocommit=True,
        prepare_threshold=0,
        cursor_factory=psycopg.AsyncRawCursor,
        connect_timeout=CONNECT_SECONDS_MAX,
        application_name="payments-ledger",
        options=options,
    )
    teach_arrays(connection.adapters)
    try:
        rows = await connection.execute(statements.DURABLE_SETTINGS)
        for name, value in await rows.fetchall():
            if value not in DURABLE[name]:
                raise NotDurable(name, value)
    except BaseException:
        await connection.close()
        raise
    return connection


def is_transient(error: BaseException) -> bool:
    """Whether the server or the line is in trouble, not the batch."""
    if isinstance(error, NoConnection | OSError | TimeoutError | psycopg.InterfaceError):
        return True
    if isinstance(error, psycopg.Error):
        if error.sqlstate:
            return error.sqlstate.startswith(TRANSIENT)
        return isinstance(error, psycopg.OperationalError)
    return False


def is_conflict(error: BaseException) -> bool:
    """Whether another writer was in the way; the next run sees what it did."""
    return isinstance(error, psycopg.Error) and error.sqlstate in CONFLICT
