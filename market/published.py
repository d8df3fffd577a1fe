"""What a ward's pages may show side by side: figures and days of the ward, its areas and its halls.

Each cell that rests on few vendors is hidden, and with it whatever it would follow from: the ward
less its other halls, the month less its other days.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market import adoption
from market.adoption import DayTotals, Figure, Scope, StallTotals
from market.indicators import INDICATORS
from market.periods import Period
from market.suppression import Line, hidden_of

Place = tuple[str, UUID | None]
"""“unit” and None, “area” and its id, “hall” and its id."""
Cell = tuple[Place, date | None]
"""A place on a day; without one, in the whole period."""
WARD: Place = ("unit", None)


@dataclass(frozen=True)
class Published:
    """The figures of a ward, its areas and its halls, as everybody may see them side by side."""

    whole: dict[str, Figure]
    areas: dict[UUID | None, dict[str, Figure]]
    halls: dict[UUID | None, dict[str, Figure]]

    def of(self, scope: Scope) -> dict[str, Figure]:
        """Those of the ward or one part of it."""
        parts = {"area": self.areas, "hall": self.halls}.get(scope.kind, {})
        return parts.get(scope.id, {}) if scope.kind != "unit" else self.whole


def published(stalls: Sequence[StallTotals], period: Period) -> Published:
    """Every figure of a ward and its parts; none follows from the others that was to be hidden."""
    areas = adoption.grouped(stalls, lambda one: one.area_id)
    halls = adoption.grouped(stalls, lambda one: one.hall_id)
    levels = {"area": areas, "hall": halls}
    hidden: dict[Place, set[str]] = {}
    lines = place_lines(stalls)
    for code in INDICATORS:
        vendors: dict[Place, int] = {
            (level, key): adoption.vendors_behind(some, code)
            for level, groups in levels.items()
            for key, some in groups.items()
        } | {WARD: adoption.vendors_behind(stalls, code)}
        # The terms of a share are the count and the sum that may have been kept back.
        known = [one for one, codes in hidden.items() if code in {"B6", "B7"} and "B2" in codes]
        for cell in hidden_of(vendors, lines, known):
            hidden.setdefault(cell, set()).add(code)

    def figures(level: str) -> dict[UUID | None, dict[str, Figure]]:
        return {
            key: adoption.figures_of(some, period, hidden=hidden.get((level, key), ()))
            for key, some in levels[level].items()
        }

    whole = adoption.figures_of(stalls, period, hidden=hidden.get(WARD, ()))
    return Published(whole, figures("area"), figures("hall"))


def place_lines(stalls: Iterable[StallTotals]) -> list[Line[Place]]:
    """A ward is the sum of its areas, an area the sum of its halls."""
    halls: dict[UUID | None, dict[UUID, None]] = {}
    for one in stalls:
        halls.setdefault(one.area_id, {})[one.hall_id] = None
    return [
        Line(WARD, [("area", area) for area in halls]),
        *(Line(("area", area), [("hall", hall) for hall in some]) for area, some in halls.items()),
    ]


# Sums of each day of a ward, of its areas and of its halls, in one reading; locks nothing.
_DAYS = text("""
WITH moved AS (
    SELECT s.vendor_id, h.area_id, h.id AS hall_id,
           (t.hour AT TIME ZONE INTERVAL '7 hours')::date AS day,
           t.method = 'cash' AS is_cash, t.sale_count AS count, t.sale_vnd AS vnd
    FROM market.takings_hour t
    JOIN market.stall s ON s.id = t.stall_id JOIN market.hall h ON h.id = s.hall_id
    WHERE h.unit_id = :unit_id AND t.hour >= :start AND t.hour < :end AND t.sale_count > 0
    UNION ALL
    SELECT s.vendor_id, h.area_id, h.id, (r.hour AT TIME ZONE INTERVAL '7 hours')::date,
           false, -r.reversed_count, -r.refund_vnd
    FROM market.refund_hour r
    JOIN market.stall s ON s.id = r.stall_id JOIN market.hall h ON h.id = s.hall_id
    WHERE h.unit_id = :unit_id AND r.hour >= :start AND r.hour < :end
)
SELECT GROUPING(area_id, hall_id), area_id, hall_id, day,
       coalesce(sum(count) FILTER (WHERE NOT is_cash), 0)::bigint,
       coalesce(sum(vnd) FILTER (WHERE NOT is_cash), 0)::bigint,
       coalesce(sum(count) FILTER (WHERE is_cash), 0)::bigint,
       coalesce(sum(vnd) FILTER (WHERE is_cash), 0)::bigint,
       coalesce(least(nullif(count(DISTINCT vendor_id) FILTER (WHERE NOT is_cash), 0),
                      nullif(count(DISTINCT vendor_id) FILTER (WHERE is_cash), 0)), 0)
FROM moved
GROUP BY GROUPING SETS ((day), (day, area_id), (day, area_id, hall_id))
""")


async def days_published(
    db: AsyncSession,
    unit_id: UUID,
    scope: Scope,
    period: Period,
    stalls: Sequence[StallTotals],
    figures: Published,
) -> list[DayTotals]:
    """Each day of the ward or a part of it, in order; what is not told of a day is 0.

    `stalls` are all of the ward, `figures` what is told of it.
    """
    within = {"unit_id": unit_id, "start": period.start, "end": period.end}
    found: dict[Cell, DayTotals] = {}
    for level, area, hall, *day in await db.execute(_DAYS, within):
        place = WARD if level == 3 else ("area", area) if level == 1 else ("hall", hall)
        found[place, day[0]] = DayTotals(*day)
    places = place_lines(stalls)
    days = list(period.days())
    across = [
        Line[Cell]((line.total, day), [(part, day) for part in line.parts])
        for line in places
        for day in days
    ]
    along = [Line[Cell]((one, None), [(one, day) for day in days]) for one in _places(places)]
    hidden = hidden_of(
        {cell: one.vendor_count for cell, one in found.items()},
        across + along,
        [(one, None) for one in _places(places) if _is_kept_back(figures, one)],
    )
    here = WARD if scope.kind == "unit" else (scope.kind, scope.id)
    return [
        DayTotals(day) if (here, day) in hidden else found.get((here, day), DayTotals(day))
        for day in days
    ]


def _places(lines: Iterable[Line[Place]]) -> list[Place]:
    return [WARD, *(part for line in lines for part in line.parts)]


def _is_kept_back(figures: Published, place: Place) -> bool:
    level, key = place
    levels: Mapping[str, Mapping[UUID | None, dict[str, Figure]]] = {
        "area": figures.areas,
        "hall": figures.halls,
    }
    found = figures.whole if level == "unit" else levels[level][key]
    return any(
        found[code].withheld in {"small_cell", "with_another"} for code in ("B2", "B3", "B6", "B7")
    )
