"""Providers' notices: raw bytes verified, kept, settled; answered after the commit, never before.

A plain POST is taken before the router (`market.web.doors`); the handlers say the same.
"""

import asyncio
from datetime import datetime
from typing import Any

import structlog
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from sqlalchemy.exc import SQLAlchemyError

import payments
from market import ids
from market.db import Database
from market.web.errors import PROBLEM_JSON, Problem
from market.web.services import Services
from payments.gateways import (
    Answer,
    Gateway,
    GatewayError,
    GatewayUnavailable,
    Notice,
    NoticeForged,
    confirmations,
)
from payments.gateways.vnpay import AmountMalformed, OrderUnnamed, VNPayGateway
from payments.routing import is_asked_of, payment_id_of

ANSWER_SECONDS_MAX = 5
"""The shortest patience of a provider (older SePay documents: 5 to 8 s); later it hears a no."""
REFUSED = {
    400: ResponseSpec(dict[str, Any], description="not what the provider documents"),
    401: ResponseSpec(dict[str, Any], description="nobody we know signed this"),
    404: ResponseSpec(Problem, media_type=PROBLEM_JSON, description="no such partner here"),
    413: ResponseSpec(Problem, media_type=PROBLEM_JSON, description="too large"),
    503: ResponseSpec(dict[str, Any], description="not recorded: send it again"),
}
"""What a provider may hear besides a yes; it then sends the notice again."""

log = structlog.get_logger("market.hooks")


@post("/hooks/{account:str}", status_code=200, exclude_from_csrf=True, responses=REFUSED)
async def notice(
    account: FromPath[str],
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
) -> Response[dict[str, Any]]:
    """A provider's notice for one of our accounts with it; answered in the provider's words."""
    return await _take(request, services.gateways.gateway(account), services)


@get("/hooks/vnpay", responses=REFUSED)
async def vnpay_ipn(
    request: Request[Any, Any, Any],
    services: NamedDependency[Services],
) -> Response[dict[str, Any]]:
    """VNPAY's IPN, a signed query. Always HTTP 200; RspCode 00 and 02 end its calls."""
    return await _take(request, services.gateways.gateway("vnpay"), services)


async def _take(
    request: Request[Any, Any, Any], gateway: Gateway, services: Services
) -> Response[dict[str, Any]]:
    came = Notice(
        body=await request.body(),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.url.query,
        source=request.client.host if request.client else "",
    )
    answer = await take(came, gateway, services)
    return Response(dict(answer.body), status_code=answer.status)


async def take(came: Notice, gateway: Gateway, services: Services) -> Answer:
    """Verify, keep and settle. Where that cannot be done in time the provider hears a no: it sends
    the notice again, and what stands by then is told apart.
    """
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            return await _taken(came, gateway, services.database, services.ledger, services.now())
    except (payments.LedgerError, SQLAlchemyError, OSError, TimeoutError) as failed:
        log.warning("a notice was not recorded", gateway=gateway.name, error=type(failed).__name__)
        return gateway.refusal(GatewayUnavailable(gateway.name, "Not recorded yet."))


async def _taken(
    came: Notice, gateway: Gateway, database: Database, ledger: payments.Ledger, now: datetime
) -> Answer:
    try:
        told = confirmations(gateway.verify(came, now))
    except GatewayError as wrong:
        verdict = "forged" if isinstance(wrong, NoticeForged) else "malformed"
        await _keep(database, gateway.name, came, verdict, f"{wrong.code}: {wrong}", now)
        if isinstance(wrong, AmountMalformed) and not await _is_asked(database, wrong):
            return gateway.refusal(OrderUnnamed(wrong.gateway, "There is no such order."))
        return gateway.refusal(wrong)
    if not told:
        await _keep(database, gateway.name, came, "verified", "no money", now)
        return gateway.answer("ping")
    raw = payments.notice_of(ids.new(), gateway.name, came.headers, _raw(came), "verified", now=now)
    settling = [
        ledger.settle_soon(one, receipt_id=ids.new(), now=now, notice=None if index else raw)
        for index, one in enumerate(told)
    ]
    done = await asyncio.gather(*settling, return_exceptions=True)
    try:
        found = [_well(one) for one in done]
    except (payments.ConfirmationInvalid, payments.SettlementFailed) as failed:
        await _keep(database, gateway.name, came, "verified", f"not recorded: {failed.code}", now)
        raise
    first = next((one for one in found if one.outcome != "already_seen"), found[0])
    if isinstance(gateway, VNPayGateway):  # its order of checks needs more than the outcome's name
        return gateway.answer_to(first)
    return gateway.answer(first.outcome)


async def _is_asked(database: Database, wrong: AmountMalformed) -> bool:
    """Whether the order is one of ours with this acquirer: it comes before its amount."""
    payment_id = payment_id_of(wrong.payment_ref)
    if payment_id is None:
        return False
    async with database.as_system() as db:
        known = await payments.payment(db, payment_id)
    return known is not None and is_asked_of(known, wrong.gateway)


def _well(done: payments.Settled | BaseException) -> payments.Settled:
    if isinstance(done, BaseException):
        raise done
    return done


def _raw(came: Notice) -> bytes:
    return came.body or came.query.encode()


async def _keep(
    database: Database, gateway: str, came: Notice, verdict: Any, reason: str, now: datetime
) -> None:
    async with database.as_system() as db:
        await payments.keep_notice(
            db,
            ids.new(),
            gateway,
            came.headers,
            _raw(came),
            verdict,
            reason,
            now=now,
        )


routers = [notice, vnpay_ipn]
