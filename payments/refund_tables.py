"""The rows of refunds that are under way. They stay inside this package."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, text
from sqlmodel import Field

from payments.tables import INSTANT, Base, _one_of


class RefundLimitRow(Base, table=True):
    """How much of one transfer is given back or asked to be: never more than it moved."""

    __tablename__ = "refund_limit"
    __table_args__ = (
        CheckConstraint("asked_vnd BETWEEN 0 AND amount_vnd", name="asked_vnd"),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
    )
    original_id: UUID = Field(primary_key=True)
    owner_id: UUID = Field(primary_key=True)
    amount_vnd: int = Field(sa_type=BigInteger)
    asked_vnd: int = Field(sa_type=BigInteger)
    """Of every refund that was not refused."""


class RefundRequestRow(Base, table=True):
    """A refund from the moment it is asked for; what was given back in the end, the ledger says."""

    __tablename__ = "refund_request"
    __table_args__ = (
        _one_of("road", "acquired", "direct", "cash", "dispute"),
        _one_of("state", "asked", "unknown", "sent", "done", "refused"),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        CheckConstraint("(state IN ('done', 'refused')) = (ended_at IS NOT NULL)", name="ended_at"),
        CheckConstraint("state <> 'done' OR confirmed_at IS NOT NULL", name="confirmed_at"),
        Index("ix_refund_request_payment_id", "payment_id"),
        Index("ix_refund_request_receipt_id", "receipt_id"),
        Index("ix_refund_request_owner_id_asked_at", "owner_id", "asked_at"),
        Index(
            "uq_refund_request_code",
            "owner_id",
            "code",
            unique=True,
            postgresql_where=text("code <> ''"),
        ),
        Index(
            "ix_refund_request_open",
            "gateway",
            "ask_from",
            postgresql_where=text("state IN ('asked', 'unknown', 'sent')"),
        ),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    place_id: UUID | None = None
    payment_id: UUID | None = None
    receipt_id: UUID
    """The money that came and goes back."""
    original_id: UUID
    """The transfer that the ledger takes back."""
    is_held: bool = False
    """The money never became takings: it goes back out of suspense, where a person put it for that."""
    road: str = Field(sa_type=Text)
    gateway: str = Field(sa_type=Text)
    """Who reported the money."""
    provider_ref: str = Field(default="", sa_type=Text)
    """What the acquirer knows the payment by: TxnRef at VNPAY, Stripe's PaymentIntent."""
    provider_no: str = Field(default="", sa_type=Text)
    """The acquirer's own number of the payment."""
    captured_vnd: int = Field(sa_type=BigInteger)
    """What the acquirer took, or the bank booked."""
    amount_vnd: int = Field(sa_type=BigInteger)
    reason: str = Field(default="", sa_type=Text)
    asked_by: UUID | None = None
    state: str = Field(default="asked", sa_type=Text)
    code: str = Field(default="", sa_type=Text)
    """Stands in the memo of a guided transfer."""
    to_bank_bin: str = Field(default="", sa_type=Text)
    to_account_no: str = Field(default="", sa_type=Text)
    to_name: str = Field(default="", sa_type=Text)
    refund_no: str = Field(default="", sa_type=Text)
    """The acquirer's number of the refund, or the bank's of the transfer."""
    detail: str = Field(default="", sa_type=Text)
    """The acquirer's last word, in its own codes."""
    problem: str = Field(default="", sa_type=Text)
    """Why a person has to look; empty if nobody has."""
    asked_at: datetime = Field(sa_type=INSTANT)
    sent_at: datetime | None = Field(default=None, sa_type=INSTANT)
    confirmed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When we learnt that the money went back; the ledger follows."""
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
    ask_from: datetime = Field(sa_type=INSTANT)
    asked_count: int = Field(default=0)
