"""The clerk's page: money that matched nothing, and notices that were refused. Differences first."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlalchemy import text

import payments
from market import people
from market.db import Database, Viewer
from market.flows import suspense as flow
from market.web import auth
from market.web.i18n import N_
from payments import SettlementOutcome, suspense

SINCE = timedelta(days=30)
SHOWN_MAX = 200
OF_NOBODY = {SettlementOutcome.ACCOUNT_UNKNOWN, SettlementOutcome.REFERENCE_REUSED}
"""No money of an owner's waits for these, but somebody has to look."""
WHY = {
    "late": N_("Tiền đến sau khi lần bán đã đóng. Hỏi người bán: nhận hay hoàn."),
    "duplicate_payment": N_("Lần bán này đã đủ tiền từ trước. Cần hoàn lại cho khách."),
    "unmatched": N_("Không có mã lần bán trong nội dung."),
    "suggested": N_("Mã bị cắt hoặc sai một chữ. Có một lần bán trùng số tiền."),
    "foreign_code": N_("Mã của người bán khác. Kiểm tra mã QR có bị dán đè không."),
    "amount_mismatch": N_("Cổng thanh toán báo số tiền khác với lần bán."),
    "reference_reused": N_("Cùng mã giao dịch nhưng nội dung khác. Báo cho ngân hàng."),
    "account_unknown": N_("Tài khoản nhận không thuộc người bán nào ở đây."),
    "over": N_("Khách trả thừa. Phần thừa đang treo."),
    "short": N_("Khách trả thiếu. Lần bán còn chờ phần còn lại."),
}

_VENDORS = text("SELECT id, name FROM market.vendor WHERE id = ANY(:ids)")


WHY_REFUSED = {
    "notice_forged": N_("Chữ ký không khớp: không phải bên có khóa gửi. Không ghi gì vào sổ."),
    "notice_stale": N_("Tin quá cũ so với giờ ký: có thể bị phát lại. Không ghi gì vào sổ."),
    "notice_malformed": N_("Tin không theo mẫu đã thỏa thuận; hỏi bên gửi."),
}


@dataclass(frozen=True)
class Waiting:
    """One receipt that waits for a person, with why and what to do."""

    occurred_at: datetime
    age_days: int
    vendor_name: str
    amount_vnd: int
    outcome: str
    why: str
    memo: str
    gateway: str


@get("/doi-soat", guards=[auth.clerk], include_in_schema=False)
async def receipts_page(
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """What to look at today. Reading it is logged: the rows are of named vendors."""
    async with database.as_system() as db:
        receipts = await suspense.cases(db, since=now - SINCE, limit=SHOWN_MAX)
        others = [
            one
            for one in await payments.receipts_to_resolve(db, since=now - SINCE, limit=SHOWN_MAX)
            if one.outcome in OF_NOBODY
        ]
        notices = [
            one for one in await payments.notices(db, limit=SHOWN_MAX) if one.verdict != "verified"
        ]
        conflicts = await flow.conflicts(db)
        owners = [one.owner_id for one in receipts]
        owners += [one.owner_id for one in conflicts if one.owner_id]
        names = await _names(db, owners)
        await people.log_read(db, viewer, "receipt", list(names), "đối soát", now=now)
    listed: list[suspense.Case | payments.Receipt] = [*others, *receipts]
    shown = [
        Waiting(
            occurred_at=one.occurred_at,
            age_days=(now - one.occurred_at).days,
            vendor_name=names.get(one.owner_id, "") if one.owner_id else "",
            amount_vnd=one.amount_vnd,
            outcome=one.outcome,
            why=WHY.get(one.outcome, ""),
            memo=one.memo,
            gateway=one.gateway,
        )
        for one in listed
    ]
    context = {
        "why_refused": WHY_REFUSED,
        "receipts": shown,
        "notices": notices,
        "conflicts": conflicts,
        "names": names,
    }
    return Template("receipts.html", context=context)


@post(
    "/doi-soat/khac-nhau/{conflict_id:uuid}",
    guards=[auth.clerk],
    include_in_schema=False,
    status_code=303,
)
async def conflict_seen(
    conflict_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Redirect:
    """The clerk asked the bank which of two notices is right."""
    async with database.as_system() as db:
        await flow.conflict_seen(db, conflict_id, viewer.person_id, now=now)
    return Redirect("/doi-soat", status_code=303)


async def _names(db: Any, ids: list[UUID]) -> dict[UUID, str]:
    rows = await db.execute(_VENDORS, {"ids": ids})
    return {row[0]: row[1] for row in rows}


routers = [receipts_page, conflict_seen]
