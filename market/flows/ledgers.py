"""A ledger for one job: the worker holds none open between jobs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import payments
from market.db import ROLE_SYSTEM
from market.flows.context import Context


@asynccontextmanager
async def ledger_of(context: Context) -> AsyncIterator[payments.Ledger]:
    """A started writer; what was put into it is durable or raised when the block ends."""
    ledger = payments.Ledger(context.database.url, role=ROLE_SYSTEM)
    await ledger.start()
    try:
        yield ledger
    finally:
        await ledger.close()
