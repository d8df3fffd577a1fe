"""The printed invoice: an A4 page or an 80 mm receipt, fonts embedded, the QR as vectors.

The order follows layout 02/BH of Circular 91/2026, Annex V, which is a reference and not compulsory.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO

import segno
from reportlab.lib.pagesizes import A4 as A4_POINTS
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from einvoice import rules, seal
from einvoice.document import number_text
from einvoice.invoice import VAT_INVOICE, Invoice, Line, Nature, cleaned
from einvoice.issuance import IssuedInvoice
from einvoice.markup import parsed

REGULAR = "BeVietnamPro"
BOLD = "BeVietnamPro-Bold"
LEADING = 1.42
"""Line height over type size: capitals with two marks need it."""
QUIET = 4
"""Modules of white around a QR."""


class Size(StrEnum):
    """The paper."""

    ROLL_80 = "roll80"
    A4 = "a4"


ROLL_80 = Size.ROLL_80
A4 = Size.A4


@dataclass(frozen=True)
class _Block:
    """Something of a known height, drawn with its top left corner at x, y."""

    height: float
    draw: Callable[[Canvas, float, float], None]


@dataclass(frozen=True)
class _Paper:
    width: float
    height: float | None
    """None: as long as the content."""
    margin: float
    body: float
    """Size of the plain text in points."""
    qr: float
    """Side of the QR with its quiet zone."""

    @property
    def inner(self) -> float:
        return self.width - 2 * self.margin


_PAPERS = {
    Size.ROLL_80: _Paper(80 * mm, None, 4 * mm, 8.5, 34 * mm),
    Size.A4: _Paper(A4_POINTS[0], A4_POINTS[1], 18 * mm, 10, 32 * mm),
}


def pdf_of(issued: IssuedInvoice, size: Size = ROLL_80, *, lookup_url: str = "") -> bytes:
    """The page as PDF; the same bytes for the same invoice and state.

    The QR is the lookup link if there is one, else the authority's lookup payload.
    """
    _fonts()
    paper = _PAPERS[size]
    blocks = list(_blocks(issued, size, paper, lookup_url))
    height = paper.height or sum(one.height for one in blocks) + 2 * paper.margin
    stream = BytesIO()
    canvas = Canvas(
        stream,
        pagesize=(paper.width, height),
        invariant=1,
        initialFontName=REGULAR,  # type: ignore[arg-type]  # the stub is wrong: it is a name
        initialFontSize=paper.body,
        lang="vi-VN",
    )
    invoice = issued.invoice
    canvas.setTitle(f"{invoice.title} {invoice.template}{invoice.symbol} {invoice.number:08d}")
    canvas.setAuthor(invoice.seller.name)
    y = height - paper.margin
    for block in blocks:
        if y - block.height < paper.margin - 1 and y < height - paper.margin:
            canvas.showPage()
            canvas.setFont(REGULAR, paper.body)
            y = height - paper.margin
        block.draw(canvas, paper.margin, y)
        y -= block.height
    canvas.save()
    return stream.getvalue()


# ── What stands on the page ─────────────────────────────────────────────────────────────────────


def _blocks(issued: IssuedInvoice, size: Size, paper: _Paper, lookup_url: str) -> Iterable[_Block]:
    invoice = issued.invoice
    yield from _head(issued, paper)
    yield from _parties(invoice, paper)
    yield _rule(paper)
    if size is Size.A4:
        yield from _table(invoice, paper)
    else:
        yield from _receipt_lines(invoice, paper)
    yield _rule(paper)
    yield from _sums(invoice, paper)
    yield from _foot(issued, paper, lookup_url)


def _head(issued: IssuedInvoice, paper: _Paper) -> Iterable[_Block]:
    invoice, day = issued.invoice, issued.invoice.issued_on
    if issued.correction == "replaced":
        yield _text("ĐÃ ĐƯỢC THAY THẾ – KHÔNG CÒN HIỆU LỰC", paper, bold=True, align="center")
    yield _text(invoice.title.upper(), paper, scale=1.5, bold=True, align="center")
    origin = "(Khởi tạo từ máy tính tiền)" if invoice.is_cash_register else ""
    yield _text(origin, paper, scale=0.9, align="center")
    date_text = f"Ngày {day.day:02d} tháng {day.month:02d} năm {day.year}"
    yield _text(date_text, paper, align="center")
    yield _text(
        f"Ký hiệu: {invoice.template}{invoice.symbol}   Số: {invoice.number:08d}",
        paper,
        bold=True,
        align="center",
    )
    yield _text(f"Mã của cơ quan thuế: {invoice.code}", paper, scale=0.9, align="center")
    if invoice.related is not None:
        yield _text(invoice.related.note, paper, bold=True, align="center")
    yield _rule(paper)


def _parties(invoice: Invoice, paper: _Paper) -> Iterable[_Block]:
    seller, buyer = invoice.seller, invoice.buyer
    account = " – ".join(filter(None, (seller.bank_account, seller.bank_name)))
    yield _text(seller.name, paper, scale=1.1, bold=True)
    yield _labelled("Mã số thuế", seller.tax_id, paper)
    yield _labelled("Địa điểm kinh doanh", _joined(seller.store_code, seller.store_name), paper)
    yield _labelled("Địa chỉ", seller.address, paper)
    yield _labelled("Điện thoại", seller.phone, paper)
    yield _labelled("Số tài khoản", account, paper)
    yield _gap(paper.body * 0.5)
    yield _labelled("Người mua hàng", buyer.person, paper)
    yield _labelled("Người mua", buyer.name, paper)
    yield _labelled("Mã số thuế", buyer.tax_id, paper)
    yield _labelled("Mã đơn vị ngân sách", buyer.budget_unit, paper)
    yield _labelled("Số định danh", buyer.personal_id or buyer.passport, paper)
    yield _labelled("Địa chỉ", buyer.address, paper)
    yield _labelled("Điện thoại", buyer.phone, paper)
    yield _labelled("Hình thức thanh toán", invoice.payment_form, paper)
    yield _labelled("Đồng tiền", "VND" if not invoice.is_cash_register else "", paper)


def _receipt_lines(invoice: Invoice, paper: _Paper) -> Iterable[_Block]:
    for index, one in enumerate(invoice.lines, 1):
        yield _text(f"{index}. {_line_name(one)}", paper, bold=one.nature is not Nature.NOTE)
        if one.nature is Nature.NOTE:
            continue
        left = ""
        if one.quantity is not None and one.unit_price_vnd is not None:
            unit = f" {one.unit}" if one.unit else ""
            left = f"{_number(one.quantity)}{unit} × {_number(one.unit_price_vnd)}"
        yield _pair(left, _money(_shown_vnd(one)), paper)


def _table(invoice: Invoice, paper: _Paper) -> Iterable[_Block]:
    with_vat = invoice.template == VAT_INVOICE
    shares = [6, 44, 10, 10, 14, 16] if not with_vat else [6, 36, 9, 9, 14, 16, 10]
    widths = [paper.inner * share / 100 for share in shares]
    aligns = ["center", "left", "center", "right", "right", "right", "right"]
    heads = ["STT", "Tên hàng hóa, dịch vụ", "Đơn vị", "Số lượng", "Đơn giá", "Thành tiền"]
    signs = ["1", "2", "3", "4", "5", "6 = 4 × 5"]
    if with_vat:
        heads, signs = [*heads, "Thuế suất"], [*signs, "7"]
    yield _row(heads, widths, ["center"] * 7, paper, bold=True)
    yield _row(signs, widths, ["center"] * 7, paper)
    for index, one in enumerate(invoice.lines, 1):
        cells = [
            str(index),
            _line_name(one),
            one.unit,
            "" if one.quantity is None else _number(one.quantity),
            "" if one.unit_price_vnd is None else _number(one.unit_price_vnd),
            "" if one.amount_vnd is None else _number(_shown_vnd(one)),
        ]
        yield _row([*cells, one.vat_rate] if with_vat else cells, widths, aligns, paper)


def _sums(invoice: Invoice, paper: _Paper) -> Iterable[_Block]:
    totals = invoice.totals
    if totals.net_vnd is not None:
        yield _pair("Cộng tiền hàng", _money(totals.net_vnd), paper)
    for one in totals.rates:
        yield _pair(f"Thuế giá trị gia tăng {one.rate}", _money(one.vat_vnd), paper)
    if totals.reduction_vnd:
        yield _pair("Giảm trừ", _money(-totals.reduction_vnd), paper)
    yield _pair("TỔNG CỘNG", _money(totals.payable_vnd), paper, scale=1.25, bold=True)
    yield _text(f"Bằng chữ: {totals.in_words}", paper)


def _foot(issued: IssuedInvoice, paper: _Paper, lookup_url: str) -> Iterable[_Block]:
    invoice = issued.invoice
    signed = _signed_line(issued)
    if signed:
        yield _text(signed, paper, scale=0.9)
    yield _gap(paper.body * 0.6)
    payload = lookup_url or invoice.lookup
    if payload:
        yield _qr(payload, paper)
    yield _text(f"Mã tra cứu: {_spaced(issued.lookup_code)}", paper, align="center")
    if lookup_url:
        yield _text(f"Tra cứu và tải hóa đơn: {lookup_url}", paper, scale=0.9, align="center")
    phrase = rules.phrase("check_phrase", invoice.issued_on)
    yield _text(f"({phrase})", paper, scale=0.9, align="center")


def _signed_line(issued: IssuedInvoice) -> str:
    if not seal.is_signed(parsed(issued.xml), seal.SELLER):
        return ""
    signed_at = seal.verify(issued.xml, seal.SELLER).signed_at.astimezone(seal.VIETNAM)
    return f"Đã ký số bởi {issued.invoice.seller.name}, {signed_at:%d/%m/%Y %H:%M:%S}"


def _line_name(one: Line) -> str:
    marks = {Nature.PROMOTION: " (khuyến mại)", Nature.DISCOUNT: " (chiết khấu)"}
    group = f" [{one.trade_group}]" if one.trade_group else ""
    return f"{one.name}{marks.get(one.nature, '')}{group}"


def _shown_vnd(one: Line) -> int:
    amount_vnd = one.amount_vnd or 0
    return -amount_vnd if one.nature is Nature.DISCOUNT else amount_vnd


def _money(amount_vnd: int) -> str:
    return f"{_number(amount_vnd)} ₫"


def _number(value: Decimal | int) -> str:
    """1.234.567,89 as the page writes it."""
    whole, _, part = number_text(value).partition(".")
    grouped = f"{int(whole):,}".replace(",", ".")
    sign = "-" if whole.startswith("-") and not grouped.startswith("-") else ""
    return f"{sign}{grouped},{part}" if part else f"{sign}{grouped}"


def _joined(*parts: str) -> str:
    return " – ".join(part for part in parts if part)


def _spaced(code: str) -> str:
    return " ".join(code[i : i + 4] for i in range(0, len(code), 4))


# ── How it is drawn ─────────────────────────────────────────────────────────────────────────────


@cache
def _fonts() -> None:
    for name, file in ((REGULAR, "BeVietnamPro-Regular.ttf"), (BOLD, "BeVietnamPro-Bold.ttf")):
        with as_file(files("einvoice").joinpath("fonts", file)) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))


def _text(
    text: str, paper: _Paper, *, scale: float = 1, bold: bool = False, align: str = "left"
) -> _Block:
    font, size = BOLD if bold else REGULAR, paper.body * scale
    lines = _wrapped(text, font, size, paper.inner)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        for index, one in enumerate(lines):
            baseline = y - size * LEADING * index - size * 1.08
            _put(canvas, one, font, size, align, x, baseline, paper.inner)

    return _Block(size * LEADING * len(lines), draw)


def _labelled(label: str, text: str, paper: _Paper) -> _Block:
    return _text(f"{label}: {text}", paper) if text else _gap(0)


def _pair(left: str, right: str, paper: _Paper, *, scale: float = 1, bold: bool = False) -> _Block:
    font, size = BOLD if bold else REGULAR, paper.body * scale

    def draw(canvas: Canvas, x: float, y: float) -> None:
        baseline = y - size * 1.08
        _put(canvas, left, font, size, "left", x, baseline, paper.inner)
        _put(canvas, right, font, size, "right", x, baseline, paper.inner)

    return _Block(size * LEADING, draw)


def _row(
    cells: Sequence[str],
    widths: Sequence[float],
    aligns: Sequence[str],
    paper: _Paper,
    *,
    bold: bool = False,
) -> _Block:
    font, size, pad = BOLD if bold else REGULAR, paper.body * 0.9, 3.0
    wrapped = [
        _wrapped(cell, font, size, width - 2 * pad)
        for cell, width in zip(cells, widths, strict=True)
    ]
    height = size * LEADING * max(1, *(len(lines) for lines in wrapped)) + pad

    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.setLineWidth(0.4)
        for lines, width, align in zip(wrapped, widths, aligns, strict=False):
            canvas.rect(x, y - height, width, height)
            for index, one in enumerate(lines):
                baseline = y - size * LEADING * index - size * 1.12
                _put(canvas, one, font, size, align, x + pad, baseline, width - 2 * pad)
            x += width

    return _Block(height, draw)


def _rule(paper: _Paper) -> _Block:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        canvas.setLineWidth(0.5)
        canvas.line(x, y - 4, x + paper.inner, y - 4)

    return _Block(8, draw)


def _gap(height: float) -> _Block:
    return _Block(height, lambda canvas, x, y: None)


def _qr(payload: str, paper: _Paper) -> _Block:
    """All modules as one path of horizontal runs: no image, no widget font, sharp at any size."""
    rows = [bytes(row) for row in segno.make(payload, error="m", micro=False).matrix]
    module = paper.qr / (len(rows) + 2 * QUIET)

    def draw(canvas: Canvas, x: float, y: float) -> None:
        left = x + (paper.inner - paper.qr) / 2 + QUIET * module
        top = y - QUIET * module
        path = canvas.beginPath()
        for index, row in enumerate(rows):
            for start, length in _runs(row):
                bottom = top - (index + 1) * module
                path.rect(left + start * module, bottom, length * module, module)
        canvas.drawPath(path, stroke=0, fill=1)

    return _Block(paper.qr, draw)


def _runs(row: bytes) -> Iterable[tuple[int, int]]:
    start = 0
    while (start := row.find(1, start)) >= 0:
        end = row.find(0, start)
        end = len(row) if end < 0 else end
        yield start, end - start
        start = end


def _put(
    canvas: Canvas,
    text: str,
    font: str,
    size: float,
    align: str,
    x: float,
    baseline: float,
    width: float,
) -> None:
    canvas.setFont(font, size)
    if align == "right":
        canvas.drawRightString(x + width, baseline, text)
    elif align == "center":
        canvas.drawCentredString(x + width / 2, baseline, text)
    else:
        canvas.drawString(x, baseline, text)


def _wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """Text in lines no wider than `width`; a word longer than a line is cut."""
    lines: list[str] = []
    current = ""
    for word in _pieces(cleaned(text).split(" "), font, size, width):
        longer = f"{current} {word}" if current else word
        if current and pdfmetrics.stringWidth(longer, font, size) > width:
            lines.append(current)
            current = word
        else:
            current = longer
    return [*lines, current] if current else lines


def _pieces(words: Iterable[str], font: str, size: float, width: float) -> Iterable[str]:
    for word in words:
        rest = word
        while len(rest) > 1 and pdfmetrics.stringWidth(rest, font, size) > width:
            cut = len(rest) - 1
            while cut > 1 and pdfmetrics.stringWidth(rest[:cut], font, size) > width:
                cut -= 1
            yield rest[:cut]
            rest = rest[cut:]
        yield rest
