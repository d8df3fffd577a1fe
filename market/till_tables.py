"""The rows of invoice numbers that tills gave by themselves while they had no network."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, UniqueConstraint, text, true
from sqlmodel import Field

from market.tables import INSTANT, Base


class TillNumberRow(Base, table=True):
    """One number and code a till showed a buyer; the invoice follows once its sale is paid."""

    __tablename__ = "till_number"
    __table_args__ = (
        CheckConstraint("number BETWEEN 1 AND 99999999", name="number"),
        UniqueConstraint("till_id", "symbol", "number"),
        UniqueConstraint("code"),
        UniqueConstraint("lookup_code"),
        Index("ix_till_number_vendor_id", "vendor_id"),
        Index("ix_till_number_waiting", "till_id", postgresql_where=text("issued_at IS NULL")),
    )
    sale_id: UUID = Field(primary_key=True)
    """The till's own id of the sale, which may come later than this row."""
    vendor_id: UUID
    till_id: UUID
    """As the engine knows it."""
    symbol: str = Field(sa_type=Text)
    number: int = Field(sa_type=BigInteger)
    code: str = Field(sa_type=Text)
    numbered_at: datetime = Field(sa_type=INSTANT)
    """By the till's clock, never later than `told_at`."""
    told_at: datetime = Field(sa_type=INSTANT)
    issued_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When its turn came: it became an invoice, or was passed over."""
    lookup_code: str | None = Field(default=None, sa_type=Text)
    """As the buyer's slip has it; tills that made none yet leave it to the market."""
    passed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When it was told that its sale was refused: this number becomes no invoice, ever."""
    passed_why: str = Field(default="", sa_type=Text, sa_column_kwargs={"server_default": ""})
    """The code of the refusal."""
    was_shown: bool = Field(default=True, sa_column_kwargs={"server_default": true()})
    """Whether the buyer saw it before it was passed over."""


class TillSlipRow(Base, table=True):
    """With which letters the lookup codes begin that a till makes: whose slip it is, before it is told."""

    __tablename__ = "till_slip"
    __table_args__ = (
        CheckConstraint("length(prefix) = 6", name="prefix"),
        UniqueConstraint("prefix"),
    )
    till_id: UUID = Field(primary_key=True)
    """As the engine knows it."""
    stall_id: UUID
    vendor_id: UUID
    prefix: str = Field(sa_type=Text)
