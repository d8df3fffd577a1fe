"""Invoices the authority does not have yet: whom to tell before their day ends, and after.

The sale never waits for the authority. When it cannot be reached everything is kept and sent later;
what misses its last day is marked late, and the vendor and the hall's operator are told.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from market import live
from market.flows.context import Context
from market.flows.invoice import SOURCE
from market.tables import StallRow

log = structlog.get_logger("market.invoice_deadlines")


@dataclass(frozen=True)
class Banner:
    """What stands on top of a screen while invoices are not where they must be."""

    late_count: int
    soon_count: int
    rejected_count: int
    """Refused by the authority: these wait for the vendor, not for the network."""
    down_since: datetime | None
    """Since when the authority does not answer; None while it does."""

    @property
    def level(self) -> str:
        """late, soon or down: the gravest that holds."""
        if self.late_count:
            return "late"
        return "soon" if self.soon_count else "down"


async def banner(db: AsyncSession, owner_ids: Collection[UUID], *, now: datetime) -> Banner | None:
    """What these owners must know of their invoices now; None if nothing.

    One owner for a vendor's screens, those of a hall for its operator's.
    """
    found = [
        one for owner in owner_ids for one in await einvoice.alarms(db, now=now, owner_id=owner)
    ]
    outage = await einvoice.outage_now(db, SOURCE)
    if not found and outage is None:
        return None
    return Banner(
        late_count=sum(one.invoice_count for one in found if one.is_late),
        soon_count=sum(one.invoice_count for one in found if not one.is_late),
        rejected_count=sum(one.rejected_count for one in found),
        down_since=outage.began_at if outage else None,
    )


async def watch_deadlines(context: Context, _: dict[str, Any]) -> None:
    """Job: raise each alarm once: the vendor's stalls are told, the operator's log has it."""
    now = context.now()
    async with context.database.as_system() as db:
        for alarm in await einvoice.raise_alarms(db, now=now):
            level = "late" if alarm.is_late else "soon"
            log.warning(
                "invoices not at the authority", owner=str(alarm.owner_id), level=level,
                due_on=alarm.due_on.isoformat(), count=alarm.invoice_count,
            )  # fmt: skip
            said = {
                "level": level,
                "due_on": alarm.due_on.isoformat(),
                "count": alarm.invoice_count,
                "rejected": alarm.rejected_count,
            }
            stalls = select(StallRow.id).where(col(StallRow.vendor_id) == alarm.owner_id)
            for stall_id in await db.exec(stalls):
                await live.tell(db, f"stall:{stall_id}", "invoices_due", said, now=now)
