"""The provincial goods portal of the demo, a process of its own (port 8015).

Goods come in by `PUT /api/v1/san-pham/{sku}` with a bearer key and an idempotency key, wait for the
moderator, are shown on the public page `/`. `/ben-trong` looks inside, approves, refuses, edits, and
orders faults: rate, down, auth, lost, slow, field, corrupt.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

import jinja2
import msgspec
from litestar import Litestar, Request, Response, get, post, route
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect
from msgspec import Meta

from market import clock
from market.simulators.portal_state import PAGE_SIZE, PortalState, Shown

API_KEY = "demo_portal_key"
CATEGORIES = {
    "RAU-CU-QUA": "Rau, củ, quả",
    "THIT-TRUNG": "Thịt, trứng",
    "THUY-SAN": "Thủy sản tươi",
    "THUY-SAN-CHE-BIEN": "Thủy sản chế biến",
    "GIA-VI-NUOC-CHAM": "Gia vị, nước chấm",
    "LUONG-THUC": "Lương thực",
    "THUC-PHAM-CHE-BIEN": "Thực phẩm chế biến",
    "OCOP-DAC-SAN": "OCOP, đặc sản",
    "HOA-CAY-CANH": "Hoa, cây cảnh",
}
UNITS = tuple(
    "kg lít bó củ quả con nải chục gói hộp chai hũ chiếc đôi bộ túi thùng vỉ cành lon".split()  # noqa: SIM905 - reads as a list of words
)
FAULTS = {
    "rate": "429 quá nhiều yêu cầu (giá trị: số giây chờ)",
    "down": "500 lỗi máy chủ",
    "auth": "401 khóa bị thu hồi",
    "lost": "Làm xong nhưng trả lời 504",
    "slow": "Làm xong nhưng trả lời chậm (giá trị: số giây)",
    "field": "422 từ chối một trường (giá trị: tên trường)",
    "corrupt": "200 với nội dung hỏng",
}
STATES = {
    "cho_duyet": "Chờ duyệt",
    "dang_hien": "Đang hiển thị",
    "tam_an": "Tạm ẩn",
    "da_go": "Đã gỡ",
    "tu_choi": "Từ chối",
}
SLOW_S_MAX = 60.0


@dataclass(frozen=True)
class PortalConfig:
    """How the simulated portal runs."""

    state_path: Path
    api_key: str = field(default=API_KEY, repr=False)
    url: str = "http://127.0.0.1:8015"
    """Where people open it; listings link there."""
    approve_after_s: float = 20
    """The moderator approves what waited this long; negative: only by the button."""
    now: Callable[[], datetime] = clock.now


Vnd = Annotated[int, Meta(ge=0, le=499_999_999)]


class Goods(msgspec.Struct, frozen=True):
    """Goods as sellers send them."""

    ma_san_pham: Annotated[str, Meta(min_length=1, max_length=50)]
    phien_ban: Annotated[int, Meta(ge=1)]
    ten: Annotated[str, Meta(min_length=5, max_length=150)]
    loai_san_pham: str
    don_vi_tinh: str
    gia: Vnd
    """0 reads “Liên hệ”."""
    con_hang: bool
    co_so: Annotated[str, Meta(min_length=1, max_length=200)]
    gia_khuyen_mai: Vnd | None = None
    mo_ta: Annotated[str, Meta(max_length=5_100)] = ""
    xuat_xu: str = ""
    nguoi_ban: str = ""
    dia_chi: str = ""
    dien_thoai: str = ""
    anh: Annotated[list[str], Meta(max_length=8)] = []
    tem_truy_xuat: bool = False


class Price(msgspec.Struct, frozen=True):
    """A new price alone."""

    phien_ban: int
    gia: Vnd
    gia_khuyen_mai: Vnd | None = None


class Stock(msgspec.Struct, frozen=True):
    """Whether there are any."""

    phien_ban: int
    con_hang: bool


class Refused(Exception):
    """The portal says no."""

    def __init__(self, status: int, code: str, said: str, *, where: str = "") -> None:
        self.status, self.code, self.said, self.where = status, code, said, where
        super().__init__(said)


@dataclass(frozen=True)
class Portal:
    """The portal's rules over its memory; the handlers below are thin around it."""

    config: PortalConfig
    state: PortalState

    def now(self) -> datetime:
        """The present, with what waited long enough approved by it."""
        now = self.config.now()
        if self.config.approve_after_s >= 0:
            self.state.approve_older(timedelta(seconds=self.config.approve_after_s), now)
        return now

    def put(self, sku: str, content: bytes) -> Shown:
        """Take goods in; an older version than the shown one changes nothing."""
        goods = _decoded(content, Goods)
        if goods.ma_san_pham != sku:
            raise Refused(422, "VALIDATION", "Mã sản phẩm không khớp.", where="ma_san_pham")
        if goods.loai_san_pham not in CATEGORIES:
            raise Refused(422, "VALIDATION", "Không có loại sản phẩm này.", where="loai_san_pham")
        if goods.don_vi_tinh not in UNITS:
            raise Refused(422, "UNIT_UNSUPPORTED", "Đơn vị tính chưa hỗ trợ.", where="don_vi_tinh")
        if any(not url.startswith(("http://", "https://")) for url in goods.anh):
            raise Refused(422, "IMAGE_REJECTED", "Không tải được ảnh.", where="anh")
        known = self.state.listing(sku)
        if known is not None and known.body["phien_ban"] > goods.phien_ban:
            return known
        return self.state.put(sku, msgspec.to_builtins(goods), "cho_duyet", self.now())

    def patch(self, sku: str, content: bytes, shape: type[Price] | type[Stock]) -> Shown:
        """Change the price or the stock alone, at once and without the moderator."""
        change = _decoded(content, shape)
        known = self.known(sku)
        if known.body["phien_ban"] <= change.phien_ban:
            self.state.change(sku, self.now(), body=known.body | msgspec.to_builtins(change))
        return self.known(sku)

    def take_off(self, sku: str, content: bytes) -> Shown:
        """Show the goods no longer."""
        told = _decoded(content, dict[str, str])
        self.known(sku)
        self.state.change(sku, self.now(), state="da_go", reason=told.get("ly_do", "")[:500])
        return self.known(sku)

    def known(self, sku: str) -> Shown:
        """The listing, or a refusal with 404."""
        self.now()
        shown = self.state.listing(sku)
        if shown is None:
            raise Refused(404, "UNKNOWN_SKU", "Không tìm thấy tin đăng.")
        return shown

    def view(self, shown: Shown) -> dict[str, Any]:
        """A listing on the wire."""
        return {
            "ma_san_pham": shown.sku,
            "ma_tin": shown.remote_id,
            "trang_thai": shown.state,
            "duong_dan": f"{self.config.url}/tin/{shown.remote_id}",
            "phien_ban": shown.body["phien_ban"],
            "ten": shown.body["ten"],
            "gia": shown.body["gia"],
            "con_hang": shown.body["con_hang"],
            "ly_do": shown.reason,
        }


