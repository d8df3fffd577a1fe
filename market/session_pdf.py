"""A vendor's statement of a settlement session as a page: every row, every fee, what is held and why."""

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta, timezone
from functools import cache
from importlib.resources import as_file, files
from io import BytesIO

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from payments.clearing import VendorStatement

Translate = Callable[[str], str]


def N_(text: str) -> str:  # noqa: N802 - the customary name of the marker
    """Marks a sentence for the catalogue."""
    return text


REGULAR, BOLD = "BeVietnamPro", "BeVietnamPro-Bold"
VIETNAM = timezone(timedelta(hours=7))
MARGIN, LINE = 16 * mm, 13.0
BODY, TITLE = 8.5, 15.0
TITLE_WORDS = N_("Bản quyết toán với cổng thanh toán")
WIDTHS = (0.16, 0.12, 0.20, 0.15, 0.11, 0.11, 0.15)
ROW_COUNT_MAX = 20_000
"""Four hundred pages; the spreadsheet has more."""


def pdf_of(
    statement: VendorStatement,
    vendor_name: str,
    words: Translate,
    why: Callable[[str], str],
) -> bytes:
    """The page as PDF; the same bytes for the same statement. `why` tells a class of difference."""
    _fonts()
    stream = BytesIO()
    canvas = Canvas(stream, pagesize=A4, invariant=1, lang="vi-VN")
    canvas.setTitle(f"{words(TITLE_WORDS)} {statement.payout.acquirer} {statement.payout.day}")
    _Page(canvas, words).write(statement, vendor_name, why)
    canvas.save()
    return stream.getvalue()


class _Page:
    """Where the next line stands; a full page is followed by another with the same head."""

    def __init__(self, canvas: Canvas, words: Translate) -> None:
        self._canvas, self._ = canvas, words
        self._y = A4[1] - MARGIN
        self._head: tuple[str, ...] = ()

    def write(
        self, statement: VendorStatement, vendor_name: str, why: Callable[[str], str]
    ) -> None:
        told, t = statement.payout, self._
        self._text(t(TITLE_WORDS), BOLD, TITLE)
        self._text(f"{vendor_name} · {told.acquirer.upper()} · {told.day:%d/%m/%Y}", REGULAR, 10)
        self._text(f"{t('Mã chuyển tiền')}: {told.reference}", REGULAR, 10)
        self._y -= LINE / 2
        for label, amount_vnd in self._sums(statement):
            self._pair(label, vnd(amount_vnd))
        self._pair(t("Cổng thanh toán chuyển cho bạn"), vnd(told.pay_vnd), BOLD)
        self._y -= LINE
        self._head = (
            t("Lúc"), t("Loại"), t("Số giao dịch"), t("Số tiền"), t("Phí"), "VAT", t("Còn lại"),
        )  # fmt: skip
        self._row(self._head, BOLD)
        kinds = {
            "PAYMENT": t("Khách trả"), "REFUND": t("Hoàn tiền"),
            "CHARGEBACK": t("Ngân hàng đòi lại"), "ADJUST": t("Điều chỉnh"),
        }  # fmt: skip
        for row in statement.rows[:ROW_COUNT_MAX]:
            at = row.occurred_at.astimezone(VIETNAM)
            self._row((
                f"{at:%d/%m/%Y %H:%M}", kinds[row.txn_type], row.number, plain(row.amount_vnd),
                plain(row.fee_vnd), plain(row.fee_vat_vnd), plain(row.net_vnd),
            ))  # fmt: skip
        if len(statement.rows) > ROW_COUNT_MAX:
            self._text(t("Các dòng còn lại có trong tệp CSV."), REGULAR, BODY)
        self._held(statement, why)

    def _sums(self, statement: VendorStatement) -> Iterator[tuple[str, int]]:
        told, t = statement.payout, self._
        yield t("Khách trả trừ hoàn tiền"), told.amount_vnd
        yield t("Phí"), -told.fee_vnd
        yield t("VAT của phí"), -told.fee_vat_vnd
        if told.carried_in_vnd:
            yield t("Còn thiếu từ phiên trước"), told.carried_in_vnd
        if told.carried_out_vnd:
            yield t("Trừ vào phiên sau"), told.carried_out_vnd

    def _held(self, statement: VendorStatement, why: Callable[[str], str]) -> None:
        if not statement.held:
            return
        self._head = ()
        self._y -= LINE
        self._text(self._("Đang giữ lại, chưa chuyển"), BOLD, 10)
        for held in statement.held:
            since = held.opened_at.astimezone(VIETNAM)
            self._pair(
                f"{held.day:%d/%m/%Y} · {held.reference} · {self._('giữ từ ngày')} {since:%d/%m/%Y}",
                vnd(held.held_vnd),
            )
            self._text(f"    {why(held.class_)}", REGULAR, BODY)

    def _text(self, text: str, font: str, size: float) -> None:
        self._need(size * 1.6)
        self._canvas.setFont(font, size)
        self._canvas.drawString(MARGIN, self._y, text)

    def _pair(self, left: str, right: str, font: str = REGULAR) -> None:
        self._need(LINE)
        self._canvas.setFont(font, BODY + 0.5)
        room = A4[0] - 2 * MARGIN - pdfmetrics.stringWidth(right, font, BODY + 0.5) - 8
        self._canvas.drawString(MARGIN, self._y, _fitted(left, font, BODY + 0.5, room))
        self._canvas.drawRightString(A4[0] - MARGIN, self._y, right)

    def _row(self, cells: Sequence[str], font: str = REGULAR) -> None:
        self._need(LINE, font)
        self._canvas.setFont(font, BODY)
        x, whole = MARGIN, A4[0] - 2 * MARGIN
        for index, (cell, share) in enumerate(zip(cells, WIDTHS, strict=True)):
            width = whole * share
            text = _fitted(cell, font, BODY, width - 4)
            if index < 3:
                self._canvas.drawString(x, self._y, text)
            else:
                self._canvas.drawRightString(x + width, self._y, text)
            x += width
        self._canvas.setLineWidth(0.25)
        self._canvas.line(MARGIN, self._y - 3.5, A4[0] - MARGIN, self._y - 3.5)

    def _need(self, height: float, font: str = "") -> None:
        self._y -= height
        if self._y < MARGIN:
            self._canvas.showPage()
            self._y = A4[1] - MARGIN - height
            if self._head and font != BOLD:
                self._row(self._head, BOLD)
                self._y -= height


def vnd(amount_vnd: int) -> str:
    """1.234.567 ₫"""
    return f"{plain(amount_vnd)} ₫"


def plain(amount_vnd: int) -> str:
    """1.234.567"""
    return f"{amount_vnd:,}".replace(",", ".")


def _fitted(text: str, font: str, size: float, width: float) -> str:
    """The text, cut with an ellipsis where it is wider than its place."""
    if pdfmetrics.stringWidth(text, font, size) <= width:
        return text
    while text and pdfmetrics.stringWidth(text + "…", font, size) > width:
        text = text[:-1]
    return text + "…"


@cache
def _fonts() -> None:
    for name, file in ((REGULAR, "BeVietnamPro-Regular.ttf"), (BOLD, "BeVietnamPro-Bold.ttf")):
        with as_file(files("einvoice").joinpath("fonts", file)) as path:
            pdfmetrics.registerFont(TTFont(name, str(path)))
