"""The rows of schema `einvoice`. They stay inside this package: values in, views out."""

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


class Base(
    SQLModel, registry=registry(metadata=MetaData(schema="einvoice", naming_convention=NAMES))
):
    """Everything this package stores."""


def _one_of(column: str, *values: str) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


class RegistrationRow(Base, table=True):
    """A seller's registration for e-invoices; accepted, it has the code prefix."""

    __tablename__ = "registration"
    __table_args__ = (_one_of("state", "sent", "received", "accepted", "refused"),)
    tax_id: str = Field(primary_key=True, sa_type=Text)
    owner_id: UUID = Field(index=True)
    name: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    code_prefix: str = Field(default="", sa_type=Text)
    forms: list[str] = Field(default_factory=list, sa_type=JSONB)
    """HTHDon: the forms of invoice it is for, by tag."""
    accepted_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When it first was; a change of it moves nothing here."""
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    message_id: UUID | None = None
    changed_at: datetime = Field(sa_type=INSTANT)


class SeriesRow(Base, table=True):
    """The last number given in one series. Its row lock makes numbers without gaps."""

    __tablename__ = "series"
    __table_args__ = (
        CheckConstraint("last_number BETWEEN 0 AND 99999999", name="last_number"),
        Index("ix_series_owner_id", "owner_id"),
    )
    tax_id: str = Field(primary_key=True, sa_type=Text)
    template: int = Field(primary_key=True)
    symbol: str = Field(primary_key=True, sa_type=Text)
    """Its second and third character are the year."""
    owner_id: UUID
    last_number: int = 0


class CodeCounterRow(Base, table=True):
    """The last of the eleven digits given after one prefix, e.g. M2-26-A1B2C."""

    __tablename__ = "code_counter"
    __table_args__ = (
        CheckConstraint("last_serial BETWEEN 0 AND 99999999999", name="last_serial"),
        Index("ix_code_counter_owner_id", "owner_id"),
    )
    prefix: str = Field(primary_key=True, sa_type=Text)
    owner_id: UUID
    last_serial: int = Field(default=0, sa_type=BigInteger)


class MessageRow(Base, table=True):
    """A message to the tax authority, its bytes kept before it is sent and sent again as they are."""

    __tablename__ = "message"
    __table_args__ = (
        _one_of("state", "pending", "sent", "received", "accepted", "rejected"),
        Index(
            "ix_message_due_at",
            "due_at",
            postgresql_where=text("state IN ('pending', 'sent', 'received')"),
        ),
        Index("ix_message_owner_id_created_at", "owner_id", "created_at"),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    code: str = Field(sa_type=Text, unique=True)
    """MTDiep."""
    kind: int
    tax_id: str = Field(sa_type=Text)
    body: bytes = Field(sa_type=LargeBinary)
    invoice_count: int = 0
    state: str = Field(default="pending", sa_type=Text)
    due_at: datetime = Field(sa_type=INSTANT)
    """When it is (again) to be sent, unless a verdict comes first."""
    attempts: int = 0
    error: str = Field(default="", sa_type=Text)
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    created_at: datetime = Field(sa_type=INSTANT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)


class ReplyRow(Base, table=True):
    """A reply as it came, once."""

    __tablename__ = "reply"
    __table_args__ = (
        Index("ix_reply_message_id", "message_id"),
        {"comment": "append-only"},
    )
    code: str = Field(primary_key=True, sa_type=Text)
    """The authority's MTDiep."""
    owner_id: UUID
    message_id: UUID = Field(sa_column_args=(ForeignKey("einvoice.message.id"),))
    kind: int
    body: bytes = Field(sa_type=LargeBinary)
    received_at: datetime = Field(sa_type=INSTANT)


