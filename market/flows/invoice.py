"""From a paid sale to a lawful invoice, and from there to the tax authority. The sale never waits."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
from cryptography import x509
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.errors import (
    AlreadyInvoiced,
    AuthorityUnavailable,
    DocumentInvalid,
    SealInvalid,
    SellerNotRegistered,
)
from market import clock, ids, live, sales, tax_road
from market.errors import InvoiceNotPossible, NotFound, SaleNotPaid
from market.flows.context import Context
from market.settings import Settings
from market.tables import HallRow, SaleRow, StallRow, UnitRow, VendorRow

SOURCE = "tax"
"""Whose replies are pulled."""
SEND_COUNT_MAX = 20
SELLERS_MAX = 50
LETTERS = "AA"
"""Of the series of who issues by itself."""
CASH, TRANSFER = "Tiền mặt", "Chuyển khoản"
OFFICE_NAME, OFFICE_CODE = "Thuế tỉnh Thanh Hóa", "38000"


@dataclass(frozen=True)
class _Facts:
    """What an invoice takes from the platform."""

    sale: SaleRow
    vendor: VendorRow
    seller: einvoice.Seller
    lines: tuple[einvoice.Line, ...]


async def is_possible(db: AsyncSession, vendor_id: UUID | None, invoice_mode: str) -> bool:
    """Whether a paid sale of this vendor can be invoiced: accepted by the authority, not off."""
    if vendor_id is None or invoice_mode == "off":
        return False
    vendor = await db.get(VendorRow, vendor_id)
    if vendor is None or not vendor.tax_id:
        return False
    return await _is_accepted(db, vendor.tax_id) or bool(
        await einvoice.delegations_of(db, vendor.id, on=clock.local_day(clock.now()))
    )


async def _is_accepted(db: AsyncSession, tax_id: str) -> bool:
    registration = await einvoice.registration_of(db, tax_id)
    return registration is not None and registration.state == "accepted"


async def issue_for_sale(
    db: AsyncSession, sale_id: UUID, *, now: datetime
) -> einvoice.IssuedInvoice:
    """The invoice of a paid sale: numbered, frozen, waiting to be sent. Asked twice, made once.

    Raises: NotFound, SaleNotPaid, InvoiceNotPossible where the vendor has not registered.
    """
    facts = await _facts(db, sale_id)
    if facts.sale.invoice_id is not None:  # whatever has changed since, this sale has its invoice
        before = await einvoice.invoice_of_subject(db, facts.vendor.id, sale_id)
        if before is not None:
            return before
    issued_at = facts.sale.paid_at or now
    by = await _issuer(db, facts.vendor, clock.local_day(issued_at))
    try:
        issued = await einvoice.issue(
            db,
            einvoice.IssueInvoice(
                id=sale_id,
                owner_id=facts.vendor.id,
                subject_id=sale_id,
                seller=facts.seller,
                lines=facts.lines,
                issued_at=issued_at,
                lookup_code=einvoice.lookup_code(secrets.token_bytes(10)),
                payment_form=CASH if facts.sale.method == "cash" else TRANSFER,
                delegate=by.delegate if by else None,
                letters=by.contract.letters if by else LETTERS,
            ),
            now=now,
        )
    except AlreadyInvoiced:
        found = await einvoice.invoice_of_subject(db, facts.vendor.id, sale_id)
        assert found is not None
        return found
    except SellerNotRegistered:
        raise InvoiceNotPossible(sale_id, "not_registered") from None
    if facts.sale.invoice_id != issued.id:
        facts.sale.invoice_id = issued.id
        db.add(facts.sale)
        said = {"sale_id": str(sale_id), "state": facts.sale.state, "invoice": invoice_data(issued)}
        await live.tell(db, f"stall:{facts.sale.stall_id}", "sale", said, now=now)
        url = {"invoice_url": f"/hd/{issued.lookup_code}", "state": "paid"}
        await live.tell(db, f"payment:{sale_id}", "invoice", url, now=now)
    return issued


async def _issuer(db: AsyncSession, vendor: VendorRow, on: date) -> einvoice.Delegation | None:
    """The contract by which somebody issues for a vendor who is not registered itself."""
    if await _is_accepted(db, vendor.tax_id):
        return None
    held = await einvoice.delegations_of(db, vendor.id, on=on)
    return next((one for one in held if one.contract.template == einvoice.SALES_INVOICE), None)


def invoice_data(issued: einvoice.IssuedInvoice) -> dict[str, Any]:
    """What screens are told of an invoice."""
    return {
        "state": issued.state,
        "number": issued.invoice.number,
        "symbol": f"{issued.invoice.template}{issued.invoice.symbol}",
        "lookup_url": f"/hd/{issued.lookup_code}",
    }


async def issue_invoice(context: Context, arguments: dict[str, Any]) -> None:
    """Job: invoice one sale by itself, as the stall wished; without a registration there is none."""
    async with context.database.as_system() as db:
        try:
            await issue_for_sale(db, UUID(arguments["sale_id"]), now=context.now())
        except InvoiceNotPossible:
            return


async def register_seller(
    db: AsyncSession, settings: Settings, vendor_id: UUID, *, now: datetime
) -> None:
    """Write the registration for cash-register invoices; the next `send_invoices` sends it.

    Raises: NotFound, InvoiceNotPossible without a tax id.
    """
    vendor = await db.get(VendorRow, vendor_id)
    if vendor is None:
        raise NotFound("vendor", vendor_id)
    if not vendor.tax_id:
        raise InvoiceNotPossible(vendor_id, "no_tax_id")
    seller = einvoice.Seller(name=vendor.name, tax_id=vendor.tax_id, address=vendor.address)
    await einvoice.register(
        db,
        vendor.id,
        einvoice.Registration(
            seller=seller,
            office_name=OFFICE_NAME,
            office_code=OFFICE_CODE,
            contact=vendor.name,
            place="Thanh Hóa",
            on=clock.local_day(now),
        ),
        message_id=ids.new(),
        sender=sender_of(settings),
        signer=signer_of(settings, vendor.tax_id, vendor.name, now),
        now=now,
    )


async def send_invoices(context: Context, _: dict[str, Any]) -> None:
    """Job: put waiting invoices into messages, send what is due, take in what came back."""
    await _prepare(context)
    async with httpx.AsyncClient() as http:
        authority = tax_road.authority_of(context.settings, http)
        pinned = await _pinned(context, http)
        if pinned is None:
            await _note(context, "no certificate")
            return  # out of reach: everything stays due
        await _send(context, authority, pinned)
        await _pull(context, authority, pinned)


async def _prepare(context: Context) -> None:
    async with context.database.as_system() as db:
        waiting = await einvoice.sellers_waiting(db, SELLERS_MAX)
    for seller in waiting:
        signer = await _signer_for(context, seller)
        made = True
        while made:  # at most 500 invoices a round
            async with context.database.as_system() as db:
                made = bool(
                    await einvoice.prepare(
                        db,
                        seller.tax_id,
                        signer=signer,
                        sender=sender_of(context.settings),
                        new_id=ids.new,
                        now=context.now(),
                        delegate_tax_id=seller.delegate_tax_id,
                    )
                )


async def _signer_for(context: Context, seller: einvoice.Waiting) -> einvoice.Signer:
    tax_id, name = seller.tax_id, seller.name
    if seller.delegate_tax_id:
        tax_id = seller.delegate_tax_id
        async with context.database.as_system() as db:
            issuer = await einvoice.registration_of(db, tax_id)
        name = issuer.name if issuer else tax_id
    return signer_of(context.settings, tax_id, name, context.now())


async def _note(context: Context, trouble: str = "") -> None:
    """Keep when the authority could not be reached: deadlines and the evidence rest on it."""
    now = context.now()
    async with context.database.as_system() as db:
        if trouble:
            await einvoice.outage_began(db, SOURCE, new_id=ids.new(), why=trouble, now=now)
        elif await einvoice.outage_ended(db, SOURCE, now=now):
            await einvoice.all_due(db, now=now)


async def _send(
    context: Context, authority: einvoice.TaxAuthority, pinned: x509.Certificate
) -> None:
    async with context.database.as_system() as db:
        due = await einvoice.claim_pending(db, SEND_COUNT_MAX, context.now())
    for message in due:
        try:
            reply = await authority.send(message.body)
        except AuthorityUnavailable as failed:
            async with context.database.as_system() as db:
                await einvoice.record_failure(db, message.id, str(failed))
            await _note(context, str(failed))
            return  # the others are as far away; they stay due
        if reply is not None:
            await _take_in(context, message.id, reply, pinned)


async def _take_in(
    context: Context, message_id: UUID, reply: bytes, pinned: x509.Certificate
) -> None:
    """Record the immediate answer; what cannot be read is kept as the message's trouble."""
    try:
        async with context.database.as_system() as db:
            await einvoice.record_reply(db, reply, now=context.now(), pinned=pinned)
    except (DocumentInvalid, SealInvalid) as wrong:
        async with context.database.as_system() as db:
            await einvoice.record_failure(db, message_id, str(wrong))


