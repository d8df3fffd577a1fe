"""Settlement sessions and bank statements: the clerk's lists, differences, two-person approval."""

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath
from litestar.response import Redirect, Template
from msgspec import Struct
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids, people
from market.db import Database, Viewer
from market.flows import clearing as flow
from market.flows.settlement_files import refused_files
from market.settings import Settings
from market.web import auth
from market.web.clearing_words import DO, DONE, STATES, STEPS, WHY, WHY_FILE, WHY_STATEMENT
from market.web.errors import BadRequest, Problem, problem_of
from payments import clearing
from payments.reconciliation import ReconciliationBusy, RecordUnreadable, Resolution, kept

PAGE, STATEMENTS = "/doi-soat/phien", "/doi-soat/sao-ke"
SHOWN_MAX = 300
PAYOUTS_SHOWN_MAX = 500


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
async def sessions_page(
    database: NamedDependency[Database], settings: NamedDependency[Settings]
) -> Template:
    """Refused files first, then every session, newest day first; what needs a person stands out."""
    return await _sessions(database, settings)


async def _sessions(
    database: Database,
    settings: Settings,
    problem: Problem | None = None,
    status_code: int = 200,
) -> Template:
    async with database.as_system() as db:
        found = await clearing.sessions(db)
    context = {
        "sessions": found, "states": STATES, "problem": problem, "why_file": WHY_FILE,
        "refused": await to_thread.run_sync(refused_files, settings.data),
    }  # fmt: skip
    return Template("settlement_sessions.html", context=context, status_code=status_code)


@post(PAGE, guards=[auth.clerk], include_in_schema=False, status_code=303)
async def load(
    data: Annotated[LoadForm, Body(media_type=RequestEncodingType.MULTI_PART)],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
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
        return await _sessions(database, settings, problem, problem.status)
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
        wrong = await kept.differences(db, session_id=session_id, limit=SHOWN_MAX)
        paid = await clearing.payouts(db, session_id)
        owners = {one.owner_id for one in wrong if one.owner_id} | {one.owner_id for one in paid}
        names = await vendor_names(db, list(owners))
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
        session_id = (await kept.difference(db, difference_id)).session_id
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
        found = await kept.statements(db)
        wrong = await kept.statement_differences(db, limit=SHOWN_MAX)
        owners = {one.owner_id for one in wrong} | {one.owner_id for one in found}
        names = await vendor_names(db, [one for one in owners if one])
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
        names = await vendor_names(db, [one.owner_id for one in paid])
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
    return attachment(
        out.getvalue().encode("utf-8-sig"), "text/csv", f"lenh-{found.acquirer}-{found.day}.csv"
    )


def attachment(content: bytes, media_type: str, name: str) -> Response[bytes]:
    """A file to keep, that no cache keeps."""
    return Response(
        content,
        media_type=media_type,
        headers={
            "content-disposition": f'attachment; filename="{name}"',
            "cache-control": "no-store",
        },
    )


async def vendor_names(db: AsyncSession, owner_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The names over the stalls, by vendor."""
    rows = await db.execute(_NAMES, {"ids": list(owner_ids)})
    return {row[0]: row[1] for row in rows}


async def _persons(db: AsyncSession, person_ids: Sequence[UUID | None]) -> dict[UUID, str]:
    rows = await db.execute(_PERSONS, {"ids": [one for one in person_ids if one]})
    return {row[0]: row[1] for row in rows}


async def _accounts(db: AsyncSession, owner_ids: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    rows = await db.execute(_ACCOUNTS, {"ids": list(owner_ids)})
    return {row[0]: (row[1], row[2]) for row in rows}


_NAMES = text("SELECT id, name FROM market.vendor_name WHERE id = ANY (:ids)")
_PERSONS = text("SELECT id, name FROM market.person WHERE id = ANY (:ids)")
_ACCOUNTS = text(
    "SELECT DISTINCT ON (owner_id) owner_id, bank_bin, account_no FROM payments.payee"
    " WHERE owner_id = ANY (:ids) ORDER BY owner_id, retired_at IS NOT NULL, registered_at DESC"
)

routers = [
    sessions_page,
    load,
    statements_page,
    load_statement,
    session_page,
    approve,
    take_back,
    withdraw,
    decide,
    seen,
    instructions,
]
