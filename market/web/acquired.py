"""Paying on somebody else's page: VNPAY's, Stripe's, payOS's link; and back from it.

No card field ever stands on a page of ours. The way back changes nothing: what was paid, the signed
notice or an answer to our own question says.
"""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from market import outgoing, sales
from market.db import Database
from market.errors import NotFound, SaleFinal
from market.flows import attempts, payos
from market.flows import sale as sale_flow
from market.gateways import Gateways
from market.settings import Settings
from market.tables import SaleRow
from payments.gateways import Notice, NoticeForged, NoticeMalformed, confirmations, vnpay
from payments.gateways.stripe import StripeClient


@get("/tra/{payment_id:uuid}/vnpay", include_in_schema=False)
async def to_vnpay(
    request: Request[Any, Any, Any],
    payment_id: FromPath[UUID],
    database: NamedDependency[Database],
    gateways: NamedDependency[Gateways],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Redirect:
    """Send the payer's browser to VNPAY's page, signed; each time as an attempt of its own."""
    if gateways.vnpay_config is None:
        raise NotFound("gateway", "vnpay")
    row = await _waiting(database, payment_id, "vnpay")
    reference = vnpay.attempt_ref(str(payment_id), secrets.token_hex(3))
    order = vnpay.VNPayOrder(
        txn_ref=reference,
        amount_vnd=row.amount_vnd,
        info=f"Thanh toan {row.memo}",
        return_url=f"{settings.base_url}/tra/vnpay",
        ip=request.client.host if request.client else "127.0.0.1",
        expires_at=row.recorded_at + sale_flow.OPEN_FOR,
    )
    async with database.as_system() as db:
        await attempts.begin(db, payment_id, "vnpay", reference, now=now)
    return Redirect(vnpay.pay_url(gateways.vnpay_config, order, now), status_code=303)


@get("/tra/vnpay", include_in_schema=False)
async def from_vnpay(
    request: Request[Any, Any, Any],
    gateways: NamedDependency[Gateways],
    now: NamedDependency[datetime],
) -> Redirect:
    """Back from VNPAY: a right signature only finds the payment; its state is read from the ledger."""
    try:
        verified = gateways.gateway("vnpay").verify(Notice(query=request.url.query), now)
    except (NoticeForged, NoticeMalformed):
        raise NotFound("payment", "vnpay") from None
    (told,) = confirmations(verified)
    return Redirect(f"/tra/{told.payment_ref}", status_code=303)


@get("/tra/{payment_id:uuid}/stripe", include_in_schema=False)
async def to_stripe(
    payment_id: FromPath[UUID],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    stripe_client: NamedDependency[StripeClient | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """Send the payer's browser to Stripe's Checkout page; asked twice, it is the same page."""
    if stripe_client is None:
        raise NotFound("gateway", "stripe")
    row = await _waiting(database, payment_id, "stripe")
    opened = await stripe_client.open_checkout(
        str(payment_id),
        row.amount_vnd,
        f"Chợ 4.0 {row.memo}",
        success_url=f"{settings.base_url}/tra/{payment_id}",
        cancel_url=f"{settings.base_url}/tra/{payment_id}",
        idempotency_key=f"pay:{payment_id}",
    )
    async with database.as_system() as db:
        await attempts.begin(db, payment_id, "stripe", opened.id, now=now)
    return Redirect(opened.url, status_code=303)


@get("/tra/{payment_id:uuid}/payos", include_in_schema=False)
async def to_payos(
    payment_id: FromPath[UUID],
    database: NamedDependency[Database],
    gateways: NamedDependency[Gateways],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Redirect:
    """Send the payer's browser to payOS's page of this sale; asked twice, it is the same page.

    Where payOS does not answer, nothing is opened by guess: the stall's own code still stands.
    """
    row = await _waiting(database, payment_id, "vietqr")
    async with database.as_system() as db:
        payee = await sale_flow.receiving_account(db, row.vendor_id)
    account = gateways.links.get(payee.account_no) if payee else None
    if account is None:
        raise NotFound("gateway", "payos")
    back_url = f"{settings.base_url}/tra/{payment_id}"
    async with outgoing.client() as http:
        url = await payos.checkout_url(database, http, account, row, back_url, now=now)
    return Redirect(url, status_code=303)


async def _waiting(database: Database, payment_id: UUID, acquirer: str) -> SaleRow:
    """The sale, if it may be paid there: one that was asked of another acquirer may not."""
    async with database.as_system() as db:
        row = await sales.sale(db, payment_id)
    if row is None or row.method not in {"vietqr", acquirer}:
        raise NotFound("payment", payment_id)
    if row.state != "open":
        raise SaleFinal(row.id, row.state)
    return row


routers = [to_vnpay, from_vnpay, to_stripe, to_payos]
