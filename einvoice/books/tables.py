"""What a vendor writes into the books by hand. The rows stay inside this package."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Numeric, Text
from sqlmodel import Field

from einvoice.tables import INSTANT, Base, _one_of


class BookEntryRow(Base, table=True):
    """A cost, a purchase of goods, or a sale that did not go through the till. Struck, never deleted."""

    __tablename__ = "book_entry"
    __table_args__ = (
        _one_of("kind", "cost", "goods", "platform_sale", "other_sale"),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        CheckConstraint("(goods = '') = (quantity IS NULL)", name="goods"),
        CheckConstraint("quantity IS NULL OR quantity > 0", name="quantity"),
        Index("ix_book_entry_owner_id_on", "owner_id", "on"),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    kind: str = Field(sa_type=Text)
    on: date
    document: str = Field(default="", sa_type=Text)
    """Number of the seller's invoice or of the receipt."""
    text: str = Field(sa_type=Text)
    amount_vnd: int = Field(sa_type=BigInteger)
    is_cash: bool
    """How it was paid; costs of five million and more need another way and an invoice."""
    goods: str = Field(default="", sa_type=Text)
    unit: str = Field(default="", sa_type=Text)
    quantity: Decimal | None = Field(default=None, sa_type=Numeric(14, 3))
    recorded_at: datetime = Field(sa_type=INSTANT)
    struck_at: datetime | None = Field(default=None, sa_type=INSTANT)
