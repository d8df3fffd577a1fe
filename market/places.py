"""Places: halls, zones and stalls; `geography` has the units they lie in."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.errors import NotFound
from market.tables import HallRow, OperatorRow, StallRow, UnitRow, ZoneRow

HALL_COLOURS = (
    "#1E5AA8", "#0A5F34", "#7A4E00", "#6B2C91", "#A61F18", "#00616B", "#5A4632", "#8A1C5C",
)  # fmt: skip
"""A hall keeps its hue on stands, charts and maps; every one is readable on white."""


def hall_colour(hall_id: UUID) -> str:
    """The hue of a hall, always the same."""
    return HALL_COLOURS[hall_id.int % len(HALL_COLOURS)]


@dataclass(frozen=True, slots=True)
class Hall:
    """A market hall or cashless street."""

    id: UUID
    name: str
    kind: str
    unit_id: UUID
    unit_name: str
    area_id: UUID | None = None
    area_name: str = ""
    operator_id: UUID | None = None
    address: str = ""
    latitude: Decimal | None = None
    longitude: Decimal | None = None

    @property
    def area_label(self) -> str:
        """“khu vực Điện Biên cũ”; empty where no old ward is known."""
        return f"khu vực {self.area_name} cũ" if self.area_name else ""


@dataclass(frozen=True, slots=True)
class Stall:
    """A point of sale in a hall."""

    id: UUID
    hall_id: UUID
    code: str
    trade: str
    status: str
    vendor_id: UUID | None
    zone_name: str = ""


async def add_operator(db: AsyncSession, operator_id: UUID, name: str) -> None:
    """Write a body that runs halls."""
    db.add(OperatorRow(id=operator_id, name=unicodedata.normalize("NFC", name)))
    await db.flush()


async def add_hall(
    db: AsyncSession, hall_id: UUID, name: str, unit_id: UUID, *, kind: str = "hall",
    area_id: UUID | None = None, operator_id: UUID | None = None, grade: int | None = None,
    address: str = "", latitude: Decimal | None = None, longitude: Decimal | None = None,
    opened_on: date | None = None,
) -> None:  # fmt: skip
    """Write a hall or street in today's unit and, if known, in its old ward's area."""
    assert kind in {"hall", "street"}
    db.add(
        HallRow(
            id=hall_id, name=unicodedata.normalize("NFC", name), kind=kind, grade=grade,
            unit_id=unit_id, area_id=area_id, operator_id=operator_id, address=address,
            latitude=latitude, longitude=longitude, opened_on=opened_on,
        )
    )  # fmt: skip
    await db.flush()


async def add_zone(
    db: AsyncSession, zone_id: UUID, hall_id: UUID, name: str, position: int = 0
) -> None:
    """Write a part of a hall."""
    db.add(
        ZoneRow(
            id=zone_id, hall_id=hall_id, name=unicodedata.normalize("NFC", name), position=position
        )
    )
    await db.flush()


async def add_stall(
    db: AsyncSession, stall_id: UUID, hall_id: UUID, code: str, opened_on: date, *,
    trade: str = "", zone_id: UUID | None = None, vendor_id: UUID | None = None,
) -> None:  # fmt: skip
    """Write a stall; it may wait for its vendor."""
    db.add(
        StallRow(
            id=stall_id, hall_id=hall_id, zone_id=zone_id, vendor_id=vendor_id,
            code=stall_code(code), trade=unicodedata.normalize("NFC", trade), opened_on=opened_on,
        )
    )  # fmt: skip
    await db.flush()


def stall_code(text: str) -> str:
    """A stall's code as painted: “ a 12 ” → “A12”."""
    return "".join(unicodedata.normalize("NFC", text).upper().split())


async def hall(db: AsyncSession, hall_id: UUID) -> Hall:
    """One hall with the names of its unit and area.

    Raises: NotFound.
    """
    for found in await _halls(db, HallRow.id == hall_id):
        return found
    raise NotFound("hall", hall_id)


async def halls(db: AsyncSession, hall_ids: Sequence[UUID] | None = None) -> list[Hall]:
    """These halls, or all that are open, by name."""
    if hall_ids is None:
        return await _halls(db, col(HallRow.closed_on).is_(None))
    return await _halls(db, col(HallRow.id).in_(hall_ids))


async def halls_in(db: AsyncSession, unit_ids: Sequence[UUID]) -> list[Hall]:
    """Halls of these wards, or of these old wards' areas, by name."""
    return await _halls(
        db, or_(col(HallRow.unit_id).in_(unit_ids), col(HallRow.area_id).in_(unit_ids))
    )


async def _halls(db: AsyncSession, condition: Any) -> list[Hall]:
    area = select(UnitRow).subquery()
    rows = await db.exec(
        select(HallRow, UnitRow.name, area.c.name)
        .join(UnitRow, col(UnitRow.id) == HallRow.unit_id)
        .join(area, area.c.id == HallRow.area_id, isouter=True)
        .where(condition)
        .order_by(col(HallRow.name))
    )
    return [
        Hall(
            id=row.id, name=row.name, kind=row.kind, unit_id=row.unit_id, unit_name=unit_name,
            area_id=row.area_id, area_name=area_name or "", operator_id=row.operator_id,
            address=row.address, latitude=row.latitude, longitude=row.longitude,
        )
        for row, unit_name, area_name in rows
    ]  # fmt: skip


async def stall(db: AsyncSession, stall_id: UUID) -> Stall:
    """One stall.

    Raises: NotFound.
    """
    for found in await _stalls(db, StallRow.id == stall_id):
        return found
    raise NotFound("stall", stall_id)


async def stall_coded(db: AsyncSession, hall_id: UUID, code: str) -> Stall:
    """The stall with this code on its board.

    Raises: NotFound.
    """
    wanted = stall_code(code)
    condition = (col(StallRow.hall_id) == hall_id) & (func.upper(StallRow.code) == wanted)
    for found in await _stalls(db, condition):
        return found
    raise NotFound("stall", wanted)


async def stalls_of(db: AsyncSession, hall_ids: Sequence[UUID]) -> list[Stall]:
    """All stalls of these halls that have not ended, as one walks past them."""
    return await _stalls(
        db, col(StallRow.hall_id).in_(hall_ids) & (col(StallRow.status) != "ended")
    )


async def _stalls(db: AsyncSession, condition: Any) -> list[Stall]:
    rows = await db.exec(
        select(StallRow, ZoneRow)
        .join(ZoneRow, col(ZoneRow.id) == StallRow.zone_id, isouter=True)
        .where(condition)
        .order_by(
            col(StallRow.hall_id), col(ZoneRow.position).nulls_last(),
            func.length(StallRow.code), col(StallRow.code),
        )
    )  # fmt: skip
    return [
        Stall(
            id=row.id, hall_id=row.hall_id, code=row.code, trade=row.trade, status=row.status,
            vendor_id=row.vendor_id, zone_name=zone.name if zone else "",
        )
        for row, zone in rows
    ]  # fmt: skip
