"""The rows of settlement sessions and of what reconciliation found; in schema `payments`."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from payments.tables import INSTANT, Base, _one_of

ROW_TYPES = ("PAYMENT", "REFUND", "CHARGEBACK", "ADJUST")
STAGED_AMOUNTS = ("amount", "fee", "fee_vat", "net_amount")
STAGED_TEXTS = (
    "settlement_date",
    "tmn_code",
    "txn_ref",
    "provider_txn_no",
    "bank_tran_no",
    "bank_code",
    "txn_type",
    "txn_time",
    "currency",
    "status",
    "original_provider_txn_no",
    "remark",
)


class SettlementSessionRow(Base, table=True):
    """One acquirer's file of one Vietnamese day, and how far it has come."""

    __tablename__ = "settlement_session"
    __table_args__ = (
        _one_of(
            "state",
            "loaded",
            "checked",
            "reconciled",
            "approved",
            "instructed",
            "confirmed",
            "withdrawn",
        ),
        CheckConstraint("net_vnd = amount_vnd - fee_vnd - fee_vat_vnd", name="net_vnd"),
        CheckConstraint("row_count > 0", name="row_count"),
        CheckConstraint(
            "first_by IS NULL OR approved_by IS NULL OR first_by <> approved_by", name="two_persons"
        ),
        CheckConstraint(
            "state NOT IN ('approved', 'instructed', 'confirmed')"
            " OR (first_by IS NOT NULL AND approved_by IS NOT NULL)",
            name="approved",
        ),
        Index(
            "uq_settlement_session_day",
            "acquirer",
            "day",
            unique=True,
            postgresql_where=text("state <> 'withdrawn'"),
        ),
    )
    id: UUID = Field(primary_key=True)
    acquirer: str = Field(sa_type=Text)
    day: date
    state: str = Field(sa_type=Text)
    digest: bytes = Field(sa_type=LargeBinary)
    """SHA-256 of the file."""
    row_count: int = Field(sa_type=BigInteger)
    amount_vnd: int = Field(sa_type=BigInteger)
    fee_vnd: int = Field(sa_type=BigInteger)
    fee_vat_vnd: int = Field(sa_type=BigInteger)
    net_vnd: int = Field(sa_type=BigInteger)
    matched_count: int = Field(sa_type=BigInteger)
    loaded_by: UUID | None = None
    """Empty where a program loaded it."""
    loaded_at: datetime = Field(sa_type=INSTANT)
    first_by: UUID | None = None
    first_at: datetime | None = Field(default=None, sa_type=INSTANT)
    approved_by: UUID | None = None
    approved_at: datetime | None = Field(default=None, sa_type=INSTANT)
    instructed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    confirmed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    problem: str = Field(default="", sa_type=Text)
    """Why instructing stopped half way; a person must look. It may be tried again."""


class SettlementRowRow(Base, table=True):
    """One row of an acquirer's file, as the acquirer wrote it, and whose it was found to be."""

    __tablename__ = "settlement_row"
    __table_args__ = (
        _one_of("txn_type", *ROW_TYPES),
        CheckConstraint("net_vnd = amount_vnd - fee_vnd - fee_vat_vnd", name="net_vnd"),
        Index("ix_settlement_row_provider", "acquirer", "provider_txn_no"),
        Index("ix_settlement_row_owner_id", "owner_id", "session_id"),
        {"comment": "append-only"},
    )
    session_id: UUID = Field(primary_key=True)
    """No foreign key: it would be looked up a million times in one load."""
    seq: int = Field(sa_type=Integer, primary_key=True)
    owner_id: UUID | None = None
    receipt_id: UUID | None = None
    acquirer: str = Field(sa_type=Text)
    day: date
    txn_type: str = Field(sa_type=Text)
    txn_ref: str = Field(sa_type=Text)
    provider_txn_no: str = Field(sa_type=Text)
    original_provider_txn_no: str = Field(sa_type=Text)
    bank_code: str = Field(sa_type=Text)
    occurred_at: datetime = Field(sa_type=INSTANT)
    amount_vnd: int = Field(sa_type=BigInteger)
    fee_vnd: int = Field(sa_type=BigInteger)
    fee_vat_vnd: int = Field(sa_type=BigInteger)
    net_vnd: int = Field(sa_type=BigInteger)
    remark: str = Field(sa_type=Text)


class BankStatementRow(Base, table=True):
    """A bank statement that was compared; the same file is not compared twice."""

    __tablename__ = "bank_statement"
    __table_args__ = (
        CheckConstraint("first_day <= last_day", name="days"),
        {"comment": "append-only"},
    )
    id: UUID = Field(primary_key=True)
    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    format: str = Field(sa_type=Text)
    account_no: str = Field(sa_type=Text)
    owner_id: UUID | None = None
    first_day: date
    last_day: date
    line_count: int = Field(sa_type=BigInteger)
    in_vnd: int = Field(sa_type=BigInteger)
    out_vnd: int = Field(sa_type=BigInteger)
    matched_count: int = Field(sa_type=BigInteger)
    loaded_by: UUID | None = None
    loaded_at: datetime = Field(sa_type=INSTANT)


