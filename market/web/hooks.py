"""Providers' notices: raw bytes verified, kept, settled; answered after the commit, never before."""

import asyncio
from datetime import datetime
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

import payments
from market import ids
from market.db import Database
from market.gateways import Gateways
from market.web.errors import PROBLEM_JSON, Problem
from payments.gateways import Answer, Gateway, GatewayError, Notice, NoticeForged

REFUSED = {
    400: ResponseSpec(dict[str, Any], description="not what the provider documents"),
    401: ResponseSpec(dict[str, Any], description="nobody we know signed this"),
    404: ResponseSpec(Problem, media_type=PROBLEM_JSON, description="no such partner here"),
    413: ResponseSpec(Problem, media_type=PROBLEM_JSON, description="too large"),
    503: ResponseSpec(Problem, media_type=PROBLEM_JSON, description="send it again"),
}
"""What a provider may hear besides a yes; it then sends the notice again."""


@post("/hooks/sepay", status_code=200, exclude_from_csrf=True, responses=REFUSED)
async def sepay_notice(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    gateways: NamedDependency[Gateways],
    now: NamedDependency[datetime],
) -> Response[dict[str, Any]]:
    """A transfer into a watched account. Answer `{"success": true}` ends SePay's retries."""
    return await _take(request, gateways.gateway("sepay"), database, ledger, now)


@get("/hooks/vnpay", responses=REFUSED)
async def vnpay_ipn(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    gateways: NamedDependency[Gateways],
    now: NamedDependency[datetime],
) -> Response[dict[str, Any]]:
    """VNPAY's IPN, a signed query. Always HTTP 200; RspCode 00 and 02 end its calls."""
    return await _take(request, gateways.gateway("vnpay"), database, ledger, now)


@post("/hooks/stripe", status_code=200, exclude_from_csrf=True, responses=REFUSED)
async def stripe_event(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    gateways: NamedDependency[Gateways],
    now: NamedDependency[datetime],
) -> Response[dict[str, Any]]:
    """A signed event of Stripe; delivered at least once and in any order."""
    return await _take(request, gateways.gateway("stripe"), database, ledger, now)


async def _take(
    request: Request[Any, Any, Any],
    gateway: Gateway,
    database: Database,
    ledger: payments.Ledger,
    now: datetime,
) -> Response[dict[str, Any]]:
    notice = Notice(
        body=await request.body(),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.url.query,
    )
    try:
        confirmation = gateway.verify(notice, now)
    except GatewayError as wrong:
        verdict = "forged" if isinstance(wrong, NoticeForged) else "malformed"
        await _keep(database, gateway.name, notice, verdict, f"{wrong.code}: {wrong}", now)
        return _said(gateway.refusal(wrong))
    if confirmation is None:
        await _keep(database, gateway.name, notice, "verified", "no money", now)
        return _said(gateway.answer("ping"))
    kept, settled = await asyncio.gather(
        _keep(database, gateway.name, notice, "verified", "", now),
        ledger.settle(confirmation, receipt_id=ids.new(), now=now),
        return_exceptions=True,
    )
    for failed in (kept, settled):
        if isinstance(failed, BaseException):
            raise failed
    assert isinstance(settled, payments.Settled)
    return _said(gateway.answer(settled.outcome))


async def _keep(
    database: Database, gateway: str, notice: Notice, verdict: Any, reason: str, now: datetime
) -> None:
    async with database.as_system() as db:
        await payments.keep_notice(
            db,
            ids.new(),
            gateway,
            notice.headers,
            notice.body or notice.query.encode(),
            verdict,
            reason,
            now=now,
        )


def _said(answer: Answer) -> Response[dict[str, Any]]:
    return Response(dict(answer.body), status_code=answer.status)


routers = [sepay_notice, vnpay_ipn, stripe_event]
