"""A bank's statement against our receipts: every credit and debit of an account, on both sides.

By the bank's own reference first; what has none, or another one, by amount and time. A statement
that gives days without a time is compared by the day.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from payments.clearing.loading import write_differences
from payments.reconciliation import bank_csv, camt053, mt940
from payments.reconciliation.classes import Class, Difference
from payments.reconciliation.errors import RecordEmpty, RecordTooLarge
from payments.reconciliation.kinds import require_text
from payments.reconciliation.statement import VIETNAM, BankLine, Statement

STATEMENT_BYTES_MAX = 200_000_000
NEAR = timedelta(minutes=2)
"""Two reports of one transfer lie no further apart."""


class OurMovement(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A receipt on the account, signed: what left is negative."""

    id: UUID
    owner_id: UUID | None
    reference: str
    provider_id: str
    amount_vnd: int
    memo: str
    occurred_at: datetime

    @property
    def day(self) -> date:
        """The Vietnamese day by the provider's clock."""
        return self.occurred_at.astimezone(VIETNAM).date()


class StatementComparison(msgspec.Struct, frozen=True, kw_only=True):
    """One statement against the ledger."""

    statement: Statement
    owner_id: UUID | None
    matched_count: int
    differences: tuple[Difference, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many differences of each class."""
        found: dict[str, int] = defaultdict(int)
        for one in self.differences:
            found[str(one.class_)] += 1
        return dict(sorted(found.items()))


def read_statement(raw: bytes, account_no: str = "") -> Statement:
    """A statement in any form that is known; the bytes say which.

    Raises: RecordUnreadable, of the kind that fits.
    """
    if len(raw) > STATEMENT_BYTES_MAX:
        raise RecordTooLarge("The statement is larger than 200 MB.", "Export shorter periods.")
    if not raw.strip():
        raise RecordEmpty("The file is empty.", "Export it again.")
    require_text(raw)
    is_wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    head = raw[:4_000].decode("utf-16" if is_wide else "utf-8", "replace")
    if camt053.is_camt053(head):
        return camt053.read(raw)
    if mt940.is_mt940(head):
        return mt940.read(bank_csv.decoded(raw))
    return bank_csv.read(raw, account_no)


def compare_lines(
    statement: Statement, ours: Sequence[OurMovement]
) -> tuple[int, list[Difference]]:
    """How many lines agree, and every difference. Pure.

    `ours` may reach a day beyond the statement on both sides: what lies outside is never missing.
    """
    known: dict[str, list[OurMovement]] = defaultdict(list)
    for one in ours:
        for key in {one.reference, one.provider_id} - {""}:
            known[key].append(one)
    used: set[UUID] = set()
    differences, left = [], list[BankLine]()
    seen: set[tuple[str, int]] = set()
    for line in statement.lines:
        told = (line.reference, line.amount_vnd)
        fitting = [one for one in known.get(line.reference, ()) if one.id not in used]
        if told in seen:
            differences.append(_difference(Class.DUPLICATE, line, None))
        elif not fitting:
            left.append(line)
        else:
            best = min(fitting, key=lambda one: abs(one.amount_vnd - line.amount_vnd))
            used.add(best.id)
            if best.amount_vnd != line.amount_vnd:
                differences.append(_difference(Class.AMOUNT_MISMATCH, line, best))
        seen.add(told)
    differences += _left(left, ours, used)
    held = len(differences)
    differences += [
        _missing(one)
        for one in ours
        if one.id not in used and statement.first_day <= one.day <= statement.last_day
    ]
    return len(statement.lines) - held, differences


def _left(
    lines: Sequence[BankLine], ours: Sequence[OurMovement], used: set[UUID]
) -> list[Difference]:
    """Lines whose reference nobody told us: by amount and time, each of ours once."""
    waiting = _Waiting(ours, used)
    alone = []
    for line in lines:
        near = waiting.near(line)
        if near is None:
            alone.append(_difference(Class.MISSING_LOCAL, line, None))
        else:
            used.add(near.id)
    return alone


class _Waiting:
    """Ours that no line has taken yet, by amount and time, or by amount and day."""

    def __init__(self, ours: Sequence[OurMovement], used: set[UUID]) -> None:
        self._used = used
        self._by_time: dict[int, list[OurMovement]] = defaultdict(list)
        self._by_day: dict[tuple[int, date], deque[OurMovement]] = defaultdict(deque)
        self._by_text: dict[tuple[int, date, str], deque[OurMovement]] = defaultdict(deque)
        for one in sorted(ours, key=_when):
            if one.id not in used:
                amount_vnd, day = one.amount_vnd, one.day
                self._by_time[amount_vnd].append(one)
                self._by_day[amount_vnd, day].append(one)
                self._by_text[amount_vnd, day, _letters(one.memo)].append(one)

    def near(self, line: BankLine) -> OurMovement | None:
        """Of ours of the same amount the one of about that time; of that day, where none is given.

        The one of the same text before any other.
        """
        if line.has_time:
            return self._near_in_time(line)
        same_text = self._first(self._by_text[line.amount_vnd, line.day, _letters(line.memo)])
        return same_text or self._first(self._by_day[line.amount_vnd, line.day])

    def _near_in_time(self, line: BankLine) -> OurMovement | None:
        fitting = self._by_time[line.amount_vnd]
        start = bisect_left(fitting, line.occurred_at - NEAR, key=_when)
        end = bisect_right(fitting, line.occurred_at + NEAR, key=_when)
        near = [one for one in fitting[start:end] if one.id not in self._used]
        text = _letters(line.memo)
        same_text = (one for one in near if _letters(one.memo) == text)
        return next(same_text, near[0] if near else None)

    def _first(self, listed: deque[OurMovement]) -> OurMovement | None:
        while listed and listed[0].id in self._used:
            listed.popleft()
        return listed[0] if listed else None


def _when(one: OurMovement) -> datetime:
    return one.occurred_at


def _letters(memo: str) -> str:
    return "".join(letter for letter in memo.upper() if letter.isalnum())


def _difference(class_: Class, line: BankLine, ours: OurMovement | None) -> Difference:
    local = line.occurred_at.astimezone(VIETNAM)
    return Difference(
        class_=class_,
        reference=line.reference,
        seq=line.line,
        owner_id=ours.owner_id if ours else None,
        receipt_id=ours.id if ours else None,
        theirs_vnd=line.amount_vnd,
        ours_vnd=ours.amount_vnd if ours else None,
        facts={
            "time": f"{local:%Y%m%d%H%M%S}",
            "day": line.day.isoformat(),
            "memo": line.memo,
            "bank_reference": line.reference,
        },
    )


def _missing(ours: OurMovement) -> Difference:
    return Difference(
        class_=Class.MISSING_PROVIDER,
        reference=ours.reference or ours.provider_id,
        owner_id=ours.owner_id,
        receipt_id=ours.id,
        ours_vnd=ours.amount_vnd,
        facts={
            "time": ours.occurred_at.isoformat(),
            "day": ours.day.isoformat(),
            "memo": ours.memo,
        },
    )


async def compare_statement(
    dsn: str, raw: bytes, *, account_no: str = "", role: str | None = None
) -> StatementComparison:
    """What the statement and the ledger agree on and what not; nothing is kept.

    Raises: RecordUnreadable, of the kind that fits; what the driver raises.
    """
    statement = read_statement(raw, account_no)
    connection = await _connect(dsn, role)
    try:
        return await _compared(connection, statement)
    finally:
        await connection.close()


async def load_statement(
    dsn: str,
    raw: bytes,
    *,
    statement_id: UUID,
    now: datetime,
    account_no: str = "",
    by: UUID | None = None,
    role: str | None = None,
) -> tuple[UUID, StatementComparison]:
    """As `compare_statement`, and its differences stand, open. The same file again: no change.

    A difference that an overlapping statement showed before stays as it is.
    """
    statement = read_statement(raw, account_no)
    digest = hashlib.sha256(raw).digest()
    connection = await _connect(dsn, role)
    try:
        async with connection.transaction():
            told = await _compared(connection, statement)
            kept: UUID | None = await connection.fetchval(
                _KEEP, statement_id, digest, statement.format, statement.account_no, told.owner_id,
                statement.first_day, statement.last_day, len(statement.lines), statement.in_vnd,
                statement.out_vnd, told.matched_count, by, now,
            )  # fmt: skip
            if kept is None:
                known: UUID = await connection.fetchval(
                    "SELECT id FROM payments.bank_statement WHERE digest = $1", digest
                )
                return known, told
            await write_differences(
                connection,
                [msgspec.structs.replace(one, owner_id=told.owner_id) for one in told.differences],
                source=statement.account_no,
                day=None,
                now=now,
                statement_id=statement_id,
            )
            return statement_id, told
    finally:
        await connection.close()


async def _compared(connection: Any, statement: Statement) -> StatementComparison:
    rows = await connection.fetch(
        _OURS,
        statement.account_no,
        statement.first_day - timedelta(days=1),
        statement.last_day + timedelta(days=1),
    )
    ours = [OurMovement(**dict(row)) for row in rows]
    owner_id = await connection.fetchval(_OWNER, statement.account_no)
    matched, differences = compare_lines(statement, ours)
    return StatementComparison(
        statement=statement,
        owner_id=owner_id,
        matched_count=matched,
        differences=tuple(differences),
    )


async def _connect(dsn: str, role: str | None) -> Any:
    settings = {"application_name": "payments-reconciliation", "jit": "off", "timezone": "UTC"}
    if role is not None:
        settings["role"] = role
    return await asyncpg.connect(dsn, server_settings=settings, timeout=10)


_OURS = """
SELECT id, owner_id, reference, provider_id, memo, occurred_at,
       CASE direction WHEN 'in' THEN amount_vnd ELSE -amount_vnd END AS amount_vnd
FROM payments.receipt
WHERE account_no = $1 AND business_date BETWEEN $2 AND $3
  AND outcome NOT IN ('failed', 'reference_reused')
ORDER BY occurred_at, id
"""
_OWNER = """
SELECT owner_id FROM payments.payee WHERE account_no = $1
ORDER BY retired_at IS NOT NULL, registered_at DESC LIMIT 1
"""
_KEEP = """
INSERT INTO payments.bank_statement
    (id, digest, format, account_no, owner_id, first_day, last_day, line_count, in_vnd, out_vnd,
     matched_count, loaded_by, loaded_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (digest) DO NOTHING RETURNING id
"""
