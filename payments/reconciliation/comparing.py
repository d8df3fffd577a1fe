"""An acquirer's file against our ledger: what agrees is counted, what differs is named.

A session is a Vietnamese day by the provider's clock: a payment at 23:59:58 whose notice came after
midnight belongs to the day it was paid on. Joined by the provider's number, then by our reference.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from payments.clearing.fees import ANY_BANK, FeeSchedule, schedules_of
from payments.reconciliation import classes, queries
from payments.reconciliation.classes import Class, Difference, Ours, Theirs
from payments.reconciliation.errors import ReconciliationBusy, RecordUnlike
from payments.reconciliation.provider_file import SUCCEEDED, Sums
from payments.reconciliation.refunds import compare_others
from payments.reconciliation.staging import Progress, Staged, stage
from payments.reconciliation.stripe_report import as_settlement_file
from payments.routing import payment_id_of

STAGING_LOCK = 20_261_126
"""Advisory lock of the one whose file lies in the staging table."""
DIFFERENCE_COUNT_MAX = 100_000
"""More is not a difference but another file."""
NEIGHBOURS_BEFORE, NEIGHBOURS_AFTER = timedelta(days=7), timedelta(days=1)
"""How far from the session's day a row may lie by our clock."""
NOT_TAKEN = ["failed", "account_unknown", "reference_reused", "outgoing"]
"""Receipts that are no money of the acquirer's."""


