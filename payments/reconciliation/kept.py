"""Differences and bank statements as they are kept: read, never changed here; see `resolving`."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.clearing.errors import DifferenceUnknown
from payments.clearing.tables import BankStatementRow, DifferenceChangeRow, DifferenceRow
from payments.reconciliation.classes import RESOLUTIONS, Class, Resolution

PAGE_MAX = 1_000


class KeptDifference(msgspec.Struct, frozen=True, kw_only=True):
    """A difference as it stands."""

    id: UUID
    session_id: UUID | None
    statement_id: UUID | None
    seq: int | None
    owner_id: UUID | None
    receipt_id: UUID | None
    class_: Class = msgspec.field(name="class")
    source: str
    day: date
    reference: str
    theirs_vnd: int | None
    ours_vnd: int | None
    held_vnd: int
    facts: dict[str, Any]
    state: str
    """open, resolving, resolved."""
    resolution: str
    reason: str
    version: int
    opened_at: datetime
    resolved_by: UUID | None
    resolved_at: datetime | None
    released_in: UUID | None

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """What may be done about it, the usual one first."""
        if self.session_id is None:
            return tuple(one for one in RESOLUTIONS[self.class_] if one is not Resolution.ACCEPT)
        return RESOLUTIONS[self.class_]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a difference's history."""

    version: int
    action: str
    reason: str
    by: UUID | None
    at: datetime


class KeptStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A bank statement that was compared and kept."""

    id: UUID
    format: str
    account_no: str
    owner_id: UUID | None
    first_day: date
    last_day: date
    line_count: int
    in_vnd: int
    out_vnd: int
    matched_count: int
    loaded_at: datetime


async def differences(
    db: AsyncSession,
    *,
    session_id: UUID | None = None,
    statement_id: UUID | None = None,
    owner_id: UUID | None = None,
    only_open: bool = False,
    limit: int = PAGE_MAX,
) -> Sequence[KeptDifference]:
    """Differences of a session, a statement or an owner; the open ones first, then newest first."""
    assert 0 < limit <= PAGE_MAX
    query = select(DifferenceRow)
    for column, wanted in (
        (DifferenceRow.session_id, session_id),
        (DifferenceRow.statement_id, statement_id),
        (DifferenceRow.owner_id, owner_id),
    ):
        if wanted is not None:
            query = query.where(col(column) == wanted)
    if only_open:
        query = query.where(col(DifferenceRow.state) != "resolved")
    rows = await db.exec(
        query.order_by(
            col(DifferenceRow.state) == "resolved",
            col(DifferenceRow.day).desc(),
            col(DifferenceRow.seq),
        )
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [kept_of(row) for row in rows.all()]


async def statements(db: AsyncSession, *, limit: int = 100) -> Sequence[KeptStatement]:
    """The newest first."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(BankStatementRow).order_by(col(BankStatementRow.loaded_at).desc()).limit(limit)
    )
    names = KeptStatement.__struct_fields__
    return [KeptStatement(**{name: getattr(row, name) for name in names}) for row in rows.all()]


async def statement_differences(
    db: AsyncSession, *, limit: int = PAGE_MAX
) -> Sequence[KeptDifference]:
    """Differences of all bank statements; the open ones first, then newest first."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(DifferenceRow)
        .where(col(DifferenceRow.statement_id).is_not(None))
        .order_by(col(DifferenceRow.state) == "resolved", col(DifferenceRow.day).desc())
        .limit(limit)
        .execution_options(populate_existing=True)
    )
    return [kept_of(row) for row in rows.all()]


async def difference(db: AsyncSession, difference_id: UUID) -> KeptDifference:
    """Raises: DifferenceUnknown."""
    row = await db.get(DifferenceRow, difference_id, populate_existing=True)
    if row is None:
        raise DifferenceUnknown(difference_id)
    return kept_of(row)


async def history(db: AsyncSession, difference_id: UUID) -> Sequence[Change]:
    """Who did what to it, oldest first."""
    rows = await db.exec(
        select(DifferenceChangeRow)
        .where(DifferenceChangeRow.difference_id == difference_id)
        .order_by(col(DifferenceChangeRow.version))
    )
    names = Change.__struct_fields__
    return [Change(**{name: getattr(row, name) for name in names}) for row in rows.all()]


def kept_of(row: DifferenceRow) -> KeptDifference:
    """As its row has it."""
    names = [name for name in KeptDifference.__struct_fields__ if name != "class_"]
    return KeptDifference(class_=Class(row.class_), **{name: getattr(row, name) for name in names})
