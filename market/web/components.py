"""For developers: every component of the look in every state, light and dark."""

import re
from functools import cache

from litestar import get
from litestar.response import Template

from market.web import assets


@cache
def icons() -> tuple[str, ...]:
    """Names of the drawings in the sprite."""
    sprite = (assets.STATIC / "img" / "icons.svg").read_text("utf-8")
    return tuple(re.findall(r'<symbol id="([\w-]+)"', sprite))


@get("/thanh-phan", include_in_schema=False)
async def components() -> Template:
    """All of it on one page, so that a change is seen everywhere at once."""
    return Template("components.html", context={"icons": icons()})


routers = [components]
