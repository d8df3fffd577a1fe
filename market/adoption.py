"""How cashless a place is: the indicators of the catalogue, computed from raw rows.

Four meanings of “cashless share” are never mixed (coverage, activation, by count, by value);
every figure carries its basis, its exact days, its numerator and denominator.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market.indicators import FROM_REGISTER, INDICATORS, Basis, Indicator, Kind
from market.periods import Period
from market.suppression import CELL_VENDORS_MIN

CASH_DAYS_PERCENT = 80
"""A stall records its cash reliably if it did so on this share of its selling days."""
CASH_GATE_PERCENT = Decimal(50)
"""B6 and B7 are published from declared cash only where B8 reaches this."""
RECENT_DAYS = 7


def N_(text: str) -> str:  # noqa: N802 - the customary marker of what a catalogue translates
    """Mark a Vietnamese sentence for translation where it is shown."""
    return text


ScopeKind = Literal["unit", "area", "hall", "stall"]


@dataclass(frozen=True)
class Scope:
    """Which stalls: those of a ward, of an old-ward area within it, of a hall, or one stall."""

    kind: ScopeKind
    id: UUID


@dataclass(frozen=True)
class StallTotals:
    """One stall in one period: what its register and its recorded sales say."""

    stall_id: UUID
    hall_id: UUID
    area_id: UUID | None
    vendor_id: UUID | None
    code: str
    trade: str
    is_active: bool
    """In the register on the last day of the period."""
    has_code: bool
    """A printed code was valid on the last day, and its account had passed the test payment."""
    cashless_count: int = 0
    cashless_vnd: int = 0
    cash_count: int = 0
    cash_vnd: int = 0
    recent_count: int = 0
    """Cashless sales in the last seven days of the period."""
    selling_days: int = 0
    """Days with any recorded sale."""
    cash_days: int = 0
    refund_vnd: int = 0
    """What went back in the period, of whichever period's sales."""
    reversed_count: int = 0
    """Sales of which the last đồng went back in the period."""

    @property
    def records_cash(self) -> bool:
        """Whether cash was entered on enough of its selling days for B8."""
        return (
            self.selling_days > 0 and self.cash_days * 100 >= CASH_DAYS_PERCENT * self.selling_days
        )

    @property
    def state(self) -> Literal["no_code", "unused", "in_use"]:
        """Where it stands: no code yet, a code never used in the period, or in use."""
        if self.cashless_count > 0:
            return "in_use"
        return "unused" if self.has_code else "no_code"


@dataclass(frozen=True)
class DayTotals:
    """One Vietnamese day over all stalls of a scope; what went back that day is taken off."""

    day: date
    cashless_count: int = 0
    cashless_vnd: int = 0
    cash_count: int = 0
    cash_vnd: int = 0
    vendor_count: int = 0
    """Vendors with a recorded sale that day."""


@dataclass(frozen=True)
class Figure:
    """One published number with everything needed to check it."""

    code: str
    name_vi: str
    value: Decimal | None
    """None prints as “-”: nothing to divide by, suppressed, or behind a quality gate."""
    kind: Kind
    numerator: int | None
    denominator: int | None
    basis: Basis
    first: date
    last: date
    formula_vi: str
    withheld: Literal["", "small_cell", "with_another", "cash_gate"] = ""
    """Why there is no value, other than a denominator of 0."""


@dataclass(frozen=True)
class _Sums:
    active: int
    with_code: int
    activated: int
    cash_recorders: int
    cashless_count: int
    cashless_vnd: int
    cash_count: int
    cash_vnd: int


