"""The rows of schema `market`. They stay inside this package: values in, views out."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
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
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
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


class Base(
    SQLModel, registry=registry(metadata=MetaData(schema="market", naming_convention=NAMES))
):
    """Everything this package stores."""


def _one_of(column: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def _ref(table: str) -> ForeignKey:
    return ForeignKey(f"market.{table}.id")


# ── Places ──────────────────────────────────────────────────────────────────────────────────────


class UnitRow(Base, table=True):
    """An administrative unit during one period of validity. Neither code nor name is a key."""

    __tablename__ = "unit"
    __table_args__ = (
        _one_of("kind", "province", "city", "huyen", "phuong", "xa", "thi_tran"),
        UniqueConstraint("code", "name", "valid_from", postgresql_nulls_not_distinct=True),
    )
    id: UUID = Field(primary_key=True)
    code: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    kind: str = Field(sa_type=Text)
    parent_id: UUID | None = Field(default=None, sa_column_args=(_ref("unit"),))
    valid_from: date | None = None
    valid_to: date | None = None
    """Last day of validity, inclusive; None while in force."""
    latitude: Decimal | None = Field(default=None, sa_type=Numeric(7, 4))
    longitude: Decimal | None = Field(default=None, sa_type=Numeric(7, 4))
    area_km2: Decimal | None = Field(default=None, sa_type=Numeric(8, 2))
    population: int | None = None
    is_market40: bool = False
    """Named in the 2023 press report as a ward with a Chợ 4.0."""
    note: str = Field(default="", sa_type=Text)


class UnitSuccessorRow(Base, table=True):
    """Where a unit's area went when it ended; a split unit has several successors."""

    __tablename__ = "unit_successor"
    __table_args__ = (_one_of("share", "whole", "part"),)
    unit_id: UUID = Field(primary_key=True, sa_column_args=(_ref("unit"),))
    successor_id: UUID = Field(primary_key=True, sa_column_args=(_ref("unit"),))
    share: str = Field(sa_type=Text)
    is_default: bool = True


class OperatorRow(Base, table=True):
    """A body that runs halls; it may be a private firm and has its own bank account."""

    __tablename__ = "operator"
    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    tax_id: str = Field(default="", sa_type=Text)
    phone: str = Field(default="", sa_type=Text)


class HallRow(Base, table=True):
    """A market hall or a cashless street, in today's ward and in its old-ward area."""

    __tablename__ = "hall"
    __table_args__ = (_one_of("kind", "hall", "street"),)
    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    kind: str = Field(default="hall", sa_type=Text)
    grade: int | None = None
    unit_id: UUID = Field(sa_column_args=(_ref("unit"),), index=True)
    area_id: UUID | None = Field(default=None, sa_column_args=(_ref("unit"),))
    """The old ward it lies in, so that series from before 1 July 2025 stay readable."""
    operator_id: UUID | None = Field(default=None, sa_column_args=(_ref("operator"),))
    address: str = Field(default="", sa_type=Text)
    latitude: Decimal | None = Field(default=None, sa_type=Numeric(8, 5))
    longitude: Decimal | None = Field(default=None, sa_type=Numeric(8, 5))
    opened_on: date | None = None
    closed_on: date | None = None


class ZoneRow(Base, table=True):
    """A part of a hall: a row, an aisle, a line of goods."""

    __tablename__ = "zone"
    __table_args__ = (UniqueConstraint("hall_id", "name"),)
    id: UUID = Field(primary_key=True)
    hall_id: UUID = Field(sa_column_args=(_ref("hall"),), index=True)
    name: str = Field(sa_type=Text)
    position: int = 0


class StallRow(Base, table=True):
    """A point of sale. It may wait for its vendor."""

    __tablename__ = "stall"
    __table_args__ = (
        UniqueConstraint("hall_id", "code"),
        _one_of("status", "active", "paused", "ended"),
        _one_of("invoice_mode", "off", "on_request", "each_sale", "day_end"),
        CheckConstraint("round_vnd IN (1, 500, 1000)", name="round_vnd"),
    )
    id: UUID = Field(primary_key=True)
    hall_id: UUID = Field(sa_column_args=(_ref("hall"),), index=True)
    zone_id: UUID | None = Field(default=None, sa_column_args=(_ref("zone"),))
    vendor_id: UUID | None = Field(default=None, sa_column_args=(_ref("vendor"),), index=True)
    code: str = Field(sa_type=Text)
    """As painted on the stall: “A12”."""
    trade: str = Field(default="", sa_type=Text)
    """Line of goods: “rau củ”, “thịt lợn”."""
    status: str = Field(default="active", sa_type=Text)
    invoice_mode: str = Field(default="on_request", sa_type=Text)
    round_vnd: int = 1
    """Weighed totals are rounded to this many đồng."""
    opened_on: date
    ended_on: date | None = None


