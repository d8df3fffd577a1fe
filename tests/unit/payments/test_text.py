"""Folding of Vietnamese text."""

import unicodedata

import pytest

from payments.text import CodeTooLong, fold, memo_with, one_line, search_key


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


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Ðặng Ðình", "Dang Dinh"),
        ("１２３ ＣＨＯ", "123 CHO"),
        ("2½ kg · 5 m²", "2 1/2 kg 5 m2"),
        ("«rau» ‘sạch’ 100‑200", "\"rau\" 'sach' 100 200"),
        ("CH\u200bO\u00ad K7", "CHO K7"),
        ("một\thai\nba", "mot hai ba"),
        ("50.000 ₫", "50.000"),
    ],
)
def test_what_keyboards_and_old_fonts_write_folds_too(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Hải sản Bảy Hòa", "Hải sản Bảy Hòa"),
        (
            unicodedata.normalize("NFD", "Hải sản Bảy Hòa Điện Biên Phủ"),
            "Hải sản Bảy Hòa Điện Biên",
        ),
        ("cô\nLan\x00", "cô Lan"),
        ("a" * 24 + " bc", "a" * 24),
        ("a" * 24 + "m\u0326\u0302", "a" * 24),
    ],
)
def test_a_native_name_is_cut_between_letters_and_stays_on_one_line(text: str, kept: str) -> None:
    assert one_line(text, 25) == kept


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
