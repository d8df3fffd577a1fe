"""Each demo vendor's goods, as its trade sells them, priced within the range of the day."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

from market.demo.plan import WorldPlan


async def list_goods(db: AsyncSession, plan: WorldPlan, seed: int, now: datetime) -> int:
    """Every vendor offers some goods of the stall's trade; how many there are in all."""
    return 0
