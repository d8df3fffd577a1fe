"""How far the year's revenue has come, and that the tax is the same however the money came."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Template
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import deadlines, household, instruments, meter, mirror
from einvoice.books import DISCLAIMER
from einvoice.meter import LimitKind, Road
from market import clock, consents, sales
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import day_check, tax
from market.web import auth
from market.web.i18n import N_
from payments.amounts import AmountError, parse_vnd

INVOICES = "invoices"
COSTS_VND_MAX = 1_000_000_000_000
ROADS: Mapping[Road, str] = {
    Road.QR: N_("Chuyển khoản, thẻ, ví"),
    Road.CASH: N_("Tiền mặt"),
    Road.PLATFORM: N_("Qua sàn"),
    Road.OTHER: N_("Bán ở nơi khác, tự ghi"),
}
GROUPS: Mapping[household.Group, str] = {
    household.Group.GOODS: N_("Bán hàng"),
    household.Group.SERVICES: N_("Dịch vụ"),
    household.Group.PRODUCTION: N_("Ăn uống, làm ra hàng, sửa xe"),
    household.Group.LETTING: N_("Cho thuê"),
    household.Group.OTHER: N_("Việc khác"),
    household.Group.DIGITAL: N_("Nội dung số"),
}
LIMITS: Mapping[LimitKind, str] = {
    LimitKind.FREE: N_("Quá mức này thì phải nộp thuế và lập hóa đơn điện tử."),
    LimitKind.PERCENTAGE: N_(
        "Quá mức này thì từ năm sau tính thuế theo lãi, không theo doanh thu."
    ),
    LimitKind.MONTHLY: N_("Quá mức này thì kê khai từng tháng."),
}
FORMS: Mapping[str, str] = {
    "01/TKN-CNKD": N_("Thông báo doanh thu"),
    "01/CNKD": N_("Tờ khai thuế"),
    "02/CNKD-TNCN-QTT": N_("Quyết toán thuế năm"),
}
METHODS: Mapping[household.TaxMethod, str] = {
    household.TaxMethod.PERCENTAGE: N_("Tính theo doanh thu"),
    household.TaxMethod.PROFIT: N_("Tính theo lãi"),
}


@get("/ban-hang/{stall_id:uuid}/thue", guards=[auth.owner_of_stall], include_in_schema=False)
async def meter_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Template:
    """The year's revenue against its limits, with what to do and until when."""
    today = clock.local_day(now)
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id, me)
        year = await tax.tax_year(db, vendor_id, today)
        agreed = await _agreed(db, viewer)
        is_registered = await day_check.is_registered(db, year)
    told = tax.meter_of(year)
    free = told.limit(LimitKind.FREE)
    context = {
        "stall": stall,
        "meter": told,
        "free": free,
        "today": today,
        "is_empty": not year.sold and not year.entries,
        "roads": [(ROADS[road], told.by_road[road]) for road in Road if _is_shown(told, road)],
        "limits": [
            {"told": one, "sentence": LIMITS[one.kind], "source": instruments.spelled(one.source)}
            for one in told.limits
        ],
        "duties": _duties(told, today, is_registered=is_registered),
        "if_passed": free.expected_on and meter.duties_if_passed(free.expected_on),
        "agreed": agreed,
        "disclaimer": DISCLAIMER,
    }
    return Template("tax.html", context=context)


@get("/ban-hang/{stall_id:uuid}/thue/so-sanh", guards=[auth.owner_of_stall],
     include_in_schema=False)  # fmt: skip
