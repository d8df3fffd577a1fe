"""Who is at the other end: the session cookie, the guards, signing in and out."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote, urlencode, urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType, ScopeType
from litestar.exceptions import NotAuthorizedException, NotFoundException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.params import Body, FromPath, FromQuery, QueryParameter
from litestar.response import Redirect, Template
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct

from market import clock, people, sessions
from market.db import Database
from market.errors import MarketError, PinInvalid, SignInRefused, TooManyAttempts
from market.people import Membership, SignedIn
from market.settings import Settings
from market.web import homes
from market.web.errors import problem_of, tells

__all__ = ["Membership", "SessionMiddleware", "SignedIn", "routers", "sign_in_url"]

COOKIE = "cho_session"
EXPIRED = "session_expired"
UNGUARDED = ("/static/", "/hooks/", "/schema")
"""Nobody is asked who they are there, so nobody is looked up."""

tells(SignInRefused, 403, "Số điện thoại hoặc mã PIN chưa đúng.")
tells(TooManyAttempts, 429, "Thử sai quá nhiều lần. Vui lòng chờ một lúc rồi thử lại.")
tells(PinInvalid, 422, "Mã PIN cần 4 đến 6 chữ số và không quá dễ đoán.")


# ── The cookie ──────────────────────────────────────────────────────────────────────────────────


class SessionMiddleware:
    """Puts who is signed in into `scope["user"]`, or nobody; a used session is prolonged."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look the cookie up once; a cookie that is no longer good is remembered as lost."""
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(UNGUARDED):
            await self.app(scope, receive, send)
            return
        request: Request[Any, Any, Any] = Request(scope)
        token = request.cookies.get(COOKIE)
        scope["user"] = None
        if token:
            found = await request.app.state.services.sessions.ask(token)
            if found is None:
                scope["state"]["session_lost"] = True
            else:
                scope["user"] = found.me
                if found.is_renewed:
                    send = _with_cookie(send, session_cookie(token, request.app.state.settings))
        await self.app(scope, receive, send)


