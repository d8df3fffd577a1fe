"""The invoice that replaces or adjusts another. Source: Circular 91/2026, Art. 10."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import invoice as values
from einvoice import numbering, rules
from einvoice.errors import FieldInvalid, InvoiceNotFound, NotCorrectable, TooLateToName
from einvoice.identifiers import checked_lookup_code
from einvoice.invoice import LISTED, Buyer, Invoice, Line, Method, Related
from einvoice.issuance import named, not_ahead
from einvoice.issued import IssuedInvoice, done, invoice_by_id, view_of
from einvoice.keys import Signer
from einvoice.numbering import Numbering, digest_of, form_of, symbol_for
from einvoice.seal import VIETNAM
from einvoice.tables import InvoiceRow
from einvoice.tills import letters_of_correction

CORRECTED_AS = {Method.REPLACES: "replaced", Method.ADJUSTS: "adjusted"}


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


async def correct(
    db: AsyncSession, command: CorrectInvoice, *, now: datetime, signer: Signer | None = None
) -> IssuedInvoice:
    """Issue the invoice that replaces or adjusts another; the other keeps its number and says so.

    It stands in the series of the other one (of this year; the main one where a till numbers in that by
    itself) and is signed where that must be. A wrong
    cash-register invoice is replaced; returned goods are adjusted. The first correction fixes the method.
    Raises: InvoiceNotFound, NotCorrectable and what `issue` raises.
    """
    buyer = values.cleaned_value(command.buyer) if command.buyer is not None else None
    lines = command.lines and tuple(values.cleaned_value(one) for one in command.lines)
    command = replace(command, buyer=buyer, lines=lines)
    digest = digest_of(command)
    before = await done(db, command.id, digest)
    if before is not None:
        return before
    row = await _locked(db, command.invoice_id)
    if row.state == "rejected" or row.correction not in ("", CORRECTED_AS[command.method]):
        raise NotCorrectable(row.id, row.correction or row.state)
    if row.correction == "replaced":
        before = await done(db, command.id, digest)  # the same command, while we waited
        if before is not None:
            return before
        raise NotCorrectable(row.id, row.correction)
    not_ahead(command.issued_at, now)
    letters = await letters_of_correction(db, row.tax_id, row.symbol[-2:], row.delegate_tax_id)
    ready = Numbering(
        id=command.id,
        owner_id=row.owner_id,
        subject_id=row.subject_id,
        kind="replacement" if command.method is Method.REPLACES else "adjustment",
        corrects_id=row.id,
        issued_at=command.issued_at,
        lookup_code=checked_lookup_code(command.lookup_code),
        digest=digest,
        draft=_correction(command, view_of(row).invoice, letters),
    )
    issued = await numbering.number_one(db, ready, signer, now)
    row.correction = CORRECTED_AS[command.method]
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


def _correction(command: CorrectInvoice, before: Invoice, letters: str) -> Invoice:
    day = command.issued_at.astimezone(VIETNAM).date()
    replaces = command.method is Method.REPLACES
    if command.lines is None and not replaces:
        raise FieldInvalid("lines", "an adjustment says the differences")
    lines = before.lines if command.lines is None else command.lines
    reduction_vnd = before.totals.reduction_vnd if command.lines is None else 0
    buyer = before.buyer if command.buyer is None else named(command.buyer, day)
    return replace(
        before,
        version=rules.phrase("format_version", day),
        symbol=symbol_for(form_of(before.symbol), before.template, letters, day),
        code="",
        corrects_by_list=False,
        fields=tuple(one for one in before.fields if one.name != LISTED),
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
            note=note_on(command.method, before, day),
        ),
    )


def note_on(method: Method, before: Invoice, day: date) -> str:
    """The text a correcting invoice of this day carries about the other one."""
    key = "replaces_phrase" if method is Method.REPLACES else "adjusts_phrase"
    return rules.phrase(key, day).format(
        template=before.template,
        symbol=before.symbol,
        number=before.number,
        day=f"{before.issued_on.day:02d}",
        month=f"{before.issued_on.month:02d}",
        year=before.issued_on.year,
    )


async def _locked(db: AsyncSession, invoice_id: UUID) -> InvoiceRow:
    query = select(InvoiceRow).where(col(InvoiceRow.id) == invoice_id).with_for_update()
    row = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        raise InvoiceNotFound(invoice_id)
    return row
