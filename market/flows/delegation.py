"""The operator of a hall issues invoices for its stalls: contract, list to the authority, in force.

Source: Circular 91/2026, Art. 9. The operator is registered itself; each stall signs one contract; the
operator files the list; from the authority's answer on sales of these stalls are invoiced with both
parties named. It must stand at the stall while it holds: `standing_at` is what to show.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from market import clock, ids
from market.errors import InvoiceNotPossible, NotFound
from market.flows.invoice import OFFICE_CODE, OFFICE_NAME, sender_of, signer_of
from market.flows.invoice_issuing import TRANSFER
from market.settings import Settings
from market.tables import HallRow, OperatorRow, StallRow, VendorRow

PLACE = "Thanh Hóa"
PURPOSE = "Lập hóa đơn bán hàng từ máy tính tiền thay cho người bán tại chợ"


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What operator and vendor sign."""

    contract_id: UUID
    vendor_id: UUID
    number: str
    signed_on: date
    valid_from: date
    valid_to: date


@dataclass(frozen=True)
class Posted:
    """A stall for which the hall's operator issues."""

    stall_code: str
    standing: einvoice.Delegation


async def register_operator(
    db: AsyncSession, settings: Settings, operator_id: UUID, address: str, *, now: datetime
) -> None:
    """Write the operator's own registration; the next `send_invoices` sends it.

    Raises: NotFound, InvoiceNotPossible without a tax id, NothingToRegister.
    """
    operator = await _operator(db, operator_id)
    seller = einvoice.Seller(name=operator.name, tax_id=operator.tax_id, address=address)
    await einvoice.register(
        db,
        operator.id,
        einvoice.Registration(
            seller=seller,
            office_name=OFFICE_NAME,
            office_code=OFFICE_CODE,
            contact=operator.name,
            place=PLACE,
            on=clock.local_day(now),
        ),
        message_id=ids.new(),
        sender=sender_of(settings),
        signer=signer_of(settings, operator.tax_id, operator.name, now),
        now=now,
    )


async def agree(
    db: AsyncSession, operator_id: UUID, address: str, agreement: Agreement, *, now: datetime
) -> einvoice.Delegation:
    """Keep a contract the operator and one of its vendors signed; the same again changes nothing.

    Raises: NotFound for a vendor of no stall in the operator's halls, InvoiceNotPossible without tax
    ids, FieldInvalid.
    """
    operator = await _operator(db, operator_id)
    vendor = await db.get(VendorRow, agreement.vendor_id)
    hall = await _hall(db, operator_id, agreement.vendor_id)
    if vendor is None or hall is None:
        raise NotFound("vendor", agreement.vendor_id)
    if not vendor.tax_id:
        raise InvoiceNotPossible(vendor.id, "no_tax_id")
    contract = einvoice.Contract(
        seller=einvoice.Party(
            tax_id=vendor.tax_id,
            name=vendor.name,
            address=vendor.address or hall.address or hall.name,
        ),
        delegate=einvoice.Party(tax_id=operator.tax_id, name=operator.name, address=address),
        number=agreement.number,
        signed_on=agreement.signed_on,
        purpose=PURPOSE,
        payment_form=TRANSFER,
        valid_from=agreement.valid_from,
        valid_to=agreement.valid_to,
    )
    return await einvoice.agree(
        db,
        agreement.contract_id,
        contract,
        owner_id=vendor.id,
        delegate_owner_id=operator.id,
        now=now,
    )


async def file_list(
    db: AsyncSession, settings: Settings, operator_id: UUID, *, now: datetime
) -> list[UUID]:
    """Send every contract the authority has not accepted yet in one list; their ids.

    Raises: NotFound, InvoiceNotPossible, NothingToRegister where there is none.
    """
    operator = await _operator(db, operator_id)
    return await einvoice.file_delegations(
        db,
        operator.tax_id,
        office=einvoice.Office(
            name=OFFICE_NAME, code=OFFICE_CODE, contact=operator.name, place=PLACE
        ),
        message_id=ids.new(),
        sender=sender_of(settings),
        signer=signer_of(settings, operator.tax_id, operator.name, now),
        now=now,
    )


async def standing_at(db: AsyncSession, vendor_id: UUID, on: date) -> list[einvoice.Delegation]:
    """Who issues for this vendor today: to be shown at the stall and on its page, until it ends."""
    held = await einvoice.delegations_of(db, vendor_id, on=on)
    return [one for one in held if one.owner_id == vendor_id and not one.is_of_till]


async def posted_in_hall(db: AsyncSession, hall_id: UUID, on: date) -> list[Posted]:
    """For which stalls of a hall its operator issues that day, by their codes: to be posted there."""
    hall = await db.get(HallRow, hall_id)
    if hall is None or hall.operator_id is None:
        return []
    held = {
        one.owner_id: one
        for one in await einvoice.delegations_of(db, hall.operator_id, on=on)
        if one.delegate_owner_id == hall.operator_id and not one.is_of_till
    }
    query = (
        select(StallRow)
        .where(col(StallRow.hall_id) == hall_id, col(StallRow.vendor_id).in_(held))
        .order_by(col(StallRow.code))
    )
    rows = await db.exec(query)
    return [Posted(one.code, held[one.vendor_id]) for one in rows if one.vendor_id is not None]


async def _operator(db: AsyncSession, operator_id: UUID) -> OperatorRow:
    operator = await db.get(OperatorRow, operator_id)
    if operator is None:
        raise NotFound("operator", operator_id)
    if not operator.tax_id:
        raise InvoiceNotPossible(operator_id, "no_tax_id")
    return operator


async def _hall(db: AsyncSession, operator_id: UUID, vendor_id: UUID) -> HallRow | None:
    query = (
        select(HallRow)
        .join(StallRow, col(StallRow.hall_id) == col(HallRow.id))
        .where(col(HallRow.operator_id) == operator_id, col(StallRow.vendor_id) == vendor_id)
        .limit(1)
    )
    return (await db.exec(query)).first()
