"""Stands between a writer and PostgreSQL, reads their messages, and lets something happen at a commit.

Every message of the protocol has a type and a length, so nothing here searches texts. A commit is
sent either as COMMIT, or as the Sync that ends a lone call of the ledger's function.

    unsent        not a byte of the batch has reached the server
    half_sent     half of its bytes have
    uncommitted   the server has carried out everything but the commit
    unanswered    the server has committed, its answer has not arrived

Then `act` is awaited; True lets the withheld bytes pass on late, anything else cuts the line.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import make_url

POINTS = ("unsent", "half_sent", "uncommitted", "unanswered")
FLUSH = b"H\x00\x00\x00\x04"
CARRIED_OUT_SECONDS_MAX = 2.0
"""A batch of nothing but its commit is carried out without a word."""
_CODES_WITHOUT_SSL = {80877103, 80877104}
_IN_ONE_CALL = b"payments.post_transfers"


@dataclass
class Fault:
    """What happens, where, and at which commit from now."""

    point: str
    act: Callable[[], Awaitable[object]]
    commits_before: int = 0
    happened: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Listens in a folder of its own; `url` leads through it."""

    def __init__(self, server_url: str, folder: Path) -> None:
        url = make_url(server_url)
        folder.mkdir(exist_ok=True)
        self._server_path = f"{url.query['host']}/.s.PGSQL.5432"
        self._own_path = str(folder / ".s.PGSQL.5432")
        self.url = url.set(query={"host": str(folder)}).render_as_string(hide_password=False)
        self.fault: Fault | None = None
        self._tasks: set[asyncio.Task] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._own_path)

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self._server_path)
        except OSError:  # the server is down
            writer.close()
        else:
            await _Line(self, reader, writer, up_reader, up_writer).run()
        finally:
            self._tasks.discard(task)


class _Line:
    """One connection."""

    def __init__(self, proxy, reader, writer, up_reader, up_writer) -> None:
        self._proxy = proxy
        self._client, self._to_client = reader, writer
        self._server, self._to_server = up_reader, up_writer
        self._statements: dict[bytes, bytes] = {}
        self._portals: dict[bytes, bytes] = {}
        self._status = b"I"
        self._is_withholding = False
        self._withheld: list[bytes] = []
        self._said = asyncio.Event()
        self._committed = asyncio.Event()
        self._had_error = False

    async def run(self) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await self._pass_startup()
            directions = [asyncio.create_task(self._up()), asyncio.create_task(self._down())]
            try:
                await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in directions:
                    one.cancel()
                await asyncio.gather(*directions, return_exceptions=True)
        for one in (self._to_client, self._to_server):
            one.close()
            with suppress(ConnectionError):
                await one.wait_closed()

    # ── From the writer to the server ───────────────────────────────────────────────────────────

    async def _pass_startup(self) -> None:
        """The first message has no type; over a Unix socket nobody asks for encryption."""
        length = await self._client.readexactly(4)
        body = await self._client.readexactly(int.from_bytes(length) - 4)
        assert int.from_bytes(body[:4]) not in _CODES_WITHOUT_SSL
        self._to_server.write(length + body)

    async def _up(self) -> None:
        batch: list[bytes] = []
        while True:
            batch.append(await _message(self._client))
            self._remember(batch[-1])
            if batch[-1][:1] in b"SHQX":  # only now the server must answer
                await self._send(batch)
                batch = []

    async def _send(self, batch: list[bytes]) -> None:
        fault = self._proxy.fault
        place = None if fault is None else self._commit_in(batch)
        if place is not None and fault.commits_before > 0:
            fault.commits_before -= 1
            place = None
        if place is None:
            self._to_server.writelines(batch)
            await self._to_server.drain()
            return
        self._proxy.fault = None
        await self._let_happen(fault, batch, place)

    async def _let_happen(self, fault: Fault, batch: list[bytes], place: int) -> None:
        whole = b"".join(batch)
        sent = {
            "unsent": b"",
            "half_sent": whole[: len(whole) // 2],
            "uncommitted": b"".join(batch[:place]) + FLUSH,
            "unanswered": whole,
        }[fault.point]
        self._is_withholding, self._had_error = True, False
        self._said.clear()
        self._committed.clear()
        self._to_server.write(sent)
        await self._to_server.drain()
        with suppress(TimeoutError):
            async with asyncio.timeout(CARRIED_OUT_SECONDS_MAX):
                if fault.point == "uncommitted":
                    await self._said.wait()
                elif fault.point == "unanswered":
                    await self._committed.wait()
        passes_on = await fault.act()
        fault.happened.set()
        if passes_on is not True:
            raise ConnectionResetError
        rest = {"uncommitted": b"".join(batch[place:])}.get(fault.point, whole[len(sent) :])
        self._is_withholding = False
        self._to_client.write(b"".join(self._withheld))
        self._withheld.clear()
        self._to_server.write(rest)

    def _remember(self, message: bytes) -> None:
        """Which text each prepared statement and each portal stands for."""
        kind, body = message[:1], message[5:]
        if kind == b"P":
            name, text = body.split(b"\0", 2)[:2]
            self._statements[name] = text
        elif kind == b"B":
            portal, name = body.split(b"\0", 2)[:2]
            self._portals[portal] = self._statements.get(name, b"")

    def _commit_in(self, batch: list[bytes]) -> int | None:
        """Where in the batch the message is that commits something."""
        calls = False
        for place, message in enumerate(batch):
            text = self._carried_out_by(message)
            if text.lstrip().upper().startswith(b"COMMIT"):
                return place
            calls = calls or (_IN_ONE_CALL in text and self._status == b"I")
            if calls and message[:1] in b"SQ":
                return place
        return None

    def _carried_out_by(self, message: bytes) -> bytes:
        if message[:1] == b"Q":
            return message[5:]
        if message[:1] == b"E":
            return self._portals.get(message[5:].split(b"\0", 1)[0], b"")
        return b""

    # ── From the server to the writer ───────────────────────────────────────────────────────────

    async def _down(self) -> None:
        while True:
            message = await _message(self._server)
            self._hear(message)
            if self._is_withholding:
                self._withheld.append(message)
            else:
                self._to_client.write(message)
                await self._to_client.drain()

    def _hear(self, message: bytes) -> None:
        kind = message[:1]
        if kind in b"CDE":
            self._said.set()
        self._had_error = self._had_error or kind == b"E"
        if kind == b"Z":
            self._status = message[5:6]
            if self._status == b"I" and not self._had_error:
                self._committed.set()


async def _message(reader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:]) - 4)
