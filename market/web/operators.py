"""The hall operator's pages: the stall register, today's takings, the checks of printed codes."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Template
from sqlalchemy import text
from sqlmodel import select

import einvoice
from market import adoption, clock, periods
from market.adoption import Scope, StallTotals
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import delegation, invoice_deadlines, tax_tasks
from market.tables import HallRow
from market.web import auth, figures, i18n
from market.web.i18n import N_

REGISTER_DAYS = 30
"""A stall is in use if it took cashless money in this many days."""
CHECK_DAYS = 7
"""A printed code should have been scanned and compared in this many days."""
STATES = {
    "no_code": ("stone", N_("Chưa có mã")),
    "unused": ("honey", N_("Có mã chưa dùng")),
    "in_use": ("leaf", N_("Đang dùng")),
}


@dataclass(frozen=True)
class Line:
    """One stall as the morning round sees it."""

    totals: StallTotals
    vendor_name: str
    zone: str
    today: StallTotals | None
    checked_at: datetime | None
    check_result: str
    """"", same, other, unreadable."""


TASKS: dict[tax_tasks.TaskKind, str] = {
    "review": N_("Trả lời cơ quan thuế về hóa đơn"),
    "service": N_("Cơ quan thuế báo về hóa đơn miễn phí"),
    "agreement": N_("Chờ hai bên ký thỏa thuận sửa hóa đơn"),
    "goods": N_("Người bán chọn hàng khách trả lại"),
}
_REGISTER = text(
    "SELECT s.id, coalesce(v.name, ''), coalesce(z.name, ''), c.checked_at, coalesce(c.result, '')"
    " FROM market.stall s"
    " LEFT JOIN market.vendor_name v ON v.id = s.vendor_id"
    " LEFT JOIN market.zone z ON z.id = s.zone_id"
    " LEFT JOIN LATERAL ("
    "  SELECT k.checked_at, k.result FROM market.stand_check k JOIN market.stand t ON t.id = k.stand_id"
    "  WHERE t.stall_id = s.id AND t.retired_at IS NULL ORDER BY k.checked_at DESC LIMIT 1) c ON true"
    " WHERE s.hall_id = :hall_id"
)


async def _lines(
    database: Database, viewer: Viewer, hall_id: UUID, today: date
) -> tuple[HallRow, list[Line]]:
    month = periods.Period(today - timedelta(days=REGISTER_DAYS - 1), today)
    async with database.as_viewer(viewer) as db:
        hall = (await db.exec(select(HallRow).where(HallRow.id == hall_id))).one_or_none()
        if hall is None:
            raise NotFound("hall", hall_id)
        scope = Scope("hall", hall_id)
        stalls = await adoption.stalls_of(db, scope, month)
        now = {
            one.stall_id: one for one in await adoption.stalls_of(db, scope, periods.one_day(today))
        }
        register = {row[0]: row for row in await db.execute(_REGISTER, {"hall_id": hall_id})}
    lines = [
        Line(
            one,
            register[one.stall_id][1],
            register[one.stall_id][2],
            now.get(one.stall_id),
            register[one.stall_id][3],
            register[one.stall_id][4],
        )
        for one in stalls
    ]
    return hall, lines


@get("/quan-ly/{hall_id:uuid}", guards=[auth.operator_of_hall], include_in_schema=False)
async def hall_page(
    request: Request[Any, Any, Any],
    hall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Template:
    """The morning round on one screen."""
    t = i18n.translator(i18n.locale_of(request))
    today = clock.local_day(now)
    hall, lines = await _lines(database, viewer, hall_id, today)
    async with database.as_system() as db:  # whose they are is all the operator is told
        late = {one.owner_id for one in await einvoice.alarms(db, now=now) if one.is_late}
        posted = await delegation.posted_in_hall(db, hall_id, today)
        issued_for = {one.standing.owner_id for one in posted}
        banner = await invoice_deadlines.banner(db, issued_for, now=now) if issued_for else None
        tasks = await tax_tasks.tasks_of(db, issued_for)
    month = periods.Period(today - timedelta(days=REGISTER_DAYS - 1), today)
    stale = now - timedelta(days=CHECK_DAYS)
    codes = {one.totals.vendor_id: one.totals.code for one in lines}
    with_code = [one for one in lines if one.totals.has_code]
    context = {
        "hall": {"id": hall.id, "name": hall.name, "grade": hall.grade},
        "me": me,
        "lines": lines,
        "states": {key: (kind, t(name)) for key, (kind, name) in STATES.items()},
        "figures": figures.views_of([one.totals for one in lines], month, t, seen_by_operator=True),
        "today": _today(lines),
        "wrong": [one for one in lines if one.check_result == "other"],
        "unchecked": [one for one in with_code if one.checked_at is None or one.checked_at < stale],
        "invoices_late": [one for one in lines if one.totals.vendor_id in late],
        "banner": banner,
        "posted": posted,
        "tasks": [(one, codes.get(one.vendor_id, ""), one.is_late(today)) for one in tasks],
        "task_words": TASKS,
        "with_code_count": len(with_code),
        "check_days": CHECK_DAYS,
        "register_days": REGISTER_DAYS,
        "at": now,
    }
    return Template("hall_operator.html", context=context)


@get(
    "/quan-ly/{hall_id:uuid}/so-quay.csv",
    guards=[auth.operator_of_hall],
    include_in_schema=False,
    media_type="text/csv",
)
async def register_csv(
    hall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """The stall register with the state of each stall."""
    today = clock.local_day(now)
    _, lines = await _lines(database, viewer, hall_id, today)
    rows = [
        (
            one.totals.code,
            one.vendor_name,
            one.totals.trade,
            STATES[one.totals.state][1],
            one.totals.cashless_count,
            one.totals.cashless_vnd,
            "" if one.checked_at is None else clock.local_day(one.checked_at).isoformat(),
        )
        for one in lines
    ]
    columns = (
        "Sạp", "Người bán", "Ngành hàng", "Tình trạng", "Giao dịch 30 ngày", "Giá trị 30 ngày (đồng)",
        "Kiểm tra mã gần nhất",
    )  # fmt: skip
    return Response(
        figures.as_csv(columns, rows),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="so-quay-{today}.csv"'},
    )


def _today(lines: list[Line]) -> dict[str, int]:
    """What was kept; what came and what went back of it stand behind a tap."""
    now = [one.today for one in lines if one.today is not None]
    came_vnd, back_vnd = (sum(one.cashless_vnd for one in now), sum(one.refund_vnd for one in now))
    came_count = sum(one.cashless_count for one in now)
    reversed_count = sum(one.reversed_count for one in now)
    return {
        "cashless_count": came_count - reversed_count,
        "cashless_vnd": came_vnd - back_vnd,
        "came_count": came_count,
        "came_vnd": came_vnd,
        "back_vnd": back_vnd,
        "reversed_count": reversed_count,
        "cash_count": sum(one.cash_count for one in now),
        "selling": sum(one.selling_days > 0 for one in now),
    }


routers = [hall_page, register_csv]
