"""Files of an acquirer's inbox that were refused: tried again, or laid aside, by the clerk."""

from datetime import datetime
from typing import Annotated

from anyio import to_thread
from litestar import post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import Redirect
from msgspec import Struct

from market.db import Database
from market.errors import NotFound
from market.flows import settlement_files
from market.settings import Settings
from market.web import auth
from market.web.clearing import PAGE


class FileForm(Struct, frozen=True, kw_only=True):
    """Which file, and “thu-lai” or “cat”."""

    acquirer: str
    name: str
    what: str


@post("/doi-soat/tep", guards=[auth.clerk], include_in_schema=False, status_code=303)
async def act_on_file(
    data: Annotated[FileForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Redirect:
    """The file lies in its inbox again, or is shown no longer."""
    if data.what == "thu-lai":
        async with database.as_system() as db:
            await settlement_files.try_again(db, settings.data, data.acquirer, data.name, now)
    elif data.what == "cat":
        await to_thread.run_sync(
            settlement_files.lay_aside, settings.data, data.acquirer, data.name
        )
    else:
        raise NotFound("action", data.what[:40])
    return Redirect(PAGE, status_code=303)


routers = [act_on_file]
