"""Goods on pages: the vendor's shelf, the public page of one good, the hall with its search."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import anyio.to_thread
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template
from markupsafe import Markup
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
from market import clock, ids, sales
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import delegation
from market.settings import Settings
from market.web import assets, auth
from payments.amounts import parse_vnd

PAGE_SIZE = 24
DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class GoodsForm:
    """What the vendor types about one good."""

    name: str = ""
    category: str = ""
    unit: str = ""
    price: str = ""
    description: str | None = None
    """Left as it is where a form does not ask."""
    product_id: str = ""
    version: str = "0"
    photo: UploadFile | None = None
    price_confirmed: str = ""


@dataclass(frozen=True)
class Shelved:
    """One good as a page shows it."""

    product: catalog.Product
    picture_url: str
    category: str
    unit: str
    listing: catalog.Listing | None = None
    count: catalog.Count | None = None
    stall: str = ""
    hall: str = ""
    vendor: str = ""

    @property
    def is_sold_out(self) -> bool:
        """Nobody can buy it now."""
        return not self.product.in_stock or (self.count is not None and self.count.free == 0)


# ── The vendor's shelf ──────────────────────────────────────────────────────────────────────────


@get("/ban-hang/{stall_id:uuid}/hang-hoa", guards=[auth.vendor_of_stall], include_in_schema=False)
async def shelf(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    sua: FromQuery[UUID | None] = None,
) -> Template:
    """The stall's goods, each with where it is listed; a form to add one or change one."""
    async with database.as_viewer(viewer) as db:
        stall, owner_id = await _stall(db, stall_id)
        found = await catalog.products_of(db, owner_id)
        listings = {
            one.product_id: one for one in await catalog.listings_of(db, [one.id for one in found])
        }
        counts = await catalog.counts(db, [one.id for one in found])
    goods = [_shelved(one, listings.get(one.id), counts.get(one.id)) for one in found]
    edited = next((one.product for one in goods if one.product.id == sua), None)
    context = {
        "stall": {"id": stall.id, "code": stall.code, "vendor_name": stall.vendor_name},
        "goods": goods,
        "edited": edited,
        "units": list(catalog.UNITS.values()),
        "categories": list(catalog.CATEGORIES.values()),
        "default_category": _category_of(stall.trade),
    }
    return Template("shelf.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/hang-hoa",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def put_goods(
    stall_id: FromPath[UUID],
    data: Annotated[GoodsForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """Store a good; its channels are told in the same transaction and served by a job."""
    upload = await data.photo.read() if data.photo else b""
    photo = await anyio.to_thread.run_sync(catalog.prepared, upload) if upload else None
    async with database.as_viewer(viewer) as db:
        _place, owner_id = await _stall(db, stall_id)
        product = await _wanted(db, data, owner_id)
        if photo is not None:
            photo_id = await catalog.put_photo(db, ids.new(), owner_id, photo, now=now)
            product = replace(product, photo_ids=(photo_id,))
        await catalog.put_product(
            db, product, now=now, by=viewer.person_id, price_confirmed=bool(data.price_confirmed)
        )
    return Redirect(f"/ban-hang/{stall_id}/hang-hoa", status_code=303)


@post(
    "/ban-hang/{stall_id:uuid}/hang-hoa/{product_id:uuid}/{what:str}",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def change_goods(
    stall_id: FromPath[UUID],
    product_id: FromPath[UUID],
    what: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """“het” says it is sold out, “con” that it is there again, “bo” takes it off everywhere."""
    async with database.as_viewer(viewer) as db:
        _place, owner_id = await _stall(db, stall_id)
        if what in {"het", "con"}:
            await catalog.set_stock(
                db, owner_id, product_id,
                in_stock=what == "con", keep_count=True, now=now, by=viewer.person_id,
            )  # fmt: skip
        elif what == "bo":
            known = await catalog.product_by_id(db, product_id)
            await catalog.archive(
                db, owner_id, product_id, version_seen=known.version, now=now, by=viewer.person_id
            )
        else:
            raise NotFound("action", what)
    return Redirect(f"/ban-hang/{stall_id}/hang-hoa", status_code=303)


async def _stall(db: AsyncSession, stall_id: UUID) -> tuple[sales.StallPlace, UUID]:
    stall = await sales.stall_place(db, stall_id)
    if stall.vendor_id is None:
        raise NotFound("vendor", stall_id)
    return stall, stall.vendor_id


async def _wanted(db: AsyncSession, data: GoodsForm, owner_id: UUID) -> catalog.Product:
    """The good as the form says it: a new one, or the version that was on the screen, changed."""
    price_vnd = parse_vnd(data.price) if data.price.strip() else None
    if not data.product_id:
        product_id = ids.new()
        return catalog.Product(
            id=product_id,
            owner_id=owner_id,
            sku=catalog.sku_of(product_id),
            name_vi=data.name,
            category=data.category,
            unit=data.unit,
            price_vnd=price_vnd,
            description=data.description or "",
            icon=_icon_of(data.name),
        )
    try:
        product_id, version = UUID(data.product_id), int(data.version)
    except ValueError:
        raise NotFound("product", data.product_id) from None
    known = await catalog.revision_of(db, product_id, version)
    if known is None:
        known = replace(await catalog.product_by_id(db, product_id), version=version)
    return replace(
        known,
        name_vi=data.name,
        category=data.category,
        unit=data.unit,
        price_vnd=price_vnd,
        description=known.description if data.description is None else data.description,
    )


def _icon_of(name: str) -> str:
    """The drawn picture whose name the goods' name begins with, if there is one."""
    words = catalog.fold(name).split()
    drawn = set(_drawn())
    for count in range(min(len(words), 4), 0, -1):
        candidate = "-".join(words[:count])
        if candidate in drawn:
            return candidate
    return ""


def _drawn() -> list[str]:
    return [file[6:-4] for file in assets.files() if file.startswith("goods/")]


def _category_of(trade: str) -> str:
    folded = catalog.fold(trade)
    fitting = (one.code for one in catalog.CATEGORIES.values() if catalog.fold(one.trade) == folded)
    return next(fitting, "")


def _shelved(
    product: catalog.Product,
    listing: catalog.Listing | None = None,
    count: catalog.Count | None = None,
) -> Shelved:
    category = catalog.CATEGORIES.get(product.category)
    return Shelved(
        product=product,
        picture_url=picture_url(product),
        category=category.name_vi if category else "",
        unit=catalog.unit(product.unit).name_vi,
        listing=listing,
        count=count,
    )


# ── Public pages ────────────────────────────────────────────────────────────────────────────────


def picture_url(product: catalog.Product) -> str:
    """The photo, else the drawn picture of its kind."""
    if product.photo_ids:
        return f"/hang/{product.photo_ids[0]}.jpg"
    return assets.url(f"goods/{product.icon}.svg" if product.icon else "img/goods.svg")


@get("/hang/{photo:str}", include_in_schema=False)
async def picture(
    photo: FromPath[str], database: NamedDependency[Database], nho: FromQuery[bool] = False
) -> Response[bytes]:
    """A photo of goods; `nho` is the small one."""
    try:
        photo_id = UUID(photo.removesuffix(".jpg"))
    except ValueError:
        raise NotFound("photo", photo) from None
    async with database.as_system() as db:
        content = await catalog.photo_bytes(db, photo_id, small=nho)
    if content is None:
        raise NotFound("photo", photo)
    return Response(
        content,
        media_type="image/webp" if nho else "image/jpeg",
        headers={"cache-control": f"public, max-age={DAY_SECONDS}, immutable"},
    )


_SELLERS = text(
    "SELECT v.id, v.name, s.code, h.id, h.name, u.name FROM market.vendor v"
    " JOIN market.stall s ON s.vendor_id = v.id AND s.status = 'active'"
    " JOIN market.hall h ON h.id = s.hall_id JOIN market.unit u ON u.id = h.unit_id"
    " WHERE v.id = ANY(:vendor_ids) ORDER BY s.code"
)
_HALL_VENDORS = text(
    "SELECT DISTINCT vendor_id FROM market.stall"
    " WHERE hall_id = :hall_id AND status = 'active' AND vendor_id IS NOT NULL"
)
_HALL = text(
    "SELECT h.id, h.name, h.address, u.name AS ward FROM market.hall h"
    " JOIN market.unit u ON u.id = h.unit_id WHERE h.id = :hall_id"
)


@get("/sp/{sku:str}", include_in_schema=False)
async def product_page(
    sku: FromPath[str],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Template:
    """One good for anybody, with schema.org data for search engines."""
    async with database.as_system() as db:
        product = await catalog.product_by_sku(db, sku)
        if product is None or product.status.value != "ready":
            raise NotFound("product", sku)
        sellers = await _sellers(db, [product.owner_id])
        count = (await catalog.counts(db, [product.id])).get(product.id)
        standing = await delegation.standing_at(db, product.owner_id, clock.local_day(now))
    seller = sellers.get(product.owner_id)
    known = catalog.Seller(name="")
    if seller is not None:
        known = catalog.Seller(
            name=seller["vendor"], stall=seller["stall"], hall=seller["hall"], ward=seller["ward"]
        )
    url = f"{settings.base_url}/sp/{product.sku}"
    described = catalog.product_jsonld(
        product,
        seller=known,
        url=url,
        image_urls=[f"{settings.base_url}{picture_url(product)}"],
        now=now,
    )
    context = {
        "one": _shelved(product, count=count),
        "price_vnd": product.price_vnd_at(now),
        "is_available": product.is_available(now) and (count is None or count.free > 0),
        "seller": seller,
        "standing": standing,
        "jsonld": Markup(catalog.script_text(described)),  # noqa: S704 - escaped by script_text
    }
    return Template("product.html", context=context)


@get("/cho/{hall_id:uuid}", include_in_schema=False)
async def hall_page(
    hall_id: FromPath[UUID],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
    q: FromQuery[str] = "",
    trang: FromQuery[int] = 1,
) -> Template:
    """A hall's goods, searched with and without marks."""
    async with database.as_system() as db:
        hall = (await db.execute(_HALL, {"hall_id": hall_id})).mappings().one_or_none()
        if hall is None:
            raise NotFound("hall", hall_id)
        vendor_ids = list((await db.execute(_HALL_VENDORS, {"hall_id": hall_id})).scalars())
        page = await catalog.find(db, q, owner_ids=vendor_ids, page=trang, page_size=PAGE_SIZE)
        sellers = await _sellers(db, {one.owner_id for one in page.products})
        counts = await catalog.counts(db, [one.id for one in page.products])
        posted = await delegation.posted_in_hall(db, hall_id, clock.local_day(now))
    goods = [
        replace(
            _shelved(one, count=counts.get(one.id)),
            stall=sellers.get(one.owner_id, {}).get("stall", ""),
            vendor=sellers.get(one.owner_id, {}).get("vendor", ""),
        )
        for one in page.products
    ]
    context = {"hall": hall, "goods": goods, "page": page, "q": q, "posted": posted}
    return Template("hall.html", context=context)


async def _sellers(db: AsyncSession, vendor_ids: Any) -> dict[UUID, dict[str, Any]]:
    rows = await db.execute(_SELLERS, {"vendor_ids": list(vendor_ids)})
    return {
        row[0]: {
            "vendor": row[1],
            "stall": row[2],
            "hall_id": row[3],
            "hall": row[4],
            "ward": row[5],
        }
        for row in rows
    }


routers = [shelf, put_goods, change_goods, picture, product_page, hall_page]