class Assigned(msgspec.Struct, frozen=True, gc=False):
    """Whose a row is that the main join did not find."""

    seq: int
    owner_id: UUID
    receipt_id: UUID | None


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One file against the ledger."""

    acquirer: str
    day: date
    sums: Sums
    matched_count: int
    differences: tuple[Difference, ...]
    assigned: tuple[Assigned, ...] = ()
    has_fees: bool = True
    """Whether a contract is known, so that fees could be checked."""

    @property
    def counts(self) -> dict[str, int]:
        """How many differences of each class."""
        return dict(sorted(Counter(str(one.class_) for one in self.differences).items()))

    @property
    def held_vnd(self) -> int:
        """The net of the rows that cannot be paid out as they stand."""
        return sum(one.held_vnd for one in self.differences)


class Compared(msgspec.Struct, frozen=True):
    """A comparison whose file still lies in the staging table, with the connection to go on."""

    comparison: Comparison
    connection: Any


def _say_nothing(what: str, done: int, total: int) -> None:
    """Nobody looks on."""


async def compare_provider_file(
    dsn: str,
    raw: bytes,
    *,
    acquirer: str,
    day: date | None = None,
    schedules: Iterable[FeeSchedule] | None = None,
    progress: Progress = _say_nothing,
) -> Comparison:
    """What the file and the ledger agree on and what not; nothing is kept.

    `dsn` is the owner's of the tables. `day`: the session it must be of; without it, the file says.
    Raises: RecordUnreadable, of the kind that fits; ReconciliationBusy; what the driver raises.
    """
    raw = as_settlement_file(acquirer, raw)
    async with comparing(
        dsn, raw, acquirer=acquirer, day=day, schedules=schedules, progress=progress
    ) as done:
        return done.comparison


@asynccontextmanager
async def comparing(
    dsn: str,
    raw: bytes,
    *,
    acquirer: str,
    day: date | None,
    schedules: Iterable[FeeSchedule] | None = None,
    progress: Progress = _say_nothing,
) -> AsyncIterator[Compared]:
    """As `compare_provider_file`, with the file still staged and the lock held inside the block."""
    async with workbench(dsn) as connections:
        staged = await stage(connections, raw, day, progress)
        contract = schedules_of(acquirer, staged.day, rows=schedules)
        progress("compare", 0, 1)
        comparison = await _compare(connections, acquirer, staged, contract)
        progress("compare", 1, 1)
        yield Compared(comparison, connections[0])


@asynccontextmanager
async def workbench(dsn: str) -> AsyncIterator[tuple[Any, Any]]:
    """Two connections, the first with the staging lock; the table is empty again afterwards.

    Raises: ReconciliationBusy.
    """
    settings = {
        "application_name": "payments-reconciliation",
        "jit": "off",
        "timezone": "UTC",
        "work_mem": "256MB",
        "hash_mem_multiplier": "2",
        # Nobody has analysed the staged rows: without this the planner takes them for a handful.
        "enable_mergejoin": "off",
        "max_parallel_workers_per_gather": "2",
        "parallel_setup_cost": "0",
        "parallel_tuple_cost": "0",
        "min_parallel_table_scan_size": "0",
    }
    first = await asyncpg.connect(dsn, server_settings=settings, timeout=10)
    try:
        if not await first.fetchval("SELECT pg_try_advisory_lock($1)", STAGING_LOCK):
            raise ReconciliationBusy
        second = await asyncpg.connect(dsn, server_settings=settings, timeout=10)
        try:
            await first.execute("TRUNCATE payments.staging")
            yield first, second
            await first.execute("TRUNCATE payments.staging")
        finally:
            await second.close()
    finally:
        await first.close()


async def _compare(
    connections: tuple[Any, Any],
    acquirer: str,
    staged: Staged,
    contract: Mapping[str, FeeSchedule],
) -> Comparison:
    found = await _Finder(connections[0], acquirer, staged, contract).find()
    held = {one.seq for one in found.differences if one.seq is not None}
    return Comparison(
        acquirer=acquirer,
        day=staged.day,
        sums=staged.sums,
        matched_count=staged.sums.row_count - len(held),
        differences=tuple(sorted(found.differences, key=_by_row)),
        assigned=tuple(found.assigned),
        has_fees=bool(contract),
    )


def _by_row(one: Difference) -> tuple[int, str]:
    return (one.seq or 2**31, one.reference)


class _Finder:
    """The payments of one file; what is found gathers in `differences` and `assigned`."""

    def __init__(
        self, db: Any, acquirer: str, staged: Staged, contract: Mapping[str, FeeSchedule]
    ) -> None:
        self._db, self._acquirer, self._staged = db, acquirer, staged
        self._contract = contract
        self.differences: list[Difference] = []
        self.assigned: list[Assigned] = []
        self._told: set[int] = set()
        """Rows whose difference is named already: the first reason counts."""

    async def find(self) -> "_Finder":
        rows = await self._db.fetch(queries.JOIN, *self._asked(), DIFFERENCE_COUNT_MAX + 1)
        if len(rows) > DIFFERENCE_COUNT_MAX:
            raise RecordUnlike(
                f"More than {DIFFERENCE_COUNT_MAX} of {self._staged.sums.row_count} rows differ.",
                f"Is it really {self._acquirer}'s file of {self._staged.day}?",
            )
        theirs_left = [_theirs(row) for row in rows if row["id"] is None]
        ours_left = [_ours(row) for row in rows if row["seq"] is None]
        agreeing = [row for row in rows if row["id"] is not None and row["seq"] is not None]
        await self._doubled(len(theirs_left), len(ours_left))
        for row in agreeing:
            self._tell(_theirs(row), _ours(row))
        await self._left(theirs_left, ours_left)
        others = await self._db.fetch(queries.OTHERS, DIFFERENCE_COUNT_MAX + 1)
        for theirs, ours, wrong in await compare_others(
            self._db, self._acquirer, self._staged.day, [_theirs(row) for row in others]
        ):
            self._assign(theirs, ours)
            if wrong is not None:
                self.differences.append(wrong)
        return self

    def _asked(self) -> tuple[object, ...]:
        kept = list(self._contract.items())
        columns: list[Callable[[FeeSchedule], int]] = [
            lambda one: one.basis_points,
            lambda one: one.fixed_vnd,
            lambda one: one.min_vnd,
            lambda one: one.max_vnd or 2**62,
            lambda one: one.vat_basis_points,
        ]
        return (
            self._acquirer,
            self._staged.day,
            NOT_TAKEN,
            list(SUCCEEDED),
            [code for code, _ in kept],
            *([column(one) for _, one in kept] for column in columns),
            ANY_BANK,
        )

    def _tell(self, theirs: Theirs, ours: Ours | None, before: date | None = None) -> None:
        if theirs.seq in self._told:
            return
        wrong = classes.difference_of(
            theirs, ours, is_paid=theirs.status in SUCCEEDED, before=before
        )
        if wrong is not None:
            self._told.add(theirs.seq)
            self.differences.append(wrong)

    def _assign(self, theirs: Theirs, ours: Ours | None) -> None:
        if ours is not None and ours.owner_id is not None:
            self.assigned.append(Assigned(theirs.seq, ours.owner_id, ours.receipt_id))

    async def _doubled(self, theirs_left: int, ours_left: int) -> None:
        """Rows that stand twice: in this file, seen by counting, or in a session before."""
        ours_count = await self._db.fetchval(
            queries.OURS, self._acquirer, self._staged.day, NOT_TAKEN
        )
        if self._staged.payment_count - theirs_left != ours_count - ours_left:
            for row in await self._db.fetch(queries.DOUBLED, list(SUCCEEDED)):
                theirs, ours = _theirs(row), await self._of_number(row["number"])
                self._told.add(theirs.seq)
                self.differences.append(classes.of_class(Class.DUPLICATE, theirs, ours))
                self._assign(theirs, ours)
        near = await self._db.fetch(
            queries.SESSIONS_NEAR, self._acquirer, self._staged.day, *_window(self._staged.day)
        )
        if near:
            for row in await self._db.fetch(queries.SETTLED_NEAR, [one["id"] for one in near]):
                self._tell(_theirs(row), _ours_or_none(row), before=row["before"])

    async def _of_number(self, number: str) -> Ours | None:
        found = await self._receipts([number])
        return found.get(number)

    async def _left(self, theirs_left: list[Theirs], ours_left: list[Ours]) -> None:
        theirs_left = self._first_of_each(theirs_left)
        numbers = [one.number for one in theirs_left]
        near = await self._receipts(numbers)
        settled = await self._settled(numbers + [one.number for one in ours_left])
        alone = []
        for one in theirs_left:
            ours = near.get(one.number)
            self._assign(one, ours)
            if one.number in settled:
                self._tell(one, ours, before=settled[one.number])
            elif ours is not None:
                self._tell(one, ours)
            else:
                alone.append(one)
        ours_left = [one for one in ours_left if one.number not in settled]
        pairs, alone, ours_left = classes.paired_by_reference(alone, ours_left)
        for theirs, ours in pairs:
            self._assign(theirs, ours)
            self._tell(theirs, ours)
        await self._lost(alone)
        self.differences += [classes.missing_provider(one) for one in ours_left]

    def _first_of_each(self, rows: list[Theirs]) -> list[Theirs]:
        """Rows of numbers we do not know; a second one of the same number is a duplicate."""
        first: dict[str, Theirs] = {}
        for one in sorted(rows, key=lambda row: row.seq):
            if one.number in first and one.seq not in self._told:
                self._told.add(one.seq)
                self.differences.append(classes.of_class(Class.DUPLICATE, one, None))
            first.setdefault(one.number, one)
        return [one for one in first.values() if one.seq not in self._told]

    async def _lost(self, rows: Sequence[Theirs]) -> None:
        """Rows of payments that we asked for and never heard of: their owner is known all the same."""
        asked = {one.seq: payment_id_of(classes.own_reference(one.txn_ref)) for one in rows}
        found = await self._db.fetch(queries.PAYMENTS, [one for one in asked.values() if one])
        owners = {row["id"]: row["owner_id"] for row in found}
        for one in rows:
            self._tell(one, None)
            owner_id = owners.get(asked[one.seq])
            if owner_id is not None:
                self.assigned.append(Assigned(one.seq, owner_id, None))
                told = self.differences[-1]
                self.differences[-1] = msgspec.structs.replace(told, owner_id=owner_id)

    async def _receipts(self, numbers: list[str]) -> dict[str, Ours]:
        if not numbers:
            return {}
        rows = await self._db.fetch(
            queries.RECEIPTS, self._acquirer, *_window(self._staged.day), numbers, NOT_TAKEN
        )
        return {row["provider_id"]: _ours(row) for row in rows}

    async def _settled(self, numbers: list[str]) -> dict[str, date]:
        if not numbers:
            return {}
        rows = await self._db.fetch(queries.SETTLED, self._acquirer, self._staged.day, numbers)
        return {row["provider_txn_no"]: row["day"] for row in rows}


def _window(day: date) -> tuple[date, date]:
    return day - NEIGHBOURS_BEFORE, day + NEIGHBOURS_AFTER


def _theirs(row: Mapping[str, Any]) -> Theirs:
    return Theirs(
        seq=row["seq"],
        txn_type=row["txn_type"],
        txn_ref=row["txn_ref"] or "",
        number=row["number"],
        original=row["original"] or "",
        status=row["status"] or "",
        amount_vnd=row["amount"],
        fee_vnd=row["fee"],
        fee_vat_vnd=row["fee_vat"],
        net_vnd=row["net_amount"],
        time=row["txn_time"],
        fee_expected_vnd=row["fee_expected"],
        fee_vat_expected_vnd=row["vat_expected"],
    )


def _ours(row: Mapping[str, Any]) -> Ours:
    return Ours(
        receipt_id=row["id"],
        owner_id=row["owner_id"],
        number=row["provider_id"],
        reference=row["payment_ref"],
        amount_vnd=row["amount_vnd"],
        occurred_at=row["occurred_at"],
    )


def _ours_or_none(row: Mapping[str, Any]) -> Ours | None:
    return None if row["id"] is None else _ours(row)