async def _pinned(context: Context, http: httpx.AsyncClient) -> x509.Certificate | None:
    """The authority's certificate: fetched and kept at the first call, believed from then on."""
    kept = context.settings.data / "tax-authority.pem"
    if not kept.exists():
        if tax_road.is_soap(context.settings):
            return None
        try:
            answer = await http.get(f"{context.settings.tax_url}/certificate", timeout=10)
            answer.raise_for_status()
            x509.load_pem_x509_certificate(answer.content)
        except (httpx.HTTPError, ValueError):
            return None
        kept.parent.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(f".{ids.new().hex}")
        draft.write_bytes(answer.content)
        draft.rename(kept)
    return x509.load_pem_x509_certificate(kept.read_bytes())


async def _pull(
    context: Context, authority: einvoice.TaxAuthority, pinned: x509.Certificate
) -> None:
    while True:
        async with context.database.as_system() as db:
            after = await einvoice.pulled_to(db, SOURCE)
        try:
            replies = await authority.replies(after)
        except AuthorityUnavailable as failed:
            await _note(context, str(failed))
            return
        if not replies:
            await _note(context)
            return
        async with context.database.as_system() as db:
            await einvoice.record_replies(
                db, replies, source=SOURCE, now=context.now(), pinned=pinned
            )


