"""Files the browser keeps: their address carries a version, so they may be kept for ever."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from litestar.config.compression import CompressionConfig
from litestar.datastructures import CacheControlHeader
from litestar.middleware import DefineMiddleware
from litestar.middleware.compression import CompressionMiddleware
from litestar.static_files import create_static_files_router

STATIC = Path(__file__).parent / "static"
KEPT_SECONDS = 31_536_000
SMALL = CompressionConfig(backend="brotli", brotli_quality=6, brotli_gzip_fallback=True)
"""Styles and scripts cross a market's weak network at a fifth of their size."""


def files() -> list[str]:
    """Every file under `static`, as its path below it."""
    return sorted(
        path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file()
    )


@cache
def version() -> str:
    """Twelve hex digits that change when any file changes."""
    digest = hashlib.sha256()
    for name in files():
        digest.update(name.encode())
        digest.update((STATIC / name).read_bytes())
    return digest.hexdigest()[:12]


def url(path: str) -> str:
    """Where the browser finds a file of `static`; modules and styles find their neighbours there."""
    return f"/static/{version()}/{path}"


def routers() -> list[Any]:
    """`/static/<version>/…`, kept for ever, and `/static/…`, asked anew each time."""
    return [
        create_static_files_router(
            path=path,
            directories=[STATIC],
            name=name,
            include_in_schema=False,
            cache_control=cache_control,
            middleware=[DefineMiddleware(CompressionMiddleware, config=SMALL)],
            opt={"exclude_from_auth": True},
        )
        for path, name, cache_control in (
            (
                f"/static/{version()}",
                "static-versioned",
                CacheControlHeader(max_age=KEPT_SECONDS, public=True, immutable=True),
            ),
            ("/static", "static", CacheControlHeader(no_cache=True)),
        )
    ]
