"""The rows of schema `payments`. They stay inside this package: values in, views out."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
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
ZERO = {"server_default": text("0")}


class Base(
    SQLModel, registry=registry(metadata=MetaData(schema="payments", naming_convention=NAMES))
):
    """Everything this package stores."""


def _one_of(column: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


# ── Asking for money ────────────────────────────────────────────────────────────────────────────


class PayeeRow(Base, table=True):
    """An owner's own bank account, outside, that receives transfers."""

    __tablename__ = "payee"
    __table_args__ = (
        Index("ix_payee_account_no", "account_no"),
        Index(
            "uq_payee_in_use",
            "bank_bin",
            "account_no",
            unique=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID = Field(index=True)
    bank_bin: str = Field(sa_type=Text)
    account_no: str = Field(sa_type=Text)
    registered_at: datetime = Field(sa_type=INSTANT)
    retired_at: datetime | None = Field(default=None, sa_type=INSTANT)


class CodeRow(Base, table=True):
    """What a memo code stands for. Kept for ever: late money carries old codes."""

    __tablename__ = "code"
    __table_args__ = (
        _one_of("kind", "payment", "stand"),
        UniqueConstraint("subject_id"),
    )
    code: str = Field(sa_type=Text, primary_key=True)
    owner_id: UUID = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    subject_id: UUID
    """The payment, or the stand."""
    place_id: UUID | None = None
    created_at: datetime = Field(sa_type=INSTANT)


class PaymentRow(Base, table=True):
    """One request for money."""

    __tablename__ = "payment"
    __table_args__ = (
        _one_of("method", "vietqr", "vnpay", "stripe"),
        _one_of("purpose", "sale", "test", "charge"),
        _one_of("state", "open", "partial", "settled", "expired", "cancelled"),
        CheckConstraint("amount_vnd BETWEEN 1 AND 499999999", name="amount_vnd"),
        CheckConstraint("received_vnd >= 0", name="received_vnd"),
        CheckConstraint("(state = 'settled') = (received_vnd >= amount_vnd)", name="settled"),
        CheckConstraint("(state IN ('open', 'partial')) = (ended_at IS NULL)", name="ended_at"),
        Index(
            "ix_payment_waiting_expires_at",
            "expires_at",
            postgresql_where=text("state IN ('open', 'partial')"),
        ),
        Index(
            "ix_payment_waiting_owner_id",
            "owner_id",
            postgresql_where=text("state IN ('open', 'partial')"),
        ),
        {"postgresql_with": {"fillfactor": "70"}},
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    place_id: UUID | None = None
    payee_id: UUID | None = Field(default=None, sa_column_args=(ForeignKey("payments.payee.id"),))
    amount_vnd: int = Field(sa_type=BigInteger)
    received_vnd: int = Field(default=0, sa_type=BigInteger)
    method: str = Field(sa_type=Text)
    purpose: str = Field(sa_type=Text)
    code: str = Field(sa_type=Text)
    state: str = Field(default="open", sa_type=Text)
    opened_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)


# ── What came ───────────────────────────────────────────────────────────────────────────────────


class NoticeRow(Base, table=True):
    """A provider's notice, raw, whatever we thought of it. Proof in a dispute."""

    __tablename__ = "notice"
    __table_args__ = (
        _one_of("verdict", "verified", "forged", "malformed"),
        Index("ix_notice_received_at", "received_at"),
        {"comment": "append-only"},
    )
    id: UUID = Field(primary_key=True)
    gateway: str = Field(sa_type=Text)
    headers: dict[str, str] = Field(default_factory=dict, sa_type=JSONB)
    body: bytes = Field(sa_type=LargeBinary)
    verdict: str = Field(sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    received_at: datetime = Field(sa_type=INSTANT)


class ReceiptRow(Base, table=True):
    """One movement of money as a provider reported it, and what it was found to mean.

    Every unique key leads with the business date (GMT+7), so that its index stays a day long.
    """

    __tablename__ = "receipt"
    __table_args__ = (
        _one_of("direction", "in", "out"),
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        UniqueConstraint("business_date", "gateway", "provider_id"),
        Index(
            "uq_receipt_reference",
            "business_date",
            "account_no",
            "reference",
            unique=True,
            postgresql_where=text("reference <> '' AND account_no <> '' AND direction = 'in'"),
        ),
        Index(
            "ix_receipt_unreferenced",
            "account_no",
            "amount_vnd",
            "occurred_at",
            postgresql_where=text("reference = '' AND account_no <> '' AND direction = 'in'"),
        ),
        Index("ix_receipt_owner_id_occurred_at", "owner_id", "occurred_at"),
        Index(
            "ix_receipt_payment_id",
            "payment_id",
            postgresql_where=text("payment_id IS NOT NULL"),
        ),
        {"comment": "append-only", "postgresql_partition_by": "RANGE (business_date)"},
    )
    business_date: date = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    owner_id: UUID | None = None
    payee_id: UUID | None = None
    payment_id: UUID | None = None
    suggested_id: UUID | None = None
    """The payment it may have been meant for; a person decides."""
    stand_id: UUID | None = None
    place_id: UUID | None = None
    gateway: str = Field(sa_type=Text)
    provider_id: str = Field(sa_type=Text)
    reference: str = Field(sa_type=Text)
    amount_vnd: int = Field(sa_type=BigInteger)
    direction: str = Field(sa_type=Text)
    outcome: str = Field(sa_type=Text)
    memo: str = Field(sa_type=Text)
    account_no: str = Field(sa_type=Text)
    bank_bin: str = Field(sa_type=Text)
    payment_ref: str = Field(sa_type=Text)
    detail: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    """Stands for the whole confirmation: the same id with other content is told apart."""
    occurred_at: datetime = Field(sa_type=INSTANT)
    recorded_at: datetime = Field(sa_type=INSTANT)


# ── The ledger ──────────────────────────────────────────────────────────────────────────────────


class AccountRow(Base, table=True):
    """An account of one owner. Its balance counts on its normal side.

    `held_out_vnd` and `held_in_vnd` are what open holds may still take out and bring in.
    `out_vnd` is what left it on the Vietnamese day `out_on`, kept only where `out_vnd_max` is set.
    """

    __tablename__ = "account"
    __table_args__ = (
        _one_of(
            "kind", "bank", "acquirer", "cash", "sales", "refunds", "fees", "charges", "suspense"
        ),
        CheckConstraint("lane BETWEEN 0 AND 63", name="lane"),
        CheckConstraint("balance_vnd >= balance_vnd_min", name="balance_vnd_min"),
        CheckConstraint("held_out_vnd >= 0 AND held_in_vnd >= 0", name="held"),
        Index("ix_account_id", "id"),
        Index("ix_account_owner_id", "owner_id"),
        {"postgresql_with": {"fillfactor": "50"}},
    )
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    kind: str = Field(sa_type=Text)
    place: str = Field(default="", sa_type=Text)
    balance_vnd: int = Field(default=0, sa_type=BigInteger)
    balance_vnd_min: int | None = Field(default=None, sa_type=BigInteger)
    balance_vnd_max: int | None = Field(default=None, sa_type=BigInteger)
    held_out_vnd: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    held_in_vnd: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    out_vnd_max: int | None = Field(default=None, sa_type=BigInteger)
    out_vnd: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs=ZERO)
    out_on: date | None = None
    opened_at: datetime = Field(sa_type=INSTANT)
    frozen_at: datetime | None = Field(default=None, sa_type=INSTANT)
    closed_at: datetime | None = Field(default=None, sa_type=INSTANT)


class TransferRow(Base, table=True):
    """The journal: one row per transfer holds both legs, so double entry is by construction.

    `position` is the order of record, as in `event`; `id` leads with its time, so the table is
    parted by it (`payments.make_partitions`) and its key only grows. No foreign keys and no index
    per account: they would cost more than all the rest; `entry` is the account's view of it and
    `audit` checks what they would say.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        CheckConstraint("debit_id <> credit_id", name="legs"),
        Index("ix_transfer_position", "position", postgresql_using="brin"),
        Index("ix_transfer_occurred_at", "occurred_at", postgresql_using="brin"),
        {"comment": "append-only", "postgresql_partition_by": "RANGE (id)"},
    )
    position: int = Field(sa_type=BigInteger)
    amount_vnd: int = Field(sa_type=BigInteger)
    occurred_at: datetime = Field(sa_type=INSTANT)
    recorded_at: datetime = Field(sa_type=INSTANT)
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    kind: int = Field(sa_type=SmallInteger)
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    debit_id: UUID
    credit_id: UUID
    subject_id: UUID
    place_id: UUID


class HoldRow(Base, table=True):
    """Money set aside until it is posted, voided or past its deadline. What ended it: `hold_end`."""

    __tablename__ = "hold"
    __table_args__ = (
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        CheckConstraint("debit_id <> credit_id", name="legs"),
        Index("ix_hold_expires_at", "expires_at"),
        {"comment": "append-only"},
    )
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    id: UUID = Field(primary_key=True)
    kind: int = Field(sa_type=SmallInteger)
    amount_vnd: int = Field(sa_type=BigInteger)
    occurred_at: datetime = Field(sa_type=INSTANT)
    recorded_at: datetime = Field(sa_type=INSTANT)
    expires_at: datetime = Field(sa_type=INSTANT)
    owner_id: UUID
    debit_id: UUID
    credit_id: UUID
    subject_id: UUID
    place_id: UUID


class HoldEndRow(Base, table=True):
    """How a hold ended; the key lets it end once."""

    __tablename__ = "hold_end"
    __table_args__ = (
        _one_of("outcome", "posted", "voided", "expired"),
        Index(
            "uq_hold_end_order",
            "lane",
            "id",
            unique=True,
            postgresql_where=text("outcome <> 'expired'"),
        ),
        {"comment": "append-only"},
    )
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    hold_id: UUID = Field(primary_key=True)
    id: UUID
    """The order that ended it; of a posted one the transfer's id; of an expired one the hold's."""
    owner_id: UUID
    outcome: str = Field(sa_type=Text)
    amount_vnd: int = Field(sa_type=BigInteger)
    """What was posted of it; 0 where nothing was."""
    recorded_at: datetime = Field(sa_type=INSTANT)


class RefundRow(Base, table=True):
    """Which transfer gives back how much of which: together never more than the original."""

    __tablename__ = "refund"
    __table_args__ = (
        CheckConstraint("amount_vnd > 0", name="amount_vnd"),
        Index("ix_refund_original_id", "lane", "original_id"),
        {"comment": "append-only"},
    )
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    id: UUID = Field(primary_key=True)
    """The transfer that gives back."""
    original_id: UUID
    owner_id: UUID
    amount_vnd: int = Field(sa_type=BigInteger)


# ── Made from the journal, later ────────────────────────────────────────────────────────────────


class EntryRow(Base, table=True):
    """A line of an account's statement: a transfer as one of its accounts sees it.

    Fed from the journal to the watermark "statements"; `balance_vnd` is the balance after it, in
    the order of record.
    """

    __tablename__ = "entry"
    __table_args__ = (
        Index("ix_entry_occurred_at", "lane", "account_id", "occurred_at"),
        {"comment": "append-only"},
    )
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    account_id: UUID = Field(primary_key=True)
    position: int = Field(sa_type=BigInteger, primary_key=True)
    amount_vnd: int = Field(sa_type=BigInteger)
    balance_vnd: int = Field(sa_type=BigInteger)
    occurred_at: datetime = Field(sa_type=INSTANT)
    recorded_at: datetime = Field(sa_type=INSTANT)
    transfer_id: UUID
    owner_id: UUID


class AccountDayRow(Base, table=True):
    """The sums of an account's entries by the Vietnamese day they happened on."""

    __tablename__ = "account_day"
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    account_id: UUID = Field(primary_key=True)
    day: date = Field(primary_key=True)
    owner_id: UUID
    debit_vnd: int = Field(sa_type=BigInteger)
    credit_vnd: int = Field(sa_type=BigInteger)
    entry_count: int = Field(sa_type=BigInteger)


class WatermarkRow(Base, table=True):
    """How far something made from the journal has come: every position up to and including it."""

    __tablename__ = "watermark"
    name: str = Field(sa_type=Text, primary_key=True)
    position: int = Field(sa_type=BigInteger)
    moved_at: datetime = Field(sa_type=INSTANT)


class RecordDayRow(Base, table=True):
    """Which positions up to the watermark "statements" were recorded on a Vietnamese day.

    Clocks may step back, so days may overlap: no row of this day lies outside its two positions.
    """

    __tablename__ = "record_day"
    day: date = Field(primary_key=True)
    position_first: int = Field(sa_type=BigInteger)
    position_last: int = Field(sa_type=BigInteger)


class SealRow(Base, table=True):
    """A link of a lane's hash chain: which rows it closes over, in order. See `ledger.chain`."""

    __tablename__ = "seal"
    __table_args__ = (
        CheckConstraint("row_count > 0", name="row_count"),
        CheckConstraint("length(previous) = 32 AND length(hash) = 32", name="hash"),
        {"comment": "append-only"},
    )
    lane: int = Field(sa_type=SmallInteger, primary_key=True)
    number: int = Field(sa_type=BigInteger, primary_key=True)
    """1, 2, 3, … within the lane."""
    position_first: int = Field(sa_type=BigInteger)
    position_last: int = Field(sa_type=BigInteger)
    row_count: int = Field(sa_type=BigInteger)
    amount_vnd: int = Field(sa_type=BigInteger)
    ids: bytes = Field(sa_type=LargeBinary)
    """The transfers' ids in order, sixteen bytes each: what is missing can be named."""
    leaves: bytes = Field(sa_type=LargeBinary)
    """The first eight bytes of each row's hash, in order: what was changed can be named."""
    previous: bytes = Field(sa_type=LargeBinary)
    hash: bytes = Field(sa_type=LargeBinary)
    sealed_at: datetime = Field(sa_type=INSTANT)


# ── Events ──────────────────────────────────────────────────────────────────────────────────────


class EventRow(Base, table=True):
    """A fact, appended in the transaction that makes it true. See `events` for the order."""

    __tablename__ = "event"
    __table_args__ = ({"comment": "append-only"},)
    position: int = Field(
        sa_type=BigInteger,
        primary_key=True,
        sa_column_kwargs={"server_default": text("payments.event_position()")},
    )
    kind: str = Field(sa_type=Text)
    owner_id: UUID | None = None
    subject_id: UUID
    data: dict[str, Any] = Field(sa_type=JSONB)
    at: datetime = Field(sa_type=INSTANT)


class EventEpochRow(Base, table=True):
    """How far transaction numbers of this server are behind those in `event`; one row."""

    __tablename__ = "event_epoch"
    __table_args__ = (CheckConstraint("id = 1", name="id"), {"comment": "append-only"})
    id: int = Field(default=1, sa_type=SmallInteger, primary_key=True)
    ahead: int = Field(default=0, sa_type=BigInteger)
