"""What invoices take from the platform: sales with their vendors, stalls and goods, many at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from market import sales
from market.errors import InvoiceNotPossible, NotFound, SaleNotPaid
from market.tables import HallRow, SaleRow, StallRow, UnitRow, VendorRow

Refusal = NotFound | SaleNotPaid | InvoiceNotPossible
"""Why a sale cannot be invoiced, whoever asks."""


@dataclass(frozen=True)
class Facts:
    """What one invoice takes from the platform."""

    sale: SaleRow
    vendor: VendorRow
    seller: einvoice.Seller
    lines: tuple[einvoice.Line, ...]


async def facts_of(db: AsyncSession, sale_ids: Sequence[UUID]) -> dict[UUID, Facts | Refusal]:
    """The facts of each sale, or why there are none; the sales are locked in the order of ids."""
    found = {one.id: one for one in await sales.locked(db, sale_ids)}
    paid = [one for one in found.values() if one.state == "paid"]
    places = await _places(db, {one.stall_id for one in paid})
    vendors = await _vendors(db, {one.vendor_id for one in paid})
    sold = await sales.lines_of_all(db, [one.id for one in paid])
    told: dict[UUID, Facts | Refusal] = {}
    for sale_id in sale_ids:
        sale = found.get(sale_id)
        if sale is None:
            told[sale_id] = NotFound("sale", sale_id)
        elif sale.state != "paid":
            told[sale_id] = SaleNotPaid(sale_id, sale.state)
        elif not vendors[sale.vendor_id].tax_id:
            told[sale_id] = InvoiceNotPossible(sale_id, "no_tax_id")
        else:
            told[sale_id] = _facts(
                sale, vendors[sale.vendor_id], places[sale.stall_id], sold.get(sale_id, ())
            )
    return told


@dataclass(frozen=True)
class _Place:
    address: str
    trade: str


async def _places(db: AsyncSession, stall_ids: set[UUID]) -> dict[UUID, _Place]:
    found = await db.exec(
        select(StallRow, HallRow, UnitRow)
        .join(HallRow, col(HallRow.id) == StallRow.hall_id)
        .join(UnitRow, col(UnitRow.id) == HallRow.unit_id)
        .where(col(StallRow.id).in_(stall_ids))
    )
    return {
        stall.id: _Place(
            f"Sạp {stall.code}, {hall.name}, Phường {unit.name}, Tỉnh Thanh Hóa", stall.trade
        )
        for stall, hall, unit in found
    }


async def _vendors(db: AsyncSession, vendor_ids: set[UUID]) -> dict[UUID, VendorRow]:
    found = await db.exec(select(VendorRow).where(col(VendorRow.id).in_(vendor_ids)))
    return {one.id: one for one in found}


def _facts(
    sale: SaleRow, vendor: VendorRow, place: _Place, sold: Sequence[sales.SaleLine]
) -> Facts:
    seller = einvoice.Seller(
        name=vendor.name, tax_id=vendor.tax_id, address=vendor.address or place.address
    )
    lines = tuple(_line(one) for one in sold)
    if not lines:
        name = (place.trade or "Hàng hóa").capitalize()
        lines = (einvoice.line(name, 1, sale.amount_vnd, unit="lần"),)
    return Facts(sale, vendor, seller, lines)


def _line(sold: sales.SaleLine) -> einvoice.Line:
    """A line as sold; where its total was rounded, the unit price follows the total."""
    price = Decimal(sold.unit_price_vnd)
    if einvoice.line_amount_vnd(sold.quantity, price) != sold.amount_vnd:
        price = (sold.amount_vnd / sold.quantity).quantize(Decimal("0.000001"))
    return einvoice.line(sold.name, sold.quantity, price, unit=sold.unit)
