"""An invoice is wrong: what of it, what the law does about it, the right content, the way to acceptance."""

from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.datastructures import FormMultiDict, MultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Template
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import Action, Advice, Fault, Need
from einvoice.errors import FieldInvalid, NotPossible
from market import corrections, ids, sales
from market.correction_tables import CorrectionRow
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import correction as flow
from market.flows import list_correction
from market.flows.correction import Wish
from market.settings import Settings
from market.web import auth, invoice_words, list_corrections
from market.web import correction_forms as forms
from market.web.errors import problem_of, tells
from market.web.i18n import N_
from market.web.invoices import own_invoice, own_stall

tells(NotPossible, 409, "Hóa đơn này không sửa theo cách đó được. Xem lại tình trạng của hóa đơn.")
NOTHING_SAID = N_("Chưa rõ sai chỗ nào. Chọn một ô dưới đây.")
NOT_CANCELLED = N_(
    "Hóa đơn đã lập thì không hủy được nữa. Chọn chỗ sai, hoặc “khách trả hàng”, để sửa cho đúng."
)
NOT_WHOLE = N_("Xem lại các ô: cần tên, số lượng và giá đúng. Khách không trả nhiều hơn đã mua.")
UNCHANGED = N_("Nội dung mới giống hệt hóa đơn cũ. Sửa chỗ sai rồi bấm tiếp.")
Asked = Request[Any, Any, Any]
Keyed = MultiDict[Any] | FormMultiDict


# ── What is wrong ───────────────────────────────────────────────────────────────────────────────


@get(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}/sua",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def what_page(
    stall_id: FromPath[UUID],
    invoice_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """Big tiles: what is wrong? Or in one's own words."""
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        issued = await own_invoice(db, invoice_id, vendor_id)
        alike = await einvoice.alike(db, issued)
    return _what(stall, issued, alike_count=len(alike))


def _what(
    stall: sales.StallPlace, issued: einvoice.IssuedInvoice, problem: str = "", alike_count: int = 0
) -> Template:
    context = {
        "stall": stall, "issued": issued, "tiles": forms.TILES, "problem": problem,
        "alike_count": alike_count,
    }  # fmt: skip
    return Template("correct_what.html", context=context)


@get(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}/sua/cach",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def how_page(
    request: Asked,
    stall_id: FromPath[UUID],
    invoice_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """What the law does about it, and the right content to key."""
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        issued = await own_invoice(db, invoice_id, vendor_id)
        faults = _faults(request.query_params)
        if not faults:
            gone = einvoice.wants_cancelling(str(request.query_params.get("loi", "")))
            return _what(stall, issued, NOT_CANCELLED if gone else NOTHING_SAID)
        return await _how(db, stall, issued, faults, request.query_params)


async def _how(
    db: AsyncSession,
    stall: sales.StallPlace,
    issued: einvoice.IssuedInvoice,
    faults: frozenset[Fault],
    keyed: Keyed,
    problem: str = "",
) -> Template:
    advice = flow.advice_on(issued, faults)
    lines = await corrections.lines_now(db, issued)
    context = {
        "stall": stall,
        "issued": issued,
        "buyer": issued.invoice.buyer,
        "faults": [fault for fault in forms.WORDS if fault in faults],
        "words": forms.WORDS,
        "advice": advice,
        "choices": [one for one in advice.choices if one in flow.WRITTEN],
        "actions": forms.ACTIONS,
        "basis": advice.plain()["source"],
        "lines": forms.shown(lines),
        "is_goods": bool(faults & forms.GOODS),
        "is_back": bool(faults & forms.BACK) and not faults & forms.GOODS,
        "is_all_back": Fault.SERVICE_CANCELLED in faults,
        "is_buyer": bool(faults & forms.BUYER) and advice.action is not Action.NOTIFY,
        "needs_agreement": Need.AGREEMENT in advice.needs,
        "needs_papers": Need.RETURN_PAPERS in advice.needs,
        "said": keyed.get("loi", ""),
        "keyed": keyed,
        "new_id": keyed.get("id") or ids.new(),
        "problem": problem,
    }
    return Template("correct_how.html", context=context, status_code=422 if problem else 200)


