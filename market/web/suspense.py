"""“Đây là tiền của đơn nào?”: a vendor says what waiting money was for, and takes it back if wrong."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
import payments
from market import ids, sales
from market.db import Database, Viewer
from market.errors import NotFound, SaleInvoiced
from market.flows import suspense as flow
from market.web import auth
from market.web.errors import BadRequest, Problem, documented, problem_of, tells
from market.web.i18n import N_
from market.web.sales import stall_view
from payments import suspense

RESOLVED_SHOWN = timedelta(days=7)
SHOWN_MAX = 100
TINY_VND = 1_000
"""No stall sells for so little: somebody shows a small transfer as a large one."""
WHY = {
    "late": N_("Tiền về khi đơn đã đóng."),
    "duplicate_payment": N_("Đơn này đã đủ tiền từ trước. Có thể khách trả hai lần."),
    "unmatched": N_("Khách không ghi mã đơn."),
    "suggested": N_("Khách không ghi đúng mã. Có một đơn trông giống."),
    "foreign_code": N_("Mã ghi là của người bán khác. Xem mã QR có bị dán đè không."),
    "amount_mismatch": N_("Cổng thanh toán báo số tiền khác với đơn."),
    "over": N_("Khách trả thừa. Đây là phần thừa."),
    "short": N_("Khách trả thiếu, rồi đơn đã đóng."),
}
WHY_SALE = {
    "named": N_("Giống nhất, đúng số tiền"),
    "code": N_("Mã đơn trong nội dung"),
    "amount": N_("Đúng số tiền"),
    "time": N_("Bán gần lúc đó"),
}
REASONS = (
    N_("Tiền nhà gửi, không phải bán hàng"),
    N_("Trả nợ cũ"),
    N_("Chuyển nhầm tài khoản của tôi"),
)

tells(SaleInvoiced, 409, "Đơn đã lập hóa đơn. Sửa hóa đơn trước rồi mới làm lại được.")
tells(suspense.CaseUnknown, 404, "Không tìm thấy khoản tiền này.")
tells(suspense.CaseMoved, 409, "Khoản tiền này vừa có thay đổi. Xem lại rồi chọn.")
tells(suspense.CasePartsWrong, 422, "Số tiền không khớp với cách chia. Chọn lại.")
tells(suspense.CaseRefused, 409, "Sổ ghi tiền chưa nhận. Tiền vẫn còn nguyên. Gọi người hỗ trợ.")
tells(
    suspense.CaseRefunded,
    409,
    "Tiền này đã trả lại khách, hoặc đang trên đường về. Không chọn lại được nữa.",
)
tells(suspense.PaymentAssigned, 409, "Đơn này đã nhận khoản tiền khác rồi. Chọn đơn khác.")


class CaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Money that waits, or waited, for somebody to say what it was for."""

    receipt_id: UUID
    amount_vnd: int
    outcome: str
    state: str
    version: int
    memo: str
    payment_id: UUID | None
    suggested_id: UUID | None
    occurred_at: datetime


