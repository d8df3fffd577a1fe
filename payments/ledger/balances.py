"""What accounts hold, now or at a past instant, and what moved on them. Reads only."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, case, func, or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.accounts import (
    DEBIT_NORMAL,
    OPENED_AT_ONCE,
    AccountKind,
    AccountName,
    balance_vnd_min,
    lane_of,
)
from payments.ledger.transfer import TransferKind
from payments.tables import AccountRow, TransferRow

PAGE_MAX = 1_000
FIRST = UUID(int=0)
"""Before the first transfer."""

Clock = Literal["occurred", "recorded"]
"""When it happened by the provider's telling, or when the database wrote it down."""


class AccountView(msgspec.Struct, frozen=True):
    """An account and its balance on its normal side."""

    id: UUID
    owner_id: UUID
    kind: AccountKind
    place: str
    balance_vnd: int


class Entry(msgspec.Struct, frozen=True):
    """One transfer as one of its accounts sees it: positive where the balance grew."""

    transfer_id: UUID
    amount_vnd: int
    kind: TransferKind
    other_id: UUID
    subject_id: UUID
    place_id: UUID
    occurred_at: datetime
    recorded_at: datetime


async def open_accounts(db: AsyncSession, owner_id: UUID, *, now: datetime) -> None:
    """The owner's accounts stand, but for those of a bank account or an acquirer, which are opened
    with the first money. Repeatable.
    """
    names = [AccountName(owner_id, kind, place) for kind, place in OPENED_AT_ONCE]
    rows = [
        {
            "lane": lane_of(owner_id),
            "id": name.id,
            "owner_id": owner_id,
            "kind": name.kind.value,
            "place": name.place,
            "balance_vnd": 0,
            "balance_vnd_min": balance_vnd_min(name.kind),
            "opened_at": now,
        }
        for name in sorted(names, key=lambda name: name.id)
    ]
    await db.exec(insert(AccountRow).values(rows).on_conflict_do_nothing())


async def accounts_of(db: AsyncSession, owner_id: UUID) -> Sequence[AccountView]:
    """Every account of an owner with its balance now."""
    rows = await db.exec(
        select(AccountRow)
        .where(AccountRow.lane == lane_of(owner_id), AccountRow.owner_id == owner_id)
        .order_by(col(AccountRow.kind), col(AccountRow.place))
        .execution_options(populate_existing=True)
    )
    return [
        AccountView(row.id, row.owner_id, AccountKind(row.kind), row.place, row.balance_vnd)
        for row in rows.all()
    ]


async def balance_vnd(db: AsyncSession, name: AccountName) -> int:
    """What an account holds now; 0 where it was never opened."""
    rows = await db.exec(
        select(AccountRow.balance_vnd).where(
            AccountRow.lane == lane_of(name.owner_id), AccountRow.id == name.id
        )
    )
    return rows.one_or_none() or 0


async def balance_vnd_at(
    db: AsyncSession, name: AccountName, at: datetime, by: Clock = "occurred"
) -> int:
    """What an account held after everything up to and including that instant, from the journal.

    Reads the owner's lane: exact at any time, and as slow as the lane is long.
    """
    sign = 1 if name.kind in DEBIT_NORMAL else -1
    amount = case(
        (col(TransferRow.debit_id) == name.id, sign * col(TransferRow.amount_vnd)),
        else_=-sign * col(TransferRow.amount_vnd),
    )
    clock = col(TransferRow.occurred_at if by == "occurred" else TransferRow.recorded_at)
    rows = await db.exec(
        select(func.coalesce(func.sum(amount), 0)).where(*_touching(name), clock <= at)
    )
    return int(rows.one())


async def statement(
    db: AsyncSession, name: AccountName, *, after: UUID = FIRST, limit: int = 100
) -> Sequence[Entry]:
    """A page of an account's entries in the order of their ids; continue after the last one's."""
    assert 0 < limit <= PAGE_MAX
    rows = await db.exec(
        select(TransferRow)
        .where(*_touching(name), col(TransferRow.id) > after)
        .order_by(col(TransferRow.id))
        .limit(limit)
    )
    return [_entry(name, row) for row in rows.all()]


def _touching(name: AccountName) -> tuple[ColumnElement[bool], ...]:
    return (
        col(TransferRow.lane) == lane_of(name.owner_id),
        or_(col(TransferRow.debit_id) == name.id, col(TransferRow.credit_id) == name.id),
    )


def _entry(name: AccountName, row: TransferRow) -> Entry:
    is_debit = row.debit_id == name.id
    grew = is_debit == (name.kind in DEBIT_NORMAL)
    return Entry(
        transfer_id=row.id,
        amount_vnd=row.amount_vnd if grew else -row.amount_vnd,
        kind=TransferKind(row.kind),
        other_id=row.credit_id if is_debit else row.debit_id,
        subject_id=row.subject_id,
        place_id=row.place_id,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
    )
