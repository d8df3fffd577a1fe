import random
import unicodedata

import pytest

from catalog.vietnamese import fold, sort_key, tidy


def test_names_sort_by_letter_first_and_tone_last() -> None:
    ordered = [
        "ba",
        "bà",
        "bả",
        "bã",
        "bá",
        "bạ",
        "bai",
        "ban",
        "băn",
        "bân",
        "bo",
        "bò",
        "bô",
        "bơ",
        "ca",
        "da",
        "đa",
        "e",
        "ê",
        "ga",
    ]
    mixed = random.Random(1).sample(ordered, len(ordered))

    assert sorted(mixed, key=sort_key) == ordered


def test_syllables_are_compared_one_after_the_other() -> None:
    ordered = ["Bà Thẩm", "Bán dạo", "Bánh cuốn", "Bánh đúc", "Đậu phụ", "Đậu rán", "Gà ta"]
    mixed = random.Random(2).sample(ordered, len(ordered))

    assert sorted(mixed, key=sort_key) == ordered


def test_digits_stand_before_letters() -> None:
    assert sort_key("7 Up") < sort_key("Ăn sáng")


def test_a_sort_key_is_ascii() -> None:
    assert sort_key("Nước mắm Ba Làng ₫ 40°N — đặc biệt").isascii()


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("dau phu", "Đậu phụ"),
        ("THIT BO", "Thịt bò"),
        ("my tom", "Mì tôm"),
        ("hoá quả", "hóa quả"),
        ("  cá   rô ", "ca ro"),
    ],
)
def test_folding_forgets_marks_case_and_the_two_ways_to_write_i(typed: str, meant: str) -> None:
    assert fold(typed) == fold(meant)
    assert fold(unicodedata.normalize("NFD", typed)) == fold(typed)


def test_a_tidy_text_is_whole_and_single_spaced() -> None:
    assert tidy(" " + unicodedata.normalize("NFD", "Cá  rô\tphi") + "\n") == "Cá rô phi"
