"""The busiest requests are taken before the router: no framework stands between them and their work.

A door answers what is plain and right. Whatever it does not know it leaves to the router, untouched:
the handler there says what is wrong, and stands in the OpenAPI document.
"""

import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any, cast
from uuid import UUID

import msgspec
import structlog
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.middleware.csrf import CSRF_SECRET_LENGTH, generate_csrf_hash
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, Receive, Scope, Send

import catalog
from market import clock, sales
from market.errors import MarketError, NotFound
from market.web import auth, confirmations, hooks
from market.web.asgi import Reply, send_reply, whole_body
from market.web.sales import OpenSaleCommand, sale_of, sale_view
from market.web.services import Services
from payments.gateways import Notice

SALE_BYTES_MAX = 4_096
"""An amount without a basket; larger ones have lines, which the router takes."""
NOTICE_BYTES_MAX = 262_144
SALES = re.compile(r"/api/stalls/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/sales")
HOOKS = "/hooks/"
CSRF_COOKIE, CSRF_HEADER = "cho_csrf", "x-csrftoken"

log = structlog.get_logger("market.doors")
_encode = msgspec.json.Encoder().encode
_read_sale = msgspec.json.Decoder(OpenSaleCommand).decode


class Market(Litestar):
    """The application: what a door takes goes in beside the router, all else through it."""

    async def __call__(
        self,
        scope: Scope | LifeSpanScope,
        receive: Receive | LifeSpanReceive,
        send: Send | LifeSpanSend,
    ) -> None:
        """Answer one request, or run the lifespan."""
        request: Any = scope
        if scope["type"] == ScopeType.HTTP and request["method"] == "POST":
            take = _door(request["path"])
            if take is not None:
                reply, receive = await take(self.state, request, cast("Receive", receive))
                if reply is not None:
                    await send_reply(reply, send)
                    return
        await super().__call__(scope, receive, send)


_Taken = tuple[Reply | None, Receive]
_Take = Callable[[Any, Scope, Receive], Awaitable[_Taken]]


def _door(path: str) -> _Take | None:
    if path.startswith(HOOKS):
        return _notice
    if path.endswith("/sales"):
        return _sale
    return _CONFIRMATIONS.get(path)


async def _confirmation(state: Any, scope: Scope, receive: Receive) -> _Taken:
    return await state.door.one(scope, receive), receive


async def _confirmations(state: Any, scope: Scope, receive: Receive) -> _Taken:
    return await state.door.many(scope, receive), receive


_CONFIRMATIONS: dict[str, _Take] = {
    confirmations.PATH: _confirmation,
    confirmations.BULK_PATH: _confirmations,
}


# ── A provider's notice ─────────────────────────────────────────────────────────────────────────


async def _notice(state: Any, scope: Scope, receive: Receive) -> _Taken:
    services: Services = state.services
    try:
        gateway = services.gateways.gateway(scope["path"].removeprefix(HOOKS))
    except NotFound:
        return None, receive
    body, again = await whole_body(scope, receive, NOTICE_BYTES_MAX)
    if body is None:
        return None, again
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    came = Notice(
        body=body,
        headers=headers,
        query=scope["query_string"].decode("latin-1"),
        source=scope["client"][0] if scope["client"] else "",
    )
    try:
        answer = await hooks.take(came, gateway, services)
    except Exception:  # unforeseen: the router tries it once more, says so and keeps it in the log
        log.warning("a notice is left to the router", gateway=gateway.name, exc_info=True)
        return None, again
    return Reply(answer.status, state.headers, _encode(dict(answer.body))), again


# ── A till's sale ───────────────────────────────────────────────────────────────────────────────


async def _sale(state: Any, scope: Scope, receive: Receive) -> _Taken:
    found = SALES.fullmatch(scope["path"])
    body, again = await whole_body(scope, receive, SALE_BYTES_MAX)
    if found is None or body is None:
        return None, again
    try:
        return await _opened(state, UUID(found[1]), dict(scope["headers"]), body), again
    except (MarketError, catalog.OutOfStock, msgspec.MsgspecError, UnicodeError):
        return None, again
    except Exception:  # the database is away, or something unforeseen: the router says so
        log.warning("a sale is left to the router", exc_info=True)
        return None, again


async def _opened(
    state: Any, stall_id: UUID, headers: dict[bytes, bytes], body: bytes
) -> Reply | None:
    if headers.get(b"content-type") != b"application/json":
        return None
    cookies = _cookies(headers.get(b"cookie", b"").decode("latin-1"))
    services: Services = state.services
    if not _is_ours(headers, cookies, state.csrf_secret):
        return None
    token = cookies.get(auth.COOKIE)
    session = await services.sessions.ask(token) if token else None
    if token is None or session is None or stall_id not in session.me.stall_ids:
        return None
    command: sales.OpenSale = sale_of(_read_sale(body), stall_id)
    row = await services.quick_sales.open(command, session.me.viewer, now=clock.now())
    if row is None:
        return None
    told = state.headers
    if session.is_renewed:
        cookie = auth.session_cookie(token, services.settings)
        told = [*told, (b"set-cookie", cookie.to_header(header="").encode())]
    return Reply(201, told, _encode(sale_view(row, services.settings)))


def _cookies(header: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _is_ours(headers: dict[bytes, bytes], cookies: dict[str, str], secret: str) -> bool:
    """Whether a page of ours sent this: the token of its form is the cookie's, and we made it."""
    told = headers.get(CSRF_HEADER.encode(), b"").decode("latin-1")
    if not told or not hmac.compare_digest(told.encode(), cookies.get(CSRF_COOKIE, "").encode()):
        return False
    made = generate_csrf_hash(told[:CSRF_SECRET_LENGTH], secret)
    return hmac.compare_digest(made.encode(), told[CSRF_SECRET_LENGTH:].encode())
