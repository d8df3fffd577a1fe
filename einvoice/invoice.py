"""An invoice as a value: seller, buyer, lines, totals; what it must and may say. Pure.

Texts are cleaned (NFC, single spaces) by `cleaned`; `check` says what is wrong with a whole invoice.
Template 1 is the VAT invoice, 2 the sales invoice of households; kind M of the symbol makes either
a cash-register invoice.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

from einvoice import amounts, words
from einvoice.errors import FieldInvalid, TotalsWrong
from einvoice.identifiers import (
    CASH_REGISTER,
    checked_code,
    checked_number,
    symbol_of,
    tax_id_of,
)

VAT_INVOICE = 1
SALES_INVOICE = 2
LINES_MAX = 9_999
"""STT has four digits."""
VND_MAX = 10**15 - 1
"""Far above any basket, far below the 21 digits of the format and a bigint."""
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Nature(IntEnum):
    """TChat: what a line is."""

    GOODS = 1
    PROMOTION = 2
    """Given away: its amount is not in the total."""
    DISCOUNT = 3
    """A trade discount as a line: a positive amount that is taken off the total."""
    NOTE = 4
    SPECIAL = 5


class Method(IntEnum):
    """TCHDon: how an invoice corrects another."""

    REPLACES = 1
    ADJUSTS = 2


@dataclass(frozen=True, kw_only=True)
class FreeField:
    """TTKhac/TTin: a field no table knows."""

    name: str
    kind: str = "string"
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Seller:
    """NBan. `store_code` is the business location of a household with several sites."""

    name: str
    tax_id: str
    address: str
    store_code: str = ""
    store_name: str = ""
    phone: str = ""
    email: str = ""
    bank_account: str = ""
    bank_name: str = ""
    website: str = ""
    fields: tuple[FreeField, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Buyer:
    """NMua. `Buyer()` is a consumer who gave no data."""

    name: str = ""
    tax_id: str = ""
    budget_unit: str = ""
    address: str = ""
    phone: str = ""
    personal_id: str = ""
    passport: str = ""
    email: str = ""
    person: str = ""
    """HVTNMHang: who bought on behalf of the buyer."""
    bank_account: str = ""
    bank_name: str = ""
    fields: tuple[FreeField, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Line:
    """HHDVu. `amount_vnd` is after the line's discount, without VAT on a VAT invoice."""

    name: str
    nature: Nature = Nature.GOODS
    code: str = ""
    unit: str = ""
    quantity: Decimal | None = None
    unit_price_vnd: Decimal | None = None
    discount_percent: Decimal | None = None
    discount_vnd: int | None = None
    amount_vnd: int | None = None
    vat_rate: str = ""
    trade_group: str = ""
    """Encouraged on household invoices; written into TTKhac. Source: Decree 254/2026, Art. 10.5."""
    fields: tuple[FreeField, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RateTotal:
    """LTSuat: net and VAT of one rate."""

    rate: str
    net_vnd: int
    vat_vnd: int


@dataclass(frozen=True, kw_only=True)
class Totals:
    """TToan."""

    payable_vnd: int
    in_words: str
    rates: tuple[RateTotal, ...] = ()
    net_vnd: int | None = None
    vat_vnd: int | None = None
    discount_vnd: int | None = None
    """TTCKTMai: the sum of the discount lines."""
    reduction_vnd: int = 0
    """Taken off the sum of the lines: the cut of a percentage-method seller's rate."""
    fields: tuple[FreeField, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Related:
    """TTHDLQuan: the invoice this one corrects."""

    method: Method
    template: str
    symbol: str
    number: str
    issued_on: date
    note: str
    kind: int = 1
    """LHDCLQuan 1: an e-invoice of the present system."""


@dataclass(frozen=True, kw_only=True)
class Invoice:
    """Everything an invoice says. Equal invoices have equal XML."""

    version: str
    title: str
    template: int
    symbol: str
    number: int
    issued_on: date
    seller: Seller
    buyer: Buyer
    lines: tuple[Line, ...]
    totals: Totals
    payment_form: str = ""
    non_tariff_zone: bool = False
    """HDDCKPTQuan: a sales invoice between non-tariff zones."""
    provider_tax_id: str = ""
    """MSTTCGP: who provides the solution."""
    related: Related | None = None
    code: str = ""
    """MCCQT."""
    lookup: str = ""
    """DLQRCode."""
    fields: tuple[FreeField, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def is_cash_register(self) -> bool:
        """Whether the symbol is one of a connected cash register."""
        return self.symbol[3:4] == CASH_REGISTER

    @property
    def data_id(self) -> str:
        """The Id of what the seller signs: an XML name, unique within the seller."""
        return f"HD{self.template}{self.symbol}{self.number}"


T = TypeVar("T", Seller, Buyer, Line, FreeField)

# ── Building ────────────────────────────────────────────────────────────────────────────────────


def cleaned(text: str) -> str:
    """A text in NFC with single spaces: what a person typed, as XML, PDF and comparison need it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def cleaned_value(value: T) -> T:
    """The same dataclass value with every text in it cleaned; raw unknown XML stays."""
    changes: dict[str, Any] = {}
    for part in fields(value):
        inner = getattr(value, part.name)
        if isinstance(inner, str):
            changes[part.name] = cleaned(inner)
        elif part.name != "unknown" and isinstance(inner, tuple):
            changes[part.name] = tuple(cleaned_value(one) for one in inner)
    return replace(value, **changes)


def line(
    name: str,
    quantity: Decimal | int,
    unit_price_vnd: Decimal | int,
    *,
    unit: str = "",
    **more: Any,
) -> Line:
    """A line of goods whose amount is computed. `more` are further fields of Line."""
    count, price = Decimal(quantity), Decimal(unit_price_vnd)
    amount_vnd = amounts.line_amount_vnd(count, price, more.get("discount_vnd") or 0)
    return Line(
        name=name, unit=unit, quantity=count, unit_price_vnd=price, amount_vnd=amount_vnd, **more
    )


def totals_of(
    template: int,
    lines: Iterable[Line],
    *,
    reduction_vnd: int = 0,
    spelling: words.Spelling = words.NORTH,
) -> Totals:
    """What the lines add up to, with the amount in words."""
    lines = tuple(lines)
    sum_vnd = sum(signed_vnd(one) for one in lines)
    rates: tuple[RateTotal, ...] = ()
    net_vnd = vat_vnd = None
    if template == VAT_INVOICE:
        rates = tuple(rate_totals(lines))
        net_vnd, vat_vnd = sum_vnd, sum(one.vat_vnd for one in rates)
    payable_vnd = sum_vnd + (vat_vnd or 0) - reduction_vnd
    discounts = [one.amount_vnd or 0 for one in lines if one.nature is Nature.DISCOUNT]
    return Totals(
        payable_vnd=payable_vnd,
        in_words=words.amount_in_words(payable_vnd, spelling),
        rates=rates,
        net_vnd=net_vnd,
        vat_vnd=vat_vnd,
        discount_vnd=sum(discounts) if discounts else None,
        reduction_vnd=reduction_vnd,
    )


def rate_totals(lines: Iterable[Line]) -> list[RateTotal]:
    """Net and VAT per rate, in the order the rates first appear; VAT of the subtotal, not of lines."""
    nets: dict[str, int] = {}
    for one in lines:
        if one.vat_rate:
            nets[one.vat_rate] = nets.get(one.vat_rate, 0) + signed_vnd(one)
    return [
        RateTotal(rate=rate, net_vnd=net, vat_vnd=amounts.vat_vnd(net, rate))
        for rate, net in nets.items()
    ]


def signed_vnd(one: Line) -> int:
    """What a line adds to the total: discounts take away, promotions and notes add nothing."""
    if one.nature in (Nature.PROMOTION, Nature.NOTE):
        return 0
    amount_vnd = one.amount_vnd or 0
    return -amount_vnd if one.nature is Nature.DISCOUNT else amount_vnd


# ── Checking ────────────────────────────────────────────────────────────────────────────────────

_LENGTHS: dict[type, dict[str, int]] = {
    Seller: {
        "name": 400,
        "tax_id": 14,
        "address": 400,
        "store_code": 50,
        "store_name": 400,
        "phone": 20,
        "email": 50,
        "bank_account": 30,
        "bank_name": 400,
        "website": 100,
    },
    Buyer: {
        "name": 400,
        "tax_id": 14,
        "budget_unit": 7,
        "address": 400,
        "phone": 20,
        "personal_id": 12,
        "passport": 20,
        "email": 50,
        "person": 100,
        "bank_account": 30,
        "bank_name": 400,
    },
    Line: {"name": 500, "code": 50, "unit": 50, "vat_rate": 11, "trade_group": 500},
    Totals: {"in_words": 255},
    Related: {"template": 11, "symbol": 8, "number": 8, "note": 255},
    Invoice: {
        "version": 6,
        "title": 100,
        "payment_form": 50,
        "provider_tax_id": 14,
        "lookup": 512,
    },
    FreeField: {"name": 500, "value": 500},
}


def check(invoice: Invoice) -> None:
    """Refuse an invoice that may not be issued, naming the field.

    Raises: FieldInvalid, SymbolInvalid, NumberInvalid, CodeInvalid, TaxIdInvalid, TotalsWrong.
    """
    symbol_of(invoice.template, invoice.symbol, invoice.issued_on)
    checked_number(invoice.number)
    if invoice.code:
        checked_code(invoice.code)
    check_parties(invoice.seller, invoice.buyer)
    check_lines(invoice.template, invoice.lines, signed=_adjusts(invoice))
    check_totals(invoice)
    _check_texts(invoice, "invoice")


def check_parties(seller: Seller, buyer: Buyer) -> None:
    """Raises: FieldInvalid, TaxIdInvalid."""
    _check_texts(seller, "seller")
    _check_texts(buyer, "buyer")
    for name in ("name", "address"):
        if not getattr(seller, name):
            raise FieldInvalid(f"seller.{name}", "it must be filled")
    if tax_id_of(seller.tax_id) != seller.tax_id:
        raise FieldInvalid("seller.tax_id", "it is not in its written form")
    if buyer.tax_id and tax_id_of(buyer.tax_id) != buyer.tax_id:
        raise FieldInvalid("buyer.tax_id", "it is not in its written form")
    if buyer.personal_id and not re.fullmatch(r"[0-9]{12}", buyer.personal_id):
        raise FieldInvalid("buyer.personal_id", "a personal id has 12 digits")


def check_lines(template: int, lines: tuple[Line, ...], *, signed: bool = False) -> None:
    """Refuse lines that cannot stand on an invoice; `signed` allows the negative ones of adjustments.

    Raises: FieldInvalid, TotalsWrong.
    """
    if not lines and not signed:
        raise FieldInvalid("lines", "an invoice has at least one line")
    if len(lines) > LINES_MAX:
        raise FieldInvalid("lines", f"more than {LINES_MAX}")
    for index, one in enumerate(lines):
        _check_line(template, one, f"lines[{index}]", signed=signed)


def _check_line(template: int, one: Line, where: str, *, signed: bool) -> None:
    _check_texts(one, where)
    if not one.name:
        raise FieldInvalid(f"{where}.name", "it must be filled")
    if one.nature is Nature.NOTE:
        return
    if one.amount_vnd is None or abs(one.amount_vnd) > VND_MAX:
        raise FieldInvalid(f"{where}.amount_vnd", "it is missing or out of range")
    if one.amount_vnd < 0 and not signed:
        raise FieldInvalid(f"{where}.amount_vnd", "it is negative")
    for name in ("quantity", "unit_price_vnd", "discount_percent"):
        _check_decimal(getattr(one, name), f"{where}.{name}", signed=signed)
    if bool(one.vat_rate) != (template == VAT_INVOICE):
        raise FieldInvalid(f"{where}.vat_rate", "only lines of a VAT invoice carry a rate")
    if one.vat_rate and not amounts.RATE.fullmatch(one.vat_rate):
        raise FieldInvalid(f"{where}.vat_rate", f"“{one.vat_rate}” is no rate")
    _check_product(one, where)


def _check_product(one: Line, where: str) -> None:
    if one.quantity is None or one.unit_price_vnd is None or one.nature is Nature.PROMOTION:
        return
    computed = amounts.line_amount_vnd(one.quantity, one.unit_price_vnd, one.discount_vnd or 0)
    if computed != one.amount_vnd:
        raise TotalsWrong(f"{where}.amount_vnd", said=one.amount_vnd, computed=computed)


def _check_decimal(value: Decimal | None, where: str, *, signed: bool) -> None:
    if value is None:
        return
    if not value.is_finite() or (value < 0 and not signed):
        raise FieldInvalid(where, "it is negative or not a number")
    _, digits, exponent = value.normalize().as_tuple()
    assert isinstance(exponent, int)
    if exponent < -6 or max(len(digits), len(digits) + exponent, -exponent) > 21:
        raise FieldInvalid(where, "more than 21 digits or 6 decimals")


def check_totals(invoice: Invoice) -> None:
    """Totals against the lines: exact, but for 1 đ of VAT per rate (VAT-inclusive prices).

    Raises: TotalsWrong, FieldInvalid.
    """
    totals = invoice.totals
    computed = totals_of(invoice.template, invoice.lines, reduction_vnd=totals.reduction_vnd)
    if invoice.template == VAT_INVOICE:
        _check_rates(totals, computed)
        if totals.net_vnd != computed.net_vnd:
            raise TotalsWrong("totals.net_vnd", said=totals.net_vnd, computed=computed.net_vnd)
    elif totals.rates or totals.vat_vnd is not None:
        raise FieldInvalid("totals.vat_vnd", "a sales invoice shows no VAT")
    expected = computed.payable_vnd - (computed.vat_vnd or 0) + (totals.vat_vnd or 0)
    if totals.payable_vnd != expected:
        raise TotalsWrong("totals.payable_vnd", said=totals.payable_vnd, computed=expected)
    if abs(totals.payable_vnd) > VND_MAX or (totals.payable_vnd < 0 and not _adjusts(invoice)):
        raise FieldInvalid("totals.payable_vnd", "it is negative or out of range")
    if not words.same_words(totals.in_words, totals.payable_vnd):
        right = words.amount_in_words(totals.payable_vnd)
        raise TotalsWrong("totals.in_words", said=totals.in_words, computed=right)


def _check_rates(totals: Totals, computed: Totals) -> None:
    said = {one.rate: one for one in totals.rates}
    if len(said) != len(totals.rates) or set(said) != {one.rate for one in computed.rates}:
        raise TotalsWrong("totals.rates", said=list(said), computed=len(computed.rates))
    for right in computed.rates:
        mine = said[right.rate]
        if mine.net_vnd != right.net_vnd or abs(mine.vat_vnd - right.vat_vnd) > 1:
            raise TotalsWrong(f"totals.rates[{right.rate}]", said=mine, computed=right)
    if totals.vat_vnd != sum(one.vat_vnd for one in totals.rates):
        raise TotalsWrong("totals.vat_vnd", said=totals.vat_vnd, computed="the sum of the rates")


def _adjusts(invoice: Invoice) -> bool:
    return invoice.related is not None and invoice.related.method is Method.ADJUSTS


def _check_texts(value: Any, where: str) -> None:
    lengths = _LENGTHS.get(type(value), {})
    for name, length in lengths.items():
        text = getattr(value, name)
        if len(text) > length:
            raise FieldInvalid(f"{where}.{name}", f"more than {length} characters")
        if _FORBIDDEN.search(text):
            raise FieldInvalid(f"{where}.{name}", "it has a character XML forbids")
    for part in fields(value):
        inner = getattr(value, part.name)
        if part.name == "fields" or (is_dataclass(inner) and type(inner) in _LENGTHS):
            for one in inner if isinstance(inner, tuple) else (inner,):
                _check_texts(one, f"{where}.{part.name}")
