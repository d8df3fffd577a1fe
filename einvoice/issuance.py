"""Issue, replace, adjust: one transaction takes the number and freezes the invoice.

A new invoice is `numbered` and thereby waits to be sent: the row is the pending work. Nothing here
commits; rolled back, the number was never taken.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import document, rules, seal, series, validity
from einvoice import invoice as values
from einvoice.envelope import Reason
from einvoice.errors import (
    AlreadyInvoiced,
    CodeInvalid,
    FieldInvalid,
    IdReused,
    InvoiceNotFound,
    NotCorrectable,
    TooLateToName,
)
from einvoice.identifiers import (
    cash_register_code,
    cash_register_symbol,
    checked_lookup_code,
    code_prefix,
    tax_id_of,
)
from einvoice.invoice import Buyer, Delegate, Invoice, Line, Method, Nature, Related, Seller
from einvoice.keys import Signer
from einvoice.qr import lookup_payload
from einvoice.registration import accepted_prefix
from einvoice.seal import VIETNAM
from einvoice.tables import InvoiceRow

PAGE_MAX = 500
"""Invoices in one answer of `invoices_of`."""


@dataclass(frozen=True, kw_only=True)
class IssueInvoice:
    """A cash-register invoice for one sale. `id` is the idempotency key."""

    id: UUID
    owner_id: UUID
    subject_id: UUID
    seller: Seller
    lines: tuple[Line, ...]
    issued_at: datetime
    lookup_code: str
    """From `identifiers.lookup_code`; not part of what makes two commands equal."""
    buyer: Buyer = field(default_factory=Buyer)
    letters: str = "AA"
    """The last two of the symbol: one pair per till that numbers on its own."""
    template: int = values.SALES_INVOICE
    payment_form: str = ""
    provider_tax_id: str = ""
    reduction_vnd: int = 0
    """The cut of a percentage-method seller's rate; a note line says so."""
    delegate: Delegate | None = None
    """Who issues for the seller by contract; the signer is then the delegate's."""


@dataclass(frozen=True, kw_only=True)
class CorrectInvoice:
    """A new invoice instead of one (REPLACES) or with the differences to it (ADJUSTS, returns)."""

    id: UUID
    invoice_id: UUID
    method: Method
    issued_at: datetime
    lookup_code: str
    buyer: Buyer | None = None
    """None: as before."""
    lines: tuple[Line, ...] | None = None
    """None: as before; of an adjustment the differences, less is negative."""


@dataclass(frozen=True)
class IssuedInvoice:
    """An issued invoice: what it says, and where it stands."""

    id: UUID
    owner_id: UUID
    subject_id: UUID
    kind: str
    """original, replacement or adjustment."""
    corrects_id: UUID | None
    invoice: Invoice
    xml: bytes
    issued_at: datetime
    lookup_code: str
    state: str
    """numbered → sent → accepted or rejected."""
    correction: str
    """Empty, replaced or adjusted."""
    reasons: tuple[Reason, ...]
    decided_at: datetime | None

    @property
    def payable_vnd(self) -> int:
        """The total."""
        return self.invoice.totals.payable_vnd


# ── Issuing ─────────────────────────────────────────────────────────────────────────────────────


async def issue(
    db: AsyncSession, command: IssueInvoice, *, now: datetime, signer: Signer | None = None
) -> IssuedInvoice:
    """Number and freeze an invoice; the same command again gives the same invoice.

    With a signer the invoice carries the seller's signature (optional on cash-register invoices).
    Raises: FieldInvalid, TotalsWrong, TaxIdInvalid, SymbolInvalid, CodeInvalid,
    SellerNotRegistered, SellerOfAnother, IdReused, AlreadyInvoiced, SeriesExhausted.
    """
    command = _cleaned(command)
    digest = _digest(command)
    done = await _done(db, command.id, digest)
    if done is not None:
        return done
    _not_ahead(command.issued_at, now)
    draft = _draft(command)
    return await _store(
        db,
        _Numbering(
            id=command.id,
            owner_id=command.owner_id,
            subject_id=command.subject_id,
            kind="original",
            corrects_id=None,
            letters=command.letters,
            issued_at=command.issued_at,
            lookup_code=checked_lookup_code(command.lookup_code),
            digest=digest,
        ),
        draft,
        signer,
        now,
    )


