"""Several invoices of one buyer and month corrected by one new invoice, and what their list says.

Source: Circular 91/2026, Art. 10; the list is 01/BK-ĐCTT (`by_list`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import invoice as values
from einvoice import numbering
from einvoice.by_list import CorrectionList, Listed, buyer_of, corrected_by_list
from einvoice.correcting import CORRECTED_AS
from einvoice.difference import merged
from einvoice.errors import FieldInvalid, InvoiceNotFound, NotCorrectable
from einvoice.identifiers import checked_lookup_code
from einvoice.invoice import VAT_INVOICE, Buyer, Invoice, Line, Method
from einvoice.issuance import named, not_ahead
from einvoice.issued import IssuedInvoice, done, invoice_by_id, view_of
from einvoice.keys import Signer
from einvoice.list_tables import ListedInvoiceRow
from einvoice.numbering import Numbering, digest_of
from einvoice.seal import VIETNAM
from einvoice.tables import InvoiceRow
from einvoice.tills import letters_of_correction

ALIKE_MAX = 200
"""Invoices of one buyer and month that are offered for one list."""


@dataclass(frozen=True, kw_only=True)
class ListedFault:
    """One wrong invoice, and what it should say."""

    invoice_id: UUID
    fault: str
    lines: tuple[Line, ...]
    """To replace: the right lines. To adjust: the differences."""


@dataclass(frozen=True, kw_only=True)
class CorrectByList:
    """One new invoice instead of several (REPLACES), or with the differences to them (ADJUSTS)."""

    id: UUID
    method: Method
    number: str
    """The list's."""
    items: tuple[ListedFault, ...]
    issued_at: datetime
    lookup_code: str
    buyer: Buyer | None = None
    """None: as before."""


async def correct_by_list(
    db: AsyncSession, command: CorrectByList, *, now: datetime, signer: Signer | None = None
) -> IssuedInvoice:
    """Issue the one invoice that corrects all of a list; the same command again gives the same.

    Each of them keeps its number and says so; all of them were accepted before. The new one stands in
    the series of the first, and goes out as any other. Raises: InvoiceNotFound, NotCorrectable,
    FieldInvalid (`check_list`) and what `correct` raises.
    """
    digest = digest_of(command)
    rows = await _locked(db, [one.invoice_id for one in command.items])
    before = await done(db, command.id, digest)
    if before is not None:
        return before
    for row in rows:
        if row.state != "accepted" or row.correction not in ("", CORRECTED_AS[command.method]):
            raise NotCorrectable(row.id, row.correction or row.state)
        if row.correction == "replaced":
            raise NotCorrectable(row.id, row.correction)
    not_ahead(command.issued_at, now)
    first = rows[0]
    letters = await letters_of_correction(db, first.tax_id, first.symbol[-2:])
    given, draft = _drafted(command, [view_of(row).invoice for row in rows], letters)
    ready = Numbering(
        id=command.id,
        owner_id=first.owner_id,
        subject_id=first.subject_id,
        kind="replacement" if command.method is Method.REPLACES else "adjustment",
        corrects_id=first.id,
        issued_at=command.issued_at,
        lookup_code=checked_lookup_code(command.lookup_code),
        digest=digest,
        draft=draft,
    )
    issued = await numbering.number_one(db, ready, signer, now)
    for place, (row, one, item) in enumerate(zip(rows, given.items, command.items, strict=True), 1):
        row.correction = CORRECTED_AS[command.method]
        db.add(_row(issued.id, place, row, one, item, command.method))
    await db.flush()
    return issued


async def list_of(db: AsyncSession, correcting_id: UUID) -> CorrectionList | None:
    """The list 01/BK-ĐCTT that goes with an invoice; None where it corrects by none."""
    rows = await _rows(db, col(ListedInvoiceRow.correcting_id) == correcting_id)
    issued = await invoice_by_id(db, correcting_id) if rows else None
    related = issued.invoice.related if issued else None
    if related is None or related.listed_on is None:
        return None
    items = []
    for row in rows:
        wrong = await invoice_by_id(db, row.invoice_id)
        if wrong is not None:
            items.append(
                Listed(
                    invoice=wrong.invoice, fault=row.fault, difference_vnd=row.difference_vnd
                )
            )  # fmt: skip
    return CorrectionList(
        number=related.list_number,
        on=related.listed_on,
        method=related.method,
        items=tuple(items),
    )


async def alike(db: AsyncSession, issued: IssuedInvoice) -> list[IssuedInvoice]:
    """This invoice and the others that one list may have with it, oldest first, at most 200.

    Of the same buyer, month and kind, accepted, not replaced. None where the buyer is not known.
    """
    buyer, day = buyer_of(issued.invoice), issued.invoice.issued_on
    if not buyer:
        return []
    month = day.replace(day=1)
    after = (month + timedelta(days=31)).replace(day=1)
    query = (
        select(InvoiceRow)
        .where(
            col(InvoiceRow.owner_id) == issued.owner_id,
            col(InvoiceRow.tax_id) == issued.invoice.seller.tax_id,
            col(InvoiceRow.template) == issued.invoice.template,
            col(InvoiceRow.issued_on) >= month,
            col(InvoiceRow.issued_on) < after,
            col(InvoiceRow.state) == "accepted",
            col(InvoiceRow.kind) != "adjustment",
            col(InvoiceRow.correction) != "replaced",
            func.strpos(func.encode(col(InvoiceRow.xml), "escape"), buyer) > 0,
        )
        .order_by(col(InvoiceRow.issued_at), col(InvoiceRow.number))
        .limit(ALIKE_MAX)
    )
    found = [view_of(row) for row in await db.exec(query)]
    form = numbering.form_of(issued.invoice.symbol)
    return [
        one
        for one in found
        if buyer_of(one.invoice) == buyer and numbering.form_of(one.invoice.symbol) is form
    ]


