"""What each demo stall sells, and who of them also sells through the provincial portal."""

from datetime import datetime

from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from market.demo import goods
from market.demo.plan import Dealer, HallPlan, StallPlan, WorldPlan
from market.flows.listing import PORTAL

PORTAL_NAME = "Cổng kết nối cung cầu nông sản (mô phỏng)"
PORTAL_TRADES = {"đặc sản/OCOP", "hải sản khô", "giò chả - nem", "trái cây"}
"""Lines of goods whose vendors join the portal: what travels well, and fruit."""
KINDS_PER_STALL = 10


async def fill(db: AsyncSession, plan: WorldPlan, seed: int, now: datetime) -> int:
    """Every stall with a vendor offers goods of its line; how many there are in all."""
    dealer = Dealer(seed + 2, now)
    await catalog.put_channel(db, PORTAL, PORTAL_NAME, catalog.portal_categories())
    count = 0
    for hall in plan.halls:
        for stall in hall.stalls:
            if stall.vendor is not None:
                count += await _fill_one(db, dealer, hall, stall, now)
    return count


async def _fill_one(
    db: AsyncSession, dealer: Dealer, hall: HallPlan, stall: StallPlan, now: datetime
) -> int:
    vendor = stall.vendor
    assert vendor is not None
    if stall.trade in PORTAL_TRADES and stall.stand_id is not None:
        seller = catalog.Seller(
            name=vendor.person.name, stall=stall.code, hall=hall.site.name, ward=hall.site.address
        )
        await catalog.join_channel(db, PORTAL, vendor.id, seller, now=now)
    put = await goods.stock_shelf(
        db, vendor.id, stall.trade, rng=dealer.rng, new_id=dealer.id, now=now, count=KINDS_PER_STALL
    )
    return len(put)
