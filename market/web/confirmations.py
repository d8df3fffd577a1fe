"""Banks and acquirers confirm credits to us directly: one, or a thousand in one request.

The two POSTs are taken before the router (`market.web.doors`), for they must keep up with a market
day: no session, no form token, no database but the ledger's own commit. The handlers below say the
same to whoever comes by the long way, and stand in the OpenAPI document.
"""

import asyncio
import itertools
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.types import Receive, Scope

import payments
from market import clock, ids, integrators
from market.db import Database
from market.integrators import Integrator, Keys
from market.web import confirmation_bodies as bodies
from market.web import confirmation_docs as docs
from market.web import confirmation_errors as wrongs
from market.web.admission import Admission
from market.web.asgi import Reply
from market.web.confirmation_bodies import ConfirmCreditItem, CreditConfirmed, ItemsConfirmed
from market.web.errors import PROBLEM_JSON, documented, problem_of

PATH, BULK_PATH = "/api/confirmations", "/api/confirmations/bulk"
JSON, LINES = b"application/json", b"application/x-ndjson"
BODY_BYTES_MAX = 16_384
"""The longest memo, every letter escaped, and all the rest."""
BULK_BYTES_MAX = 1_000_000
"""A kilobyte for each of a thousand: three times what they need."""
BULK_AT_ONCE_MAX = 8
"""Large bodies held at once: they bound the memory, and the ledger commits them together."""
BODY_SECONDS_MAX = 20
HOLD_SECONDS = 0.2
"""Who is sent away hears it this much later: clients that come back at once, whatever they are told,
cannot keep us busy with saying no."""
HELD_COUNT_MAX = 1_000
RETRY_SECONDS = (1, 2, 3, 1, 2, 1, 3, 2)
"""Handed out in turn, so that those who were sent away do not all come back together."""


class Settles(Protocol):
    """What the door needs of the ledger."""

    def settle_soon(
        self, confirmation: payments.Confirmation, *, receipt_id: UUID, now: datetime
    ) -> Awaitable[payments.Settled]:
        """As `payments.Ledger.settle_soon`."""
        ...


class _Gone(Exception):
    """The client left before its request was complete."""


_encode = msgspec.json.Encoder().encode
_OK = [(b"content-type", JSON), (b"x-content-type-options", b"nosniff")]
_WRONG = [(b"content-type", PROBLEM_JSON.encode()), (b"x-content-type-options", b"nosniff")]
_turns = itertools.cycle(RETRY_SECONDS)


@dataclass
class Door:
    """Where integrators' confirmations come in: who it is, whether there is room, what it says."""

    ledger: Settles
    keys: Keys
    admission: Admission
    bulk_count: int = 0
    """Large requests in work."""
    held_count: int = 0
    """Requests that are being sent away."""

    async def one(self, scope: Scope, receive: Receive) -> Reply:
        """Take a single confirmation; the reply is made once it is durable."""
        try:
            headers = dict(scope["headers"])
            integrator = await self._integrator(headers)
            admission = self.admission
            if admission.is_full:
                return await self._send_away()
            key = bodies.idempotency_key(headers.get(b"idempotency-key"))
            _check_type(headers, JSON)
            body = await _body(headers, receive, BODY_BYTES_MAX)
            told = bodies.read_one(body)
            now = clock.now()
            confirmation = bodies.confirmation_of(told, integrator, key, now)
            done = 0
            admission.enter()
            try:
                settled = await self.ledger.settle_soon(confirmation, receipt_id=ids.new(), now=now)
                done = 1
            finally:
                admission.leave(1, done)
            view = bodies.view_of(settled)
        except Exception as error:
            return _told(error)
        is_new = view.outcome is not payments.SettlementOutcome.ALREADY_SEEN
        return Reply(201 if is_new else 200, _OK, _encode(view))

    async def many(self, scope: Scope, receive: Receive) -> Reply:
        """Take up to a thousand; each has its own outcome, none costs another anything."""
        self.bulk_count += 1
        try:
            headers = dict(scope["headers"])
            integrator = await self._integrator(headers)
            if self.admission.is_full or self.bulk_count > BULK_AT_ONCE_MAX:
                return await self._send_away()
            kind = _check_type(headers, JSON, LINES)
            body = await _body(headers, receive, BULK_BYTES_MAX)
            return await self._settle_all(
                bodies.read_many(body, is_lines=kind == LINES), integrator
            )
        except Exception as error:
            return _told(error)
        finally:
            self.bulk_count -= 1

    async def _settle_all(
        self, items: list[ConfirmCreditItem | bodies.Refused], integrator: Integrator
    ) -> Reply:
        now = clock.now()
        waiting: list[tuple[int, Awaitable[payments.Settled]]] = []
        became: list[payments.Settled | BaseException] = []
        for index, item in enumerate(items):
            if isinstance(item, bodies.Refused):
                became.append(item.error)
                continue
            try:
                bodies.checked_key(item.id)
                confirmation = bodies.confirmation_of(item, integrator, item.id, now)
            except wrongs.ConfirmationRefused as error:
                became.append(error)
                continue
            settling = self.ledger.settle_soon(confirmation, receipt_id=ids.new(), now=now)
            waiting.append((index, settling))
            became.append(_NOT_YET)
        durable = 0
        self.admission.enter(len(waiting))
        try:
            for index, settling in waiting:
                try:
                    became[index] = await settling
                    durable += 1
                except payments.PaymentError as error:
                    became[index] = error
        finally:
            self.admission.leave(len(waiting), durable)
        return _reply_to_many(items, became)

    async def _send_away(self) -> Reply:
        """There is no room: said with as little work as possible, nothing of the body was read."""
        if self.held_count < HELD_COUNT_MAX:
            self.held_count += 1
            try:
                await asyncio.sleep(HOLD_SECONDS)
            finally:
                self.held_count -= 1
        return _busy(next(_turns))

    async def _integrator(self, headers: dict[bytes, bytes]) -> Integrator:
        scheme, _, key = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer":
            raise wrongs.IntegratorUnknown
        key = key.strip()
        known = self.keys.known(key)
        if known is not None:
            return known
        try:
            found = await self.keys.find(key)
        except Exception as error:
            raise payments.LedgerUnavailable("the keys cannot be read") from error
        if found is None:
            raise wrongs.IntegratorUnknown
        return found


