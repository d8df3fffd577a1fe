"""What integrators ask themselves: what was told since, how the deliveries went, tell me again."""

import json
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Redirect, Template

from market import sales, webhook_deliveries, webhooks
from market.db import Database, Viewer
from market.errors import NotFound
from market.web import auth
from market.web.errors import documented, tells
from market.webhooks import Endpoint

tells(webhooks.WebhookInvalid, 422, "Địa chỉ nhận tin chưa dùng được. Xem chi tiết.")
BEARER = "Bearer "
LOG_SHOWN_MAX = 50


class EventView(msgspec.Struct, frozen=True, kw_only=True):
    """One fact, exactly as it was or will be sent."""

    id: str
    """As in the header `webhook-id`."""
    position: int
    body: dict[str, Any]


class EventsView(msgspec.Struct, frozen=True):
    """Facts in order. `next_after` continues; it stays where there is nothing new."""

    events: list[EventView]
    next_after: int


class EndpointView(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint stands."""

    id: UUID
    name: str
    url: str
    kinds: list[str]
    state: str
    parked_at: datetime | None
    parked_why: str
    failed_count: int


class AttemptView(msgspec.Struct, frozen=True, kw_only=True):
    """One try."""

    id: str
    type: str
    delivery: str
    number: int
    status: int | None
    error: str
    duration_ms: int
    at: datetime


class Replay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One message by its id, or all since an instant."""

    id: str = ""
    since: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class Replayed(msgspec.Struct, frozen=True):
    """How many are told again."""

    count: int


@get("/api/webhooks/endpoint", responses=documented(401))
async def endpoint(
    request: Request[Any, Any, Any], database: NamedDependency[Database]
) -> EndpointView:
    """Whether this endpoint is told, and if not, why. Key: `Authorization: Bearer cho_pull_…`."""
    return endpoint_view(await _who(request, database))


@get("/api/webhooks/events", responses=documented(400, 401))
async def events(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    after: Annotated[int, QueryParameter(ge=0, description="the last position known")] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=webhooks.PAGE_MAX)] = 100,
) -> EventsView:
    """Everything the endpoint should have heard after a position: nothing is lost while it sleeps."""
    asking = await _who(request, database)
    async with database.as_system() as db:
        told = await webhooks.pull(db, asking, after, limit)
    listed = [
        EventView(id=one.webhook_id, position=one.position, body=json.loads(one.body))
        for one in told
    ]
    return EventsView(listed, told[-1].position if told else after)


@get("/api/webhooks/deliveries", responses=documented(400, 401))
async def deliveries(
    request: Request[Any, Any, Any],
    database: NamedDependency[Database],
    limit: Annotated[int, QueryParameter(ge=1, le=webhooks.PAGE_MAX)] = 50,
) -> list[AttemptView]:
    """The tries of this endpoint and how each went, newest first."""
    asking = await _who(request, database)
    async with database.as_system() as db:
        found = await webhook_deliveries.attempts(db, asking.id, limit=limit)
    return [
        AttemptView(
            id=f"msg_{one.message_id.hex}",
            type=one.kind,
            delivery=one.state,
            number=one.number,
            status=one.status,
            error=one.error,
            duration_ms=one.duration_ms,
            at=one.at,
        )
        for one in found
    ]


@post(
    "/api/webhooks/replay",
    status_code=200,
    exclude_from_csrf=True,
    responses=documented(400, 401, 404),
)
async def replay(
    request: Request[Any, Any, Any],
    data: JSONBody[Replay],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> Replayed:
    """Tell me again: one message by its id, or all since an instant. The ids stay the same."""
    asking = await _who(request, database)
    message_id = _message_id(data.id) if data.id else None
    if message_id is None and data.since is None:
        raise NotFound("message", data.id)
    async with database.as_system() as db:
        count = await webhooks.replay(
            db, asking.id, now=now, message_id=message_id, since=data.since
        )
    return Replayed(count)


@get("/ban-hang/{stall_id:uuid}/ket-noi", guards=[auth.owner_of_stall], include_in_schema=False)
async def connections_page(
    stall_id: FromPath[UUID], database: NamedDependency[Database], viewer: NamedDependency[Viewer]
) -> Template:
    """The vendor's own systems that are told, how that goes, and a button to try again."""
    stall, found = await _own(database, viewer, stall_id)
    async with database.as_system() as db:
        logs = {
            one.id: await webhook_deliveries.attempts(db, one.id, limit=LOG_SHOWN_MAX)
            for one in found
        }
    return Template("connections.html", context={"stall": stall, "endpoints": found, "logs": logs})


@post(
    "/ban-hang/{stall_id:uuid}/ket-noi/{endpoint_id:uuid}/gui-lai",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def resume(
    stall_id: FromPath[UUID],
    endpoint_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """Send again everything that was not taken."""
    _, found = await _own(database, viewer, stall_id)
    if endpoint_id not in {one.id for one in found}:
        raise NotFound("webhook endpoint", endpoint_id)
    async with database.as_system() as db:
        await webhooks.resume(db, endpoint_id, now=now)
    return Redirect(f"/ban-hang/{stall_id}/ket-noi", status_code=303)


def endpoint_view(one: Endpoint) -> EndpointView:
    """An endpoint as it leaves, without its secrets."""
    return EndpointView(
        id=one.id,
        name=one.name,
        url=one.url,
        kinds=list(one.kinds),
        state=one.state,
        parked_at=one.parked_at,
        parked_why=one.parked_why,
        failed_count=one.failed_count,
    )


async def _own(
    database: Database, viewer: Viewer, stall_id: UUID
) -> tuple[sales.StallPlace, list[Endpoint]]:
    async with database.as_viewer(viewer) as db:
        stall = await sales.stall_place(db, stall_id)
    if stall.vendor_id is None:
        return stall, []
    async with database.as_system() as db:
        return stall, await webhooks.endpoints(db, stall.vendor_id)


async def _who(request: Request[Any, Any, Any], database: Database) -> Endpoint:
    """Raises: NotAuthorizedException."""
    given = request.headers.get("authorization", "")
    found = None
    if given.startswith(BEARER + webhooks.KEY_PREFIX):
        async with database.as_system() as db:
            found = await webhooks.by_key(db, given.removeprefix(BEARER))
    if found is None:
        raise NotAuthorizedException(detail="key unknown", extra={"code": "key_unknown"})
    return found


def _message_id(given: str) -> UUID:
    try:
        return UUID(given.removeprefix("msg_"))
    except ValueError:
        raise NotFound("message", given) from None


routers = [endpoint, events, deliveries, replay, connections_page, resume]
