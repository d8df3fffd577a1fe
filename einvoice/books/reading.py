"""Invoices as the books and the daily check need them: no XML is read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice.tables import InvoiceRow, MessageRow

MARK_COUNT_MAX = 200_000
CHUNK = 20_000
"""Ids asked for at once."""


@dataclass(frozen=True, kw_only=True)
class InvoiceMark:
    """Which invoice, what it comes to, where it stands with the authority."""

    id: UUID
    subject_id: UUID
    kind: str
    """original, replacement or adjustment."""
    corrects_id: UUID | None
    template: int
    symbol: str
    number: int
    issued_on: date
    payable_vnd: int
    state: str
    """numbered → sent → accepted or rejected."""
    correction: str
    message_state: str
    """Of the message it went in; empty while in none."""
    message_made_at: datetime | None
    decided_at: datetime | None

    @property
    def name(self) -> str:
        """As the books write it: 2C26MAA-123."""
        return f"{self.template}{self.symbol}-{self.number}"


async def invoice_marks(
    db: AsyncSession, owner_id: UUID, subject_ids: Sequence[UUID]
) -> list[InvoiceMark]:
    """Every invoice of these sales: originals and what corrected them, in order of issue."""
    found: list[InvoiceMark] = []
    for at in range(0, len(subject_ids), CHUNK):
        part = subject_ids[at : at + CHUNK]
        found.extend(await _marks(db, owner_id, col(InvoiceRow.subject_id).in_(part)))
    return found


async def invoices_issued_on(db: AsyncSession, owner_id: UUID, day: date) -> list[InvoiceMark]:
    """Every invoice an owner issued on a day."""
    return await _marks(db, owner_id, col(InvoiceRow.issued_on) == day)


async def _marks(
    db: AsyncSession, owner_id: UUID, condition: ColumnElement[bool]
) -> list[InvoiceMark]:
    names = [
        "id", "subject_id", "kind", "corrects_id", "template", "symbol", "number", "issued_on",
        "payable_vnd", "state", "correction", "decided_at",
    ]  # fmt: skip
    rows = await db.execute(
        select(  # type: ignore[call-overload]  # more columns than the overloads know
            *(getattr(InvoiceRow, name) for name in names),
            col(MessageRow.state).label("message_state"),
            col(MessageRow.created_at).label("message_made_at"),
        )
        .join(MessageRow, col(MessageRow.id) == col(InvoiceRow.message_id), isouter=True)
        .where(col(InvoiceRow.owner_id) == owner_id, condition)
        .order_by(col(InvoiceRow.issued_at), col(InvoiceRow.number))
        .limit(MARK_COUNT_MAX)
    )
    return [
        InvoiceMark(**(dict(row) | {"message_state": row["message_state"] or ""}))
        for row in rows.mappings()
    ]
