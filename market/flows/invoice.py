"""Invoices on their way to the tax authority: who may issue, what is sent, what came back."""

import secrets
from datetime import datetime
from typing import Any
from uuid import UUID

import httpx
from cryptography import x509
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.demands import owners_asked
from einvoice.errors import (
    AuthorityUnavailable,
    DocumentInvalid,
    SealInvalid,
)
from market import clock, ids, outgoing, sales, tax_road
from market.errors import InvoiceNotPossible, NotFound
from market.flows import demands
from market.flows.context import Context
from market.flows.invoice_issuing import is_accepted
from market.settings import Settings
from market.tables import VendorRow

SOURCE = "tax"
"""Whose replies are pulled."""
SEND_COUNT_MAX = 20
SELLERS_MAX = 50
OFFICE_NAME, OFFICE_CODE = "Thuế tỉnh Thanh Hóa", "38000"


async def is_possible(db: AsyncSession, vendor_id: UUID | None, invoice_mode: str) -> bool:
    """Whether a paid sale of this vendor can be invoiced: accepted by the authority, not off."""
    if vendor_id is None or invoice_mode == "off":
        return False
    vendor = await db.get(VendorRow, vendor_id)
    if vendor is None or not vendor.tax_id:
        return False
    return await is_accepted(db, vendor.tax_id) or bool(
        await einvoice.delegations_of(db, vendor.id, on=clock.local_day(clock.now()))
    )


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
    async with outgoing.client() as http:
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
        now = context.now()
        async with context.database.as_system() as db:
            await einvoice.record_replies(db, replies, source=SOURCE, now=now, pinned=pinned)
            for owner_id in await owners_asked(db, now):
                await demands.tell(db, owner_id, now=now)


def sender_of(settings: Settings) -> str:
    """The code of the transmission provider our messages go through."""
    return f"V{settings.tax_provider_id}"


def signer_of(settings: Settings, tax_id: str, name: str, now: datetime) -> einvoice.Signer:
    """Who signs for this tax id: its key in the folder of keys, made at the first call."""
    return einvoice.KeyFolder(settings.data / "keys").signer(tax_id, name, now)


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
