"""Invoices a till numbered while it had no network: its range, what it hands in, issued in its turn.

A number a buyer was shown is told before its sale, so that nobody gives the sale another one. It
becomes an invoice once the sale is paid and every number before it has become one: no gaps.
"""

from dataclasses import dataclass, replace
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
from market import clock, ids, sales
from market.errors import InvoiceNotPossible, MarketError, NotFound
from market.flows import invoice_issuing, till_slips
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
    lookup_code: str = ""


@dataclass(frozen=True)
class Handed:
    """Where a number stands: “kept” until its turn, “issued”, or “passed” over."""

    state: str
    issued: einvoice.IssuedInvoice | None = None


async def range_for(
    db: AsyncSession, stall_id: UUID, till_id: UUID, after: int, *, now: datetime
) -> tuple[einvoice.TillNumbers, str] | None:
    """What this till may give by itself, asked again the same; how its lookup codes begin.

    Where somebody issues by contract the till's series needs an appendix: None until the authority
    accepted it, and the first call leaves its draft for the operator's next list.
    Raises: NotFound, InvoiceNotPossible where nobody issues for the vendor.
    """
    vendor = await _vendor(db, stall_id)
    known_as, today = _known_as(vendor, till_id), clock.local_day(now)
    delegate = None
    by = await invoice_issuing.issuer_of(db, vendor, today)
    if by is not None:
        letters = await series.letters_of_till(db, vendor.id, vendor.tax_id, known_as)
        delegate = await einvoice.appendix_for(db, by, letters, new_id=ids.new(), now=now)
        if delegate.state != "accepted":
            return None
    try:
        given = await einvoice.numbers_of_till(
            db, vendor.id, vendor.tax_id, known_as,
            after=after, count=CODES, on=today, now=now, delegate=delegate,
        )  # fmt: skip
    except SellerNotRegistered:
        raise InvoiceNotPossible(vendor.id, "not_registered") from None
    prefix = await till_slips.prefix_of(db, known_as, stall_id, vendor.id)
    return await _after_told(db, known_as, given), prefix


async def hand_in(
    db: AsyncSession, stall_id: UUID, till_id: UUID, told: Told, *, now: datetime
) -> Handed:
    """Keep a number the till gave; the invoice, if it could be issued. Told twice, kept once.

    Raises: NotFound, InvoiceNotPossible, NumberOutOfTurn for a number or code that is not this
    till's, IdReused for another number of a sale that has one, AlreadyInvoiced for a sale that was
    invoiced under another number before, CodeInvalid for a lookup code of another till.
    """
    vendor = await _vendor(db, stall_id)
    row = await _kept(db, vendor, _known_as(vendor, till_id), told, now)
    if row.issued_at is None:
        await issue_in_turn(db, row.till_id, now=now)
    if row.passed_at is not None:
        return Handed("passed")
    issued = await einvoice.invoice_by_id(db, told.sale_id)
    if issued is not None and issued.invoice.code != told.code:
        raise AlreadyInvoiced(told.sale_id, issued.id)
    return Handed("kept" if issued is None else "issued", issued)


async def pass_over(
    db: AsyncSession,
    stall_id: UUID,
    till_id: UUID,
    sale_id: UUID,
    *,
    why: str,
    was_shown: bool,
    now: datetime,
) -> Handed:
    """The market refused the sale of a number: it becomes no invoice, those after it have their turn.

    It stays used, whether the buyer saw it or not: numbers rise and are given once (Decree 254/2026,
    Annex 2). A sale that came nevertheless keeps its number. Raises: NotFound.
    """
    vendor = await _vendor(db, stall_id)
    row = await db.get(TillNumberRow, sale_id, with_for_update=True)
    if row is None or row.till_id != _known_as(vendor, till_id):
        raise NotFound("sale", sale_id)
    if row.issued_at is None and await sales.sale(db, sale_id) is None:
        row.passed_at, row.passed_why, row.was_shown = row.passed_at or now, why, was_shown
        db.add(row)
        await issue_in_turn(db, row.till_id, now=now)
    if row.passed_at is not None:
        return Handed("passed")
    issued = await einvoice.invoice_by_id(db, sale_id)
    return Handed("kept" if issued is None else "issued", issued)


async def passed(
    db: AsyncSession, vendor_id: UUID, since: datetime, until: datetime
) -> list[TillNumberRow]:
    """Numbers of a span that became no invoice, in their order: the gaps, and why they are there."""
    rows = await db.exec(
        select(TillNumberRow)
        .where(
            col(TillNumberRow.vendor_id) == vendor_id,
            col(TillNumberRow.passed_at).is_not(None),
            col(TillNumberRow.numbered_at) >= since,
            col(TillNumberRow.numbered_at) < until,
        )
        .order_by(col(TillNumberRow.symbol), col(TillNumberRow.number))
    )
    return list(rows.all())


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
            if row.passed_at is not None:
                await _pass(db, row)
            else:
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


# A number of a till is due: its sale is paid, or was refused.
_WAITING = text("""
SELECT DISTINCT n.till_id FROM market.till_number n LEFT JOIN market.sale s ON s.id = n.sale_id
WHERE n.issued_at IS NULL AND (s.state = 'paid' OR n.passed_at IS NOT NULL) LIMIT :most
""")


async def _pass(db: AsyncSession, row: TillNumberRow) -> None:
    known = await einvoice.till_of(db, row.till_id)
    assert known is not None  # it asked for its range
    async with db.begin_nested():
        await series.pass_over(
            db, row.vendor_id, known[0], einvoice.SALES_INVOICE, row.symbol, row.number
        )


async def _after_told(
    db: AsyncSession, till_id: UUID, given: einvoice.TillNumbers
) -> einvoice.TillNumbers:
    """Behind what this till has told already, for a phone that lost its memory: nothing is given twice."""
    codes = given.codes
    found = await (await db.connection()).execute(
        _TOLD,
        {
            "till_id": till_id,
            "symbol": given.symbol,
            "first": f"{codes.prefix}-{codes.first_serial:011d}",
            "last": f"{codes.prefix}-{codes.last_serial:011d}",
        },
    )
    number, code = found.one()
    return replace(
        given,
        next_number=max(given.next_number, (number or 0) + 1),
        next_serial=max(given.next_serial, int(code[-11:]) + 1 if code else 0),
    )


_TOLD = text("""
SELECT max(number), max(code) FILTER (WHERE code BETWEEN :first AND :last)
FROM market.till_number WHERE till_id = :till_id AND symbol = :symbol
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
            "lookup_code": await till_slips.checked(db, till_id, told.lookup_code),
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
