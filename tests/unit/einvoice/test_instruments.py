"""Nothing printed today rests on an instrument without force."""

from datetime import date

import pytest

from einvoice import instruments, rules
from einvoice.errors import InstrumentNotInForce

TODAY = date(2026, 11, 23)


def test_a_citation_is_spelled_out():
    assert instruments.cite("D254 Điều 6.1.d", TODAY) == "Nghị định số 254/2026/NĐ-CP, Điều 6.1.d"


@pytest.mark.parametrize("identifier", ["D123", "D70", "C78", "C32", "L38", "D126", "D117", "C40"])
def test_a_repealed_instrument_is_not_cited(identifier):
    with pytest.raises(InstrumentNotInForce):
        instruments.cite(f"{identifier} Điều 1", TODAY)


def test_an_instrument_had_force_until_its_last_day():
    assert instruments.cite("D123", date(2026, 6, 30))
    with pytest.raises(InstrumentNotInForce):
        instruments.cite("D254", date(2026, 6, 30))


def test_the_source_of_every_rule_in_force_today_has_force():
    for key in {row.key for row in rules.all_rules()}:
        if rules.holds(key, TODAY):
            row = rules.rule(key, TODAY)
            assert instruments.repealed_in(row.source, TODAY) == [], row
            named = [one for one in instruments.named_in(row.source) if one.repealed]
            assert all(one.is_in_force(TODAY) for one in named), row


def test_a_repealed_instrument_is_found_in_a_text_by_its_number():
    found = instruments.repealed_in("Căn cứ Nghị định số 123/2020/NĐ-CP và mặt hàng C78", TODAY)

    assert [one.id for one in found] == ["D123"]


def test_every_successor_is_known():
    for one in instruments.by_id().values():
        assert not one.by or one.by in instruments.by_id()
        assert one.repealed is None or one.in_force < one.repealed


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("nghị định 123/2020", ["D123"]),
        ("NGHỊ ĐỊNH SỐ 123/2020/NĐ-CP", ["D123"]),
        ("Thông  tư số\t78/2021", ["C78"]),
        ("Thông tư số 78/2021", ["C78"]),
        ("Nghị định 170/2025/NĐ-CP", []),
        ("Nghị định 65/2013/NĐ-CP, Thông tư 80/2021/TT-BTC", ["D65", "C80"]),
        ("Nghị định 91/2022/NĐ-CP và 373/2025/NĐ-CP", ["D91", "D373"]),
        ("Nghị định 254/2026/NĐ-CP", []),
    ],
)
def test_a_repealed_instrument_is_found_however_it_is_typed(text, found):
    assert [one.id for one in instruments.repealed_in(text, TODAY)] == found


def test_every_instrument_the_decrees_of_2026_replace_is_known_as_repealed():
    """Decrees 252, 253, 254 of 2026 and Circulars 89, 91 took effect on 1 July 2026."""
    for identifier in ("D123", "D70", "D41", "D126", "D91", "D117", "D373", "D65", "C32", "C80"):
        assert not instruments.by_id()[identifier].is_in_force(date(2026, 7, 1)), identifier
