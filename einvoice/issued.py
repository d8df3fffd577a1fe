"""An issued invoice as others see it, and the ways to find one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, any_, literal
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import document
from einvoice.envelope import Reason
from einvoice.errors import CodeInvalid, IdReused
from einvoice.identifiers import checked_lookup_code
from einvoice.invoice import Invoice
from einvoice.list_tables import ListedInvoiceRow
from einvoice.tables import InvoiceRow

PAGE_MAX = 500
"""Invoices in one answer of `invoices_of`."""


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
    """As frozen; once the authority gave an ordinary invoice its code, as the authority sent it back."""
    issued_at: datetime
    lookup_code: str
    state: str
    """numbered → sent → accepted or rejected."""
    correction: str
    """Empty, replaced or adjusted."""
    reasons: tuple[Reason, ...]
    decided_at: datetime | None
    due_on: date | None = None
    """The last day to send it."""
    delivered_at: datetime | None = None
    is_late: bool = False

    @property
    def payable_vnd(self) -> int:
        """The total."""
        return self.invoice.totals.payable_vnd


async def invoice_by_id(db: AsyncSession, invoice_id: UUID) -> IssuedInvoice | None:
    """The invoice, if this session may see it."""
    return await _first(db, col(InvoiceRow.id) == invoice_id)


async def invoice_by_lookup(db: AsyncSession, code: str) -> IssuedInvoice | None:
    """The invoice behind a printed lookup code; None for a code that is none."""
    try:
        return await _first(db, col(InvoiceRow.lookup_code) == checked_lookup_code(code))
    except CodeInvalid:
        return None


async def invoice_by_number(
    db: AsyncSession, tax_id: str, template: int, symbol: str, number: int
) -> IssuedInvoice | None:
    """The invoice with this number, if this session may see it."""
    return await _first(
        db,
        (col(InvoiceRow.tax_id) == tax_id)
        & (col(InvoiceRow.template) == template)
        & (col(InvoiceRow.symbol) == symbol)
        & (col(InvoiceRow.number) == number),
    )


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
    row = (await db.exec(query)).first() or await _by_list(db, owner_id, subject_id)
    return None if row is None else view_of(row)


async def _by_list(db: AsyncSession, owner_id: UUID, subject_id: UUID) -> InvoiceRow | None:
    """What replaced the invoice of a sale together with others, or what replaced that since."""
    listed = (
        select(ListedInvoiceRow.correcting_id)
        .where(
            col(ListedInvoiceRow.owner_id) == owner_id,
            col(ListedInvoiceRow.subject_id) == subject_id,
        )
        .scalar_subquery()
    )
    condition: Any = col(InvoiceRow.id).in_(listed)
    while True:
        query = select(InvoiceRow).where(condition, col(InvoiceRow.kind) == "replacement")
        row = (await db.exec(query.order_by(col(InvoiceRow.created_at).desc()).limit(1))).first()
        if row is None or row.correction != "replaced":
            return row
        again = select(ListedInvoiceRow.correcting_id).where(
            col(ListedInvoiceRow.invoice_id) == row.id
        )
        condition = (col(InvoiceRow.corrects_id) == row.id) | col(InvoiceRow.id).in_(again)


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
    return [view_of(row) for row in await db.exec(query)]


# ── Inside ──────────────────────────────────────────────────────────────────────────────────────


async def done(db: AsyncSession, invoice_id: UUID, digest: bytes) -> IssuedInvoice | None:
    """What this command made before. Raises: IdReused for another command under its id."""
    found = await done_of(db, {invoice_id: digest})
    one = found.get(invoice_id)
    if isinstance(one, IdReused):
        raise one
    return one


async def done_of(
    db: AsyncSession, digests: dict[UUID, bytes]
) -> dict[UUID, IssuedInvoice | IdReused]:
    """The same for many commands: what each made before, or that its id was used for another."""
    ids = literal(list(digests), ARRAY(Uuid))  # one statement, however many they are
    query = select(InvoiceRow).where(col(InvoiceRow.id) == any_(ids))
    rows: Sequence[InvoiceRow] = (
        await db.exec(query.execution_options(populate_existing=True))
    ).all()
    return {
        row.id: view_of(row) if row.digest == digests[row.id] else IdReused(row.id) for row in rows
    }


def view_of(row: InvoiceRow | SimpleNamespace, said: Invoice | None = None) -> IssuedInvoice:
    """The row as a value; `said` spares reading its XML where the caller just wrote it."""
    xml = row.coded_xml or row.xml
    return IssuedInvoice(
        id=row.id,
        owner_id=row.owner_id,
        subject_id=row.subject_id,
        kind=row.kind,
        corrects_id=row.corrects_id,
        invoice=said or document.read(xml),
        xml=xml,
        issued_at=row.issued_at,
        lookup_code=row.lookup_code,
        state=row.state,
        correction=row.correction,
        reasons=tuple(Reason(**one) for one in row.reasons),
        decided_at=row.decided_at,
        due_on=row.due_on,
        delivered_at=row.delivered_at,
        is_late=row.is_late,
    )


async def _first(db: AsyncSession, condition: Any) -> IssuedInvoice | None:
    query = select(InvoiceRow).where(condition).execution_options(populate_existing=True)
    row = (await db.exec(query)).one_or_none()
    return None if row is None else view_of(row)
