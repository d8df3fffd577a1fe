"""Books and tail as one: how everything is read that the books may not hold yet.

What the books (`bookkeeping`) hold up to their watermark and what the journal holds beyond it are
read in one statement, so from one snapshot: exact at any moment, however far the books have come.
Of the owner's other accounts nothing is read but what the journal holds beyond the watermark.
"""

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    SmallInteger,
    TextClause,
    Uuid,
    bindparam,
    text,
)
from sqlalchemy.types import TypeEngine
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.ledger.accounts import DEBIT_NORMAL, AccountName, lane_of

Clock = Literal["occurred", "recorded"]
"""When it happened by the provider's telling, or when the database wrote it down."""
_TYPES: dict[str, TypeEngine[Any]] = {
    "lane": SmallInteger(),
    "account_id": Uuid(),
    "sign": Integer(),
    "fed_to": BigInteger(),
    "after": BigInteger(),
    "limit": Integer(),
    "at": DateTime(timezone=True),
    "since": DateTime(timezone=True),
    "until": DateTime(timezone=True),
}


def query(sql: str) -> TextClause:
    """A statement for `read`: begins with `TAIL`, answers at least one row with `fed_to`."""
    bound = text(sql)
    return bound.bindparams(*(bindparam(key, type_=_TYPES[key]) for key in bound._bindparams))


async def read(
    db: AsyncSession, asked: TextClause, name: AccountName, **facts: object
) -> Sequence[Any]:
    """The answer of a `query`, at least one row, from one snapshot.

    `fed_to` tells the planner as a plain number where the tail begins at the earliest; the
    statement looks again. It fell behind only where the books were just thrown away.
    """
    connection = await db.connection()
    fed_to = (await connection.execute(_FED_TO)).scalar_one()
    facts |= {
        "lane": lane_of(name.owner_id),
        "account_id": name.id,
        "sign": 1 if name.kind in DEBIT_NORMAL else -1,
    }
    while True:
        rows = (await connection.execute(asked, facts | {"fed_to": fed_to})).all()
        if rows[0].fed_to >= fed_to:
            return rows
        fed_to = rows[0].fed_to


_FED = "COALESCE((SELECT position FROM payments.watermark WHERE name = 'statements'), 0)"
_FED_TO = text(f"SELECT {_FED}")

# How far the books have come in this snapshot, and this account's rows of the journal beyond.
TAIL = f"""
WITH fed AS MATERIALIZED (SELECT {_FED} AS position),
tail AS MATERIALIZED (
    SELECT t.position, t.id AS transfer_id,
           CASE WHEN t.debit_id = :account_id THEN :sign ELSE -:sign END * t.amount_vnd
               AS amount_vnd,
           t.occurred_at, t.recorded_at
    FROM payments.transfer t
    WHERE t.lane = :lane AND (t.debit_id = :account_id OR t.credit_id = :account_id)
      AND t.position > :fed_to AND t.position > (SELECT position FROM fed)
)
"""  # noqa: S608 - a constant

# Vietnam's days, as `account_day` and `record_day` count them.
DAY = "({} AT TIME ZONE interval '7 hours')::date"
MINE = "lane = :lane AND account_id = :account_id"

# Whole days from the day sums, the rest of the last day from its entries.
BEFORE_DAY = f"""
    COALESCE((SELECT sum(debit_vnd - credit_vnd) * :sign FROM payments.account_day
              WHERE {MINE} AND day < {{day}}), 0)
    + COALESCE((SELECT sum(amount_vnd) FROM payments.entry
                WHERE {MINE} AND occurred_at >= {{day}}::timestamp AT TIME ZONE interval '7 hours'
                  AND {{within}}), 0)
    + COALESCE((SELECT sum(amount_vnd) FROM tail WHERE {{within}}), 0)
"""  # noqa: S608 - a constant

# Which positions may have been recorded between two days: all before are earlier, all after later.
RECORDED_AFTER = f"""
    COALESCE((SELECT min(position_first) - 1 FROM payments.record_day
              WHERE day >= {DAY.format("{instant}")}), (SELECT position FROM fed))
"""  # noqa: S608 - a constant
RECORDED_UNTIL = f"""
    COALESCE((SELECT max(position_last) FROM payments.record_day
              WHERE day <= {DAY.format("{instant}")}), 0)
"""  # noqa: S608 - a constant
