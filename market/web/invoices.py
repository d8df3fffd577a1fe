"""The vendor's invoices: one tap at the till, the day by state, what went wrong and what to do."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.envelope import REVIEW
from market import clock, corrections, sales
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import day_end, delegation, invoice_deadlines, invoice_issuing, till_numbers
from market.flows import invoice as invoice_flow
from market.web import auth, invoice_words
from market.web.errors import documented


class IssuedView(Struct, frozen=True):
    """An invoice as the till shows it."""

    invoice_id: UUID
    state: str
    """numbered → sent → accepted or rejected."""
    number: int
    symbol: str
    lookup_url: str


@post(
    "/api/sales/{sale_id:uuid}/invoice",
    guards=[auth.signed_in],
    status_code=200,
    responses=documented(401, 403, 404, 409, 422),
)
async def issue_invoice(
    sale_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> IssuedView:
    """The invoice of a paid sale. Asked twice, it is the same one; it is sent by itself."""
    async with database.as_viewer(viewer) as db:
        if await sales.sale(db, sale_id) is None:  # row-level security: one's own sales only
            raise NotFound("sale", sale_id)
    async with database.as_system() as db:
        issued = await invoice_issuing.issue_for_sale(db, sale_id, now=now)
    data = invoice_issuing.invoice_data(issued)
    return IssuedView(issued.id, data["state"], data["number"], data["symbol"], data["lookup_url"])


# ── The vendor's screens ────────────────────────────────────────────────────────────────────────


async def own_stall(db: AsyncSession, stall_id: UUID) -> tuple[sales.StallPlace, UUID]:
    """A stall and its vendor. Raises: NotFound where nobody sells."""
    stall = await sales.stall_place(db, stall_id)
    if stall.vendor_id is None:
        raise NotFound("stall", stall_id)
    return stall, stall.vendor_id


async def own_invoice(
    db: AsyncSession, invoice_id: UUID, vendor_id: UUID
) -> einvoice.IssuedInvoice:
    """One's own invoice. Raises: NotFound."""
    issued = await einvoice.invoice_by_id(db, invoice_id)
    if issued is None or issued.owner_id != vendor_id:
        raise NotFound("invoice", invoice_id)
    return issued


@get("/ban-hang/{stall_id:uuid}/hoa-don", guards=[auth.vendor_of_stall], include_in_schema=False)
async def day_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
    ngay: Annotated[date | None, QueryParameter()] = None,
) -> Template:
    """A day's invoices: how many stand where, what needs the vendor first."""
    today = clock.local_day(now)
    day = min(ngay or today, today)
    since, until = clock.day_bounds(day)
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        counts = await einvoice.counts_by_state(db, vendor_id, since, until)
        banner = await invoice_deadlines.banner(db, [vendor_id], now=now)
        listed = await einvoice.standings(db, vendor_id, since, until)
        missing = await day_end.uninvoiced(db, stall_id, since, until)
        may_invoice = await invoice_flow.is_possible(db, vendor_id, stall.invoice_mode)
        to_do = await corrections.to_do(db, vendor_id)
        demands = await einvoice.demands_of(db, vendor_id)
        standing = await delegation.standing_at(db, vendor_id, today)
        passed = await till_numbers.passed(db, vendor_id, since, until)
    context = {
        "stall": stall,
        "day": day,
        "before": day - timedelta(days=1),
        "after": day + timedelta(days=1) if day < today else None,
        "accepted": counts.get("accepted", 0),
        "waiting": counts.get("numbered", 0) + counts.get("sent", 0),
        "rejected": counts.get("rejected", 0),
        "banner": banner,
        "missing": missing,
        "may_invoice": may_invoice,
        "to_do": to_do,
        "demands": [(one, one.kind == REVIEW) for one in demands],
        "today": today,
        "standing": standing,
        "passed": passed,
        "invoices": [(one, invoice_words.told(one.reasons)) for one in listed],
    }
    return Template("invoices_day.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/hoa-don/lap-het",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def issue_the_rest(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """Today's paid sales without an invoice get one, by a worker; the page shows how many are left."""
    since, until = clock.day_bounds(clock.local_day(now))
    async with database.as_viewer(viewer) as db:
        await own_stall(db, stall_id)
    async with database.as_system() as db:
        await day_end.issue_rest(db, stall_id, since, until, now=now)
    return Redirect(f"/ban-hang/{stall_id}/hoa-don", status_code=303)


@get(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
)
async def own_page(
    stall_id: FromPath[UUID],
    invoice_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """One invoice as its seller sees it: where it stands, what corrected it, what to do."""
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        issued = await own_invoice(db, invoice_id, vendor_id)
        before = issued.corrects_id and await einvoice.invoice_by_id(db, issued.corrects_id)
        context = {
            "stall": stall,
            "issued": issued,
            "invoice": issued.invoice,
            "before": before,
            "successors": await einvoice.successors(db, invoice_id),
            "corrections": await corrections.corrections_of(db, invoice_id),
            "told": invoice_words.told(issued.reasons),
        }
    return Template("invoice_own.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}/gui-lai",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def send_again(
    stall_id: FromPath[UUID],
    invoice_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Redirect:
    """A refused invoice goes out again in a new message, under its own number."""
    async with database.as_viewer(viewer) as db:
        _, vendor_id = await own_stall(db, stall_id)
        await own_invoice(db, invoice_id, vendor_id)
    async with database.as_system() as db:
        await einvoice.resubmit(db, invoice_id)
    return Redirect(f"/ban-hang/{stall_id}/hoa-don/{invoice_id}", status_code=303)


routers = [issue_invoice, day_page, issue_the_rest, own_page, send_again]