async def correct(
    db: AsyncSession, command: CorrectInvoice, *, now: datetime, signer: Signer | None = None
) -> IssuedInvoice:
    """Issue the invoice that replaces or adjusts another; the other keeps its number and says so.

    A wrong cash-register invoice is replaced; returned goods are adjusted. The first correction
    fixes the method. Source: Circular 91/2026, Art. 10.
    Raises: InvoiceNotFound, NotCorrectable and what `issue` raises.
    """
    buyer = values.cleaned_value(command.buyer) if command.buyer is not None else None
    lines = command.lines and tuple(values.cleaned_value(one) for one in command.lines)
    command = replace(command, buyer=buyer, lines=lines)
    digest = _digest(command)
    done = await _done(db, command.id, digest)
    if done is not None:
        return done
    row = await _locked(db, command.invoice_id)
    if row.state == "rejected" or row.correction not in ("", _CORRECTION[command.method]):
        raise NotCorrectable(row.id, row.correction or row.state)
    if row.correction == "replaced":
        done = await _done(db, command.id, digest)  # the same command, while we waited
        if done is not None:
            return done
        raise NotCorrectable(row.id, row.correction)
    _not_ahead(command.issued_at, now)
    numbering = _Numbering(
        id=command.id,
        owner_id=row.owner_id,
        subject_id=row.subject_id,
        kind="replacement" if command.method is Method.REPLACES else "adjustment",
        corrects_id=row.id,
        letters=row.symbol[-2:],
        issued_at=command.issued_at,
        lookup_code=checked_lookup_code(command.lookup_code),
        digest=digest,
    )
    issued = await _store(db, numbering, _correction(command, _view(row).invoice), signer, now)
    row.correction = _CORRECTION[command.method]
    await db.flush()
    return issued


async def name_buyer(
    db: AsyncSession,
    invoice_id: UUID,
    buyer: Buyer,
    *,
    new_id: UUID,
    lookup_code: str,
    now: datetime,
    signer: Signer | None = None,
) -> IssuedInvoice:
    """Replace today's invoice by one with the buyer's name, as the buyer may ask on the same day.

    Raises: TooLateToName, and what `correct` raises.
    """
    found = await invoice_by_id(db, invoice_id)
    if found is None:
        raise InvoiceNotFound(invoice_id)
    if found.invoice.issued_on != now.astimezone(VIETNAM).date():
        raise TooLateToName(invoice_id, found.invoice.issued_on)
    if not values.cleaned(buyer.name):
        raise FieldInvalid("buyer.name", "it must be filled")
    command = CorrectInvoice(
        id=new_id,
        invoice_id=invoice_id,
        method=Method.REPLACES,
        issued_at=found.issued_at,
        lookup_code=lookup_code,
        buyer=buyer,
    )
    return await correct(db, command, now=now, signer=signer)


# ── Looking up ──────────────────────────────────────────────────────────────────────────────────


async def invoice_by_id(db: AsyncSession, invoice_id: UUID) -> IssuedInvoice | None:
    """The invoice, if this session may see it."""
    return await _first(db, col(InvoiceRow.id) == invoice_id)


async def invoice_by_lookup(db: AsyncSession, code: str) -> IssuedInvoice | None:
    """The invoice behind a printed lookup code; None for a code that is none."""
    try:
        return await _first(db, col(InvoiceRow.lookup_code) == checked_lookup_code(code))
    except CodeInvalid:
        return None


async def invoice_of_subject(
    db: AsyncSession, owner_id: UUID, subject_id: UUID
) -> IssuedInvoice | None:
    """The invoice in force for a sale: the original or what replaced it last."""
    query = (
        select(InvoiceRow)
        .where(
            col(InvoiceRow.owner_id) == owner_id,
            col(InvoiceRow.subject_id) == subject_id,
            col(InvoiceRow.kind) != "adjustment",
            col(InvoiceRow.correction) != "replaced",
        )
        .limit(1)
    )
    row = (await db.exec(query)).first()
    return None if row is None else _view(row)


async def invoices_of(
    db: AsyncSession, owner_id: UUID, since: datetime, limit: int = PAGE_MAX
) -> list[IssuedInvoice]:
    """Invoices of one owner issued at or after `since`, newest first, at most 500."""
    query = (
        select(InvoiceRow)
        .where(col(InvoiceRow.owner_id) == owner_id, col(InvoiceRow.issued_at) >= since)
        .order_by(col(InvoiceRow.issued_at).desc(), col(InvoiceRow.number).desc())
        .limit(min(limit, PAGE_MAX))
    )
    return [_view(row) for row in await db.exec(query)]


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────

_CORRECTION = {Method.REPLACES: "replaced", Method.ADJUSTS: "adjusted"}


