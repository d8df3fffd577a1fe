"""The provincial supply-demand portal over HTTP.

The portal publishes no interface; this one is assumed and lives in this file alone. Names follow
what the portal's own pages show: tên, giá, đơn vị tính, còn hàng, cơ sở, đã có tem.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import msgspec

from catalog.connector import (
    Capabilities,
    ChannelRefused,
    Failure,
    FailureCode,
    ListingState,
    Offer,
    Ref,
    RemoteListing,
)
from catalog.product import Product
from catalog.units import UNITS

TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 4_000_000
NAME_LENGTH_MIN = 5
UNITS_TAKEN = frozenset(
    {"kg", "lit", "bo", "cu", "qua", "con", "nai", "chuc", "goi", "hop", "chai", "hu"}
    | {"chiec", "doi", "bo-do", "tui", "thung", "vi", "canh", "lon"}
)

_STATES = {
    "da_nhan": ListingState.SUBMITTED,
    "cho_duyet": ListingState.IN_REVIEW,
    "dang_hien": ListingState.LIVE,
    "tam_an": ListingState.PAUSED,
    "da_go": ListingState.DELISTED,
    "tu_choi": ListingState.REJECTED,
}
_FIELDS = {
    "ten": "name_vi",
    "loai_san_pham": "category",
    "mo_ta": "description",
    "don_vi_tinh": "unit",
    "gia": "price_vnd",
    "gia_khuyen_mai": "sale_price_vnd",
    "anh": "photo_ids",
}
_CODES = {
    401: FailureCode.AUTH_REVOKED,
    403: FailureCode.AUTH_REVOKED,
    404: FailureCode.UNKNOWN_SKU,
    408: FailureCode.TIMEOUT_UNKNOWN,
    429: FailureCode.RATE_LIMITED,
    504: FailureCode.TIMEOUT_UNKNOWN,
}

T = TypeVar("T")


class _Listing(msgspec.Struct, frozen=True):
    ma_san_pham: str
    ma_tin: str
    trang_thai: str
    duong_dan: str
    phien_ban: int
    ten: str
    gia: int
    """0 reads “Liên hệ”."""
    con_hang: bool
    ly_do: str = ""


class _Page(msgspec.Struct, frozen=True):
    tin: list[_Listing]
    tiep: str = ""


@dataclass(frozen=True)
class PortalConnector:
    """The portal behind the contract. `client` has the portal's address; it is closed by its owner."""

    client: httpx.AsyncClient
    api_key: str
    pictures_url: str
    """Where the portal fetches pictures: this market's public address."""
    name: str = "portal"

    def capabilities(self) -> Capabilities:
        """What the portal can do."""
        return Capabilities(
            units=UNITS_TAKEN, light_price=True, light_stock=True, photo_px_min=0, orders=False
        )

    def problems(self, offer: Offer) -> tuple[Failure, ...]:
        """What the portal would refuse."""
        product = offer.product
        found = []
        if not offer.remote_category:
            found.append(Failure(FailureCode.CATEGORY_UNMAPPED, product.category, "category"))
        if product.unit not in UNITS_TAKEN and _grams(product) is None:
            found.append(Failure(FailureCode.UNIT_UNSUPPORTED, product.unit, "unit"))
        return tuple(found)

    async def upsert(self, offer: Offer, key: str) -> Ref:
        """Show these goods."""
        body = wire_product(offer, self.pictures_url)
        return await self._changed("PUT", f"san-pham/{offer.product.sku}", body, key)

    async def set_price(self, offer: Offer, key: str) -> Ref:
        """Change the price alone."""
        product = offer.product
        body = {**wire_price(product), "phien_ban": product.version}
        return await self._changed("PATCH", f"san-pham/{product.sku}/gia", body, key)

    async def set_stock(self, offer: Offer, key: str) -> Ref:
        """Change whether there are any."""
        product = offer.product
        body = {"con_hang": product.in_stock, "phien_ban": product.version}
        return await self._changed("PATCH", f"san-pham/{product.sku}/ton", body, key)

    async def delist(self, sku: str, reason: str, key: str) -> Ref:
        """Take the goods off."""
        return await self._changed("POST", f"san-pham/{sku}/go", {"ly_do": reason}, key)

    async def answer_to(self, key: str) -> Ref | None:
        """What was answered to a key; None if the portal never saw it."""
        try:
            answer = await self._call("GET", "khoa", params={"khoa": key})
        except ChannelRefused as refused:
            if refused.failure.code is FailureCode.UNKNOWN_SKU:
                return None
            raise
        return _ref(_read(answer, _Listing))

    async def state(self, sku: str) -> RemoteListing:
        """How the goods stand there."""
        return _remote(_read(await self._call("GET", f"san-pham/{sku}"), _Listing))

    async def listed(self, cursor: str = "") -> tuple[list[RemoteListing], str]:
        """A page of all our listings there."""
        answer = await self._call("GET", "san-pham", params={"tu": cursor})
        page = _read(answer, _Page)
        return [_remote(one) for one in page.tin], page.tiep

    async def health(self) -> None:
        """Return when the portal answers and knows our key."""
        await self._call("GET", "suc-khoe")

    async def _changed(self, method: str, path: str, body: dict[str, Any], key: str) -> Ref:
        return _ref(_read(await self._call(method, path, body=body, key=key), _Listing))

    async def _call(
        self,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        key: str = "",
        params: dict[str, str] | None = None,
    ) -> bytes:
        headers = {"Authorization": f"Bearer {self.api_key}"}
        if key:
            headers["Idempotency-Key"] = key
        try:
            answer = await self.client.request(
                method, f"/api/v1/{path}", json=body, params=params, headers=headers,
                timeout=TIMEOUT_S,
            )  # fmt: skip
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as down:
            raise _refused(FailureCode.REMOTE_DOWN, str(down)) from down
        except httpx.TransportError as lost:
            # It left us; whether it arrived nobody knows.
            raise _refused(FailureCode.TIMEOUT_UNKNOWN, str(lost) or type(lost).__name__) from lost
        if len(answer.content) > ANSWER_BYTES_MAX:
            raise _refused(FailureCode.SCHEMA_CHANGED, "the answer is too long")
        if answer.is_success:
            return answer.content
        raise ChannelRefused(_failure(answer))


