"""Does everything still agree? Read in one snapshot, each disagreement in words."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import asyncpg
import msgspec

from payments.ledger.accounts import LANES
from payments.ledger.chain import ChainHeads
from payments.ledger.checks import CHECKS, WHOLE, Check
from payments.ledger.proof import prove

PROBLEM_COUNT_MAX = 100
"""Disagreements named per check; more of one kind say nothing new."""
PART_ROW_COUNT = 2_000_000
"""Rows of the journal per part of a long check: joined in memory, and the progress moves."""
CHAIN = "the chain closes over the journal"

CHAIN_WEIGHT = 4
"""Hashing a row takes about as long as reading so many."""

Progress = Callable[[str, int, int], None]
"""Called with the name of a check, how many rows have been read, and how many there are to read in
all checks together; at the end with an empty name."""


class Problem(msgspec.Struct, frozen=True):
    """One disagreement."""

    check: str
    sentence: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What an audit looked at and what it found."""

    transfer_count: int
    receipt_count: int
    account_count: int
    payment_count: int
    event_count: int
    entry_count: int
    account_day_count: int
    hold_count: int
    hold_end_count: int
    refund_count: int
    seal_count: int
    heads: ChainHeads
    """Where the chains ended: to be kept elsewhere if all is well."""
    problems: tuple[Problem, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything agrees."""
        return not self.problems


async def audit(
    dsn: str,
    progress: Progress | None = None,
    *,
    role: str | None = None,
    heads: ChainHeads | None = None,
) -> Report:
    """Compare chain, journal, balances, statements, holds, refunds, receipts, payments and events.

    Works on a live system: one snapshot for all checks, no locks. What is not sealed or not in the
    statements yet is no problem. `heads` are those of an earlier report, kept elsewhere: a chain
    that was made anew since then no longer holds them.
    """
    settings = {
        "application_name": "payments-audit",
        "jit": "off",
        "timezone": "UTC",
        "work_mem": "256MB",
    }
    if role is not None:
        settings["role"] = role
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            report = await audit_snapshot(connection, progress, heads)
    except BaseException:
        connection.terminate()  # in the midst of a COPY it could not be closed
        raise
    await connection.close()
    return report


async def audit_snapshot(
    connection: Any, progress: Progress | None = None, heads: ChainHeads | None = None
) -> Report:
    """As `audit`, of what the connection's transaction sees."""
    return await _Audit(connection, progress or _silent).run(heads)


class _Audit:
    def __init__(self, connection: Any, progress: Progress) -> None:
        self._connection = connection
        self._progress = progress
        self._counts: dict[str, int] = {}
        self._done = self._total = 0

    async def run(self, kept: ChainHeads | None) -> Report:
        self._counts = dict(await self._connection.fetchrow(_COUNTS))
        chain_size = CHAIN_WEIGHT * self._counts["transfer"]
        self._total = chain_size + sum(self._size(check) for check in CHECKS)
        problems = [problem for check in CHECKS for problem in await self._check(check)]
        all_whole = not any(problem.check == WHOLE for problem in problems)
        heads, in_chain = await self._chain(kept, all_whole)
        self._progress("", self._total, self._total)
        counts = {f"{table}_count": count for table, count in self._counts.items()}
        return Report(problems=tuple(in_chain + problems), heads=heads, **counts)

    async def _check(self, check: Check) -> list[Problem]:
        self._progress(check.name, self._done, self._total)
        found: list[Any] = []
        parts = self._parts() if check.is_by_lane else [()]
        size = self._size(check)
        for number, lanes in enumerate(parts, start=1):
            query = f"{check.query} LIMIT {PROBLEM_COUNT_MAX}"
            found += await self._connection.fetch(query, *lanes)
            if number < len(parts):
                self._progress(check.name, self._done + size * number // len(parts), self._total)
        self._done += size
        return [Problem(check.name, row[0]) for row in found[:PROBLEM_COUNT_MAX]]

    async def _chain(
        self, kept: ChainHeads | None, all_whole: bool
    ) -> tuple[ChainHeads, list[Problem]]:
        start, size = self._done, CHAIN_WEIGHT * self._counts["transfer"]

        def advance(row_count: int) -> None:
            self._done = min(self._done + CHAIN_WEIGHT * row_count, start + size)
            self._progress(CHAIN, self._done, self._total)

        advance(0)
        heads, sentences = await prove(self._connection, kept, advance, all_whole=all_whole)
        self._done = start + size
        return heads, [Problem(name, one) for name, some in sentences.items() for one in some]

    def _size(self, check: Check) -> int:
        return sum(self._counts[table] for table in check.reads)

    def _parts(self) -> list[tuple[int, int]]:
        """The lanes in so many parts that each is joined in memory."""
        count = min(max(self._counts["transfer"] // PART_ROW_COUNT, 1), LANES)
        edges = [LANES * number // count for number in range(count + 1)]
        return [(low, high - 1) for low, high in pairwise(edges)]


def _silent(name: str, done: int, total: int) -> None:
    return


_COUNT = "SELECT count(*) FROM payments.{}"
_TABLES = (
    "transfer",
    "receipt",
    "account",
    "payment",
    "event",
    "entry",
    "account_day",
    "hold",
    "hold_end",
    "refund",
    "seal",
)
_COUNTS = "SELECT " + ", ".join(f"({_COUNT.format(table)}) AS {table}" for table in _TABLES)
