"""Symbols, codes, tax ids, message ids."""

from datetime import date
from uuid import UUID

import pytest

from einvoice import errors, identifiers

DAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    "text",
    [
        *("1C26TAA", "2C26TBB", "1C26LBB", "1K26TYY", "1K26DAA", "3C26DYY", "3K26DYY"),
        *("6K26NAB", "6K26BAB", "7K26XAB", "2C26MAA"),
    ],
)
def test_the_official_examples_are_symbols(text):
    assert str(identifiers.symbol_of(int(text[0]), text[1:], DAY)) == text[1:]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        (2, "C25MAA"),  # another year
        (2, "D26MAA"),
        (2, "C26MA"),
        (2, "C26MAa"),
        (2, "C26MAÀ"),
        (2, "C26NAA"),  # a delivery note is template 6
        (7, "C26MAA"),
        (2, "C26MAA\n"),
    ],
)
def test_a_symbol_that_does_not_fit_is_refused(template, text):
    with pytest.raises(errors.SymbolInvalid):
        identifiers.symbol_of(template, text, DAY)


@pytest.mark.parametrize("number", [0, -1, 100_000_000])
def test_a_number_has_one_to_eight_digits(number):
    with pytest.raises(errors.NumberInvalid):
        identifiers.checked_number(number)


def test_a_cash_register_code_has_23_characters():
    prefix = identifiers.code_prefix(2, DAY, "A1B2C")

    code = identifiers.cash_register_code(prefix, 123)

    assert code == "M2-26-A1B2C-00000000123"
    assert len(code) == 23
    assert identifiers.prefix_in(code) == "A1B2C"


@pytest.mark.parametrize(
    "text", ["M0-26-A1B2C-00000000123", "M2-26-a1b2c-00000000123", "", "A" * 33]
)
def test_another_shape_is_no_tax_code(text):
    with pytest.raises(errors.CodeInvalid):
        identifiers.checked_code(text)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("0107001729", "0107001729"),
        (" 0107 001 729 ", "0107001729"),
        ("0107001729001", "0107001729-001"),
        ("0107001729-001", "0107001729-001"),
        ("038190000123", "038190000123"),
    ],
)
def test_a_tax_id_is_brought_into_its_written_form(typed, written):
    assert identifiers.tax_id_of(typed) == written


@pytest.mark.parametrize(
    "typed", ["", "123", "01070017290", "0107001729-01", "٠١٠٧٠٠١٧٢٩", "x" * 10]
)
def test_another_shape_is_no_tax_id(typed):
    with pytest.raises(errors.TaxIdInvalid):
        identifiers.tax_id_of(typed)


def test_a_wrong_check_digit_is_doubted_and_a_personal_id_never():
    assert identifiers.tax_id_doubt("0107001729") == ""
    assert identifiers.tax_id_doubt("0107001730-001") == "check digit"
    assert identifiers.tax_id_doubt("038190000123") == ""


def test_a_message_id_is_its_sender_and_32_digits():
    code = identifiers.message_code("V0107001729001", UUID("f6ca05c0-fad5-46fc-a237-a8e930e7cb49"))

    assert code == "V0107001729001F6CA05C0FAD546FCA237A8E930E7CB49"
    assert identifiers.checked_message_code(code) == code
    with pytest.raises(errors.CodeInvalid):
        identifiers.message_code("X1", UUID(int=0))


def test_a_lookup_code_has_80_bits_in_16_letters():
    assert identifiers.lookup_code(b"\x00" * 10) == "0" * 16
    assert identifiers.lookup_code(b"\xff" * 10) == "Z" * 16
    with pytest.raises(errors.CodeInvalid):
        identifiers.checked_lookup_code("0" * 15 + "U")
