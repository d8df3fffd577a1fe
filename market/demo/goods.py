"""The goods of the demo: what each line of goods sells, in which unit, between which prices."""

import csv
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from importlib.resources import files
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

import catalog

PROVINCE = "Thanh Hóa"
PRICE_STEPS_VND = ((20_000, 500), (200_000, 1_000), (1_000_000, 5_000))
"""Below each price, stalls ask multiples of this; above all, of 10.000 đồng."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoGood:
    """One kind of goods. Prices per unit are estimates for late 2026."""

    trade: str
    name_vi: str
    category: str
    unit: str
    price_min_vnd: int
    price_max_vnd: int
    icon: str
    weight_g: int | None
    net_content: int | None
    net_unit: str
    origin: catalog.Origin
    description: str

    def price_vnd(self, rng: random.Random) -> int:
        """A price a stall would ask: in the range, rounded as people round."""
        drawn = rng.randint(self.price_min_vnd, self.price_max_vnd)
        step = next((step for below, step in PRICE_STEPS_VND if drawn < below), 10_000)
        rounded = (drawn + step // 2) // step * step
        return min(max(rounded, self.price_min_vnd), self.price_max_vnd)

    def product(self, product_id: UUID, owner_id: UUID, *, price_vnd: int) -> catalog.Product:
        """This kind as one vendor's goods, not put yet."""
        return catalog.Product(
            id=product_id,
            owner_id=owner_id,
            sku=catalog.sku_of(product_id),
            name_vi=self.name_vi,
            category=self.category,
            unit=self.unit,
            unit_qty=_pieces(self.unit),
            price_vnd=price_vnd,
            weight_g=self.weight_g,
            net_content=self.net_content,
            net_unit=self.net_unit,
            origin=self.origin,
            description=self.description,
            icon=self.icon,
        )


@cache
def demo_goods() -> tuple[DemoGood, ...]:
    """Every kind of goods of the demo, by line of goods in the order of the file."""
    lines = files("market").joinpath("data/goods.csv").read_text("utf-8").splitlines()
    categories = {one.trade: one.code for one in catalog.CATEGORIES.values()}
    return tuple(
        DemoGood(
            trade=row["trade"],
            name_vi=row["name_vi"],
            category=categories[row["trade"]],
            unit=row["unit"],
            price_min_vnd=int(row["price_min_vnd"]),
            price_max_vnd=int(row["price_max_vnd"]),
            icon=row["icon"],
            weight_g=_number(row["weight_g"]),
            net_content=_number(row["net_content"]),
            net_unit=row["net_unit"],
            origin=_origin(row),
            description=row["description"],
        )
        for row in csv.DictReader(lines)
    )


def goods_of(trade: str) -> tuple[DemoGood, ...]:
    """What stalls of a line of goods sell; empty for a line nobody knows."""
    return tuple(good for good in demo_goods() if good.trade == trade)


def _pieces(unit: str) -> Decimal:
    known = catalog.UNITS[unit]
    return Decimal(1) if known.is_weighed else known.factor


async def stock_shelf(
    db: AsyncSession,
    owner_id: UUID,
    trade: str,
    *,
    rng: random.Random,
    new_id: Callable[[], UUID],
    now: datetime,
    count: int = 12,
) -> list[catalog.Product]:
    """A vendor has some goods of their line, each at a price of their own; repeatable by `rng`.

    The first goods of the file are what everybody asks for: most stalls have them.
    """
    known = goods_of(trade)
    usual, rest = known[: count // 2], known[count // 2 :]
    chosen = [*usual, *rng.sample(rest, min(len(rest), count - len(usual)))]
    products = [good.product(new_id(), owner_id, price_vnd=good.price_vnd(rng)) for good in chosen]
    return await catalog.put_new_products(db, products, now=now)


def _number(text: str) -> int | None:
    return int(text) if text else None


def _origin(row: dict[str, str]) -> catalog.Origin:
    if row["country"]:
        return catalog.Origin(country=row["country"])
    return catalog.Origin(
        province=PROVINCE if row["commune"] else "",
        commune=row["commune"],
        producer=row["producer"],
    )