class DifferenceRow(Base, table=True):
    """Where an outside record and ours disagree, and what a person made of it.

    A difference of a session's row holds that row back: it is in no payout until it is released.
    """

    __tablename__ = "difference"
    __table_args__ = (
        _one_of(
            "class",
            "missing_local",
            "missing_provider",
            "amount_mismatch",
            "status_mismatch",
            "fee_mismatch",
            "duplicate",
        ),
        _one_of("state", "open", "resolving", "resolved"),
        CheckConstraint("(state = 'open') = (resolution = '')", name="resolution"),
        CheckConstraint("num_nonnulls(session_id, statement_id) = 1", name="source"),
        Index("ix_difference_session_id", "session_id"),
        Index("ix_difference_owner_id", "owner_id", "day"),
        Index("ix_difference_open", "day", postgresql_where=text("state <> 'resolved'")),
    )
    id: UUID = Field(primary_key=True)
    session_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("payments.settlement_session.id"),)
    )
    statement_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("payments.bank_statement.id"),)
    )
    seq: int | None = Field(default=None, sa_type=Integer)
    """The row of the file that is held; none where the file does not have it."""
    owner_id: UUID | None = None
    receipt_id: UUID | None = None
    class_: str = Field(sa_type=Text, sa_column_kwargs={"name": "class"})
    source: str = Field(sa_type=Text)
    """The acquirer, or the bank account's number."""
    day: date
    reference: str = Field(sa_type=Text)
    """The number by which the other side finds it."""
    theirs_vnd: int | None = Field(default=None, sa_type=BigInteger)
    ours_vnd: int | None = Field(default=None, sa_type=BigInteger)
    held_vnd: int = Field(default=0, sa_type=BigInteger)
    """The net of the row that is held."""
    facts: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    state: str = Field(sa_type=Text)
    resolution: str = Field(default="", sa_type=Text)
    reason: str = Field(default="", sa_type=Text)
    version: int = Field(default=0, sa_type=Integer)
    """Counts what was done; each attempt's transfers follow from it."""
    opened_at: datetime = Field(sa_type=INSTANT)
    resolved_by: UUID | None = None
    resolved_at: datetime | None = Field(default=None, sa_type=INSTANT)
    released_in: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("payments.settlement_session.id"),)
    )
    """The session whose payout has the row; from then on nothing can be undone."""


class DifferenceChangeRow(Base, table=True):
    """Who did what to a difference, when and why."""

    __tablename__ = "difference_change"
    __table_args__ = ({"comment": "append-only"},)
    difference_id: UUID = Field(
        primary_key=True, sa_column_args=(ForeignKey("payments.difference.id"),)
    )
    version: int = Field(sa_type=Integer, primary_key=True)
    owner_id: UUID | None = None
    action: str = Field(sa_type=Text)
    """A resolution's name, or "undo"."""
    reason: str = Field(sa_type=Text)
    by: UUID | None = None
    at: datetime = Field(sa_type=INSTANT)
    before: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    after: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)


class PayoutRow(Base, table=True):
    """What the acquirer is told to pay one vendor for one session: an instruction, no money."""

    __tablename__ = "payout"
    __table_args__ = (
        _one_of("state", "instructed", "confirmed", "nothing"),
        CheckConstraint("pay_vnd = GREATEST(net_vnd + carried_in_vnd, 0)", name="pay_vnd"),
        CheckConstraint("carried_out_vnd = LEAST(net_vnd + carried_in_vnd, 0)", name="carried"),
        CheckConstraint("(state = 'nothing') = (pay_vnd = 0)", name="nothing"),
        Index("ix_payout_owner_id", "owner_id", "day"),
    )
    session_id: UUID = Field(
        primary_key=True, sa_column_args=(ForeignKey("payments.settlement_session.id"),)
    )
    owner_id: UUID = Field(primary_key=True)
    acquirer: str = Field(sa_type=Text)
    day: date
    row_count: int = Field(sa_type=BigInteger)
    amount_vnd: int = Field(sa_type=BigInteger)
    fee_vnd: int = Field(sa_type=BigInteger)
    fee_vat_vnd: int = Field(sa_type=BigInteger)
    net_vnd: int = Field(sa_type=BigInteger)
    """Of this session's rows that are not held, and of held ones released into it."""
    carried_in_vnd: int = Field(sa_type=BigInteger)
    """What an earlier session left below zero; never above."""
    pay_vnd: int = Field(sa_type=BigInteger)
    carried_out_vnd: int = Field(sa_type=BigInteger)
    reference: str = Field(sa_type=Text, unique=True)
    """Stands in the text of the acquirer's credit."""
    state: str = Field(sa_type=Text)
    instructed_at: datetime = Field(sa_type=INSTANT)
    confirmed_at: datetime | None = Field(default=None, sa_type=INSTANT)
    confirmed_by: UUID | None = None
    receipt_id: UUID | None = None
    """The bank's notice of the credit, where one came."""


STAGING = Table(
    "staging",
    Base.metadata,
    Column("seq", Integer),
    *(Column(name, Text) for name in STAGED_TEXTS[:8]),
    *(Column(name, BigInteger, nullable=False) for name in STAGED_AMOUNTS),
    *(Column(name, Text) for name in STAGED_TEXTS[8:]),
    prefixes=["UNLOGGED"],
)
"""A file on its way through the comparison: unlogged and without a key, so that COPY runs free;
emptied by whoever comes next. Of bank statements only some columns are used."""