# ── People ──────────────────────────────────────────────────────────────────────────────────────


class PersonRow(Base, table=True):
    """Someone who signs in. No id document is kept: a keyed hash and four digits at most."""

    __tablename__ = "person"
    __table_args__ = (_one_of("locale", "vi", "en"),)
    id: UUID = Field(primary_key=True)
    phone: str = Field(sa_type=Text, unique=True)
    """+84 form."""
    name: str = Field(sa_type=Text)
    pin_hash: str = Field(default="", sa_type=Text)
    locale: str = Field(default="vi", sa_type=Text)
    identified_by: str = Field(default="", sa_type=Text)
    """"" | "vneid" | "cccd": how the team saw who this is."""
    identified_at: datetime | None = Field(default=None, sa_type=INSTANT)
    id_number_hash: bytes | None = Field(default=None, sa_type=LargeBinary)
    id_number_last4: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class VendorRow(Base, table=True):
    """Who sells: a household business. Its id is the owner of payments, invoices and goods.

    The web sees its own vendor's row alone (the tax number is a personal number); everyone's
    display name is in the view `people.VENDOR_NAME`.
    """

    __tablename__ = "vendor"
    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(sa_column_args=(_ref("person"),), unique=True)
    name: str = Field(sa_type=Text)
    tax_id: str = Field(default="", sa_type=Text)
    address: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=INSTANT)


class MembershipRow(Base, table=True):
    """One role of one person over one thing, for a time: the whole role model."""

    __tablename__ = "membership"
    __table_args__ = (
        _one_of("role", "vendor", "helper", "operator", "team", "official", "clerk", "admin"),
        Index("ix_membership_person_id", "person_id"),
        UniqueConstraint("person_id", "role", "scope_id", postgresql_nulls_not_distinct=True),
    )
    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(sa_column_args=(_ref("person"),))
    role: str = Field(sa_type=Text)
    scope_id: UUID | None = None
    """vendor, helper → vendor id; operator, team → hall id; official → unit id; clerk, admin → none."""
    valid_from: date
    valid_to: date | None = None


class SessionRow(Base, table=True):
    """A signed-in browser. The cookie holds the token, this row its SHA-256."""

    __tablename__ = "session"
    token_hash: bytes = Field(primary_key=True, sa_type=LargeBinary)
    person_id: UUID = Field(sa_column_args=(_ref("person"),), index=True)
    created_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT, index=True)
    seen_at: datetime = Field(sa_type=INSTANT)


class SignInCodeRow(Base, table=True):
    """A code said once to somebody without a PIN; with it they set their own."""

    __tablename__ = "sign_in_code"
    person_id: UUID = Field(primary_key=True, sa_column_args=(_ref("person"),))
    code_hash: str = Field(sa_type=Text)
    issued_by: UUID = Field(sa_column_args=(_ref("person"),))
    expires_at: datetime = Field(sa_type=INSTANT)


class AttemptRow(Base, table=True):
    """How often something was tried in a window: sign-ins by phone and by address, name look-ups."""

    __tablename__ = "attempt"
    key: str = Field(primary_key=True, sa_type=Text)
    window_start: datetime = Field(primary_key=True, sa_type=INSTANT)
    count: int = 1


class ConsentRow(Base, table=True):
    """A person's consent to one purpose, in the words they were shown. Withdrawn, never deleted."""

    __tablename__ = "consent"
    __table_args__ = (Index("ix_consent_person_id", "person_id"),)
    id: UUID = Field(primary_key=True)
    person_id: UUID = Field(sa_column_args=(_ref("person"),))
    purpose: str = Field(sa_type=Text)
    text_version: str = Field(sa_type=Text)
    channel: str = Field(sa_type=Text)
    given_at: datetime = Field(sa_type=INSTANT)
    assisted_by: UUID | None = None
    withdrawn_at: datetime | None = Field(default=None, sa_type=INSTANT)


class ReadLogRow(Base, table=True):
    """Who read a personal row, when, why."""

    __tablename__ = "read_log"
    __table_args__ = {"comment": "append-only"}
    id: UUID = Field(primary_key=True)
    at: datetime = Field(sa_type=INSTANT, index=True)
    person_id: UUID
    role: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    subject_id: UUID
    reason: str = Field(sa_type=Text)


# ── Receiving money ─────────────────────────────────────────────────────────────────────────────


