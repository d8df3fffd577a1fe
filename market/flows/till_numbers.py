"""Invoices a till numbered while it had no network: its range, what it hands in, issued in its turn.

A number a buyer was shown is told before its sale, so that nobody gives the sale another one. It
becomes an invoice once the sale is paid and every number before it has become one: no gaps.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice import series
from einvoice.errors import (
    AlreadyInvoiced,
    EInvoiceError,
    IdReused,
    NumberOutOfTurn,
    SellerNotRegistered,
)
from einvoice.identifiers import prefix_in
from market import clock, sales
from market.errors import InvoiceNotPossible, MarketError, NotFound
from market.flows import invoice_issuing
from market.flows.context import Context
from market.tables import StallRow, VendorRow
from market.till_tables import TillNumberRow

JOB = "issue_till_numbers"
CODES = 500
"""Of one range: a stall's sales of several days without a network."""
KEPT_MAX = timedelta(days=7)
"""A till may keep a sale this long; what its clock says beyond is not believed."""
TURNS_MAX = 100
"""Invoices of one transaction: the series of the till is locked that long."""
TILLS_MAX = 50


@dataclass(frozen=True)
class Told:
    """What a till says it gave a sale."""

    sale_id: UUID
    symbol: str
    number: int
    code: str
    numbered_at: datetime


async def range_for(
    db: AsyncSession, stall_id: UUID, till_id: UUID, after: int, *, now: datetime
) -> einvoice.TillNumbers:
    """The numbers and codes this till may give by itself; asked again, the same.

    Raises: NotFound, InvoiceNotPossible where the vendor does not issue by itself.
    """
    vendor = await _vendor(db, stall_id)
    try:
        return await einvoice.numbers_of_till(
            db, vendor.id, vendor.tax_id, _known_as(vendor, till_id),
            after=after, count=CODES, on=clock.local_day(now), now=now,
        )  # fmt: skip
    except SellerNotRegistered:
        raise InvoiceNotPossible(vendor.id, "not_registered") from None


async def hand_in(
    db: AsyncSession, stall_id: UUID, till_id: UUID, told: Told, *, now: datetime
) -> einvoice.IssuedInvoice | None:
    """Keep a number the till gave; the invoice, if it could be issued. Told twice, kept once.

    Raises: NotFound, InvoiceNotPossible, NumberOutOfTurn for a number or code that is not this
    till's, IdReused for another number of a sale that has one, AlreadyInvoiced for a sale that was
    invoiced under another number before.
    """
    vendor = await _vendor(db, stall_id)
    row = await _kept(db, vendor, _known_as(vendor, till_id), told, now)
    if row.issued_at is None:
        await issue_in_turn(db, row.till_id, now=now)
    issued = await einvoice.invoice_by_id(db, told.sale_id)
    if issued is not None and issued.invoice.code != told.code:
        raise AlreadyInvoiced(told.sale_id, issued.id)
    return issued


async def issue_in_turn(db: AsyncSession, till_id: UUID, *, now: datetime) -> int:
    """Issue what this till numbered, in its order, until one whose sale is not paid; how many."""
    rows = await db.exec(
        select(TillNumberRow)
        .where(col(TillNumberRow.till_id) == till_id, col(TillNumberRow.issued_at).is_(None))
        .order_by(col(TillNumberRow.numbered_at), col(TillNumberRow.number))
        .limit(TURNS_MAX)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    done = 0
    for row in rows.all():
        try:
            await invoice_issuing.issue_numbered(db, row, now=now)
        except (EInvoiceError, MarketError):  # its sale is not here yet, or not its turn: later
            break
        row.issued_at = now
        db.add(row)
        done += 1
    await db.flush()
    return done


async def issue_till_numbers(context: Context, _: dict[str, Any]) -> None:
    """Job: numbers that were handed in and whose sales have been paid since."""
    async with context.database.as_system() as db:
        found = list((await db.execute(_WAITING, {"most": TILLS_MAX})).scalars())
    for till_id in found:
        async with context.database.as_system() as db:
            await issue_in_turn(db, till_id, now=context.now())


# The first number of a till is due: its sale is paid.
_WAITING = text("""
SELECT DISTINCT n.till_id FROM market.till_number n JOIN market.sale s ON s.id = n.sale_id
WHERE n.issued_at IS NULL AND s.state = 'paid' LIMIT :most
""")


async def _vendor(db: AsyncSession, stall_id: UUID) -> VendorRow:
    stall = await db.get(StallRow, stall_id)
    vendor = await db.get(VendorRow, stall.vendor_id) if stall and stall.vendor_id else None
    if vendor is None:
        raise NotFound("stall", stall_id)
    if not vendor.tax_id:
        raise InvoiceNotPossible(vendor.id, "no_tax_id")
    return vendor


def _known_as(vendor: VendorRow, till_id: UUID) -> UUID:
    """The till under this tax id: a phone that serves two sellers is two tills."""
    return uuid5(till_id, f"{vendor.id}/{vendor.tax_id}")


async def _kept(
    db: AsyncSession, vendor: VendorRow, till_id: UUID, told: Told, now: datetime
) -> TillNumberRow:
    before = await db.get(TillNumberRow, told.sale_id)
    if before is None:
        sale = await sales.sale(db, told.sale_id)
        if sale is not None and sale.vendor_id != vendor.id:
            raise NotFound("sale", told.sale_id)
        await _check(db, till_id, told)
        told_at = min(told.numbered_at, now)
        values = {
            "sale_id": told.sale_id, "vendor_id": vendor.id, "till_id": till_id,
            "symbol": told.symbol, "number": told.number, "code": told.code,
            "numbered_at": told_at if told_at >= now - KEPT_MAX else now, "told_at": now,
        }  # fmt: skip
        await (await db.connection()).execute(
            insert(TillNumberRow).values(values).on_conflict_do_nothing()
        )
        before = await db.get(TillNumberRow, told.sale_id)
    if before is None:  # the number or the code stands at another sale
        raise NumberOutOfTurn(told.symbol, given=told.number, expected=0)
    is_same = (before.till_id, before.symbol, before.number, before.code) == (
        till_id, told.symbol, told.number, told.code,
    )  # fmt: skip
    if not is_same:
        raise IdReused(told.sale_id)
    return before


async def _check(db: AsyncSession, till_id: UUID, told: Told) -> None:
    known = await einvoice.till_of(db, till_id)
    if known is None or told.symbol[-2:] != known[1]:
        raise NumberOutOfTurn(told.symbol, given=told.number, expected=0)
    prefix_in(told.code)
    await series.own_serial(db, told.code[:-12], till_id, int(told.code[-11:]))
