"""The composition root of the web process: everything is built here, once."""

import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import ResponseHeader, State
from litestar.di import Provide
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template.config import TemplateConfig
from sqlalchemy.orm import configure_mappers

import payments
from market import clock, gateways, live, sessions, settings
from market.db import ROLE_SYSTEM, Database, Viewer
from market.flows.quick_sale import QuickSales
from market.joint import Joint
from market.settings import Settings
from market.web import (
    assets,
    auth,
    confirmation_docs,
    confirmations,
    doors,
    errors,
    i18n,
    sentences,
)
from market.web.services import Services
from payments.gateways.stripe import StripeClient

HERE = Path(__file__).parent / "web"
assert sentences  # imported for what it registers
BODY_BYTES_MAX = 4_000_000
"""A photo of goods fits; nothing larger is asked for."""

MODULES = (
    "start",
    "auth",
    "sales",
    "goods",
    "counting",
    "listings",
    "helpers",
    "stall_settings",
    "shopper",
    "acquired",
    "hooks",
    "confirmations",
    "live",
    "invoices",
    "till_numbers",
    "demands",
    "corrections",
    "lookup",
    "tax",
    "books",
    "onboarding",
    "people",
    "officials",
    "operators",
    "receipts",
    "clearing",
    "clearing_files",
    "my_settlements",
    "refunds",
    "refund_doubts",
    "suspense",
    "webhooks",
    "components",
    "shell",
    "health",
)
"""The rooms of `market.web`; each lists its handlers in `routers`."""

CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " connect-src 'self'; font-src 'self'; media-src 'self'; worker-src 'self';"
    " manifest-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ResponseHeader(name="Content-Security-Policy", value=CSP),
    ResponseHeader(name="X-Content-Type-Options", value="nosniff"),
    ResponseHeader(name="Referrer-Policy", value="same-origin"),
    ResponseHeader(name="Permissions-Policy", value="camera=(self), geolocation=(), microphone=()"),
)


def create_app(given: Settings | None = None) -> doors.Market:
    """The application, not yet started; its lifespan opens the pools and the ledger's writer."""
    config = given or settings.from_environment()
    secret = _secret(config)
    return doors.Market(
        route_handlers=[*_routers(), *assets.routers()],
        lifespan=[_lifespan],
        state=State({"settings": config, "csrf_secret": secret, "headers": _raw_headers()}),
        dependencies={
            "database": Provide(_database),
            "ledger": Provide(_ledger),
            "hub": Provide(_hub),
            "settings": Provide(_settings),
            "gateways": Provide(_gateways),
            "stripe_client": Provide(_stripe_client),
            "services": Provide(_services),
            "viewer": Provide(_viewer),
            "me": Provide(_me),
            "now": Provide(_now),
        },
        middleware=[auth.SessionMiddleware],
        exception_handlers={Exception: errors.handler(_error_page)},
        template_config=TemplateConfig(
            directory=HERE / "templates", engine=JinjaTemplateEngine, engine_callback=_templates
        ),
        csrf_config=CSRFConfig(
            secret=secret,
            header_name=doors.CSRF_HEADER,
            cookie_name=doors.CSRF_COOKIE,
            cookie_samesite="lax",
            exclude=["^/hooks/"],
            exclude_from_csrf_key="exclude_from_csrf",
        ),
        response_headers=list(HEADERS),
        request_max_body_size=BODY_BYTES_MAX,
        openapi_config=OpenAPIConfig(
            title="Chợ 4.0",
            version="1",
            path="/schema",
            render_plugins=[JsonRenderPlugin()],
            components=Components(
                security_schemes={confirmation_docs.SCHEME: confirmation_docs.SECURITY_SCHEME}
            ),
            description="Cashless market: sales, payments, invoices, goods. Amounts are whole đồng.",
        ),
        debug=False,
    )


def be_ready() -> None:
    """For a process that serves: the first request finds all mapped; what stands now stands for good,
    and batches are no garbage.

    Thousands of objects wait for each commit; looking through them and through the whole
    application again and again cost a quarter of a large request's time.
    """
    configure_mappers()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _routers() -> list[Any]:
    found: list[Any] = []
    for name in MODULES:
        found.extend(import_module(f"market.web.{name}").routers)
    return found


@asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    config: Settings = app.state.settings
    database = Database(config.database_url)
    ledger = payments.Ledger(config.database_url, role=ROLE_SYSTEM)
    hub = live.Hub(database)
    await ledger.start()
    await hub.start()
    partners = gateways.gateways_of(config)
    stripe_client = StripeClient(partners.stripe_config) if partners.stripe_config else None
    door = confirmations.open_door(ledger, database)

    async def load_sessions(tokens: Sequence[str]) -> Sequence[sessions.Session | None]:
        return await sessions.load(database, tokens, now=clock.now())

    services = Services(
        database=database,
        ledger=ledger,
        gateways=partners,
        settings=config,
        sessions=Joint(load_sessions),
        quick_sales=QuickSales(database),
        now=clock.now,
    )
    app.state.update(
        {
            "database": database,
            "ledger": ledger,
            "hub": hub,
            "gateways": partners,
            "stripe_client": stripe_client,
            "door": door,
            "services": services,
        }
    )
    try:
        yield
    finally:
        await door.keys.close()
        if stripe_client is not None:
            await stripe_client.close()
        await hub.close()
        await ledger.close()
        await database.close()


def _raw_headers() -> list[tuple[bytes, bytes]]:
    """What goes out with every JSON answer that the router does not make."""
    ours = [(one.name.lower().encode(), str(one.value).encode()) for one in HEADERS]
    return [(b"content-type", b"application/json"), *ours]


def _secret(config: Settings) -> str:
    """The configured secret, or one made once and kept beside the data."""
    if config.secret:
        return config.secret
    import secrets

    kept = config.data / "secret"
    if not kept.exists():
        config.data.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_hex(32))
    return kept.read_text()


def _templates(engine: JinjaTemplateEngine) -> None:
    i18n.install(engine.engine)


def _error_page(request: Request[Any, Any, Any], problem: errors.Problem) -> Response[Any]:
    if problem.status == 401:
        from litestar.response import Redirect

        return Redirect(auth.sign_in_url(request))
    return Template("error.html", context={"problem": problem}, status_code=problem.status)


async def _database(state: State) -> Database:
    found: Database = state.database
    return found


async def _ledger(state: State) -> payments.Ledger:
    found: payments.Ledger = state.ledger
    return found


async def _hub(state: State) -> live.Hub:
    found: live.Hub = state.hub
    return found


async def _gateways(state: State) -> gateways.Gateways:
    found: gateways.Gateways = state.gateways
    return found


async def _stripe_client(state: State) -> StripeClient | None:
    found: StripeClient | None = state.stripe_client
    return found


async def _services(state: State) -> Services:
    found: Services = state.services
    return found


async def _settings(state: State) -> Settings:
    found: Settings = state.settings
    return found


async def _viewer(request: Request[Any, Any, Any]) -> Viewer:
    me = request.scope.get("user")
    return me.viewer if isinstance(me, auth.SignedIn) else Viewer()


async def _me(request: Request[Any, Any, Any]) -> auth.SignedIn | None:
    me = request.scope.get("user")
    return me if isinstance(me, auth.SignedIn) else None


async def _now() -> datetime:
    return clock.now()