def session_cookie(token: str, settings: Settings) -> Cookie:
    """The cookie of a session: not for scripts, not for other sites."""
    return Cookie(
        key=COOKIE,
        value=token,
        path="/",
        max_age=int(sessions.LIFETIME.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=settings.base_url.startswith("https://"),
    )


def _with_cookie(send: Send, cookie: Cookie) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableScopeHeaders.from_message(message)
            headers.add("set-cookie", cookie.to_header(header=""))
        await send(message)

    return wrapped


# ── Guards ──────────────────────────────────────────────────────────────────────────────────────

Connection = ASGIConnection[Any, Any, Any, Any]


def who(connection: Connection) -> SignedIn:
    """Who asks.

    Raises: NotAuthorizedException, with a code of its own where a session has just run out.
    """
    me = connection.scope.get("user")
    if not isinstance(me, SignedIn):
        code = EXPIRED if connection.scope["state"].get("session_lost") else "not_signed_in"
        raise NotAuthorizedException(detail=code, extra={"code": code})
    return me


async def signed_in(connection: Connection, _: BaseRouteHandler) -> None:
    """Anybody who is signed in."""
    who(connection)


async def vendor_of_stall(connection: Connection, _: BaseRouteHandler) -> None:
    """The vendor of path parameter `stall_id`, or their helper."""
    _allow(_path_id(connection, "stall_id") in who(connection).stall_ids)


async def owner_of_stall(connection: Connection, _: BaseRouteHandler) -> None:
    """The vendor of `stall_id` in person: accounts and helpers are not a helper's business."""
    _allow(_path_id(connection, "stall_id") in who(connection).own_stall_ids)


async def operator_of_hall(connection: Connection, _: BaseRouteHandler) -> None:
    """The operator of path parameter `hall_id`."""
    _allow(who(connection).has_role("operator", _path_id(connection, "hall_id")))


async def official_of_unit(connection: Connection, _: BaseRouteHandler) -> None:
    """An official of path parameter `unit_id` or of a unit above it."""
    _allow(_path_id(connection, "unit_id") in who(connection).viewer.unit_ids)


async def team_member(connection: Connection, _: BaseRouteHandler) -> None:
    """A member of a community team."""
    _allow(who(connection).has_role("team"))


async def clerk(connection: Connection, _: BaseRouteHandler) -> None:
    """A settlement clerk."""
    _allow(who(connection).has_role("clerk"))


async def admin(connection: Connection, _: BaseRouteHandler) -> None:
    """Who keeps the platform."""
    _allow(who(connection).has_role("admin"))


def _allow(is_allowed: bool) -> None:
    if not is_allowed:
        raise PermissionDeniedException(detail="wrong role", extra={"code": "not_allowed"})


def _path_id(connection: Connection, name: str) -> UUID:
    value = connection.path_params[name]
    return value if isinstance(value, UUID) else UUID(str(value))


def sign_in_url(request: Request[Any, Any, Any]) -> str:
    """The sign-in page that leads back to where one was and says why one is there."""
    parts = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    back = parts if request.method == "GET" else _safe_path(_referred(request))
    query = {"tiep": back}
    if request.scope["state"].get("session_lost"):
        query["het-han"] = "1"
    return "/dang-nhap?" + urlencode(query, quote_via=quote)


def _referred(request: Request[Any, Any, Any]) -> str:
    parts = urlsplit(request.headers.get("referer", ""))
    return parts.path if parts.netloc == request.url.netloc else "/"


def _safe_path(path: str) -> str:
    """A path of our own to go on to, never another site."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() else "/"


# ── Signing in ──────────────────────────────────────────────────────────────────────────────────


class SignIn(Struct, frozen=True, kw_only=True):
    """The form of the sign-in page."""

    phone: str = ""
    pin: str = ""
    tiep: str = ""


class FirstSignIn(Struct, frozen=True, kw_only=True):
    """The form of somebody who sets a PIN with the code the team showed."""

    phone: str = ""
    code: str = ""
    pin: str = ""


@get("/dang-nhap", include_in_schema=False)
async def sign_in_page(
    me: NamedDependency[SignedIn | None],
    tiep: FromQuery[str] = "",
    het_han: Annotated[str, QueryParameter(name="het-han")] = "",
) -> Response[Any]:
    """Ask for phone and PIN; who is signed in already goes on."""
    if me is not None:
        return Redirect(_safe_path(tiep) if tiep else homes.home_of(me))
    return _page("sign_in.html", tiep=_safe_path(tiep) if tiep else "", is_expired=bool(het_han))


@post("/dang-nhap", include_in_schema=False, status_code=200)
async def sign_in(
    request: Request[Any, Any, Any],
    data: Annotated[SignIn, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Check phone and PIN and open a session; say what is wrong without saying which."""
    try:
        phone = people.phone_of(data.phone)
        person_id = await proven(database, phone, data.pin, address_of(request), now=now)
    except MarketError as error:
        context = {"problem": problem_of(error), "phone": data.phone, "tiep": data.tiep}
        return _page("sign_in.html", status_code=problem_of(error).status, **context)
    return await _let_in(database, settings, person_id, data.tiep, now)


@get("/dang-nhap/lan-dau", include_in_schema=False)
async def first_sign_in_page() -> Response[Any]:
    """Ask for the phone, the code said by the team, and a PIN of one's own."""
    return _page("sign_in_first.html")


@post("/dang-nhap/lan-dau", include_in_schema=False, status_code=200)
async def first_sign_in(
    request: Request[Any, Any, Any],
    data: Annotated[FirstSignIn, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Set one's PIN with the code, once, and be signed in."""
    try:
        phone = people.phone_of(data.phone)
        people.check_pin(data.pin, phone)
        person_id = await proven(
            database, phone, data.code, address_of(request), now=now, is_code=True
        )
        pin_hash = await asyncio.to_thread(people.hash_pin, data.pin)
        async with database.as_system() as db:
            await people.set_pin(db, person_id, pin_hash)
    except MarketError as error:
        context = {"problem": problem_of(error), "phone": data.phone, "code": data.code}
        return _page("sign_in_first.html", status_code=problem_of(error).status, **context)
    return await _let_in(database, settings, person_id, "", now)


@post("/dang-xuat", include_in_schema=False, status_code=303)
async def sign_out(
    request: Request[Any, Any, Any], database: NamedDependency[Database]
) -> Redirect:
    """End this session."""
    token = request.cookies.get(COOKIE)
    if token:
        async with database.as_system() as db:
            await sessions.close_session(db, token)
    answer = Redirect("/", status_code=303)
    answer.delete_cookie(COOKIE)
    return answer


@get("/demo/la/{person_id:uuid}", include_in_schema=False)
async def be(
    person_id: FromPath[UUID],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    tiep: FromQuery[str] = "",
) -> Response[Any]:
    """In a demo: be this person, at once."""
    if not settings.demo:
        raise NotFoundException
    async with database.as_system() as db:
        known = await people.viewer_of(db, person_id, clock.local_day(now))
    if known is None:
        raise NotFoundException
    return await _let_in(database, settings, person_id, tiep, now)


async def proven(
    database: Database, phone: str, secret: str, address: str, *, now: datetime,
    is_code: bool = False,
) -> UUID:  # fmt: skip
    """The person whose phone and PIN (or code) these are.

    Attempts are counted before they are made, so that many at once are counted as many. An unknown
    phone takes as long as a wrong PIN.

    Raises: SignInRefused, TooManyAttempts.
    """
    by_phone = sessions.attempt_key("phone", phone)
    by_address = sessions.attempt_key("address", address)
    async with database.as_system() as db:
        found = await sessions.secrets_of(db, phone, now=now)
        left, refused = await _counted(db, by_phone, by_address, now)
    if refused is not None:
        raise refused
    expected = found.code_hash if is_code else found.pin_hash
    fits = await asyncio.to_thread(people.pin_fits, expected, secret)
    if not fits or found.person_id is None:
        raise SignInRefused(left)
    async with database.as_system() as db:
        await sessions.forget_attempts(db, by_phone, by_address, now=now)
    return found.person_id


async def _counted(
    db: Any, by_phone: str, by_address: str, now: datetime
) -> tuple[int, TooManyAttempts | None]:
    """Both counts, kept even where one says no."""
    try:
        await sessions.count_attempt(db, by_address, sessions.ADDRESS_ATTEMPTS_MAX, now=now)
        left = await sessions.count_attempt(db, by_phone, sessions.PHONE_ATTEMPTS_MAX, now=now)
    except TooManyAttempts as refused:
        return 0, refused
    return left, None


async def _let_in(
    database: Database, settings: Settings, person_id: UUID, onward: str, now: datetime
) -> Response[Any]:
    async with database.as_system() as db:
        token = await sessions.open_session(db, person_id, now=now)
        me = await people.viewer_of(db, person_id, clock.local_day(now))
    assert me is not None
    answer = Redirect(_safe_path(onward) if onward else homes.home_of(me), status_code=303)
    answer.set_cookie(session_cookie(token, settings))
    return answer


def address_of(request: Request[Any, Any, Any]) -> str:
    """Where a request came from, for counting attempts."""
    return request.client.host if request.client else ""


def _page(name: str, *, status_code: int = 200, **context: Any) -> Template:
    return Template(name, context=context, status_code=status_code)


routers = [sign_in_page, sign_in, first_sign_in_page, first_sign_in, sign_out, be]
