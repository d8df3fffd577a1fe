"""Amounts in words: the numbers of the reference, any size, both spellings."""

import unicodedata

import pytest

from einvoice import words

SPOKEN = {
    0: "không",
    1: "một",
    5: "năm",
    10: "mười",
    11: "mười một",
    14: "mười bốn",
    15: "mười lăm",
    18: "mười tám",
    20: "hai mươi",
    21: "hai mươi mốt",
    24: "hai mươi tư",
    25: "hai mươi lăm",
    35: "ba mươi lăm",
    41: "bốn mươi mốt",
    44: "bốn mươi tư",
    100: "một trăm",
    101: "một trăm linh một",
    107: "một trăm linh bảy",
    115: "một trăm mười lăm",
    1_000: "một nghìn",
    1_002: "một nghìn không trăm linh hai",
    1_010: "một nghìn không trăm mười",
    40_005: "bốn mươi nghìn không trăm linh năm",
    1_000_000: "một triệu",
    1_000_001: "một triệu không trăm linh một",
    6_000_050: "sáu triệu không trăm năm mươi",
    70_000_000_001: "bảy mươi tỷ không trăm linh một",
    10**12: "một nghìn tỷ",
    10**18: "một tỷ tỷ",
    10**18 + 5 * 10**9: "một tỷ không trăm linh năm tỷ",
    10**27: "một tỷ tỷ tỷ",
}


@pytest.mark.parametrize(("number", "spoken"), SPOKEN.items())
def test_a_number_is_read_as_in_school(number, spoken):
    assert words.number_in_words(number) == spoken


def test_an_amount_begins_with_a_capital_and_ends_with_dong():
    assert words.amount_in_words(110_750) == "Một trăm mười nghìn bảy trăm năm mươi đồng"
    assert words.amount_in_words(0) == "Không đồng"
    assert words.amount_in_words(-40_000) == "Âm bốn mươi nghìn đồng"


def test_the_south_says_le_and_ngan():
    assert words.amount_in_words(1_002, words.SOUTH) == "Một ngàn không trăm lẻ hai đồng"


@pytest.mark.parametrize(
    "text",
    [
        "MỘT NGÀN KHÔNG TRĂM LẺ HAI ĐỒNG CHẴN.",
        "một nghìn không trăm linh hai đồng",
        "Một nghìn, không trăm linh hai đồng./".removesuffix("/"),
        "Một nghìn không trăm linh hai đồng".encode().decode(),
    ],
)
def test_other_spellings_mean_the_same(text):
    assert words.same_words(text, 1_002)


def test_marks_typed_apart_mean_the_same():
    assert words.same_words(unicodedata.normalize("NFD", "Hai mươi nhăm tỉ đồng"), 25 * 10**9)


@pytest.mark.parametrize("text", ["", "Một nghìn đồng", "Âm một nghìn không trăm linh hai đồng"])
def test_other_amounts_do_not(text):
    assert not words.same_words(text, 1_002)


@pytest.mark.parametrize(
    ("text", "amount", "same"),
    [
        ("Trừ năm nghìn đồng", -5_000, True),
        ("- Năm nghìn đồng", -5_000, True),
        ("(Âm) năm nghìn đồng", -5_000, True),
        ("“Năm nghìn đồng chẵn.”", 5_000, True),
        ("- Năm nghìn đồng", 5_000, False),
        ("Năm nghìn đồng", -5_000, False),
    ],
)
def test_a_minus_said_or_written_makes_the_amount_negative(text, amount, same):
    assert words.same_words(text, amount) is same
