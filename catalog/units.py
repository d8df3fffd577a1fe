"""Units goods are sold in, and what a quantity of them costs (pure)."""

import csv
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from importlib.resources import files
from typing import Literal, cast

from catalog.errors import InvalidQuantity

ROUND_VND = (1, 500, 1000)
"""What a stall may round weighed totals to."""
QUANTITY_MAX = Decimal(100_000)
"""More than any stall sells in one line; a scale or a finger has slipped."""

Measures = Literal["g", "ml", "piece"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of the list. `factor`: grams, millilitres or pieces in one; `step`: one tap of + or −."""

    code: str
    name_vi: str
    name_en: str
    measures: Measures
    factor: Decimal
    step: Decimal

    @property
    def is_weighed(self) -> bool:
        """Whether a scale or a measure says how much, so that three decimals are meant."""
        return self.measures != "piece"


def _read() -> dict[str, Unit]:
    lines = files("catalog").joinpath("data/units.csv").read_text("utf-8").splitlines()
    return {
        row["code"]: Unit(
            row["code"],
            row["name_vi"],
            row["name_en"],
            cast(Measures, row["measures"]),
            Decimal(row["factor"]),
            Decimal(row["step"]),
        )
        for row in csv.DictReader(lines)
    }


UNITS = _read()
"""By code, in the order of the list."""


def unit(code: str) -> Unit:
    """The unit with this code; stored goods only have codes of the list."""
    return UNITS[code]


def checked_quantity(unit: Unit, quantity: Decimal) -> Decimal:
    """The quantity, if it can be sold: weighed to the gram, counted in whole steps.

    Raises: InvalidQuantity.
    """
    step = Decimal("0.001") if unit.is_weighed else unit.step
    if not quantity.is_finite() or not 0 < quantity <= QUANTITY_MAX or quantity % step:
        raise InvalidQuantity(quantity, unit.code, step)
    return quantity


def line_amount_vnd(price_vnd: int, quantity: Decimal, *, round_vnd: int = 1) -> int:
    """What `quantity` units cost, rounded half up to the stall's step, never to nothing.

    The quantity was checked, the price is per unit.
    """
    assert price_vnd > 0
    assert quantity > 0
    assert round_vnd in ROUND_VND
    steps = (price_vnd * quantity / round_vnd).quantize(Decimal(1), ROUND_HALF_UP)
    return max(int(steps), 1) * round_vnd
