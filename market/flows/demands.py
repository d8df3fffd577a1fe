"""What the tax authority asks of a vendor by itself: told at the till, answered from a screen."""

from datetime import datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import live
from market.tables import StallRow


async def tell(db: AsyncSession, owner_id: UUID, *, now: datetime) -> None:
    """The tills of this vendor hear that there is something to answer."""
    for stall_id in await db.exec(select(StallRow.id).where(col(StallRow.vendor_id) == owner_id)):
        await live.tell(db, f"stall:{stall_id}", "tax_asks", {}, now=now)