async def mirror_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
    nhin: Annotated[str, QueryParameter()] = "nay",
    chi_phi: Annotated[str, QueryParameter()] = "",
    nhom: Annotated[list[str] | None, QueryParameter()] = None,
) -> Template:
    """The tax under each method, cash and QR side by side. What is typed here is not stored."""
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id, me)
        year = await tax.tax_year(db, vendor_id, clock.local_day(now))
        agreed = await _agreed(db, viewer)
    year = year.with_groups(_groups(nhom or []))
    told = tax.meter_of(year)
    costs_vnd, costs_wrong = _costs(chi_phi, year)
    ahead = told.year_end_vnd if nhin == "nam" else None
    seen = tax.mirror_of(year, costs_vnd=costs_vnd, year_end_vnd=ahead)
    method = seen.best or household.TaxMethod.PERCENTAGE
    context = {
        "stall": stall,
        "year": told.year,
        "mirror": seen,
        "ahead": ahead is not None,
        "may_look_ahead": told.year_end_vnd is not None,
        "by_road": _by_road(year, seen.by_percentage),
        "stalls": list(year.stalls.values()),
        "groups": [(group.value, name) for group, name in GROUPS.items()],
        "group_names": GROUPS,
        "costs_vnd": costs_vnd,
        "costs_typed": chi_phi,
        "costs_wrong": costs_wrong,
        "methods": METHODS,
        "best": method,
        "withheld_vnd": tax.withheld_vnd(year),
        "changes": mirror.as_known(told.year, seen.revenues),
        "agreed": agreed,
        "disclaimer": DISCLAIMER,
    }
    return Template("tax_mirror.html", context=context)


async def own_stall(
    db: AsyncSession, stall_id: UUID, me: auth.SignedIn | None
) -> tuple[sales.StallPlace, UUID]:
    """The stall and its vendor, who is the one signed in: taxes are no helper's business.

    Raises: NotFound.
    """
    stall = await sales.stall_place(db, stall_id)
    if stall.vendor_id is None or me is None or stall.vendor_id not in me.scopes("vendor"):
        raise NotFound("stall", stall_id)
    return stall, stall.vendor_id


async def _agreed(db: AsyncSession, viewer: Viewer) -> datetime | None:
    """When this person agreed to e-invoices; None where they have not, or have withdrawn it."""
    if viewer.person_id is None:
        return None
    standing = await consents.consents_of(db, viewer.person_id)
    given = [one for one in standing if one.purpose == INVOICES and not one.withdrawn_at]
    return given[0].given_at if given else None


def _is_shown(told: meter.Meter, road: Road) -> bool:
    return road in {Road.QR, Road.CASH} or told.by_road[road] != 0


def _duties(told: meter.Meter, today: date, *, is_registered: bool) -> list[dict[str, Any]]:
    """What is still to do, soonest first; what ended within a month stands first, for it may be open."""
    found: list[dict[str, Any]] = [
        {
            "what": FORMS[one.form],
            "form": one.form,
            "period": one.period,
            "due_on": one.due_on,
            "ends_on": one.ends_on,
            "source": instruments.spelled(one.source),
        }
        for one in told.filings
    ]
    if told.register_by is not None and not is_registered:
        rule = told.limit(LimitKind.FREE)
        found.append(
            {
                "what": N_("Đăng ký hóa đơn điện tử"),
                "form": "01/ĐKTĐ-HĐĐT",
                "period": "",
                "due_on": told.register_by,
                "ends_on": deadlines.working_day_from(told.register_by),
                "source": instruments.spelled(rule.source),
            }
        )
    kept = [one for one in found if (today - one["ends_on"]).days <= 31]
    return sorted(kept, key=lambda one: one["due_on"])


def _by_road(year: tax.TaxYear, told: household.HouseholdTax) -> list[dict[str, Any]]:
    """Per trade and site: what came in cash, what otherwise; the rates are the trade's and no road's."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for part in told.parts:
        each_vnd = int((part.vat_percent + part.pit_percent) * 10_000)
        found[part.revenue.site, part.revenue.groups] = {
            "group": GROUPS[part.revenue.groups[0]],
            "site": part.revenue.site,
            "cash_vnd": 0,
            "qr_vnd": 0,
            "each_vnd": each_vnd,
        }
    for one in year.takings():
        row = found[one.site, one.groups]
        row["cash_vnd" if one.road is Road.CASH else "qr_vnd"] += one.amount_vnd
    return list(found.values())


def _groups(chosen: list[str]) -> dict[str, household.Group]:
    """`A12:services` for stall A12; what names no group is left out."""
    known = {group.value: group for group in household.Group}
    pairs = [one.rpartition(":") for one in chosen]
    return {code: known[group] for code, _, group in pairs if group in known}


def _costs(typed: str, year: tax.TaxYear) -> tuple[int | None, bool]:
    """The costs typed, else those in the books, else none; and whether what was typed is no amount."""
    if not typed.strip():
        return year.costs_vnd() or None, False
    try:
        return parse_vnd(typed, COSTS_VND_MAX), False
    except AmountError:
        return None, True


routers = [meter_page, mirror_page]
