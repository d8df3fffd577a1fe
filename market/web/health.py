"""Whether this process can serve, and what its problems mean: for those who connect to it."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Template
from msgspec import Struct
from sqlalchemy import text

from market.db import Database
from market.web import errors


class Health(Struct, frozen=True):
    """What was tried just now."""

    database: str


@get("/health", opt={"exclude_from_auth": True})
async def health(database: NamedDependency[Database]) -> Health:
    """Answers 200 once the database answers."""
    async with database.as_system() as db:
        await db.execute(text("SELECT 1"))
    return Health(database="ok")


@get("/loi", include_in_schema=False)
async def problems() -> Template:
    """What each code of a problem means; the address in its `type`."""
    return Template("problems.html", context={"problems": errors.told()})


routers = [health, problems]
