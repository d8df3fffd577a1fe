"""Tills killed in the middle of issuing leave no gap, no double, nothing half done."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import einvoice
from tests.integration.einvoice.conftest import NOW, OWNER_ID, PREFIX, TAX_ID, command

ROOT = Path(__file__).parents[3]
TILL = """
import asyncio, sys
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession
import einvoice
from tests.integration.einvoice.conftest import NOW, command

async def main(url):
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    while True:
        async with AsyncSession(engine) as session:
            await einvoice.issue(session, command(), now=NOW)
            await session.commit()
        print("issued", flush=True)

asyncio.run(main(sys.argv[1]))
"""


@contextmanager
def tills(count: int, script: Path, url: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Tills that issue as fast as they can, killed at the end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # noqa: TID251 - a child's
    arguments = [sys.executable, "-W", "ignore", str(script), url]
    running = [
        subprocess.Popen(
            arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        for _ in range(count)
    ]
    try:
        yield running
    finally:
        for till in running:
            till.send_signal(signal.SIGKILL)
            till.wait()


async def test_killed_tills_leave_no_gap_and_no_double(db, database_url, tmp_path):
    await einvoice.record_registration(db, OWNER_ID, TAX_ID, "Hộ Ví Dụ", PREFIX, now=NOW)
    await db.commit()
    script = tmp_path / "till.py"
    script.write_text(textwrap.dedent(TILL))
    with tills(2, script, database_url) as running:
        for till in running:
            for _ in range(4):
                assert till.stdout.readline() == b"issued\n"
    acknowledged = sum(4 + till.stdout.read().count(b"issued\n") for till in running)
    for till in running:
        till.stdout.close()

    await einvoice.issue(db, command(), now=NOW)
    found = await einvoice.invoices_of(db, OWNER_ID, NOW)

    numbers = sorted(one.invoice.number for one in found)
    assert numbers == list(range(1, len(found) + 1))
    assert sorted(int(one.invoice.code[-11:]) for one in found) == numbers
    assert len(found) > acknowledged
