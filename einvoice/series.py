"""Numbers without gaps: the row of a series stays locked until the transaction that took one ends.

A killed or refused transaction gives its numbers back, because the counter is rolled back with it.
Tills that must go on without a network get letters (so a series) and ranges of codes of their own.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice.errors import NumberOutOfTurn, SellerOfAnother, SeriesExhausted
from einvoice.identifiers import CODE_SERIAL_MAX, NUMBER_MAX, till_letters

RANGE_MAX = 100_000
"""Codes a till may keep for itself at once: years of a stall, and far from the end of the eleven digits."""

# Locks one row of the series until the end of the transaction. Always before the code counter.
_NEXT_NUMBER = text(
    "INSERT INTO einvoice.series AS s (tax_id, template, symbol, owner_id, last_number)"
    " VALUES (:tax_id, :template, :symbol, :owner_id, :count)"
    " ON CONFLICT (tax_id, template, symbol) DO UPDATE SET last_number = s.last_number + :count"
    " WHERE s.owner_id = EXCLUDED.owner_id AND s.last_number <= :number_max - :count"
    " RETURNING last_number"
)
_NEXT_SERIAL = text(
    "INSERT INTO einvoice.code_counter AS c (prefix, owner_id, last_serial)"
    " VALUES (:prefix, :owner_id, :count)"
    " ON CONFLICT (prefix) DO UPDATE SET last_serial = c.last_serial + :count"
    " WHERE c.owner_id = EXCLUDED.owner_id AND c.last_serial <= :serial_max - :count"
    " RETURNING last_serial"
)
_OWNER = text(
    "SELECT owner_id FROM einvoice.series"
    " WHERE tax_id = :tax_id AND template = :template AND symbol = :symbol"
)


@dataclass(frozen=True)
class CodeRange:
    """Serials a till hands out by itself, both ends in it."""

    prefix: str
    first_serial: int
    last_serial: int


async def next_number(
    db: AsyncSession,
    owner_id: UUID,
    tax_id: str,
    template: int,
    symbol: str,
    count: int = 1,
    expected: int | None = None,
) -> int:
    """The first of the next `count` numbers of a series; others wait until this transaction ends.

    With `expected` (a till gave the number by itself) that one or none.
    Raises: SeriesExhausted after 99,999,999, SellerOfAnother, NumberOutOfTurn.
    """
    keys = {"tax_id": tax_id, "template": template, "symbol": symbol}
    connection = await db.connection()
    values = {**keys, "owner_id": owner_id, "number_max": NUMBER_MAX, "count": count}
    last = (await connection.execute(_NEXT_NUMBER, values)).scalar()
    if last is None:
        if (await connection.execute(_OWNER, keys)).scalar() != owner_id:
            raise SellerOfAnother(tax_id)
        raise SeriesExhausted(f"{template}{symbol}")
    first = int(last) - count + 1
    if expected is not None and expected != first:
        raise NumberOutOfTurn(f"{template}{symbol}", given=expected, expected=first)
    return first


async def next_serial(db: AsyncSession, owner_id: UUID, prefix: str, count: int = 1) -> int:
    """The first of the next `count` of the eleven digits behind a code prefix.

    Raises: SeriesExhausted, also where the prefix is counted by another owner.
    """
    values = {
        "prefix": prefix,
        "owner_id": owner_id,
        "serial_max": CODE_SERIAL_MAX,
        "count": count,
    }
    last = (await (await db.connection()).execute(_NEXT_SERIAL, values)).scalar()
    if last is None:
        raise SeriesExhausted(prefix)
    return int(last) - count + 1


# ── Tills without a network ─────────────────────────────────────────────────────────────────────


async def letters_of_till(db: AsyncSession, owner_id: UUID, tax_id: str, till_id: UUID) -> str:
    """The letters of this till's own series; given at the first call, nobody else's ever.

    Raises: SeriesExhausted where the 398 pairs are given, SellerOfAnother.
    """
    connection = await db.connection()
    await connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 4004))"),
        {"key": f"einvoice.till/{tax_id}"},
    )  # one till of a seller at a time
    rows = await connection.execute(
        text("SELECT till_id, letters, owner_id FROM einvoice.till WHERE tax_id = :tax_id"),
        {"tax_id": tax_id},
    )
    given = {row.till_id: row for row in rows}
    if any(row.owner_id != owner_id for row in given.values()):
        raise SellerOfAnother(tax_id)
    if till_id in given:
        return str(given[till_id].letters)
    taken = {row.letters for row in given.values()}
    free = next((pair for pair in till_letters() if pair not in taken), None)
    if free is None:
        raise SeriesExhausted(f"letters of {tax_id}")
    await connection.execute(
        text(
            "INSERT INTO einvoice.till (tax_id, letters, owner_id, till_id)"
            " VALUES (:tax_id, :letters, :owner_id, :till_id)"
        ),
        {"tax_id": tax_id, "letters": free, "owner_id": owner_id, "till_id": till_id},
    )
    return free


async def reserve_codes(
    db: AsyncSession, owner_id: UUID, prefix: str, till_id: UUID, count: int, *, now: datetime
) -> CodeRange:
    """A range of codes for this till alone: what the counter gave here it gives to nobody again.

    Raises: SeriesExhausted.
    """
    assert 1 <= count <= RANGE_MAX
    first = await next_serial(db, owner_id, prefix, count)
    await (await db.connection()).execute(
        text(
            "INSERT INTO einvoice.code_range"
            " (prefix, first_serial, last_serial, owner_id, till_id, reserved_at)"
            " VALUES (:prefix, :first, :last, :owner_id, :till_id, :now)"
        ),
        {
            "prefix": prefix,
            "first": first,
            "last": first + count - 1,
            "owner_id": owner_id,
            "till_id": till_id,
            "now": now,
        },
    )
    return CodeRange(prefix, first, first + count - 1)


async def ranges_of_till(db: AsyncSession, prefix: str, till_id: UUID) -> list[CodeRange]:
    """The ranges this till keeps behind a prefix, in their order."""
    found = await (await db.connection()).execute(
        text(
            "SELECT first_serial, last_serial FROM einvoice.code_range"
            " WHERE prefix = :prefix AND till_id = :till_id ORDER BY first_serial"
        ),
        {"prefix": prefix, "till_id": till_id},
    )
    return [CodeRange(prefix, row.first_serial, row.last_serial) for row in found]


async def last_number(db: AsyncSession, tax_id: str, template: int, symbol: str) -> int:
    """The last number given in a series, 0 before the first. Nothing is locked."""
    found = await (await db.connection()).execute(
        text(
            "SELECT last_number FROM einvoice.series"
            " WHERE tax_id = :tax_id AND template = :template AND symbol = :symbol"
        ),
        {"tax_id": tax_id, "template": template, "symbol": symbol},
    )
    return int(found.scalar() or 0)


async def pass_over(
    db: AsyncSession, owner_id: UUID, tax_id: str, template: int, symbol: str, number: int
) -> None:
    """Count a number of a till that becomes no invoice, so that those after it have their turn.

    Continuity is not possible where a buyer saw a number and its sale was refused; then numbers have
    to rise with time and to be used once (Decree 254/2026, Annex 2). The caller keeps why.
    Raises: NumberOutOfTurn where one before it is not here yet.
    """
    await next_number(db, owner_id, tax_id, template, symbol, expected=number)


async def own_serial(db: AsyncSession, prefix: str, till_id: UUID, serial: int) -> int:
    """The serial a till gave by itself, if it lies in a range of its own. Raises: NumberOutOfTurn."""
    ranges = await ranges_of_till(db, prefix, till_id)
    if not any(one.first_serial <= serial <= one.last_serial for one in ranges):
        expected = ranges[-1].first_serial if ranges else 0
        raise NumberOutOfTurn(prefix, given=serial, expected=expected)
    return serial
