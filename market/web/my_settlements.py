"""What a vendor sees of settlement sessions: what was paid, every fee, what is held, why and since when."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market import session_pdf
from market.db import Database, Viewer
from market.errors import NotFound
from market.web import auth, i18n
from market.web.clearing import attachment, vendor_names
from market.web.clearing_words import DONE, WHY
from payments import clearing


@get("/ban-hang/{stall_id:uuid}/quyet-toan", guards=[auth.owner_of_stall], include_in_schema=False)
async def my_sessions(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """What acquirers paid, pay and hold back, with why and since when."""
    async with database.as_viewer(viewer) as db:
        stall = await _stall(db, stall_id)
        paid = await clearing.payouts_of(db, stall.vendor_id)
        held = await clearing.held_of(db, stall.vendor_id)
    context = {
        "stall": {"id": stall_id, "code": stall.code},
        "payouts": paid,
        "held": held,
        "why": WHY,
        "done": DONE,
    }
    return Template("my_settlements.html", context=context)


@get("/ban-hang/{stall_id:uuid}/quyet-toan/{session_id:uuid}/{kind:str}",
     guards=[auth.owner_of_stall], include_in_schema=False)  # fmt: skip
async def my_statement(
    request: Request[Any, Any, Any],
    stall_id: FromPath[UUID],
    session_id: FromPath[UUID],
    kind: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Response[bytes]:
    """One session's statement, as PDF or CSV."""
    t = i18n.translator(i18n.locale_of(request))
    async with database.as_viewer(viewer) as db:
        stall = await _stall(db, stall_id)
        told = await clearing.statement_of(db, session_id, stall.vendor_id)
        names = await vendor_names(db, [stall.vendor_id])
    name = f"quyet-toan-{told.payout.acquirer}-{told.payout.day}"
    if kind == "csv":
        return attachment(clearing.as_csv(told), "text/csv", f"{name}.csv")
    if kind != "pdf":
        raise NotFound("statement", kind)
    page = session_pdf.pdf_of(
        told, names.get(stall.vendor_id, ""), t, lambda class_: t(WHY[class_])
    )
    return attachment(page, "application/pdf", f"{name}.pdf")


async def _stall(db: AsyncSession, stall_id: UUID) -> Any:
    row = (await db.execute(_STALL, {"id": stall_id})).one_or_none()
    if row is None or row.vendor_id is None:
        raise NotFound("stall", stall_id)
    return row


_STALL = text("SELECT id, code, vendor_id FROM market.stall WHERE id = :id")

routers = [my_sessions, my_statement]
