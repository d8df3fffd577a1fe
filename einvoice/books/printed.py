"""A sheet as a PDF to print: fonts embedded, heads repeated, the disclaimer on every page."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from einvoice.books.sheet import DISCLAIMER, Cell, Column, Kind, Sheet, Sums, Table

MARGIN = 16 * mm
SIZE, SMALL, TITLE = 9.0, 8.0, 13.0
LEADING = 1.42
PAD = 3.0
LANDSCAPE_WIDTH = 96
"""Tables of more characters than this lie."""
REGULAR, BOLD = "BooksRegular", "BooksBold"


def pdf_of(sheet: Sheet) -> bytes:
    """The pages; the same bytes for the same sheet."""
    _fonts()
    widest = max((sum(c.width for c in one.columns) for one in sheet.tables), default=0)
    size = landscape(A4) if widest > LANDSCAPE_WIDTH else A4
    stream = BytesIO()
    canvas = Canvas(stream, pagesize=size, invariant=1, lang="vi-VN", pageCompression=1)
    canvas.setTitle(f"{sheet.code} {sheet.title}")
    _Pages(canvas, size).write(sheet)
    canvas.save()
    return stream.getvalue()


class _Pages:
    """Where the next line stands."""

    def __init__(self, canvas: Canvas, size: tuple[float, float]) -> None:
        self._canvas = canvas
        self._width, self._height = size
        self._inner = self._width - 2 * MARGIN
        self._number = 0
        self._head: tuple[Column, ...] = ()
        self._begin()

    def write(self, sheet: Sheet) -> None:
        self._text(f"Mẫu số {sheet.code}", BOLD, SIZE, align="right")
        self._text(f"(Theo {sheet.basis})", REGULAR, SMALL, align="right")
        for label, text in sheet.heads:
            self._text(f"{label}: {text}", REGULAR, SIZE)
        self._y -= 6
        self._text(sheet.title.upper(), BOLD, TITLE, align="center")
        if sheet.is_draft:
            self._text("BẢN NHÁP", BOLD, SIZE, align="center")
        self._text(f"({DISCLAIMER})", BOLD, SIZE, align="center")
        for table in sheet.tables:
            self._table(table)
        self._y -= 6
        for note in sheet.notes:
            self._text(note, REGULAR, SMALL)
        self._signatures()
        self._end()

    def _table(self, table: Table) -> None:
        self._y -= 8
        if table.title:
            self._need(SIZE * LEADING * 4)
            self._text(table.title, BOLD, SIZE)
        self._row([column.name for column in table.columns], table.columns, BOLD)
        self._head = table.columns
        sums = Sums(table.columns)
        for row in table.rows:
            sums.add(row)
            self._row(row, table.columns)
        if not sums.row_count:
            self._row(["Chưa có khoản nào trong kỳ", *[None] * (len(table.columns) - 1)],
                      table.columns)  # fmt: skip
        if sums.row is not None:
            self._row(sums.row, table.columns, BOLD)
        self._head = ()
        for label, cell in table.after:
            self._pair(label, _said(cell, Kind.VND))

    def _row(self, row: Sequence[Cell], columns: Sequence[Column], font: str = REGULAR) -> None:
        total = sum(column.width for column in columns)
        widths = [self._inner * column.width / total for column in columns]
        lines = [
            _wrapped(_said(cell, column.kind), font, SMALL, width - 2 * PAD)
            for cell, column, width in zip(row, columns, widths, strict=True)
        ]
        height = SMALL * LEADING * max(1, *(len(one) for one in lines)) + PAD
        self._need(height, font)
        x = MARGIN
        self._canvas.setLineWidth(0.4)
        for texts, width, column, cell in zip(lines, widths, columns, row, strict=True):
            self._canvas.rect(x, self._y - height, width, height)
            is_right = column.kind in {Kind.VND, Kind.QUANTITY} and not isinstance(cell, str)
            self._canvas.setFont(font, SMALL)
            for index, text in enumerate(texts):
                base = self._y - SMALL * LEADING * index - SMALL * 1.15
                if is_right:
                    self._canvas.drawRightString(x + width - PAD, base, text)
                else:
                    self._canvas.drawString(x + PAD, base, text)
            x += width
        self._y -= height

    def _pair(self, left: str, right: str) -> None:
        self._need(SIZE * LEADING)
        base = self._y - SIZE * 1.1
        self._canvas.setFont(REGULAR, SIZE)
        self._canvas.drawString(MARGIN, base, left)
        self._canvas.setFont(BOLD, SIZE)
        self._canvas.drawRightString(MARGIN + self._inner, base, right)
        self._y -= SIZE * LEADING

    def _text(self, text: str, font: str, size: float, align: str = "left") -> None:
        for line in _wrapped(text, font, size, self._inner):
            self._need(size * LEADING)
            base = self._y - size * 1.1
            room = self._inner - pdfmetrics.stringWidth(line, font, size)
            shift = {"left": 0.0, "center": room / 2, "right": room}[align]
            self._canvas.setFont(font, size)
            self._canvas.drawString(MARGIN + shift, base, line)
            self._y -= size * LEADING

    def _signatures(self) -> None:
        self._need(SIZE * LEADING * 6)
        self._y -= SIZE
        names = ("NGƯỜI LẬP", "NGƯỜI ĐẠI DIỆN HỘ KINH DOANH")
        for index, name in enumerate(names):
            middle = MARGIN + self._inner * (1 + 2 * index) / 4
            self._canvas.setFont(BOLD, SIZE)
            self._canvas.drawCentredString(middle, self._y - SIZE, name)
            self._canvas.setFont(REGULAR, SMALL)
            self._canvas.drawCentredString(middle, self._y - SIZE * 2.4, "(Ký, ghi rõ họ tên)")
        self._y -= SIZE * LEADING * 5

    def _need(self, height: float, font: str = "") -> None:
        if self._y - height >= MARGIN + SIZE:
            return
        head = self._head if font != BOLD or self._head else ()
        self._end()
        self._canvas.showPage()
        self._begin()
        if head:
            self._head = ()
            self._row([column.name for column in head], head, BOLD)
            self._head = head

    def _begin(self) -> None:
        self._number += 1
        self._y = self._height - MARGIN

    def _end(self) -> None:
        self._canvas.setFont(REGULAR, SMALL)
        self._canvas.drawString(MARGIN, MARGIN / 2, DISCLAIMER)
        self._canvas.drawRightString(self._width - MARGIN, MARGIN / 2, f"Trang {self._number}")


def _said(cell: Cell, kind: Kind) -> str:
    if cell is None:
        return ""
    if isinstance(cell, date):
        return f"{cell:%d/%m/%Y}"
    if isinstance(cell, Decimal):
        whole, _, part = format(cell.normalize(), "f").partition(".")
        return f"{int(whole):,}".replace(",", ".") + (f",{part}" if part else "")
    if isinstance(cell, int):
        return f"{cell:,}".replace(",", ".")
    return cell


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """Lines no wider than `width`; a word longer than a line is cut."""
    lines, current = list[str](), ""
    for word in _pieces(text.split(), font, size, width):
        longer = f"{current} {word}" if current else word
        if current and pdfmetrics.stringWidth(longer, font, size) > width:
            lines.append(current)
            longer = word
        current = longer
    return [*lines, current] if current else lines


def _pieces(words: Sequence[str], font: str, size: float, width: float) -> Iterator[str]:
    for word in words:
        rest = word
        while len(rest) > 1 and pdfmetrics.stringWidth(rest, font, size) > width:
            cut = len(rest) - 1
            while cut > 1 and pdfmetrics.stringWidth(rest[:cut], font, size) > width:
                cut -= 1
            yield rest[:cut]
            rest = rest[cut:]
        yield rest


@cache
def _fonts() -> None:
    for name, file in ((REGULAR, "BeVietnamPro-Regular.ttf"), (BOLD, "BeVietnamPro-Bold.ttf")):
        with as_file(files("einvoice").joinpath("fonts", file)) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
