"""Settlement sessions: the clerk's list and session, two-person approval; the vendor's own statement."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids, people, session_pdf
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import clearing as flow
from market.web import auth, i18n
from market.web.errors import BadRequest, Problem, problem_of, tells
from market.web.i18n import N_
from payments import clearing
from payments.reconciliation import ReconciliationBusy, RecordUnreadable, Resolution, resolving

PAGE, STATEMENTS = "/doi-soat/phien", "/doi-soat/sao-ke"
SHOWN_MAX = 300
PAYOUTS_SHOWN_MAX = 500
STATES = {
    "loaded": ("river", N_("Đã nhận tệp")),
    "checked": ("river", N_("Đã kiểm tra")),
    "reconciled": ("honey", N_("Đã đối chiếu, chờ duyệt")),
    "approved": ("river", N_("Đã duyệt, đang lập lệnh")),
    "instructed": ("river", N_("Đã gửi lệnh, chờ tiền về")),
    "confirmed": ("leaf", N_("Tiền đã về đủ")),
    "withdrawn": ("stone", N_("Đã rút lại")),
}
STEPS = ("loaded", "checked", "reconciled", "approved", "instructed", "confirmed")
WHY = {
    "missing_local": N_("Cổng thanh toán có, sổ của mình không có. Thường là mất tin báo."),
    "missing_provider": N_("Sổ của mình có, tệp không có. Chưa trả khoản này."),
    "amount_mismatch": N_("Số tiền hai bên khác nhau."),
    "status_mismatch": N_("Bên này đã thu, bên kia báo không thành công hoặc đã hủy."),
    "fee_mismatch": N_("Phí bị trừ khác với hợp đồng."),
    "duplicate": N_("Giao dịch này có hai lần."),
}
WHY_STATEMENT = WHY | {
    "missing_local": N_("Sao kê có, chưa ai báo về. Thường là mất tin báo."),
    "missing_provider": N_("Đã báo về mà sao kê không có. Có thể là tin giả."),
}
DO = {
    "record": N_("Ghi nhận khoản này"),
    "accept": N_("Theo số của họ"),
    "reject": N_("Không trả dòng này"),
    "dispute": N_("Gửi tra soát"),
    "wait": N_("Chờ tệp ngày sau"),
}
DONE = {
    "record": N_("Đã ghi nhận"),
    "accept": N_("Đã theo số của họ"),
    "reject": N_("Đã loại"),
    "dispute": N_("Đang tra soát"),
    "wait": N_("Đang chờ tệp sau"),
    "came_later": N_("Đã có trong tệp sau"),
    "undo": N_("Đang làm lại"),
}
WHY_FILE = {
    "record_encoding": N_("Tệp không phải UTF-8. Lưu lại dạng UTF-8 rồi nạp lại."),
    "record_columns": N_("Dòng đầu thiếu hoặc sai tên cột. Xin đúng mẫu tệp."),
    "record_amount": N_("Số tiền sai: chỉ viết chữ số, đồng tròn, đúng dấu cộng trừ."),
    "record_currency": N_("Tiền không phải đồng Việt Nam."),
    "record_sum": N_("Cộng lại không đúng. Xin bên gửi sửa tệp."),
    "record_day": N_("Dòng này của ngày khác. Mỗi tệp một ngày."),
    "record_doubled": N_("Số thứ tự có hai lần. Xin lại tệp."),
    "record_cut": N_("Tệp bị cắt mất phần cuối hoặc thiếu ô. Xin lại tệp."),
    "record_trailer": N_(
        "Dòng tổng không khớp với các dòng. Tệp đã bị sửa hoặc hỏng, xin lại tệp."
    ),
    "record_empty": N_("Tệp không có dòng nào."),
    "record_too_large": N_("Tệp quá lớn. Xin tệp từng ngày."),
    "record_unlike": N_("Quá nhiều dòng lệch: có đúng tệp của ngày và cổng này không?"),
    "format_unknown": N_("Chưa biết mẫu sao kê này. Dùng CSV của ngân hàng, MT940 hoặc camt.053."),
    "record_cell": N_("Một ô không đọc được. Xin bên gửi sửa tệp."),
}

tells(RecordUnreadable, 422, "Tệp không dùng được. Chưa có gì được ghi. Xem chi tiết bên dưới.")
tells(ReconciliationBusy, 409, "Đang đối chiếu một tệp khác. Thử lại sau một phút.")
tells(clearing.SessionExists, 409, "Ngày này đã có một tệp khác. Rút phiên đó lại trước.")
tells(clearing.SessionUnknown, 404, "Không tìm thấy phiên này.")
tells(clearing.SessionNotReady, 409, "Phiên này vừa đổi trạng thái. Tải lại trang rồi xem.")
tells(clearing.SamePerson, 409, "Bạn đã duyệt lần một. Lần hai phải là người khác.")
tells(clearing.DifferenceUnknown, 404, "Không tìm thấy dòng lệch này.")
tells(
    clearing.ResolutionRefused, 409, "Không làm được với dòng này. Ghi lý do, hoặc tải lại trang."
)
tells(clearing.PayoutUnknown, 404, "Người bán không có phần trong phiên này.")
tells(clearing.PostingRefused, 409, "Sổ ghi tiền chưa nhận. Tiền vẫn còn nguyên. Gọi người hỗ trợ.")


class LoadForm(Struct, frozen=True, kw_only=True):
    """An acquirer's file, from a browser."""

    file: UploadFile
    acquirer: str = "vnpay"


