"""What is done about wrong invoices: its rows, found and kept; what they hold as JSON."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from market.correction_tables import CorrectionRow

WAITING_SHOWN = timedelta(days=90)
"""What waits longer for its invoice is left to a person."""
WAITING_MAX = 200


async def correction(
    db: AsyncSession, correction_id: UUID, *, lock: bool = False
) -> CorrectionRow | None:
    """One correction by its id."""
    query = select(CorrectionRow).where(CorrectionRow.id == correction_id)
    query = query.with_for_update() if lock else query
    return (await db.exec(query.execution_options(populate_existing=True))).one_or_none()


async def corrections_of(db: AsyncSession, invoice_id: UUID) -> Sequence[CorrectionRow]:
    """What was done about one invoice, oldest first."""
    mine = (col(CorrectionRow.invoice_id) == invoice_id) | col(CorrectionRow.listed_ids).contains(
        [invoice_id]
    )
    query = select(CorrectionRow).where(mine)
    return (await db.exec(query.order_by(col(CorrectionRow.created_at)))).all()


async def of_refund(db: AsyncSession, refund_id: UUID) -> CorrectionRow | None:
    """What a refund did to the invoice of its sale."""
    query = select(CorrectionRow).where(CorrectionRow.refund_id == refund_id)
    return (await db.exec(query)).one_or_none()


async def of_sale(db: AsyncSession, sale_id: UUID) -> Sequence[CorrectionRow]:
    """Every correction of one sale's invoices, oldest first."""
    query = select(CorrectionRow).where(CorrectionRow.sale_id == sale_id)
    return (await db.exec(query.order_by(col(CorrectionRow.created_at)))).all()


async def to_do(db: AsyncSession, vendor_id: UUID) -> Sequence[CorrectionRow]:
    """What waits for this vendor: goods to name, an agreement to sign. Oldest first."""
    query = select(CorrectionRow).where(
        CorrectionRow.vendor_id == vendor_id, col(CorrectionRow.state).in_(("asking", "agreeing"))
    )
    return (await db.exec(query.order_by(col(CorrectionRow.created_at)).limit(WAITING_MAX))).all()


# A refund waits until its sale has an invoice; a notice until the authority has the invoice.
_WAITING = text("""
SELECT c.id FROM market.correction c JOIN market.sale s ON s.id = c.sale_id
WHERE c.state = 'waiting' AND c.created_at > :since AND s.invoice_id IS NOT NULL
ORDER BY c.created_at LIMIT :most
""")


async def waiting(db: AsyncSession, now: datetime) -> list[UUID]:
    """Corrections that may be written by now, oldest first."""
    given = {"since": now - WAITING_SHOWN, "most": WAITING_MAX}
    return list((await db.execute(_WAITING, given)).scalars())


async def lines_now(db: AsyncSession, issued: einvoice.IssuedInvoice) -> tuple[einvoice.Line, ...]:
    """What an invoice says with all its adjustments."""
    adjusted = await einvoice.adjustments_of(db, issued.id)
    return einvoice.merged(issued.invoice.lines, *adjusted) if adjusted else issued.invoice.lines


# ── What a row holds ────────────────────────────────────────────────────────────────────────────


def content_of(
    buyer: einvoice.Buyer | None, lines: Sequence[einvoice.Line] | None
) -> dict[str, Any]:
    """The right buyer and lines as JSON; None is as before."""
    said: dict[str, Any] = msgspec.to_builtins({"buyer": buyer, "lines": lines}, str_keys=True)
    return said


def buyer_in(content: dict[str, Any]) -> einvoice.Buyer | None:
    """The right buyer."""
    found = content.get("buyer")
    return None if found is None else msgspec.convert(found, einvoice.Buyer)


def lines_in(content: dict[str, Any]) -> tuple[einvoice.Line, ...] | None:
    """The right lines."""
    found = content.get("lines")
    if found is None:
        return None
    return msgspec.convert(found, tuple[einvoice.Line, ...], strict=False)
