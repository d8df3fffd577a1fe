from datetime import date

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from market import geography
from market.errors import NotFound

REFORM = date(2025, 7, 1)


@pytest.fixture
async def units(db: AsyncSession) -> int:
    return await geography.load_units(db)


@pytest.mark.parametrize(
    ("parent", "day", "count"),
    [("380", date(2024, 12, 31), 34), ("380", date(2025, 1, 1), 47), ("38", REFORM, 7)],
)
async def test_the_city_is_34_then_47_then_7(
    db: AsyncSession, units: int, parent: str, day: date, count: int
) -> None:
    assert len(await geography.units_within(db, parent, day)) == count


async def test_loading_twice_writes_nothing_new(db: AsyncSession, units: int) -> None:
    again = await geography.load_units(db)

    assert again == units
    assert len(await geography.units_within(db, "380", date(2025, 1, 1))) == 47


async def test_a_code_is_looked_up_on_a_day(db: AsyncSession, units: int) -> None:
    before = await geography.unit_at(db, "14797", date(2025, 6, 30))
    after = await geography.unit_at(db, "14797", REFORM)

    assert (before.name, after.name) == ("Đông Hải", "Hạc Thành")
    with pytest.raises(NotFound):
        await geography.unit_at(db, "380", REFORM)


async def test_a_split_ward_has_two_successors_the_default_first(
    db: AsyncSession, units: int
) -> None:
    split = await geography.unit_at(db, "14758", date(2024, 1, 1))

    heirs = await geography.successors(db, split.id)

    assert [(h.unit.name, h.share, h.is_default) for h in heirs] == [
        ("Hạc Thành", "part", True), ("Hàm Rồng", "part", False),
    ]  # fmt: skip


async def test_a_new_ward_knows_the_areas_it_was_made_of(db: AsyncSession, units: int) -> None:
    ward = await geography.unit_at(db, "14797", REFORM)

    areas = await geography.areas_of(db, ward.id)

    assert len(areas) == 12
    assert {area.unit.name for area in areas if area.share == "part"} == {"Đông Thọ", "An Hưng"}
    assert sum(area.unit.is_market40 for area in areas) == 6


async def test_a_name_alone_may_be_ambiguous_through_time_but_not_on_a_day(
    db: AsyncSession, units: int
) -> None:
    all_times = await geography.find_units(db, "Dong Son")
    today = await geography.unit_named(db, "phường Đông Sơn", date(2026, 1, 1))

    assert {unit.code for unit in all_times} >= {"14785", "16378"}
    assert today.code == "16378"
    with pytest.raises(NotFound):
        await geography.unit_named(db, "Hà Nội", REFORM)
