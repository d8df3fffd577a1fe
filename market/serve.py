"""The supervisor: one command runs the database, the web, the worker, the relay and the simulators.

Its own death ends its children but not PostgreSQL, which the next start adopts.
"""

import asyncio
import fcntl
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from market import ports
from market.children import Child, Nursery, of_market
from market.embedded import Cluster, EmbeddedError
from market.settings import Settings, as_environment

READY_SECONDS_MAX = 180.0
"""A dozen seconds on an idle machine; a busy one with two cores may need minutes."""
START_FAILURES_MAX = 4
"""A child that fails so often before the market is open ends the start with its last words."""
WATCH_SECONDS = 0.5
SIMULATORS = {"bank": 8011, "vnpay": 8012, "stripe": 8013, "tax": 8014, "portal": 8015}
"""The outside world in small, each with the port it would like."""


class ServeError(Exception):
    """The market cannot be opened; the text says why and what to do."""


@dataclass(frozen=True)
class Running:
    """A market that is open: what to tell people, and a way to keep more programs running."""

    settings: Settings
    """As the children have it: the real port, database and partners' addresses."""
    start: Callable[[Child], None]

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        return f"http://{_shown(self.settings.host)}:{self.settings.port}"


@dataclass(frozen=True)
class Plan:
    """What to run beside the database, the web, the worker and the relay."""

    settings: Settings
    simulators: tuple[str, ...] = ()
    prepare: Callable[[Settings], Awaitable[None]] | None = None
    """Awaited once the database is migrated, before anything is open."""
    on_ready: Callable[[Running], Awaitable[None]] | None = None
    """Awaited once the web answers."""
    say: Callable[[str], None] = lambda line: print(line, flush=True)  # noqa: T201 - the terminal


def run(plan: Plan) -> int:
    """Run the market until SIGTERM or SIGINT; a second one kills. Returns the exit code.

    Raises: ServeError, EmbeddedError, ports.NoPortFree.
    """
    return asyncio.run(_run(plan))


async def _run(plan: Plan) -> int:
    data = plan.settings.data.resolve()
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ServeError(
            f"{data} cannot be made ({error.strerror}). Choose another --data."
        ) from error
    with _only_one(data):
        _end_leftovers(data)
        return await _Supervisor(plan, data).run()


