"""An invoice as a value: seller, buyer, lines, totals; what it must and may say. Pure.

Texts are cleaned (NFC, single spaces) by `cleaned`; `validity.check` says what is wrong with an invoice.
Template 1 is the VAT invoice, 2 the sales invoice of households; kind M of the symbol makes either
a cash-register invoice.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

from einvoice import amounts, words
from einvoice.identifiers import CASH_REGISTER

VAT_INVOICE = 1
SALES_INVOICE = 2
LISTED = "HDTrongBK"
"""Our free field (TTKhac), one for each invoice of a list 01/BK-ĐCTT: no table says where they stand."""
LINES_MAX = 9_999
"""STT has four digits."""
VND_MAX = 10**15 - 1
"""Far above any basket, far below the 21 digits of the format and a bigint."""


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
    fax: str = ""
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
    customer_code: str = ""
    """MKHang: the seller's own name for this buyer."""
    person: str = ""
    """HVTNMHang: who bought on behalf of the buyer."""
    bank_account: str = ""
    bank_name: str = ""
    fields: tuple[FreeField, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Delegate:
    """Who issues and signs for the seller. Source: Circular 91/2026, Art. 9."""

    tax_id: str
    name: str
    address: str


@dataclass(frozen=True, kw_only=True)
class Special:
    """TTHHDTrung: a fact about special goods. `kind` 1 vehicle, 2 transport, 3 platform transport."""

    kind: int
    name: str
    value: str


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
    specials: tuple[Special, ...] = ()
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
class Fee:
    """LPhi: a fee that is added to the total."""

    name: str
    amount_vnd: int


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
    untaxed_reduction_vnd: int | None = None
    """TGTKCThue: a reduction not subject to VAT."""
    fees: tuple[Fee, ...] = ()
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
    list_number: str = ""
    """SBKCLQuan: the list 01/BK-ĐCTT of several invoices."""
    listed_on: date | None = None


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
    delegate: Delegate | None = None
    file_number: str = ""
    """MHSo, of invoices per occurrence."""
    list_number: str = ""
    """SBKe: an attached list of goods."""
    listed_on: date | None = None
    corrects_by_list: bool = False
    """HDCTTChinh: adjusts or replaces several invoices named in a list."""
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
V = TypeVar("V")

# ── Building ────────────────────────────────────────────────────────────────────────────────────


def cleaned(text: str) -> str:
    """A text in NFC with single spaces: what a person typed, as XML, PDF and comparison need it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def cleaned_value(value: T) -> T:
    """The same dataclass value with every text in it cleaned; raw unknown XML stays."""
    changes: dict[str, Any] = {}
    for name in _NAMES[type(value)]:
        inner = getattr(value, name)
        made: Any = inner
        if not inner:
            continue
        if isinstance(inner, str):
            made = cleaned(inner)
        elif name != "unknown" and isinstance(inner, tuple):
            made = tuple(cleaned_value(one) for one in inner)
        if made != inner:
            changes[name] = made
    return changed(value, **changes) if changes else value


def changed(value: V, **fields: Any) -> V:
    """As `dataclasses.replace`, for the values of this module: nothing is done when they are made.

    A frozen dataclass sets its fields one by one, for five times the time.
    """
    made: V = object.__new__(type(value))
    vars(made).update(vars(value), **fields)
    return made


_NAMES: dict[type, tuple[str, ...]] = {
    kind: tuple(part.name for part in fields(kind))
    for kind in (Seller, Buyer, Line, FreeField, Special)
}


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
    if more:
        return Line(
            name=name,
            unit=unit,
            quantity=count,
            unit_price_vnd=price,
            amount_vnd=amount_vnd,
            **more,
        )
    return changed(
        _BLANK, name=name, unit=unit, quantity=count, unit_price_vnd=price, amount_vnd=amount_vnd
    )


_BLANK = Line(name="")


def totals_of(
    template: int,
    lines: Iterable[Line],
    *,
    reduction_vnd: int = 0,
    untaxed_reduction_vnd: int | None = None,
    fees: tuple[Fee, ...] = (),
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
    payable_vnd = sum_vnd + (vat_vnd or 0) + sum(one.amount_vnd for one in fees)
    payable_vnd -= reduction_vnd + (untaxed_reduction_vnd or 0)
    discount = Nature.DISCOUNT
    discounts = [one.amount_vnd or 0 for one in lines if one.nature is discount]
    return Totals(
        payable_vnd=payable_vnd,
        in_words=words.amount_in_words(payable_vnd, spelling),
        rates=rates,
        net_vnd=net_vnd,
        vat_vnd=vat_vnd,
        discount_vnd=sum(discounts) if discounts else None,
        reduction_vnd=reduction_vnd,
        untaxed_reduction_vnd=untaxed_reduction_vnd,
        fees=fees,
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
    nature, amount_vnd = one.nature, one.amount_vnd or 0
    if nature is _GOODS:  # nearly always
        return amount_vnd
    if nature in (Nature.PROMOTION, Nature.NOTE):
        return 0
    return -amount_vnd if nature is Nature.DISCOUNT else amount_vnd


_GOODS = Nature.GOODS
