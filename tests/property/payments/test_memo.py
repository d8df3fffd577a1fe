"""The check character: every single wrong character and every swap of neighbours is noticed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from payments import memo

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
