"""Taking numbers for drafts and freezing them: one series row, one code row, one insert for many.

The number is rolled back with whatever fails, so a series has neither gaps nor doubles.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import deadlines, delegation, document, registration, seal, series, validity
from einvoice.deadlines import Event
from einvoice.errors import AlreadyInvoiced, IdReused, SignerFailed
from einvoice.forms import Form
from einvoice.identifiers import (
    CASH_REGISTER,
    REGISTERED,
    cash_register_code,
    code_prefix,
    series_symbol,
)
from einvoice.invoice import Invoice, changed
from einvoice.issued import IssuedInvoice, done, view_of
from einvoice.keys import Signer
from einvoice.qr import lookup_payload
from einvoice.tables import InvoiceRow

_EVENTS = {
    Form.AT_TILL: Event.SOLD_AT_CASH_REGISTER,
    Form.WITH_CODE: Event.ISSUED,
    Form.WITHOUT_CODE: Event.ISSUED_WITHOUT_CODE,
}


@dataclass(frozen=True, kw_only=True)
class Numbering:
    """One draft that is ready to be numbered, and what its row says beside it."""

    id: UUID
    owner_id: UUID
    subject_id: UUID
    kind: str
    corrects_id: UUID | None
    issued_at: datetime
    lookup_code: str
    digest: bytes
    draft: Invoice


@dataclass(frozen=True)
class OwnNumber:
    """What a till without a network gave an invoice out of its own series and code range."""

    till_id: UUID
    number: int
    serial: int


def symbol_for(form: Form, template: int, letters: str, day: date) -> str:
    """The symbol of the series of one form. Raises: SymbolInvalid."""
    kind = CASH_REGISTER if form is Form.AT_TILL else REGISTERED
    return series_symbol(template, letters, day, kind=kind, coded=form is not Form.WITHOUT_CODE)


def form_of(symbol: str) -> Form:
    """Which form of invoice a symbol names."""
    if symbol[3:4] == CASH_REGISTER:
        return Form.AT_TILL
    return Form.WITH_CODE if symbol.startswith("C") else Form.WITHOUT_CODE


def digest_of(command: Any) -> bytes:
    """What makes two commands equal: all they say but the lookup code."""
    said = msgspec.to_builtins(command)
    said["lookup_code"] = ""
    _drop_later(said)
    return hashlib.sha256(_JSON.encode(said)).digest()


_JSON = msgspec.json.Encoder()
_LATER = ("delegate", "fax", "customer_code", "specials", "form", "own_number")
"""Fields added after invoices were stored: left out where they say nothing, the digest stays."""


def _drop_later(said: dict[str, Any]) -> None:
    for key in _LATER:
        if key in said and (not said[key] or said[key] == Form.AT_TILL.value):
            del said[key]
    for value in said.values():
        inner = value if type(value) in (list, tuple) else (value,)
        for one in inner:
            if type(one) is dict:
                _drop_later(one)


async def number_one(
    db: AsyncSession,
    numbering: Numbering,
    signer: Signer | None,
    now: datetime,
    own: OwnNumber | None = None,
) -> IssuedInvoice:
    """Number, freeze and store one draft. Raises: what `issuance.issue` raises."""
    stored = await number_all(db, [numbering], signer, now, own)
    if stored is not None:
        return stored[0]
    return await _conflict(db, numbering)


async def number_all(
    db: AsyncSession,
    numberings: Sequence[Numbering],
    signer: Signer | None,
    now: datetime,
    own: OwnNumber | None = None,
) -> list[IssuedInvoice] | None:
    """Number, freeze and store drafts of one series, in their order.

    None if one of them stood already or its sale is invoiced: then nothing is stored or numbered.
    """
    first = numberings[0].draft
    form = form_of(first.symbol)
    if form is not Form.AT_TILL and signer is None:
        raise SignerFailed("an ordinary invoice is signed by its seller")
    for one in numberings:
        validity.check(one.draft)  # all that can be wrong is wrong before a number is taken
    allowed = await _allowance(db, numberings[0], form)
    savepoint = await db.begin_nested()
    try:
        drafts = await _numbered(db, numberings, allowed, own)
        written = zip(numberings, drafts, _written(drafts, signer, now), strict=True)
        rows = [_row(one, draft, xml) for one, draft, xml in written]
        shared = _shared(numberings[0], drafts[0], now)
        is_new = await _stored(db, rows, shared) == len(rows)
    except BaseException:
        await savepoint.rollback()
        raise
    if not is_new:
        await savepoint.rollback()  # the numbers go back; somebody was first
        return None
    await savepoint.commit()
    return [
        view_of(SimpleNamespace(**row, **shared, **_NEW), draft)
        for row, draft in zip(rows, drafts, strict=True)
    ]


_NEW: dict[str, Any] = {
    "state": "numbered",
    "correction": "",
    "batch": "",
    "reasons": [],
    "is_late": False,
    "coded_xml": None,
    "decided_at": None,
    "delivered_at": None,
}
"""What every new row says. To build the row's object takes longer than the XML."""
# One array for each column that differs from row to row: the same statement for any count.
_STORE = text("""
INSERT INTO einvoice.invoice (
    id, subject_id, kind, corrects_id, number, code, issued_at, payable_vnd, lookup_code, digest, xml,
    owner_id, tax_id, template, symbol, delegate_tax_id, issued_on, due_on, created_at,
    state, correction, batch, reasons, is_late)
SELECT one.*, CAST(:owner_id AS uuid), CAST(:tax_id AS text), CAST(:template AS integer),
    CAST(:symbol AS text), CAST(:delegate_tax_id AS text), CAST(:issued_on AS date),
    CAST(:due_on AS date), CAST(:created_at AS timestamptz), 'numbered', '', '', '[]', false
FROM unnest(
    CAST(:id AS uuid[]), CAST(:subject_id AS uuid[]), CAST(:kind AS text[]),
    CAST(:corrects_id AS uuid[]), CAST(:number AS integer[]), CAST(:code AS text[]),
    CAST(:issued_at AS timestamptz[]), CAST(:payable_vnd AS bigint[]), CAST(:lookup_code AS text[]),
    CAST(:digest AS bytea[]), CAST(:xml AS bytea[])) AS one
ON CONFLICT DO NOTHING
""")


