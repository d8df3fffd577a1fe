"""Several invoices of one buyer set right at once: what is wrong, which, how it will be, the list to keep."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import FormMultiDict, MultiDict
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Redirect, Template
from msgspec import Meta, Struct
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import Need, books
from einvoice.errors import EInvoiceError, FieldInvalid, NotPossible
from market import corrections, ids, sales
from market.correction_tables import CorrectionRow
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import correction as flow
from market.flows import list_correction
from market.flows.list_correction import ListWish
from market.list_fixes import Fix, FixKind
from market.settings import Settings
from market.web import auth
from market.web.correction_forms import ACTIONS, number
from market.web.errors import documented, problem_of
from market.web.i18n import N_
from market.web.invoices import own_invoice, own_stall
from payments import amounts

LISTED_MAX = 200
TILES: tuple[tuple[FixKind, str, str], ...] = (
    ("price", N_("Sai giá một món"), "scales"),
    ("name", N_("Sai tên một món"), "basket"),
    ("buyer", N_("Sai mã số thuế người mua"), "keypad"),
    ("rebate", N_("Chiết khấu sau khi bán"), "cash"),
)
FEW = N_("Cần ít nhất hai hóa đơn có chỗ sai này. Một hóa đơn thì sửa riêng hóa đơn đó.")
NOT_WHOLE = N_("Xem lại các ô: có ô còn trống, hoặc giống hệt hóa đơn cũ.")
MEDIA = {
    "pdf": "application/pdf",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
Asked = Request[Any, Any, Any]


@dataclass(frozen=True)
class _Place:
    """Where a request stands: the stall, the invoice it began with, those like it."""

    stall: sales.StallPlace
    issued: einvoice.IssuedInvoice
    found: list[einvoice.IssuedInvoice]


async def _place(db: AsyncSession, stall_id: UUID, invoice_id: UUID) -> _Place:
    stall, vendor_id = await own_stall(db, stall_id)
    issued = await own_invoice(db, invoice_id, vendor_id)
    return _Place(stall, issued, await einvoice.alike(db, issued))


@get(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}/sua/nhieu",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def many_page(
    request: Asked,
    stall_id: FromPath[UUID],
    invoice_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Template:
    """What is wrong on all of them; then of which, and how it should be."""
    async with database.as_viewer(viewer) as db:
        place = await _place(db, stall_id, invoice_id)
    return _shown(place, request.query_params)


def _shown(
    place: _Place,
    keyed: MultiDict[Any] | FormMultiDict,
    problem: str = "",
    planned: list_correction.Plan | None = None,
) -> Template:
    known = [kind for kind, _, _ in TILES]
    kind = keyed.get("loai", "")
    changes = planned.changes_vnd() if planned else []
    names = {
        line.name: None
        for one in place.found
        for line in one.invoice.lines
        if line.nature is einvoice.Nature.GOODS
    }
    context = {
        "stall": place.stall,
        "here": f"/ban-hang/{place.stall.id}/hoa-don/{place.issued.id}/sua/nhieu",
        "issued": place.issued,
        "buyer": place.issued.invoice.buyer,
        "month": f"{place.issued.invoice.issued_on:%m/%Y}",
        "found": place.found,
        "goods": list(names),
        "tiles": TILES if len(place.found) > 1 else (),
        "kind": kind if kind in known and len(place.found) > 1 else "",
        "keyed": keyed,
        "new_id": keyed.get("id") or ids.new(),
        "problem": problem or ("" if len(place.found) > 1 else FEW),
        "title": ACTIONS[planned.action][0] if planned else "",
        "planned": list(zip(planned.invoices, changes, strict=True)) if planned else [],
        "total_vnd": sum(changes),
        "new_buyer": planned.buyer if planned else None,
        "needs_agreement": planned is not None and Need.AGREEMENT in planned.advice.needs,
        "form": [(name, text) for name, text in keyed.multi_items() if name[:1] != "_"],
    }
    return Template("correct_many.html", context=context, status_code=422 if problem else 200)


@post(
    "/ban-hang/{stall_id:uuid}/hoa-don/{invoice_id:uuid}/sua/nhieu",
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
    """First shown as it will be written; written, or waiting for the agreement, on the vendor's yes."""
    form = await request.form()
    async with database.as_viewer(viewer) as db:
        place = await _place(db, stall_id, invoice_id)
        known = await corrections.correction(db, _id(form.get("id", "")))
        if known is not None:  # pressed twice
            return Redirect(f"/ban-hang/{stall_id}/sua-hoa-don/{known.id}", status_code=303)
        chosen = set(form.getall("hd", []))
        invoices = [one for one in place.found if str(one.id) in chosen]
        try:
            wish = ListWish(id=_id(form.get("id", "")), fix=_fix(form), by=viewer.person_id)
            planned = await list_correction.plan(db, invoices, wish)
        except NotPossible:
            return _shown(place, form, FEW)
        except (EInvoiceError, amounts.AmountError) as wrong:
            said = NOT_WHOLE if isinstance(wrong, FieldInvalid) else problem_of(wrong).title
            return _shown(place, form, said)
    if not form.get("chac"):
        return _shown(place, form, planned=planned)
    async with database.as_system() as db:
        row = await flow.begin_list(db, settings, invoices, wish, now=now)
    return Redirect(f"/ban-hang/{stall_id}/sua-hoa-don/{row.id}", status_code=303)


