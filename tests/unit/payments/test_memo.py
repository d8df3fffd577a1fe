"""Codes survive what banks do to memos, and damage is noticed."""

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
    ],
)
def test_no_code_is_found_where_there_is_none(text):
    assert memo.find_codes(text) == []


def test_a_whole_word_wins_over_what_squeezing_puts_together():
    other = memo.new_code(b"abcdefgh")

    found = memo.find_codes(f"{other[:5]} {other[5:]} {CODE}")

    assert found == [CODE]


def test_two_codes_are_both_found():
    other = memo.new_code(b"abcdefgh")

    assert memo.find_codes(f"{CODE} {other}") == [CODE, other]


@pytest.mark.parametrize("text", [CODE[:-1], CODE[:-2], f"{CODE[:-2]} Trace 339176"])
def test_a_cut_code_suggests_the_only_one_it_can_have_been(text):
    other = memo.new_code(b"abcdefgh")

    assert memo.suggested(memo.find_damaged(text), [CODE, other]) == CODE


def test_a_code_that_may_be_two_suggests_none():
    twin = CODE[:-2] + "ZZ"

    assert memo.suggested([CODE[:-2]], [CODE, twin]) is None


def test_a_code_keeps_nine_characters_for_every_gateway():
    assert len(CODE) == 9
    assert CODE.startswith("CHO")
    assert not set(BODY) & set("0O1IL5S")
