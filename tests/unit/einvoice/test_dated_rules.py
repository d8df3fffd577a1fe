"""Every shipped rule has a test that names its article; those of the tax year are held here."""

import re
from datetime import date
from pathlib import Path

import pytest

from einvoice import instruments, rules

TESTS = Path(__file__).parents[2]
OURS = ("Đặt bởi dự án", "Chưa xác nhận")
LAST = date(2026, 12, 31)


def test_every_rule_has_a_test_that_names_its_article():
    """For each rule “D254 Điều 9.5” a test says D254 and 9.5 near each other."""
    texts = "\n".join(one.read_text("utf-8") for one in sorted(TESTS.rglob("test_*.py")))
    untested = {
        f"{row.key}: {row.source}"
        for row in rules.all_rules()
        if not row.source.startswith(OURS)
        for identifier, article in _cited(row.source)
        if not re.search(rf"\b{identifier}\b[^\n]{{0,60}}?{re.escape(article)}", texts)
    }

    assert untested == set()


def _cited(source: str) -> list[tuple[str, str]]:
    """`D310; D125 Điều 24.3` as (D310, ""), (D125, 24.3)."""
    for one in instruments.by_id().values():
        source = source.replace(one.number, one.id)
    found = re.findall(
        r"\b([A-Z]{1,2}[0-9]{2,4})\b(?:,? (?:Điều|Phụ lục|phần)(?: mục)? ([0-9]+(?:\.[0-9a-zđ]+)*))?",
        source,
    )
    return [
        (identifier, article) for identifier, article in found if not identifier.startswith("QH")
    ]


@pytest.mark.parametrize(
    ("known_on", "limit_vnd"),
    [
        (date(2014, 12, 31), None),  # Law 71/2014 knew 100 million, for years until 2025
        (date(2024, 12, 31), 200_000_000),  # L48
        (date(2025, 12, 31), 500_000_000),  # L109, L149
        (date(2026, 4, 28), 500_000_000),
        (date(2026, 4, 29), 1_000_000_000),  # L09, D141 1
    ],
)
def test_the_free_revenue_of_2026_as_each_law_left_it(known_on, limit_vnd):
    """L48, L109, L149, L09 with D141 1: 200, 500, 1 000 million for the same year."""
    if limit_vnd is None:
        with pytest.raises(rules.RuleUnknown):
            rules.amount("household_threshold_vnd", LAST, known_on)
        return

    assert rules.amount("household_threshold_vnd", LAST, known_on) == limit_vnd


def test_the_list_of_accounts_was_due_in_april_and_then_in_july():
    """D68 18, later moved as C50 is reported to say; C18 8 has the form 01/BK-STK."""
    day = date(2026, 3, 1)

    assert rules.rule("accounts_first_due_on", day, date(2026, 4, 20)).value == "2026-04-20"
    assert rules.rule("accounts_first_due_on", day, date(2026, 4, 21)).value == "2026-07-31"
    assert rules.phrase("form_accounts", LAST) == "01/BK-STK"


@pytest.mark.parametrize(
    ("key", "form"),
    [
        ("form_revenue_notice", "01/TKN-CNKD"),  # D68 8, C18 3; C89 99.5 from 1 July 2026
        ("form_return", "01/CNKD"),  # D68 8, C18 4
        ("form_profit_settlement", "02/CNKD-TNCN-QTT"),  # D68 10, C18 4
        ("form_location", "01/TB-ĐĐKD"),  # D68 13.4, C18 8
        ("form_stock", "01/BK-HTK"),  # C18
    ],
)
def test_the_forms_have_their_codes(key, form):
    assert rules.phrase(key, LAST) == form


def test_books_are_kept_five_years_and_named_as_the_circular_does():
    """C152, instead of C88 since 1 January 2026."""
    assert rules.amount("stalls_books_years_min", LAST) == 5
    assert [row["book"] for row in rules.table("books", LAST)] == [
        "S1a-HKD", "S2a-HKD", "S2b-HKD", "S2c-HKD", "S2d-HKD", "S2e-HKD",
    ]  # fmt: skip
    titled = {row["book"] for row in rules.table("book_titles", LAST)}
    assert titled == {row["book"] for row in rules.table("books", LAST)}


def test_what_has_no_vat_cut_is_listed():
    """NQ204, D174: telecom, finance, metals, excise goods (petrol has the cut)."""
    excluded = rules.table("vat_cut_excluded", LAST)

    assert "viễn thông" in excluded
    assert "kim loại" in excluded
    assert any("trừ xăng" in one for one in excluded)
    with pytest.raises(rules.RuleUnknown):
        rules.table("vat_cut_excluded", date(2027, 1, 1))


def test_common_words_of_a_business_name_may_be_short():
    """D254 Annex 4.a."""
    assert {"TP", "TNHH", "KCN"} <= set(rules.table("buyer_word_short", LAST))


def test_four_holidays_stand_by_the_calendar():
    """Labour Code 45/2019, Art. 112 (45/2019/QH14 112)."""
    fixed = {(row["month"], row["day"]) for row in rules.table("holidays_fixed", LAST)}

    assert fixed == {(1, 1), (4, 30), (5, 1), (9, 2)}


def test_names_of_invoices_and_their_basis_are_those_of_the_day():
    """F1450 gave the names; C91 Annex V has them; since 1 July 2026 the basis is L108 with D254."""
    assert rules.phrase("name_sales_invoice", date(2023, 1, 1)) == "Hóa đơn bán hàng"
    assert rules.phrase("name_sales_invoice", LAST) == "Hóa đơn bán hàng"
    assert "254/2026" in rules.phrase("legal_basis", date(2026, 7, 1))
    assert "254/2026" not in rules.phrase("legal_basis", date(2026, 6, 30))


def test_a_repealed_instrument_is_never_the_present_basis_of_anything():
    """No row in force today rests only on what has no force today."""
    today = date(2026, 11, 23)
    for row in rules.all_rules():
        if not row.holds_on(today) or rules.rule(row.key, today) != row:
            continue
        named = instruments.named_in(row.source)
        assert not named or any(one.is_in_force(today) for one in named), row


def test_a_retroactive_row_names_what_has_to_be_computed_again():
    """D141 of 29 April 2026 reaches back to 1 January: the year's tax, meter and drafts follow it."""
    changed = {row.key: row for row in rules.changed_since(date(2026, 4, 28))}

    assert changed["household_threshold_vnd"].valid_from == date(2026, 1, 1)
    assert changed["household_threshold_vnd"].is_retroactive