def open_door(ledger: Settles, database: Database) -> Door:
    """The door of one process; close its `keys` before the database."""

    async def load() -> dict[bytes, Integrator]:
        async with database.as_system() as db:
            return await integrators.by_key_hash(db)

    return Door(ledger, Keys(load, time.monotonic), Admission(time.monotonic))


_NOT_YET = RuntimeError("the ledger has not answered")


def _reply_to_many(
    items: list[ConfirmCreditItem | bodies.Refused],
    became: list[payments.Settled | BaseException],
) -> Reply:
    results = [bodies.item_of(item.id, one) for item, one in zip(items, became, strict=True)]
    problems = [result.problem for result in results if result.problem is not None]
    if problems and len(problems) == len(results) and all(one.status == 503 for one in problems):
        error = became[0]
        assert isinstance(error, Exception)
        return _told(error)  # nothing was taken, and it is none of the items' fault
    seen = payments.SettlementOutcome.ALREADY_SEEN
    seen_count = sum(result.outcome is seen for result in results)
    answer = ItemsConfirmed(
        taken_count=len(results) - seen_count - len(problems),
        seen_count=seen_count,
        refused_count=len(problems),
        results=results,
    )
    return Reply(200, _OK, _encode(answer))


def _check_type(headers: dict[bytes, bytes], *accepted: bytes) -> bytes:
    given = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if given not in accepted:
        raise wrongs.MediaTypeRefused(" or ".join(one.decode() for one in accepted))
    return given


async def _body(headers: dict[bytes, bytes], receive: Receive, byte_count_max: int) -> bytes:
    """The whole body; refused by its announced length before anything of it is read."""
    announced = headers.get(b"content-length", b"0")
    length = int(announced) if announced.isdigit() else byte_count_max + 1
    if length > byte_count_max:
        raise wrongs.BodyTooLarge(byte_count_max)
    message: Any = await receive()
    body: bytes = message.get("body", b"")
    if length and len(body) == length:  # servers say “more” until they have looked again
        return body
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            return await _rest(message, receive, byte_count_max)
    except TimeoutError:
        raise wrongs.BodyTooSlow(BODY_SECONDS_MAX) from None


async def _rest(message: Any, receive: Receive, byte_count_max: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > byte_count_max:
            raise wrongs.BodyTooLarge(byte_count_max)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()
    raise _Gone


def _told(error: Exception) -> Reply:
    if isinstance(error, _Gone):
        return Reply(400, _WRONG, b"")
    problem = problem_of(error)
    headers = _WRONG
    if problem.status == 503:
        wait = getattr(error, "retry_after_s", 0) + next(_turns)
        headers = [*_WRONG, (b"retry-after", str(wait).encode())]
    elif problem.status == 401:
        headers = [*_WRONG, (b"www-authenticate", b"Bearer")]
    return Reply(problem.status, headers, _encode(problem))


@cache
def _busy(seconds: int) -> Reply:
    problem = problem_of(payments.LedgerBusy(0, retry_after_s=seconds))
    told = msgspec.structs.replace(problem, detail="Too many wait already.", facts={})
    return Reply(503, [*_WRONG, (b"retry-after", str(seconds).encode())], _encode(told))


# ── The long way, and the document ──────────────────────────────────────────────────────────────


@post(
    PATH,
    exclude_from_csrf=True,
    operation_class=docs.ConfirmOperation,
    tags=["integrators"],
    security=docs.SECURITY,
    responses={
        201: ResponseSpec(CreditConfirmed, description="recorded", examples=[docs.CONFIRMED]),
        200: ResponseSpec(CreditConfirmed, description="told before", examples=[docs.SEEN]),
        **documented(400, 401, 403, 408, 409, 413, 415, 422, 503),
    },
)
async def confirm(request: Request[Any, Any, Any]) -> Response[bytes]:
    """One credit, durable before it is answered.

    `Idempotency-Key` is your own id of the movement: the same key with the same content is answered
    200 with the first receipt and `already_seen`, with other content 409. It counts within the
    Vietnamese day of `occurred_at`: repeat a confirmation unchanged. After 503 and after no answer
    at all, send it again; `Retry-After` says when.
    """
    door: Door = request.app.state.door
    return _response(await door.one(request.scope, request.receive))


@post(
    BULK_PATH,
    status_code=200,
    exclude_from_csrf=True,
    operation_class=docs.ConfirmManyOperation,
    tags=["integrators"],
    security=docs.SECURITY,
    responses={
        200: ResponseSpec(ItemsConfirmed, description="each by itself", examples=[docs.MANY_SAID]),
        **documented(400, 401, 408, 413, 415, 422, 503),
    },
)
async def confirm_many(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Up to 1,000 credits, as a JSON list or as one JSON object a line.

    Each has its own `id`, which is what `Idempotency-Key` is for a single one, and its own outcome
    or problem; the answer keeps their order. One bad item never costs the others.
    """
    door: Door = request.app.state.door
    return _response(await door.many(request.scope, request.receive))


def _response(reply: Reply) -> Response[bytes]:
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    media_type = headers.pop("content-type")
    return Response(reply.body, status_code=reply.status, media_type=media_type, headers=headers)


routers = [confirm, confirm_many]