@post(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}/sua/cach",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=200,
)
async def set_right(
    request: Asked,
    stall_id: FromPath[UUID],
    invoice_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Template | Redirect:
    """First shown as it will be written; written when the vendor says yes."""
    form = await request.form()
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        issued = await own_invoice(db, invoice_id, vendor_id)
        known = await corrections.correction(db, _id(form.get("id", "")))
        if known is not None:  # pressed twice
            return Redirect(f"/ban-hang/{stall_id}/sua-hoa-don/{known.id}", status_code=303)
        faults = _faults(form)
        if not faults:
            gone = einvoice.wants_cancelling(str(request.query_params.get("loi", "")))
            return _what(stall, issued, NOT_CANCELLED if gone else NOTHING_SAID)
        before = await corrections.lines_now(db, issued)
        try:
            wish = replace(_wish(issued, before, faults, form), by=viewer.person_id)
        except einvoice.EInvoiceError as wrong:
            return await _how(db, stall, issued, faults, form, _sentence(wrong))
        if not form.get("chac"):
            return await _check(db, stall, issued, before, wish, form)
    async with database.as_system() as db:
        row = await flow.begin(db, settings, issued, wish, now=now)
    return Redirect(f"/ban-hang/{stall_id}/sua-hoa-don/{row.id}", status_code=303)


async def _check(
    db: AsyncSession,
    stall: sales.StallPlace,
    issued: einvoice.IssuedInvoice,
    before: tuple[einvoice.Line, ...],
    wish: Wish,
    form: FormMultiDict,
) -> Template:
    lines = before if wish.lines is None else wish.lines
    template = issued.invoice.template
    is_same = not einvoice.differences(before, lines)
    is_same = is_same and wish.buyer in (None, issued.invoice.buyer)
    if is_same and wish.action is not Action.NOTIFY:
        return await _how(db, stall, issued, wish.faults, form, UNCHANGED)
    written = einvoice.differences(before, lines) if wish.action is Action.ADJUST else lines
    context = {
        "stall": stall,
        "issued": issued,
        "wish": wish,
        "title": forms.ACTIONS[wish.action][0],
        "before_vnd": einvoice.totals_of(template, before).payable_vnd,
        "after_vnd": einvoice.totals_of(template, lines).payable_vnd,
        "written": written,
        "totals": einvoice.totals_of(template, written),
        "form": [(name, text) for name, text in form.multi_items() if name[:1] != "_"],
    }
    return Template("correct_check.html", context=context)


def _wish(
    issued: einvoice.IssuedInvoice,
    before: tuple[einvoice.Line, ...],
    faults: frozenset[Fault],
    form: FormMultiDict,
) -> Wish:
    advice = flow.advice_on(issued, faults)
    action = _action(advice, form.get("cach", ""))
    buyer = lines = None
    if action is not Action.NOTIFY:
        if faults & forms.GOODS:
            columns = [form.getall(name, []) for name in ("ten", "don_vi", "so_luong", "don_gia")]
            lines = forms.right_lines(before, *columns)
        elif faults & forms.BACK:
            lines = forms.kept_lines(before, form.getall("tra", []))
        if faults & forms.BUYER:
            keyed = (form.get("nguoi_mua", ""), form.get("mst", ""), form.get("dia_chi", ""))
            buyer = forms.right_buyer(issued.invoice.buyer, *keyed)
        if action is Action.REPLACE and lines == ():
            raise FieldInvalid("lines", "a replacement has at least one line")
    said = str(form.get("ly_do") or form.get("loi") or "").strip()
    if action is Action.NOTIFY and not said:
        raise FieldInvalid("reason", "it must be filled")
    return Wish(
        id=_id(form.get("id", "")),
        faults=faults,
        action=action,
        said=said or ", ".join(forms.WORDS[one] for one in forms.WORDS if one in faults),
        buyer=buyer,
        lines=lines,
    )


def _action(advice: Advice, keyed: str) -> Action:
    possible = [one for one in advice.choices if one in flow.WRITTEN]
    chosen = [one for one in possible if one.value == keyed] or possible
    if not chosen:
        raise NotPossible("the product does not write that")
    return chosen[0]


def _faults(keyed: Keyed) -> frozenset[Fault]:
    known = {fault.value for fault in Fault}
    chosen = {Fault(one) for one in keyed.getall("sai", []) if one in known}
    return frozenset(chosen | einvoice.faults_in(str(keyed.get("loi", ""))[:500]))


def _sentence(wrong: Exception) -> str:
    return NOT_WHOLE if isinstance(wrong, FieldInvalid) else problem_of(wrong).title


# ── How it stands ───────────────────────────────────────────────────────────────────────────────


@get(
    "/ban-hang/{stall_id:uuid}/sua-hoa-don/{correction_id:uuid}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def state_page(
    stall_id: FromPath[UUID],
    correction_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> Template:
    """Chosen, agreed, written, accepted: where it stands, and what is asked of the vendor."""
    async with database.as_viewer(viewer) as db:
        stall, vendor_id = await own_stall(db, stall_id)
        row = await _own(db, correction_id, vendor_id)
        issued = row.invoice_id and await einvoice.invoice_by_id(db, row.invoice_id)
        written = row.state == "written"
        made_id = UUID(row.content["by"]) if "by" in row.content else row.id
        new = await einvoice.invoice_by_id(db, made_id) if written else None
        beside = await list_correction.refunds_beside(db, row)
        notice = await einvoice.notice_standing(db, row.id) if written else None
        lines = await corrections.lines_now(db, issued) if issued else ()
        listed = [await einvoice.invoice_by_id(db, one) for one in row.listed_ids]
    found = new.reasons if new else notice.reasons if notice else ()
    context = {
        "stall": stall,
        "row": row,
        "issued": issued,
        "new": new,
        "notice": notice,
        "state": new.state if new else notice.state if notice else "",
        "told": invoice_words.told(found),
        "title": forms.ACTIONS[Action(row.action)][0] if row.action else "",
        "words": [forms.WORDS[Fault(one)] for one in row.faults],
        "lines": list(enumerate(lines)),
        "right": corrections.lines_in(row.content),
        "right_buyer": corrections.buyer_in(row.content),
        "listed": [one for one in listed if one is not None],
        "beside_count": sum(len(one) for one in beside.values()),
        "today": now,
    }
    return Template("correction.html", context=context)


@post(
    "/ban-hang/{stall_id:uuid}/sua-hoa-don/{correction_id:uuid}/{what:str}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
    status_code=303,
)
async def act(
    request: Asked,
    stall_id: FromPath[UUID],
    correction_id: FromPath[UUID],
    what: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Redirect:
    """“dong-y”: the agreement is signed. “hang”: of which goods. “chung”: all this buyer's at once. “thoi”: leave it."""
    form = await request.form()
    async with database.as_viewer(viewer) as db:
        _, vendor_id = await own_stall(db, stall_id)
        await _own(db, correction_id, vendor_id)
    async with database.as_system() as db:
        if what == "dong-y":
            signed_on = _day(str(form.get("ngay", "")))
            number = str(form.get("so", ""))
            await flow.agree(db, settings, correction_id, number, signed_on, now=now)
        elif what == "hang":
            index = _index(str(form.get("dong", "")))
            await flow.choose_goods(db, settings, correction_id, index, now=now)
        elif what == "chung":
            await flow.say_together(db, settings, correction_id, now=now)
        elif what == "thoi":
            await flow.withdraw(db, correction_id)
        else:
            raise NotFound("action", what[:40])
    return Redirect(f"/ban-hang/{stall_id}/sua-hoa-don/{correction_id}", status_code=303)


async def _own(db: AsyncSession, correction_id: UUID, vendor_id: UUID) -> CorrectionRow:
    row = await corrections.correction(db, correction_id)
    if row is None or row.vendor_id != vendor_id:
        raise NotFound("correction", correction_id)
    return row


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise NotFound("correction", given[:40]) from None


def _day(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        raise FieldInvalid("agreed_on", "it is no day") from None


def _index(given: str) -> int | None:
    """The place of the chosen line; None for all goods."""
    if given == "tat-ca":
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 4):
        raise NotFound("line", given[:40])
    return int(given)


routers = [what_page, how_page, set_right, state_page, act, *list_corrections.routers]
