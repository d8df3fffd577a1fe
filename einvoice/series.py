"""Numbers without gaps: the row of a series stays locked until the transaction that took one ends.

A killed or refused transaction gives its number back, because the counter is rolled back with it.
"""

from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice.errors import SellerOfAnother, SeriesExhausted
from einvoice.identifiers import CODE_SERIAL_MAX, NUMBER_MAX

# Locks one row of the series until the end of the transaction. Always before the code counter.
_NEXT_NUMBER = text(
    "INSERT INTO einvoice.series AS s (tax_id, template, symbol, owner_id, last_number)"
    " VALUES (:tax_id, :template, :symbol, :owner_id, 1)"
    " ON CONFLICT (tax_id, template, symbol) DO UPDATE SET last_number = s.last_number + 1"
    " WHERE s.owner_id = EXCLUDED.owner_id AND s.last_number < :number_max"
    " RETURNING last_number"
)
_NEXT_SERIAL = text(
    "INSERT INTO einvoice.code_counter AS c (prefix, owner_id, last_serial)"
    " VALUES (:prefix, :owner_id, 1)"
    " ON CONFLICT (prefix) DO UPDATE SET last_serial = c.last_serial + 1"
    " WHERE c.owner_id = EXCLUDED.owner_id AND c.last_serial < :serial_max"
    " RETURNING last_serial"
)


async def next_number(
    db: AsyncSession, owner_id: UUID, tax_id: str, template: int, symbol: str
) -> int:
    """The next number of a series, from 1; others wait for it until this transaction ends.

    Raises: SeriesExhausted after 99,999,999, SellerOfAnother.
    """
    keys = {"tax_id": tax_id, "template": template, "symbol": symbol}
    connection = await db.connection()
    number = (
        await connection.execute(
            _NEXT_NUMBER, {**keys, "owner_id": owner_id, "number_max": NUMBER_MAX}
        )
    ).scalar()
    if number is None:
        found = await connection.execute(
            text(
                "SELECT owner_id FROM einvoice.series"
                " WHERE tax_id = :tax_id AND template = :template AND symbol = :symbol"
            ),
            keys,
        )
        if found.scalar() != owner_id:
            raise SellerOfAnother(tax_id)
        raise SeriesExhausted(f"{template}{symbol}")
    return int(number)


async def next_serial(db: AsyncSession, owner_id: UUID, prefix: str) -> int:
    """The next of the eleven digits behind a code prefix.

    Raises: SeriesExhausted, also where the prefix is counted by another owner.
    """
    serial = (
        await (await db.connection()).execute(
            _NEXT_SERIAL,
            {"prefix": prefix, "owner_id": owner_id, "serial_max": CODE_SERIAL_MAX},
        )
    ).scalar()
    if serial is None:
        raise SeriesExhausted(prefix)
    return int(serial)
