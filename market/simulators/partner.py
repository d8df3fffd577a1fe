"""What the apps of all partners share: pages, the style sheet, the control API, errors."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.exceptions import ClientException
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template.config import TemplateConfig
from litestar.types import ControllerRouterHandler, Dependencies

from market.simulators.faults import ControlError, Faults
from market.simulators.notifier import Notifier
from market.simulators.state import Store

TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    "partner.css": "text/css",
    "bank.js": "text/javascript",
}


def app(
    handlers: Sequence[ControllerRouterHandler],
    dependencies: Dependencies,
    notifier: Notifier,
    store: Store,
) -> Litestar:
    """An app with this partner's routes, whose notifier runs while it does."""

    async def stop() -> None:
        await notifier.stop()
        store.close()

    return Litestar(
        [*handlers, static_file, health],
        dependencies=dependencies,
        template_config=TemplateConfig(
            directory=TEMPLATES, engine=JinjaTemplateEngine, engine_callback=_filters
        ),
        on_startup=[notifier.start],
        on_shutdown=[stop],
        openapi_config=None,
        logging_config=None,
        request_max_body_size=6_000_000,
    )


@get("/static/{name:str}", sync_to_thread=False)
def static_file(name: FromPath[str]) -> Response[bytes]:
    """The style sheet and scripts, by name."""
    if name not in FILES:
        return Response(b"", status_code=404)
    return Response((TEMPLATES / name).read_bytes(), media_type=FILES[name])


@get("/health", sync_to_thread=False)
def health() -> dict[str, str]:
    """Says that it runs."""
    return {"status": "ok"}


async def change_faults(request: Request[Any, Any, Any], faults: Faults) -> dict[str, Any]:
    """Set faults from a JSON object or a form of `kind=next` counts; what is set then."""
    raw = await request.body()
    try:
        if request.headers.get("content-type", "").startswith("application/json"):
            wanted = json.loads(raw or b"{}")
        else:
            form = await request.form()
            wanted = {kind: {"next": int(count)} for kind, count in form.items()}
        if not isinstance(wanted, dict):
            raise ControlError("A JSON object is expected.")
        faults.change(wanted)
    except (ValueError, ControlError) as wrong:
        raise ClientException(str(wrong)) from wrong
    return faults.describe()


def deliveries(store: Store, subject: str) -> list[dict[str, Any]]:
    """Every notice of a subject with its tries and the answers to them, for a page."""
    found = store.rows("SELECT * FROM delivery WHERE subject = ? ORDER BY id", subject)
    return [
        {
            **dict(row),
            "attempts": [
                dict(one)
                for one in store.rows("SELECT * FROM attempt WHERE delivery_id = ?", row["id"])
            ],
        }
        for row in found
    ]


def dong(amount_vnd: int) -> str:
    """50.000 ₫ with a space that does not break."""
    return f"{amount_vnd:,}".replace(",", ".") + "\u00a0₫"


def _filters(engine: JinjaTemplateEngine) -> None:
    engine.engine.filters["dong"] = dong