def _fix(form: FormMultiDict) -> Fix:
    kinds: dict[str, FixKind] = {kind: kind for kind, _, _ in TILES}
    kind = kinds.get(form.get("loai", ""))
    if kind is None:
        raise FieldInvalid("kind", "choose what is wrong")
    return Fix(
        kind=kind,
        goods=str(form.get("hang", "")),
        name=str(form.get("ten", "")).strip(),
        price_vnd=number(form.get("gia", "")) if kind == "price" else Decimal(0),
        rebate_vnd=amounts.parse_vnd(form.get("bot", "")) if kind == "rebate" else 0,
        tax_id=str(form.get("mst", "")).strip(),
        address=str(form.get("dia_chi", "")).strip(),
    )


@get(
    "/ban-hang/{stall_id:uuid}/sua-hoa-don/{correction_id:uuid}/bang-ke/{kind:str}",
    guards=[auth.owner_of_stall],
    include_in_schema=False,
)
async def take_list(
    stall_id: FromPath[UUID],
    correction_id: FromPath[UUID],
    kind: FromPath[str],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> Response[bytes]:
    """The list 01/BK-ĐCTT of an invoice that was written, as PDF or XLSX."""
    async with database.as_viewer(viewer) as db:
        await own_stall(db, stall_id)
        listed = await einvoice.list_of(db, correction_id)
    if listed is None or kind not in MEDIA:
        raise NotFound("list", correction_id)
    return list_file(listed, kind)


def list_file(listed: einvoice.CorrectionList, kind: str) -> Response[bytes]:
    """The list 01/BK-ĐCTT to keep, as one of `MEDIA`."""
    sheet = einvoice.sheet_of_list(listed)
    content = books.pdf_of(sheet) if kind == "pdf" else books.xlsx_of(sheet)
    headers = {"content-disposition": f'attachment; filename="{listed.number}.{kind}"'}
    return Response(content, media_type=MEDIA[kind], headers=headers)


# ── The same as an API ──────────────────────────────────────────────────────────────────────────


class CorrectListCommand(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Set several invoices of one buyer and month right. `correction_id` is made before sending."""

    correction_id: UUID
    invoice_ids: Annotated[list[UUID], Meta(min_length=2, max_length=LISTED_MAX)]
    fix: Fix


class ListCorrectionView(Struct, frozen=True, kw_only=True):
    """How it stands: agreeing (the buyer has to sign) or written, with the invoice it led to."""

    correction_id: UUID
    state: str
    action: str
    invoice_ids: list[UUID]
    new_invoice_id: UUID | None
    new_invoice_state: str
    list_number: str
    difference_vnd: int


@post(
    "/api/stalls/{stall_id:uuid}/invoice-lists",
    guards=[auth.owner_of_stall],
    responses=documented(400, 401, 403, 404, 409, 422),
)
async def correct_list(
    stall_id: FromPath[UUID],
    data: JSONBody[CorrectListCommand],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> ListCorrectionView:
    """One new invoice for several wrong ones, with its list 01/BK-ĐCTT. Asked twice, done once."""
    async with database.as_viewer(viewer) as db:
        _, vendor_id = await own_stall(db, stall_id)
        invoices = [await own_invoice(db, one, vendor_id) for one in data.invoice_ids]
    wish = ListWish(id=data.correction_id, fix=data.fix, by=viewer.person_id)
    async with database.as_system() as db:
        row = await flow.begin_list(db, settings, invoices, wish, now=now)
        if row.vendor_id != vendor_id:
            raise NotFound("correction", data.correction_id)
        return await _view(db, row)


@get(
    "/api/stalls/{stall_id:uuid}/invoice-lists/{correction_id:uuid}",
    guards=[auth.owner_of_stall],
    responses=documented(401, 403, 404),
)
async def list_state(
    stall_id: FromPath[UUID],
    correction_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
) -> ListCorrectionView:
    """How a correction of several invoices stands."""
    async with database.as_viewer(viewer) as db:
        await own_stall(db, stall_id)
        row = await corrections.correction(db, correction_id)
        if row is None or not row.listed_ids:
            raise NotFound("correction", correction_id)
        return await _view(db, row)


async def _view(db: AsyncSession, row: CorrectionRow) -> ListCorrectionView:
    listed = await einvoice.list_of(db, row.id)
    new = await einvoice.invoice_by_id(db, row.id) if listed else None
    return ListCorrectionView(
        correction_id=row.id,
        state=row.state,
        action=row.action,
        invoice_ids=list(row.listed_ids),
        new_invoice_id=new.id if new else None,
        new_invoice_state=new.state if new else "",
        list_number=listed.number if listed else "",
        difference_vnd=sum(one.difference_vnd for one in listed.items) if listed else 0,
    )


def _id(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise NotFound("correction", given[:40]) from None


routers = [many_page, set_right, take_list, correct_list, list_state]