class PayeeAccountRow(Base, table=True):
    """A vendor's own bank account, outside the platform, that receives transfers."""

    __tablename__ = "payee_account"
    __table_args__ = (
        _one_of("kind", "household", "personal", "relative"),
        _one_of("name_check", "match", "differs", "unknown"),
        Index("ix_payee_account_account", "bank_bin", "account_no"),
    )
    id: UUID = Field(primary_key=True)
    vendor_id: UUID = Field(sa_column_args=(_ref("vendor"),), index=True)
    bank_bin: str = Field(sa_type=Text)
    account_no: str = Field(sa_type=Text)
    holder_name: str = Field(sa_type=Text)
    """As the bank says it: unaccented capitals."""
    kind: str = Field(default="personal", sa_type=Text)
    name_check: str = Field(default="unknown", sa_type=Text)
    verified_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When the 1,000 đ test payment came."""
    tax_notified_on: date | None = None
    created_at: datetime = Field(sa_type=INSTANT)
    retired_at: datetime | None = Field(default=None, sa_type=INSTANT)


class StandRow(Base, table=True):
    """A printed static QR with its serial."""

    __tablename__ = "stand"
    id: UUID = Field(primary_key=True)
    serial: str = Field(sa_type=Text, unique=True)
    stall_id: UUID = Field(sa_column_args=(_ref("stall"),), index=True)
    payee_account_id: UUID = Field(sa_column_args=(_ref("payee_account"),))
    memo: str = Field(sa_type=Text, unique=True)
    """The code its payers' transfers carry."""
    qr_text: str = Field(sa_type=Text)
    issued_at: datetime = Field(sa_type=INSTANT)
    retired_at: datetime | None = Field(default=None, sa_type=INSTANT)


class StandCheckRow(Base, table=True):
    """Somebody scanned a printed code and compared it with the registered one."""

    __tablename__ = "stand_check"
    __table_args__ = (_one_of("result", "same", "other", "unreadable"), {"comment": "append-only"})
    id: UUID = Field(primary_key=True)
    stand_id: UUID = Field(sa_column_args=(_ref("stand"),), index=True)
    checked_at: datetime = Field(sa_type=INSTANT)
    checked_by: UUID
    result: str = Field(sa_type=Text)


class OnboardingRow(Base, table=True):
    """One onboarding at a stall, resumable: what was answered so far."""

    __tablename__ = "onboarding"
    __table_args__ = (
        _one_of("step", "stall", "person", "consent", "account", "test", "stand", "done"),
    )
    id: UUID = Field(primary_key=True)
    """Made in the browser and stored there before it is sent."""
    stall_id: UUID = Field(sa_column_args=(_ref("stall"),), index=True)
    started_by: UUID = Field(sa_column_args=(_ref("person"),))
    step: str = Field(default="stall", sa_type=Text)
    answers: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    person_id: UUID | None = Field(default=None, sa_column_args=(_ref("person"),))
    vendor_id: UUID | None = Field(default=None, sa_column_args=(_ref("vendor"),))
    payee_account_id: UUID | None = Field(default=None, sa_column_args=(_ref("payee_account"),))
    test_payment_id: UUID | None = None
    stand_id: UUID | None = Field(default=None, sa_column_args=(_ref("stand"),))
    version: int = 1
    started_at: datetime = Field(sa_type=INSTANT)
    updated_at: datetime = Field(sa_type=INSTANT)


# ── Sales ───────────────────────────────────────────────────────────────────────────────────────


class SaleRow(Base, table=True):
    """One basket at a stall. Its id is made in the browser before it is sent."""

    __tablename__ = "sale"
    __table_args__ = (
        _one_of("method", "vietqr", "stand", "cash", "vnpay", "stripe"),
        _one_of("state", "open", "partial", "paid", "expired", "cancelled"),
        CheckConstraint("amount_vnd > 0 AND amount_vnd <= 499999999", name="amount_vnd"),
        CheckConstraint("received_vnd >= 0", name="received_vnd"),
        Index("ix_sale_stall_id_sold_at", "stall_id", "sold_at"),
        Index("ix_sale_payment_id", "payment_id"),
    )
    id: UUID = Field(primary_key=True)
    stall_id: UUID = Field(sa_column_args=(_ref("stall"),))
    vendor_id: UUID = Field(sa_column_args=(_ref("vendor"),), index=True)
    amount_vnd: int = Field(sa_type=BigInteger)
    received_vnd: int = Field(default=0, sa_type=BigInteger)
    method: str = Field(sa_type=Text)
    state: str = Field(default="open", sa_type=Text)
    payment_id: UUID | None = None
    """The engine's payment; None for cash."""
    memo: str = Field(default="", sa_type=Text)
    qr_text: str = Field(default="", sa_type=Text)
    sold_by: UUID | None = None
    sold_at: datetime = Field(sa_type=INSTANT)
    """By the till's clock, not later than `recorded_at`."""
    recorded_at: datetime = Field(sa_type=INSTANT)
    paid_at: datetime | None = Field(default=None, sa_type=INSTANT)
    echo_word: str = Field(default="", sa_type=Text)
    """The word both screens show once the money is here; a screenshot cannot know it."""
    invoice_id: UUID | None = None
    digest: bytes = Field(sa_type=LargeBinary)
    """SHA-256 of what was asked, so that an id used again with other content is told apart."""


