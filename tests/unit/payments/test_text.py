"""Folding of Vietnamese text."""

import unicodedata

import pytest

from payments.text import CodeTooLong, fold, memo_with, search_key


def test_vietnamese_folds_to_ascii_and_is_cut_after_folding() -> None:
    assert fold("Đặng Thị Ưởng – chợ Điện Biên", 25) == "Dang Thi Uong cho Dien Bi"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_both_normal_forms_fold_alike(form: str) -> None:
    text = unicodedata.normalize(form, "Chợ Điện Biên")  # type: ignore[arg-type]

    assert fold(text) == "Cho Dien Bien"


def test_the_stroked_d_folds_in_both_cases() -> None:
    assert fold("Đậu đỏ") == "Dau do"


def test_typographic_signs_become_plain() -> None:
    assert fold("cô\u00a0Lan’s “rau” – sạch…") == 'co Lan\'s "rau" sach...'


def test_emoji_and_other_scripts_are_dropped() -> None:
    assert fold("rau 🥬 sạch 蔬菜") == "rau sach"


def test_a_cut_leaves_no_space_at_the_end() -> None:
    assert fold("CO LAN RAU", 7) == "CO LAN"


def test_the_code_stays_whole_before_the_words() -> None:
    memo = memo_with("CHOK7M2QX", "Cảm ơn cô Lan – rau sạch chợ Điện Biên")

    assert memo == "CHOK7M2QX Cam on co Lan r"
    assert len(memo) <= 25


def test_a_code_that_does_not_fit_is_refused_not_cut() -> None:
    with pytest.raises(CodeTooLong):
        memo_with("CHO" * 9)


def test_spellings_of_one_name_share_a_key() -> None:
    assert search_key("Thúy Hòa") == search_key("THUÝ  HOÀ") == search_key("thui hoa")
