"""What an invoice may say, and totals."""

import unicodedata
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from einvoice import errors, validity
from einvoice import invoice as values
from einvoice.invoice import Line, Nature, RateTotal
from tests.unit.einvoice.conftest import food_stall_invoice, vat_invoice


def with_lines(*lines: Line, template: int = 2) -> values.Invoice:
    base = food_stall_invoice() if template == 2 else vat_invoice()
    return replace(base, lines=lines, totals=values.totals_of(template, lines))


def test_the_food_stall_and_the_company_pass():
    validity.check(food_stall_invoice())
    validity.check(vat_invoice())


def test_vat_totals_are_by_rate():
    totals = vat_invoice().totals

    assert totals.rates == (
        RateTotal(rate="8%", net_vnd=120_000, vat_vnd=9_600),
        RateTotal(rate="KCT", net_vnd=50_000, vat_vnd=0),
    )
    assert (totals.net_vnd, totals.vat_vnd, totals.payable_vnd) == (170_000, 9_600, 179_600)
    assert totals.in_words == "Một trăm bảy mươi chín nghìn sáu trăm đồng"


def test_discounts_are_taken_off_promotions_and_notes_add_nothing():
    invoice = with_lines(
        values.line("Gạo", 10, 20_000, unit="kg"),
        values.line("Túi vải", 1, 5_000, nature=Nature.PROMOTION),
        values.line("Chiết khấu", 1, 10_000, nature=Nature.DISCOUNT),
        Line(name="Giao tận nơi", nature=Nature.NOTE),
    )

    validity.check(invoice)

    assert invoice.totals.payable_vnd == 190_000
    assert invoice.totals.discount_vnd == 10_000


def test_one_dong_of_vat_per_rate_is_allowed_and_two_are_not():
    lines = (values.line("Nước mắm", 1, 18_519, vat_rate="8%"),)
    right = replace(vat_invoice(), lines=lines, totals=values.totals_of(1, lines))

    def off_by(vnd: int) -> values.Invoice:
        rate = replace(right.totals.rates[0], vat_vnd=1_482 - vnd)
        payable_vnd = 18_519 + rate.vat_vnd
        in_words = values.words.amount_in_words(payable_vnd)
        totals = replace(
            right.totals,
            rates=(rate,),
            vat_vnd=rate.vat_vnd,
            payable_vnd=payable_vnd,
            in_words=in_words,
        )
        return replace(right, totals=totals)

    validity.check(off_by(1))
    with pytest.raises(errors.TotalsWrong):
        validity.check(off_by(2))


@pytest.mark.parametrize(
    "change",
    [
        {"payable_vnd": 110_751},
        {"in_words": "Một trăm nghìn đồng"},
        {"vat_vnd": 1, "net_vnd": 110_749},
        {"reduction_vnd": 1},
    ],
)
def test_totals_that_do_not_add_up_are_refused(change):
    right = food_stall_invoice()

    with pytest.raises((errors.TotalsWrong, errors.FieldInvalid)):
        validity.check(replace(right, totals=replace(right.totals, **change)))


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (Line(name="", amount_vnd=1), "name"),
        (Line(name="Rau", amount_vnd=None), "amount_vnd"),
        (Line(name="Rau", amount_vnd=-1), "amount_vnd"),
        (Line(name="R" * 501, amount_vnd=1), "name"),
        (Line(name="Rau\x07", amount_vnd=1), "name"),
        (Line(name="Rau", amount_vnd=1, vat_rate="8%"), "vat_rate"),
        (Line(name="Rau", amount_vnd=1, quantity=Decimal("0.1234567")), "quantity"),
        (Line(name="Rau", amount_vnd=1, quantity=Decimal("NaN")), "quantity"),
        (Line(name="Rau", amount_vnd=10**15), "amount_vnd"),
    ],
)
def test_a_line_that_cannot_stand_is_refused_by_name(line, field):
    with pytest.raises(errors.FieldInvalid) as refused:
        validity.check_lines(2, (line,))

    assert refused.value.field == f"lines[0].{field}"


def test_a_line_of_a_vat_invoice_needs_a_rate():
    with pytest.raises(errors.FieldInvalid):
        validity.check_lines(1, (Line(name="Rau", amount_vnd=1),))


def test_amount_is_quantity_times_price():
    with pytest.raises(errors.TotalsWrong):
        validity.check_lines(2, (replace(values.line("Rau", 2, 5_000), amount_vnd=9_999),))


def test_an_invoice_without_lines_is_refused():
    with pytest.raises(errors.FieldInvalid):
        validity.check(with_lines())


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"symbol": "C25MAA"}, errors.SymbolInvalid),
        ({"number": 0}, errors.NumberInvalid),
        ({"code": "M2"}, errors.CodeInvalid),
        ({"issued_on": date(2025, 1, 1)}, errors.SymbolInvalid),
        ({"buyer": values.Buyer(name="B", tax_id="12")}, errors.TaxIdInvalid),
        ({"buyer": values.Buyer(name="B", personal_id="1234")}, errors.FieldInvalid),
        ({"buyer": values.Buyer(name="B" * 401)}, errors.FieldInvalid),
        ({"seller": values.Seller(name="", tax_id="0107001729", address="x")}, errors.FieldInvalid),
    ],
)
def test_what_the_law_does_not_allow_has_a_name(change, error):
    with pytest.raises(error):
        validity.check(food_stall_invoice(**change))


def test_typed_text_is_composed_and_single_spaced():
    typed = values.Buyer(name=unicodedata.normalize("NFD", "  Nguyễn  Thị\nBưởi "))

    assert values.cleaned_value(typed).name == "Nguyễn Thị Bưởi"