def sender_of(settings: Settings) -> str:
    """The code of the transmission provider our messages go through."""
    return f"V{settings.tax_provider_id}"


def signer_of(settings: Settings, tax_id: str, name: str, now: datetime) -> einvoice.Signer:
    """Who signs for this tax id: its key in the folder of keys, made at the first call."""
    return einvoice.KeyFolder(settings.data / "keys").signer(tax_id, name, now)


async def _facts(db: AsyncSession, sale_id: UUID) -> _Facts:
    sale = await sales.sale(db, sale_id, lock=True)
    if sale is None:
        raise NotFound("sale", sale_id)
    if sale.state != "paid":
        raise SaleNotPaid(sale_id, sale.state)
    found = await db.exec(
        select(VendorRow, StallRow, HallRow, UnitRow)
        .select_from(VendorRow)
        .join(StallRow, col(StallRow.id) == sale.stall_id)
        .join(HallRow, col(HallRow.id) == StallRow.hall_id)
        .join(UnitRow, col(UnitRow.id) == HallRow.unit_id)
        .where(VendorRow.id == sale.vendor_id)
    )
    vendor, stall, hall, unit = found.one()
    if not vendor.tax_id:
        raise InvoiceNotPossible(sale_id, "no_tax_id")
    place = f"Sạp {stall.code}, {hall.name}, Phường {unit.name}, Tỉnh Thanh Hóa"
    seller = einvoice.Seller(
        name=vendor.name, tax_id=vendor.tax_id, address=vendor.address or place
    )
    lines = tuple(_line(one) for one in await sales.lines_of(db, sale_id))
    if not lines:
        name = (stall.trade or "Hàng hóa").capitalize()
        lines = (einvoice.line(name, 1, sale.amount_vnd, unit="lần"),)
    return _Facts(sale, vendor, seller, lines)


def _line(sold: sales.SaleLine) -> einvoice.Line:
    """A line as sold; where its total was rounded, the unit price follows the total."""
    price = Decimal(sold.unit_price_vnd)
    if einvoice.line_amount_vnd(sold.quantity, price) != sold.amount_vnd:
        price = (sold.amount_vnd / sold.quantity).quantize(Decimal("0.000001"))
    return einvoice.line(sold.name, sold.quantity, price, unit=sold.unit)


async def name_buyer(
    db: AsyncSession,
    issued: einvoice.IssuedInvoice,
    buyer: einvoice.Buyer,
    *,
    new_id: UUID,
    now: datetime,
) -> einvoice.IssuedInvoice:
    """Replace the invoice by one in the buyer's name, and have the sale point to it.

    Raises: what `einvoice.name_buyer` raises.
    """
    named = await einvoice.name_buyer(
        db,
        issued.id,
        buyer,
        new_id=new_id,
        lookup_code=einvoice.lookup_code(secrets.token_bytes(10)),
        now=now,
    )
    sale = await sales.sale(db, issued.subject_id, lock=True)
    if sale is not None:
        sale.invoice_id = named.id
        db.add(sale)
    return named
