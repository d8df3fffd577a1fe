"""What a vendor keys to set an invoice right."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import einvoice
from einvoice.errors import FieldInvalid, TaxIdInvalid
from market.web import correction_forms as forms
from market.web import i18n

BEFORE = (
    einvoice.line("Rau muống", 5, 5_000, unit="bó"),
    einvoice.line("Thịt ba chỉ", Decimal("0.35"), 120_000, unit="kg"),
)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("40.000", "40000"),
        ("40000", "40000"),
        ("40k", "40000"),
        ("0,35", "0.35"),
        ("0.35", "0.35"),
        ("0.500", "0.500"),
        ("1.250,5", "1250.5"),
        (" 12 000 ₫ ", "12000"),
    ],
)
def test_numbers_are_read_as_people_write_them(text, number):
    assert forms.number(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "năm", "-1", "1e9", "1..2", "NaN", "1,2,3", "9" * 40, "½"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(FieldInvalid):
        forms.number(text)


@settings(max_examples=50)
@given(st.decimals(min_value="0.01", max_value=99_999_999, places=2))
def test_a_number_shown_is_read_back(number):
    shown = i18n.grouped(int(number)) if number == int(number) else i18n.quantity(number)

    assert forms.number(shown) == number


def columns(*lines):
    return [list(column) for column in zip(*lines, strict=True)]


def test_lines_nobody_touched_stay_as_they_are():
    keyed = columns(
        ("Rau muống", "bó", "5", "5.000"),
        ("Thịt ba chỉ", "kg", "0,35", "120.000"),
        ("", "", "", ""),
    )

    assert forms.right_lines(BEFORE, *keyed) == BEFORE


def test_lines_are_changed_left_out_and_added():
    keyed = columns(
        ("Rau cải", "bó", "4", "6.000"),
        ("Thịt ba chỉ", "kg", "0", "120.000"),
        ("Hành", "bó", "1", "2k"),
    )

    right = forms.right_lines(BEFORE, *keyed)

    assert [(one.name, one.amount_vnd) for one in right] == [("Rau cải", 24_000), ("Hành", 2_000)]


def test_goods_that_came_back_leave_the_rest():
    left = forms.kept_lines(BEFORE, ["2", "0,35"])

    assert [(one.name, one.quantity) for one in left] == [("Rau muống", 3)]
    with pytest.raises(FieldInvalid):
        forms.kept_lines(BEFORE, ["6", "0"])
    with pytest.raises(FieldInvalid):
        forms.kept_lines(BEFORE, ["1"])


def test_goods_without_a_price_are_shown_as_one_of_their_amount():
    bare = einvoice.Line(name="Rau", amount_vnd=30_000)

    (one,) = forms.shown([bare])

    assert (one.quantity, one.price_vnd) == (1, 30_000)
    assert forms.right_lines([bare], ["Rau"], [""], ["1"], ["30.000"]) == (bare,)


def test_a_buyer_keeps_what_is_left_empty():
    before = einvoice.Buyer(name="Công ty Cũ", tax_id="0107001729", address="Thanh Hóa")

    right = forms.right_buyer(before, "Công ty Mới", "", " ")

    assert (right.name, right.tax_id, right.address) == ("Công ty Mới", "0107001729", "Thanh Hóa")
    with pytest.raises(TaxIdInvalid):
        forms.right_buyer(before, "", "12", "")


def test_every_fault_and_every_way_has_words():
    assert set(forms.WORDS) == set(einvoice.Fault)
    assert {fault for fault, _, _ in forms.TILES} <= set(einvoice.Fault)
