"""What accounts hold, now or at a past instant. Reads only."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.accounts import AccountKind, AccountName, lane_of
from payments.ledger.reading import (
    BEFORE_DAY,
    DAY,
    MINE,
    RECORDED_AFTER,
    RECORDED_UNTIL,
    TAIL,
    Clock,
    query,
    read,
)
from payments.tables import AccountRow


class AccountView(msgspec.Struct, frozen=True):
    """An account as it stands; what it holds counts on its normal side."""

    id: UUID
    owner_id: UUID
    kind: AccountKind
    place: str
    balance_vnd: int
    held_in_vnd: int = 0
    """What open holds may still bring in."""
    held_out_vnd: int = 0
    """What open holds may still take out: it is not to be spent."""
    balance_vnd_min: int | None = None
    balance_vnd_max: int | None = None
    out_vnd_max: int | None = None
    """What may leave it on one Vietnamese day."""
    out_vnd: int = 0
    """What left it on the day `out_on`; kept only where there is such a limit."""
    out_on: date | None = None
    opened_at: datetime | None = None
    frozen_at: datetime | None = None
    closed_at: datetime | None = None


async def accounts_of(db: AsyncSession, owner_id: UUID) -> Sequence[AccountView]:
    """Every account of an owner as it stands now, closed ones too."""
    rows = await db.exec(
        select(AccountRow)
        .where(AccountRow.lane == lane_of(owner_id), AccountRow.owner_id == owner_id)
        .order_by(col(AccountRow.kind), col(AccountRow.place))
        .execution_options(populate_existing=True)
    )
    return [view_of(row) for row in rows.all()]


def view_of(row: AccountRow) -> AccountView:
    """The account for others than this package."""
    return AccountView(
        id=row.id,
        owner_id=row.owner_id,
        kind=AccountKind(row.kind),
        place=row.place,
        balance_vnd=row.balance_vnd,
        held_in_vnd=row.held_in_vnd,
        held_out_vnd=row.held_out_vnd,
        balance_vnd_min=row.balance_vnd_min,
        balance_vnd_max=row.balance_vnd_max,
        out_vnd_max=row.out_vnd_max,
        out_vnd=row.out_vnd,
        out_on=row.out_on,
        opened_at=row.opened_at,
        frozen_at=row.frozen_at,
        closed_at=row.closed_at,
    )


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
    """What an account held after everything up to and including that instant.

    By "occurred" as it is known now: what is told late changes the past. By "recorded" as it was
    known then, which changes no more once every transaction that began by then has ended.
    """
    rows = await read(db, _AT_OCCURRED if by == "occurred" else _AT_RECORDED, name, at=at)
    return int(rows[0].balance_vnd)


async def outgoing_today(db: AsyncSession, name: AccountName) -> tuple[date, int]:
    """The database's Vietnamese day, and what was recorded as leaving the account on it."""
    (row,) = await read(db, _OUTGOING_TODAY, name)
    return row.today, int(row.out_vnd)


_AT_OCCURRED = query(f"""
{TAIL}
SELECT fed.position AS fed_to,
       {BEFORE_DAY.format(day=DAY.format(":at"), within="occurred_at <= :at")} AS balance_vnd
FROM fed
""")  # noqa: S608 - a constant

_AT_RECORDED = query(f"""
{TAIL}
SELECT fed.position AS fed_to,
       COALESCE((SELECT balance_vnd FROM payments.entry
                 WHERE {MINE} AND position <= {RECORDED_AFTER.format(instant=":at")}
                 ORDER BY position DESC LIMIT 1), 0)
       + COALESCE((SELECT sum(amount_vnd) FROM payments.entry
                   WHERE {MINE} AND position > {RECORDED_AFTER.format(instant=":at")}
                     AND position <= {RECORDED_UNTIL.format(instant=":at")}
                     AND recorded_at <= :at), 0)
       + COALESCE((SELECT sum(amount_vnd) FROM tail WHERE recorded_at <= :at), 0) AS balance_vnd
FROM fed
""")  # noqa: S608 - a constant

_OUTGOING_TODAY = query(f"""
{TAIL}
SELECT fed.position AS fed_to, {DAY.format("now()")} AS today,
       -COALESCE((SELECT sum(amount_vnd) FROM payments.entry
                  WHERE {MINE} AND amount_vnd < 0
                    AND position > {RECORDED_AFTER.format(instant="now()")}
                    AND {DAY.format("recorded_at")} = {DAY.format("now()")}), 0)
       - COALESCE((SELECT sum(amount_vnd) FROM tail
                   WHERE amount_vnd < 0
                     AND {DAY.format("recorded_at")} = {DAY.format("now()")}), 0) AS out_vnd
FROM fed
""")  # noqa: S608 - a constant
