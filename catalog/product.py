"""What goods are: the canonical product and its rules (pure)."""

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from importlib.resources import files
from typing import Any
from uuid import UUID

import msgspec

from catalog.errors import InvalidProduct, Problem
from catalog.units import UNITS
from catalog.vietnamese import tidy

NAME_LENGTH_MIN, NAME_LENGTH_MAX = 2, 150
"""The channels ask for five characters; a stall sells “Me” and “Cá”, so their connectors check that."""
DESCRIPTION_LENGTH_MAX = 5_000
SKU_LENGTH_MAX = 50
PHOTO_COUNT_MAX = 8
PRICE_VND_MAX = 499_999_999
"""The largest amount one payment can ask for."""
PRICE_JUMP_PERCENT = 50
THOUSANDTH = Decimal("0.001")

_PHONE = re.compile(r"(?<!\d)(?:\+?84|0)(?:[ .\-]?\d){8,10}(?!\d)")
_SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ICON = re.compile(r"[a-z0-9-]*")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Status(StrEnum):
    """Where the goods are in their life."""

    DRAFT = "draft"
    READY = "ready"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True)
class Category:
    """A line of goods; `trade` is what the stall calls itself."""

    code: str
    name_vi: str
    name_en: str
    trade: str
    is_fresh: bool


def _categories() -> dict[str, Category]:
    lines = files("catalog").joinpath("data/categories.csv").read_text("utf-8").splitlines()
    return {
        row["code"]: Category(
            row["code"], row["name_vi"], row["name_en"], row["trade"], row["is_fresh"] == "1"
        )
        for row in csv.DictReader(lines)
    }


CATEGORIES = _categories()


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the goods come from. `country` is ISO 3166-1; imported goods have no province."""

    province: str = ""
    commune: str = ""
    producer: str = ""
    country: str = "VN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """What may be published about who sells: only what the vendor consented to show."""

    name: str
    stall: str = ""
    hall: str = ""
    ward: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Goods as one vendor offers them. A value: changing it is `dataclasses.replace` and a put."""

    id: UUID
    owner_id: UUID
    sku: str
    name_vi: str
    category: str
    unit: str
    price_vnd: int | None
    """Per unit; None means the price is told on request."""
    version: int = 0
    """The version last read; 0 for goods that were never put."""
    description: str = ""
    unit_qty: Decimal = Decimal(1)
    """Pieces in one unit: 10 for chục, 12 in some southern places."""
    net_content: int | None = None
    """Grams or millilitres in one packed unit."""
    net_unit: str = ""
    weight_g: int | None = None
    """About how much one unit weighs, for channels that only know kilograms."""
    sale_price_vnd: int | None = None
    sale_from: datetime | None = None
    sale_to: datetime | None = None
    in_stock: bool = True
    stock_qty: Decimal | None = None
    """How many units are left; None where nobody counts."""
    available_until: datetime | None = None
    origin: Origin = Origin()
    gtin: str = ""
    photo_ids: tuple[UUID, ...] = ()
    icon: str = ""
    """Name of a drawn picture, shown where there is no photo."""
    status: Status = Status.READY

    def price_vnd_at(self, now: datetime) -> int | None:
        """The price per unit that holds at an instant, a sale price included."""
        if self.sale_price_vnd is None:
            return self.price_vnd
        begun = self.sale_from is None or self.sale_from <= now
        over = self.sale_to is not None and self.sale_to <= now
        return self.sale_price_vnd if begun and not over else self.price_vnd

    def is_available(self, now: datetime) -> bool:
        """Whether it can be bought at an instant."""
        gone = self.available_until is not None and self.available_until <= now
        return self.status is Status.READY and self.in_stock and self.stock_qty != 0 and not gone


def checked(product: Product) -> Product:
    """The same goods in the one form that is kept and hashed, if they keep every rule.

    Raises: InvalidProduct with every problem found, not only the first.
    """
    tidied = replace(
        product,
        name_vi=tidy(product.name_vi),
        description=unicodedata.normalize("NFC", product.description).strip(),
        gtin=product.gtin.strip(),
    )
    problems = tuple(_problems(tidied))
    if problems:
        raise InvalidProduct(problems)
    return replace(
        tidied,
        unit_qty=tidied.unit_qty.quantize(THOUSANDTH),
        stock_qty=None if tidied.stock_qty is None else tidied.stock_qty.quantize(THOUSANDTH),
        sale_from=_utc(tidied.sale_from),
        sale_to=_utc(tidied.sale_to),
        available_until=_utc(tidied.available_until),
    )


def content_hash(product: Product) -> str:
    """SHA-256 of everything but the version: equal hashes are equal goods."""
    content = msgspec.json.encode(replace(product, version=0), order="deterministic")
    return hashlib.sha256(content).hexdigest()


def payload(product: Product) -> dict[str, Any]:
    """The goods as plain JSON values; `from_payload` reads them back unchanged."""
    plain: dict[str, Any] = msgspec.to_builtins(product)
    return plain


def from_payload(plain: dict[str, Any]) -> Product:
    """Goods from their plain JSON values."""
    return msgspec.convert(plain, Product)


