"""Every error the catalog raises on purpose, as one tree."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID


class CatalogError(Exception):
    """Something about goods could not be done; nothing was changed."""

    code = "catalog_error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one field. `code` is a stable word that screens translate."""

    field: str
    code: str
    detail: str = ""


class InvalidProduct(CatalogError):
    """The goods break one or more rules; all of them are listed."""

    code = "invalid_product"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{one.field}: {one.code} {one.detail}" for one in problems))


class InvalidQuantity(CatalogError):
    """This much cannot be sold in this unit."""

    code = "invalid_quantity"

    def __init__(self, quantity: Decimal, unit: str, step: Decimal) -> None:
        self.quantity, self.unit, self.step = quantity, unit, step
        super().__init__(f"{quantity} {unit} cannot be sold; the step is {step}")


class OutOfStock(CatalogError):
    """Less of the goods is free than asked for: the rest is sold, or somebody is paying for it."""

    code = "out_of_stock"

    def __init__(self, product_id: UUID, name: str, *, wanted: Decimal, left: Decimal) -> None:
        self.product_id = str(product_id)
        self.name = name
        self.wanted, self.left = f"{wanted.normalize():f}", f"{left.normalize():f}"
        super().__init__(f"{self.wanted} of “{name}” is not there: {self.left} is free")


class UnknownProduct(CatalogError):
    """There are no such goods, or they are not this vendor's."""

    code = "unknown_product"

    def __init__(self, product_id: UUID) -> None:
        self.product_id = product_id
        super().__init__(f"no goods {product_id} of this vendor")


class SkuTaken(CatalogError):
    """The SKU belongs to other goods already; a SKU is never used again."""

    code = "sku_taken"

    def __init__(self, sku: str) -> None:
        self.sku = sku
        super().__init__(f"SKU {sku} is taken")


class StaleVersion(CatalogError):
    """The goods changed since they were read."""

    code = "stale_version"

    def __init__(self, product_id: UUID, *, version_seen: int, version_now: int) -> None:
        self.product_id = product_id
        self.version_seen, self.version_now = version_seen, version_now
        super().__init__(f"version {version_seen} was seen, version {version_now} is stored")


class PriceJump(CatalogError):
    """The price changes by more than half; a person has to say that it is meant."""

    code = "price_jump"

    def __init__(self, product_id: UUID, *, old_vnd: int, new_vnd: int) -> None:
        self.product_id = product_id
        self.old_vnd, self.new_vnd = old_vnd, new_vnd
        super().__init__(f"the price goes from {old_vnd} to {new_vnd} đồng unconfirmed")


class PictureRefused(CatalogError):
    """The picture cannot be used. `reason`: too_big, too_many_pixels, too_small, unreadable, format."""

    code = "picture_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the picture was refused: {reason}")


class UnknownChannel(CatalogError):
    """No such channel is set up."""

    code = "unknown_channel"

    def __init__(self, connector: str) -> None:
        self.connector = connector
        super().__init__(f"no channel {connector}")