def percent(numerator: int, denominator: int) -> Decimal | None:
    """A ratio in percent with one decimal, rounded half up; None where there is nothing to divide by."""
    assert numerator >= 0
    assert denominator >= 0
    if denominator == 0:
        return None
    return Decimal((numerator * 2000 + denominator) // (2 * denominator)) / 10


def figures_of(
    stalls: Sequence[StallTotals],
    period: Period,
    *,
    seen_by_operator: bool = False,
    hidden: Collection[str] = (),
) -> dict[str, Figure]:
    """Every indicator over these stalls, from their raw rows; `hidden` for the sake of others."""
    sums = _summed(stalls)
    gate = percent(sums.cash_recorders, sums.active)
    found: dict[str, Figure] = {}
    for code, (numerator, denominator) in _terms(sums).items():
        figure = _figure(INDICATORS[code], numerator, denominator, period)
        if code in {"B6", "B7"} and (gate is None or gate < CASH_GATE_PERCENT):
            figure = _withheld(figure, "cash_gate")
        few = 0 < vendors_behind(stalls, code) < CELL_VENDORS_MIN
        if not seen_by_operator and (few or code in hidden):
            figure = _withheld(figure, "small_cell" if few else "with_another")
        found[code] = figure
    return found


def vendors_behind(stalls: Iterable[StallTotals], code: str) -> int:
    """On how many vendors an indicator rests; of a share the fewer of those on either side."""
    if code in FROM_REGISTER:
        return len({one.vendor_id or one.stall_id for one in stalls if one.is_active})
    sides = [{one.vendor_id for one in stalls if one.cashless_count or one.refund_vnd}]
    if code in {"B6", "B7"}:
        sides.append({one.vendor_id for one in stalls if one.cash_count})
    return min((len(side) for side in sides if side), default=0)


def grouped(
    stalls: Iterable[StallTotals], key: Callable[[StallTotals], UUID | None]
) -> dict[UUID | None, list[StallTotals]]:
    """The stalls per hall, area or whatever `key` says."""
    found: dict[UUID | None, list[StallTotals]] = {}
    for one in stalls:
        found.setdefault(key(one), []).append(one)
    return found


def funnel(stalls: Sequence[StallTotals]) -> tuple[tuple[str, int], ...]:
    """From the register to daily use; each step is a subset of the one before."""
    active = [one for one in stalls if one.is_active]
    with_code = [one for one in active if one.has_code]
    used = [one for one in with_code if one.cashless_count > 0]
    recent = [one for one in used if one.recent_count > 0]
    return (
        (N_("Đang hoạt động"), len(active)),
        (N_("Có mã QR đã kiểm tra"), len(with_code)),
        (N_("Đã có giao dịch trong kỳ"), len(used)),
        (N_("Còn dùng trong 7 ngày cuối"), len(recent)),
    )


def _summed(stalls: Sequence[StallTotals]) -> _Sums:
    active = [one for one in stalls if one.is_active]
    return _Sums(
        active=len(active),
        with_code=sum(one.has_code for one in active),
        activated=sum(one.cashless_count > 0 for one in active),
        cash_recorders=sum(one.records_cash for one in active),
        cashless_count=sum(one.cashless_count - one.reversed_count for one in stalls),
        cashless_vnd=sum(one.cashless_vnd - one.refund_vnd for one in stalls),
        cash_count=sum(one.cash_count for one in stalls),
        cash_vnd=sum(one.cash_vnd for one in stalls),
    )


def _terms(sums: _Sums) -> dict[str, tuple[int, int | None]]:
    return {
        "A1": (sums.active, None),
        "A3": (sums.with_code, sums.active),
        "B1": (sums.activated, sums.active),
        "B2": (sums.cashless_count, None),
        "B3": (sums.cashless_vnd, None),
        "B4": (sums.cashless_vnd, sums.cashless_count),
        "B6": (sums.cashless_count, sums.cashless_count + sums.cash_count),
        "B7": (sums.cashless_vnd, sums.cashless_vnd + sums.cash_vnd),
        "B8": (sums.cash_recorders, sums.active),
    }


def _figure(
    indicator: Indicator, numerator: int, denominator: int | None, period: Period
) -> Figure:
    value: Decimal | None
    if denominator is None:
        value = Decimal(numerator)
    elif indicator.kind == "percent":  # more may go back in a period than came
        value = percent(numerator, denominator) if numerator >= 0 < denominator else None
    elif denominator <= 0:
        value = None
    else:
        value = Decimal((numerator * 2 + denominator) // (2 * denominator))
    return Figure(
        code=indicator.code,
        name_vi=indicator.name_vi,
        value=value,
        kind=indicator.kind,
        numerator=numerator,
        denominator=denominator,
        basis=indicator.basis,
        first=period.first,
        last=period.last,
        formula_vi=indicator.formula_vi,
    )


def _withheld(figure: Figure, why: Literal["small_cell", "with_another", "cash_gate"]) -> Figure:
    if why == "cash_gate":
        return replace(figure, value=None, withheld=why)
    return replace(figure, value=None, numerator=None, denominator=None, withheld=why)


# ── Queries ─────────────────────────────────────────────────────────────────────────────────────

_WHERE = {"unit": "h.unit_id", "area": "h.area_id", "hall": "h.id", "stall": "s.id"}

# Reads the register as it stood on the last day and one range of the roll-up; locks nothing.
_STALLS = """
WITH taken AS (
    SELECT t.stall_id,
           sum(t.sale_count) FILTER (WHERE t.method <> 'cash') AS cashless_count,
           sum(t.sale_vnd) FILTER (WHERE t.method <> 'cash') AS cashless_vnd,
           sum(t.sale_count) FILTER (WHERE t.method = 'cash') AS cash_count,
           sum(t.sale_vnd) FILTER (WHERE t.method = 'cash') AS cash_vnd,
           sum(t.sale_count) FILTER (WHERE t.method <> 'cash' AND t.hour >= :recent)
               AS recent_count,
           count(DISTINCT (t.hour AT TIME ZONE INTERVAL '7 hours')::date) AS selling_days,
           count(DISTINCT (t.hour AT TIME ZONE INTERVAL '7 hours')::date) FILTER (WHERE t.method = 'cash')
               AS cash_days
    FROM market.takings_hour t
    JOIN market.stall s ON s.id = t.stall_id
    JOIN market.hall h ON h.id = s.hall_id
    WHERE {where} = :id AND t.hour >= :start AND t.hour < :end AND t.sale_count > 0
    GROUP BY t.stall_id
), given_back AS (
    SELECT r.stall_id,
           sum(r.refund_vnd) FILTER (WHERE r.method <> 'cash') AS refund_vnd,
           sum(r.reversed_count) FILTER (WHERE r.method <> 'cash') AS reversed_count,
           sum(r.refund_vnd) FILTER (WHERE r.method = 'cash') AS cash_vnd,
           sum(r.reversed_count) FILTER (WHERE r.method = 'cash') AS cash_count
    FROM market.refund_hour r
    JOIN market.stall s ON s.id = r.stall_id
    JOIN market.hall h ON h.id = s.hall_id
    WHERE {where} = :id AND r.hour >= :start AND r.hour < :end
    GROUP BY r.stall_id
)
SELECT s.id, s.hall_id, h.area_id, s.vendor_id, s.code, s.trade,
       s.status = 'active' AND s.opened_on <= :last AND (s.ended_on IS NULL OR s.ended_on > :last),
       EXISTS (
           SELECT FROM market.verified_code c
           WHERE c.stall_id = s.id AND c.since < :end AND (c.until IS NULL OR c.until >= :end)
       ),
       coalesce(t.cashless_count, 0)::bigint, coalesce(t.cashless_vnd, 0)::bigint,
       (coalesce(t.cash_count, 0) - coalesce(b.cash_count, 0))::bigint,
       (coalesce(t.cash_vnd, 0) - coalesce(b.cash_vnd, 0))::bigint,
       coalesce(t.recent_count, 0)::bigint,
       coalesce(t.selling_days, 0), coalesce(t.cash_days, 0),
       coalesce(b.refund_vnd, 0)::bigint, coalesce(b.reversed_count, 0)::bigint
FROM market.stall s
JOIN market.hall h ON h.id = s.hall_id
LEFT JOIN taken t ON t.stall_id = s.id
LEFT JOIN given_back b ON b.stall_id = s.id
WHERE {where} = :id
ORDER BY s.hall_id, s.code
"""

_DAYS = """
WITH moved AS (
    SELECT t.stall_id, t.hour, t.sale_count,
           CASE WHEN t.method <> 'cash' THEN t.sale_count ELSE 0 END AS cashless_count,
           CASE WHEN t.method <> 'cash' THEN t.sale_vnd ELSE 0 END AS cashless_vnd,
           CASE WHEN t.method = 'cash' THEN t.sale_count ELSE 0 END AS cash_count,
           CASE WHEN t.method = 'cash' THEN t.sale_vnd ELSE 0 END AS cash_vnd
    FROM market.takings_hour t WHERE t.sale_count > 0
    UNION ALL
    SELECT r.stall_id, r.hour, 0,
           CASE WHEN r.method <> 'cash' THEN -r.reversed_count ELSE 0 END,
           CASE WHEN r.method <> 'cash' THEN -r.refund_vnd ELSE 0 END,
           CASE WHEN r.method = 'cash' THEN -r.reversed_count ELSE 0 END,
           CASE WHEN r.method = 'cash' THEN -r.refund_vnd ELSE 0 END
    FROM market.refund_hour r
)
SELECT (m.hour AT TIME ZONE INTERVAL '7 hours')::date AS day,
       sum(m.cashless_count)::bigint, sum(m.cashless_vnd)::bigint,
       sum(m.cash_count)::bigint, sum(m.cash_vnd)::bigint,
       count(DISTINCT s.vendor_id) FILTER (WHERE m.sale_count > 0)
FROM moved m
JOIN market.stall s ON s.id = m.stall_id
JOIN market.hall h ON h.id = s.hall_id
WHERE {where} = :id AND m.hour >= :start AND m.hour < :end
GROUP BY day
"""


async def stalls_of(db: AsyncSession, scope: Scope, period: Period) -> list[StallTotals]:
    """Every stall of the scope, ended ones too, with its totals of the period."""
    statement = text(_STALLS.format(where=_WHERE[scope.kind]))
    rows = await db.execute(
        statement,
        {
            "id": scope.id,
            "start": period.start,
            "end": period.end,
            "last": period.last,
            "recent": period.end - timedelta(days=RECENT_DAYS),
        },
    )
    return [StallTotals(*row) for row in rows]


async def days_of(db: AsyncSession, scope: Scope, period: Period) -> list[DayTotals]:
    """Each day of the period, in order, days without a sale too."""
    rows = await db.execute(
        text(_DAYS.format(where=_WHERE[scope.kind])),
        {"id": scope.id, "start": period.start, "end": period.end},
    )
    seen = {row[0]: DayTotals(*row) for row in rows}
    return [seen.get(day, DayTotals(day)) for day in period.days()]
