"""The shopper's side: the pay page behind a QR or link, and the receipt. No account, no app."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
import payments
from market import clock, echo, live, sales
from market.db import Database
from market.errors import NotFound
from market.flows import delegation, invoice_issuing
from market.flows import invoice as invoice_flow
from market.flows import sale as sale_flow
from market.gateways import Gateways
from market.settings import Settings
from market.tables import SaleRow
from market.web.errors import documented
from payments import banks, qr
from payments.gateways.stripe import AMOUNT_VND_MIN as STRIPE_VND_MIN


class PaymentView(Struct, frozen=True, kw_only=True):
    """A payment as its shopper may see it. It says paid only where the ledger does."""

    payment_id: UUID
    state: str
    amount_vnd: int
    received_vnd: int
    missing_vnd: int
    paid_at: datetime | None
    echo_word: str
    expires_at: datetime | None


@get("/tra/{payment_id:uuid}", include_in_schema=False)
async def pay_page(
    payment_id: FromPath[UUID],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    gateways: NamedDependency[Gateways],
    now: NamedDependency[datetime],
) -> Template:
    """Whose stall, how much, the QR, one calm line of state; the receipt once it is paid."""
    async with database.as_system() as db:
        row = await _sale_of(db, payment_id)
        context = await _context(db, row, settings, gateways, now)
        context["last_event_id"] = await live.last_id(db)
    template = "receipt.html" if row.state == "paid" else "shopper.html"
    return Template(template, context=context)


@get("/api/payments/{payment_id:uuid}", responses=documented(404))
async def payment(payment_id: FromPath[UUID], database: NamedDependency[Database]) -> PaymentView:
    """The state of one payment, for whoever holds its unguessable id."""
    async with database.as_system() as db:
        row = await _sale_of(db, payment_id)
    return PaymentView(
        payment_id=payment_id,
        state=row.state,
        amount_vnd=row.amount_vnd,
        received_vnd=row.received_vnd,
        missing_vnd=max(0, row.amount_vnd - row.received_vnd),
        paid_at=row.paid_at,
        echo_word=row.echo_word,
        expires_at=row.recorded_at + sale_flow.OPEN_FOR,
    )


@post("/tra/{payment_id:uuid}/hoa-don", include_in_schema=False, status_code=303)
async def ask_invoice(
    payment_id: FromPath[UUID],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> Redirect:
    """The shopper asks for the invoice of what they paid; it is made at once, or it is there."""
    async with database.as_system() as db:
        row = await _sale_of(db, payment_id)
        issued = await invoice_issuing.issue_for_sale(db, row.id, now=now)
    return Redirect(f"/hd/{issued.lookup_code}", status_code=303)


async def _sale_of(db: AsyncSession, payment_id: UUID) -> SaleRow:
    row = await sales.sale(db, payment_id)
    if row is None:
        raise NotFound("payment", payment_id)
    return row


async def _context(
    db: AsyncSession, row: SaleRow, settings: Settings, gateways: Gateways, now: datetime
) -> dict[str, Any]:
    stall = await sales.stall_place(db, row.stall_id)
    account = await sale_flow.receiving_account(db, row.vendor_id)
    bank = banks.bank(account.bank_bin) if account else None
    may_invoice = await invoice_flow.is_possible(db, row.vendor_id, stall.invoice_mode)
    issued = await einvoice.invoice_by_id(db, row.invoice_id) if row.invoice_id else None
    standing = await delegation.standing_at(db, row.vendor_id, clock.local_day(now))
    view = {
        "id": row.payment_id or row.id,
        "sale_id": row.id,
        "state": row.state,
        "method": row.method,
        "amount_vnd": row.amount_vnd,
        "received_vnd": row.received_vnd,
        "missing_vnd": max(0, row.amount_vnd - row.received_vnd),
        "memo": row.memo,
        "qr_text": row.qr_text,
        "qr_svg": qr.qr_svg(row.qr_text) if row.qr_text else "",
        "paid_at": clock.local(row.paid_at) if row.paid_at else None,
        "sold_at": clock.local(row.sold_at),
        "expires_at": clock.local(row.recorded_at + sale_flow.OPEN_FOR),
        "echo_word": row.echo_word,
        "echo_colour": await _echo_colour(db, row) if row.echo_word else "",
        "payee": {
            "name": account.holder_name if account else "",
            "bank": bank.short_name if bank else "",
            "account_no": account.account_no if account else "",
            "last4": account.account_no[-4:] if account else "",
        },
        "stall": {"code": stall.code, "hall": stall.hall_name, "vendor": stall.vendor_name},
        "lines": await sales.lines_of(db, row.id),
        "methods": _methods(row, settings, bool(account and account.account_no in gateways.links)),
        "invoice_url": f"/hd/{issued.lookup_code}" if issued else "",
        "invoice_id": row.invoice_id,
        "may_ask_invoice": row.state == "paid" and may_invoice,
    }
    return {"payment": view, "demo": settings.demo, "standing": standing}


async def _echo_colour(db: AsyncSession, row: SaleRow) -> str:
    """The colour the till showed: that of the receipt whose word the sale keeps."""
    receipts = await payments.receipts_for(db, row.payment_id) if row.payment_id else []
    for echo_of in (echo.echo_of(one.id) for one in receipts):
        if echo_of[0] == row.echo_word:
            return echo_of[1]
    return echo.echo_of(row.id)[1]


def _methods(row: SaleRow, settings: Settings, by_link: bool) -> list[dict[str, str]]:
    """Ways to pay from this phone: the bank app, payOS's link where the stall's account is behind
    payOS, and acquirers where this market has them.
    """
    offered = {"vnpay", "stripe"} if settings.demo else {row.method} - {"vietqr"}
    if row.amount_vnd < STRIPE_VND_MIN:
        offered.discard("stripe")
    ways = [
        {"name": name, "url": f"/tra/{row.payment_id}/{name}"}
        for name in ("vnpay", "stripe")
        if name in offered
    ]
    if by_link and row.method == "vietqr" and row.state == "open":
        ways.insert(0, {"name": "payos", "url": f"/tra/{row.payment_id}/payos"})
    if settings.demo and row.qr_text:
        query = urlencode({"qr": row.qr_text})
        ways.insert(0, {"name": "bank", "url": f"{settings.bank_url}/pay?{query}"})
    return ways


routers = [pay_page, payment, ask_invoice]
