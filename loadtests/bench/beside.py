"""What runs beside the ledger: a second writer, the sealer, the feed of statements.

A process of its own each, told what to do by lines on its standard input.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg

import payments
from loadtests.bench.book import Book
from loadtests.bench.cell import Skipped, Tally, Variant
from loadtests.bench.load import Load
from loadtests.bench.ours import BATCH, RECORDS_MAX, Arrays, Ours
from payments.ledger.accounts import LANES

ROOT = Path(__file__).parents[2]
END_SECONDS_MAX = 20
UPKEEP_PAUSE_SECONDS = 0.2
UPKEEP = ("seal", "feed_statements")


class Writers(Variant):
    """Two writers in two processes: each with lanes of its own, or both with all of them."""

    has_transfers_max = RECORDS_MAX

    def __init__(self, url: str, load: Load, shape: str, *, is_disjoint: bool) -> None:
        super().__init__(url, load, shape)
        self._is_disjoint = is_disjoint
        self._book = Book(url)
        self._folder = TemporaryDirectory(prefix="cho-bench-")
        self._children: list[subprocess.Popen[str]] = []

    async def open(self) -> None:
        """Both connect."""
        if not hasattr(payments.Ledger, "post_array"):
            raise Skipped("this ledger takes no arrays")
        self._book.open()
        for number in range(2):
            half = ["--half", str(number)] if self._is_disjoint else []
            self._children.append(
                beside(
                    "write", self.url, "--number", str(number), "--seed", str(self.load.seed),
                    "--owners", str(len(self.load.owners)), "--shape", self.shape, *half,
                )
            )  # fmt: skip
        await self._tell("open")

    async def make(self, count: int) -> str:
        """Each makes half of it; the answer is what `run` wants."""
        await self._tell(f"make {count // 2}")
        return "run"

    async def run(self, made: str, seconds: float) -> Tally:
        """Both at once; the slower one ends it."""
        both = await self._tell(f"{made} {seconds}")
        return Tally(
            sum(one["transfers"] for one in both),
            max(one["seconds"] for one in both),
            [ms for one in both for ms in one["call_ms"]],
            [problem for one in both for problem in one["problems"]],
            sum(one["python_seconds"] for one in both),
        )

    async def check(self) -> list[str]:
        """As for one writer, over what both acknowledged."""
        answers = await self._tell(f"ids {self._folder.name}")
        ids = [np.load(one["path"]).view("V16").reshape(-1) for one in answers]
        return self._book.wrong(np.concatenate(ids))

    async def close(self) -> None:
        """Both end."""
        for child in self._children:
            end(child)
        self._book.close()
        self._folder.cleanup()

    def disk_bytes(self) -> float | None:
        """The journal's growth since `open`."""
        return self._book.disk_bytes()

    async def _tell(self, line: str) -> list[Any]:
        """Tell both, then hear both."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write(line + "\n")
            child.stdin.flush()
        return [await asyncio.to_thread(_answer, child) for child in self._children]


class Accompanied(Arrays):
    """Our writer while a job that reads the journal runs as fast as it can."""

    def __init__(self, url: str, load: Load, shape: str, *, job: str, batch: int = BATCH) -> None:
        super().__init__(url, load, shape, batch=batch)
        self._job = job
        self._child: subprocess.Popen[str] | None = None

    async def open(self) -> None:
        """The job begins with the writer."""
        if not hasattr(payments, self._job):
            raise Skipped(f"payments has no {self._job}")
        await super().open()
        self._child = beside(self._job, self.url)
        await asyncio.to_thread(_answer, self._child)  # it has caught up with what is there
        self._done_before = self._done()

    async def check(self) -> list[str]:
        """As ever, and the job did something."""
        problems = await super().check()
        if self._done() <= self._done_before:
            problems.append(f"{self._job} did nothing meanwhile")
        return problems

    def _done(self) -> int:
        """The position up to which the job has come."""
        with psycopg.connect(self.url) as connection:
            row = connection.execute(_DONE[self._job].encode()).fetchone()
        assert row is not None
        return int(row[0])

    async def close(self) -> None:
        """The job ends before the writer."""
        if self._child is not None:
            end(self._child)
        await super().close()


_DONE = {
    "seal": "SELECT COALESCE(max(position_last), 0) FROM payments.seal",
    "feed_statements": "SELECT COALESCE(max(position), 0) FROM payments.entry",
}


def beside(*arguments: str) -> "subprocess.Popen[str]":
    """A process of this module; it ends when its input does."""
    return subprocess.Popen(
        [sys.executable, "-m", "loadtests.bench.beside", *arguments],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def end(child: "subprocess.Popen[str]") -> None:
    """It sees the end of its input and leaves; if it does not, it is made to."""
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(END_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _answer(child: "subprocess.Popen[str]") -> Any:
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"a process beside the bench ended with {child.wait()}")
    return json.loads(line)


# ── In the process beside ───────────────────────────────────────────────────────────────────────


async def _write(given: argparse.Namespace) -> None:
    load = Load(given.seed, given.owners)
    load.fork(given.number)
    variant: Ours = Arrays(given.url, load, given.shape)
    if given.half is not None:
        half = LANES // 2
        variant.lanes = range(given.half * half, (given.half + 1) * half)
    made: Sequence[Any] = ()
    while line := (await asyncio.to_thread(sys.stdin.readline)).split():
        answer: dict[str, Any] = {}
        match line:
            case ["open"]:
                await variant.open()
            case ["make", count]:
                made = await variant.make(int(count))
            case ["run", seconds]:
                before = time.process_time()
                tally = await variant.run(made, float(seconds))
                answer = {
                    "transfers": tally.transfers,
                    "seconds": tally.seconds,
                    "call_ms": tally.call_ms,
                    "problems": tally.problems,
                    "python_seconds": time.process_time() - before,
                }
            case ["ids", folder]:
                path = Path(folder) / f"{given.number}.npy"
                np.save(path, variant.acknowledged.view(np.uint8))
                answer = {"path": str(path)}
        print(json.dumps(answer), flush=True)
    await variant.close()


async def _upkeep(job: str, url: str) -> None:
    end_of_input = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    while not end_of_input.done():
        await getattr(payments, job)(url, now=datetime.fromtimestamp(time.time(), UTC))
        print("{}", flush=True)
        await asyncio.wait([end_of_input], timeout=UPKEEP_PAUSE_SECONDS)


def main(arguments: Sequence[str]) -> None:
    """One process beside the bench."""
    parser = argparse.ArgumentParser(prog="beside", description=__doc__)
    parser.add_argument("what", choices=("write", *UPKEEP))
    parser.add_argument("url")
    parser.add_argument("--number", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--owners", type=int, default=1)
    parser.add_argument("--shape", default="uniform")
    parser.add_argument("--half", type=int, help="only this half of the lanes, 0 or 1")
    given = parser.parse_args(arguments)
    asyncio.run(_write(given) if given.what == "write" else _upkeep(given.what, given.url))


if __name__ == "__main__":
    main(sys.argv[1:])
