"""Tills killed in the middle of issuing leave no gap, no double, nothing half done."""

import contextlib
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

import einvoice
from tests.integration.einvoice.conftest import NOW, OWNER_ID, PREFIX, TAX_ID, command

ROOT = Path(__file__).parents[3]
TILL = Path(__file__).with_name("till.py")
TILLS = 8
LETTERS = ("AB", "AC", "AD", "AE")
"""Two of the eight in each series: they wait for each other, and both cores have work."""
BATCH, BATCH_MAX = 100, 500
"""Invoices of one transaction: larger ones where many numbers are wanted, a thousandth of them."""
KILLED_EVERY = 20
"""Batches between two kills, in the mean."""
SILENT_SECONDS_MAX = 120

# Of each series: how many, from where to where, how many different.
_SERIES = """
SELECT symbol, count(*), min(number), max(number), count(DISTINCT number)
FROM einvoice.invoice GROUP BY symbol ORDER BY symbol
"""
_CODES = """
SELECT count(*), min(right(code, 11)::bigint), max(right(code, 11)::bigint), count(DISTINCT code)
FROM einvoice.invoice
"""


class Tills:
    """Processes that issue; killed with -9 and started anew."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._rest = b""
        self.running: list[int] = []
        self.acknowledged = 0
        self.kills = 0

    def start(self, letters: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{letters}\n".encode())

    def hear(self) -> int:
        """Wait until tills have told of something; of how many batches."""
        assert self._process.stdout is not None
        found, _, _ = select.select([self._process.stdout], [], [], SILENT_SECONDS_MAX)
        assert found, "no till issues any more"
        told = os.read(self._process.stdout.fileno(), 65_536)
        assert told, "the tills ended by themselves"
        *lines, self._rest = (self._rest + told).split(b"\n")
        for what, pid, *count in map(bytes.split, lines):
            if what == b"started":
                self.running.append(int(pid))
            else:
                self.acknowledged += int(count[0])
        return sum(line.startswith(b"issued") for line in lines)

    def kill(self, place: int) -> None:
        """End one wherever it is and start another."""
        pid = self.running.pop(place)
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        self.start(LETTERS[self.kills % len(LETTERS)])


@contextmanager
def tills(url: str, batch: int) -> Iterator[Tills]:
    """Eight tills that issue as fast as they can, all killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # noqa: TID251 - a child's
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(TILL), url, str(batch)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
    )  # fmt: skip
    started = Tills(process)
    try:
        for place in range(TILLS):
            started.start(LETTERS[place % len(LETTERS)])
        while len(started.running) < TILLS:
            started.hear()
        yield started
    finally:
        process.kill()
        process.wait()
        for pid in started.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


async def test_eight_tills_with_kills_leave_no_gap_and_no_double(db, database_url, numbers_wanted):
    await einvoice.record_registration(db, OWNER_ID, TAX_ID, "Hộ Ví Dụ", PREFIX, now=NOW)
    await db.commit()
    chance = random.Random(4004)
    batch = min(max(BATCH, numbers_wanted // 1_000), BATCH_MAX)
    with tills(database_url, batch) as running:
        while running.acknowledged < numbers_wanted:
            for _ in range(running.hear()):
                if running.running and chance.randrange(KILLED_EVERY) == 0:
                    running.kill(chance.randrange(len(running.running)))

    await einvoice.issue(db, command(), now=NOW)
    await db.commit()

    with psycopg.connect(database_url) as connection:
        series = connection.execute(_SERIES).fetchall()
        total, first, last, different = connection.execute(_CODES).fetchone()
    assert running.kills > 0
    assert {row[0] for row in series} <= {"C26MAA", *(f"C26M{one}" for one in LETTERS)}
    assert all((row[2], row[3], row[4]) == (1, row[1], row[1]) for row in series)
    assert (first, last, different) == (1, total, total)
    assert total > running.acknowledged >= numbers_wanted
