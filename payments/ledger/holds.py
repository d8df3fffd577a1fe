"""Holds past their deadline end by themselves; all else about holds is the writer's."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

EXPIRE_COUNT_MAX = 1_000
"""Holds ended in one transaction: their lanes are locked until it commits."""


async def expire_holds(db: AsyncSession, *, now: datetime) -> int:
    """Holds whose deadline is over give back what they set aside; how many of them, at most
    `EXPIRE_COUNT_MAX`. Call again until none. Repeatable, and safe beside any writer.

    Run it in a transaction of its own: it takes lanes of many owners.
    """
    connection = await db.connection()
    expired = await connection.execute(_EXPIRE, {"now": now, "count_max": EXPIRE_COUNT_MAX})
    return int(expired.scalar_one())


_EXPIRE = text("SELECT payments.expire_holds(:now, :count_max)")
