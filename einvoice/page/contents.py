"""What stands on a printed invoice, in the order of layout 02/BH of Circular 91/2026, Annex V.

The layout is a reference and not compulsory.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from einvoice import rules, seal
from einvoice.document import number_text
from einvoice.invoice import VAT_INVOICE, Invoice, Line, Nature
from einvoice.markup import parsed
from einvoice.page.blocks import (
    PAPERS,
    Block,
    Paper,
    Size,
    gap,
    labelled,
    pair,
    qr,
    row,
    rule,
    text,
)

_UNTAXED = {"KCT": "Không chịu thuế", "KKKNT": "Không kê khai, tính nộp thuế"}
"""Rates that are words: the mark the law wants to see. Source: QĐ 1450/QĐ-TCT, TSuat."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a page is made from."""

    invoice: Invoice
    xml: bytes
    """The frozen original."""
    lookup_code: str = ""
    lookup_url: str = ""
    """Behind the QR; without it the QR is the authority's lookup payload."""
    is_replaced: bool = False


def blocks(printed: Printed, size: Size) -> Iterable[Block]:
    """Everything on the page, from top to bottom. Raises: SealInvalid if a seal does not hold."""
    invoice, paper = printed.invoice, PAPERS[size]
    yield from _head(printed, paper)
    yield from _parties(invoice, paper)
    yield rule(paper)
    if size is Size.A4:
        yield from _table(invoice, paper)
    else:
        yield from _receipt_lines(invoice, paper)
    yield rule(paper)
    yield from _sums(invoice, paper)
    yield from _foot(printed, paper)


def _head(printed: Printed, paper: Paper) -> Iterable[Block]:
    invoice, day = printed.invoice, printed.invoice.issued_on
    if printed.is_replaced:
        yield text("ĐÃ ĐƯỢC THAY THẾ – KHÔNG CÒN HIỆU LỰC", paper, bold=True, align="center")
    yield text(invoice.title.upper(), paper, scale=1.5, bold=True, align="center")
    origin = "(Khởi tạo từ máy tính tiền)" if invoice.is_cash_register else ""
    yield text(origin, paper, scale=0.9, align="center")
    date_text = f"Ngày {day.day:02d} tháng {day.month:02d} năm {day.year}"
    yield text(date_text, paper, align="center")
    yield text(
        f"Ký hiệu: {invoice.template}{invoice.symbol}   Số: {invoice.number:08d}",
        paper,
        bold=True,
        align="center",
    )
    code = f"Mã của cơ quan thuế: {invoice.code}" if invoice.code else ""
    yield text(code, paper, scale=0.9, align="center")
    if invoice.related is not None:
        yield text(invoice.related.note, paper, bold=True, align="center")
    yield rule(paper)


def _parties(invoice: Invoice, paper: Paper) -> Iterable[Block]:
    seller, buyer = invoice.seller, invoice.buyer
    account = " – ".join(filter(None, (seller.bank_account, seller.bank_name)))
    yield text(seller.name, paper, scale=1.1, bold=True)
    yield labelled("Mã số thuế", seller.tax_id, paper)
    yield labelled("Địa điểm kinh doanh", _joined(seller.store_code, seller.store_name), paper)
    yield labelled("Địa chỉ", seller.address, paper)
    yield labelled("Điện thoại", seller.phone, paper)
    yield labelled("Số tài khoản", account, paper)
    if invoice.delegate is not None:
        yield gap(paper.body * 0.5)
        yield labelled("Đơn vị được ủy nhiệm lập hóa đơn", invoice.delegate.name, paper)
        yield labelled("Mã số thuế", invoice.delegate.tax_id, paper)
        yield labelled("Địa chỉ", invoice.delegate.address, paper)
    yield gap(paper.body * 0.5)
    yield labelled("Người mua hàng", buyer.person, paper)
    yield labelled("Người mua", buyer.name, paper)
    yield labelled("Mã số thuế", buyer.tax_id, paper)
    yield labelled("Mã đơn vị ngân sách", buyer.budget_unit, paper)
    yield labelled("Số định danh", buyer.personal_id or buyer.passport, paper)
    yield labelled("Địa chỉ", buyer.address, paper)
    yield labelled("Điện thoại", buyer.phone, paper)
    yield labelled("Hình thức thanh toán", invoice.payment_form, paper)
    yield labelled("Đồng tiền", "VND" if not invoice.is_cash_register else "", paper)


