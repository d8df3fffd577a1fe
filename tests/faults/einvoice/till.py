"""Tills that issue as fast as they can until they are killed: `python till.py URL BATCH`.

Every line of standard input (two letters) starts one till as a fork of this process, which has imported
everything already. Told on standard output: `started PID`, and after each commit `issued PID COUNT`.
"""

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from market import ids

NOW = datetime(2026, 11, 23, 2, 15, tzinfo=UTC)
OWNER_ID = UUID(int=0xA1)
SELLER = einvoice.Seller(name="HỘ VÍ DỤ", tax_id="038190000123", address="Sạp 12, Chợ Ví Dụ")
LINE = (einvoice.line("Bún bò", 2, 40_000, unit="Tô"),)


def commands(letters: str, count: int) -> Iterator[einvoice.IssueInvoice]:
    for _ in range(count):
        yield einvoice.IssueInvoice(
            id=ids.new(), owner_id=OWNER_ID, subject_id=ids.new(), seller=SELLER, lines=LINE,
            issued_at=NOW, lookup_code=einvoice.lookup_code(secrets.token_bytes(10)), letters=letters,
        )  # fmt: skip


async def issue(url: str, letters: str, batch: int) -> None:
    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    while True:
        async with AsyncSession(engine) as session:
            outcomes = await einvoice.issue_all(session, list(commands(letters, batch)), now=NOW)
            assert all(isinstance(one, einvoice.IssuedInvoice) for one in outcomes)
            await session.commit()
        tell(f"issued {os.getpid()} {len(outcomes)}")


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # one write of a short line is never torn


def main(url: str, batch: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for who was killed
    for letters in sys.stdin:
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            asyncio.run(issue(url, letters.strip(), batch))
        tell(f"started {pid}")


main(sys.argv[1], int(sys.argv[2]))
