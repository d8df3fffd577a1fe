"""A whole market as its users run it: `market serve` in processes of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
READY_SECONDS_MAX = 180
"""Eight Pythons import at once on two cores that may have other work."""

NO_PARTNERS = {
    f"MARKET_{name}_URL": "http://127.0.0.1:9"
    for name in ("BANK", "VNPAY", "STRIPE", "TAX", "PORTAL")
}
"""Nobody answers there: another market's simulators on this machine are none of ours."""


@dataclass
class RunningMarket:
    """`market serve` on one data directory; started, looked into and stopped by the test."""

    data: Path
    arguments: tuple[str, ...] = ("--port", "0")
    process: "subprocess.Popen[str] | None" = None
    lines: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start it and wait until it says that it is open."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "market.cli", "serve", "--data", str(self.data), *self.arguments],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"MARKET_SIMULATED": "1", **NO_PARTNERS},  # noqa: TID251 - a process of its own
        )  # fmt: skip
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if " is open: " in line:
                return
        raise AssertionError("\n".join(self.lines))

    def state(self) -> dict[str, Any]:
        """What run.json says now."""
        found: dict[str, Any] = json.loads((self.data / "run.json").read_text())
        return found

    @property
    def url(self) -> str:
        return str(self.state()["url"])

    def pid(self, name: str) -> int | None:
        """The process that is this part now; None while it is down.

        “server” is the process that answers requests, a child of “web” that watches it.
        """
        if name == "server":
            return _child_of(self.pid("web"))
        state = self.state()
        found = state["postgres_pid"] if name == "postgres" else state["pids"].get(name)
        return None if found is None else int(found)

    def kill(self, name: str) -> int:
        """Kill one part with -9; says which process that was."""
        pid = self.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        return pid

    def is_back(self, name: str, instead_of: int) -> bool:
        """Whether another process has taken the killed one's place and the web answers."""
        return self.pid(name) not in {None, instead_of} and self.answers()

    def answers(self) -> bool:
        """Whether the web serves and reaches its database."""
        try:
            return httpx.get(f"{self.url}/health", timeout=5, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> float:
        """Ask it to stop; says how many seconds that took."""
        if self.process is None:
            return 0
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        took = time.monotonic() - began
        self.end()
        return took

    def end(self) -> None:
        """Give back what the test holds of it, whatever state it is in."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


def _child_of(parent: int | None) -> int | None:
    """The newest child, which is the server: the older ones are Python's own trackers."""
    try:
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return None
    return int(listed[-1]) if listed else None


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMarket]:
    """An open market for all tests of a module."""
    market = RunningMarket(tmp_path_factory.mktemp("market"))
    market.start()
    yield market
    market.end()


@pytest.fixture
def make_market(tmp_path: Path) -> Iterator[Callable[..., RunningMarket]]:
    """Markets of this test alone, all on the same data directory; ended with it."""
    made: list[RunningMarket] = []

    def make(*arguments: str) -> RunningMarket:
        made.append(RunningMarket(tmp_path / "data", arguments or ("--port", "0")))
        return made[-1]

    yield make
    for market in made:
        market.end()


@pytest.fixture
def until() -> Callable[..., None]:
    """Waits until something in another process has become true."""

    def wait(true: Callable[[], object], seconds: float = READY_SECONDS_MAX) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, "it did not become true in time"
            time.sleep(0.05)

    return wait