async def adjustments_of(db: AsyncSession, invoice_id: UUID) -> list[tuple[Line, ...]]:
    """The differences that adjustments said of one invoice; of a list its own part alone."""
    mine = InvoiceRow.corrects_id == invoice_id
    query = select(InvoiceRow).where(mine, col(InvoiceRow.kind) == "adjustment")
    found = [view_of(row) for row in await db.exec(query.order_by(col(InvoiceRow.created_at)))]
    said = [one.invoice.lines for one in found if not one.invoice.corrects_by_list]
    rows = await _rows(db, col(ListedInvoiceRow.invoice_id) == invoice_id)
    return said + [
        msgspec.convert(row.lines, tuple[Line, ...], strict=False) for row in rows if row.lines
    ]


async def subjects_of(db: AsyncSession, invoice_id: UUID) -> set[UUID]:
    """The sales an invoice stands for: its own, and those of every invoice it replaced, by list or not."""
    found: set[UUID] = set()
    ids, seen = {invoice_id}, set[UUID]()
    while ids:
        seen |= ids
        query = select(InvoiceRow.subject_id, InvoiceRow.corrects_id, InvoiceRow.kind)
        rows = (await db.exec(query.where(col(InvoiceRow.id).in_(ids)))).all()
        found |= {subject_id for subject_id, _, _ in rows}
        before = {at for _, at, kind in rows if at is not None and kind == "replacement"}
        listed = await _rows(db, col(ListedInvoiceRow.correcting_id).in_(ids))
        ids = (before | {one.invoice_id for one in listed}) - seen
    return found


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


def _drafted(
    command: CorrectByList, found: Sequence[Invoice], letters: str
) -> tuple[CorrectionList, Invoice]:
    replaces = command.method is Method.REPLACES
    template = found[0].template
    is_same = replaces and all(
        one.lines == item.lines for one, item in zip(found, command.items, strict=True)
    )
    reduction_vnd = sum(one.totals.reduction_vnd for one in found) if is_same else 0
    lines = merged(*(one.lines for one in command.items))
    totals = values.totals_of(template, lines, reduction_vnd=reduction_vnd)
    changes = []
    for one, item in zip(found, command.items, strict=True):
        kept_vnd = one.totals.reduction_vnd if is_same else 0
        said = values.totals_of(template, item.lines, reduction_vnd=kept_vnd).payable_vnd
        changes.append(said - one.totals.payable_vnd if replaces else said)
    if template == VAT_INVOICE:  # rounded once per rate: the last one bears what that makes
        before = sum(one.totals.payable_vnd for one in found) if replaces else 0
        changes[-1] += totals.payable_vnd - before - sum(changes)
    if not replaces and not lines:
        raise FieldInvalid("list.items", "nothing would change")
    on = command.issued_at.astimezone(VIETNAM).date()
    given = CorrectionList(
        number=command.number,
        on=on,
        method=command.method,
        items=tuple(
            Listed(invoice=one, fault=item.fault, difference_vnd=change)
            for one, item, change in zip(found, command.items, changes, strict=True)
        ),
    )
    draft = corrected_by_list(given, lines, letters=letters, reduction_vnd=reduction_vnd)
    if command.buyer is not None:
        buyer = values.cleaned_value(command.buyer)
        draft = replace(draft, buyer=named(buyer, on))
    return given, draft


def _row(
    correcting_id: UUID,
    place: int,
    row: InvoiceRow,
    one: Listed,
    item: ListedFault,
    method: Method,
) -> ListedInvoiceRow:
    part: list[dict[str, Any]] = msgspec.to_builtins(item.lines, str_keys=True)
    return ListedInvoiceRow(
        correcting_id=correcting_id,
        place=place,
        invoice_id=row.id,
        owner_id=row.owner_id,
        subject_id=row.subject_id,
        fault=one.fault,
        difference_vnd=one.difference_vnd,
        lines=part if method is Method.ADJUSTS else [],
    )


async def _locked(db: AsyncSession, invoice_ids: Sequence[UUID]) -> list[InvoiceRow]:
    """The rows in the order asked for, locked in the order of their ids."""
    query = select(InvoiceRow).where(col(InvoiceRow.id).in_(invoice_ids))
    query = query.order_by(col(InvoiceRow.id)).with_for_update()
    rows = {row.id: row for row in await db.exec(query.execution_options(populate_existing=True))}
    for invoice_id in invoice_ids:
        if invoice_id not in rows:
            raise InvoiceNotFound(invoice_id)
    if not invoice_ids or len({row.owner_id for row in rows.values()}) > 1:
        raise FieldInvalid("list.items", "they are of one seller")
    return [rows[invoice_id] for invoice_id in invoice_ids]


async def _rows(db: AsyncSession, condition: Any) -> list[ListedInvoiceRow]:
    query = select(ListedInvoiceRow).where(condition)
    order = (col(ListedInvoiceRow.correcting_id), col(ListedInvoiceRow.place))
    return list((await db.exec(query.order_by(*order))).all())
