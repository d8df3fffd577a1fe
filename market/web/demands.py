"""What the tax authority asks: invoices to review (302), the free service that ends (105); the answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.answering import answer_review
from einvoice.demands import FREE_PERIOD_OVER, AskedInvoice, demand_answered, demand_of
from einvoice.envelope import REVIEW
from einvoice.errors import FieldInvalid
from einvoice.issued import invoice_by_number
from market import clock, ids
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import invoice as invoice_flow
from market.settings import Settings
from market.web import auth
from market.web.i18n import N_
from market.web.invoices import own_stall

REASON_LENGTH_MAX = 255
PLACE = "Thanh Hóa"
NOT_WHOLE = N_("Ghi lý do cho từng hóa đơn, mỗi lý do tối đa 255 chữ.")
SERVICE: Mapping[bool, tuple[str, str]] = {
    True: (
        N_("Hết thời gian dùng hóa đơn điện tử miễn phí"),
        N_("Bạn vẫn bán và lập hóa đơn như cũ đến ngày này. Gọi hỗ trợ của chợ để chọn gói trả tiền trước đó."),
    ),
    False: (
        N_("Cơ quan thuế nói sạp không thuộc diện dùng hóa đơn miễn phí"),
        N_("Gọi hỗ trợ của chợ hoặc cơ quan thuế quản lý trước ngày này để được hướng dẫn đăng ký lại."),
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Looked:
    """One invoice the authority asks about, and what stands of it here."""

    place: int
    asked: AskedInvoice
    issued: einvoice.IssuedInvoice | None
    done: str
    """explain, or what was done about it already: adjust, replace."""
    reason: str
    """What the answer says where the invoice was corrected; empty where the vendor explains."""


@get(
    "/ban-hang/{stall_id:uuid}/co-quan-thue/{code:str}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def demand_page(
    stall_id: FromPath[UUID],
    code: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """What is asked, of which invoices, why, until when, and what to do about each."""
    return await _page(database, viewer, stall_id, code, now)


@post(
    "/ban-hang/{stall_id:uuid}/co-quan-thue/{code:str}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def answer(
    request: Request[Any, Any, Any],
    stall_id: FromPath[UUID],
    code: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Redirect | Template:
    """Send the answer, each invoice with its reason; of a notice that only tells: seen."""
    form = await request.form()
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        demand = await _found(db, vendor_id, code)
        looked = await _looked(db, demand)
    keyed = {one.place: str(form.get(f"ly_do_{one.place}", one.reason)) for one in looked}
    async with database.as_system() as db:
        if demand.kind != REVIEW:
            await demand_answered(db, vendor_id, demand.number, now)
        else:
            try:
                await answer_review(
                    db,
                    demand,
                    {one.place: (one.done, keyed[one.place]) for one in looked},
                    name=stall.vendor_name,
                    office=einvoice.Office(
                        name=invoice_flow.OFFICE_NAME,
                        code=invoice_flow.OFFICE_CODE,
                        contact=stall.vendor_name,
                        place=PLACE,
                    ),
                    new_id=ids.new,
                    sender=invoice_flow.sender_of(settings),
                    signer=invoice_flow.signer_of(settings, demand.tax_id, stall.vendor_name, now),
                    now=now,
                )
            except FieldInvalid:
                return await _page(database, viewer, stall_id, code, now, NOT_WHOLE, keyed)
    return Redirect(f"/ban-hang/{stall_id}/co-quan-thue/{code}", status_code=303)


async def _page(
    database: Database,
    viewer: Viewer,
    stall_id: UUID,
    code: str,
    now: datetime,
    problem: str = "",
    keyed: Mapping[int, str] | None = None,
) -> Template:
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        demand = await _found(db, vendor_id, code)
        looked = await _looked(db, demand)
    days_left = (demand.answer_by - clock.local_day(now)).days if demand.answer_by else None
    context = {
        "stall": stall,
        "demand": demand,
        "is_review": demand.kind == REVIEW,
        "days_left": days_left,
        "looked": looked,
        "service": SERVICE[demand.service_reason == FREE_PERIOD_OVER],
        "reason_length_max": REASON_LENGTH_MAX,
        "problem": problem,
        "keyed": keyed or {},
    }
    return Template("demand.html", context=context, status_code=422 if problem else 200)


async def _found(db: AsyncSession, vendor_id: UUID, code: str) -> einvoice.Demand:
    demand = await demand_of(db, vendor_id, code)
    if demand is None:
        raise NotFound("notice", code[:60])
    return demand


async def _looked(db: AsyncSession, demand: einvoice.Demand) -> list[Looked]:
    found = []
    for place, asked in enumerate(demand.invoices):
        issued = None
        if asked.number.isdigit() and asked.template.isdigit():
            issued = await invoice_by_number(
                db, demand.tax_id, int(asked.template), asked.symbol, int(asked.number)
            )
        done, reason = "explain", ""
        if issued is not None and issued.correction:
            done = "replace" if issued.correction == "replaced" else "adjust"
            after = await einvoice.successors(db, issued.id)
            what = "Đã lập hóa đơn thay thế" if done == "replace" else "Đã lập hóa đơn điều chỉnh"
            reason = f"{what} {', '.join(one.name for one in after)}"[:REASON_LENGTH_MAX]
        found.append(Looked(place, asked, issued, done, reason))
    return found


routers = [demand_page, answer]
