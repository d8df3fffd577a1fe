"""What an invoice must say (D254 Art. 8-10, Annex) and how its money is counted, each by its article."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from einvoice import amounts, document, rules, validity
from einvoice import invoice as values
from einvoice.errors import EInvoiceError, RuleUnknown
from einvoice.inspection import Verdict
from einvoice.invoice import Buyer, Nature
from tests.unit.einvoice.conftest import food_stall_invoice, vat_invoice
from tests.unit.einvoice.inspection.conftest import findings

# ── Content: D254 Art. 10 ───────────────────────────────────────────────────────────────────────

SALES_AT_TILL = food_stall_invoice()
VAT = replace(vat_invoice(), provider_tax_id="0107001729")
ORDINARY_SALES = food_stall_invoice(symbol="C26TAA", code="", lookup="", payment_form="TM/CK")


@pytest.mark.parametrize(
    ("invoice", "tags"),
    [
        (SALES_AT_TILL, "PBan KHMSHDon KHHDon SHDon NLap Ten MST DChi TChat THHDVu TgTTTBSo TgTTTBChu"),
        (ORDINARY_SALES, "PBan KHMSHDon KHHDon SHDon NLap DVTTe HTTToan Ten MST DChi THHDVu TgTTTBChu"),
        (VAT, "PBan KHHDon SHDon NLap DVTTe HTTToan MST DChi TgTCThue TgTThue TgTTTBSo TgTTTBChu"),
    ],
)  # fmt: skip
def test_without_a_required_item_the_invoice_is_wrong(invoice, tags):
    """D254 10.1-10.4: names, symbol, number, seller, lines, totals, words, date."""
    xml = document.write(invoice).decode()
    for one in tags.split():
        without = re.sub(f"<{one}>[^<]*</{one}>", "", xml, count=1)
        assert without != xml, one
        told = findings(without)
        assert "structure.missing" in told, one


def test_a_line_needs_its_amount_and_a_vat_line_its_rate():
    """D254 10.1; F1510 tables."""
    xml = document.write(VAT).decode()

    assert "money.line_amount" in findings(xml.replace("<ThTien>120000</ThTien>", "", 1))
    assert "money.line_rate" in findings(xml.replace("<TSuat>8%</TSuat></HHDVu>", "</HHDVu>", 1))


def test_a_cash_register_invoice_needs_no_signature_and_others_do():
    """D254 8.9.b."""
    assert findings(document.write(SALES_AT_TILL)) == []
    assert "signature.NBan.unsigned" in findings(document.write(ORDINARY_SALES))


def test_a_sales_invoice_shows_no_vat():
    """D254 8 and 10: households use the direct method."""
    line = replace(SALES_AT_TILL.lines[0], vat_rate="8%")

    with pytest.raises(EInvoiceError):
        validity.check(replace(SALES_AT_TILL, lines=(line, *SALES_AT_TILL.lines[1:])))


def test_a_household_with_several_sites_names_the_site():
    """D254 Annex 3; the tag in the cash-register layout is not settled, so it goes into TTKhac."""
    seller = replace(SALES_AT_TILL.seller, store_code="DD02", store_name="Sạp 2")
    xml = document.write(replace(SALES_AT_TILL, seller=seller))

    assert findings(xml) == []
    assert document.read(xml).seller.store_code == "DD02"


def test_the_trade_group_of_a_line_is_carried():
    """D254 10.5 encourages it."""
    lines = tuple(replace(one, trade_group="Dịch vụ ăn uống") for one in SALES_AT_TILL.lines)
    xml = document.write(replace(SALES_AT_TILL, lines=lines))

    assert findings(xml) == []
    assert document.read(xml).lines[0].trade_group == "Dịch vụ ăn uống"


def test_a_buyer_at_the_till_may_show_name_address_tax_id_personal_id_and_phone():
    """D254 10.4."""
    buyer = Buyer(name="Bà Tư", address="Phường Ví Dụ", tax_id="038190000124",
                  personal_id="038190000124", phone="0912000000")  # fmt: skip
    xml = document.write(replace(SALES_AT_TILL, buyer=buyer))

    assert findings(xml) == []
    assert document.read(xml).buyer == buyer


def test_the_consumer_s_name_is_the_one_of_the_law_of_the_day():
    """D254 Annex 4.b, since 1 July 2026."""
    assert rules.phrase("consumer_name", date(2026, 7, 1)) == "Bán cho người tiêu dùng"
    with pytest.raises(RuleUnknown):
        rules.phrase("consumer_name", date(2026, 6, 30))


def test_promotions_need_invoices_and_add_nothing():
    """D254 Annex 5.a.3."""
    gift = values.line("Khăn", 1, 10_000, nature=Nature.PROMOTION)
    lines = (*SALES_AT_TILL.lines, gift)
    invoice = replace(SALES_AT_TILL, lines=lines, totals=values.totals_of(2, lines))

    validity.check(invoice)
    assert invoice.totals.payable_vnd == SALES_AT_TILL.totals.payable_vnd


def test_a_number_has_at_most_eight_digits_and_begins_with_one():
    """D254 Annex 2."""
    for number in (0, 100_000_000):
        with pytest.raises(EInvoiceError):
            validity.check(replace(SALES_AT_TILL, number=number))


def test_words_that_are_wrong_cost_a_notice_only():
    """C91 10: the remedy says so."""
    told = findings(document.write(SALES_AT_TILL).replace("Một trăm mười".encode(), b"Hai"))

    assert told == ["words"]


# ── Money ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("amount", "whole"), [("0.5", 1), ("-0.5", -1), ("1.4999", 1), ("2.5", 3), ("-2.5", -3)]
)
def test_half_a_dong_is_rounded_away_from_zero(amount, whole):
    """No text fixes the mode; ours, said in the README."""
    assert amounts.rounded(Decimal(amount)) == whole


@pytest.mark.parametrize(
    ("rate", "prices"),
    [("8%", [20_000]), ("10%", [500, 6_000, 11_500]), ("5%", [4_000, 14_500, 25_000])],
)
def test_some_inclusive_prices_cannot_be_split_exactly(rate, prices):
    """The buyer's price stays; the VAT is one đồng off its own formula and still passes."""
    for price in prices:
        net, vat = amounts.split_inclusive(price, rate)
        assert net + vat == price
        assert abs(vat - amounts.vat_vnd(net, rate)) == 1
        line = values.line("x", 1, net, vat_rate=rate)
        totals = values.totals_of(1, (line,))
        one = replace(totals.rates[0], vat_vnd=vat)
        in_words = values.words.amount_in_words(price)
        validity.check(
            replace(VAT, lines=(line,), totals=replace(
                totals, rates=(one,), vat_vnd=vat, payable_vnd=price, in_words=in_words))
        )  # fmt: skip