class SaleLineRow(Base, table=True):
    """One line of a basket: goods, quantity, price as sold."""

    __tablename__ = "sale_line"
    __table_args__ = (CheckConstraint("quantity > 0", name="quantity"),)
    sale_id: UUID = Field(primary_key=True, sa_column_args=(_ref("sale"),))
    line_index: int = Field(primary_key=True)
    product_id: UUID | None = None
    name: str = Field(sa_type=Text)
    unit: str = Field(sa_type=Text)
    quantity: Decimal = Field(sa_type=Numeric(12, 3))
    unit_price_vnd: int = Field(sa_type=BigInteger)
    amount_vnd: int = Field(sa_type=BigInteger)


class GatewayAttemptRow(Base, table=True):
    """A payer was sent to an acquirer; until its notice or its answer says how that ended."""

    __tablename__ = "gateway_attempt"
    __table_args__ = (
        _one_of("state", "redirected", "settled", "failed"),
        Index(
            "ix_gateway_attempt_asked_at", "asked_at", postgresql_where=text("state = 'redirected'")
        ),
    )
    payment_id: UUID = Field(primary_key=True)
    gateway: str = Field(primary_key=True, sa_type=Text)
    reference: str = Field(primary_key=True, sa_type=Text)
    """What the gateway knows this attempt by: our TxnRef at VNPAY, Stripe's session."""
    state: str = Field(default="redirected", sa_type=Text)
    begun_at: datetime = Field(sa_type=INSTANT)
    ask_from: datetime = Field(sa_type=INSTANT)
    asked_at: datetime | None = Field(default=None, sa_type=INSTANT)
    asked_count: int = 0


class IntegratorRow(Base, table=True):
    """A bank or acquirer that confirms credits to us directly. The key is shown once, kept hashed."""

    __tablename__ = "integrator"
    __table_args__ = (
        CheckConstraint("gateway ~ '^[a-z][a-z0-9_-]{1,31}$'", name="gateway"),
        CheckConstraint("length(key_hash) = 32", name="key_hash"),
        Index("ix_integrator_gateway", "gateway"),
    )
    id: UUID = Field(primary_key=True)
    name: str = Field(sa_type=Text)
    gateway: str = Field(sa_type=Text)
    """Under which its confirmations are recorded; several keys may share it while one is replaced."""
    bank_bins: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    """A bank's own BINs; empty for an acquirer, which names our payments instead of accounts."""
    key_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    created_at: datetime = Field(sa_type=INSTANT)
    revoked_at: datetime | None = Field(default=None, sa_type=INSTANT)


class TakingsHourRow(Base, table=True):
    """What one stall took in one hour by one method: the roll-up behind the adoption figures."""

    __tablename__ = "takings_hour"
    stall_id: UUID = Field(primary_key=True, sa_column_args=(_ref("stall"),))
    hour: datetime = Field(primary_key=True, sa_type=INSTANT)
    method: str = Field(primary_key=True, sa_type=Text)
    sale_count: int = 0
    sale_vnd: int = Field(default=0, sa_type=BigInteger)


# ── Events and pending work ─────────────────────────────────────────────────────────────────────


class LiveEventRow(Base, table=True):
    """What a screen is told. The relay alone writes here, so ids are in commit order."""

    __tablename__ = "live_event"
    __table_args__ = (Index("ix_live_event_channel_id", "channel", "id"),)
    id: int = Field(
        default=None, sa_type=BigInteger, primary_key=True, sa_column_args=(Identity(always=True),)
    )
    channel: str = Field(sa_type=Text)
    """“stall:<id>”, “payment:<id>”, “unit:<id>”."""
    kind: str = Field(sa_type=Text)
    data: dict[str, Any] = Field(sa_type=JSONB)
    at: datetime = Field(sa_type=INSTANT)


class OutboxRow(Base, table=True):
    """Work that follows from a committed fact; the relay hands it to the broker."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_pending", "available_at", postgresql_where=text("done_at IS NULL")),
    )
    id: UUID = Field(primary_key=True)
    job: str = Field(sa_type=Text)
    arguments: dict[str, Any] = Field(sa_type=JSONB)
    created_at: datetime = Field(sa_type=INSTANT)
    available_at: datetime = Field(sa_type=INSTANT)
    attempts: int = 0
    error: str = Field(default="", sa_type=Text)
    done_at: datetime | None = Field(default=None, sa_type=INSTANT)


class RelayPositionRow(Base, table=True):
    """How far one consumer has read one log."""

    __tablename__ = "relay_position"
    consumer: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(default=0, sa_type=BigInteger)
    moved_at: datetime = Field(sa_type=INSTANT)
