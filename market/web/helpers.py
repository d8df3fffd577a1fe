"""The vendor's helpers: who may sell here, one more, one less, and their way to a PIN."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

from market import clock, helping, people, sales
from market.db import Database, Viewer
from market.errors import MarketError, NotFound
from market.settings import Settings
from market.web import auth
from market.web.errors import problem_of
from payments import qr

PAGE = "/ban-hang/{stall_id:uuid}/nguoi-ban-giup"
FORM = Body(media_type=RequestEncodingType.URL_ENCODED)


class AddHelper(Struct, frozen=True, kw_only=True):
    """Who is to help."""

    name: str = ""
    phone: str = ""


@get(PAGE, guards=[auth.owner_of_stall], include_in_schema=False)
async def helpers_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """Who may sell here today, and a form for one more."""
    return Template("helpers.html", context=await _context(database, viewer, stall_id, now))


@post(PAGE, guards=[auth.owner_of_stall], include_in_schema=False, status_code=200)
async def add_helper(
    stall_id: FromPath[UUID],
    data: Annotated[AddHelper, FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """One more; what is wrong is said above the form, which keeps what was typed."""
    async with database.as_viewer(viewer) as db:
        _stall, vendor_id = await _own(db, stall_id)
    try:
        async with database.as_system() as db:
            await helping.add_helper(
                db, vendor_id, data.name, data.phone, day=clock.local_day(now), now=now
            )
    except MarketError as error:
        problem = problem_of(error)
        context = await _context(database, viewer, stall_id, now)
        return Template(
            "helpers.html",
            context={**context, "problem": problem, "typed": data},
            status_code=problem.status,
        )
    return Redirect(f"/ban-hang/{stall_id}/nguoi-ban-giup", status_code=303)


@post(PAGE + "/{person_id:uuid}/thoi", guards=[auth.owner_of_stall], include_in_schema=False,
      status_code=303)  # fmt: skip
async def end_helper(
    stall_id: FromPath[UUID],
    person_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """One less, from this instant on."""
    async with database.as_viewer(viewer) as db:
        _stall, vendor_id = await _own(db, stall_id)
        await helping.end_helper(db, vendor_id, person_id, day=clock.local_day(now))
    return Redirect(f"/ban-hang/{stall_id}/nguoi-ban-giup", status_code=303)


@post(PAGE + "/{person_id:uuid}/ma", guards=[auth.owner_of_stall], include_in_schema=False,
      status_code=200)  # fmt: skip
async def code_of_helper(
    stall_id: FromPath[UUID],
    person_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Template:
    """A code, shown this once, with which a helper without a PIN sets one on their own phone."""
    context = await _context(database, viewer, stall_id, now)
    helper = next((one for one in context["helpers"] if one.person_id == person_id), None)
    if helper is None:
        raise NotFound("helper", person_id)
    if helper.is_only_here and not helper.has_pin:
        assert viewer.person_id is not None
        code = people.new_code()
        code_hash = await asyncio.to_thread(people.hash_pin, code)
        async with database.as_system() as db:
            await people.issue_code(db, person_id, code_hash, viewer.person_id, now=now)
        # Behind the # it never reaches a server or its log.
        phone = helper.phone.replace("+84", "0", 1)
        address = f"{settings.base_url}/dang-nhap/lan-dau#{phone}-{code}"
        context |= {
            "coded": helper,
            "code": code,
            "code_qr": qr.qr_svg(address, "Mã đăng nhập lần đầu"),
        }
    return Template("helpers.html", context=context)


async def _context(
    database: Database, viewer: Viewer, stall_id: UUID, now: datetime
) -> dict[str, Any]:
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await _own(db, stall_id)
    async with database.as_system() as db:
        found = await helping.helpers_of(db, vendor_id, clock.local_day(now))
    return {
        "stall": stall,
        "helpers": found,
        "phones": {one.person_id: people.shown_phone(one.phone) for one in found},
        "is_full": len(found) >= helping.HELPERS_MAX,
    }


async def _own(db: AsyncSession, stall_id: UUID) -> tuple[sales.StallPlace, UUID]:
    stall = await sales.stall_place(db, stall_id)
    if stall.vendor_id is None:
        raise NotFound("stall", stall_id)
    return stall, stall.vendor_id


routers = [helpers_page, add_helper, end_helper, code_of_helper]
