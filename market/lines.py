"""Lines to the server for the till's busiest request: several statements in one trip.

The session of SQLAlchemy makes a trip for each statement, and at a market's rush the trips are what
the machine's time goes to. A line is the ledger's (`payments.ledger.line`), under row-level security.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from payments.ledger import records
from payments.ledger.connection import connect
from payments.ledger.line import Line
from payments.ledger.records import Raw

_SET = "SELECT set_config(x.name, x.value, true) FROM unnest($1, $2) AS x (name, value)"


class Lines:
    """At most `size` lines of one role, connected when they are first needed."""

    def __init__(self, dsn: str, role: str, size: int) -> None:
        self._dsn = dsn
        self._role = role
        self._turn = asyncio.Semaphore(size)
        self._free: list[Line] = []

    async def ask(self, statement: str, *parameters: Raw) -> Sequence[tuple[Any, ...]]:
        """The rows of one statement, which is its own transaction and may be carried out twice.

        Raises: what the driver raises.
        """
        try:
            async with self._line() as line:
                return await line.ask(statement, *parameters)
        except psycopg.OperationalError:  # the server was started anew: every idle line is dead
            await self.close()
        async with self._line() as line:
            return await line.ask(statement, *parameters)

    @asynccontextmanager
    async def transaction(self, settings: Mapping[str, str]) -> AsyncIterator[Line]:
        """A line with these settings until the end, when what was sent is committed.

        Raises: what the driver raises; then nothing stands, or nobody knows whether it does.
        """
        async with self._line() as line, line.transaction():
            line.put(_SET, records.texts(list(settings)), records.texts(list(settings.values())))
            yield line

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[Line]:
        async with self._turn:
            line = self._free.pop() if self._free else await connect(self._dsn, self._role)
            try:
                yield line
            finally:
                if line.is_open:
                    self._free.append(line)
                else:
                    await line.close()

    async def close(self) -> None:
        """Disconnect."""
        while self._free:
            await self._free.pop().close()
