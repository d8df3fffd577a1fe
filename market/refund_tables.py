"""The rows of what went back to buyers, beside what came."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from market.tables import INSTANT, Base, _ref


class RefundHourRow(Base, table=True):
    """What one stall gave back in one hour, by the way the money had come: beside `takings_hour`.

    A refund is of the hour it was made in, whenever the sale was: closed periods stay as they were.
    """

    __tablename__ = "refund_hour"
    __table_args__ = (
        CheckConstraint("refund_vnd >= 0 AND reversed_count <= refund_count", name="sums"),
    )
    stall_id: UUID = Field(primary_key=True, sa_column_args=(_ref("stall"),))
    hour: datetime = Field(primary_key=True, sa_type=INSTANT)
    method: str = Field(primary_key=True, sa_type=Text)
    refund_count: int = 0
    refund_vnd: int = Field(default=0, sa_type=BigInteger)
    reversed_count: int = 0
    """Sales of which the last đồng went back with one of these."""


class RefundGoodsRow(Base, table=True):
    """What the buyer brought back with a refund, by the lines of its sale: the invoice follows it."""

    __tablename__ = "refund_goods"
    refund_id: UUID = Field(primary_key=True)
    vendor_id: UUID
    sale_id: UUID = Field(index=True)
    pieces: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    """How much of each line, by its place in the sale."""
