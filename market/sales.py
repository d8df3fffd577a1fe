"""Sales: what a basket is, its legal content, and the queries of the till."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.errors import AmountOutOfRange, LinesDoNotAddUp, NotFound
from market.refund_tables import RefundHourRow
from market.tables import HallRow, SaleLineRow, SaleRow, StallRow, VendorRow

AMOUNT_VND_MAX = 499_999_999
"""One NAPAS 247 transfer must stay below 500 million đồng."""
LINES_MAX = 100
ROUNDING_VND_MAX = 1_000
"""A weighed line may be rounded by the stall's setting, to 1,000 đ at most."""
CASHLESS = ("vietqr", "stand", "vnpay", "stripe")


@dataclass(frozen=True, slots=True)
class SaleLine:
    """Goods, quantity and price as sold."""

    name: str
    unit: str
    quantity: Decimal
    unit_price_vnd: int
    amount_vnd: int
    product_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class OpenSale:
    """A till asks for a sale. The id was made there, before it was sent."""

    sale_id: UUID
    stall_id: UUID
    amount_vnd: int
    method: Literal["vietqr", "cash", "vnpay", "stripe"]
    lines: tuple[SaleLine, ...]
    sold_at: datetime

    def checked(self) -> "OpenSale":
        """Itself, if a sale may be so.

        Raises: AmountOutOfRange, LinesDoNotAddUp.
        """
        if not 0 < self.amount_vnd <= AMOUNT_VND_MAX:
            raise AmountOutOfRange(self.amount_vnd)
        total_vnd = sum(line.amount_vnd for line in self.lines)
        if self.lines and (total_vnd != self.amount_vnd or not all(map(_is_right, self.lines))):
            raise LinesDoNotAddUp(self.amount_vnd, total_vnd)
        return self

    def digest(self) -> bytes:
        """SHA-256 over the content, so that an id used again for something else is told apart."""
        content = {
            "stall": str(self.stall_id),
            "amount": self.amount_vnd,
            "method": self.method,
            "lines": [
                [line.name, line.unit, str(line.quantity.normalize()), line.unit_price_vnd,
                 line.amount_vnd]
                for line in self.lines
            ],
        }  # fmt: skip
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).digest()


def _is_right(line: SaleLine) -> bool:
    if line.quantity <= 0 or line.unit_price_vnd < 0 or line.amount_vnd <= 0:
        return False
    exact = line.quantity * line.unit_price_vnd
    return abs(exact - line.amount_vnd) <= ROUNDING_VND_MAX


def line_vnd(quantity: Decimal, unit_price_vnd: int, round_vnd: int) -> int:
    """What a line costs, rounded half up to the stall's rounding."""
    steps = (quantity * unit_price_vnd / round_vnd).quantize(Decimal(1), ROUND_HALF_UP)
    return int(steps) * round_vnd


@dataclass(frozen=True, slots=True)
class StallPlace:
    """A stall with what a screen says about it."""

    id: UUID
    code: str
    hall_id: UUID
    hall_name: str
    unit_id: UUID
    vendor_id: UUID | None
    vendor_name: str
    trade: str
    status: str
    invoice_mode: str
    round_vnd: int


async def stall_place(db: AsyncSession, stall_id: UUID) -> StallPlace:
    """One stall and its hall.

    Raises: NotFound.
    """
    found = await db.exec(
        select(StallRow, HallRow, VendorRow)
        .join(HallRow, col(HallRow.id) == StallRow.hall_id)
        .join(VendorRow, col(VendorRow.id) == StallRow.vendor_id, isouter=True)
        .where(StallRow.id == stall_id)
    )
    row = found.one_or_none()
    if row is None:
        raise NotFound("stall", stall_id)
    stall, hall, vendor = row
    return StallPlace(
        id=stall.id, code=stall.code, hall_id=hall.id, hall_name=hall.name, unit_id=hall.unit_id,
        vendor_id=stall.vendor_id, vendor_name=vendor.name if vendor else "", trade=stall.trade,
        status=stall.status, invoice_mode=stall.invoice_mode, round_vnd=stall.round_vnd,
    )  # fmt: skip


async def sale(db: AsyncSession, sale_id: UUID, *, lock: bool = False) -> SaleRow | None:
    """A sale's row, locked if asked for."""
    query = select(SaleRow).where(SaleRow.id == sale_id)
    return (await db.exec(query.with_for_update() if lock else query)).one_or_none()


