"""A market's hook that only listens, partners in this loop, and partners as real processes."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from litestar import Litestar

from payments.gateways import Notice

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def http_server(
    answer: Callable[[Request], Awaitable[httpx.Response]], port: int = 0
) -> AsyncIterator[str]:
    """HTTP/1.1 with keep-alive on loopback, just enough for the clients here; its address."""

    talking: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talking[asyncio.current_task()] = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                pairs = [line.partition(":") for line in head[1:] if line]
                headers = {name.lower(): value.strip() for name, _, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                given = await answer(Request(method, target, headers, body))
                shown = {**given.headers, "content-length": str(len(given.content))}
                lines = [f"HTTP/1.1 {given.status_code} X", *map(": ".join, shown.items()), "", ""]
                writer.write("\r\n".join(lines).encode() + given.content)
                await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()
    for writer in talking.values():  # clients that keep their connection open
        writer.close()
    await asyncio.gather(*filter(None, talking))


@dataclass
class Hook:
    """What the partner sent, and what it will hear; the last answer is repeated."""

    notices: list[Notice] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    answers: list[tuple[int, object]] = field(default_factory=lambda: [(200, {"success": True})])
    url: str = ""
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, path: str, notice: Notice) -> tuple[int, object]:
        self.paths.append(path)
        self.notices.append(notice)
        self._came.set()
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def wait_for(self, count: int) -> list[Notice]:
        """The notices, as soon as so many came."""
        async with asyncio.timeout(20):
            while len(self.notices) < count:
                self._came.clear()
                await self._came.wait()
        return self.notices

    async def answer(self, request: Request) -> httpx.Response:
        path, _, query = request.target.partition("?")
        status, answer = self.take(path, Notice(request.body, request.headers, query))
        return httpx.Response(status, json=answer)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    """The market's side of the wire, over real HTTP on a free port."""
    listening = Hook()
    async with http_server(listening.answer) as url:
        listening.url = url
        yield listening


Running = Callable[[Litestar], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def running() -> Running:
    """A partner in this very loop, and a client of it."""

    @asynccontextmanager
    async def run(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app)
        async with (
            app.lifespan(),
            httpx.AsyncClient(transport=transport, base_url="http://partner.test") as client,
        ):
            yield client

    return run


@pytest.fixture
def serving() -> Callable[[Litestar, int], AbstractAsyncContextManager[str]]:
    """A partner in this very loop, reached by real HTTP on a port; its address."""

    async def live(app: Litestar, port: int, opened: asyncio.Event, over: asyncio.Event) -> None:
        async with app.lifespan(), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as inner:

            async def answer(request: Request) -> httpx.Response:
                url = f"http://127.0.0.1:{port}{request.target}"
                return await inner.request(
                    request.method, url, headers=request.headers, content=request.body
                )

            async with http_server(answer, port):
                opened.set()
                await over.wait()

    @asynccontextmanager
    async def serve(app: Litestar, port: int) -> AsyncIterator[str]:
        # One task from start to end: pytest opens and closes fixtures in different ones.
        opened, over = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(live(app, port, opened, over))
        opening = asyncio.create_task(opened.wait())
        await asyncio.wait({task, opening}, return_when=asyncio.FIRST_COMPLETED)
        opening.cancel()
        if opened.is_set():
            yield f"http://127.0.0.1:{port}"
        over.set()
        await task

    return serve


@pytest.fixture
def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[[str, str], str]]:
    """Start a partner as a process of its own: module and configuration in, its address out."""
    started: list[subprocess.Popen[bytes]] = []

    def start(module: str, config: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (tmp_path / f"serve_{module}.py").write_text(
            textwrap.dedent(
                f"""
                from pathlib import Path
                from market.simulators.{module} import *
                from market.simulators.{module} import create_app
                PORT = {port}
                def app():
                    return create_app({config})
                """
            )
        )
        command = [
            sys.executable, "-W", "ignore", "-m", "granian", "--interface", "asgi", "--factory",
            "--host", "127.0.0.1", "--port", str(port), "--workers-kill-timeout", "2",
            "--no-ws", "--log-level", "error", f"serve_{module}:app",
        ]  # fmt: skip
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}  # noqa: TID251 - a child's
        started.append(subprocess.Popen(command, env=environment, start_new_session=True))
        _wait_until_open(port)
        return f"http://127.0.0.1:{port}"

    yield start
    for one in started:
        os.killpg(one.pid, signal.SIGKILL)
        one.wait()


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the partner did not start")
