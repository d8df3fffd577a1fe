"""The ledger through the market's own HTTP endpoint, under wrk, in a server process of its own."""

import asyncio
import importlib.util
import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any

from loadtests.bench.book import Book
from loadtests.bench.cell import Measured, Skipped
from loadtests.bench.load import Load
from loadtests.bench.ours import BANK_BIN, account_no_of, open_stands
from loadtests.bench.server import Server, cpu_seconds, database_of
from market import clock, db, ids, integrators
from market.integrators import Integrator
from market.settings import Settings, as_environment

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("confirmations.lua")
APP = "loadtests.http_app"
GATEWAY = "bench"
CONNECTIONS = 64
OVERLOAD = 5
"""How many times the connections of the peak."""
BULK_CONNECTIONS, BULK_ITEMS = 8, 100
READY_SECONDS_MAX = 60
END_SECONDS_MAX = 20
WARM_SECONDS = 1


@dataclass(frozen=True)
class Traffic:
    """What wrk sends, and where to."""

    path: str
    is_durable: bool = True
    shape: str = "uniform"
    connections: int = CONNECTIONS
    items: int = 0
    """Confirmations in one request; 0: one, by itself."""
    may_be_refused: bool = False


SINGLE, BULK = "/api/confirmations", "/api/confirmations/bulk"
TRAFFIC = {
    "http bare": Traffic("/bare", is_durable=False),
    "http bare routed": Traffic("/bare-routed", is_durable=False),
    "http durable": Traffic(SINGLE),
    "http durable hot": Traffic(SINGLE, shape="hot"),
    "http bulk": Traffic(BULK, connections=BULK_CONNECTIONS, items=BULK_ITEMS, may_be_refused=True),
    "http naive": Traffic("/naive"),
    "http naive hot": Traffic("/naive", shape="hot"),
    "http overload": Traffic(SINGLE, connections=OVERLOAD * CONNECTIONS, may_be_refused=True),
}


def cells() -> list[str]:
    """The keys of the cells, in the order they are measured."""
    return list(TRAFFIC)


class Market(AbstractContextManager["Market"]):
    """The market's web process on a database of its own; it starts with the first cell."""

    def __init__(self, server: Server, load: Load, journal: str, folder: Path) -> None:
        self._server = server
        self._load = load
        self._journal = journal
        self._folder = folder
        self._web: subprocess.Popen[bytes] | None = None
        self._runs = 0

    def measure(self, key: str, load: Load, *, repetition: int, seconds: float) -> Measured:
        """One cell, once.

        Raises: Skipped where something it needs is not here.
        """
        self._begin()
        traffic = TRAFFIC[key]
        self._wrk(traffic, WARM_SECONDS)
        self._server.wait_until_quiet()
        book = Book(self._url)
        book.open()
        self._server.checkpoint()
        assert self._web is not None
        before, web_before = self._server.counters(), cpu_seconds(self._web.pid)
        said = self._wrk(traffic, max(ceil(seconds), 1))
        after, web_after = self._server.counters(), cpu_seconds(self._web.pid)
        self._server.wait_until_quiet()
        items = max(traffic.items, 1)
        good = (said["requests"] - said["refused"]) * items
        wrong = book.wrong(
            None, count=good, unanswered_max=traffic.connections * items
        ) if traffic.is_durable else []  # fmt: skip
        book.close()
        if said["lost"] or (said["refused"] and not traffic.may_be_refused):
            wrong.append(f"{said['refused']} were refused and {said['lost']} lost")
        if wrong:
            raise RuntimeError("; ".join(wrong))
        cpu = (after.cpu_seconds or 0) - (before.cpu_seconds or 0)
        count = max(good, 1)
        return Measured(
            cell=key,
            repetition=repetition,
            transfers=good,
            seconds=said["seconds"],
            rate=good / said["seconds"],
            wal_bytes=(after.wal_bytes - before.wal_bytes) / count,
            postgres_us=None if before.cpu_seconds is None else cpu * 1e6 / count,
            python_us=(web_after - web_before) * 1e6 / count,
            disk_bytes=None,
            call_ms_p50=said["p50_ms"],
            call_ms_p99=said["p99_ms"],
            memory_mb=_memory_mb(self._web.pid),
            errors=0,
            refused=said["refused"] * items,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The web process ends."""
        if self._web is not None:
            self._web.terminate()
            try:
                self._web.wait(END_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self._web.kill()
                self._web.wait()

    # ── Setting it up ───────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        if self._web is not None:
            return
        if shutil.which("wrk") is None:
            raise Skipped("wrk is not installed")
        if importlib.util.find_spec(APP) is None:
            raise Skipped(f"{APP} is not there")
        self._url = self._server.make(database_of(self._journal))
        db.migrate(self._url)
        codes = open_stands(self._url, self._load)
        self._accounts = self._folder / "accounts"
        self._accounts.write_text(
            "".join(f"{account_no_of(i)}\t{code} rau\n" for i, code in enumerate(codes))
        )
        self._script = self._folder / SCRIPT.name
        self._script.write_text(SCRIPT.read_text().replace("BANK_BIN", BANK_BIN))
        self._key = asyncio.run(self._add_integrator())
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        data = self._folder / "market"
        data.mkdir()
        settings = Settings(database_url=self._url, data=data, port=self._port)
        with (self._folder / "web.log").open("wb") as log:
            self._web = subprocess.Popen(
                [
                    sys.executable, "-m", "granian", "--interface", "asgi", "--factory",
                    "--host", "127.0.0.1", "--port", str(self._port), "--workers", "1",
                    "--workers-kill-timeout", "10", "--no-access-log", f"{APP}:app",
                ],
                cwd=ROOT, env=as_environment(settings), stdout=log, stderr=log,
            )  # fmt: skip
        self._wait_until_ready()

    async def _add_integrator(self) -> str:
        """A bank that may confirm to the accounts of the load; its key."""
        database = db.Database(self._url, pool_size=1)
        bank = Integrator(ids.new(), "Bench", GATEWAY, (BANK_BIN,), clock.now())
        try:
            async with database.as_system() as session:
                return await integrators.add(session, bank)
        finally:
            await database.close()

    def _wait_until_ready(self) -> None:
        assert self._web is not None
        until = time.monotonic() + READY_SECONDS_MAX
        while time.monotonic() < until and self._web.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.05)
        last_words = (self._folder / "web.log").read_text(errors="replace")[-800:]
        raise RuntimeError(f"the web process did not start: {last_words}")

    def _wrk(self, traffic: Traffic, seconds: int) -> dict[str, Any]:
        self._runs += 1
        done = subprocess.run(
            [
                "wrk", "-t1", f"-c{traffic.connections}", f"-d{seconds}s", "--timeout", "10s",
                "-s", str(self._script), f"http://127.0.0.1:{self._port}{traffic.path}", "--",
                "bulk" if traffic.items else "single", self._key, str(self._accounts),
                f"bench{self._runs}", clock.now().isoformat(timespec="seconds"),
                str(traffic.items), traffic.shape,
            ],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise RuntimeError(f"wrk failed: {(done.stderr or done.stdout)[-400:]}")
        said: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return said


def _memory_mb(pid: int) -> float:
    """The most that the largest of the worker processes ever held."""
    most = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(
                line.split(":", 1) for line in status.read_text().splitlines() if ":" in line
            )
        except OSError:
            continue
        if int(fields["PPid"]) == pid and "VmHWM" in fields:
            most = max(most, int(fields["VmHWM"].split()[0]) / 1024)
    return most
