"""The rows of what integrators are told: endpoints, messages, deliveries, attempts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field

from market.tables import INSTANT, Base


class WebhookEndpointRow(Base, table=True):
    """An integrator's address. Its secrets sign what is sent; its key, kept hashed, pulls."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'parked')", name="state"),
        CheckConstraint("length(key_hash) = 32", name="key_hash"),
        Index("ix_webhook_endpoint_owner_id", "owner_id"),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID | None = None
    """The vendor whose events it hears; None: everybody's, for the platform's own systems."""
    name: str = Field(sa_type=Text)
    url: str = Field(sa_type=Text)
    kinds: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    """Which kinds it hears; empty: all."""
    secret: str = Field(sa_type=Text)
    secret_old: str = Field(default="", sa_type=Text)
    secret_old_until: datetime | None = Field(default=None, sa_type=INSTANT)
    key_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    allow_private: bool = False
    """May lie in a private network, and be plain http: for systems in our own house only."""
    state: str = Field(default="active", sa_type=Text)
    failed_count: int = 0
    """Failed attempts since the last that went well."""
    failing_since: datetime | None = Field(default=None, sa_type=INSTANT)
    parked_at: datetime | None = Field(default=None, sa_type=INSTANT)
    parked_why: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class WebhookMessageRow(Base, table=True):
    """One fact as integrators hear it. The relay alone writes here: positions are commit order."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        UniqueConstraint("position"),
        Index("ix_webhook_message_owner_id", "owner_id", "position"),
        Index("ix_webhook_message_created_at", "created_at"),
    )
    id: UUID = Field(primary_key=True)
    position: int = Field(
        default=None, sa_type=BigInteger, sa_column_args=(Identity(always=True),), nullable=False
    )
    owner_id: UUID | None = None
    subject_id: UUID
    """The payment or the receipt; what is told of one subject arrives in order."""
    kind: str = Field(sa_type=Text)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class WebhookDeliveryRow(Base, table=True):
    """One message for one endpoint, until it was taken or all tries are used up."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_delivery_due", "due_at", postgresql_where=text("state = 'pending'")),
        Index(
            "ix_webhook_delivery_order",
            "endpoint_id",
            "subject_id",
            "position",
            postgresql_where=text("state = 'pending'"),
        ),
    )
    endpoint_id: UUID = Field(
        primary_key=True,
        sa_column_args=(ForeignKey("market.webhook_endpoint.id", ondelete="CASCADE"),),
    )
    message_id: UUID = Field(
        primary_key=True,
        sa_column_args=(ForeignKey("market.webhook_message.id", ondelete="CASCADE"),),
    )
    position: int = Field(sa_type=BigInteger)
    subject_id: UUID
    state: str = Field(default="pending", sa_type=Text)
    attempts: int = 0
    due_at: datetime = Field(sa_type=INSTANT)
    delivered_at: datetime | None = Field(default=None, sa_type=INSTANT)


class WebhookAttemptRow(Base, table=True):
    """One try and its answer: the delivery log. Goes with its message."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (Index("ix_webhook_attempt_endpoint_id", "endpoint_id", "at"),)
    id: UUID = Field(primary_key=True)
    endpoint_id: UUID = Field(
        sa_column_args=(ForeignKey("market.webhook_endpoint.id", ondelete="CASCADE"),)
    )
    message_id: UUID = Field(
        sa_column_args=(ForeignKey("market.webhook_message.id", ondelete="CASCADE"),), index=True
    )
    number: int
    status: int | None = None
    """HTTP status; None where there was no answer."""
    error: str = Field(default="", sa_type=Text)
    duration_ms: int
    at: datetime = Field(sa_type=INSTANT)
