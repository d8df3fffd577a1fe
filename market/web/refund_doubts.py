"""The clerk's list: refunds that have not ended, disputes, and payments nobody could tell about."""

from datetime import datetime
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy import text

import payments
from market import people
from market.db import Database, Viewer
from market.flows import acquired
from market.web import auth
from market.web.refunds import DISPUTES_SHOWN, WHY

_VENDORS = text("SELECT id, name FROM market.vendor WHERE id = ANY(:ids)")


@get("/hoan-tien", guards=[auth.clerk], include_in_schema=False)
async def doubts_page(
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """Refunds that have not ended or have a problem, every dispute of half a year, and payments no
    acquirer could tell about.
    """
    async with database.as_system() as db:
        found = await payments.refunds_open(db)
        attempts = await acquired.attempts_in_doubt(db, now=now)
        disputes = await payments.disputes(db, since=now - DISPUTES_SHOWN)
        loose = await payments.loose_disputes(db, since=now - DISPUTES_SHOWN)
        owners = [one.owner_id for one in (*found, *disputes)]
        rows = await db.execute(_VENDORS, {"ids": owners})
        names = {row[0]: row[1] for row in rows}
        await people.log_read(db, viewer, "refund", list(names), "hoàn tiền", now=now)
    shown = sorted(
        (one for one in found if one.road != "dispute"),
        key=lambda one: (not one.problem, one.asked_at),
    )
    context = {
        "refunds": shown,
        "disputes": disputes,
        "loose": loose,
        "names": names,
        "attempts": attempts,
        "why": WHY,
    }
    return Template("refunds_open.html", context=context)


@post("/hoan-tien/{refund_id:uuid}/da-xem", guards=[auth.clerk], include_in_schema=False,
      status_code=303)  # fmt: skip
async def looked_at(
    refund_id: FromPath[UUID],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> Redirect:
    """A person looked at a problem: the refund goes on, the acquirer is asked again."""
    async with database.as_system() as db:
        await payments.note_problem(db, refund_id, "", now=now)
    return Redirect("/hoan-tien", status_code=303)


routers = [doubts_page, looked_at]
