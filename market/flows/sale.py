"""A sale is opened, its payment asked for, cancelled; cash is recorded beside.

Goods that are counted are held before anybody is shown a code, sold when the ledger has the money,
and free again once their payment ended unpaid: the payment's end and its money exclude each other,
so an item goes to one buyer, and every other is turned away before paying or is due a refund.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import structlog
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import catalog
import payments
from market import outbox, sales
from market.errors import (
    NoReceivingAccount,
    NotFound,
    SaleFinal,
    SaleIdReused,
    StallNotSelling,
)
from market.flows.context import Context, Event, Together
from market.sales import OpenSale
from market.tables import PayeeAccountRow, SaleLineRow, SaleRow
from payments.payment import EXPIRY_GRACE

OPEN_FOR = timedelta(minutes=15)
"""A dynamic QR asks for its money this long; later money is LATE and put before a person."""
CLOCK_AHEAD_MAX = timedelta(minutes=5)
"""A phone's clock may run ahead this much; what it says beyond is taken as now."""
QUEUED_MAX = timedelta(days=7)
"""A till may keep a sale this long without network."""
CITY = "THANH HOA"
CODE_TRIES_MAX = 5
HANDED_OVER_AFTER = timedelta(minutes=1)
"""Cash that was taken so long before we hear of it: the goods have gone, whatever we counted."""
HELD_FOR = OPEN_FOR + EXPIRY_GRACE
CASH_HELD_FOR = timedelta(days=1)
HELD_TOO_LONG = timedelta(minutes=10)
"""After its deadline; then the sale itself is looked at."""
SOLD_AT_ONCE_MAX = 50
"""Sales whose goods leave the shelf in one transaction: long enough to share it, short for a till
that waits for the same goods.
"""
SOLD = {"settled", "over", "cash"}
"""Outcomes by which a sale is paid."""
STOCK_JOB = "settle_stock"
Method = Literal["vietqr", "vnpay", "stripe"]

log = structlog.get_logger("market.sale")


async def open_sale(
    db: AsyncSession, command: OpenSale, sold_by: UUID | None, *, now: datetime
) -> SaleRow:
    """The sale as stored, with its QR where one is needed. Asked twice, it is made once.

    Cash is stored as open: the caller posts it to the ledger, which makes it paid.
    Raises: AmountOutOfRange, LinesDoNotAddUp, SaleIdReused, StallNotSelling, NoReceivingAccount;
    catalog.OutOfStock where counted goods are sold, or somebody else is paying for them.
    """
    command.checked()
    known = await sales.sale(db, command.sale_id, lock=True)
    if known is not None:
        return _same(known, command)
    stall = await sales.stall_place(db, command.stall_id)
    if stall.vendor_id is None or stall.status != "active":
        raise StallNotSelling(stall.id)
    row = new_row(command, stall.vendor_id, sold_by, now)
    try:
        await _hold_goods(db, row, command, now)
    except catalog.OutOfStock:
        known = await sales.sale(db, command.sale_id)  # it may be this very sale that has them
        if known is None:
            raise
        return _same(known, command)
    if command.method != "cash":
        await _ask_for_payment(db, row, command.method, now)
    db.add(row)
    await db.flush()
    _add_lines(db, command)
    await db.flush()
    return row


def _add_lines(db: AsyncSession, command: OpenSale) -> None:
    for index, line in enumerate(command.lines):
        db.add(
            SaleLineRow(
                sale_id=command.sale_id,
                line_index=index,
                product_id=line.product_id,
                name=line.name,
                unit=line.unit,
                quantity=line.quantity,
                unit_price_vnd=line.unit_price_vnd,
                amount_vnd=line.amount_vnd,
            )
        )


def new_row(command: OpenSale, vendor_id: UUID, sold_by: UUID | None, now: datetime) -> SaleRow:
    """The sale as it is stored first, before its payment is asked for."""
    return SaleRow(
        id=command.sale_id,
        stall_id=command.stall_id,
        vendor_id=vendor_id,
        amount_vnd=command.amount_vnd,
        received_vnd=0,
        method=command.method,
        sold_by=sold_by,
        sold_at=_believable(command.sold_at, now),
        recorded_at=now,
        digest=command.digest(),
    )


async def _hold_goods(db: AsyncSession, row: SaleRow, command: OpenSale, now: datetime) -> None:
    """The counted goods of the basket are nobody else's from now on."""
    quantities = goods_of(command)
    if not quantities:
        return
    is_cash = command.method == "cash"
    await catalog.hold_stock(
        db,
        row.id,
        row.vendor_id,
        quantities,
        until=now + (CASH_HELD_FOR if is_cash else HELD_FOR),
        now=now,
        as_far_as_there=is_cash and row.sold_at < now - HANDED_OVER_AFTER,
    )


