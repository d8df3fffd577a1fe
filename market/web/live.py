"""Streams of live events (SSE): the till's and the shopper's. `Last-Event-ID` loses nothing."""

from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from market import live
from market.web import auth


@get("/api/stalls/{stall_id:uuid}/events", guards=[auth.vendor_of_stall], include_in_schema=False)
async def stall_events(
    request: Request[Any, Any, Any],
    stall_id: FromPath[UUID],
    hub: NamedDependency[live.Hub],
    after: Annotated[int | None, QueryParameter(ge=0)] = None,
) -> ServerSentEvent:
    """What happens at one stall: money, changed sales, a heartbeat every ten seconds."""
    return ServerSentEvent(_messages(hub, f"stall:{stall_id}", _from(request, after)))


@get("/api/payments/{payment_id:uuid}/events", include_in_schema=False)
async def payment_events(
    request: Request[Any, Any, Any],
    payment_id: FromPath[UUID],
    hub: NamedDependency[live.Hub],
    after: Annotated[int | None, QueryParameter(ge=0)] = None,
) -> ServerSentEvent:
    """The state of one payment, for the shopper who holds its unguessable link."""
    return ServerSentEvent(_messages(hub, f"payment:{payment_id}", _from(request, after)))


@get("/api/units/{unit_id:uuid}/events", guards=[auth.official_of_unit], include_in_schema=False)
async def unit_events(
    request: Request[Any, Any, Any],
    unit_id: FromPath[UUID],
    hub: NamedDependency[live.Hub],
    after: Annotated[int | None, QueryParameter(ge=0)] = None,
) -> ServerSentEvent:
    """That figures of a ward moved."""
    return ServerSentEvent(_messages(hub, f"unit:{unit_id}", _from(request, after)))


def _from(request: Request[Any, Any, Any], after: int | None) -> int | None:
    last = request.headers.get("last-event-id", "")
    return int(last) if last.isdigit() else after


async def _messages(
    hub: live.Hub, channel: str, after: int | None
) -> AsyncIterator[ServerSentEventMessage]:
    yield ServerSentEventMessage(event="beat", data="{}", retry=2000)
    async for event in hub.stream(channel, after):
        if event is None:
            yield ServerSentEventMessage(event="beat", data="{}")
        else:
            yield ServerSentEventMessage(
                id=str(event.id), event=event.kind, data=msgspec.json.encode(event.data).decode()
            )


routers = [stall_events, payment_events, unit_events]