class InvoiceRow(Base, table=True):
    """An issued invoice. What it says is frozen; where it stands with the authority moves on."""

    __tablename__ = "invoice"
    __table_args__ = (
        _one_of("kind", "original", "replacement", "adjustment"),
        _one_of("state", "numbered", "sent", "accepted", "rejected"),
        _one_of("correction", "", "replaced", "adjusted"),
        CheckConstraint("number BETWEEN 1 AND 99999999", name="number"),
        CheckConstraint("(kind = 'original') = (corrects_id IS NULL)", name="corrects_id"),
        CheckConstraint("code IS NOT NULL OR substr(symbol, 4, 1) <> 'M'", name="code"),
        UniqueConstraint("tax_id", "template", "symbol", "number"),
        Index(
            "uq_invoice_original",
            "owner_id",
            "subject_id",
            unique=True,
            postgresql_where=text("kind = 'original'"),
        ),
        Index("ix_invoice_owner_id_issued_at", "owner_id", "issued_at"),
        Index(
            "ix_invoice_waiting",
            "tax_id",
            "number",
            postgresql_where=text("state = 'numbered' AND message_id IS NULL"),
        ),
        Index(
            "ix_invoice_undelivered",
            "owner_id",
            "due_on",
            postgresql_where=text("delivered_at IS NULL"),
        ),
        Index("ix_invoice_message_id", "message_id"),
        Index("ix_invoice_subject_id", "subject_id"),
        Index("ix_invoice_corrects_id", "corrects_id"),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID
    subject_id: UUID
    """What was sold: the platform's sale."""
    kind: str = Field(default="original", sa_type=Text)
    corrects_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("einvoice.invoice.id"),)
    )
    tax_id: str = Field(sa_type=Text)
    template: int
    symbol: str = Field(sa_type=Text)
    number: int
    code: str | None = Field(default=None, sa_type=Text, unique=True)
    """MCCQT: a till's own from the start; an ordinary one once the authority gave it; else none."""
    delegate_tax_id: str = Field(default="", sa_type=Text)
    """Who issues and signs for the seller, if somebody does."""
    issued_on: date
    due_on: date
    """The last day to send it, by the law of the day it was issued."""
    issued_at: datetime = Field(sa_type=INSTANT)
    payable_vnd: int = Field(sa_type=BigInteger)
    lookup_code: str = Field(sa_type=Text, unique=True)
    digest: bytes = Field(sa_type=LargeBinary)
    """SHA-256 of the command, so that an id used again with other content is told apart."""
    xml: bytes = Field(sa_type=LargeBinary)
    """The invoice itself: everything it says is read from here."""
    coded_xml: bytes | None = Field(default=None, sa_type=LargeBinary)
    """The same with the authority's code and signature, byte for byte as it came (202)."""
    created_at: datetime = Field(sa_type=INSTANT)
    state: str = Field(default="numbered", sa_type=Text)
    correction: str = Field(default="", sa_type=Text)
    message_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("einvoice.message.id"),)
    )
    batch: str = Field(default="", sa_type=Text)
    """Invoices of a refused package are sent again in halves; each half has a name of its own."""
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    decided_at: datetime | None = Field(default=None, sa_type=INSTANT)
    delivered_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When the authority said it received it, in a package that was not refused."""
    is_late: bool = False
    """That was after the last day."""


class TillRow(Base, table=True):
    """The letters of one till: its series is its own, so that it numbers without a network."""

    __tablename__ = "till"
    tax_id: str = Field(primary_key=True, sa_type=Text)
    letters: str = Field(primary_key=True, sa_type=Text)
    owner_id: UUID = Field(index=True)
    till_id: UUID = Field(unique=True)


class CodeRangeRow(Base, table=True):
    """Serials behind a code prefix that one till hands out by itself."""

    __tablename__ = "code_range"
    __table_args__ = (
        CheckConstraint("first_serial BETWEEN 1 AND last_serial", name="first_serial"),
        CheckConstraint("last_serial <= 99999999999", name="last_serial"),
        Index("ix_code_range_till_id", "till_id"),
        {"comment": "append-only"},
    )
    prefix: str = Field(primary_key=True, sa_type=Text)
    first_serial: int = Field(primary_key=True, sa_type=BigInteger)
    last_serial: int = Field(sa_type=BigInteger)
    owner_id: UUID = Field(index=True)
    till_id: UUID
    reserved_at: datetime = Field(sa_type=INSTANT)


class DelegationRow(Base, table=True):
    """A contract by which one party issues invoices for another, and what the authority said of it."""

    __tablename__ = "delegation"
    __table_args__ = (
        _one_of("state", "draft", "sent", "received", "accepted", "refused", "ended"),
        CheckConstraint("valid_to >= valid_from", name="valid_to"),
        UniqueConstraint("tax_id", "delegate_tax_id", "contract_number"),
        Index("ix_delegation_message_id", "message_id"),
        Index("ix_delegation_delegate_tax_id", "delegate_tax_id"),
    )
    id: UUID = Field(primary_key=True)
    owner_id: UUID = Field(index=True)
    """The seller's."""
    tax_id: str = Field(sa_type=Text)
    name: str = Field(sa_type=Text)
    address: str = Field(sa_type=Text)
    delegate_owner_id: UUID
    delegate_tax_id: str = Field(sa_type=Text)
    delegate_name: str = Field(sa_type=Text)
    delegate_address: str = Field(sa_type=Text)
    contract_number: str = Field(sa_type=Text)
    signed_on: date
    purpose: str = Field(sa_type=Text)
    payment_form: str = Field(sa_type=Text)
    template: int
    letters: str = Field(sa_type=Text)
    valid_from: date
    valid_to: date
    state: str = Field(default="draft", sa_type=Text)
    message_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("einvoice.message.id"),)
    )
    reasons: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    changed_at: datetime = Field(sa_type=INSTANT)


