"""Behind the code on an invoice: what it says, its original, its signature, the buyer's own name on it."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template
from msgspec import Struct

import einvoice
from einvoice import BuyerKind, Verdict
from market import clock, corrections, ids
from market.db import Database
from market.errors import NotFound
from market.flows import invoice as invoice_flow
from market.flows import till_slips
from market.settings import Settings
from market.web.errors import problem_of
from market.web.list_corrections import MEDIA, list_file

CODE_LENGTH_MAX = 40
NAMEABLE, NAMED, CORRECTED, REFUSED, TOO_LATE = "nameable", "named", "corrected", "refused", "late"


class NamedBuyer(Struct, frozen=True, kw_only=True):
    """Who wants the invoice in their name."""

    name: str = ""
    tax_id: str = ""
    personal_id: str = ""
    address: str = ""
    phone: str = ""


def naming(issued: einvoice.IssuedInvoice, now: datetime) -> str:
    """Whether the holder of the code may have the invoice in their name now, or why not."""
    if issued.correction or issued.kind == "adjustment":
        return CORRECTED
    if einvoice.buyer_kind(issued.invoice) is not BuyerKind.CONSUMER:
        return NAMED
    if issued.state == "rejected":
        return REFUSED
    is_today = issued.invoice.issued_on == clock.local_day(now)
    return NAMEABLE if is_today else TOO_LATE


@get("/hd", include_in_schema=False)
async def search_page(ma: FromQuery[str] = "") -> Template | Redirect:
    """Type the code that stands on the invoice."""
    code = "".join(ma.split()).upper()
    if code:
        return Redirect(f"/hd/{code[:CODE_LENGTH_MAX]}")
    return Template("lookup.html", context={"code": ""})


@get("/hd/{code:str}", include_in_schema=False)
async def lookup_page(
    code: FromPath[str], database: NamedDependency[Database], now: NamedDependency[datetime]
) -> Template:
    """The invoice, its state at the tax authority, and its original to download."""
    issued = await _found(database, code)
    if issued is not None:
        return await _page(database, issued, now)
    async with database.as_system() as db:
        slip = await till_slips.slip_of(db, code)
    if slip is None:
        return _unknown(code)
    return Template("slip.html", context={"slip": slip, "code": code})


@get("/hd/{code:str}/xml", include_in_schema=False)
async def lookup_xml(
    code: FromPath[str], database: NamedDependency[Database]
) -> Response[bytes] | Template:
    """The original, byte for byte."""
    issued = await _found(database, code)
    if issued is None:
        return _unknown(code)
    return _file(einvoice.xml_of(issued), "application/xml", f"{issued.lookup_code}.xml")


@get("/hd/{code:str}/pdf", include_in_schema=False)
async def lookup_pdf(
    code: FromPath[str],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    kho: FromQuery[str] = "a4",
) -> Response[bytes] | Template:
    """The page to print and to keep, the original inside; `kho` is a4 or k80 (an 80 mm roll)."""
    issued = await _found(database, code)
    if issued is None:
        return _unknown(code)
    url = f"{settings.base_url}/hd/{issued.lookup_code}"
    size = einvoice.ROLL_80 if kho == "k80" else einvoice.A4
    page = await asyncio.to_thread(einvoice.archive_pdf_of, issued, size, lookup_url=url)
    return _file(page, "application/pdf", f"{issued.lookup_code}.pdf")


@get("/hd/{code:str}/bang-ke/{kind:str}", include_in_schema=False)
async def lookup_list(
    code: FromPath[str], kind: FromPath[str], database: NamedDependency[Database]
) -> Response[bytes] | Template:
    """The list 01/BK-ĐCTT of an invoice that sets several of one buyer right, as PDF or XLSX."""
    issued = await _found(database, code)
    if issued is None:
        return _unknown(code)
    async with database.as_system() as db:
        listed = await einvoice.list_of(db, issued.id)
    if listed is None or kind not in MEDIA:
        raise NotFound("list", issued.lookup_code)
    return list_file(listed, kind)


@post("/hd/{code:str}/ten", include_in_schema=False, status_code=303)
async def name_buyer(
    code: FromPath[str],
    data: Annotated[NamedBuyer, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Who holds the receipt may ask on the same day for the invoice in their name: a replacement."""
    issued = await _found(database, code)
    if issued is None:
        return _unknown(code)
    if naming(issued, now) != NAMEABLE:
        return await _page(database, issued, now, status=409)
    buyer = einvoice.Buyer(
        name=data.name,
        tax_id=data.tax_id,
        personal_id=data.personal_id,
        address=data.address,
        phone=data.phone,
    )
    try:
        buyer = replace(buyer, tax_id=einvoice.tax_id_of(data.tax_id) if data.tax_id else "")
        async with database.as_system() as db:
            named = await invoice_flow.name_buyer(db, issued, buyer, new_id=ids.new(), now=now)
    except einvoice.EInvoiceError as wrong:
        problem = problem_of(wrong)
        return await _page(database, issued, now, problem.title, data, status=problem.status)
    return Redirect(f"/hd/{named.lookup_code}", status_code=303)


