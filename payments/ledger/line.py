"""The writer's line to the server: statements that belong together go in one trip, under one wait.

psycopg's own pipeline waits once or twice for each statement, which at small batches costs more
than the statements do. This speaks to the same libpq, by psycopg's public wrapper of it.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer

from payments.ledger.records import Raw, teach_bytes

_BINARY = pq.Format.BINARY
_REFUSED = (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.PIPELINE_ABORTED)


class Told:
    """One statement of a trip; its rows once the trip is over."""

    __slots__ = ("as_bytes", "parameters", "rows", "statement")

    def __init__(self, statement: str, parameters: Sequence[Raw], as_bytes: bool) -> None:
        self.statement = statement
        self.parameters = parameters
        self.as_bytes = as_bytes
        self.rows: Sequence[tuple[Any, ...]] = ()


class _Prepared(NamedTuple):
    """The server is to keep a statement under a name."""

    statement: str
    name: bytes


class Line:
    """A connection of its own; one task at a time. An error of the line itself ends it."""

    def __init__(self, connection: "psycopg.AsyncConnection[Any]") -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._names: dict[str, bytes] = {}
        """What the server has prepared."""
        self._waiting: list[Told] = []
        self._read = Transformer(connection)
        bytes_cursor = psycopg.AsyncRawCursor(connection)
        teach_bytes(bytes_cursor.adapters)
        self._read_bytes = Transformer(bytes_cursor)

    @property
    def is_open(self) -> bool:
        """Whether another trip can be made."""
        return self._libpq.status == pq.ConnStatus.OK

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    def put(self, statement: str, *parameters: Raw, as_bytes: bool = False) -> Told:
        """Send this with the next trip. `as_bytes`: ids come as sixteen bytes, instants as
        microseconds since 1970.
        """
        told = Told(statement, parameters, as_bytes)
        self._waiting.append(told)
        return told

    async def ask(self, statement: str, *parameters: Raw) -> Sequence[tuple[Any, ...]]:
        """Send this, and what waits before it; its rows. Outside a transaction it is its own."""
        told = self.put(statement, *parameters)
        await self.go()
        return told.rows

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What is sent inside is carried out wholly once this ends well, else not at all."""
        self.put("BEGIN")
        try:
            yield
            self.put("COMMIT")
            await self.go()
        except BaseException:
            self._waiting.clear()
            if self.is_open:
                await self.ask("ROLLBACK")
            raise

    async def go(self) -> None:
        """Make the trip: send what waits, read every answer.

        Raises: psycopg.Error of the first statement that was refused, none after it was tried;
        psycopg.OperationalError where the line is gone, nobody knows what was done.
        """
        trip, self._waiting = self._waiting, []
        try:
            self._libpq.enter_pipeline_mode()
            asked = self._send(trip)
            self._libpq.pipeline_sync()
            await self._flush()
            refused = await self._receive(asked)
            self._libpq.exit_pipeline_mode()
        except BaseException:
            self._libpq.finish()  # answers may be under way that nobody would read
            raise
        if refused is not None:
            raise refused

    def _send(self, trip: Sequence[Told]) -> list[Told | _Prepared]:
        """Everything into libpq's buffer; what will be answered, in order."""
        asked: list[Told | _Prepared] = []
        names = dict(self._names)
        for told in trip:
            name = names.get(told.statement)
            if name is None:
                name = names[told.statement] = b"line_%d" % len(names)
                oids = [one.oid for one in told.parameters]
                self._libpq.send_prepare(name, told.statement.encode(), oids)
                asked.append(_Prepared(told.statement, name))
            values = [one.data for one in told.parameters]
            formats = [_BINARY] * len(values)
            self._libpq.send_query_prepared(name, values, formats, _BINARY)
            asked.append(told)
        return asked

    async def _receive(self, asked: Sequence[Told | _Prepared]) -> psycopg.Error | None:
        """Read to the end of the trip; the first refusal."""
        refused: psycopg.Error | None = None
        for one in asked:
            result = await self._result()
            assert result is not None
            if result.status in _REFUSED:
                refused = refused or psycopg.errors.error_from_result(result)
            elif isinstance(one, _Prepared):
                self._names[one.statement] = one.name
            elif result.ntuples:
                read = self._read_bytes if one.as_bytes else self._read
                read.set_pgresult(result)
                one.rows = read.load_rows(0, result.ntuples, tuple)
            after = await self._result()
            assert after is None, "a statement answers once"
        end = await self._result()
        assert end is not None
        assert end.status == pq.ExecStatus.PIPELINE_SYNC
        return refused

    async def _result(self) -> Any:
        while self._libpq.is_busy():
            await self._ready()
            self._libpq.consume_input()
        return self._libpq.get_result()

    async def _flush(self) -> None:
        while self._libpq.flush():  # the server may want to be read before it takes more
            await self._ready(to_write=True)
            self._libpq.consume_input()

    async def _ready(self, *, to_write: bool = False) -> None:
        """Until the server has said something; or, `to_write`, takes something."""
        loop = asyncio.get_running_loop()
        ready = loop.create_future()
        socket = self._libpq.socket
        loop.add_reader(socket, _wake, ready)
        if to_write:
            loop.add_writer(socket, _wake, ready)
        try:
            await ready
        finally:
            loop.remove_reader(socket)
            if to_write:
                loop.remove_writer(socket)


def _wake(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)
