"""The disk is full under load, and has room again later: nothing acknowledged is lost."""

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import make_url

from market import db as market_db
from market.embedded import Cluster
from tests.faults.payments.small_disk import REFUSED
from tests.faults.payments.till import PATIENCE_SECONDS, ROOT, broken_laws

DISK_BYTES = 280_000_000
"""A fresh cluster, the log of its migrations, and a little."""
DAY = 12_000
"""Customers whose rows need more room than the pages that are already there."""


class SmallDisk:
    """A PostgreSQL on a disk that can be filled."""

    def __init__(self, process, folder: Path, pid: int) -> None:
        self._process = process
        inside = Path(f"/proc/{pid}/root")  # the disk is mounted for that process alone
        seen = Cluster(folder / "d")
        self.log = inside / seen.data.relative_to("/") / "postgres.log"
        url = make_url(seen.url("market"))
        socket = inside / Path(url.query["host"]).relative_to("/")
        self.url = url.set(query={"host": str(socket)}).render_as_string(hide_password=False)

    async def order(self, word: str) -> None:
        self._process.stdin.write(f"{word}\n".encode())
        assert (await self._process.stdout.readline()) == b"done\n"

    async def until_full(self) -> None:
        """PostgreSQL has met the end of the disk."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while b"No space left" not in self.log.read_bytes():  # noqa: ASYNC110 - another's file
                await asyncio.sleep(0.05)


@pytest.fixture
async def small_disk():
    folder = Path(tempfile.mkdtemp(prefix="cho-"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, Path(__file__).with_name("small_disk.py"), folder, str(DISK_BYTES),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said = await process.stdout.readline()
    if not said and await process.wait() == REFUSED:
        pytest.skip("this kernel lets nobody mount a small disk without being root")
    disk = SmallDisk(process, folder, int(said.split()[1]))
    market_db.migrate(disk.url)
    yield disk
    process.stdin.close()
    await process.wait()
    shutil.rmtree(folder, ignore_errors=True)


async def test_a_full_disk_is_waited_for_and_loses_nothing(
    small_disk, open_day, till_of, draw, survived
):
    day = await open_day(small_disk.url, DAY)
    till = till_of(day, small_disk.url, retry_seconds=0.5)
    await till.start()
    await till.heard(draw.randint(1, 60))

    await small_disk.order("fill")
    await small_disk.until_full()
    assert not till.is_done
    await small_disk.order("free")
    await small_disk.order("start")  # it may have given up altogether
    await till.finish()

    assert await broken_laws(small_disk.url, till) == []
    survived("disk full")
