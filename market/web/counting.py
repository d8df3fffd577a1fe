"""How many there are of a good: the vendor counts on a page with big buttons, or by the API."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated
from uuid import UUID

from litestar import get, post, put
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, JSONBody
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from market import sales
from market.db import Database, Viewer
from market.errors import NotFound
from market.web import auth
from market.web.errors import documented
from market.web.i18n import quantity
from market.web.listings import picture_url

COUNT_MAX = 1_000_000
GROUPED = re.compile(r"\d{1,3}(\.\d{3})+(,\d+)?")
STEPS = (Decimal(1), Decimal(10))
"""What the big buttons add or take away."""


@dataclass(frozen=True, kw_only=True)
class CountForm:
    """One of: what was counted, how many more, or that nobody counts any longer."""

    counted: str = ""
    more: str = ""
    stop: str = ""


class CountCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """So many lie on the shelf; null: these goods are not counted."""

    counted: Decimal | None


class CountView(Struct, frozen=True, kw_only=True):
    """Quantities in the good's unit, as text; null where it is not counted."""

    product_id: UUID
    on_shelf: str | None
    held: str | None
    """Of it, what a buyer is paying for just now."""
    free: str | None
    """What can still be sold."""
    is_sold_out: bool


def count_view(product: catalog.Product, count: catalog.Count | None) -> CountView:
    """A count as it leaves."""
    plain = [None] * 3 if count is None else [count.on_shelf, count.held, count.free]
    on_shelf, held, free = (None if one is None else _plain(one) for one in plain)
    return CountView(
        product_id=product.id, on_shelf=on_shelf, held=held, free=free,
        is_sold_out=is_sold_out(product, count),
    )  # fmt: skip


def is_sold_out(product: catalog.Product, count: catalog.Count | None) -> bool:
    """Nobody can buy it now: it was said so, or all that is left is being paid for."""
    return not product.in_stock or (count is not None and count.free == 0)


@get(
    "/ban-hang/{stall_id:uuid}/hang-hoa/{product_id:uuid}/dem",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
)
async def count_page(
    stall_id: FromPath[UUID],
    product_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """One good: how many are left, one more, one less, or counted anew."""
    async with database.as_viewer(viewer) as db:
        stall, product = await _good(db, stall_id, product_id)
        counted = (await catalog.counts(db, [product_id])).get(product_id)
    unit = catalog.unit(product.unit)
    context = {
        "stall": stall,
        "product": product,
        "picture_url": picture_url(product),
        "unit": unit.name_vi,
        "step": unit.step,
        "count": counted,
        "is_sold_out": is_sold_out(product, counted),
        "steps": STEPS,
    }
    return Template("count.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/hang-hoa/{product_id:uuid}/dem",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def count_on_page(
    stall_id: FromPath[UUID],
    product_id: FromPath[UUID],
    data: Annotated[CountForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """Store it; the till's tiles, the public page and the channels say so at once."""
    more = _quantity(data.more) if data.more else None
    counted = _quantity(data.counted) if more is None and not data.stop else None
    async with database.as_viewer(viewer) as db:
        _stall, product = await _good(db, stall_id, product_id)
        await catalog.count_stock(
            db, product.owner_id, product_id,
            counted=counted, more=more, now=now, by=viewer.person_id,
        )  # fmt: skip
    return Redirect(f"/ban-hang/{stall_id}/hang-hoa/{product_id}/dem", status_code=303)


@get(
    "/api/stalls/{stall_id:uuid}/goods/{product_id:uuid}/stock",
    guards=[auth.vendor_of_stall],
    responses=documented(401, 403, 404),
)
async def stock(
    stall_id: FromPath[UUID],
    product_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> CountView:
    """How many there are of one good."""
    async with database.as_viewer(viewer) as db:
        _stall, product = await _good(db, stall_id, product_id)
        counted = await catalog.counts(db, [product_id])
    return count_view(product, counted.get(product_id))


@put(
    "/api/stalls/{stall_id:uuid}/goods/{product_id:uuid}/stock",
    guards=[auth.vendor_of_stall],
    responses=documented(400, 401, 403, 404, 422),
)
async def set_stock(
    stall_id: FromPath[UUID],
    product_id: FromPath[UUID],
    data: JSONBody[CountCommand],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> CountView:
    """So many lie on the shelf. What a buyer is paying for is among them; what is paid is not."""
    async with database.as_viewer(viewer) as db:
        _stall, product = await _good(db, stall_id, product_id)
        product = await catalog.count_stock(
            db, product.owner_id, product_id, counted=data.counted, now=now, by=viewer.person_id
        )
        counted = await catalog.counts(db, [product_id])
    return count_view(product, counted.get(product_id))


async def _good(
    db: AsyncSession, stall_id: UUID, product_id: UUID
) -> tuple[sales.StallPlace, catalog.Product]:
    """The good, if the stall's vendor has it."""
    stall = await sales.stall_place(db, stall_id)
    product = await catalog.product_by_id(db, product_id)
    if product.owner_id != stall.vendor_id:
        raise NotFound("product", product_id)
    return stall, product


def _quantity(typed: str) -> Decimal:
    """As written in the market: “2,5”, “1.500”; “2.5” as well. Raises: catalog.InvalidProduct."""
    plain = typed.strip()
    if GROUPED.fullmatch(plain):
        plain = plain.replace(".", "")
    with suppress(InvalidOperation):
        found = Decimal(plain.replace(",", "."))
        if found.is_finite() and abs(found) <= COUNT_MAX:
            return found
    raise catalog.InvalidProduct((catalog.Problem("stock_qty", "not_a_number", typed[:20]),))


def _plain(amount: Decimal) -> str:
    return quantity(amount).replace(",", ".")


routers = [count_page, count_on_page, stock, set_stock]
