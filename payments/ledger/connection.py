"""The writer's connection: how it is made, and what its errors mean."""

import psycopg

from payments.errors import NotDurable
from payments.ledger import statements
from payments.ledger.line import Line

CONNECT_SECONDS_MAX = 10
LEFT_ALONE_SECONDS = 5
"""How soon a server process that waits for a lane notices that nobody waits for it any more."""
STOPPED_SECONDS_MAX = 10
"""How long a writer may hold rows without a word: one that hangs must not hinder the others."""
DURABLE = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_write", "remote_apply"},
}
TRANSIENT = ("08", "25006", "25P03", "53", "57", "58")
"""Beginnings of SQLSTATEs that say the server, not the item, is in trouble."""
CONFLICT = {"23505", "40001", "40P01", "PL001"}
"""SQLSTATEs that say another writer, or an optimistic guess, was in the way."""


class NoConnection(Exception):
    """Whatever keeps us from connecting, it is never the fault of what waits."""


async def connect(dsn: str, role: str | None) -> Line:
    """A line that only a durable server gets.

    Every statement keeps its plan until what is known of its tables changes: to plan one costs
    more than to carry it out, and a batch of another size needs no other plan.
    Raises: NotDurable; whatever the driver raises.
    """
    options = "-c jit=off -c timezone=UTC -c plan_cache_mode=force_generic_plan"
    options += f" -c client_connection_check_interval={LEFT_ALONE_SECONDS}s"
    options += f" -c idle_in_transaction_session_timeout={STOPPED_SECONDS_MAX}s"
    options += f" -c role={role}" if role else ""
    connection = await psycopg.AsyncConnection.connect(
        dsn,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS_MAX,
        application_name="payments-ledger",
        options=options,
    )
    line = Line(connection)
    try:
        for name, value in await line.ask(statements.DURABLE_SETTINGS):
            if value not in DURABLE[name]:
                raise NotDurable(name, value)
    except BaseException:
        await line.close()
        raise
    return line


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
