"""Where invoices and notices stand, for lists: light rows without their XML."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import sqlalchemy
from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice.envelope import Reason
from einvoice.list_tables import ListedInvoiceRow
from einvoice.tables import InvoiceRow, MessageRow

PAGE_MAX = 500
"""Invoices in one answer of `standings`."""


@dataclass(frozen=True, kw_only=True)
class InvoiceStanding:
    """An invoice as a list shows it."""

    id: UUID
    subject_id: UUID
    kind: str
    """original, replacement or adjustment."""
    corrects_id: UUID | None
    name: str
    """Template, symbol and number: “2C26MAA 15”."""
    issued_on: date
    issued_at: datetime
    payable_vnd: int
    lookup_code: str
    state: str
    """numbered → sent → accepted or rejected."""
    correction: str
    """Empty, replaced or adjusted."""
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, kw_only=True)
class NoticeStanding:
    """An error notice 04/SS-HĐĐT on its way."""

    state: str
    """pending → sent → received → accepted or rejected."""
    reasons: tuple[Reason, ...]
    answered_at: datetime | None


async def standings(
    db: AsyncSession, owner_id: UUID, since: datetime, until: datetime, limit: int = PAGE_MAX
) -> list[InvoiceStanding]:
    """The owner's invoices issued in a span: what went wrong first, then what waits, newest first."""
    urgency = sqlalchemy.case(
        {"rejected": 0, "numbered": 1, "sent": 1}, value=col(InvoiceRow.state), else_=2
    )
    order = (urgency, col(InvoiceRow.issued_at).desc(), col(InvoiceRow.number).desc())
    return await _found(db, _span(owner_id, since, until), order, min(limit, PAGE_MAX))


async def counts_by_state(
    db: AsyncSession, owner_id: UUID, since: datetime, until: datetime
) -> dict[str, int]:
    """How many invoices of a span are in each state."""
    query = (
        sqlalchemy.select(col(InvoiceRow.state), func.count())
        .where(*_span(owner_id, since, until))
        .group_by(col(InvoiceRow.state))
    )
    rows = await (await db.connection()).execute(query)
    return {row[0]: row[1] for row in rows}


async def successors(db: AsyncSession, invoice_id: UUID) -> list[InvoiceStanding]:
    """The invoices that replace or adjust one, oldest first."""
    by_list = select(ListedInvoiceRow.correcting_id).where(
        col(ListedInvoiceRow.invoice_id) == invoice_id
    )
    mine = (col(InvoiceRow.corrects_id) == invoice_id) | col(InvoiceRow.id).in_(by_list)
    return await _found(db, [mine], (col(InvoiceRow.created_at),), PAGE_MAX)


async def notice_standing(db: AsyncSession, message_id: UUID) -> NoticeStanding | None:
    """How the message of an error notice stands."""
    query = select(MessageRow).where(col(MessageRow.id) == message_id)
    row = (await db.exec(query.execution_options(populate_existing=True))).one_or_none()
    if row is None:
        return None
    reasons = tuple(Reason(**one) for one in row.reasons)
    return NoticeStanding(state=row.state, reasons=reasons, answered_at=row.answered_at)


def _span(owner_id: UUID, since: datetime, until: datetime) -> list[Any]:
    at = col(InvoiceRow.issued_at)
    return [col(InvoiceRow.owner_id) == owner_id, at >= since, at < until]


async def _found(
    db: AsyncSession, conditions: list[Any], order: Sequence[Any], limit: int
) -> list[InvoiceStanding]:
    named = [InvoiceRow.template, InvoiceRow.symbol, InvoiceRow.number, *map(_column, _SHOWN)]
    query = sqlalchemy.select(*named).where(*conditions).order_by(*order).limit(limit)
    rows = await (await db.connection()).execute(query)
    return [_view(*row) for row in rows]


_SHOWN = (
    *("id", "subject_id", "kind", "corrects_id", "issued_on", "issued_at"),
    *("payable_vnd", "lookup_code", "state", "correction", "reasons"),
)


def _column(name: str) -> Any:
    return getattr(InvoiceRow, name)


def _view(template: int, symbol: str, number: int, *values: Any) -> InvoiceStanding:
    said = dict(zip(_SHOWN, values, strict=True))
    said["reasons"] = tuple(Reason(**one) for one in said["reasons"])
    return InvoiceStanding(name=f"{template}{symbol} {number}", **said)