@dataclass(frozen=True, kw_only=True)
class _Numbering:
    id: UUID
    owner_id: UUID
    subject_id: UUID
    kind: str
    corrects_id: UUID | None
    letters: str
    issued_at: datetime
    lookup_code: str
    digest: bytes


def _cleaned(command: IssueInvoice) -> IssueInvoice:
    seller = values.cleaned_value(command.seller)
    buyer = values.cleaned_value(command.buyer)
    return replace(
        command,
        seller=replace(seller, tax_id=tax_id_of(seller.tax_id), unknown=()),
        buyer=replace(buyer, tax_id=tax_id_of(buyer.tax_id) if buyer.tax_id else "", unknown=()),
        lines=tuple(replace(values.cleaned_value(one), unknown=()) for one in command.lines),
        payment_form=values.cleaned(command.payment_form),
    )


def _digest(command: IssueInvoice | CorrectInvoice) -> bytes:
    said = msgspec.to_builtins(replace(command, lookup_code=""))
    return hashlib.sha256(msgspec.json.encode(_without_later(said))).digest()


_LATER = {"delegate", "fax", "customer_code", "specials"}
"""Fields added after invoices were stored: left out where they say nothing, the digest stays."""


def _without_later(said: Any) -> Any:
    if isinstance(said, dict):
        return {
            key: _without_later(value) for key, value in said.items() if value or key not in _LATER
        }
    if isinstance(said, list | tuple):
        return [_without_later(one) for one in said]
    return said


def _not_ahead(issued_at: datetime, now: datetime) -> None:
    assert issued_at.tzinfo is not None
    assert now.tzinfo is not None
    if issued_at > now:
        raise FieldInvalid("issued_at", "it is later than now")


def _draft(command: IssueInvoice) -> Invoice:
    day = command.issued_at.astimezone(VIETNAM).date()
    title = "name_vat_invoice" if command.template == values.VAT_INVOICE else "name_sales_invoice"
    lines = command.lines
    if command.reduction_vnd:
        amount = f"{command.reduction_vnd:,}".replace(",", ".")
        note = rules.phrase("reduction_phrase", day).format(amount=amount)
        lines = (*lines, Line(nature=Nature.NOTE, name=note))
    return Invoice(
        version=rules.phrase("format_version", day),
        title=rules.phrase(title, day),
        template=command.template,
        symbol=cash_register_symbol(command.template, command.letters, day),
        number=1,
        issued_on=day,
        seller=command.seller,
        buyer=_named(command.buyer, day),
        lines=lines,
        totals=values.totals_of(command.template, lines, reduction_vnd=command.reduction_vnd),
        payment_form=command.payment_form,
        provider_tax_id=command.provider_tax_id,
        delegate=command.delegate,
    )


def _correction(command: CorrectInvoice, before: Invoice) -> Invoice:
    day = command.issued_at.astimezone(VIETNAM).date()
    replaces = command.method is Method.REPLACES
    phrase = rules.phrase("replaces_phrase" if replaces else "adjusts_phrase", day)
    note = phrase.format(
        template=before.template,
        symbol=before.symbol,
        number=before.number,
        day=f"{before.issued_on.day:02d}",
        month=f"{before.issued_on.month:02d}",
        year=before.issued_on.year,
    )
    if command.lines is None and not replaces:
        raise FieldInvalid("lines", "an adjustment says the differences")
    lines = before.lines if command.lines is None else command.lines
    reduction_vnd = before.totals.reduction_vnd if command.lines is None else 0
    buyer = before.buyer if command.buyer is None else _named(command.buyer, day)
    return replace(
        before,
        version=rules.phrase("format_version", day),
        symbol=cash_register_symbol(before.template, before.symbol[-2:], day),
        issued_on=day,
        buyer=buyer,
        lines=lines,
        totals=values.totals_of(before.template, lines, reduction_vnd=reduction_vnd),
        related=Related(
            method=command.method,
            template=str(before.template),
            symbol=before.symbol,
            number=str(before.number),
            issued_on=before.issued_on,
            note=note,
        ),
    )


def _named(buyer: Buyer, day: Any) -> Buyer:
    anonymous = not (buyer.name or buyer.tax_id or buyer.personal_id or buyer.phone)
    return replace(buyer, name=rules.phrase("consumer_name", day)) if anonymous else buyer


