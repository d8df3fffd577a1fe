"""A sheet as an XLSX workbook, written row by row: memory does not grow with the rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any

import xlsxwriter  # type: ignore[import-untyped]  # it ships no types

from einvoice.books.sheet import DISCLAIMER, Cell, Column, Sheet, Sums, Table

ROW_COUNT_MAX = 1_000_000
"""A worksheet holds 1,048,576 rows; what is beyond goes into the next year's or quarter's book."""
_FORMATS: dict[str, dict[str, Any]] = {
    "text": {"text_wrap": True, "valign": "top"},
    "day": {"num_format": "dd/mm/yyyy", "valign": "top", "align": "left"},
    "vnd": {"num_format": "#,##0", "valign": "top"},
    "quantity": {"num_format": "#,##0.###", "valign": "top"},
    "title": {"bold": True, "font_size": 14},
    "bold": {"bold": True},
    "head": {"bold": True, "text_wrap": True, "border": 1, "bg_color": "#F3EDE1"},
    "sum": {"bold": True, "num_format": "#,##0", "top": 1},
    "warning": {"bold": True, "font_color": "#A61F18"},
}
_UNSAFE = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula; texts are written as texts and never computed."""


class TooManyRows(ValueError):
    """More rows than a worksheet holds."""


def xlsx_of(sheet: Sheet) -> bytes:
    """The workbook; the same bytes for the same sheet.

    Raises: TooManyRows.
    """
    stream = BytesIO()
    book = xlsxwriter.Workbook(
        stream,
        {"constant_memory": True, "default_date_format": "dd/mm/yyyy", "strings_to_formulas": False,
         "strings_to_urls": False},
    )  # fmt: skip
    book.set_properties({"title": f"{sheet.code} {sheet.title}", "comments": DISCLAIMER,
                         "created": _FIXED})  # fmt: skip
    _Page(book, sheet).write()
    book.close()
    return stream.getvalue()


_FIXED = datetime(2026, 1, 1, tzinfo=UTC)
"""The file says nothing about when it was made, so that the same book is the same file."""


class _Page:
    def __init__(self, book: Any, sheet: Sheet) -> None:
        self._sheet = sheet
        self._formats = {name: book.add_format(made) for name, made in _FORMATS.items()}
        self._page = book.add_worksheet(sheet.code.replace("/", "-"))
        self._at = 0

    def write(self) -> None:
        sheet = self._sheet
        self._widths(sheet.tables)
        self._page.set_landscape()
        self._page.set_paper(9)
        self._page.fit_to_pages(1, 0)
        self._page.set_footer(f"&L{DISCLAIMER}&R&P/&N")
        self._line(f"Mẫu số {sheet.code}", "bold")
        self._line(f"Theo {sheet.basis}")
        self._line(sheet.title.upper() + (" (BẢN NHÁP)" if sheet.is_draft else ""), "title")
        self._line(DISCLAIMER, "warning")
        for label, text in sheet.heads:
            self._line(f"{label}: {text}")
        for table in sheet.tables:
            self._at += 1
            self._table(table)
        self._at += 1
        for note in sheet.notes:
            self._line(note)

    def _widths(self, tables: Sequence[Table]) -> None:
        for index in range(max((len(one.columns) for one in tables), default=0)):
            width = max(one.columns[index].width for one in tables if index < len(one.columns))
            self._page.set_column(index, index, width)

    def _table(self, table: Table) -> None:
        if table.title:
            self._line(table.title, "bold")
        for index, column in enumerate(table.columns):
            self._page.write_string(self._at, index, column.name, self._formats["head"])
        self._at += 1
        sums = Sums(table.columns)
        for row in table.rows:
            sums.add(row)
            self._row(row, table.columns)
        if sums.row is not None:
            self._row(sums.row, table.columns, "sum")
        for label, cell in table.after:
            blank: list[Cell] = [None] * (len(table.columns) - 2)
            self._row([label, *blank, cell], table.columns, "bold")

    def _row(self, row: Sequence[Cell], columns: Sequence[Column], style: str = "") -> None:
        if self._at >= ROW_COUNT_MAX:
            raise TooManyRows(f"more than {ROW_COUNT_MAX} rows")
        for index, (cell, column) in enumerate(zip(row, columns, strict=True)):
            self._cell(index, cell, self._formats[style or column.kind.value], column)
        self._at += 1

    def _cell(self, index: int, cell: Cell, style: Any, column: Column) -> None:
        if cell is None:
            return
        if isinstance(cell, str):
            self._page.write_string(self._at, index, cell, style)
        elif isinstance(cell, date):
            self._page.write_datetime(self._at, index, cell, self._formats["day"])
        else:
            number = float(cell) if isinstance(cell, Decimal) else cell
            kind = style if style is not self._formats["text"] else self._formats["vnd"]
            bold = style is self._formats["bold"]
            self._page.write_number(self._at, index, number, self._formats["sum"] if bold else kind)

    def _line(self, text: str, style: str = "") -> None:
        self._page.write_string(self._at, 0, text, self._formats[style] if style else None)
        self._at += 1
