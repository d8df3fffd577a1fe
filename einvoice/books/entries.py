"""Writing into the books by hand: costs, goods bought, sales outside the till."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from einvoice import rules
from einvoice.books.tables import BookEntryRow
from einvoice.errors import BookEntryInvalid, BookEntryNotFound
from einvoice.invoice import cleaned

AMOUNT_VND_MAX = 100_000_000_000
QUANTITY_MAX = Decimal(10_000_000)
THOUSANDTH = Decimal("0.001")
TEXT_LENGTH_MAX = 200
ENTRY_COUNT_MAX = 50_000
"""Of one owner in one year; more is not kept by hand."""


class EntryKind(StrEnum):
    """What an entry is."""

    COST = "cost"
    GOODS = "goods"
    """Goods bought; with a name, unit and quantity they are kept in S2d."""
    PLATFORM_SALE = "platform_sale"
    OTHER_SALE = "other_sale"

    @property
    def is_sale(self) -> bool:
        """Whether it is revenue."""
        return self in {EntryKind.PLATFORM_SALE, EntryKind.OTHER_SALE}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line written by hand. `id` is the idempotency key."""

    id: UUID
    owner_id: UUID
    kind: EntryKind
    on: date
    text: str
    amount_vnd: int
    is_cash: bool = True
    document: str = ""
    goods: str = ""
    unit: str = ""
    quantity: Decimal | None = None

    @property
    def is_deductible(self) -> bool:
        """Whether a cost counts by profit: a large one needs a document and no cash.

        Source: Decree 68/2026, Art. 6.
        """
        least = rules.amount("noncash_cost_vnd_min", self.on)
        return self.amount_vnd < least or (bool(self.document) and not self.is_cash)


async def write_entry(db: AsyncSession, entry: Entry, *, today: date, now: datetime) -> Entry:
    """Store it; the same again changes nothing.

    Raises: BookEntryInvalid.
    """
    entry = _checked(entry, today)
    row = await db.get(BookEntryRow, entry.id)
    if row is not None:
        if _value(row) != entry:
            raise BookEntryInvalid("id", "it names another entry")
        return entry
    values = {name: getattr(entry, name) for name in Entry.__dataclass_fields__}
    db.add(BookEntryRow(**(values | {"kind": entry.kind.value, "recorded_at": now})))
    await db.flush()
    return entry


async def strike_entry(db: AsyncSession, owner_id: UUID, entry_id: UUID, *, now: datetime) -> None:
    """Take an entry out of the books; it stays in the database. Twice is once.

    Raises: BookEntryNotFound.
    """
    row = await db.get(BookEntryRow, entry_id, with_for_update=True)
    if row is None or row.owner_id != owner_id:
        raise BookEntryNotFound(entry_id)
    if row.struck_at is None:
        row.struck_at = now
        db.add(row)
        await db.flush()


async def entries_of(db: AsyncSession, owner_id: UUID, since: date, until: date) -> Sequence[Entry]:
    """What stands in the books of both days and all between, in order of days."""
    rows = await db.exec(
        select(BookEntryRow)
        .where(
            BookEntryRow.owner_id == owner_id,
            BookEntryRow.on >= since,
            BookEntryRow.on <= until,
            col(BookEntryRow.struck_at).is_(None),
        )
        .order_by(col(BookEntryRow.on), col(BookEntryRow.recorded_at), col(BookEntryRow.id))
        .limit(ENTRY_COUNT_MAX)
    )
    return [_value(row) for row in rows]


def _checked(entry: Entry, today: date) -> Entry:
    texts = {name: cleaned(getattr(entry, name)) for name in ("text", "document", "goods", "unit")}
    if not texts["text"]:
        raise BookEntryInvalid("text", "it must be filled")
    if any(len(text) > TEXT_LENGTH_MAX for text in texts.values()):
        raise BookEntryInvalid("text", f"at most {TEXT_LENGTH_MAX} characters")
    if not 0 < entry.amount_vnd <= AMOUNT_VND_MAX:
        raise BookEntryInvalid("amount_vnd", f"1 to {AMOUNT_VND_MAX} đồng")
    if entry.on > today or entry.on.year < today.year - 1:
        raise BookEntryInvalid("on", "a day of this year or the last, not later than today")
    if (entry.quantity is None) != (texts["goods"] == ""):
        raise BookEntryInvalid("quantity", "goods need a quantity, a quantity needs goods")
    quantity = entry.quantity
    if quantity is not None:
        if not quantity.is_finite() or not THOUSANDTH <= quantity <= QUANTITY_MAX:
            raise BookEntryInvalid("quantity", f"{THOUSANDTH} to {QUANTITY_MAX}")
        quantity = quantity.quantize(THOUSANDTH)
    return replace(
        entry,
        text=texts["text"],
        document=texts["document"],
        goods=texts["goods"],
        unit=texts["unit"],
        quantity=quantity,
    )


def _value(row: BookEntryRow) -> Entry:
    values = {name: getattr(row, name) for name in Entry.__dataclass_fields__}
    return Entry(**(values | {"kind": EntryKind(row.kind)}))
