"""A vendor's books and drafts, made from sales, invoices, refunds and what was written by hand."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import books
from einvoice.books import Accounts, Book, Form, Sheet
from einvoice.household import YEAR_MIN
from einvoice.meter import Road
from einvoice.mirror import revenues_of
from market import clock
from market.errors import NotFound
from market.flows import tax
from market.flows.tax import Stall, TaxYear
from market.tables import PayeeAccountRow
from payments import banks

_PERIOD = re.compile(r"(20[0-9]{2})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?")


def period_of(name: str, today: date) -> books.Period:
    """2026, 2026-Q4 or 2026-11 as days; one that has not ended goes to today.

    Raises: NotFound for anything else, for what has not begun, and for years of lump sums.
    """
    found = _PERIOD.fullmatch(name)
    if found is None:
        raise NotFound("period", name[:20])
    year = int(found[1])
    if found[2]:
        first, last = int(found[2]) * 3 - 2, int(found[2]) * 3
        said = f"quý {found[2]}/{year}"
    elif found[3]:
        first = last = int(found[3])
        said = f"tháng {first}/{year}"
    else:
        first, last, said = 1, 12, f"năm {year}"
    since = date(year, first, 1)
    until = date(year + last // 12, last % 12 + 1, 1) - timedelta(days=1)
    if since > today or year < YEAR_MIN:
        raise NotFound("period", name)
    return books.Period(said, since, min(until, today))


def periods_until(today: date) -> list[tuple[str, str]]:
    """What may be chosen, as name and words: this year, its quarters, last year; newest first."""
    names = [str(today.year)]
    names += [f"{today.year}-Q{quarter}" for quarter in range((today.month + 2) // 3, 0, -1)]
    names += [str(today.year - 1)] if today.year > YEAR_MIN else []
    return [(name, period_of(name, today).name) for name in names]


async def book(db: AsyncSession, vendor_id: UUID, which: Book, period: books.Period) -> Sheet:
    """One book of a vendor.

    Raises: NotFound, TaxNotComputed.
    """
    year = await tax.tax_year(db, vendor_id, period.until)
    return books.book_of(which, await _accounts(db, vendor_id, year, period))


async def draft(db: AsyncSession, vendor_id: UUID, form: Form, period: books.Period) -> Sheet:
    """One draft of a vendor.

    Raises: NotFound, TaxNotComputed.
    """
    year = await tax.tax_year(db, vendor_id, period.until)
    return books.draft_of(
        form,
        await _accounts(db, vendor_id, year, period),
        bank_accounts=await _bank_accounts(db, vendor_id),
        sites=[_site(one) for one in year.stalls.values()],
    )


async def _accounts(
    db: AsyncSession, vendor_id: UUID, year: TaxYear, period: books.Period
) -> Accounts:
    items = [*await _invoiced(db, vendor_id, year, period), *_by_hand(year, period)]
    items += [*await _daily(db, vendor_id, year, period), *_returns(year, period)]
    before = period.since - timedelta(days=1)
    moves = [*_bought(year), *await _sold_goods(db, vendor_id, period)]
    return Accounts(
        household=year.vendor,
        period=period,
        items=sorted(items, key=lambda one: one.on),
        costs=list(_costs(year, period)),
        before=revenues_of(year.takings(before)),
        cards=books.stock_cards(moves, period.since),
    )


async def _invoiced(
    db: AsyncSession, vendor_id: UUID, year: TaxYear, period: books.Period
) -> Sequence[books.Item]:
    """Sales with an invoice, each with its number."""
    rows = (await db.execute(_INVOICED, _between(vendor_id, period))).all()
    marks = await books.invoice_marks(db, vendor_id, [row.id for row in rows])
    names = {
        one.subject_id: one.name
        for one in marks
        if one.kind != "adjustment" and one.correction != "replaced"
    }
    return [
        _item(year.stalls[row.stall_id], row, names.get(row.id, ""), "Bán hàng") for row in rows
    ]


async def _daily(
    db: AsyncSession, vendor_id: UUID, year: TaxYear, period: books.Period
) -> Sequence[books.Item]:
    """Sales without an invoice: a line a day, a stall, a road."""
    rows = (await db.execute(_DAILY, _between(vendor_id, period))).all()
    return [
        _item(
            year.stalls[row.stall_id],
            row,
            f"BL-{row.on:%d%m%y}-{year.stalls[row.stall_id].code}",
            f"Bán lẻ trong ngày, {row.count} lần",
        )
        for row in rows
    ]


def _item(stall: Stall, row: Any, document: str, said: str) -> books.Item:
    how = "tiền mặt" if row.is_cash else "chuyển khoản"
    return books.Item(
        on=row.on,
        document=document,
        text=f"{said}, {how}",
        amount_vnd=row.amount_vnd,
        is_cash=row.is_cash,
        groups=stall.groups,
        site=stall.name,
        road=Road.CASH if row.is_cash else Road.QR,
    )


def _returns(year: TaxYear, period: books.Period) -> Iterator[books.Item]:
    for one in year.returned:
        if period.since <= one.on <= period.until:
            stall = year.stall(one.stall_id)
            yield books.Item(
                on=one.on,
                document=f"HT-{one.on:%d%m%y}",
                text="Hoàn tiền hàng bị trả lại",
                amount_vnd=-one.amount_vnd,
                is_cash=one.is_cash,
                groups=stall.groups,
                site=stall.name if stall.code else "",
                road=Road.CASH if one.is_cash else Road.QR,
            )


def _by_hand(year: TaxYear, period: books.Period) -> Iterator[books.Item]:
    stall = year.stall(None)
    for one in year.entries:
        if one.kind.is_sale and period.since <= one.on <= period.until:
            yield books.Item(
                on=one.on,
                document=one.document,
                text=one.text,
                amount_vnd=one.amount_vnd,
                is_cash=one.is_cash,
                groups=stall.groups,
                site=stall.name if stall.code else "",
                road=tax.road_of_entry(one),
            )


def _costs(year: TaxYear, period: books.Period) -> Iterator[books.Item]:
    """Costs; goods kept in stock become one when they are sold, those without a quantity at once."""
    for one in year.entries:
        if not one.kind.is_sale and period.since <= one.on <= period.until:
            yield books.Item(
                on=one.on,
                document=one.document,
                text=one.text,
                amount_vnd=one.amount_vnd,
                is_cash=one.is_cash,
                is_deductible=one.is_deductible,
                is_stock=bool(one.goods),
            )


def _bought(year: TaxYear) -> Iterator[books.GoodsMove]:
    for one in year.entries:
        if one.kind is books.EntryKind.GOODS and one.quantity is not None:
            yield books.GoodsMove(
                on=one.on,
                document=one.document,
                text=one.text,
                goods=one.goods,
                unit=one.unit,
                quantity=one.quantity,
                cost_vnd=one.amount_vnd,
            )


async def _sold_goods(
    db: AsyncSession, vendor_id: UUID, period: books.Period
) -> Sequence[books.GoodsMove]:
    begin = books.Period("", date(period.since.year, 1, 1), period.until)
    rows = await db.execute(_GOODS, _between(vendor_id, begin))
    return [
        books.GoodsMove(
            on=row.on,
            document=f"BL-{row.on:%d%m%y}",
            text="Bán trong ngày",
            goods=row.name,
            unit=row.unit,
            quantity=-row.quantity,
        )
        for row in rows.all()
    ]


async def _bank_accounts(db: AsyncSession, vendor_id: UUID) -> list[books.Account]:
    rows = await db.exec(
        select(PayeeAccountRow)
        .where(PayeeAccountRow.vendor_id == vendor_id)
        .order_by(col(PayeeAccountRow.created_at))
    )
    return [
        books.Account(
            bank=banks.bank(row.bank_bin).short_name,
            number=row.account_no,
            holder=row.holder_name,
            since=clock.local_day(row.created_at),
            until=row.retired_at and clock.local_day(row.retired_at),
        )
        for row in rows
    ]


def _site(stall: Stall) -> books.Site:
    return books.Site(
        code=stall.code,
        name=stall.name,
        address=stall.address,
        trade=stall.trade,
        since=stall.opened_on,
        until=stall.ended_on,
    )


def _between(vendor_id: UUID, period: books.Period) -> dict[str, Any]:
    start = clock.day_bounds(period.since)[0]
    return {"vendor_id": vendor_id, "start": start, "end": clock.day_bounds(period.until)[1]}


_PAID = """
FROM market.sale s
{join}WHERE s.vendor_id = :vendor_id AND s.state = 'paid' AND s.sold_at >= :start AND s.sold_at < :end
"""
_DAY = "(s.sold_at AT TIME ZONE 'UTC' + interval '7 hours')::date"
_INVOICED = text(
    f"SELECT s.id, {_DAY} AS on, s.stall_id, s.method = 'cash' AS is_cash, s.amount_vnd"
    f"{_PAID.format(join='')} AND s.invoice_id IS NOT NULL ORDER BY s.sold_at, s.id"
)
_DAILY = text(
    f"SELECT {_DAY} AS on, s.stall_id, s.method = 'cash' AS is_cash, count(*)::int AS count,"
    f" sum(s.amount_vnd)::bigint AS amount_vnd{_PAID.format(join='')}"
    " AND s.invoice_id IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_GOODS = text(
    f"SELECT {_DAY} AS on, l.name, l.unit, sum(l.quantity) AS quantity"
    f"{_PAID.format(join='JOIN market.sale_line l ON l.sale_id = s.id ')}"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
