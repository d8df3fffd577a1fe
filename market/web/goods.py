"""The till's tiles: the goods of the stall's vendor."""

from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath
from msgspec import Struct

import catalog
from market import sales
from market.db import Database, Viewer
from market.web import auth
from market.web.counting import count_view, is_sold_out
from market.web.errors import documented
from market.web.listings import picture_url


class TileView(Struct, frozen=True, kw_only=True):
    """One tile: what is tapped, and what it costs."""

    product_id: UUID
    name: str
    unit: str
    step: str
    """Smallest quantity, as text: "0.1" for goods by weight, "1" else."""
    price_vnd: int
    picture_url: str
    category: str
    left: str | None
    """How much of it can still be sold, as text; null where nobody counts it."""
    is_sold_out: bool


@get(
    "/api/stalls/{stall_id:uuid}/goods",
    guards=[auth.vendor_of_stall],
    responses=documented(401, 403, 404),
)
async def goods(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> list[TileView]:
    """The goods on sale at this stall, in Vietnamese order; what is sold out comes last."""
    async with database.as_viewer(viewer) as db:
        stall = await sales.stall_place(db, stall_id)
        if stall.vendor_id is None:
            return []
        found = await catalog.products_of(db, stall.vendor_id)
        counts = await catalog.counts(db, [one.id for one in found])
    tiles = [
        TileView(
            product_id=one.id,
            name=one.name_vi,
            unit=catalog.unit(one.unit).name_vi,
            step=str(catalog.unit(one.unit).step),
            price_vnd=one.price_vnd,
            picture_url=picture_url(one),
            category=one.category,
            left=count_view(one, counts.get(one.id)).free,
            is_sold_out=is_sold_out(one, counts.get(one.id)),
        )
        for one in found
        if one.price_vnd
    ]
    return sorted(tiles, key=lambda tile: tile.is_sold_out)


routers = [goods]