async def _page(
    database: Database,
    issued: einvoice.IssuedInvoice,
    now: datetime,
    problem: str = "",
    keyed: NamedBuyer | None = None,
    *,
    status: int = 200,
) -> Template:
    async with database.as_system() as db:
        successors = await einvoice.successors(db, issued.id)
        done = await corrections.corrections_of(db, issued.id)
        after = [await einvoice.invoice_by_id(db, one.id) for one in successors]
    notices = [one for one in done if one.action == "notify" and one.state == "written"]
    context = {
        "issued": issued,
        "invoice": issued.invoice,
        "has_list": bool(issued.invoice.related and issued.invoice.related.listed_on),
        "seal": seal_of(issued, now),
        "naming": naming(issued, now),
        "successors": [one for one in successors if one.state != "rejected"],
        "notices": notices,
        "open_ids": {one.id for one in after if one and _is_open(one, issued)},
        "problem": problem,
        "keyed": keyed or NamedBuyer(),
        "said_in": einvoice.said_in,
    }
    return Template("invoice.html", context=context, status_code=status)


def _is_open(after: einvoice.IssuedInvoice, before: einvoice.IssuedInvoice) -> bool:
    """Whether who holds the code of `before` may see `after`: it tells nobody's name anew."""
    is_same = after.invoice.buyer == before.invoice.buyer
    return is_same or einvoice.buyer_kind(after.invoice) is BuyerKind.CONSUMER


def seal_of(issued: einvoice.IssuedInvoice, now: datetime) -> dict[str, Any]:
    """What an inspection of the original finds: its signatures, and everything that is wrong with it."""
    report = einvoice.inspect(issued.xml, now=now)
    signatures = report.sheet.signatures
    return {
        "is_right": report.is_right,
        "is_signed": any(one.holds for one in signatures),
        "is_broken": any(not one.holds for one in signatures),
        "signatures": signatures,
        "wrong": list(report.remarks(Verdict.WRONG)),
        "right": list(report.remarks(Verdict.RIGHT)),
        "doubts": list(report.remarks(Verdict.DOUBT)),
    }


async def _found(database: Database, code: str) -> einvoice.IssuedInvoice | None:
    async with database.as_system() as db:
        return await einvoice.invoice_by_lookup(db, code)


def _unknown(code: str) -> Template:
    return Template("lookup.html", context={"code": code[:CODE_LENGTH_MAX]}, status_code=404)


def _file(content: bytes, media_type: str, name: str) -> Response[bytes]:
    headers = {"content-disposition": f'inline; filename="{name}"', "cache-control": "private"}
    return Response(content, media_type=media_type, headers=headers)


routers = [search_page, lookup_page, lookup_xml, lookup_pdf, lookup_list, name_buyer]
