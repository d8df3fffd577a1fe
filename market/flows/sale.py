"""A sale is opened, its payment asked for, cancelled; cash is recorded beside."""

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import sales
from market.errors import (
    NoReceivingAccount,
    NotFound,
    SaleFinal,
    SaleIdReused,
    StallNotSelling,
)
from market.sales import OpenSale
from market.tables import PayeeAccountRow, SaleLineRow, SaleRow

OPEN_FOR = timedelta(minutes=15)
"""A dynamic QR asks for its money this long; later money is LATE and put before a person."""
CLOCK_AHEAD_MAX = timedelta(minutes=5)
"""A phone's clock may run ahead this much; what it says beyond is taken as now."""
QUEUED_MAX = timedelta(days=7)
"""A till may keep a sale this long without network."""
CITY = "THANH HOA"
CODE_TRIES_MAX = 5
Method = Literal["vietqr", "vnpay", "stripe"]


async def open_sale(
    db: AsyncSession, command: OpenSale, sold_by: UUID | None, *, now: datetime
) -> SaleRow:
    """The sale as stored, with its QR where one is needed. Asked twice, it is made once.

    Cash is stored as open: the caller posts it to the ledger, which makes it paid.
    Raises: AmountOutOfRange, LinesDoNotAddUp, SaleIdReused, StallNotSelling, NoReceivingAccount.
    """
    command.checked()
    known = await sales.sale(db, command.sale_id, lock=True)
    if known is not None:
        return _same(known, command)
    stall = await sales.stall_place(db, command.stall_id)
    if stall.vendor_id is None or stall.status != "active":
        raise StallNotSelling(stall.id)
    row = SaleRow(
        id=command.sale_id,
        stall_id=stall.id,
        vendor_id=stall.vendor_id,
        amount_vnd=command.amount_vnd,
        method=command.method,
        sold_by=sold_by,
        sold_at=_believable(command.sold_at, now),
        recorded_at=now,
        digest=command.digest(),
    )
    db.add(row)
    await db.flush()
    for index, line in enumerate(command.lines):
        db.add(
            SaleLineRow(
                sale_id=row.id,
                line_index=index,
                product_id=line.product_id,
                name=line.name,
                unit=line.unit,
                quantity=line.quantity,
                unit_price_vnd=line.unit_price_vnd,
                amount_vnd=line.amount_vnd,
            )
        )
    if command.method != "cash":
        await _ask_for_payment(db, row, command.method, now)
    await db.flush()
    return row


def _same(known: SaleRow, command: OpenSale) -> SaleRow:
    if known.digest != command.digest():
        raise SaleIdReused(command.sale_id)
    return known


def _believable(sold_at: datetime, now: datetime) -> datetime:
    """The till's instant, unless its clock cannot be right."""
    return sold_at if now - QUEUED_MAX <= sold_at <= now + CLOCK_AHEAD_MAX else now


async def _ask_for_payment(db: AsyncSession, row: SaleRow, method: Method, now: datetime) -> None:
    account = await receiving_account(db, row.vendor_id)
    if account is None:
        raise NoReceivingAccount(row.stall_id)
    opened = await _open_payment(db, row, account.id, method, now)
    row.payment_id = opened.id
    row.memo = opened.code
    row.qr_text = payments.write_vietqr(
        account.bank_bin,
        account.account_no,
        amount_vnd=row.amount_vnd,
        memo=opened.code,
        merchant_name=account.holder_name,
        city=CITY,
    )


async def _open_payment(
    db: AsyncSession, row: SaleRow, payee_id: UUID, method: Method, now: datetime
) -> payments.Payment:
    """The payment, with a code this vendor has not used yet: codes stay reserved for late money."""
    for _try in range(CODE_TRIES_MAX - 1):
        with suppress(payments.CodeTaken):
            return await payments.open_payment(db, _request(row, payee_id, method, now), now=now)
    return await payments.open_payment(db, _request(row, payee_id, method, now), now=now)


def _request(row: SaleRow, payee_id: UUID, method: Method, now: datetime) -> payments.OpenPayment:
    return payments.OpenPayment(
        id=row.id,
        owner_id=row.vendor_id,
        place_id=row.stall_id,
        payee_id=payee_id,
        amount_vnd=row.amount_vnd,
        method=method,
        purpose="sale",
        code=payments.new_code(secrets.token_bytes(8)),
        expires_at=now + OPEN_FOR,
    )


async def receiving_account(db: AsyncSession, vendor_id: UUID) -> PayeeAccountRow | None:
    """The account a vendor's buyers pay to: the newest one that passed its test payment."""
    rows = await db.exec(
        select(PayeeAccountRow)
        .where(
            PayeeAccountRow.vendor_id == vendor_id,
            col(PayeeAccountRow.retired_at).is_(None),
            col(PayeeAccountRow.verified_at).is_not(None),
        )
        .order_by(col(PayeeAccountRow.verified_at).desc())
        .limit(1)
    )
    return rows.one_or_none()


async def record_cash(ledger: payments.Ledger, row: SaleRow, *, now: datetime) -> None:
    """Durable in the ledger when it returns, once however often it is asked.

    The event it leaves makes the sale paid (`flows.settlement`).
    """
    await ledger.record_cash(
        payments.CashSale(
            id=row.id,
            owner_id=row.vendor_id,
            place_id=row.stall_id,
            amount_vnd=row.amount_vnd,
            occurred_at=row.sold_at,
        ),
        now=now,
    )


async def cancel_sale(db: AsyncSession, sale_id: UUID, *, now: datetime) -> SaleRow:
    """The sale no longer waits for money. Money that comes all the same is put before a person.

    Raises: NotFound, SaleFinal where it is paid.
    """
    row = await sales.sale(db, sale_id, lock=True)
    if row is None:
        raise NotFound("sale", sale_id)
    if row.state == "cancelled":
        return row
    if row.state != "open":
        raise SaleFinal(sale_id, row.state)
    if row.payment_id is not None:
        await payments.cancel_payment(db, row.payment_id, now=now)
    row.state = "cancelled"
    db.add(row)
    return row