class _Supervisor:
    def __init__(self, plan: Plan, data: Path) -> None:
        self._plan = plan
        self._data = data
        self._cluster = None if plan.settings.database_url else Cluster(data)
        self._settings = replace(plan.settings, data=data)
        self._stop = asyncio.Event()
        self._nursery: Nursery | None = None

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked_to_stop)
        try:
            await self._open()
            await self._watch()
        finally:
            await self._close()
        return 0

    def _asked_to_stop(self) -> None:
        if self._stop.is_set() and self._nursery is not None:
            self._nursery.kill()  # asked twice
        self._stop.set()

    async def _open(self) -> None:
        await self._start_database()
        await self._migrate()
        if self._plan.prepare is not None and not self._stop.is_set():
            await self._plan.prepare(self._settings)
        children = self._choose_ports()
        self._nursery = Nursery(
            as_environment(self._settings), self._data / "logs", changed=self._write_state
        )
        if self._stop.is_set():
            return
        for child in children:
            self._nursery.start(child)
        if await self._web_answers(self._nursery):
            self._plan.say(f"Chợ 4.0 is open: {_url(self._settings)}  (Ctrl-C closes it)")
            if self._plan.on_ready is not None:
                await self._plan.on_ready(Running(self._settings, self._nursery.start))

    async def _start_database(self) -> None:
        if self._cluster is not None:
            url = await asyncio.to_thread(self._cluster.start)
            self._settings = replace(self._settings, database_url=url)

    async def _migrate(self) -> None:
        """In a process of its own: the supervisor itself stays small."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "market.cli", "db", "migrate",
            env=as_environment(self._settings),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode != 0 and not self._stop.is_set():
            reason = output.decode(errors="replace").strip()[-2_000:]
            raise ServeError(f"The database could not be brought up to date.\n{reason}")

    def _choose_ports(self) -> list[Child]:
        settings, taken = self._settings, frozenset[int]()
        addresses = {}
        for name in ("web", *self._plan.simulators):
            wanted = SIMULATORS[name] if name != "web" and settings.port else settings.port
            port = ports.next_free(settings.host, wanted, taken)
            if port != wanted and wanted:
                self._plan.say(f"Port {wanted} is taken, {name} uses {port}.")
            taken |= {port}
            addresses[name] = port
        urls = {name: f"http://{_shown(settings.host)}:{port}" for name, port in addresses.items()}
        partners: dict[str, Any] = {f"{name}_url": urls[name] for name in self._plan.simulators}
        simulated = settings.simulated or bool(self._plan.simulators)
        self._settings = replace(settings, port=addresses["web"], simulated=simulated, **partners)
        web = of_market("web", "web", url=urls["web"])
        simulators = [
            of_market(name, "simulate", name, "--port", str(addresses[name]), url=urls[name])
            for name in self._plan.simulators
        ]
        return [web, of_market("worker", "worker"), of_market("relay", "relay"), *simulators]

    async def _web_answers(self, nursery: Nursery) -> bool:
        deadline = asyncio.get_running_loop().time() + READY_SECONDS_MAX
        while not await ports.answers(self._settings.host, self._settings.port, "/health"):
            for name, count in nursery.failures.items():
                if count >= START_FAILURES_MAX:
                    raise ServeError(
                        f"{name} does not start. Its last words:\n{nursery.last_words(name)}"
                    )
            if asyncio.get_running_loop().time() > deadline:
                raise ServeError(
                    f"The web did not answer within {READY_SECONDS_MAX:.0f} s."
                    f" Its last words:\n{nursery.last_words('web')}"
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 0.1)
                return False
        return True

    async def _watch(self) -> None:
        """Keep PostgreSQL running until asked to stop; the nursery keeps the others."""
        while not self._stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), WATCH_SECONDS)
                return
            if self._cluster is not None and self._cluster.pid() is None:
                try:
                    await asyncio.to_thread(self._cluster.start)
                except EmbeddedError as error:
                    self._plan.say(str(error))
                else:
                    self._write_state()

    async def _close(self) -> None:
        writing_out = None
        if self._cluster is not None and self._nursery is not None:
            writing_out = asyncio.create_task(asyncio.to_thread(self._cluster.checkpoint))
        if self._nursery is not None:
            await self._nursery.stop()
        if self._cluster is not None:
            await asyncio.to_thread(self._cluster.stop)
        if writing_out is not None:
            await writing_out
        with suppress(FileNotFoundError):
            (self._data / "run.json").unlink()

    def _write_state(self) -> None:
        """`run.json`: who runs and where, for tests, scripts and the next start."""
        assert self._nursery is not None
        state = {
            "pid": os.getpid(),
            "url": _url(self._settings),
            "host": self._settings.host,
            "port": self._settings.port,
            "database_url": self._settings.database_url,
            "postgres_pid": None if self._cluster is None else self._cluster.pid(),
            "pids": dict(self._nursery.pids),
            "urls": {name: one.url for name, one in self._nursery.children.items() if one.url},
        }
        fresh = self._data / "run.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(state, indent=2) + "\n")
        fresh.replace(self._data / "run.json")


def state_of(data: Path) -> dict[str, Any] | None:
    """What `run.json` says of the market in this data directory; None if none was opened."""
    try:
        found = json.loads((data / "run.json").read_text())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _only_one(data: Path) -> IO[str]:
    """Held open for the life of the supervisor: one market a data directory."""
    lock = (data / "serve.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        where = (state_of(data) or {}).get("url", "")
        raise ServeError(
            f"A market already runs on {data}{f' at {where}' if where else ''}."
            " Stop it first, or choose another --data."
        ) from None
    return lock


def _end_leftovers(data: Path) -> None:
    """End what a killed supervisor's killed servers left behind; only what is surely ours."""
    mark = os.fsencode(f"MARKET_DATA={data}") + b"\0"
    groups = set(((state_of(data) or {}).get("pids") or {}).values())
    for process in Path("/proc").glob("[0-9]*"):
        try:
            group = os.getpgid(int(process.name))
            if group in groups and mark in (process / "environ").read_bytes() + b"\0":
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:
            continue


def _url(settings: Settings) -> str:
    return f"http://{_shown(settings.host)}:{settings.port}"


def _shown(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - compared, not bound
