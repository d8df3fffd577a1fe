"""A writer in a process of its own, as a test sees it; and the laws that hold whatever dies."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

import payments
from tests.faults.payments.day import Day

LOAD = Path(__file__).with_name("load.py")
ROOT = LOAD.parents[3]
PATIENCE_SECONDS = 120


@dataclass
class Till:
    """Lives a day through `url`; may be killed and begin the day anew."""

    day: Day
    url: str
    retry_seconds: float = 20.0
    acknowledged: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    is_done: bool = False
    _process: asyncio.subprocess.Process | None = None
    _reading: asyncio.Task | None = None
    _heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, LOAD, self.url, str(self.day.seed), str(self.day.count),
            str(self.day.owner_id), "jumps" if self.day.jumps else "steady",
            str(self.retry_seconds), stdout=asyncio.subprocess.PIPE, cwd=ROOT,
            stderr=asyncio.subprocess.DEVNULL, env={"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read(self._process))

    async def _read(self, process) -> None:
        async for line in process.stdout:
            word, name = line.decode().split()
            if word == "ok":
                self.acknowledged.add(name)
            elif word == "done":
                self.is_done = True
            else:
                self.wrong.append(f"{name}: {word}")
            async with self._heard:
                self._heard.notify_all()
        await process.wait()
        async with self._heard:
            self._heard.notify_all()

    async def heard(self, count: int) -> None:
        """So many calls are acknowledged, or the day is over."""
        async with asyncio.timeout(PATIENCE_SECONDS), self._heard:
            await self._heard.wait_for(lambda: len(self.acknowledged) >= count or self.is_over)

    @property
    def is_over(self) -> bool:
        return self.is_done or self._process is None or self._process.returncode is not None

    async def kill_now(self) -> None:
        """With -9, from within whatever it waits for."""
        self.signal(signal.SIGKILL)

    async def kill(self) -> None:
        """With -9; what it printed before is still heard."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        if self._reading is not None:
            await self._reading

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)

    async def finish(self) -> None:
        """The whole day is acknowledged, begun anew as often as it takes."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not self.is_done:
                if self._process is None or self._process.returncode is not None:
                    await self.start()
                await self._reading
        self.wrong += [
            f"{name}: never" for name in self.day.asks() if name not in self.acknowledged
        ]


async def broken_laws(url: str, *tills: Till, finished: bool = True) -> list[str]:
    """Acknowledged is durable, nothing stands twice, a pair stands whole, balances equal entries.

    All the tills live one day. `finished`: exactly its rows stand, and nothing else.
    """
    connection = await asyncpg.connect(url)
    rows = [tuple(row) for row in await connection.fetch(_ROWS)]
    await connection.close()
    stand = set(rows)
    asks = tills[0].day.asks()
    acknowledged = {name for till in tills for name in till.acknowledged}
    broken = [wrong for till in tills for wrong in till.wrong]
    broken += [f"{row} stands twice" for row in stand if rows.count(row) > 1]
    for name in acknowledged:
        broken += [f"{row} of {name} is lost" for row in asks[name].rows if row not in stand]
    for ask in asks.values():
        if ask.linked and len(stand.intersection(ask.rows)) == 1:
            broken.append(f"half of {ask.name} stands")
    if finished:
        wanted = {row for ask in asks.values() for row in ask.rows}
        broken += [f"{row} is missing" for row in wanted - stand]
        broken += [f"{row} is nobody's" for row in stand - wanted]
    report = await payments.audit(url)
    return broken + [one.sentence for one in report.problems]


_ROWS = """
SELECT 'transfer', id::text FROM payments.transfer WHERE kind <> 2
UNION ALL SELECT 'hold', id::text FROM payments.hold
UNION ALL SELECT 'void', id::text FROM payments.hold_end WHERE outcome = 'voided'
UNION ALL SELECT 'receipt', provider_id FROM payments.receipt
"""
"""All but the transfers into suspense that belong to receipts: the audit holds those together."""
