from datetime import date
from uuid import UUID

import pytest

from market import geography

END_OF_2024, START_OF_2025, REFORM = date(2024, 12, 31), date(2025, 1, 1), date(2025, 7, 1)


def in_city(day: date) -> list[geography.Unit]:
    (city,) = (unit for unit in geography.shipped_units() if unit.code == geography.CITY_CODE)
    return [u for u in geography.shipped_units() if u.parent_id == city.id and u.is_valid(day)]


def at(code: str, day: date) -> geography.Unit:
    (found,) = (u for u in geography.shipped_units() if u.code == code and u.is_valid(day))
    return found


def test_the_city_had_34_units_then_47() -> None:
    before, after = in_city(END_OF_2024), in_city(START_OF_2025)

    assert (len(before), len(after)) == (34, 47)
    kinds = [unit.kind for unit in after]
    assert (kinds.count("phuong"), kinds.count("xa")) == (33, 14)


def test_since_the_reform_seven_wards_stand_under_the_province() -> None:
    wards = [u for u in geography.shipped_units() if len(u.code) == 5 and u.is_valid(REFORM)]

    assert len(wards) == 7
    assert {unit.kind for unit in wards} == {"phuong"}
    assert in_city(REFORM) == []


@pytest.mark.parametrize(
    ("code", "old", "new"),
    [
        ("14758", "Đông Thọ", "Hàm Rồng"),
        ("14797", "Đông Hải", "Hạc Thành"),
        ("15853", "Thiệu Giao", "Đông Tiến"),
        ("15925", "Hoằng Quang", "Nguyệt Viên"),
        ("16378", "Rừng Thông", "Đông Sơn"),
        ("16417", "Đông Văn", "Đông Quang"),
    ],
)
def test_a_code_given_anew_means_another_area(code: str, old: str, new: str) -> None:
    before, after = at(code, date(2025, 6, 30)), at(code, REFORM)

    assert (before.name, after.name) == (old, new)
    assert before.id != after.id


def test_the_ward_that_kept_code_and_name_is_still_another_unit() -> None:
    before, after = at("16522", date(2025, 6, 30)), at("16522", REFORM)

    assert before.name == after.name == "Quảng Phú"
    assert before.id != after.id


def test_every_ended_commune_has_one_default_successor() -> None:
    defaults: dict[UUID, int] = {}
    for old, _, _, is_default in geography.shipped_successions():
        defaults[old] = defaults.get(old, 0) + is_default

    ended = [u for u in geography.shipped_units() if len(u.code) == 5 and u.valid_to is not None]
    assert {unit.id for unit in ended} == set(defaults)
    assert set(defaults.values()) == {1}


def test_every_successor_begins_when_the_old_unit_has_ended() -> None:
    units = {unit.id: unit for unit in geography.shipped_units()}

    for old, new, _, _ in geography.shipped_successions():
        ended = units[old].valid_to
        assert ended is not None
        assert not units[old].is_valid(ended.replace(month=7, day=1, year=2025))
        assert units[new].valid_to is None or units[new].valid_to > ended


def test_eight_old_wards_had_a_cashless_market_in_2023() -> None:
    named = {unit.name for unit in geography.shipped_units() if unit.is_market40}

    assert named == {
        "Điện Biên", "Trường Thi", "Lam Sơn", "Đông Vệ", "Đông Sơn", "Đông Hương", "Quảng Thắng",
        "Quảng Thịnh",
    }  # fmt: skip


@pytest.mark.parametrize(
    "typed", ["Thanh Hóa", "Thanh Hoá", "thanh hoa", "TP Thanh Hoa", "Thành phố Thanh Hóa"]
)
def test_both_ways_to_put_the_tone_find_the_same_unit(typed: str) -> None:
    found = geography.named(typed, geography.shipped_units(), END_OF_2024)

    assert geography.CITY_CODE in {unit.code for unit in found}


def test_two_names_equal_without_marks_are_told_apart_by_their_marks() -> None:
    one = geography.Unit(UUID(int=1), "1", "Đông Tiến", "phuong")
    other = geography.Unit(UUID(int=2), "2", "Đồng Tiến", "xa")

    assert geography.named("xã Đồng Tiến", [one, other])[0] is other
    assert geography.named("phường Đông Tiến", [one, other])[0] is one
    assert len(geography.named("dong tien", [one, other])) == 2


def test_d_with_a_stroke_is_found_without_it() -> None:
    found = geography.named("phuong dien bien", geography.shipped_units())

    assert [unit.name for unit in found] == ["Điện Biên"]


def test_a_unit_is_called_by_its_kind_and_name() -> None:
    assert at("14797", REFORM).full_name == "phường Hạc Thành"
    assert at("38", REFORM).full_name == "Tỉnh Thanh Hóa"
