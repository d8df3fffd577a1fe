"""E-invoices: one tap at the till, the lookup page behind the printed QR, the original to keep."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template
from msgspec import Struct

import einvoice
from market import ids, sales
from market.db import Database, Viewer
from market.errors import NotFound
from market.flows import invoice as invoice_flow
from market.settings import Settings
from market.web import auth
from market.web.errors import documented


class IssuedView(Struct, frozen=True):
    """An invoice as the till shows it."""

    invoice_id: UUID
    state: str
    """numbered → sent → accepted or rejected."""
    number: int
    symbol: str
    lookup_url: str


class NamedBuyer(Struct, frozen=True, kw_only=True):
    """Who wants the invoice in their name."""

    name: str = ""
    tax_id: str = ""
    personal_id: str = ""
    address: str = ""
    phone: str = ""


@post(
    "/api/sales/{sale_id:uuid}/invoice",
    guards=[auth.signed_in],
    status_code=200,
    responses=documented(401, 403, 404, 409, 422),
)
async def issue_invoice(
    sale_id: FromPath[UUID],
    database: NamedDependency[Database],
    viewer: NamedDependency[Viewer],
    now: NamedDependency[datetime],
) -> IssuedView:
    """The invoice of a paid sale. Asked twice, it is the same one; it is sent by itself."""
    async with database.as_viewer(viewer) as db:
        if await sales.sale(db, sale_id) is None:  # row-level security: one's own sales only
            raise NotFound("sale", sale_id)
    async with database.as_system() as db:
        issued = await invoice_flow.issue_for_sale(db, sale_id, now=now)
    data = invoice_flow.invoice_data(issued)
    return IssuedView(issued.id, data["state"], data["number"], data["symbol"], data["lookup_url"])


@get("/hd/{code:str}", include_in_schema=False)
async def lookup_page(code: FromPath[str], database: NamedDependency[Database]) -> Template:
    """The invoice, its state at the tax authority, and its original to download."""
    issued = await _found(database, code)
    context = {
        "issued": issued,
        "invoice": issued.invoice,
        "code": code,
        "seal": _seal_of(issued),
        "may_name": issued.correction == "" and issued.kind == "original",
    }
    return Template("invoice.html", context=context)


@get("/hd/{code:str}/xml", include_in_schema=False)
async def lookup_xml(code: FromPath[str], database: NamedDependency[Database]) -> Response[bytes]:
    """The original, byte for byte."""
    issued = await _found(database, code)
    return _file(einvoice.xml_of(issued), "application/xml", f"{issued.lookup_code}.xml")


@get("/hd/{code:str}/pdf", include_in_schema=False)
async def lookup_pdf(
    code: FromPath[str],
    database: NamedDependency[Database],
    settings: NamedDependency[Settings],
    kho: FromQuery[str] = "a4",
) -> Response[bytes]:
    """The page to print; `kho` is a4 or k80 (an 80 mm roll)."""
    issued = await _found(database, code)
    url = f"{settings.base_url}/hd/{issued.lookup_code}"
    size = einvoice.ROLL_80 if kho == "k80" else einvoice.A4
    return _file(
        einvoice.pdf_of(issued, size, lookup_url=url),
        "application/pdf",
        f"{issued.lookup_code}.pdf",
    )


@post("/hd/{code:str}/ten", include_in_schema=False, status_code=303)
async def name_buyer(
    code: FromPath[str],
    data: Annotated[NamedBuyer, Body(media_type=RequestEncodingType.URL_ENCODED)],
    database: NamedDependency[Database],
    now: NamedDependency[datetime],
) -> Redirect:
    """Who holds the receipt may ask on the same day for the invoice in their name: a replacement."""
    issued = await _found(database, code)
    buyer = einvoice.Buyer(
        name=data.name,
        tax_id=data.tax_id,
        personal_id=data.personal_id,
        address=data.address,
        phone=data.phone,
    )
    async with database.as_system() as db:
        named = await invoice_flow.name_buyer(db, issued, buyer, new_id=ids.new(), now=now)
    return Redirect(f"/hd/{named.lookup_code}", status_code=303)


async def _found(database: Database, code: str) -> einvoice.IssuedInvoice:
    async with database.as_system() as db:
        issued = await einvoice.invoice_by_lookup(db, code)
    if issued is None:
        raise NotFound("invoice", code)
    return issued


def _seal_of(issued: einvoice.IssuedInvoice) -> dict[str, Any]:
    """Whether the original carries a signature, and whether it is right."""
    if b"<SignatureValue" not in issued.xml:
        return {"is_signed": False}
    try:
        sealed = einvoice.verify(issued.xml, einvoice.SELLER)
    except einvoice.EInvoiceError as wrong:
        return {"is_signed": True, "is_right": False, "reason": str(wrong)}
    return {"is_signed": True, "is_right": True, "signed_at": sealed.signed_at}


def _file(content: bytes, media_type: str, name: str) -> Response[bytes]:
    headers = {"content-disposition": f'inline; filename="{name}"', "cache-control": "private"}
    return Response(content, media_type=media_type, headers=headers)


routers = [issue_invoice, lookup_page, lookup_xml, lookup_pdf, name_buyer]
