"""Administrative units through time.

A code is not a key and neither is a name: both were given anew to other areas on 1 July 2025.
A unit is one code, one name and one beginning.
"""

import csv
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import or_
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.errors import NotFound, UnitAmbiguous
from market.tables import UnitRow, UnitSuccessorRow

PROVINCE_CODE = "38"
CITY_CODE = "380"
REFORM = date(2025, 7, 1)
"""Two levels since this day: Resolution 1686/NQ-UBTVQH15."""
_NAMESPACE = uuid5(NAMESPACE_URL, "urn:cho40:unit")
_ABOVE = (
    ("38", "Tỉnh Thanh Hóa", "province", "", None),
    ("380", "Thành phố Thanh Hóa", "city", "38", date(2025, 6, 30)),
    ("398", "Huyện Thiệu Hóa", "huyen", "38", date(2025, 6, 30)),
    ("405", "Huyện Đông Sơn", "huyen", "38", date(2024, 12, 31)),
)
"""Code, name, kind, parent code, last day: what the file names only as parents."""
KIND_WORDS = {
    "province": "tỉnh", "city": "thành phố", "huyen": "huyện", "phuong": "phường", "xa": "xã",
    "thi_tran": "thị trấn",
}  # fmt: skip
_TONES = "\u0300\u0309\u0303\u0301\u0323"
_KINDS_TYPED = (
    "thành phố", "thanh pho", "thị trấn", "thi tran", "phường", "phuong", "tỉnh", "tinh", "huyện",
    "huyen", "xã", "xa", "tp.", "tp",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Unit:
    """An administrative unit during one period of validity."""

    id: UUID
    code: str
    name: str
    kind: str
    parent_id: UUID | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    """Last day, inclusive; None while in force."""
    latitude: Decimal | None = None
    longitude: Decimal | None = None
    area_km2: Decimal | None = None
    population: int | None = None
    is_market40: bool = False
    note: str = ""

    @property
    def full_name(self) -> str:
        """“phường Hạc Thành”; a province or city bears its kind in its name already."""
        return self.name if len(self.code) < 5 else f"{KIND_WORDS[self.kind]} {self.name}"

    def is_valid(self, day: date) -> bool:
        """Whether the unit exists on that local day."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


@dataclass(frozen=True, slots=True)
class Succession:
    """Where an ended unit's area went, wholly or in part; also read backwards."""

    unit: Unit
    share: str
    """“whole” or “part”."""
    is_default: bool
    """Of a split unit, where most of it went; a place in it is still assigned by hand."""


def folded(text: str) -> str:
    """What two spellings share: lower case, no marks, đ as d, y as i, letters and digits only."""
    bare = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    kept = "".join(letter for letter in bare if letter.isascii() and letter.isalnum())
    return kept.replace("y", "i")


def spelling(text: str) -> str:
    """With its marks, but wherever the tone was put: Hoá = Hóa, while Tiến is not Tiên."""
    words = []
    for word in unicodedata.normalize("NFD", text.lower()).split():
        tone = "".join(mark for mark in word if mark in _TONES)
        words.append("".join(letter for letter in word if letter not in _TONES) + tone)
    return unicodedata.normalize("NFC", " ".join(words))


def unit_id(code: str, name: str, valid_from: date | None) -> UUID:
    """The id of a unit, the same in every installation."""
    return uuid5(_NAMESPACE, f"{code}|{name}|{valid_from or ''}")


@cache
def shipped_units() -> tuple[Unit, ...]:
    """Every unit of the shipped file, parents first."""
    above = {
        code: Unit(unit_id(code, name, None), code, name, kind, valid_to=ended)
        for code, name, kind, _, ended in _ABOVE
    }
    province = above[PROVINCE_CODE].id
    units: dict[UUID, Unit] = {}
    for code, name, kind, parent, ended in _ABOVE:
        key = above[code].id
        units[key] = Unit(key, code, name, kind, province if parent else None, valid_to=ended)
    for row in _rows():
        unit = _unit(row, above[row["parent_code"]].id)
        units[unit.id] = unit
    return tuple(units.values())


@cache
def shipped_successions() -> tuple[tuple[UUID, UUID, str, bool], ...]:
    """Unit, successor, share, is default: one for each part of each ended unit."""
    known = shipped_units()
    found = []
    for row in _rows():
        if not row["successor_code"]:
            continue
        ended = _unit(row, None)
        assert ended.valid_to is not None
        next_day = ended.valid_to + timedelta(days=1)
        (heir,) = (
            unit
            for unit in known
            if (unit.code, unit.name) == (row["successor_code"], row["successor_name"])
            and unit.is_valid(next_day)
        )
        found.append((ended.id, heir.id, row["successor_share"], row["default_successor"] == "1"))
    return tuple(found)


def _rows() -> list[dict[str, str]]:
    text = files("market").joinpath("data/thanh-hoa-wards.csv").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return list(csv.DictReader(lines))


def _unit(row: dict[str, str], parent_id: UUID | None) -> Unit:
    def day(text: str) -> date | None:
        return date.fromisoformat(text) if text else None

    def number(text: str) -> Decimal | None:
        return Decimal(text) if text else None

    name = unicodedata.normalize("NFC", row["name_vi"])
    valid_from = day(row["valid_from"])
    return Unit(
        id=unit_id(row["unit_code"], name, valid_from),
        code=row["unit_code"],
        name=name,
        kind=row["unit_type"],
        parent_id=parent_id,
        valid_from=valid_from,
        valid_to=day(row["valid_to"]),
        latitude=number(row["lat"]),
        longitude=number(row["lon"]),
        area_km2=number(row["area_km2"]),
        population=int(row["population"]) if row["population"] else None,
        is_market40=row["market40_2023"] == "1",
        note=row["note"],
    )


async def load_units(db: AsyncSession) -> int:
    """Write the shipped units and their successions; safe to repeat. How many units there are."""
    values = [
        {field: getattr(unit, field) for field in Unit.__dataclass_fields__}
        for unit in shipped_units()
    ]
    statement = insert(UnitRow)
    changing = {name: statement.excluded[name] for name in values[0] if name != "id"}
    await db.execute(
        statement.values(values).on_conflict_do_update(index_elements=["id"], set_=changing)
    )
    links = [
        {"unit_id": old, "successor_id": new, "share": share, "is_default": is_default}
        for old, new, share, is_default in shipped_successions()
    ]
    await db.execute(insert(UnitSuccessorRow).values(links).on_conflict_do_nothing())
    return len(values)


async def unit(db: AsyncSession, identifier: UUID) -> Unit:
    """One unit by its id.

    Raises: NotFound.
    """
    row = await db.get(UnitRow, identifier)
    if row is None:
        raise NotFound("unit", identifier)
    return _from_row(row)


async def unit_at(db: AsyncSession, code: str, day: date) -> Unit:
    """The unit that bore this code on that day.

    Raises: NotFound.
    """
    rows = await db.exec(select(UnitRow).where(UnitRow.code == code, *_valid_on(day)))
    row = rows.one_or_none()
    if row is None:
        raise NotFound("unit", f"{code} on {day.isoformat()}")
    return _from_row(row)


async def units_within(db: AsyncSession, parent_code: str, day: date) -> list[Unit]:
    """The units directly under a province, city or district on that day, by code."""
    parent = await unit_at(db, parent_code, day)
    rows = await db.exec(
        select(UnitRow)
        .where(UnitRow.parent_id == parent.id, col(UnitRow.kind).in_(("phuong", "xa", "thi_tran")))
        .where(*_valid_on(day))
        .order_by(col(UnitRow.code))
    )
    return [_from_row(row) for row in rows]


async def successors(db: AsyncSession, identifier: UUID) -> list[Succession]:
    """Where a unit's area went when it ended, the default first; nothing while it is in force."""
    rows = await db.exec(
        select(UnitRow, UnitSuccessorRow)
        .join(UnitSuccessorRow, col(UnitSuccessorRow.successor_id) == UnitRow.id)
        .where(UnitSuccessorRow.unit_id == identifier)
        .order_by(col(UnitSuccessorRow.is_default).desc(), col(UnitRow.code))
    )
    return [Succession(_from_row(row), link.share, link.is_default) for row, link in rows]


async def areas_of(db: AsyncSession, identifier: UUID) -> list[Succession]:
    """The old units a unit was made of, by name: areas for series from before it existed."""
    rows = await db.exec(
        select(UnitRow, UnitSuccessorRow)
        .join(UnitSuccessorRow, col(UnitSuccessorRow.unit_id) == UnitRow.id)
        .where(UnitSuccessorRow.successor_id == identifier)
    )
    found = [Succession(_from_row(row), link.share, link.is_default) for row, link in rows]
    return sorted(found, key=lambda area: folded(area.unit.name))


async def find_units(db: AsyncSession, words: str, day: date | None = None) -> list[Unit]:
    """Units of that name, with or without marks; what is spelt the same comes first."""
    rows = await db.exec(select(UnitRow).order_by(col(UnitRow.valid_from).desc().nulls_last()))
    return named(words, [_from_row(row) for row in rows], day)


def named(words: str, units: Iterable[Unit], day: date | None = None) -> list[Unit]:
    """Of `units` those that `words` may mean, “phường …” and “cũ” left aside."""
    bare = _without_kind(words)
    key = folded(bare)
    hits = [
        one
        for one in units
        if folded(_without_kind(one.name)) == key and (day is None or one.is_valid(day))
    ]
    hits.sort(key=lambda one: spelling(_without_kind(one.name)) != spelling(bare))
    return hits


async def unit_named(db: AsyncSession, words: str, day: date) -> Unit:
    """The one unit of that name on that day.

    Raises: NotFound; UnitAmbiguous where the marks do not decide either.
    """
    hits = await find_units(db, words, day)
    exact = [
        one for one in hits if spelling(_without_kind(one.name)) == spelling(_without_kind(words))
    ]
    chosen = exact or hits
    if not chosen:
        raise NotFound("unit", words)
    if len(chosen) > 1:
        raise UnitAmbiguous(words, len(chosen))
    return chosen[0]


def _without_kind(words: str) -> str:
    text = " ".join(unicodedata.normalize("NFC", words).split())
    for kind in _KINDS_TYPED:
        if text.lower().startswith(kind + " "):
            return text[len(kind) + 1 :]
    return text


def _valid_on(day: date) -> tuple[Any, ...]:
    return (
        or_(col(UnitRow.valid_from).is_(None), col(UnitRow.valid_from) <= day),
        or_(col(UnitRow.valid_to).is_(None), col(UnitRow.valid_to) >= day),
    )


def _from_row(row: UnitRow) -> Unit:
    return Unit(**{field: getattr(row, field) for field in Unit.__dataclass_fields__})
