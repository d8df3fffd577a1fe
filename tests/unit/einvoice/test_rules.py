"""Law as dated rows."""

from datetime import date

import pytest

from einvoice import errors, rules


def test_the_threshold_of_2026_was_raised_after_the_year_began():
    day = date(2026, 3, 1)

    assert rules.amount("household_threshold_vnd", day, known_on=date(2026, 3, 1)) == 500_000_000
    assert rules.amount("household_threshold_vnd", day) == 1_000_000_000


def test_the_vat_cut_ends_with_2026():
    assert rules.amount("vat_cut_to_percent", date(2026, 12, 31)) == 8
    with pytest.raises(errors.RuleUnknown):
        rules.rule("vat_cut_to_percent", date(2027, 1, 1))


def test_the_format_changed_on_13_june_2025():
    assert rules.phrase("format_version", date(2025, 6, 12)) == "2.0.1"
    assert rules.phrase("format_version", date(2025, 6, 13)) == "2.1.0"


def test_a_repealed_decree_is_no_present_basis():
    assert "123/2020" not in rules.phrase("legal_basis", date(2026, 7, 1))


def test_every_row_has_a_source_and_ends_after_it_begins():
    for row in rules.all_rules():
        assert row.source
        assert row.valid_to is None or row.valid_from <= row.valid_to


def test_no_two_rows_of_a_key_are_known_on_the_same_day_for_the_same_day():
    rows = rules.all_rules()
    for one in rows:
        same = [
            other
            for other in rows
            if other.key == one.key
            and other.known_from == one.known_from
            and other.valid_from <= (one.valid_to or date.max)
            and one.valid_from <= (other.valid_to or date.max)
        ]
        assert same == [one]
