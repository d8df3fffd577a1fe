"""Accounts are opened, limited, frozen and closed; each change is a fact in the event log.

Each of these first takes the owner's lane and holds it until the caller commits, so no batch of a
writer is half way: what was posted before is counted, what comes after is judged by the change.
Change the accounts of one owner in one transaction: two owners' lanes may be wanted by another
the other way round.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments import events
from payments.errors import (
    AccountClosed,
    AccountNotEmpty,
    AccountUnknown,
    LimitRefused,
    LimitsInvalid,
)
from payments.ledger import accounts
from payments.ledger.accounts import OPENED_AT_ONCE, AccountName, lane_of
from payments.ledger.balances import AccountView, outgoing_today, view_of
from payments.tables import AccountRow

LIMIT_VND_MAX = 10**17
"""No limit is further from zero: what an account can ever hold stays a `bigint`."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How little and how much an account may hold, what may leave it on a Vietnamese day.

    `None` is no limit. A limit stops only what moves towards it. The day is the database's own.
    """

    balance_vnd_min: int | None = None
    balance_vnd_max: int | None = None
    out_vnd_max: int | None = None


async def open_accounts(db: AsyncSession, owner_id: UUID, *, now: datetime) -> None:
    """The owner's accounts stand, but for those of a bank account or an acquirer, which are opened
    with the first money. Repeatable.
    """
    names = [AccountName(owner_id, kind, place) for kind, place in OPENED_AT_ONCE]
    await _lock(db, owner_id)
    await _open(db, [(name, _usual(name)) for name in names], now)


async def open_account(
    db: AsyncSession, name: AccountName, *, limits: Limits | None = None, now: datetime
) -> AccountView:
    """The account stands; with the limits of its kind where none are given. Repeatable: one that
    stands already is left and returned as it is, with its own limits.

    Raises: AccountClosed, LimitsInvalid.
    """
    limits = _usual(name) if limits is None else limits
    _check(limits)
    if limits.balance_vnd_min is not None and limits.balance_vnd_min > 0:
        raise LimitsInvalid("a new account holds nothing, less than its smallest balance")
    await _lock(db, name.owner_id)
    await _open(db, [(name, limits)], now)
    row = await _row(db, name)
    if row.closed_at is not None:
        raise AccountClosed(name.id)
    return view_of(row)


async def close_account(db: AsyncSession, name: AccountName, *, now: datetime) -> None:
    """Nothing moves on the account any more, for good. Repeatable.

    Raises: AccountUnknown; AccountNotEmpty where it holds money or a hold waits for it.
    """
    await _lock(db, name.owner_id)
    row = await _row(db, name)
    if row.closed_at is not None:
        return
    if row.balance_vnd or row.held_in_vnd or row.held_out_vnd:
        raise AccountNotEmpty(
            name.id,
            balance_vnd=row.balance_vnd,
            held_in_vnd=row.held_in_vnd,
            held_out_vnd=row.held_out_vnd,
        )
    row.closed_at = now
    await _keep(db, row, "account.closed", {}, now)


async def freeze_account(db: AsyncSession, name: AccountName, *, now: datetime) -> None:
    """Nothing moves on the account until `unfreeze_account`; holds on it may still expire.

    Repeatable: the first moment stays. Raises: AccountUnknown, AccountClosed.
    """
    row = await _open_row(db, name)
    if row.frozen_at is None:
        row.frozen_at = now
        await _keep(db, row, "account.frozen", {}, now)


async def unfreeze_account(db: AsyncSession, name: AccountName, *, now: datetime) -> None:
    """Money moves on the account again. Repeatable. Raises: AccountUnknown, AccountClosed."""
    row = await _open_row(db, name)
    if row.frozen_at is not None:
        row.frozen_at = None
        await _keep(db, row, "account.unfrozen", {}, now)


async def limit_account(
    db: AsyncSession, name: AccountName, limits: Limits, *, now: datetime
) -> None:
    """The account has these limits, all three, from now on; what left it today counts. Repeatable.

    Raises: AccountUnknown, AccountClosed, LimitsInvalid; LimitRefused where it holds less than
    the new smallest balance, or would once its holds are posted.
    """
    _check(limits)
    row = await _open_row(db, name)
    if limits == _limits(row):
        return
    free_vnd = row.balance_vnd - row.held_out_vnd
    if limits.balance_vnd_min is not None and free_vnd < limits.balance_vnd_min:
        raise LimitRefused(name.id, balance_vnd_min=limits.balance_vnd_min, free_vnd=free_vnd)
    if limits.out_vnd_max is None:
        row.out_vnd, row.out_on = 0, None
    elif row.out_vnd_max is None:
        row.out_on, row.out_vnd = await outgoing_today(db, name)
    row.balance_vnd_min = limits.balance_vnd_min
    row.balance_vnd_max = limits.balance_vnd_max
    row.out_vnd_max = limits.out_vnd_max
    await _keep(db, row, "account.limited", msgspec.structs.asdict(limits), now)


def _usual(name: AccountName) -> Limits:
    return Limits(balance_vnd_min=accounts.balance_vnd_min(name.kind))


def _limits(row: AccountRow) -> Limits:
    return Limits(
        balance_vnd_min=row.balance_vnd_min,
        balance_vnd_max=row.balance_vnd_max,
        out_vnd_max=row.out_vnd_max,
    )


def _check(limits: Limits) -> None:
    given = msgspec.structs.astuple(limits)
    if any(one is not None and abs(one) > LIMIT_VND_MAX for one in given):
        raise LimitsInvalid(f"none may be further from zero than {LIMIT_VND_MAX} đ")
    low, high = limits.balance_vnd_min, limits.balance_vnd_max
    if low is not None and high is not None and low > high:
        raise LimitsInvalid("the smallest balance is above the largest")
    if limits.out_vnd_max is not None and limits.out_vnd_max < 0:
        raise LimitsInvalid("less than nothing cannot leave an account")


async def _lock(db: AsyncSession, owner_id: UUID) -> None:
    """Before anything else: a transaction that wrote already would be numbered before its turn."""
    connection = await db.connection()
    await connection.execute(_LOCK, {"lane": lane_of(owner_id)})


async def _open(
    db: AsyncSession, wanted: Sequence[tuple[AccountName, Limits]], now: datetime
) -> None:
    rows = [
        {
            "lane": lane_of(name.owner_id),
            "id": name.id,
            "owner_id": name.owner_id,
            "kind": name.kind.value,
            "place": name.place,
            "balance_vnd": 0,
            "opened_at": now,
            **msgspec.structs.asdict(limits),
        }
        for name, limits in wanted
    ]
    new = set(
        await db.scalars(
            insert(AccountRow).values(rows).on_conflict_do_nothing().returning(col(AccountRow.id))
        )
    )
    for name, limits in wanted:
        if name.id in new:
            data = _data(name.kind.value, name.place) | msgspec.structs.asdict(limits)
            await events.append(db, "account.opened", name.owner_id, name.id, data, now)


async def _open_row(db: AsyncSession, name: AccountName) -> AccountRow:
    await _lock(db, name.owner_id)
    row = await _row(db, name)
    if row.closed_at is not None:
        raise AccountClosed(name.id)
    return row


async def _row(db: AsyncSession, name: AccountName) -> AccountRow:
    """The account as it stands now that its lane is ours, whatever this session read before."""
    rows = await db.exec(
        select(AccountRow)
        .where(AccountRow.lane == lane_of(name.owner_id), AccountRow.id == name.id)
        .execution_options(populate_existing=True)
    )
    row = rows.one_or_none()
    if row is None:
        raise AccountUnknown(name.id)
    return row


async def _keep(
    db: AsyncSession, row: AccountRow, fact: str, data: dict[str, Any], now: datetime
) -> None:
    db.add(row)
    await db.flush()
    await events.append(db, fact, row.owner_id, row.id, _data(row.kind, row.place) | data, now)


def _data(kind: str, place: str) -> dict[str, Any]:
    return {"kind": kind, "place": place}


_LOCK = text("SELECT payments.lock_lanes(ARRAY[:lane]::smallint[])")
