"""The markets of the browser tests: the shared one is opened once by a worker, and closed when none needs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.browser.people import Market

OPEN_SECONDS_MAX = 400
CLOSE_SECONDS_MAX = 15


@dataclass
class Opening:
    """A program of this folder that keeps a market open on a directory of its own."""

    process: "subprocess.Popen[bytes]"
    data: Path
    log: BinaryIO

    def market(self) -> Market:
        """Waits until it is open."""
        deadline = time.monotonic() + OPEN_SECONDS_MAX
        while not (self.data / "world.json").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = (self.data / "opened.log").read_text()
                pytest.fail(f"the market did not open:\n{said[-3000:]}")
            time.sleep(0.1)
        return market_of(self.data)

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(CLOSE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(5)
        self.log.close()


@dataclass
class Openings:
    """What this worker has open. Seven idle processes each: they are closed after the last test here."""

    new_folder: Callable[[str], Path]
    found: dict[str, Opening] = field(default_factory=dict)

    def market(self, kind: str) -> Market:
        """The market that `kind`.py opens, as it stands or newly opened.

        While one works on a page: `python tests/browser/KIND.py DATA` and MARKET_TEST_KIND=DATA.
        """
        already = os.environ.get(f"MARKET_TEST_{kind.upper()}")  # noqa: TID251 - chooses what is under test
        if already:
            return market_of(Path(already))
        if kind not in self.found:
            self.found[kind] = _open(kind, self.new_folder(kind))
        return self.found[kind].market()

    @contextmanager
    def alone(self, kind: str) -> Iterator[Market]:
        """The market that `kind`.py opens, for whoever asks alone and no longer than that."""
        try:
            yield self.market(kind)
        finally:
            if kind in self.found:
                self.found.pop(kind).close()

    def close(self) -> None:
        while self.found:
            self.found.popitem()[1].close()


def market_of(data: Path) -> Market:
    facts = json.loads((data / "world.json").read_text())
    return Market(facts["url"], facts)


def _open(kind: str, data: Path) -> Opening:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MARKET_")}  # noqa: TID251 - for a child
    log = (data / "opened.log").open("wb")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name(f"{kind}.py")), str(data)],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Opening(process, data, log)