def goods_of(command: OpenSale) -> dict[UUID, Decimal]:
    """How much of which goods is in the basket."""
    quantities: dict[UUID, Decimal] = {}
    for line in command.lines:
        if line.product_id is not None:
            before = quantities.get(line.product_id, Decimal(0))
            quantities[line.product_id] = before + line.quantity
    return quantities


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
    show_code(row, opened.code, account.bank_bin, account.account_no, account.holder_name)


def show_code(row: SaleRow, code: str, bank_bin: str, account_no: str, holder_name: str) -> None:
    """The sale's payment has this code: the QR asks for its money."""
    row.payment_id = row.id
    row.memo = code
    row.qr_text = payments.write_vietqr(
        bank_bin,
        account_no,
        amount_vnd=row.amount_vnd,
        memo=code,
        merchant_name=holder_name,
        city=CITY,
    )


async def _open_payment(
    db: AsyncSession, row: SaleRow, payee_id: UUID, method: Method, now: datetime
) -> payments.Payment:
    """The payment, with a code this vendor has not used yet: codes stay reserved for late money."""
    for _try in range(CODE_TRIES_MAX - 1):
        with suppress(payments.CodeTaken):
            return await payments.open_payment(db, request(row, payee_id, method, now), now=now)
    return await payments.open_payment(db, request(row, payee_id, method, now), now=now)


def request(row: SaleRow, payee_id: UUID, method: Method, now: datetime) -> payments.OpenPayment:
    """The payment of a sale, with a new code; it has the sale's id."""
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

    Raises: NotFound, SaleFinal where it is paid, or in cash: then its money is in the drawer.
    """
    row = await sales.sale(db, sale_id, lock=True)
    if row is None:
        raise NotFound("sale", sale_id)
    if row.state == "cancelled":
        return row
    if row.state != "open" or row.method == "cash":
        raise SaleFinal(sale_id, row.state)
    if row.payment_id is not None:
        await payments.cancel_payment(db, row.payment_id, now=now)
    row.state = "cancelled"
    db.add(row)
    return row


# ── Counted goods follow the money ──────────────────────────────────────────────────────────────


@Together
async def goods_paid(db: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Reaction to `receipt.recorded`: what the sale held is its own, in the transaction that pays it."""
    sold = []
    for event in events:
        data = event.data
        sale_id = data.get("payment_id") or data.get("subject_id")
        if data["outcome"] in SOLD and data.get("purpose") != "test" and sale_id is not None:
            sold.append(UUID(sale_id))
    held = await catalog.holding(db, sold)
    for one in sold:
        if one in held:
            await _pay(db, one, now)
    if held:
        await outbox.enqueue_tick(db, STOCK_JOB, now)


@Together
async def goods_freed(db: AsyncSession, events: Sequence[Event], now: datetime) -> None:
    """Reaction to `payment.expired` and `payment.cancelled`: what the sales held is free again."""
    await catalog.release_stock(db, *(UUID(one.data["payment_id"]) for one in events), now=now)


async def settle_stock(context: Context, _: dict[str, Any]) -> None:
    """Job: what was paid leaves the shelf; what was held past its deadline follows its sale."""
    now = context.now()
    async with context.database.as_system() as db:
        done = await catalog.paid(db)
        left = await catalog.overdue(db, before=now - HELD_TOO_LONG)
    for first in range(0, len(done), SOLD_AT_ONCE_MAX):
        async with context.database.as_system() as db:
            await catalog.sell_stock(db, *done[first : first + SOLD_AT_ONCE_MAX], now=now)
    for sale_id in left:
        async with context.database.as_system() as db:
            row = await sales.sale(db, sale_id, lock=True)
            if row is not None and row.state == "paid":
                await _pay(db, sale_id, now)
            elif row is None or row.method == "cash" or row.state in {"expired", "cancelled"}:
                await catalog.release_stock(db, sale_id, now=now)


async def _pay(db: AsyncSession, sale_id: UUID, now: datetime) -> bool:
    """Never undone by the goods: the money came, so a wrong count is told and the sale stands."""
    try:
        return await catalog.pay_stock(db, sale_id, now=now)
    except catalog.OutOfStock as missing:
        log.error("a paid sale has no goods", sale=str(sale_id), goods=missing.product_id)
        return False
