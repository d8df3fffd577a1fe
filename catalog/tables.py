"""The rows of schema `catalog`. They stay inside this package: values in, views out."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
INSTANT = DateTime(timezone=True)
QUANTITY = Numeric(12, 3)


class Base(
    SQLModel, registry=registry(metadata=MetaData(schema="catalog", naming_convention=NAMES))
):
    """Everything this package stores."""


def _one_of(column: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class ProductRow(Base, table=True):
    """Goods as they are now. Every earlier version is a revision."""

    __tablename__ = "product"
    __table_args__ = (
        _one_of("status", "draft", "ready", "archived"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint("price_vnd > 0 AND price_vnd <= 499999999", name="price_vnd"),
        CheckConstraint("sale_price_vnd > 0 AND sale_price_vnd < price_vnd", name="sale_price_vnd"),
        CheckConstraint("stock_qty >= 0", name="stock_qty"),
        Index("ix_product_owner_id_sort_key", "owner_id", "sort_key"),
        Index(
            "ix_product_folded",
            func.catalog.fold(literal_column("name_vi")).label("folded"),
            postgresql_using="gin",
            postgresql_ops={"folded": "gin_trgm_ops"},
        ),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    """The vendor."""
    sku: str = Field(sa_type=Text, unique=True)
    version: int
    name_vi: str = Field(sa_type=Text)
    name_lower: str = Field(sa_type=Text)
    """Lower case made in Python: a server in locale C leaves “Đ” as it is."""
    category: str = Field(sa_type=Text, index=True)
    description: str = Field(default="", sa_type=Text)
    unit: str = Field(sa_type=Text)
    unit_qty: Decimal = Field(sa_type=QUANTITY)
    net_content: int | None = None
    net_unit: str = Field(default="", sa_type=Text)
    weight_g: int | None = None
    price_vnd: int | None = Field(default=None, sa_type=BigInteger)
    sale_price_vnd: int | None = Field(default=None, sa_type=BigInteger)
    sale_from: datetime | None = Field(default=None, sa_type=INSTANT)
    sale_to: datetime | None = Field(default=None, sa_type=INSTANT)
    in_stock: bool = True
    stock_qty: Decimal | None = Field(default=None, sa_type=QUANTITY)
    available_until: datetime | None = Field(default=None, sa_type=INSTANT)
    origin: dict[str, Any] = Field(sa_type=JSONB)
    gtin: str = Field(default="", sa_type=Text)
    photo_ids: list[UUID] = Field(sa_type=ARRAY(Uuid))
    icon: str = Field(default="", sa_type=Text)
    status: str = Field(sa_type=Text)
    sort_key: str = Field(sa_type=Text(collation="C"))
    """Made in Python from the name, so that every server sorts Vietnamese alike."""
    content_hash: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class RevisionRow(Base, table=True):
    """One version of goods, as it was; nothing here ever changes."""

    __tablename__ = "revision"
    __table_args__ = ({"comment": "append-only"},)
    product_id: UUID = Field(primary_key=True, sa_column_args=(ForeignKey("catalog.product.id"),))
    version: int = Field(primary_key=True)
    owner_id: UUID
    operation: str = Field(sa_type=Text)
    payload: dict[str, Any] = Field(sa_type=JSONB)
    content_hash: str = Field(sa_type=Text)
    changed_by: UUID | None = None
    changed_at: datetime = Field(sa_type=INSTANT)


class StockHoldRow(Base, table=True):
    """Some of counted goods that a subject (a sale of the platform) is paying for, or bought."""

    __tablename__ = "stock_hold"
    __table_args__ = (
        _one_of("state", "held", "paid", "sold", "released", "returned"),
        CheckConstraint("(state = 'returned') = (return_id IS NOT NULL)", name="return_id"),
        CheckConstraint("quantity > 0", name="quantity"),
        Index(
            "ix_stock_hold_product_id",
            "product_id",
            postgresql_where=text("state IN ('held', 'paid')"),
        ),
        Index("ix_stock_hold_until", "until", postgresql_where=text("state = 'held'")),
        Index("ix_stock_hold_paid", "changed_at", postgresql_where=text("state = 'paid'")),
    )
    subject_id: UUID = Field(primary_key=True)
    product_id: UUID = Field(primary_key=True, sa_column_args=(ForeignKey("catalog.product.id"),))
    owner_id: UUID
    quantity: Decimal = Field(sa_type=QUANTITY)
    state: str = Field(sa_type=Text)
    until: datetime = Field(sa_type=INSTANT)
    """When its payment should have ended; it is held until that is known."""
    return_id: UUID | None = None
    """By which return (a refund of the platform) the buyer brought it back."""
    changed_at: datetime = Field(sa_type=INSTANT)


class PhotoRow(Base, table=True):
    """A photo of goods: upright, without metadata, in two sizes."""

    __tablename__ = "photo"
    __table_args__ = (
        UniqueConstraint("owner_id", "digest"),
        CheckConstraint("octet_length(large) <= 2097152", name="large"),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    digest: bytes = Field(sa_type=LargeBinary)
    """SHA-256 of what was uploaded: the same file twice is one photo."""
    width: int
    height: int
    large: bytes = Field(sa_type=LargeBinary)
    """JPEG, the longer side at most 800 px."""
    small: bytes = Field(sa_type=LargeBinary)
    """WebP, 160 px square."""
    added_at: datetime = Field(sa_type=INSTANT)


class ChannelRow(Base, table=True):
    """A shop outside: a provincial portal, a postal platform, a file for a person to upload."""

    __tablename__ = "channel"
    connector: str = Field(primary_key=True, sa_type=Text)
    name_vi: str = Field(sa_type=Text)
    is_enabled: bool = True
    paused_at: datetime | None = Field(default=None, sa_type=INSTANT)
    paused_for: str = Field(default="", sa_type=Text)
    """Why nothing is sent: a failure code; empty while it works."""
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)


class ChannelCategoryRow(Base, table=True):
    """What a channel calls one of our categories. Without a row, such goods are not for it."""

    __tablename__ = "channel_category"
    connector: str = Field(
        primary_key=True, sa_type=Text, sa_column_args=(ForeignKey("catalog.channel.connector"),)
    )
    category: str = Field(primary_key=True, sa_type=Text)
    remote_category: str = Field(sa_type=Text)


class ChannelOwnerRow(Base, table=True):
    """A vendor sells on a channel, and consented to show these facts about themselves there."""

    __tablename__ = "channel_owner"
    connector: str = Field(
        primary_key=True, sa_type=Text, sa_column_args=(ForeignKey("catalog.channel.connector"),)
    )
    owner_id: UUID = Field(primary_key=True)
    seller: dict[str, Any] = Field(sa_type=JSONB)
    is_enabled: bool = True
    changed_at: datetime = Field(sa_type=INSTANT)


class ListingRow(Base, table=True):
    """How goods stand on one channel: our last knowledge of it."""

    __tablename__ = "listing"
    __table_args__ = (
        _one_of(
            "state",
            *("none", "queued", "submitted", "in_review", "live", "paused", "delisted"),
            *("rejected", "error", "stale"),
        ),
        Index("ix_listing_owner_id", "owner_id"),
        Index(
            "ix_listing_unsure",
            "connector",
            "checked_at",
            postgresql_where=text("state IN ('submitted', 'in_review')"),
        ),
    )
    connector: str = Field(
        primary_key=True, sa_type=Text, sa_column_args=(ForeignKey("catalog.channel.connector"),)
    )
    sku: str = Field(primary_key=True, sa_type=Text)
    product_id: UUID = Field(sa_column_args=(ForeignKey("catalog.product.id"),), index=True)
    owner_id: UUID
    state: str = Field(default="none", sa_type=Text)
    remote_id: str = Field(default="", sa_type=Text)
    remote_url: str = Field(default="", sa_type=Text)
    version_sent: int = 0
    """The newest version the channel took."""
    reason_code: str = Field(default="", sa_type=Text)
    reason_field: str = Field(default="", sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    """In the channel's own words, as it told them."""
    checked_at: datetime | None = Field(default=None, sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


class PendingRow(Base, table=True):
    """One operation a channel has to be told. Per (connector, sku) in the order of `position`."""

    __tablename__ = "pending"
    __table_args__ = (
        _one_of("operation", "upsert", "set_price", "set_stock", "delist"),
        _one_of("state", "queued", "done", "superseded", "dead"),
        Index(
            "ix_pending_queued",
            "connector",
            "sku",
            "position",
            postgresql_where=text("state = 'queued'"),
        ),
        Index(
            "ix_pending_due",
            "next_try_at",
            postgresql_where=text("state = 'queued'"),
        ),
    )
    key: str = Field(primary_key=True, sa_type=Text)
    """`connector:sku:version:operation`; the channel sees it as the idempotency key."""
    position: int = Field(default=None, sa_type=BigInteger, sa_column_args=(Identity(always=True),))
    connector: str = Field(sa_type=Text, sa_column_args=(ForeignKey("catalog.channel.connector"),))
    sku: str = Field(sa_type=Text)
    product_id: UUID
    owner_id: UUID
    version: int
    operation: str = Field(sa_type=Text)
    payload: dict[str, Any] = Field(sa_type=JSONB)
    state: str = Field(default="queued", sa_type=Text)
    attempts: int = 0
    next_try_at: datetime = Field(sa_type=INSTANT)
    claimed_until: datetime | None = Field(default=None, sa_type=INSTANT)
    """While it lies ahead, someone is calling the channel with this."""
    error_code: str = Field(default="", sa_type=Text)
    error: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)
    done_at: datetime | None = Field(default=None, sa_type=INSTANT)
