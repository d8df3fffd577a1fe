"""Codes survive what banks and thumbs do to memos; what is damaged is suggested, never assumed."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from payments import memo
from payments.text import MEMO_LENGTH_MAX, memo_with, plain

PLAIN_TEXT = st.text(st.sampled_from("ABDEGIKLMNPRSTUVXY aăâđêôơưáàảãạ.,-/0123456789"), max_size=40)
VERBS = [
    "chuyển tiền",
    "ck",
    "gửi tiền",
    "thanh toán",
    "trả tiền",
    "tt",
    "em gửi",
    "trả nợ",
    "mua",
    "đặt cọc",
]
FILLING = [
    "cho",
    "chợ",
    "chờ",
    "cho em",
    "cho chị",
    "cho cô",
    "cho mẹ",
    "chồng",
    "chọn",
    "chơi",
    "và",
    "hộ",
    "nhé",
    "ạ",
    "cảm ơn",
    "tháng",
    "hôm nay",
    "sáng",
    "con",
    "bố",
    "rau muống",
    "cá thu một nắng",
    "chả tôm",
    "dưa chuột",
    "dép xốp",
    "hành khô",
    "mũ rộng vành",
]
NAMES = ["Nguyễn Thị Nga", "Lê Văn Hùng", "Trần Thị Thu Hoa", "Phạm Xuân Cường", "Trịnh Đình Sơn"]

codes = st.binary(min_size=8, max_size=16).map(memo.new_code)


@given(codes)
@settings(max_examples=50)
def test_every_new_code_is_a_code(code):
    assert memo.is_code(code)
    assert memo.find_codes(code) == [code]
    assert memo.find_damaged(code) == []


@given(codes, st.integers(3, 8), st.sampled_from(memo.ALPHABET))
@settings(max_examples=50)
def test_one_wrong_character_is_noticed_and_suggests_the_code(code, index, wrong):
    typed = code[:index] + wrong + code[index + 1 :]

    assert memo.is_code(typed) == (typed == code)
    if typed != code:
        assert memo.suggested(memo.find_damaged(typed), [code]) == code


@given(codes, st.integers(3, 7))
@settings(max_examples=50)
def test_swapped_neighbours_are_noticed_and_suggest_the_code(code, index):
    typed = code[:index] + code[index + 1] + code[index] + code[index + 2 :]

    assert memo.is_code(typed) == (typed == code)
    if typed != code:
        assert memo.suggested(memo.find_damaged(typed), [code]) == code


@given(st.text(max_size=200))
@settings(max_examples=50)
def test_any_text_can_be_searched(text):
    assert all(memo.is_code(code) for code in memo.find_codes(text))
    assert not any(memo.is_code(code) for code in memo.find_damaged(text))


@given(codes, PLAIN_TEXT, PLAIN_TEXT, st.sampled_from([" ", ".", "-", "/", ": ", " - "]))
@settings(max_examples=50)
def test_a_code_among_any_words_is_found(code, before, after, space):
    assert code in memo.find_codes(f"{before}{space}{code}{space}{after}")


@given(codes, st.lists(st.sampled_from(["", " ", "-", ".", "  "]), min_size=8, max_size=8))
@settings(max_examples=50)
def test_spaces_and_dashes_inside_do_not_hide_a_code(code, gaps):
    typed = "".join(letter + gap for letter, gap in zip(code, [*gaps, ""], strict=True))

    assert memo.find_codes(typed.lower()) == [code]


@given(codes, codes, st.booleans())
@settings(max_examples=50)
def test_two_codes_are_both_found_in_their_order(one, other, is_glued):
    between = "" if is_glued else " va "

    assert memo.find_codes(f"{one}{between}{other}") == list(dict.fromkeys([one, other]))


@given(codes, codes, st.integers(0, 8), st.sampled_from(["wrong", "missing", "doubled"]), st.data())
@settings(max_examples=150)
def test_a_slip_anywhere_is_never_taken_for_a_code_and_suggests_the_right_one(
    code, other, index, slip, data
):
    wrong = data.draw(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
    middle = {"wrong": wrong, "missing": "", "doubled": code[index] * 2}[slip]
    typed = code[:index] + middle + code[index + 1 :]

    if code not in typed:
        assert code not in memo.find_codes(typed)
        assert memo.suggested(memo.find_damaged(f"tien rau {typed}"), [code]) == code
        assert memo.suggested(memo.find_damaged(typed), [code, other]) in (code, None)


@given(codes, st.integers(1, 2), PLAIN_TEXT)
@settings(max_examples=50)
def test_a_cut_end_suggests_the_code_and_no_more(code, lost, after):
    typed = f"{code[:-lost]} {after}"

    assert memo.suggested(memo.find_damaged(typed), [code]) == code or code in memo.find_codes(
        typed
    )


@given(codes, st.text(max_size=60))
@settings(max_examples=100)
def test_any_words_behind_a_code_are_cut_and_the_code_is_not(code, words):
    text = memo_with(code, words)

    assert len(text) <= MEMO_LENGTH_MAX
    assert text.isascii()
    assert text.replace(" ", "").isalnum()
    assert memo.find_codes(text)[0] == code


@given(st.lists(codes, max_size=30), st.text(max_size=200))
@settings(max_examples=50)
def test_only_a_code_that_waits_is_ever_suggested(waiting, text):
    assert memo.suggested(memo.find_damaged(text), waiting) in (None, *waiting)


def test_the_talk_of_twenty_thousand_memos_is_no_code():
    rng = random.Random(7)

    accepted = [text for text in (_talk(rng) for _ in range(20_000)) if memo.find_codes(text)]

    assert accepted == []


def _talk(rng):
    """A memo as people write it, thick with words that begin like a code."""
    words = []
    for _ in range(rng.randint(1, 7)):
        kinds = (
            VERBS,
            FILLING,
            FILLING,
            NAMES,
            [f"{rng.randint(1, 99)}kg", str(rng.getrandbits(40))],
        )
        words.append(rng.choice(rng.choice(kinds)))
    text = " ".join(words)
    return plain(text).upper() + rng.choice(["", f" FT{rng.getrandbits(36)}", " Trace 123456"])
