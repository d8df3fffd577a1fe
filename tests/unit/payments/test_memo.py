"""Codes survive what banks do to memos, and damage is noticed."""

import re

import pytest

from payments import memo

CODE = memo.new_code(b"12345678")
BODY = CODE[3:]
SHAPES = [
    f"MBVCB.1234567890.123456.{CODE}.CT tu 0000000000 NGUYEN VAN A toi 9990001112223 CO LAN tai VCB",
    f"123456.231126.101722.{CODE}",
    f"{CODE} FT26327000001",
    f"{CODE}-123456-CHUYEN TIEN-OQCH0001",
    f"{CODE} Trace 339176",
    f"{CODE}- Ma giao dich/ Trace 123456",
    CODE.lower(),
    f"CHO {BODY}",
    f"CHO-{BODY}",
    f"{CODE[:4]} {CODE[4:]}",
    f"tien cho co Lan {CODE}",
    f"Tiền rau củ Đồng Vệ {CODE}",
    f"xxx{CODE}yyy",
    f"{CODE} {CODE}",
    "🐟 " + CODE,
    ".".join(CODE),
    f"CHO K M: {CODE[:6]}  {CODE[6:]}",
    f"chợ {BODY.lower()} nhé",
    "\u200b".join(CODE),
    "".join(chr(ord(letter) + 0xFEE0) for letter in CODE),
]


@pytest.mark.parametrize("text", SHAPES)
def test_a_code_is_found_in_every_shape_a_bank_gives_it(text):
    assert memo.find_codes(text) == [CODE]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NGUYEN VAN A chuyen tien",
        "GD 174242-090822 15:45:46",
        "0912345678 23/11/2026",
        CODE[:-1],
        BODY,
        "tien nha cho chong Nguyen Thi Nga",
        "mua cho em nhe c",
        "CHO34 TRA NO",
        "CHO" * 300,
    ],
)
def test_no_code_is_found_where_there_is_none(text):
    assert memo.find_codes(text) == []


def test_a_whole_word_wins_over_what_squeezing_puts_together():
    other = memo.new_code(b"abcdefgh")

    found = memo.find_codes(f"{other[:5]} {other[5:]} {CODE}")

    assert found == [CODE]


def test_talk_run_together_is_no_code_though_its_check_character_is_right():
    assert memo.is_code("CHONGNGUY")

    assert memo.find_codes("tiền của chồng Nguyễn Thị Nga") == []
    assert memo.find_codes("CHONGNGUY") == ["CHONGNGUY"]


def test_a_new_code_has_digits_in_two_places_that_talk_has_not():
    codes = [memo.new_code(number.to_bytes(8)) for number in range(500)]

    assert len(set(codes)) == 500
    assert all(re.search("[0-9][A-Z]+[0-9]", code) for code in codes)


def test_two_codes_are_both_found():
    other = memo.new_code(b"abcdefgh")

    assert memo.find_codes(f"{CODE} {other}") == [CODE, other]


@pytest.mark.parametrize("text", [CODE[:-1], CODE[:-2], f"{CODE[:-2]} Trace 339176"])
def test_a_cut_code_suggests_the_only_one_it_can_have_been(text):
    other = memo.new_code(b"abcdefgh")

    assert memo.suggested(memo.find_damaged(text), [CODE, other]) == CODE


@pytest.mark.parametrize(
    "typed",
    [
        f"CH0{BODY}",
        f"HO{BODY}",
        f"CHHO{BODY}",
        f"COH{BODY}",
        f"tien rau CO{BODY} cam on",
        f"{CODE[:4]}{CODE[5:]} Trace 123456",
        f"{CODE[:5]}X{CODE[5:]}",
        f"{CODE[:4]}{CODE[5]}{CODE[4]}{CODE[6:]}",
        f"{CODE[:-1]}Z",
        f"mbvcb.123.{CODE[:6]} {CODE[6:8]}.ct tu 001",
    ],
)
def test_one_slip_of_the_finger_is_suggested_and_never_assumed(typed):
    other = memo.new_code(b"abcdefgh")

    assert memo.find_codes(typed) == []
    assert memo.suggested(memo.find_damaged(typed), [CODE, other]) == CODE


def test_a_cut_code_that_other_text_makes_right_again_is_suggested_still():
    tail = next(
        a + b for a in memo.ALPHABET for b in memo.ALPHABET
        if a + b != CODE[-2:] and memo.is_code(CODE[:-2] + a + b)
    )  # fmt: skip

    assert memo.suggested(memo.find_damaged(f"x{CODE[:-2]} {tail} TRACE"), [CODE]) == CODE


def test_the_code_of_another_vendor_suggests_nothing():
    other = memo.new_code(b"abcdefgh")

    assert memo.suggested(memo.find_damaged(f"tien {other} nhe"), [CODE]) is None
    assert memo.suggested(memo.find_damaged(f"xx{other}yy"), [CODE]) is None


def test_a_damaged_code_beside_a_whole_one_is_seen_for_itself():
    other = memo.new_code(b"abcdefgh")

    assert memo.find_codes(f"{other} {CODE[:-1]}") == [other]
    assert memo.suggested(memo.find_damaged(f"{other} {CODE[:-1]}"), [CODE]) == CODE


def test_a_code_that_may_be_two_suggests_none():
    twin = CODE[:-2] + "ZZ"

    assert memo.suggested([CODE[:-2]], [CODE, twin]) is None


def test_a_code_keeps_nine_characters_for_every_gateway():
    assert len(CODE) == 9
    assert CODE.startswith("CHO")
    assert not set(BODY) & set("0O1IL5S")