class StatementForm(Struct, frozen=True, kw_only=True):
    """A bank statement, from a browser."""

    file: UploadFile
    account_no: str = ""


class DecideForm(Struct, frozen=True, kw_only=True):
    """What the clerk decided about one difference."""

    resolution: str
    reason: str = ""


class WhyForm(Struct, frozen=True, kw_only=True):
    """Why something is taken back."""

    reason: str = ""


# ── The clerk ───────────────────────────────────────────────────────────────────────────────────


@get(PAGE, guards=[auth.clerk], include_in_schema=False)
async def sessions_page(database: NamedDependency[Database]) -> Template:
    """Every session, newest day first; what needs a person stands out."""
    return await _sessions(database)


async def _sessions(
    database: Database, problem: Problem | None = None, status_code: int = 200
) -> Template:
    async with database.as_system() as db:
        found = await clearing.sessions(db)
    context = {
        "sessions": found, "states": STATES, "problem": problem, "why_file": WHY_FILE,
    }  # fmt: skip
    return Template("settlement_sessions.html", context=context, status_code=status_code)


@post(PAGE, guards=[auth.clerk], include_in_schema=False, status_code=303)
async def load(
    data: Annotated[LoadForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    database: NamedDependency[Database],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A file becomes a session; what is wrong with it is said on the list."""
    assert me is not None
    try:
        loaded = await payments.load_provider_file(
            database.url,
            await data.file.read(),
            session_id=ids.new(),
            acquirer=data.acquirer.strip().lower(),
            now=now,
            by=me.person_id,
        )
    except (RecordUnreadable, clearing.SessionExists, ReconciliationBusy) as wrong:
        problem = problem_of(wrong)
        return await _sessions(database, problem, problem.status)
    return Redirect(f"{PAGE}/{loaded.session_id}", status_code=303)


@get(PAGE + "/{session_id:uuid}", guards=[auth.clerk], include_in_schema=False)
async def session_page(
    session_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Template:
    """One session: differences first, every one with why and what to do. Reading it is logged."""
    assert me is not None
    return await _session(database, viewer, me, session_id, now)


async def _session(
    database: Database,
    viewer: Viewer,
    me: auth.SignedIn,
    session_id: UUID,
    now: datetime,
    problem: Problem | None = None,
) -> Template:
    async with database.as_system() as db:
        found = await clearing.session(db, session_id)
        wrong = await resolving.differences(db, session_id=session_id, limit=SHOWN_MAX)
        paid = await clearing.payouts(db, session_id)
        owners = {one.owner_id for one in wrong if one.owner_id} | {one.owner_id for one in paid}
        names = await _names(db, list(owners))
        persons = await _persons(db, [found.first_by, found.approved_by, found.loaded_by])
        await people.log_read(db, viewer, "settlement", list(names), "đối soát", now=now)
    context = {
        "session": found,
        "state": STATES[found.state],
        "steps": [(name, STATES[name][1]) for name in STEPS],
        "step": STEPS.index(found.state) if found.state in STEPS else -1,
        "differences": wrong,
        "payouts": paid[:PAYOUTS_SHOWN_MAX],
        "payout_count": len(paid),
        "names": names,
        "persons": persons,
        "why": WHY,
        "do": DO,
        "done": DONE,
        "is_mine": found.first_by == me.person_id,
        "problem": problem,
    }
    status_code = problem.status if problem else 200
    return Template("settlement_session.html", context=context, status_code=status_code)


@post(PAGE + "/{session_id:uuid}/duyet", guards=[auth.clerk], include_in_schema=False,
      status_code=303)  # fmt: skip
async def approve(
    session_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """One of the two approvals."""
    assert me is not None
    try:
        async with database.as_system() as db:
            await flow.approve(db, session_id, by=me.person_id, now=now)
    except (clearing.SamePerson, clearing.SessionNotReady) as refused:
        return await _session(database, viewer, me, session_id, now, problem_of(refused))
    return Redirect(f"{PAGE}/{session_id}", status_code=303)


@post(PAGE + "/{session_id:uuid}/lay-lai", guards=[auth.clerk], include_in_schema=False,
      status_code=303)  # fmt: skip
async def take_back(
    session_id: FromPath[UUID],
    database: NamedDependency[Database],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """The first approval is taken back."""
    assert me is not None
    async with database.as_system() as db:
        await clearing.take_back(db, session_id, by=me.person_id, now=now)
    return Redirect(f"{PAGE}/{session_id}", status_code=303)


@post(PAGE + "/{session_id:uuid}/rut", guards=[auth.clerk], include_in_schema=False,
      status_code=303)  # fmt: skip
async def withdraw(
    session_id: FromPath[UUID],
    data: Annotated[WhyForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """The file was wrong."""
    assert me is not None
    async with database.as_system() as db:
        await clearing.withdraw(db, session_id, by=me.person_id, reason=data.reason, now=now)
    return Redirect(PAGE, status_code=303)


@post(PAGE + "/lech/{difference_id:uuid}", guards=[auth.clerk], include_in_schema=False,
      status_code=303)  # fmt: skip
async def decide(
    difference_id: FromPath[UUID],
    data: Annotated[DecideForm, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    viewer: NamedDependency[Viewer],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """One tap about one difference, or taking the last one back."""
    assert me is not None
    if data.resolution not in {*DO, "undo"}:
        raise BadRequest("resolution_unknown")
    async with database.as_system() as db:
        session_id = (await resolving.difference(db, difference_id)).session_id
    told: dict[str, Any] = {"by": me.person_id, "reason": data.reason, "now": now}
    try:
        if data.resolution == "undo":
            await flow.undo(database, ledger, difference_id, **told)
        else:
            await flow.resolve(database, ledger, difference_id, Resolution(data.resolution), **told)
    except clearing.ClearingError as refused:
        if session_id is None:
            return await _statements(database, problem_of(refused))
        return await _session(database, viewer, me, session_id, now, problem_of(refused))
    page = STATEMENTS if session_id is None else f"{PAGE}/{session_id}"
    return Redirect(f"{page}#d-{difference_id}", status_code=303)


@get(STATEMENTS, guards=[auth.clerk], include_in_schema=False)
async def statements_page(
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """Bank statements that were compared, and what differed. Reading it is logged."""
    async with database.as_system() as db:
        await people.log_read(db, viewer, "bank_statement", [], "đối soát", now=now)
    return await _statements(database)


async def _statements(database: Database, problem: Problem | None = None) -> Template:
    async with database.as_system() as db:
        found = await resolving.statements(db)
        wrong = await resolving.statement_differences(db, limit=SHOWN_MAX)
        owners = {one.owner_id for one in wrong} | {one.owner_id for one in found}
        names = await _names(db, [one for one in owners if one])
    context = {
        "statements": found,
        "differences": wrong,
        "names": names,
        "why": WHY_STATEMENT,
        "why_file": WHY_FILE,
        "do": DO,
        "done": DONE,
        "problem": problem,
    }
    status_code = problem.status if problem else 200
    return Template("bank_statements.html", context=context, status_code=status_code)


@post(STATEMENTS, guards=[auth.clerk], include_in_schema=False, status_code=303)
async def load_statement(
    data: Annotated[StatementForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    database: NamedDependency[Database],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A bank statement is compared, and what differs stands open."""
    assert me is not None
    try:
        await payments.load_statement(
            database.url,
            await data.file.read(),
            statement_id=ids.new(),
            now=now,
            account_no=data.account_no.strip(),
            by=me.person_id,
        )
    except RecordUnreadable as wrong:
        return await _statements(database, problem_of(wrong))
    return Redirect(STATEMENTS, status_code=303)


@post(PAGE + "/{session_id:uuid}/tien-ve/{owner_id:uuid}", guards=[auth.clerk],
      include_in_schema=False, status_code=303)  # fmt: skip
async def seen(
    session_id: FromPath[UUID],
    owner_id: FromPath[UUID],
    database: NamedDependency[Database],
    ledger: NamedDependency[payments.Ledger],
    me: NamedDependency[auth.SignedIn | None],
    now: NamedDependency[datetime],
) -> Redirect:
    """The clerk saw a vendor's credit that no notice told us of."""
    assert me is not None
    await flow.confirm(
        database, ledger, session_id, owner_id, receipt_id=None, by=me.person_id, now=now
    )
    return Redirect(f"{PAGE}/{session_id}", status_code=303)


@get(PAGE + "/{session_id:uuid}/lenh.csv", guards=[auth.clerk], include_in_schema=False)
async def instructions(
    session_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Response[bytes]:
    """What the acquirer is told to pay whom."""
    async with database.as_system() as db:
        found = await clearing.session(db, session_id)
        paid = [one for one in await clearing.payouts(db, session_id) if one.pay_vnd]
        names = await _names(db, [one.owner_id for one in paid])
        accounts = await _accounts(db, list(names))
        await people.log_read(db, viewer, "payout", list(names), "lệnh quyết toán", now=now)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(("reference", "name", "bank_bin", "account_no", "amount_vnd"))
    for one in paid:
        bank_bin, account_no = accounts.get(one.owner_id, ("", ""))
        writer.writerow(
            (one.reference, names.get(one.owner_id, ""), bank_bin, account_no, one.pay_vnd)
        )
    return _file(
        out.getvalue().encode("utf-8-sig"), "text/csv", f"lenh-{found.acquirer}-{found.day}.csv"
    )


# ── The vendor ──────────────────────────────────────────────────────────────────────────────────


@get("/ban-hang/{stall_id:uuid}/quyet-toan", guards=[auth.owner_of_stall], include_in_schema=False)
async def my_sessions(
    stall_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """What acquirers paid, pay and hold back, with why and since when."""
    async with database.as_viewer(viewer) as db:
        stall = await _stall(db, stall_id)
        paid = await clearing.payouts_of(db, stall.vendor_id)
        held = await clearing.held_of(db, stall.vendor_id)
    context = {
        "stall": {"id": stall_id, "code": stall.code},
        "payouts": paid,
        "held": held,
        "why": WHY,
        "done": DONE,
    }
    return Template("my_settlements.html", context=context)


@get("/ban-hang/{stall_id:uuid}/quyet-toan/{session_id:uuid}/{kind:str}",
     guards=[auth.owner_of_stall], include_in_schema=False)  # fmt: skip
async def my_statement(
    request: Request[Any, Any, Any],
    stall_id: FromPath[UUID],
    session_id: FromPath[UUID],
    kind: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Response[bytes]:
    """One session's statement, as PDF or CSV."""
    t = i18n.translator(i18n.locale_of(request))
    async with database.as_viewer(viewer) as db:
        stall = await _stall(db, stall_id)
        told = await clearing.statement_of(db, session_id, stall.vendor_id)
        names = await _names(db, [stall.vendor_id])
    name = f"quyet-toan-{told.payout.acquirer}-{told.payout.day}"
    if kind == "csv":
        return _file(clearing.as_csv(told), "text/csv", f"{name}.csv")
    if kind != "pdf":
        raise NotFound("statement", kind)
    page = session_pdf.pdf_of(
        told, names.get(stall.vendor_id, ""), t, lambda class_: t(WHY[class_])
    )
    return _file(page, "application/pdf", f"{name}.pdf")


def _file(content: bytes, media_type: str, name: str) -> Response[bytes]:
    return Response(
        content,
        media_type=media_type,
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
        },
    )


async def _stall(db: AsyncSession, stall_id: UUID) -> Any:
    row = (await db.execute(_STALL, {"id": stall_id})).one_or_none()
    if row is None or row.vendor_id is None:
        raise NotFound("stall", stall_id)
    return row


async def _names(db: AsyncSession, owner_ids: Sequence[UUID]) -> dict[UUID, str]:
    rows = await db.execute(_NAMES, {"ids": list(owner_ids)})
    return {row[0]: row[1] for row in rows}


async def _persons(db: AsyncSession, person_ids: Sequence[UUID | None]) -> dict[UUID, str]:
    rows = await db.execute(_PERSONS, {"ids": [one for one in person_ids if one]})
    return {row[0]: row[1] for row in rows}


async def _accounts(db: AsyncSession, owner_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    rows = await db.execute(_ACCOUNTS, {"ids": list(owner_ids)})
    return {row[0]: (row[1], row[2]) for row in rows}


_STALL = text("SELECT id, code, vendor_id FROM market.stall WHERE id = :id")
_NAMES = text("SELECT id, name FROM market.vendor_name WHERE id = ANY (:ids)")
_PERSONS = text("SELECT id, name FROM market.person WHERE id = ANY (:ids)")
_ACCOUNTS = text(
    "SELECT DISTINCT ON (owner_id) owner_id, bank_bin, account_no FROM payments.payee"
    " WHERE owner_id = ANY (:ids) ORDER BY owner_id, retired_at IS NOT NULL, registered_at DESC"
)

routers = [
    sessions_page, load, statements_page, load_statement, session_page, approve, take_back, withdraw, decide, seen, instructions,
    my_sessions, my_statement,
]  # fmt: skip