def wire_name(product: Product) -> str:
    """The name as the portal wants it, at least five characters: “Cá” becomes “Cá (kg)”."""
    if len(product.name_vi) >= NAME_LENGTH_MIN:
        return product.name_vi
    return f"{product.name_vi} ({UNITS[product.unit].name_vi})"


def wire_price(product: Product) -> dict[str, int | None]:
    """The price per unit the portal shows. A unit it does not know is sold there by its weight."""
    return {
        "gia": _portal_vnd(product, product.price_vnd) or 0,
        "gia_khuyen_mai": _portal_vnd(product, product.sale_price_vnd),
    }


def wire_product(offer: Offer, pictures_url: str) -> dict[str, Any]:
    """Goods in the portal's words."""
    product, seller, origin = offer.product, offer.seller, offer.product.origin
    unit = UNITS[product.unit]
    description = product.description
    name_of_unit = unit.name_vi
    if product.unit not in UNITS_TAKEN:
        name_of_unit = "kg"
        sign = "=" if unit.measures == "g" else "≈"
        description = f"{description}\n1 {unit.name_vi} {sign} {_grams(product)} g.".strip()
    return {
        "ma_san_pham": product.sku,
        "phien_ban": product.version,
        "ten": wire_name(product),
        "loai_san_pham": offer.remote_category,
        "mo_ta": description,
        "don_vi_tinh": name_of_unit,
        **wire_price(product),
        "con_hang": product.in_stock,
        "xuat_xu": ", ".join(part for part in (origin.commune, origin.province) if part)
        or origin.country,
        "co_so": origin.producer or seller.name,
        "nguoi_ban": seller.name,
        "dia_chi": ", ".join(part for part in (seller.stall, seller.hall, seller.ward) if part),
        "dien_thoai": seller.phone,
        "anh": picture_urls(product, pictures_url),
        "tem_truy_xuat": bool(product.gtin),
    }


def picture_urls(product: Product, base_url: str) -> list[str]:
    """Where the pictures of goods are fetched: the photos, else the drawn one."""
    if product.photo_ids:
        return [f"{base_url}/hang/{photo_id}.jpg" for photo_id in product.photo_ids]
    return [f"{base_url}/static/goods/{product.icon}.svg"] if product.icon else []


def _grams(product: Product) -> int | None:
    """What one unit weighs: exactly for units of weight, about for the others."""
    unit = UNITS[product.unit]
    return int(unit.factor) if unit.measures == "g" else product.weight_g


def _portal_vnd(product: Product, price_vnd: int | None) -> int | None:
    grams = _grams(product)
    if price_vnd is None or product.unit in UNITS_TAKEN or grams is None:
        return price_vnd
    return (price_vnd * 2000 + grams) // (grams * 2)


def _read(content: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as other:
        raw = content[:300].decode("utf-8", "replace")
        raise _refused(FailureCode.SCHEMA_CHANGED, f"{other}: {raw}") from other


def _ref(listing: _Listing) -> Ref:
    state = _STATES.get(listing.trang_thai)
    if state is None:
        raise _refused(FailureCode.SCHEMA_CHANGED, f"trang_thai: {listing.trang_thai}")
    return Ref(listing.ma_tin, listing.duong_dan, state)


def _remote(listing: _Listing) -> RemoteListing:
    return RemoteListing(
        sku=listing.ma_san_pham,
        ref=_ref(listing),
        version=listing.phien_ban,
        name_vi=listing.ten,
        price_vnd=listing.gia or None,
        in_stock=listing.con_hang,
        reason=listing.ly_do,
    )


def _failure(answer: httpx.Response) -> Failure:
    try:
        told = msgspec.json.decode(answer.content, type=dict[str, Any])
    except msgspec.DecodeError:
        told = {}
    reason = str(told.get("thong_bao", ""))[:500]
    field = str(told.get("truong", ""))
    code = _CODES.get(answer.status_code)
    if code is None and answer.status_code >= 500:
        code = FailureCode.REMOTE_DOWN
    if code is None:
        named = str(told.get("ma_loi", ""))
        code = FailureCode(named) if named in set(FailureCode) else FailureCode.VALIDATION
    return Failure(
        code, reason, _FIELDS.get(field, field), retry_after_s(answer.headers.get("Retry-After"))
    )


def retry_after_s(header: str | None) -> int:
    """Seconds a Retry-After asks for; 0 without one, a minute for a date."""
    if header is None:
        return 0
    return min(int(header), 86_400) if header.strip().isdigit() else 60


def _refused(code: FailureCode, reason: str) -> ChannelRefused:
    return ChannelRefused(Failure(code, reason[:500]))
