"""What a till keeps for the time without a network: its series, the next number, a range of codes.

The till numbers by itself and hands the numbers in later (`issuance.issue` with an `OwnNumber`). Only
the till writes into its series: corrections of its invoices take numbers of the seller's main one.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import registration, series
from einvoice.delegation import APPENDIX, Delegation
from einvoice.forms import Form
from einvoice.identifiers import cash_register_code, code_prefix
from einvoice.invoice import SALES_INVOICE
from einvoice.numbering import symbol_for
from einvoice.series import CodeRange

MAIN_LETTERS = "AA"
"""Of the series no till numbers in by itself."""


@dataclass(frozen=True)
class TillNumbers:
    """What a till may hand out: from `next_number` and `next_serial` on, until `codes` ends."""

    template: int
    symbol: str
    """Its second and third character are the year these numbers are good for."""
    next_number: int
    codes: CodeRange
    next_serial: int


async def numbers_of_till(
    db: AsyncSession,
    owner_id: UUID,
    tax_id: str,
    till_id: UUID,
    *,
    after: int,
    count: int,
    on: date,
    now: datetime,
    delegate: Delegation | None = None,
) -> TillNumbers:
    """The till's next range of codes behind serial `after`; asked again, the same range.

    With `delegate` (an appendix for this till's letters) they are those of who issues for the seller.

    `after` is the last serial of the newest range the till holds, 0 if it holds none. A range of
    which all codes were handed in is passed over.
    Raises: SellerNotRegistered, FormNotRegistered, SellerOfAnother, SeriesExhausted.
    """
    counted_by, issuer = owner_id, tax_id
    if delegate is not None:
        counted_by, issuer = delegate.delegate_owner_id, delegate.delegate_tax_id
    given = await registration.accepted_prefix(db, counted_by, issuer, Form.AT_TILL)
    letters = await series.letters_of_till(db, owner_id, tax_id, till_id)
    symbol = symbol_for(Form.AT_TILL, SALES_INVOICE, letters, on)
    prefix = code_prefix(SALES_INVOICE, on, given)
    for codes in await series.ranges_of_till(db, prefix, till_id):
        used = await _last_used(db, codes)
        if codes.first_serial > after and used < codes.last_serial:
            break
    else:
        codes = await series.reserve_codes(db, counted_by, prefix, till_id, count, now=now)
        used = codes.first_serial - 1
    last = await series.last_number(db, tax_id, SALES_INVOICE, symbol)
    return TillNumbers(SALES_INVOICE, symbol, last + 1, codes, used + 1)


async def till_of(db: AsyncSession, till_id: UUID) -> tuple[str, str] | None:
    """The tax id and the letters a till numbers with; None for a till that never asked."""
    found = await (await db.connection()).execute(
        text("SELECT tax_id, letters FROM einvoice.till WHERE till_id = :till_id"),
        {"till_id": till_id},
    )
    row = found.one_or_none()
    return None if row is None else (row.tax_id, row.letters)


async def letters_of_correction(
    db: AsyncSession, tax_id: str, letters: str, delegate_tax_id: str = ""
) -> str:
    """In which series an invoice of this one is corrected: never in one a till numbers by itself."""
    found = await (await db.connection()).execute(
        text("SELECT 1 FROM einvoice.till WHERE tax_id = :tax_id AND letters = :letters"),
        {"tax_id": tax_id, "letters": letters},
    )
    if found.first() is None:
        return letters
    if not delegate_tax_id:
        return MAIN_LETTERS
    of_contract = await (await db.connection()).execute(
        text(
            "SELECT letters FROM einvoice.delegation WHERE tax_id = :tax_id"
            " AND delegate_tax_id = :delegate AND state = 'accepted' AND letters <> :letters"
            " AND NOT starts_with(right(contract_number, 6), :appendix) ORDER BY id DESC LIMIT 1"
        ),
        {
            "tax_id": tax_id,
            "delegate": delegate_tax_id,
            "letters": letters,
            "appendix": APPENDIX,
        },
    )
    return str(of_contract.scalar() or MAIN_LETTERS)


async def _last_used(db: AsyncSession, codes: CodeRange) -> int:
    first, last = (
        cash_register_code(codes.prefix, serial)
        for serial in (codes.first_serial, codes.last_serial)
    )
    found = await (await db.connection()).execute(
        text("SELECT max(code) FROM einvoice.invoice WHERE code BETWEEN :first AND :last"),
        {"first": first, "last": last},
    )
    highest = found.scalar()
    return int(highest[-11:]) if highest else codes.first_serial - 1