async def _store(
    db: AsyncSession, numbering: _Numbering, draft: Invoice, signer: Signer | None, now: datetime
) -> IssuedInvoice:
    validity.check(draft)  # all that can be wrong is wrong before a number is taken
    tax_id, day = draft.seller.tax_id, draft.issued_on
    given = await accepted_prefix(db, numbering.owner_id, tax_id)
    prefix = code_prefix(draft.template, day, given)
    savepoint = await db.begin_nested()
    try:
        number = await series.next_number(
            db, numbering.owner_id, tax_id, draft.template, draft.symbol
        )
        serial = await series.next_serial(db, numbering.owner_id, prefix)
        invoice = _numbered(draft, number, cash_register_code(prefix, serial))
        row = _row(numbering, invoice, _written(invoice, signer, now), now)
        stored = insert(InvoiceRow).values(**row).on_conflict_do_nothing()
        result = await (await db.connection()).execute(stored.returning(col(InvoiceRow.id)))
        is_new = result.scalar() is not None
    except BaseException:
        await savepoint.rollback()
        raise
    if is_new:
        await savepoint.commit()
        return _view(InvoiceRow(**row))
    await savepoint.rollback()  # the number goes back; somebody was first
    return await _conflict(db, numbering)


async def _conflict(db: AsyncSession, numbering: _Numbering) -> IssuedInvoice:
    done = await _done(db, numbering.id, numbering.digest)
    if done is not None:
        return done
    if numbering.kind == "original":
        query = select(InvoiceRow.id).where(
            col(InvoiceRow.owner_id) == numbering.owner_id,
            col(InvoiceRow.subject_id) == numbering.subject_id,
            col(InvoiceRow.kind) == "original",
        )
        other = (await db.exec(query)).first()
        if other is not None:
            raise AlreadyInvoiced(numbering.subject_id, other)
    raise IdReused(numbering.id)


def _numbered(draft: Invoice, number: int, code: str) -> Invoice:
    lookup = lookup_payload(
        draft.seller.tax_id,
        draft.template,
        draft.symbol,
        number,
        draft.issued_on,
        draft.totals.payable_vnd,
    )
    return replace(draft, number=number, code=code, lookup=lookup)


def _written(invoice: Invoice, signer: Signer | None, now: datetime) -> bytes:
    xml = document.write(invoice)
    return xml if signer is None else seal.sign(xml, seal.SELLER, signer, now)


def _row(numbering: _Numbering, invoice: Invoice, xml: bytes, now: datetime) -> dict[str, Any]:
    return {
        "id": numbering.id,
        "owner_id": numbering.owner_id,
        "subject_id": numbering.subject_id,
        "kind": numbering.kind,
        "corrects_id": numbering.corrects_id,
        "tax_id": invoice.seller.tax_id,
        "template": invoice.template,
        "symbol": invoice.symbol,
        "number": invoice.number,
        "code": invoice.code,
        "issued_on": invoice.issued_on,
        "issued_at": numbering.issued_at,
        "payable_vnd": invoice.totals.payable_vnd,
        "lookup_code": numbering.lookup_code,
        "digest": numbering.digest,
        "xml": xml,
        "created_at": now,
        "state": "numbered",
        "correction": "",
        "batch": "",
        "reasons": [],
    }


async def _done(db: AsyncSession, invoice_id: UUID, digest: bytes) -> IssuedInvoice | None:
    query = select(InvoiceRow).where(col(InvoiceRow.id) == invoice_id)
    row = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        return None
    if row.digest != digest:
        raise IdReused(invoice_id)
    return _view(row)


async def _locked(db: AsyncSession, invoice_id: UUID) -> InvoiceRow:
    query = select(InvoiceRow).where(col(InvoiceRow.id) == invoice_id).with_for_update()
    row = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise InvoiceNotFound(invoice_id)
    return row


async def _first(db: AsyncSession, condition: Any) -> IssuedInvoice | None:
    query = select(InvoiceRow).where(condition).execution_options(populate_existing=True)
    row = (await db.exec(query)).one_or_none()
    return None if row is None else _view(row)


def _view(row: InvoiceRow) -> IssuedInvoice:
    return IssuedInvoice(
        id=row.id,
        owner_id=row.owner_id,
        subject_id=row.subject_id,
        kind=row.kind,
        corrects_id=row.corrects_id,
        invoice=document.read(row.xml),
        xml=row.xml,
        issued_at=row.issued_at,
        lookup_code=row.lookup_code,
        state=row.state,
        correction=row.correction,
        reasons=tuple(Reason(**one) for one in row.reasons),
        decided_at=row.decided_at,
    )