def _receipt_lines(invoice: Invoice, paper: Paper) -> Iterable[Block]:
    for index, one in enumerate(invoice.lines, 1):
        yield text(f"{index}. {_line_name(one)}", paper, bold=one.nature is not Nature.NOTE)
        if one.nature is Nature.NOTE:
            continue
        left = ""
        if one.quantity is not None and one.unit_price_vnd is not None:
            unit = f" {one.unit}" if one.unit else ""
            left = f"{_number(one.quantity)}{unit} × {_number(one.unit_price_vnd)}"
        yield pair(left, _money(_shown_vnd(one)), paper)


def _table(invoice: Invoice, paper: Paper) -> Iterable[Block]:
    with_vat = invoice.template == VAT_INVOICE
    shares = [6, 44, 10, 10, 14, 16] if not with_vat else [6, 36, 9, 9, 14, 16, 10]
    widths = [paper.inner * share / 100 for share in shares]
    aligns = ["center", "left", "center", "right", "right", "right", "right"]
    heads = ["STT", "Tên hàng hóa, dịch vụ", "Đơn vị", "Số lượng", "Đơn giá", "Thành tiền"]
    signs = ["1", "2", "3", "4", "5", "6 = 4 × 5"]
    if with_vat:
        heads, signs = [*heads, "Thuế suất"], [*signs, "7"]
    yield row(heads, widths, ["center"] * 7, paper, bold=True)
    yield row(signs, widths, ["center"] * 7, paper)
    for index, one in enumerate(invoice.lines, 1):
        cells = [
            str(index),
            _line_name(one),
            one.unit,
            "" if one.quantity is None else _number(one.quantity),
            "" if one.unit_price_vnd is None else _number(one.unit_price_vnd),
            "" if one.amount_vnd is None else _number(_shown_vnd(one)),
        ]
        yield row([*cells, one.vat_rate] if with_vat else cells, widths, aligns, paper)


def _sums(invoice: Invoice, paper: Paper) -> Iterable[Block]:
    totals = invoice.totals
    if totals.net_vnd is not None:
        yield pair("Cộng tiền hàng", _money(totals.net_vnd), paper)
    for one in totals.rates:
        if one.rate in _UNTAXED:
            yield pair(f"{_UNTAXED[one.rate]}, tiền hàng", _money(one.net_vnd), paper)
        else:
            yield pair(f"Thuế giá trị gia tăng {one.rate}", _money(one.vat_vnd), paper)
    for fee in totals.fees:
        yield pair(fee.name, _money(fee.amount_vnd), paper)
    for cut_vnd in filter(None, (totals.reduction_vnd, totals.untaxed_reduction_vnd)):
        yield pair("Giảm trừ", _money(-cut_vnd), paper)
    yield pair("TỔNG CỘNG", _money(totals.payable_vnd), paper, scale=1.25, bold=True)
    yield text(f"Bằng chữ: {totals.in_words}", paper)


def _foot(printed: Printed, paper: Paper) -> Iterable[Block]:
    signed = _signed_line(printed)
    if signed:
        yield text(signed, paper, scale=0.9)
    yield gap(paper.body * 0.6)
    payload = printed.lookup_url or printed.invoice.lookup
    if payload:
        yield qr(payload, paper)
    if printed.lookup_code:
        code = _spaced(printed.lookup_code)
        yield text(f"Mã tra cứu: {code}", paper, align="center")
    if printed.lookup_url:
        address = f"Tra cứu và tải hóa đơn: {printed.lookup_url}"
        yield text(address, paper, scale=0.9, align="center")
    phrase = rules.phrase("check_phrase", printed.invoice.issued_on)
    yield text(f"({phrase})", paper, scale=0.9, align="center")


def _signed_line(printed: Printed) -> str:
    root = parsed(printed.xml)
    if not seal.is_signed(root, seal.SELLER):
        return ""
    sealed = seal.verify_in(root, seal.SELLER)
    delegate, name = printed.invoice.delegate, printed.invoice.seller.name
    if delegate is not None and delegate.tax_id == sealed.tax_id:
        name = delegate.name
    signed_at = sealed.signed_at.astimezone(seal.VIETNAM)
    return f"Đã ký số bởi {name}, {signed_at:%d/%m/%Y %H:%M:%S}"


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
