"""Processes that one supervisor keeps alive: started, restarted, ended with it."""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS_MAX = 4.5
"""The web's streams are cut after three; whoever still lives then is killed."""
BACK_OFF_SECONDS = 0.2
BACK_OFF_SECONDS_MAX = 10.0
STEADY_SECONDS = 30.0
"""A child that lived so long starts its back-off anew."""
LOG_BYTES_MAX = 20_000_000
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Child:
    """A program to keep running, and where it is reached, if anywhere."""

    name: str
    command: tuple[str, ...]
    url: str = ""


def of_market(name: str, *arguments: str, url: str = "") -> Child:
    """A child that runs one of this program's own commands."""
    return Child(name, (sys.executable, "-m", "market.cli", *arguments), url)


@dataclass
class Nursery:
    """The running children of one supervisor; `pids` is always what lives now."""

    environment: Mapping[str, str]
    logs: Path
    changed: Callable[[], None] = lambda: None
    """Called after every start and end."""
    pids: dict[str, int] = field(default_factory=dict)
    children: dict[str, Child] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    def start(self, child: Child) -> None:
        """Start a child and keep it running until `stop`."""
        self.children[child.name] = child
        self._tasks.append(asyncio.create_task(self._keep(child)))

    async def stop(self) -> None:
        """End all children: asked first, killed with everything they started after a limit."""
        self._stopping.set()
        for pid in list(self.pids.values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS_MAX)
        self.kill()
        await asyncio.gather(*self._tasks)

    def kill(self) -> None:
        """End all children and whatever they started, at once."""
        self._stopping.set()
        for pid in list(self.pids.values()):
            _kill_group(pid)

    def last_words(self, name: str) -> str:
        """The end of a child's log, for a sentence about why it failed."""
        try:
            return (self.logs / f"{name}.log").read_text(errors="replace")[-800:]
        except OSError:
            return ""

    async def _keep(self, child: Child) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            await self._run_once(child)
            if self._stopping.is_set():
                return
            if time.monotonic() - began > STEADY_SECONDS:
                self.failures[child.name] = 0
            failed = self.failures[child.name] = self.failures.get(child.name, 0) + 1
            pause = min(BACK_OFF_SECONDS_MAX, BACK_OFF_SECONDS * 2 ** min(failed - 1, 10))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self, child: Child) -> None:
        parent = os.getpid()
        with _log_of(self.logs / f"{child.name}.log") as log:
            process = await asyncio.create_subprocess_exec(
                *child.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self.environment),
                start_new_session=True,  # a Ctrl-C reaches the supervisor alone
                preexec_fn=lambda: _die_with(parent),
            )
        self.pids[child.name] = process.pid
        self.changed()
        if self._stopping.is_set():  # it was asked to stop while the child was being born
            _kill_group(process.pid)
        await process.wait()
        _kill_group(process.pid)  # a killed server leaves its workers holding the port
        del self.pids[child.name]
        self.changed()


def _log_of(path: Path):  # type: ignore[no-untyped-def]  # an open binary file
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


def _die_with(parent: int) -> None:
    """In the new process: be told to stop when the supervisor dies, however it dies (Linux)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        os.kill(os.getpid(), signal.SIGTERM)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