def create_app(config: PortalConfig) -> Litestar:
    """The portal as an app of its own."""
    portal = Portal(config, PortalState(config.state_path))

    async def close() -> None:
        portal.state.close()

    app = Litestar(
        route_handlers=[
            *(take_goods, take_price, take_stock, take_off, goods, all_goods, answer_to, health),
            *(public_page, public_goods, inside, moderate, edit, order_faults),
        ],
        on_shutdown=[close],
        openapi_config=None,
        request_max_body_size=200_000,
    )
    app.state["portal"] = portal
    return app


# ── The interface for sellers ───────────────────────────────────────────────────────────────────


async def _called(
    request: Request[Any, Any, Any], work: Callable[[Portal, bytes], Any]
) -> Response[str]:
    """Check the key, misbehave if told to, do the work once per idempotency key, write the log."""
    portal: Portal = request.app.state["portal"]
    key = request.headers.get("Idempotency-Key", "")
    fault, value = portal.state.take_fault()
    try:
        _check(portal, request, fault, value)
        status, body = _once(portal, key, work, await request.body())
    except Refused as refused:
        told = {"ma_loi": refused.code, "truong": refused.where, "thong_bao": refused.said}
        status, body = refused.status, json.dumps(told, ensure_ascii=False)
    headers = {"Retry-After": value or "30"} if status == 429 else {}
    if fault == "lost":
        status, body = 504, '{"ma_loi": "TIMEOUT", "thong_bao": "Quá thời gian."}'
    if fault == "corrupt" and status == 200:
        body = "<html>Bảo trì hệ thống</html>"
    portal.state.write_log(portal.now(), request.method, request.url.path, key, status, fault)
    if fault == "slow":
        await asyncio.sleep(min(float(value or 15), SLOW_S_MAX))
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _check(portal: Portal, request: Request[Any, Any, Any], fault: str, value: str) -> None:
    given = request.headers.get("Authorization", "")
    right = secrets.compare_digest(given.encode(), f"Bearer {portal.config.api_key}".encode())
    if fault == "auth" or not right:
        raise Refused(401, "AUTH_REVOKED", "Khóa kết nối không còn hiệu lực.")
    if fault == "rate":
        raise Refused(429, "RATE_LIMITED", "Quá nhiều yêu cầu. Thử lại sau.")
    if fault == "down":
        raise Refused(500, "REMOTE_DOWN", "Hệ thống bận.")
    if fault == "field":
        raise Refused(422, "VALIDATION", "Trường này không hợp lệ.", where=value or "gia")


