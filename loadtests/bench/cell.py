"""One cell of the bench: one variant under one load, driven in a closed loop and then checked."""

import asyncio
import gc
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtests.bench.load import Load
from loadtests.bench.server import Server

WARM_SECONDS = 0.5
WARM_COUNT_MIN = 400
HEADROOM = 1.3
"""More inputs than the warm-up's rate would use up, so that time ends a run, not the inputs."""


class Skipped(Exception):
    """This cell cannot be measured here; the text says why."""


@dataclass
class Tally:
    """What a run did, as its caller saw it."""

    transfers: int = 0
    seconds: float = 0.0
    call_ms: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    python_seconds: float | None = None
    """Processor time of Python where it is not this process's own."""


@dataclass(frozen=True)
class Measured:
    """One cell, once. What could not be read is None."""

    cell: str
    repetition: int
    transfers: int
    seconds: float
    rate: float
    """Transfers a second."""
    wal_bytes: float | None
    """Per transfer, as all that follow but the calls' and the memory's."""
    postgres_us: float | None
    python_us: float | None
    disk_bytes: float | None
    call_ms_p50: float
    call_ms_p99: float
    memory_mb: float | None
    errors: int
    refused: int = 0
    """Sent away because too many waited; only where that is what is measured."""


class Variant(ABC):
    """A way to move money. `transfers` of a `Tally` count what was acknowledged as durable."""

    has_transfers_max: int | None = None
    """How many inputs are held in memory at most."""

    def __init__(self, url: str, load: Load, shape: str) -> None:
        self.url = url
        self.load = load
        self.shape = shape

    @abstractmethod
    async def open(self) -> None:
        """Connect; nothing that is measured."""

    @abstractmethod
    async def make(self, count: int) -> Any:
        """The inputs of about `count` transfers, made before the clock runs."""

    @abstractmethod
    async def run(self, made: Any, seconds: float) -> Tally:
        """Use them up, or as many as can be in the time."""

    @abstractmethod
    async def check(self) -> list[str]:
        """A sentence for everything that is not as it was acknowledged since `open`."""

    @abstractmethod
    async def close(self) -> None:
        """Disconnect."""

    def disk_bytes(self) -> float | None:
        """What a transfer takes on disk with its indexes, where that is asked."""
        return None


@dataclass(frozen=True)
class Cell:
    """A variant, a load and how many rows are there before."""

    name: str
    make: Callable[[str, Load], Variant]
    shape: str = "uniform"
    rows: int = 0
    is_naive: bool = False
    """On the bench's own tables."""

    @property
    def key(self) -> str:
        """How the cell is called in the results."""
        rows = f"@{self.rows // 1_000_000}M" if self.rows >= 1_000_000 else ""
        return f"{self.name}/{self.shape}{rows or (f'@{self.rows}' if self.rows else '')}"


async def measure(
    server: Server, cell: Cell, variant: Variant, *, repetition: int, seconds: float
) -> tuple[Measured, list[str]]:
    """Warm up, write everything out, run, read the counters, check every invariant.

    The second of the two are the sentences of what is wrong.
    """
    await variant.open()
    try:
        warm_seconds = min(WARM_SECONDS, seconds)
        warm = await variant.run(await variant.make(WARM_COUNT_MIN), warm_seconds)
        warm_rate = warm.transfers / max(warm.seconds, 0.001)
        again = await variant.run(
            await variant.make(_count(variant, warm_rate * warm_seconds)), warm_seconds
        )
        rate = again.transfers / max(again.seconds, 0.001)
        made = await variant.make(_count(variant, rate * seconds * HEADROOM))
        server.checkpoint()
        gc.collect()
        gc.freeze()  # the inputs are the bench's, not the ledger's to walk over
        before, python_before = server.counters(), time.process_time()
        tally = await variant.run(made, seconds)
        python_seconds, after = time.process_time() - python_before, server.counters()
        gc.unfreeze()
        del made
        problems = [*warm.problems, *again.problems, *tally.problems, *await variant.check()]
        disk_bytes = variant.disk_bytes()
    finally:
        await variant.close()
    count = max(tally.transfers, 1)
    if tally.python_seconds is not None:
        python_seconds = tally.python_seconds
    measured = Measured(
        cell=cell.key,
        repetition=repetition,
        transfers=tally.transfers,
        seconds=tally.seconds,
        rate=tally.transfers / tally.seconds,
        wal_bytes=(after.wal_bytes - before.wal_bytes) / count,
        postgres_us=_per_transfer_us(before.cpu_seconds, after.cpu_seconds, count),
        python_us=python_seconds * 1e6 / count,
        disk_bytes=disk_bytes,
        call_ms_p50=percentile(tally.call_ms, 50),
        call_ms_p99=percentile(tally.call_ms, 99),
        memory_mb=None,
        errors=len(problems),
    )
    return measured, problems


async def closed_loop(
    sends: Sequence[Callable[[], Awaitable[Any]]], in_flight: int, seconds: float
) -> tuple[list[Any], list[float], float]:
    """Send one after the other, `in_flight` at once, until all are sent or the time is over.

    Returns the results of those sent, in order; each one's milliseconds; the seconds of them all.
    """
    results: list[Any] = [None] * len(sends)
    took: list[float] = []
    numbers = iter(range(len(sends)))
    clock = time.perf_counter
    began = clock()
    sent = 0

    async def worker() -> None:
        nonlocal sent
        for number in numbers:
            sent += 1
            start = clock()
            results[number] = await sends[number]()
            took.append((clock() - start) * 1_000)
            if clock() - began >= seconds:
                return

    await asyncio.gather(*[worker() for _ in range(in_flight)])
    return results[:sent], took, clock() - began


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that `percent` of them do not exceed; 0 where there are none."""
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _count(variant: Variant, wanted: float) -> int:
    count = max(int(wanted), WARM_COUNT_MIN)
    limit = variant.has_transfers_max
    return count if limit is None else min(count, limit)


def _per_transfer_us(before: float | None, after: float | None, count: int) -> float | None:
    return None if before is None or after is None else (after - before) * 1e6 / count
