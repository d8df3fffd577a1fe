"""Whether an invoice may be issued: what it must and may say, its lengths, its sums. Pure.

Source: Decree 254/2026, Art. 10 and Annex; the lengths are those of the format's tables.
"""

import re
from dataclasses import fields
from decimal import Decimal
from functools import lru_cache
from typing import Any

from einvoice import amounts, words
from einvoice.errors import FieldInvalid, TotalsWrong
from einvoice.identifiers import checked_code, checked_number, symbol_of, tax_id_of
from einvoice.invoice import (
    LINES_MAX,
    VAT_INVOICE,
    VND_MAX,
    Buyer,
    Delegate,
    Fee,
    FreeField,
    Invoice,
    Line,
    Method,
    Nature,
    Related,
    Seller,
    Special,
    Totals,
    totals_of,
)

_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

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
        "fax": 20,
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
        "customer_code": 50,
    },
    Delegate: {"tax_id": 14, "name": 400, "address": 400},
    Fee: {"name": 100},
    Special: {"name": 20, "value": 200},
    Line: {"name": 500, "code": 50, "unit": 50, "vat_rate": 11, "trade_group": 500},
    Totals: {"in_words": 255},
    Related: {"template": 11, "symbol": 8, "number": 8, "note": 255, "list_number": 50},
    Invoice: {
        "version": 6,
        "title": 100,
        "payment_form": 50,
        "provider_tax_id": 14,
        "lookup": 512,
        "file_number": 20,
        "list_number": 50,
    },
    FreeField: {"name": 500, "value": 500},
}
_OTHERS: dict[type, tuple[str, ...]] = {
    kind: tuple(part.name for part in fields(kind) if part.name not in lengths)
    for kind, lengths in _LENGTHS.items()
}
"""The fields that are no text of a known length."""


def check(invoice: Invoice) -> None:
    """Refuse an invoice that may not be issued, naming the field.

    Raises: FieldInvalid, SymbolInvalid, NumberInvalid, CodeInvalid, TaxIdInvalid, TotalsWrong.
    """
    symbol_of(invoice.template, invoice.symbol, invoice.issued_on)
    checked_number(invoice.number)
    if invoice.code:
        checked_code(invoice.code)
    check_parties(invoice.seller, invoice.buyer)
    _check_delegate(invoice.delegate)
    _check_related(invoice.related)
    if not (invoice.is_cash_register or invoice.payment_form):
        raise FieldInvalid("payment_form", "it must be filled")
    check_lines(invoice.template, invoice.lines, signed=_adjusts(invoice))
    check_totals(invoice)
    _check_texts(invoice, "invoice")


@lru_cache(maxsize=1024)
def check_parties(seller: Seller, buyer: Buyer) -> None:
    """Looked at once, for they are the same on many invoices. Raises: FieldInvalid, TaxIdInvalid."""
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


def _check_delegate(delegate: Delegate | None) -> None:
    """Both parties are named on a delegated invoice. Source: Circular 91/2026, Art. 9."""
    if delegate is None:
        return
    if not (delegate.name and delegate.address):
        raise FieldInvalid("delegate", "name and address must be filled")
    if tax_id_of(delegate.tax_id) != delegate.tax_id:
        raise FieldInvalid("delegate.tax_id", "it is not in its written form")


def _check_related(related: Related | None) -> None:
    """A correction names what it corrects, in fields and in words. Source: Circular 91/2026, Art. 10."""
    if related is None:
        return
    for name in ("template", "symbol", "number", "note"):
        if not getattr(related, name):
            raise FieldInvalid(f"related.{name}", "it must be filled")


def check_lines(template: int, lines: tuple[Line, ...], *, signed: bool = False) -> None:
    """Refuse lines that cannot stand on an invoice; `signed` allows the negative ones of adjustments.

    Raises: FieldInvalid, TotalsWrong.
    """
    if not signed and all(one.nature is Nature.NOTE for one in lines):
        raise FieldInvalid("lines", "an invoice has at least one line that is not a note")
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
    computed = totals_of(
        invoice.template,
        invoice.lines,
        reduction_vnd=totals.reduction_vnd,
        untaxed_reduction_vnd=totals.untaxed_reduction_vnd,
        fees=totals.fees,
    )
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
    for name, length in _LENGTHS[type(value)].items():
        text = getattr(value, name)
        if not text:
            continue
        if len(text) > length:
            raise FieldInvalid(f"{where}.{name}", f"more than {length} characters")
        if _FORBIDDEN.search(text):
            raise FieldInvalid(f"{where}.{name}", "it has a character XML forbids")
    for name in _OTHERS[type(value)]:
        inner = getattr(value, name)
        if name in ("fields", "fees", "specials"):
            for one in inner:
                _check_texts(one, f"{where}.{name}")
        elif type(inner) in _LENGTHS and type(inner) not in (Seller, Buyer):  # see check_parties
            _check_texts(inner, f"{where}.{name}")