async def _stored(db: AsyncSession, rows: Sequence[dict[str, Any]], shared: dict[str, Any]) -> int:
    """How many of these were new, and are stored now."""
    each = {name: [row[name] for row in rows] for name in rows[0]}
    return (await (await db.connection()).execute(_STORE, {**each, **shared})).rowcount


@dataclass(frozen=True)
class _Allowance:
    """Whose code prefix an invoice takes: the seller's, or that of who issues for it."""

    prefix: str
    counted_by: UUID


async def _allowance(db: AsyncSession, numbering: Numbering, form: Form) -> _Allowance:
    draft = numbering.draft
    if draft.delegate is not None:
        by = await delegation.in_force(
            db,
            draft.seller.tax_id,
            draft.delegate.tax_id,
            draft.template,
            draft.symbol[-2:],
            draft.issued_on,
        )
        given = await registration.accepted_prefix(
            db, by.delegate_owner_id, by.delegate_tax_id, form
        )
        return _Allowance(given, by.delegate_owner_id)
    given = await registration.accepted_prefix(db, numbering.owner_id, draft.seller.tax_id, form)
    return _Allowance(given, numbering.owner_id)


async def _numbered(
    db: AsyncSession,
    numberings: Sequence[Numbering],
    allowed: _Allowance,
    own: OwnNumber | None,
) -> list[Invoice]:
    draft, count = numberings[0].draft, len(numberings)
    owner_id, tax_id = numberings[0].owner_id, draft.seller.tax_id
    first = await series.next_number(
        db, owner_id, tax_id, draft.template, draft.symbol, count, own.number if own else None
    )
    if form_of(draft.symbol) is not Form.AT_TILL:
        return [_named(one.draft, first + place, "") for place, one in enumerate(numberings)]
    prefix = code_prefix(draft.template, draft.issued_on, allowed.prefix)
    if own is not None:
        serial = await series.own_serial(db, prefix, own.till_id, own.serial)
    else:
        serial = await series.next_serial(db, allowed.counted_by, prefix, count)
    return [
        _named(one.draft, first + place, cash_register_code(prefix, serial + place))
        for place, one in enumerate(numberings)
    ]


def _named(draft: Invoice, number: int, code: str) -> Invoice:
    lookup = lookup_payload(
        draft.seller.tax_id,
        draft.template,
        draft.symbol,
        number,
        draft.issued_on,
        draft.totals.payable_vnd,
    )
    return changed(draft, number=number, code=code, lookup=lookup)


def _written(invoices: Sequence[Invoice], signer: Signer | None, now: datetime) -> list[bytes]:
    if signer is None:
        return [document.write(one) for one in invoices]
    return seal.write_signed_all(invoices, signer, now)


async def _conflict(db: AsyncSession, numbering: Numbering) -> IssuedInvoice:
    before = await done(db, numbering.id, numbering.digest)
    if before is not None:
        return before
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


def _row(numbering: Numbering, invoice: Invoice, xml: bytes) -> dict[str, Any]:
    return {
        "id": numbering.id,
        "subject_id": numbering.subject_id,
        "kind": numbering.kind,
        "corrects_id": numbering.corrects_id,
        "number": invoice.number,
        "code": invoice.code or None,
        "issued_at": numbering.issued_at,
        "payable_vnd": invoice.totals.payable_vnd,
        "lookup_code": numbering.lookup_code,
        "digest": numbering.digest,
        "xml": xml,
    }


def _shared(numbering: Numbering, invoice: Invoice, now: datetime) -> dict[str, Any]:
    event = _EVENTS[form_of(invoice.symbol)]
    return {
        "owner_id": numbering.owner_id,
        "tax_id": invoice.seller.tax_id,
        "template": invoice.template,
        "symbol": invoice.symbol,
        "delegate_tax_id": invoice.delegate.tax_id if invoice.delegate else "",
        "issued_on": invoice.issued_on,
        "due_on": deadlines.deadline(event, invoice.issued_on).due_on,
        "created_at": now,
    }
