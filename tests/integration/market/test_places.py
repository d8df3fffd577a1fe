from datetime import date
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

from market import geography, ids, places
from market.errors import NotFound

REFORM = date(2025, 7, 1)


@pytest.fixture(autouse=True)
async def units(db: AsyncSession) -> None:
    await geography.load_units(db)


async def hall_in(db: AsyncSession, name: str) -> UUID:
    ward = await geography.unit_at(db, "14797", REFORM)
    area = await geography.unit_at(db, "14767", date(2024, 1, 1))
    hall_id = ids.new()
    await places.add_hall(db, hall_id, name, ward.id, area_id=area.id)
    return hall_id


async def test_a_hall_lies_in_today_s_ward_and_in_its_old_area(db: AsyncSession) -> None:
    hall_id = await hall_in(db, "Chợ Điện Biên")

    hall = await places.hall(db, hall_id)

    assert (hall.unit_name, hall.area_label) == ("Hạc Thành", "khu vực Điện Biên cũ")
    by_area = await places.halls_in(db, [hall.area_id or hall_id])
    by_ward = await places.halls_in(db, [hall.unit_id])
    assert [h.id for h in by_area] == [h.id for h in by_ward] == [hall_id]


async def test_stalls_are_listed_as_one_walks_past_them(db: AsyncSession) -> None:
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