async def point_to(db: AsyncSession, sale_ids: Collection[UUID], invoice_id: UUID) -> None:
    """These sales have this invoice from now on."""
    for row in await locked(db, list(sale_ids)):
        row.invoice_id = invoice_id
        db.add(row)
    await db.flush()


async def locked(db: AsyncSession, sale_ids: Sequence[UUID]) -> Sequence[SaleRow]:
    """The rows of these sales as far as they exist, locked in the order of their ids."""
    if not sale_ids:
        return []
    rows = await db.exec(
        select(SaleRow)
        .where(SaleRow.id == func.any(bindparam("ids", list(sale_ids), ARRAY(Uuid))))
        .order_by(col(SaleRow.id))
        .with_for_update()
    )
    return rows.all()


async def lines_of(db: AsyncSession, sale_id: UUID) -> list[SaleLine]:
    """The lines of a sale, in order; empty where only an amount was keyed."""
    return (await lines_of_all(db, [sale_id])).get(sale_id, [])


async def lines_of_all(db: AsyncSession, sale_ids: Sequence[UUID]) -> dict[UUID, list[SaleLine]]:
    """As `lines_of`, for many; a sale of which only an amount was keyed is not there."""
    rows = await db.exec(
        select(SaleLineRow)
        .where(col(SaleLineRow.sale_id).in_(sale_ids))
        .order_by(col(SaleLineRow.sale_id), col(SaleLineRow.line_index))
    )
    found: dict[UUID, list[SaleLine]] = {}
    for row in rows:
        line = SaleLine(
            name=row.name, unit=row.unit, quantity=row.quantity, amount_vnd=row.amount_vnd,
            unit_price_vnd=row.unit_price_vnd, product_id=row.product_id,
        )  # fmt: skip
        found.setdefault(row.sale_id, []).append(line)
    return found


async def sales_between(
    db: AsyncSession, stall_id: UUID, start: datetime, end: datetime, limit: int = 200
) -> Sequence[SaleRow]:
    """A stall's sales, newest first."""
    rows = await db.exec(
        select(SaleRow)
        .where(SaleRow.stall_id == stall_id, SaleRow.sold_at >= start, SaleRow.sold_at < end)
        .order_by(col(SaleRow.sold_at).desc())
        .limit(limit)
    )
    return rows.all()


@dataclass(frozen=True, slots=True)
class Takings:
    """What a stall took in a time."""

    cashless_count: int
    cashless_vnd: int
    cash_count: int
    cash_vnd: int
    open_count: int
    refund_count: int = 0
    refund_vnd: int = 0
    """What went back to buyers in that time, whenever it was sold."""

    @property
    def kept_vnd(self) -> int:
        """What came, cash too, less what went back; negative where more went back."""
        return self.cashless_vnd + self.cash_vnd - self.refund_vnd


async def takings(db: AsyncSession, stall_id: UUID, start: datetime, end: datetime) -> Takings:
    """Paid sales of a stall by kind, how many still wait for money, and what went back."""
    rows = await db.exec(
        select(SaleRow.method, SaleRow.state, func.count(), func.sum(SaleRow.amount_vnd))
        .where(SaleRow.stall_id == stall_id, SaleRow.sold_at >= start, SaleRow.sold_at < end)
        .group_by(SaleRow.method, SaleRow.state)
    )
    counts = {"cashless": 0, "cash": 0, "open": 0}
    sums = {"cashless": 0, "cash": 0}
    for method, state, count, vnd in rows:
        if state in {"open", "partial"}:
            counts["open"] += count
        elif state == "paid":
            kind = "cash" if method == "cash" else "cashless"
            counts[kind] += count
            sums[kind] += int(vnd)
    back = await db.exec(
        select(func.sum(RefundHourRow.refund_count), func.sum(RefundHourRow.refund_vnd)).where(
            RefundHourRow.stall_id == stall_id,
            RefundHourRow.hour >= start,
            RefundHourRow.hour < end,
        )
    )
    refund_count, refund_vnd = back.one()
    return Takings(
        counts["cashless"], sums["cashless"], counts["cash"], sums["cash"], counts["open"],
        int(refund_count or 0), int(refund_vnd or 0),
    )  # fmt: skip