def test_at_eight_percent_about_one_price_in_thirteen_is_so():
    off = sum(
        amounts.split_inclusive(gross, "8%")[1] != amounts.vat_vnd(amounts.split_inclusive(gross, "8%")[0], "8%")
        for gross in range(1_000, 14_000)
    )  # fmt: skip

    assert 900 < off < 1_100


def test_vat_is_counted_on_the_subtotal_of_a_rate_and_not_by_line():
    lines = tuple(values.line("x", 1, 6, vat_rate="8%") for _ in range(10))

    assert values.totals_of(1, lines).vat_vnd == 5  # ten lines of 0.48 would be nothing


def test_the_vat_cut_is_eight_instead_of_ten_until_the_end_of_2026():
    """NQ204; beer and the like are excluded, which is the product's flag."""
    day = date(2026, 12, 31)

    assert rules.amount("vat_cut_from_percent", day) == 10
    assert rules.amount("vat_cut_to_percent", day) == 8
    assert any("tiêu thụ đặc biệt" in one for one in rules.table("vat_cut_excluded", day))
    assert amounts.percentage_reduction_vnd(100_000, Decimal(3), 20) == 600


def test_an_issued_reduction_names_the_resolution_and_its_amount():
    lines = (*SALES_AT_TILL.lines,)
    note = rules.phrase("reduction_phrase", date(2026, 11, 23)).format(amount="600")
    totals = values.totals_of(2, lines, reduction_vnd=600)
    lines = (*lines, values.Line(nature=Nature.NOTE, name=note))
    xml = document.write(replace(SALES_AT_TILL, lines=lines, totals=totals, lookup=""))

    assert findings(xml) == []
    assert findings(xml, Verdict.DOUBT) == []


# ── Dated rules ─────────────────────────────────────────────────────────────────────────────────


def test_what_became_known_later_and_reaches_back_is_named():
    keys = {row.key for row in rules.changed_since(date(2026, 3, 1))}

    assert "household_threshold_vnd" in keys
    assert "household_threshold_vnd" not in {
        row.key for row in rules.changed_since(date(2026, 4, 29))
    }


@pytest.mark.parametrize(
    ("key", "on", "value"),
    [
        ("household_threshold_vnd", date(2025, 12, 31), 100_000_000),
        ("household_threshold_vnd", date(2026, 1, 1), 1_000_000_000),
        ("percentage_method_vnd_max", date(2026, 1, 1), 3_000_000_000),
        ("noncash_cost_vnd_min", date(2026, 1, 1), 5_000_000),
        ("free_service_months", date(2026, 7, 1), 12),
        ("register_days", date(2026, 7, 1), 30),
        ("representative_check_working_days", date(2026, 7, 1), 1),
        ("profit_method_years_min", date(2026, 1, 1), 2),
        ("message_bytes_max", date(2026, 1, 1), 2_000_000),
        ("invoice_number_max", date(2026, 7, 1), 99_999_999),
    ],
)
def test_a_threshold_is_the_one_of_its_day(key, on, value):
    """D141 1, L109 7.3, D68 4.5-6, D254 11 and Annex 2, C91 6, F1306 II."""
    assert rules.amount(key, on) == value


@pytest.mark.parametrize(
    ("group", "vat", "pit"),
    [("goods", "1", "0.5"), ("services", "5", "2"), ("letting", "5", "5"),
     ("production", "3", "1.5"), ("other", "2", "1"), ("digital", "5", "5")],
)  # fmt: skip
def test_the_rates_of_the_trade_groups(group, vat, pit):
    """L48 12.2.b and C69 Annex I; L109 7.3 and D253 Annex."""
    day = date(2026, 12, 31)

    assert rules.percent(f"vat_percent_{group}", day) == Decimal(vat)
    assert rules.percent(f"pit_percent_{group}", day) == Decimal(pit)
