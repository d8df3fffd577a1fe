"""Whether this process can serve: asked by the supervisor and by a load balancer."""

from litestar import get
from litestar.di import NamedDependency
from msgspec import Struct
from sqlalchemy import text

from market.db import Database


class Health(Struct, frozen=True):
    """What was tried just now."""

    database: str


@get("/health", opt={"exclude_from_auth": True})
async def health(database: NamedDependency[Database]) -> Health:
    """Answers 200 once the database answers."""
    async with database.as_system() as db:
        await db.execute(text("SELECT 1"))
    return Health(database="ok")


routers = [health]