def _once(
    portal: Portal, key: str, work: Callable[[Portal, bytes], Any], content: bytes
) -> tuple[int, str]:
    known = portal.state.answer(key) if key else None
    if known is not None:
        return known
    done = work(portal, content)
    body = json.dumps(portal.view(done) if isinstance(done, Shown) else done, ensure_ascii=False)
    if key:
        portal.state.keep_answer(key, 200, body)
    return 200, body


@route("/api/v1/san-pham/{sku:str}", http_method=["PUT"])
async def take_goods(sku: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """Take goods in, new or changed."""
    return await _called(request, lambda portal, content: portal.put(sku, content))


@route("/api/v1/san-pham/{sku:str}/gia", http_method=["PATCH"])
async def take_price(sku: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """Change the price alone."""
    return await _called(request, lambda portal, content: portal.patch(sku, content, Price))


@route("/api/v1/san-pham/{sku:str}/ton", http_method=["PATCH"])
async def take_stock(sku: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """Change the stock alone."""
    return await _called(request, lambda portal, content: portal.patch(sku, content, Stock))


@post("/api/v1/san-pham/{sku:str}/go")
async def take_off(sku: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """Show goods no longer."""
    return await _called(request, lambda portal, content: portal.take_off(sku, content))


@get("/api/v1/san-pham/{sku:str}")
async def goods(sku: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """How goods stand."""
    return await _called(request, lambda portal, _: portal.known(sku))


@get("/api/v1/san-pham")
async def all_goods(request: Request[Any, Any, Any], tu: FromQuery[str] = "") -> Response[str]:
    """A page of the seller's goods, and the next cursor."""

    def page(portal: Portal, _: bytes) -> dict[str, Any]:
        portal.now()
        found = portal.state.listings(after=tu)
        more = found[-1].sku if len(found) == PAGE_SIZE else ""
        return {"tin": [portal.view(one) for one in found], "tiep": more}

    return await _called(request, page)


@get("/api/v1/khoa")
async def answer_to(request: Request[Any, Any, Any], khoa: FromQuery[str] = "") -> Response[str]:
    """What was answered to an idempotency key."""

    def answered(portal: Portal, _: bytes) -> Any:
        known = portal.state.answer(khoa)
        if known is None:
            raise Refused(404, "UNKNOWN_KEY", "Chưa nhận yêu cầu này.")
        return json.loads(known[1])

    return await _called(request, answered)


@get("/api/v1/suc-khoe")
async def health(request: Request[Any, Any, Any]) -> Response[str]:
    """Answer whoever has the key."""
    return await _called(request, lambda *_: {"trang_thai": "tot"})


# ── The pages ───────────────────────────────────────────────────────────────────────────────────


@get("/")
async def public_page(request: Request[Any, Any, Any], tim: FromQuery[str] = "") -> Response[str]:
    """What buyers see: goods with pictures, prices and sellers."""
    portal: Portal = request.app.state["portal"]
    portal.now()
    shown = portal.state.newest(("dang_hien",), words=tim)
    return _page("public.html", listings=shown, tim=tim, categories=CATEGORIES)


@get("/tin/{remote_id:str}")
async def public_goods(remote_id: FromPath[str], request: Request[Any, Any, Any]) -> Response[str]:
    """One listing as buyers see it; gone ones say so."""
    portal: Portal = request.app.state["portal"]
    portal.now()
    shown = portal.state.by_remote_id(remote_id)
    return _page("goods.html", one=shown, categories=CATEGORIES, status=200 if shown else 404)


@get("/ben-trong")
async def inside(request: Request[Any, Any, Any]) -> Response[str]:
    """Look inside: what waits for the moderator, faults to come, the latest calls."""
    portal: Portal = request.app.state["portal"]
    portal.now()
    return _page(
        "inside.html",
        waiting=portal.state.newest(("cho_duyet",)),
        others=portal.state.newest(("dang_hien", "tu_choi", "da_go", "tam_an")),
        counts=portal.state.counts(),
        faults=portal.state.faults(),
        kinds=FAULTS,
        log=portal.state.log(),
        config=portal.config,
    )


@post("/dieu-khien/duyet")
async def moderate(request: Request[Any, Any, Any]) -> Redirect:
    """Approve or refuse a listing: `ma_san_pham`, `viec` of STATES, `ly_do`."""
    portal: Portal = request.app.state["portal"]
    form = await request.form()
    state = str(form.get("viec", ""))
    sku = str(form.get("ma_san_pham", ""))
    if state in STATES and portal.state.listing(sku) is not None:
        reason = str(form.get("ly_do", ""))[:500]
        portal.state.change(sku, portal.now(), state=state, reason=reason)
    return Redirect("/ben-trong")


@post("/dieu-khien/sua")
async def edit(request: Request[Any, Any, Any]) -> Redirect:
    """Change a price on the portal's own, as a remote clerk might: `ma_san_pham`, `gia`."""
    portal: Portal = request.app.state["portal"]
    form = await request.form()
    known = portal.state.listing(str(form.get("ma_san_pham", "")))
    price = str(form.get("gia", ""))
    if known is not None and price.isascii() and price.isdigit():
        body = known.body | {"gia": min(int(price), 499_999_999)}
        portal.state.change(known.sku, portal.now(), body=body)
    return Redirect("/ben-trong")


@post("/dieu-khien/loi")
async def order_faults(request: Request[Any, Any, Any]) -> Redirect:
    """Misbehave: `loai` of FAULTS, `so_lan`, `gia_tri`; without `loai` behave again."""
    portal: Portal = request.app.state["portal"]
    form = await request.form()
    kind, count = str(form.get("loai", "")), str(form.get("so_lan", "1"))
    if kind in FAULTS and count.isascii() and count.isdigit():
        portal.state.add_fault(kind, min(int(count), 1000), str(form.get("gia_tri", ""))[:50])
    elif not kind:
        portal.state.clear_faults()
    return Redirect("/ben-trong")


def _decoded(content: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(content, type=shape)
    except msgspec.ValidationError as wrong:
        where = str(wrong).partition("`$.")[2].partition("`")[0].partition("[")[0]
        raise Refused(422, "VALIDATION", f"Dữ liệu không hợp lệ: {wrong}", where=where) from wrong
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Refused(400, "VALIDATION", "Không đọc được dữ liệu.") from wrong


_PAGES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(str(files("market").joinpath("simulators/templates/portal"))),
    autoescape=True,
)
_PAGES.filters["vnd"] = lambda amount: f"{amount:,}".replace(",", ".") + "\u00a0₫"
_PAGES.filters["state"] = lambda state: STATES[state]


def _page(name: str, *, status: int = 200, **context: Any) -> Response[str]:
    text = _PAGES.get_template(name).render(**context)
    return Response(text, status_code=status, media_type="text/html; charset=utf-8")
