"""The start page: who you can be here, and what is alive now."""

from datetime import datetime

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct, to_builtins
from sqlalchemy import text

from market import clock
from market.db import Database
from market.settings import Settings
from market.web import auth, homes


class AliveView(Struct, frozen=True):
    """What the whole market did today, as counts."""

    stall_count: int
    cashless_count: int
    cashless_vnd: int
    cash_count: int
    last_at: datetime | None


_ALIVE = text(
    "SELECT (SELECT count(*) FROM market.stall WHERE status = 'active'),"
    " coalesce(sum(sale_count) FILTER (WHERE method <> 'cash'), 0),"
    " coalesce(sum(sale_vnd) FILTER (WHERE method <> 'cash'), 0),"
    " coalesce(sum(sale_count) FILTER (WHERE method = 'cash'), 0),"
    " (SELECT max(at) FROM market.live_event)"
    " FROM market.takings_hour WHERE hour >= :start AND hour < :end"
)


@get("/", include_in_schema=False)
async def start_page(
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Template:
    """One card per role in the demo; else the way to sign in, or to one's own first screen."""
    async with database.as_system() as db:
        roles = []
        if settings.demo:
            from market.demo import roles as demo_roles

            roles = await demo_roles.start_page_roles(db)
        own = await homes.homes_of(db, me) if me else []
    alive = await _alive(database, now)
    context = {
        "roles": roles,
        "homes": own,
        "me": me,
        "alive": to_builtins(alive),
        "demo": settings.demo,
        "bank_url": settings.bank_url,
    }
    return Template("start.html", context=context)


@get("/api/alive")
async def alive(database: NamedDependency[Database], now: NamedDependency[datetime]) -> AliveView:
    """Today's counts over all stalls: totals only, nobody's own figure."""
    return await _alive(database, now)


async def _alive(database: Database, now: datetime) -> AliveView:
    start, end = clock.day_bounds(clock.local_day(now))
    async with database.as_system() as db:
        row = (await db.execute(_ALIVE, {"start": start, "end": end})).one()
    return AliveView(row[0], int(row[1]), int(row[2]), int(row[3]), row[4])


routers = [start_page, alive]