def sku_of(product_id: UUID) -> str:
    """A short SKU from a UUIDv7: its instant and its last 32 bits, sixteen Crockford digits."""
    number = (product_id.int >> 80) << 32 | product_id.int & 0xFFFF_FFFF
    return "".join(_CROCKFORD[number >> shift & 31] for shift in range(75, -1, -5))


def gtin_is_valid(gtin: str) -> bool:
    """Whether 8, 12, 13 or 14 digits end in their check digit.

    Source: GS1 General Specifications 7.9, weights 3 and 1 from the right.
    """
    if not gtin.isascii() or not gtin.isdigit() or len(gtin) not in {8, 12, 13, 14}:
        return False
    digits = [int(sign) for sign in reversed(gtin)]
    total = sum(digit * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return total % 10 == 0


def price_jumps(old_vnd: int | None, new_vnd: int | None) -> bool:
    """Whether a change of price is so large that a person has to confirm it."""
    if old_vnd is None or new_vnd is None:
        return False
    return abs(new_vnd - old_vnd) * 100 > old_vnd * PRICE_JUMP_PERCENT


def _utc(instant: datetime | None) -> datetime | None:
    return None if instant is None else instant.astimezone(UTC)


def _problems(product: Product) -> Iterator[Problem]:
    yield from _problems_of_name(product.name_vi)
    yield from _problems_of_texts(product)
    yield from _problems_of_price(product)
    yield from _problems_of_quantities(product)
    if product.category not in CATEGORIES:
        yield Problem("category", "unknown", product.category)
    if product.gtin and not gtin_is_valid(product.gtin):
        yield Problem("gtin", "check_digit", product.gtin)
    if len(product.photo_ids) > PHOTO_COUNT_MAX:
        yield Problem("photo_ids", "too_many", str(PHOTO_COUNT_MAX))
    if product.origin.country != "VN" and product.origin.province:
        yield Problem("origin", "province_abroad", product.origin.country)


def _problems_of_name(name: str) -> Iterator[Problem]:
    if len(name) < NAME_LENGTH_MIN:
        yield Problem("name_vi", "too_short", str(NAME_LENGTH_MIN))
    if len(name) > NAME_LENGTH_MAX:
        yield Problem("name_vi", "too_long", str(NAME_LENGTH_MAX))
    if not any(sign.isalpha() for sign in name):
        yield Problem("name_vi", "no_letters")
    if sum(sign.isalpha() for sign in name) > 4 and name.upper() == name:
        yield Problem("name_vi", "shouting")
    if _PHONE.search(name):
        yield Problem("name_vi", "phone_number")
    if any(unicodedata.category(sign) in {"So", "Cc", "Cf", "Cs", "Co", "Cn"} for sign in name):
        yield Problem("name_vi", "signs")


def _problems_of_texts(product: Product) -> Iterator[Problem]:
    if len(product.description) > DESCRIPTION_LENGTH_MAX:
        yield Problem("description", "too_long", str(DESCRIPTION_LENGTH_MAX))
    if _is_unstorable(product.description):
        yield Problem("description", "signs")
    if len(product.sku) > SKU_LENGTH_MAX or not _SKU.fullmatch(product.sku):
        yield Problem("sku", "form", product.sku[:SKU_LENGTH_MAX])
    if not _ICON.fullmatch(product.icon):
        yield Problem("icon", "form")
    origin = product.origin
    if any(map(_is_unstorable, (origin.province, origin.commune, origin.producer))):
        yield Problem("origin", "signs")


def _is_unstorable(text: str) -> bool:
    # PostgreSQL keeps no NUL, UTF-8 no half of a surrogate pair.
    return any(sign == "\0" or unicodedata.category(sign) == "Cs" for sign in text)


def _problems_of_price(product: Product) -> Iterator[Problem]:
    price, sale = product.price_vnd, product.sale_price_vnd
    if price is not None and not 0 < price <= PRICE_VND_MAX:
        yield Problem("price_vnd", "out_of_range", str(PRICE_VND_MAX))
    if sale is not None and sale <= 0:
        yield Problem("sale_price_vnd", "out_of_range")
    if sale is not None and (price is None or sale >= price):
        yield Problem("sale_price_vnd", "not_below_price")
    if product.sale_from and product.sale_to and product.sale_from >= product.sale_to:
        yield Problem("sale_to", "before_its_start")
    instants = (product.sale_from, product.sale_to, product.available_until)
    if any(instant is not None and instant.tzinfo is None for instant in instants):
        yield Problem("sale_from", "without_zone")


def _problems_of_quantities(product: Product) -> Iterator[Problem]:
    unit = UNITS.get(product.unit)
    if unit is None:
        yield Problem("unit", "unknown", product.unit)
    if not product.unit_qty.is_finite() or not 0 < product.unit_qty <= 1000:
        yield Problem("unit_qty", "out_of_range")
    if (product.net_content is None) != (product.net_unit == ""):
        yield Problem("net_content", "without_unit")
    if product.net_unit not in {"", "g", "ml"}:
        yield Problem("net_unit", "unknown", product.net_unit)
    for field in ("net_content", "weight_g"):
        number = getattr(product, field)
        if number is not None and not 0 < number <= 1_000_000:
            yield Problem(field, "out_of_range")
    stock = product.stock_qty
    if stock is not None and (not stock.is_finite() or not 0 <= stock <= 1_000_000):
        yield Problem("stock_qty", "out_of_range")
