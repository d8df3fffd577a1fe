"""The ward official's pages: how cashless the ward is, by which meaning, and the proof of each figure."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Template
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import adoption, charts, clock, periods, published
from market.adoption import Scope, StallTotals
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import adoption as flow
from market.indicators import INDICATORS
from market.periods import Period
from market.tables import UnitRow
from market.web import auth, errors, figures, i18n
from market.web.i18n import N_

errors.tells(periods.PeriodError, 400, N_("Kỳ báo cáo này không có hoặc chưa bắt đầu."))

Lich = Annotated[str, QueryParameter(max_length=20)]
Thang = Annotated[str, QueryParameter(max_length=7)]
DIFFERENCES_MAX = 50
PARENTS = {"unit": "", "khu-vuc": "area", "cho": "hall"}


@dataclass(frozen=True)
class Hall:
    """A hall of the ward, with its place."""

    id: UUID
    name: str
    kind: str
    grade: int | None
    area_id: UUID | None
    area_name: str
    latitude: float | None
    longitude: float | None


@dataclass(frozen=True)
class Seen:
    """What one look at the ward read."""

    unit: UnitRow
    halls: tuple[Hall, ...]
    ward_stalls: list[StallTotals]
    """All of the ward, whatever part of it is looked at."""
    published: published.Published
    scope: Scope
    label: str
    calendar_name: str
    period: Period

    @property
    def stalls(self) -> list[StallTotals]:
        """Those of what is looked at."""
        inside = {"area": self._is_in_area, "hall": self._is_in_hall}.get(self.scope.kind)
        return (
            self.ward_stalls if inside is None else [one for one in self.ward_stalls if inside(one)]
        )

    def _is_in_area(self, stall: StallTotals) -> bool:
        return stall.area_id == self.scope.id

    def _is_in_hall(self, stall: StallTotals) -> bool:
        return stall.hall_id == self.scope.id

    def halls_told(self) -> dict[UUID | None, dict[str, adoption.Figure]]:
        """The published figures of the halls of what is looked at."""
        inside = {one.hall_id for one in self.stalls}
        return {one: found for one, found in self.published.halls.items() if one in inside}

    def hall_names(self) -> dict[UUID | None, str]:
        """Hall → name."""
        return {one.id: one.name for one in self.halls}

    def area_names(self) -> dict[UUID | None, str]:
        """Old-ward area → its label."""
        return {one.area_id: one.area_name or "-" for one in self.halls}


_HALLS = text(
    "SELECT h.id, h.name, h.kind, h.grade, h.area_id, coalesce(a.name, ''),"
    " h.latitude::float8, h.longitude::float8"
    " FROM market.hall h LEFT JOIN market.unit a ON a.id = h.area_id"
    " WHERE h.unit_id = :unit_id ORDER BY h.name"
)


async def _look(
    db: AsyncSession, unit_id: UUID, part: Scope | None, lich: str, thang: str, now: datetime
) -> Seen:
    """Read a ward, or a part of it.

    Raises: NotFound where the part is not in this ward; PeriodError.
    """
    unit = (await db.exec(select(UnitRow).where(UnitRow.id == unit_id))).one_or_none()
    if unit is None:
        raise NotFound("unit", unit_id)
    halls = tuple(Hall(*row) for row in await db.execute(_HALLS, {"unit_id": unit_id}))
    label, scope = unit.name, part or Scope("unit", unit_id)
    if scope.kind == "hall":
        label = next((one.name for one in halls if one.id == scope.id), "")
    elif scope.kind == "area":
        label = next((one.area_name for one in halls if one.area_id == scope.id), "")
    if not label:
        raise NotFound(scope.kind, scope.id)
    calendar_name, period = figures.period_of(lich, thang, clock.local_day(now))
    stalls = await adoption.stalls_of(db, Scope("unit", unit_id), period)
    told = published.published(stalls, period)
    return Seen(unit, halls, stalls, told, scope, label, calendar_name, period)


@get("/phuong/{unit_id:uuid}", guards=[auth.official_of_unit], include_in_schema=False)
async def ward_page(
    request: Request[Any, Any, Any],
    unit_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    lich: Lich = "",
    thang: Thang = "",
) -> Template:
    """How cashless the ward is."""
    return await _page(request, database, viewer, me, unit_id, None, lich, thang, now)


@get(
    ["/phuong/{unit_id:uuid}/khu-vuc/{part_id:uuid}", "/phuong/{unit_id:uuid}/cho/{part_id:uuid}"],
    guards=[auth.official_of_unit],
    include_in_schema=False,
)
async def part_page(
    request: Request[Any, Any, Any],
    unit_id: FromPath[UUID],
    part_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    lich: Lich = "",
    thang: Thang = "",
) -> Template:
    """The same for an old-ward area or a hall of the ward."""
    kind = "area" if "/khu-vuc/" in request.url.path else "hall"
    scope = Scope("area" if kind == "area" else "hall", part_id)
    return await _page(request, database, viewer, me, unit_id, scope, lich, thang, now)


async def _page(
    request: Request[Any, Any, Any],
    database: Database,
    viewer: Viewer,
    me: auth.SignedIn | None,
    unit_id: UUID,
    part: Scope | None,
    lich: str,
    thang: str,
    now: datetime,
) -> Template:
    t = i18n.translator(i18n.locale_of(request))
    today = clock.local_day(now)
    async with database.as_viewer(viewer) as db:
        seen = await _look(db, unit_id, part, lich, thang, now)
        shown_days = await published.days_published(
            db, unit_id, seen.scope, seen.period, seen.ward_stalls, seen.published
        )
    found = seen.published.of(seen.scope)
    stalls = seen.stalls
    steps = figures.funnel_steps(found, stalls, t)
    context = _frame(request, seen, today, t) | {
        "me": me,
        "sentence": figures.sentence(found, stalls, t),
        "figures": {code: figures.view_of(one, t) for code, one in found.items()},
        "steps": steps,
        "funnel": figures.funnel_picture(steps, t),
        "days": shown_days,
        "days_chart": figures.days_picture(shown_days, t),
        "map": _map(seen, t) if seen.scope.kind != "hall" else "",
        "areas": (
            figures.rows_of(seen.published.areas, seen.area_names(), t)
            if seen.scope.kind == "unit"
            else []
        ),
        "halls": (
            figures.rows_of(seen.halls_told(), seen.hall_names(), t)
            if seen.scope.kind != "hall"
            else []
        ),
        "stalls": stalls if seen.scope.kind == "hall" else [],
        "at": now,
    }
    return Template("ward.html", context=context)


@get("/phuong/{unit_id:uuid}/luc-nay", guards=[auth.official_of_unit], include_in_schema=False)
async def ward_now(
    request: Request[Any, Any, Any],
    unit_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """Today so far, as a fragment the page asks for every few seconds."""
    t = i18n.translator(i18n.locale_of(request))
    today = periods.one_day(clock.local_day(now))
    async with database.as_viewer(viewer) as db:
        stalls = await adoption.stalls_of(db, Scope("unit", unit_id), today)
    context = {"figures": figures.views_of(stalls, today, t), "at": now}
    return Template("parts/ward_now.html", context=context)


@get(
    "/phuong/{unit_id:uuid}/so-lieu.csv",
    guards=[auth.official_of_unit],
    include_in_schema=False,
    media_type="text/csv",
)
async def ward_csv(
    unit_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
    lich: Lich = "",
    thang: Thang = "",
) -> Response[bytes]:
    """Every figure of the ward, its areas and halls, with numerators and denominators."""
    async with database.as_viewer(viewer) as db:
        seen = await _look(db, unit_id, None, lich, thang, now)
    told = seen.published
    rows = figures.csv_figures(seen.label, told.whole, now)
    for group, found in told.areas.items():
        rows += figures.csv_figures(f"khu vực {seen.area_names().get(group, '-')}", found, now)
    for group, found in told.halls.items():
        rows += figures.csv_figures(seen.hall_names().get(group, "-"), found, now)
    name = f"so-lieu-{seen.unit.code}-{seen.period.first}-{seen.period.last}.csv"
    return Response(
        figures.as_csv(figures.CSV_COLUMNS, rows),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


@get(
    "/phuong/{unit_id:uuid}/dau-so-cai.json",
    guards=[auth.official_of_unit],
    include_in_schema=False,
    media_type="application/json",
)
async def ledger_heads(
    unit_id: FromPath[UUID], database: NamedDependency[Database]
) -> Response[bytes]:
    """Where the ledger's hash chains end now: `market audit --heads` proves by it, at any later
    time, that nothing up to there was written anew. It holds hashes alone.
    """
    async with database.as_system() as db:
        heads = await payments.chain_heads(db)
    return Response(
        msgspec.json.format(msgspec.json.encode(heads)) + b"\n",
        media_type="application/json",
        headers={"content-disposition": 'attachment; filename="dau-so-cai.json"'},
    )


@get(
    "/phuong/{unit_id:uuid}/so-lieu/{code:str}",
    guards=[auth.official_of_unit],
    include_in_schema=False,
)
async def figure_page(
    request: Request[Any, Any, Any],
    unit_id: FromPath[UUID],
    code: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    lich: Lich = "",
    thang: Thang = "",
) -> Template:
    """One figure with its definition, terms and parts."""
    return await _proof(request, database, viewer, me, unit_id, code, lich, thang, now, check=None)


@post(
    "/phuong/{unit_id:uuid}/so-lieu/{code:str}",
    guards=[auth.official_of_unit],
    include_in_schema=False,
    status_code=200,
    media_type=MediaType.HTML,
)
async def recompute_figure(
    request: Request[Any, Any, Any],
    unit_id: FromPath[UUID],
    code: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    lich: Lich = "",
    thang: Thang = "",
) -> Template:
    """The same page after the takings behind it were computed anew from the ledger alone."""
    _, period = figures.period_of(lich, thang, clock.local_day(now))
    # The journal is nobody's to read here; only how far the two sums are apart leaves.
    async with database.as_system() as db:
        check = await flow.recompute(db, Scope("unit", unit_id), period)
    return await _proof(request, database, viewer, me, unit_id, code, lich, thang, now, check=check)


async def _proof(
    request: Request[Any, Any, Any],
    database: Database,
    viewer: Viewer,
    me: auth.SignedIn | None,
    unit_id: UUID,
    code: str,
    lich: str,
    thang: str,
    now: datetime,
    *,
    check: flow.Recomputed | None,
) -> Template:
    if code not in INDICATORS:
        raise NotFound("figure", code)
    t = i18n.translator(i18n.locale_of(request))
    async with database.as_viewer(viewer) as db:
        seen = await _look(db, unit_id, None, lich, thang, now)
    async with database.as_system() as db:
        heads = await payments.chain_heads(db)
    names = seen.hall_names()
    parts = [(names.get(one, "-"), found[code]) for one, found in seen.published.halls.items()]
    context = _frame(request, seen, clock.local_day(now), t) | {
        "me": me,
        "figure": figures.view_of(seen.published.whole[code], t, parts),
        "check": check,
        "heads": heads,
        "at": now,
    }
    return Template("figure.html", context=context)


def _frame(
    request: Request[Any, Any, Any], seen: Seen, today: date, t: i18n.Translate
) -> dict[str, Any]:
    """What every page of the ward shows around its figures."""
    months = figures.month_choices(seen.calendar_name, today)
    chosen = request.query_params.get("thang", "") or months[0][0]
    return {
        "unit": {"id": seen.unit.id, "name": seen.unit.name, "code": seen.unit.code},
        "scope": {"kind": seen.scope.kind, "id": seen.scope.id, "label": seen.label},
        "period": {"first": seen.period.first, "last": seen.period.last},
        "calendars": [(key, t(name)) for key, (_, name) in figures.CALENDARS.items()],
        "calendar": seen.calendar_name,
        "months": months,
        "month": chosen,
        "query": f"lich={seen.calendar_name}&thang={chosen}",
    }


def _map(seen: Seen, t: i18n.Translate) -> str:
    """Halls where they lie: as large as their stalls, filled as far as they are activated."""
    told = seen.halls_told()
    dots = []
    for hall in seen.halls:
        found = told.get(hall.id)
        if found is None or hall.latitude is None or hall.longitude is None:
            continue
        activated, size = found["B1"].value, found["A1"].value
        dots.append(
            charts.Dot(
                hall.name,
                hall.latitude,
                hall.longitude,
                0 if size is None else int(size),
                None if activated is None else float(activated) / 100,
                hall.kind,
            )
        )
    return charts.dot_map(
        dots,
        name="map",
        title=t(N_("Các chợ và tuyến phố")),
        description=t(
            N_(
                "Vòng tròn lớn theo số điểm kinh doanh, phần tô đậm là số điểm đã phát sinh giao dịch."
            )
        ),
    )


routers = [ward_page, part_page, ward_now, ward_csv, ledger_heads, figure_page, recompute_figure]
