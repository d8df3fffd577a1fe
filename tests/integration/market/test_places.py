from datetime import date
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids, places
from market.errors import NotFound

REFORM = date(2025, 7, 1)


@pytest.fixture
async def units(db: AsyncSession) -> int:
    return await places.load_units(db)


@pytest.mark.parametrize(
    ("parent", "day", "count"),
    [("380", date(2024, 12, 31), 34), ("380", date(2025, 1, 1), 47), ("38", REFORM, 7)],
)
async def test_the_city_is_34_then_47_then_7(
    db: AsyncSession, units: int, parent: str, day: date, count: int
) -> None:
    assert len(await places.units_within(db, parent, day)) == count


async def test_loading_twice_writes_nothing_new(db: AsyncSession, units: int) -> None:
    again = await places.load_units(db)

    assert again == units
    assert len(await places.units_within(db, "380", date(2025, 1, 1))) == 47


async def test_a_code_is_looked_up_on_a_day(db: AsyncSession, units: int) -> None:
    before = await places.unit_at(db, "14797", date(2025, 6, 30))
    after = await places.unit_at(db, "14797", REFORM)

    assert (before.name, after.name) == ("Đông Hải", "Hạc Thành")
    with pytest.raises(NotFound):
        await places.unit_at(db, "380", REFORM)


async def test_a_split_ward_has_two_successors_the_default_first(
    db: AsyncSession, units: int
) -> None:
    split = await places.unit_at(db, "14758", date(2024, 1, 1))

    heirs = await places.successors(db, split.id)

    assert [(h.unit.name, h.share, h.is_default) for h in heirs] == [
        ("Hạc Thành", "part", True), ("Hàm Rồng", "part", False),
    ]  # fmt: skip


async def test_a_new_ward_knows_the_areas_it_was_made_of(db: AsyncSession, units: int) -> None:
    ward = await places.unit_at(db, "14797", REFORM)

    areas = await places.areas_of(db, ward.id)

    assert len(areas) == 12
    assert {area.unit.name for area in areas if area.share == "part"} == {"Đông Thọ", "An Hưng"}
    assert sum(area.unit.is_market40 for area in areas) == 6


async def test_a_name_alone_may_be_ambiguous_through_time_but_not_on_a_day(
    db: AsyncSession, units: int
) -> None:
    all_times = await places.find_units(db, "Dong Son")
    today = await places.unit_named(db, "phường Đông Sơn", date(2026, 1, 1))

    assert {unit.code for unit in all_times} >= {"14785", "16378"}
    assert today.code == "16378"
    with pytest.raises(NotFound):
        await places.unit_named(db, "Hà Nội", REFORM)


async def hall_in(db: AsyncSession, name: str) -> UUID:
    ward = await places.unit_at(db, "14797", REFORM)
    area = await places.unit_at(db, "14767", date(2024, 1, 1))
    hall_id = ids.new()
    await places.add_hall(db, hall_id, name, ward.id, area_id=area.id)
    return hall_id


async def test_a_hall_lies_in_today_s_ward_and_in_its_old_area(
    db: AsyncSession, units: int
) -> None:
    hall_id = await hall_in(db, "Chợ Điện Biên")

    hall = await places.hall(db, hall_id)

    assert (hall.unit_name, hall.area_label) == ("Hạc Thành", "khu vực Điện Biên cũ")
    by_area = await places.halls_in(db, [hall.area_id or hall_id])
    by_ward = await places.halls_in(db, [hall.unit_id])
    assert [h.id for h in by_area] == [h.id for h in by_ward] == [hall_id]


async def test_stalls_are_listed_as_one_walks_past_them(db: AsyncSession, units: int) -> None:
    hall_id = await hall_in(db, "Chợ Vườn Hoa")
    first, second = ids.new(), ids.new()
    await places.add_zone(db, first, hall_id, "Dãy rau", 1)
    await places.add_zone(db, second, hall_id, "Dãy thịt", 2)
    for code, zone in (("B2", second), ("A10", first), ("a9", first), ("C1", None)):
        await places.add_stall(db, ids.new(), hall_id, code, date(2026, 1, 1), zone_id=zone)

    stalls = await places.stalls_of(db, [hall_id])

    assert [stall.code for stall in stalls] == ["A9", "A10", "B2", "C1"]
    assert (await places.stall_coded(db, hall_id, " a 10")).code == "A10"
    with pytest.raises(NotFound):
        await places.stall_coded(db, hall_id, "Z9")
