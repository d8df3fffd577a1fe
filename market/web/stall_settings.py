"""What a vendor decides about the stall: invoices, rounding, whether its goods go on the portal."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect, Template
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
import einvoice
from catalog.channels import owners_joined
from einvoice.deadlines import working_days_after
from market import clock, consents, sales
from market.db import Database, Viewer
from market.errors import ConsentMissing, NotFound
from market.flows import delegation
from market.flows import invoice as invoice_flow
from market.flows.listing import PORTAL
from market.settings import Settings
from market.tables import StallRow, VendorRow
from market.web import auth

INVOICES = "invoices"
MODES = ("off", "on_request", "each_sale", "day_end")
ROUNDINGS_VND = (1, 500, 1_000)


@dataclass(frozen=True, kw_only=True)
class StallForm:
    """The choices of one stall."""

    invoice_mode: str = "on_request"
    round_vnd: str = "1"


@dataclass(frozen=True, kw_only=True)
class RegisterForm:
    """What is needed to register for e-invoices; the box says yes to the words beside it."""

    tax_id: str = ""
    agreed: str = ""


@get("/ban-hang/{stall_id:uuid}/cai-dat", guards=[auth.owner_of_stall], include_in_schema=False)
async def settings_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """The stall's choices, and where its registration for e-invoices stands."""
    async with database.as_viewer(viewer) as db:
        stall, vendor = await _own(db, stall_id)
        registration = await einvoice.registration_of(db, vendor.tax_id) if vendor.tax_id else None
        standing = await delegation.standing_at(db, vendor.id, clock.local_day(now))
    async with database.as_system() as db:
        on_portal = vendor.id in await owners_joined(db, [vendor.id])
    asked = [one for one in consents.purposes(clock.local_day(now)) if one.code == INVOICES]
    context = {
        "stall": stall,
        "vendor": {"name": vendor.name, "tax_id": vendor.tax_id},
        "registration": registration,
        "confirm_by": registration and _confirm_by(registration),
        "standing": standing,
        "on_portal": on_portal,
        "consent": asked[0] if asked else None,
        "roundings": ROUNDINGS_VND,
    }
    return Template("stall_settings.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/cai-dat",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def put_settings(
    stall_id: FromPath[UUID],
    data: Annotated[StallForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Redirect:
    """Store the choices; a choice that does not exist changes nothing."""
    known = data.invoice_mode in MODES and data.round_vnd in map(str, ROUNDINGS_VND)
    if not known:
        raise NotFound("choice", f"{data.invoice_mode} {data.round_vnd}"[:60])
    async with database.as_viewer(viewer) as db:
        await _own(db, stall_id)
    async with database.as_system() as db:
        row = await db.get(StallRow, stall_id, with_for_update=True)
        assert row is not None
        row.invoice_mode, row.round_vnd = data.invoice_mode, int(data.round_vnd)
        db.add(row)
    return Redirect(f"/ban-hang/{stall_id}/cai-dat", status_code=303)


@post(
    "/ban-hang/{stall_id:uuid}/cai-dat/hoa-don",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def register(
    stall_id: FromPath[UUID],
    data: Annotated[RegisterForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Redirect:
    """Register for cash-register invoices: consent, tax id and message in one transaction."""
    day = clock.local_day(now)
    tax_id = einvoice.tax_id_of(data.tax_id)
    async with database.as_viewer(viewer) as db:
        _stall, own = await _own(db, stall_id)
    async with database.as_system() as db:
        vendor = await db.get(VendorRow, own.id, with_for_update=True)
        assert vendor is not None
        if data.agreed:
            await consents.give(
                db, vendor.person_id, [INVOICES], day=day, now=now, channel="web", assisted_by=None
            )
        standing = await consents.consents_of(db, vendor.person_id)
        if not any(one.purpose == INVOICES and not one.withdrawn_at for one in standing):
            raise ConsentMissing(INVOICES)
        vendor.tax_id = tax_id
        db.add(vendor)
        await db.flush()
        await invoice_flow.register_seller(db, settings, vendor.id, now=now)
        row = await db.get(StallRow, stall_id, with_for_update=True)
        if row is not None and row.invoice_mode == "off":  # without the consent it was switched off
            row.invoice_mode = "on_request"
            db.add(row)
    return Redirect(f"/ban-hang/{stall_id}/cai-dat", status_code=303)


@post(
    "/ban-hang/{stall_id:uuid}/cai-dat/san/{what:str}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def portal(
    stall_id: FromPath[UUID],
    what: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """“len” puts the goods on the provincial portal, “xuong” takes all of them off."""
    if what not in {"len", "xuong"}:
        raise NotFound("action", what)
    async with database.as_viewer(viewer) as db:
        stall, vendor = await _own(db, stall_id)
    async with database.as_system() as db:
        if what == "len":
            seller = catalog.Seller(name=vendor.name, stall=stall.code, hall=stall.hall_name)
            await catalog.join_channel(db, PORTAL, vendor.id, seller, now=now)
            await catalog.tell_again(db, vendor.id, reason="joined", now=now)
        else:
            await catalog.leave_channel(db, PORTAL, vendor.id, reason="consent_withdrawn", now=now)
    return Redirect(f"/ban-hang/{stall_id}/cai-dat", status_code=303)


def _confirm_by(registration: einvoice.RegistrationState) -> date:
    """Until when the seller confirms to the authority. Source: Circular 91/2026, Art. 6."""
    return working_days_after(clock.local_day(registration.changed_at), 1)


async def _own(db: AsyncSession, stall_id: UUID) -> tuple[sales.StallPlace, VendorRow]:
    stall = await sales.stall_place(db, stall_id)
    vendor = await db.get(VendorRow, stall.vendor_id) if stall.vendor_id else None
    if vendor is None:
        raise NotFound("stall", stall_id)
    return stall, vendor


routers = [settings_page, put_settings, register, portal]
