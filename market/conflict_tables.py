"""The rows of what two notices say differently of one movement of money."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Text, text
from sqlmodel import Field

from market.tables import INSTANT, Base


class ReceiptConflictRow(Base, table=True):
    """The same transaction told again with other content: the first stands, a person looks."""

    __tablename__ = "receipt_conflict"
    __table_args__ = (
        Index("ix_receipt_conflict_owner_id", "owner_id", "told_at"),
        Index("ix_receipt_conflict_unseen", "told_at", postgresql_where=text("seen_at IS NULL")),
    )
    id: UUID = Field(primary_key=True)
    receipt_id: UUID
    """Of what was told first, and is in the books."""
    owner_id: UUID | None = None
    gateway: str = Field(sa_type=Text)
    """Who told it the second time."""
    first_vnd: int = Field(sa_type=BigInteger)
    told_vnd: int = Field(sa_type=BigInteger)
    memo: str = Field(default="", sa_type=Text)
    """As told the second time."""
    occurred_at: datetime = Field(sa_type=INSTANT)
    told_at: datetime = Field(sa_type=INSTANT)
    seen_at: datetime | None = Field(default=None, sa_type=INSTANT)
    seen_by: UUID | None = None
