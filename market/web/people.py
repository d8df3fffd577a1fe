"""One's own page: who I am here, my consents, who read about me, my PIN, the way out."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlalchemy import text

from market import consents, people, sessions
from market.db import Database, Viewer
from market.errors import MarketError
from market.flows import onboarding as flow
from market.settings import Settings
from market.web import auth, homes
from market.web.errors import problem_of
from market.web.i18n import N_

READS_MAX = 20
REASONS = (N_("đối soát"), N_("lệnh quyết toán"), N_("hoàn tiền"))
"""Why rows of others are read: `people.log_read` keeps the words, the page says them."""
FORM = Body(media_type=RequestEncodingType.URL_ENCODED)

_READS = text(
    "SELECT at, role, reason FROM market.read_log WHERE subject_id = ANY (:ids)"
    " ORDER BY at DESC LIMIT :most"
)


class ChangePin(Struct, frozen=True, kw_only=True):
    """The present PIN and the next."""

    pin: str = ""
    pin_new: str = ""


class Withdraw(Struct, frozen=True, kw_only=True):
    """Which consent is withdrawn."""

    consent_id: UUID


@get("/toi", guards=[auth.signed_in], include_in_schema=False)
async def my_page(
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
) -> Template:
    """What is kept about me and what I may do about it."""
    assert me is not None
    return Template("me.html", context=await _context(database, viewer, me))


@post("/toi/ma-pin", guards=[auth.signed_in], include_in_schema=False, status_code=200)
async def change_pin(
    request: Request[Any, Any, Any],
    data: Annotated[ChangePin, FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Choose another PIN; every other browser is signed out."""
    assert me is not None
    try:
        async with database.as_viewer(viewer) as db:
            phone = (await people.person(db, me.person_id)).phone
        people.check_pin(data.pin_new, phone)
        await auth.proven(database, phone, data.pin, auth.address_of(request), now=now)
        pin_hash = await asyncio.to_thread(people.hash_pin, data.pin_new)
        async with database.as_system() as db:
            await people.set_pin(db, me.person_id, pin_hash)
            await sessions.close_sessions_of(db, me.person_id)
            token = await sessions.open_session(db, me.person_id, now=now)
    except MarketError as error:
        problem = problem_of(error)
        context = {**await _context(database, viewer, me), "problem": problem}
        return Template("me.html", context=context, status_code=problem.status)
    answer = Redirect("/toi", status_code=303)
    answer.set_cookie(auth.session_cookie(token, settings))
    return answer


@post("/toi/rut-dong-y", guards=[auth.signed_in], include_in_schema=False, status_code=303)
async def withdraw_consent(
    data: Annotated[Withdraw, FORM],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """Withdraw a consent; what rested on it stops at once."""
    assert me is not None
    async with database.as_viewer(viewer) as db:
        await flow.withdraw_consent(db, me.person_id, data.consent_id, now=now)
    return Redirect("/toi", status_code=303)


async def _context(database: Database, viewer: Viewer, me: auth.SignedIn) -> dict[str, Any]:
    async with database.as_viewer(viewer) as db:
        person = await people.person(db, me.person_id)
        given = await consents.consents_of(db, me.person_id)
        subjects = [me.person_id, *me.scopes("vendor")]
        reads = (await db.execute(_READS, {"ids": subjects, "most": READS_MAX})).all()
        own = await homes.homes_of(db, me)
    shown = [(one, consents.purpose(one.purpose, one.text_version)) for one in given]
    return {
        "me": me,
        "phone": people.shown_phone(person.phone),
        "has_pin": person.has_pin,
        "consents": shown,
        "reads": reads,
        "homes": own,
    }


routers = [my_page, change_pin, withdraw_consent]
