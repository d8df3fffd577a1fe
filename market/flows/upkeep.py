"""What the ledger needs done behind its back: months, statements, the hash chain, old holds.

Every job may run at any time, twice at once and be cut off anywhere; the next run goes on.
"""

from typing import Any

import payments
from market import clock
from market.db import ROLE_SYSTEM
from market.flows.context import Context


async def keep_partitions(context: Context, _: dict[str, Any]) -> None:
    """Job: the months ahead stand, those over are closed; as the owner of the tables."""
    await payments.keep_partitions(context.database.url, today=clock.local_day(context.now()))


async def feed_statements(context: Context, _: dict[str, Any]) -> None:
    """Job: statements and day sums hold what the journal holds."""
    await payments.feed_statements(context.database.url, now=context.now(), role=ROLE_SYSTEM)


async def seal_journal(context: Context, _: dict[str, Any]) -> None:
    """Job: the hash chain closes over what the journal holds."""
    await payments.seal(context.database.url, now=context.now(), role=ROLE_SYSTEM)


async def expire_holds(context: Context, _: dict[str, Any]) -> None:
    """Job: holds past their deadline give back what they set aside."""
    while True:
        async with context.database.as_system() as db:
            expired = await payments.expire_holds(db, now=context.now())
        if not expired:
            return
