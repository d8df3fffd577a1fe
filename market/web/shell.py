"""What surrounds the pages: the language switch, the offline shell, the installable app."""

import json
from typing import Annotated

from litestar import Response, get
from litestar.datastructures import Cookie
from litestar.params import QueryParameter
from litestar.response import Redirect

from market.web import assets, i18n

LANGUAGE_KEPT_SECONDS = 31_536_000
OFFLINE = (
    "css/app.css",
    "css/till.css",
    "vendor/pico-2.1.1/pico.fluid.classless.min.css",
    "vendor/lean-qr-2.7.4/index.mjs",
    "img/icons.svg",
    "img/icon.svg",
)
"""With all scripts, fonts and sounds: what a till needs when the line is cut."""


@get("/ngon-ngu", include_in_schema=False)
async def switch_language(
    to: Annotated[str, QueryParameter(max_length=5)],
    tiep: Annotated[str, QueryParameter(max_length=500)] = "/",
) -> Redirect:
    """Remember the language in this browser and go back to the page."""
    here = tiep if tiep.startswith("/") and not tiep.startswith(("//", "/\\")) else "/"
    chosen = Cookie(
        key=i18n.COOKIE, value=i18n.known(to), max_age=LANGUAGE_KEPT_SECONDS, samesite="lax"
    )
    return Redirect(here, cookies=[chosen], status_code=303)


@get("/sw.js", include_in_schema=False, media_type="text/javascript")
async def service_worker() -> Response[str]:
    """The worker that keeps the till usable without a line; a new version replaces it at once."""
    kept = [
        *OFFLINE,
        *(f for f in assets.files() if f.startswith(("js/", "sounds/", "fonts/cho", "fonts/be"))),
    ]
    facts = {"version": assets.version(), "files": [assets.url(name) for name in kept]}
    code = (assets.STATIC / "js" / "sw.js").read_text("utf-8")
    return Response(
        f"const SHELL = {json.dumps(facts)};\n{code}",
        media_type="text/javascript",
        headers={"cache-control": "no-cache", "service-worker-allowed": "/"},
    )


@get("/manifest.webmanifest", include_in_schema=False)
async def manifest(s: Annotated[str, QueryParameter(max_length=200)] = "/") -> Response[str]:
    """The installable app; `s` is the page it opens with, a path of this site."""
    start = s if s.startswith("/") and not s.startswith("//") else "/"
    facts = {
        "name": "Chợ 4.0",
        "short_name": "Chợ 4.0",
        "lang": "vi",
        "start_url": start,
        "scope": "/",
        "display": "standalone",
        "orientation": "portrait",
        "background_color": "#FFFDF8",
        "theme_color": "#FFFDF8",
        "icons": [
            {
                "src": assets.url(f"img/icon-{size}.png"),
                "sizes": f"{size}x{size}",
                "type": "image/png",
                "purpose": "any maskable",
            }
            for size in (192, 512)
        ],
    }
    return Response(json.dumps(facts, ensure_ascii=False), media_type="application/manifest+json")


routers = [switch_language, service_worker, manifest]