class DemandRow(Base, table=True):
    """What the authority asked by itself: to review invoices (302), to change the service (105)."""

    __tablename__ = "demand"
    __table_args__ = (Index("ix_demand_owner_id_answered_at", "owner_id", "answered_at"),)
    code: str = Field(primary_key=True, sa_type=Text)
    """The authority's MTDiep."""
    owner_id: UUID
    tax_id: str = Field(sa_type=Text)
    kind: int
    number: str = Field(sa_type=Text)
    said_on: date
    answer_by: date | None = None
    body: bytes = Field(sa_type=LargeBinary)
    received_at: datetime = Field(sa_type=INSTANT)
    answered_at: datetime | None = Field(default=None, sa_type=INSTANT)


class OutageRow(Base, table=True):
    """A time in which the authority could not be reached: the evidence, and what deadlines rest on."""

    __tablename__ = "outage"
    __table_args__ = (
        CheckConstraint("ended_at >= began_at", name="ended_at"),
        Index("uq_outage_open", "source", unique=True, postgresql_where=text("ended_at IS NULL")),
    )
    id: UUID = Field(primary_key=True)
    source: str = Field(sa_type=Text)
    began_at: datetime = Field(sa_type=INSTANT)
    ended_at: datetime | None = Field(default=None, sa_type=INSTANT)
    why: str = Field(default="", sa_type=Text)


class AlarmRow(Base, table=True):
    """An alarm that was raised: one per owner, last day and level."""

    __tablename__ = "alarm"
    __table_args__ = (_one_of("level", "soon", "late"), {"comment": "append-only"})
    owner_id: UUID = Field(primary_key=True)
    due_on: date = Field(primary_key=True)
    level: str = Field(primary_key=True, sa_type=Text)
    invoice_count: int
    raised_at: datetime = Field(sa_type=INSTANT)


class PullPositionRow(Base, table=True):
    """How far the replies of one authority have been read."""

    __tablename__ = "pull_position"
    source: str = Field(primary_key=True, sa_type=Text)
    position: int = Field(default=0, sa_type=BigInteger)
