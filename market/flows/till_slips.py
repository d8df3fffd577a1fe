"""The slip a till without a network shows: whose it is, and where its invoice stands before there is one.

Its lookup code begins with six letters that are this till's alone; the till draws the other ten. So
the page behind the code knows the stall before the till has told anything.
"""

import secrets
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import einvoice
from einvoice.errors import CodeInvalid
from einvoice.identifiers import checked_lookup_code
from market import places
from market.tables import VendorRow
from market.till_tables import TillNumberRow, TillSlipRow

PREFIX_LENGTH = 6
"""30 bits: enough for all tills; the 50 that follow are not to be guessed."""
UNTOLD, WAITS, PASSED = "untold", "waits", "passed"


@dataclass(frozen=True, kw_only=True)
class Slip:
    """A slip whose invoice is not there."""

    state: str
    """“untold”: the till has had no line since; “waits” for its turn; “passed”: it becomes none."""
    stall_code: str
    hall_name: str
    seller_name: str
    name: str = ""
    """Template, symbol and number; empty until the till told them."""
    code: str = ""


async def prefix_of(db: AsyncSession, till_id: UUID, stall_id: UUID, vendor_id: UUID) -> str:
    """With which letters this till's lookup codes begin; given once, nobody else's."""
    while True:
        before = await db.get(TillSlipRow, till_id, populate_existing=True)
        if before is not None:
            return before.prefix
        drawn = einvoice.lookup_code(secrets.token_bytes(10))[:PREFIX_LENGTH]
        await (await db.connection()).execute(
            insert(TillSlipRow)
            .values(till_id=till_id, stall_id=stall_id, vendor_id=vendor_id, prefix=drawn)
            .on_conflict_do_nothing()
        )


async def checked(db: AsyncSession, till_id: UUID, code: str) -> str | None:
    """The lookup code a till made, or none. Raises: CodeInvalid for one that is not this till's."""
    if not code:
        return None
    till = await db.get(TillSlipRow, till_id)
    if till is None or not checked_lookup_code(code).startswith(till.prefix):
        raise CodeInvalid("lookup code", code)
    return code


async def slip_of(db: AsyncSession, code: str) -> Slip | None:
    """What is known of a slip no invoice has come of yet; None for a code of no till."""
    try:
        prefix = checked_lookup_code(code)[:PREFIX_LENGTH]
    except CodeInvalid:
        return None
    till = (await db.exec(select(TillSlipRow).where(TillSlipRow.prefix == prefix))).one_or_none()
    if till is None:
        return None
    told = (
        await db.exec(select(TillNumberRow).where(col(TillNumberRow.lookup_code) == code))
    ).one_or_none()
    stall = await places.stall(db, till.stall_id)
    hall = await places.hall(db, stall.hall_id)
    vendor = await db.get(VendorRow, till.vendor_id)
    state = UNTOLD if told is None else PASSED if told.passed_at else WAITS
    return Slip(
        state=state,
        stall_code=stall.code,
        hall_name=hall.name,
        seller_name=vendor.name if vendor else "",
        name=f"{einvoice.SALES_INVOICE}{told.symbol} {told.number}" if told else "",
        code=told.code if told else "",
    )