@get("/ban-hang/{stall_id:uuid}/tien-cho", guards=[auth.vendor_of_stall], include_in_schema=False)
async def cases_page(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """Own money that nobody knows the sale of, oldest first; what was decided this week."""
    stall = await stall_view(database, viewer, stall_id)
    async with database.as_viewer(viewer) as db:
        owner_id = await _owner(db, stall_id)
        found = await suspense.cases(db, owner_id, limit=SHOWN_MAX)
        resolved = await suspense.cases(
            db, owner_id, which="resolved", since=now - RESOLVED_SHOWN, limit=SHOWN_MAX
        )
        decided = {one.receipt_id: await _decision(db, one) for one in resolved}
        conflicts = await flow.conflicts(db, owner_id, unseen=True)
    context = {
        "stall": msgspec.to_builtins(stall),
        "open": [one for one in found if one.state in {"open", "planned"}],
        "waiting": [one for one in found if one.state == "waiting"],
        "resolved": [(one, decided[one.receipt_id]) for one in resolved],
        "conflicts": conflicts,
        "why": WHY,
        "now": now,
    }
    return Template("waiting_money.html", context=context)


@get(
    "/ban-hang/{stall_id:uuid}/tien-cho/{receipt_id:uuid}",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
)
async def case_page(
    stall_id: FromPath[UUID],
    receipt_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """One question: which sale is this money of?"""
    return await _case_page(database, viewer, stall_id, receipt_id)


@post(
    "/ban-hang/{stall_id:uuid}/tien-cho/{receipt_id:uuid}",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
)
async def decide(
    request: Request[Any, Any, Any],
    stall_id: FromPath[UUID],
    receipt_id: FromPath[UUID],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """The money is of these sales, a new one, to be given back, or none of the stall's business."""
    form = await request.form()
    command = suspense.Resolve(
        decision_id=ids.new(),
        receipt_id=receipt_id,
        version=_number(form.get("version")),
        parts=_parts(form.get("what", ""), form.getall("payment", []), stall_id),
        decided_by=_person(viewer),
        reason=str(form.get("reason", "")).strip(),
    )
    try:
        await _own_case(database, viewer, stall_id, receipt_id)
        await flow.resolve(database, ledger, viewer, command, now=now)
    except (payments.PaymentError, catalog.OutOfStock) as error:
        problem = problem_of(error)
        return await _case_page(database, viewer, stall_id, receipt_id, problem)
    return Redirect(f"/ban-hang/{stall_id}/tien-cho", status_code=303)


@post(
    "/ban-hang/{stall_id:uuid}/tien-cho/{receipt_id:uuid}/lam-lai",
    guards=[auth.vendor_of_stall],
    include_in_schema=False,
)
async def take_back(
    request: Request[Any, Any, Any],
    stall_id: FromPath[UUID],
    receipt_id: FromPath[UUID],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """What was decided was wrong: the money waits again."""
    form = await request.form()
    command = suspense.Undo(
        decision_id=ids.new(),
        receipt_id=receipt_id,
        version=_number(form.get("version")),
        decided_by=_person(viewer),
    )
    try:
        await _own_case(database, viewer, stall_id, receipt_id)
        await flow.undo(database, ledger, viewer, command, now=now)
    except (payments.PaymentError, SaleInvoiced) as error:
        problem = problem_of(error)
        return await _case_page(database, viewer, stall_id, receipt_id, problem)
    return Redirect(f"/ban-hang/{stall_id}/tien-cho/{receipt_id}", status_code=303)


@get(
    "/api/stalls/{stall_id:uuid}/waiting-money",
    guards=[auth.vendor_of_stall],
    responses=documented(401, 403, 404),
)
async def waiting_money(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> list[CaseView]:
    """Money of the stall's vendor that waits for somebody to say what it was for, oldest first."""
    async with database.as_viewer(viewer) as db:
        found = await suspense.cases(db, await _owner(db, stall_id), limit=SHOWN_MAX)
    fields = CaseView.__struct_fields__
    return [CaseView(**{name: getattr(one, name) for name in fields}) for one in found]


# ── Behind the pages ────────────────────────────────────────────────────────────────────────────


async def _case_page(
    database: Database,
    viewer: Viewer,
    stall_id: UUID,
    receipt_id: UUID,
    problem: Problem | None = None,
) -> Template:
    stall = await stall_view(database, viewer, stall_id)
    case = await _own_case(database, viewer, stall_id, receipt_id)
    async with database.as_viewer(viewer) as db:
        candidates = await flow.candidates(db, case) if case.state == "open" else []
        history = await suspense.history(db, receipt_id)
        decision = await _decision(db, case)
    context = {
        "stall": msgspec.to_builtins(stall),
        "case": case,
        "in_words": payments.spoken_vnd(case.amount_vnd),
        "is_tiny": case.amount_vnd < TINY_VND,
        "why": WHY.get(case.outcome, ""),
        "why_sale": WHY_SALE,
        "fitting": [one for one in candidates if one.left_vnd >= 0 and not one.is_gone],
        "gone": [one for one in candidates if one.left_vnd >= 0 and one.is_gone],
        "too_large": [one for one in candidates if one.left_vnd < 0],
        "history": history,
        "decision": decision,
        "reasons": REASONS,
        "problem": problem,
    }
    status = problem.status if problem else 200
    return Template("waiting_case.html", context=context, status_code=status)


async def _own_case(
    database: Database, viewer: Viewer, stall_id: UUID, receipt_id: UUID
) -> suspense.Case:
    """The case, if it is of this stall's vendor.

    Raises: CaseUnknown.
    """
    async with database.as_viewer(viewer) as db:
        found = await suspense.case(db, receipt_id)
        if found is None or found.owner_id != await _owner(db, stall_id):
            raise suspense.CaseUnknown(receipt_id)
    return found


async def _owner(db: AsyncSession, stall_id: UUID) -> UUID:
    place = await sales.stall_place(db, stall_id)
    if place.vendor_id is None:
        raise NotFound("stall", stall_id)
    return place.vendor_id


async def _decision(db: AsyncSession, case: suspense.Case) -> suspense.Decision | None:
    return await suspense.decision(db, case.decision_id) if case.decision_id else None


def _parts(what: str, payment_ids: Sequence[str], stall_id: UUID) -> tuple[suspense.Part, ...]:
    """What the form says; a part without an amount takes what the others leave."""
    rest: Mapping[str, suspense.Part] = {
        "refund": suspense.Part(kind="refund_due", amount_vnd=0),
        "new": suspense.Part(kind="sale", amount_vnd=0, place_id=stall_id),
        "ignore": suspense.Part(kind="ignored", amount_vnd=0),
    }
    if what not in rest:
        raise BadRequest("invalid", "what")
    chosen = [
        suspense.Part(kind="payment", amount_vnd=0, target_id=_id(one)) for one in payment_ids
    ]
    return (*chosen, rest[what])


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise BadRequest("invalid", "payment") from None


def _number(given: str | None) -> int:
    if given is None or not given.isdecimal() or len(given) > 9:
        raise BadRequest("invalid", "version")
    return int(given)


def _person(viewer: Viewer) -> UUID:
    assert viewer.person_id is not None  # the guard let somebody in
    return viewer.person_id


routers = [cases_page, case_page, decide, take_back, waiting_money]
