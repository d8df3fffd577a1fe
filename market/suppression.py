"""What may be told of a table without telling of fewer than five vendors.

A cell on few vendors is hidden. A hidden cell that is alone, or whose fellows are as small, would
follow from its total less the others: a larger one is hidden with it.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Cell = TypeVar("Cell", bound=Hashable)
CELL_VENDORS_MIN = 5
"""A cell that rests on fewer vendors is not shown outside the operator's view."""


@dataclass(frozen=True)
class Line(Generic[Cell]):
    """Cells that add up to another."""

    total: Cell
    parts: Sequence[Cell]


def hidden_of(
    vendors: Mapping[Cell, int], lines: Sequence[Line[Cell]], known: Sequence[Cell] = ()
) -> set[Cell]:
    """The cells not to be told, `known` among them; a cell without vendors tells of nobody.

    Whatever is hidden lies, in each line whose total is told, beside another hidden cell, and one of
    both has enough vendors. Below a hidden total nothing is told.
    """
    hidden = {cell for cell, count in vendors.items() if 0 < count < CELL_VENDORS_MIN} | set(known)
    changed = True
    while changed:
        more = {cell for line in lines for cell in _wanting(line, vendors, hidden)}
        changed = not more <= hidden
        hidden |= more
    return hidden


def _wanting(line: Line[Cell], vendors: Mapping[Cell, int], hidden: set[Cell]) -> list[Cell]:
    """What must be hidden besides, for this line alone."""
    parts = [cell for cell in line.parts if vendors.get(cell, 0) > 0]
    if line.total in hidden:
        return parts
    away = [cell for cell in parts if cell in hidden]
    if not away or (len(away) > 1 and max(vendors[one] for one in away) >= CELL_VENDORS_MIN):
        return []
    told = [cell for cell in parts if cell not in hidden]
    if told:
        return [min(told, key=lambda cell: vendors[cell])]
    return [line.total] if len(away) == 1 else []
