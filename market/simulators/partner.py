"""What the apps of all partners share: pages, the style sheet, the control API, errors."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litestar import Litestar, Request, Response, get
from litestar.exceptions import ClientException
from litestar.params import FromPath
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect
from litestar.template.config import TemplateConfig
from litestar.types import ControllerRouterHandler, Dependencies

from market.simulators.faults import ControlError, Faults
from market.simulators.notifier import Notifier
from market.simulators.state import Store

TEMPLATES = Path(__file__).parent / "templates"
SAID = {
    "drop": "mất tin báo",
    "lost": "mất tin báo",
    "double": "báo hai lần",
    "delay": "báo muộn",
    "delay_s": "muộn",
    "forge": "thêm tin giả",
    "corrupt": "tin bị sửa trên đường",
    "bad_hash": "sai chữ ký",
    "wrong_amount": "sai số tiền",
    "refund_reject": "từ chối hoàn tiền",
    "refund_off": "chưa mở hoàn tiền",
    "refund_busy": "hoàn tiền đang bận",
    "refund_s": "hoàn tiền mất",
    "window_s": "giữa hai lần hỏi",
    "disputed": "khách khiếu nại",
    "down": "không vào được",
    "lost_answer": "mất câu trả lời",
    "lose": "nhận mà không trả lời",
    "silent": "trả lời chậm",
    "reorder": "đảo thứ tự",
    "waiting": "đang chờ gửi",
    "delivered": "đã nhận",
    "given_up": "thôi gửi",
    "sepay": "SePay, ký HMAC",
    "sepay_key": "SePay, khóa API",
    "casso": "Casso V2",
    "casso_v1": "Casso V1",
    "payos": "payOS",
    "signed": "Ngân hàng ký trực tiếp",
}
"""Faults, states and forms of notices, as pages say them."""
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


async def control(
    request: Request[Any, Any, Any], faults: Faults
) -> dict[str, dict[str, float]] | Redirect:
    """Set faults as asked; a program is told what is set then, a person goes back to the page."""
    described = await change_faults(request, faults)
    if request.headers.get("content-type", "").startswith("application/json"):
        return described
    return Redirect("/inside", status_code=303)


async def change_faults(
    request: Request[Any, Any, Any], faults: Faults
) -> dict[str, dict[str, float]]:
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


def faults_said(described: Mapping[str, Mapping[str, float]]) -> str:
    """What `Faults.describe` tells, as one line for a page: only what is set."""
    said = []
    for name, rule in described.items():
        kind = SAID.get(name, name)
        if rule.get("next"):
            said.append(f"{kind}: còn {rule['next']:g} lần")
        elif rule.get("probability"):
            said.append(f"{kind}: {rule['probability']:.1%}".replace(".", ","))
        elif rule.get("seconds"):
            said.append(f"{kind}: {rule['seconds']:g} giây")
    return " · ".join(said) or "không có gì"


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
    engine.engine.filters["faults_said"] = faults_said
    engine.engine.filters["said"] = lambda name: SAID.get(name, name)
