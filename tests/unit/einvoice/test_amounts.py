"""Rounding and VAT."""

from decimal import Decimal

import pytest

from einvoice import amounts


@pytest.mark.parametrize(
    ("amount", "whole"),
    [("0.5", 1), ("1.5", 2), ("2.5", 3), ("-0.5", -1), ("-2.5", -3), ("2.4999", 2), ("-2.4", -2)],
)
def test_half_a_dong_goes_away_from_zero(amount, whole):
    assert amounts.rounded(Decimal(amount)) == whole


def test_a_line_is_rounded_once_and_then_discounted():
    assert amounts.line_amount_vnd(Decimal("0.35"), 45_000) == 15_750
    assert amounts.line_amount_vnd(Decimal("0.333"), 10_001, 100) == 3_230


def test_amounts_of_eighteen_digits_are_exact():
    assert amounts.line_amount_vnd(Decimal(10**18 + 1), 7) == 7 * 10**18 + 7
    assert amounts.rounded(Decimal(f"{10**40}.5")) == 10**40 + 1


@pytest.mark.parametrize(
    ("rate", "net", "vat"),
    [
        ("8%", 120_000, 9_600),
        ("KCT", 50_000, 0),
        ("KKKNT", 50_000, 0),
        ("0%", 50_000, 0),
        ("KHAC:5.26%", 100_000, 5_260),
        ("10%", 15, 2),
        ("10%", -15, -2),
        ("8%", 18_519, 1_482),
    ],
)
def test_vat_is_that_of_the_subtotal(rate, net, vat):
    assert amounts.vat_vnd(net, rate) == vat


@pytest.mark.parametrize(
    ("gross", "rate", "net", "vat"),
    [(20_000, "8%", 18_519, 1_481), (110_000, "10%", 100_000, 10_000), (500, "10%", 455, 45)],
)
def test_a_price_with_vat_keeps_its_total(gross, rate, net, vat):
    assert amounts.split_inclusive(gross, rate) == (net, vat)


def test_about_one_price_in_thirteen_cannot_be_split_cleanly_at_eight_percent():
    def is_clean(gross: int) -> bool:
        net, vat = amounts.split_inclusive(gross, "8%")
        return amounts.vat_vnd(net, "8%") == vat

    unclean = [gross for gross in range(1, 2_701) if not is_clean(gross)]

    assert 2_700 / 14 < len(unclean) < 2_700 / 12
    for gross in range(1, 2_701):
        net, vat = amounts.split_inclusive(gross, "8%")
        assert abs(amounts.vat_vnd(net, "8%") - vat) <= 1


@pytest.mark.parametrize("gross", [500, 6_000, 11_500])
def test_the_prices_named_for_ten_percent_are_one_dong_off(gross):
    net, vat = amounts.split_inclusive(gross, "10%")

    assert abs(amounts.vat_vnd(net, "10%") - vat) == 1


def test_the_cut_of_a_meal_of_a_hundred_thousand_is_six_hundred():
    assert amounts.percentage_reduction_vnd(100_000, Decimal(3), 20) == 600


@pytest.mark.parametrize("text", ["8 %", "7%", "KHAC", "KHAC:100%", "kct", "8%\n"])
def test_what_is_no_rate_code_is_none(text):
    assert not amounts.RATE.fullmatch(text)
