"""What stands on a page of the books, before it becomes a workbook or a printed page. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

DISCLAIMER = "Không thay cho kê khai thuế"
"""Stands on every book, draft and screen about tax."""

Cell = str | int | Decimal | date | None
"""An `int` is an amount of đồng, a `Decimal` a quantity."""


WORD_WIDTH_MIN = 8
"""A narrower column has no room for a word."""


class Kind(StrEnum):
    """How a column is written."""

    TEXT = "text"
    DAY = "day"
    VND = "vnd"
    QUANTITY = "quantity"


@dataclass(frozen=True)
class Column:
    """One column; of the summed ones the table's last row says the sum."""

    name: str
    width: int
    """In characters."""
    kind: Kind = Kind.TEXT
    is_summed: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under one heading. `rows` is read once, so that it may be a generator of any length."""

    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Sequence[Cell]]
    after: tuple[tuple[str, Cell], ...] = ()
    """Lines below the sums: what, how much."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A book or a draft of a form."""

    code: str
    """As the law names it, e.g. S1a-HKD."""
    title: str
    basis: str
    """The instrument the form comes from, in words."""
    is_draft: bool = False
    heads: tuple[tuple[str, str], ...]
    """Who, where, which period: label and text."""
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = field(default=())


class Sums:
    """Adds up the summed columns of a table while its rows go by."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._vnd = [0] * len(columns)
        self.row_count = 0

    def add(self, row: Sequence[Cell]) -> None:
        """Count one row in."""
        self.row_count += 1
        for index, column in enumerate(self._columns):
            cell = row[index]
            if column.is_summed and isinstance(cell, int):
                self._vnd[index] += cell

    @property
    def row(self) -> tuple[Cell, ...] | None:
        """The last row; None where no column is summed."""
        if not any(column.is_summed for column in self._columns):
            return None
        texts = [i for i, column in enumerate(self._columns) if column.kind is Kind.TEXT]
        first = next((i for i in texts if self._columns[i].width >= WORD_WIDTH_MIN), texts[0])
        cells: list[Cell] = [
            vnd if column.is_summed else None
            for column, vnd in zip(self._columns, self._vnd, strict=True)
        ]
        cells[first] = "Cộng"
        return tuple(cells)
