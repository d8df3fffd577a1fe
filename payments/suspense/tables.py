"""The rows of what people decided about waiting money. They stay inside this package."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from payments.tables import INSTANT, Base, ReceiptRow


class DecisionRow(Base, table=True):
    """What somebody decided about one or several cases, or took back. Planned, then carried out."""

    __tablename__ = "suspense_decision"
    __table_args__ = (
        CheckConstraint("state IN ('planned', 'posted', 'refused', 'undone')", name="state"),
        Index(
            "ix_suspense_decision_planned",
            "decided_at",
            postgresql_where=text("state = 'planned'"),
        ),
        Index("ix_suspense_decision_owner_id", "owner_id", "decided_at"),
    )
    id: UUID = Field(primary_key=True)
    """The transfers' ids follow from it."""
    owner_id: UUID
    undoes_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("payments.suspense_decision.id"),)
    )
    state: str = Field(default="planned", sa_type=Text)
    outcome: str = Field(default="", sa_type=Text)
    """Why the ledger refused it."""
    decided_by: UUID
    reason: str = Field(default="", sa_type=Text)
    shares: list[dict[str, Any]] = Field(sa_type=JSONB)
    """The cases and what each of them gives."""
    parts: list[dict[str, Any]] = Field(sa_type=JSONB)
    """What the money was for."""
    occurred_at: datetime = Field(sa_type=INSTANT)
    """When the last of the money came; takings count there."""
    decided_at: datetime = Field(sa_type=INSTANT)


class CaseRow(Base, table=True):
    """A receipt somebody decided about: its version, and the decision that stands."""

    __tablename__ = "suspense_case"
    receipt_id: UUID = Field(primary_key=True)
    owner_id: UUID = Field(index=True)
    version: int = Field(default=0, sa_type=BigInteger)
    decision_id: UUID | None = Field(
        default=None, sa_column_args=(ForeignKey("payments.suspense_decision.id"),)
    )


class TargetRow(Base, table=True):
    """A payment that waiting money was assigned to: its key lets that happen once."""

    __tablename__ = "suspense_target"
    __table_args__ = (UniqueConstraint("decision_id", "payment_id"),)
    payment_id: UUID = Field(primary_key=True)
    owner_id: UUID
    decision_id: UUID = Field(sa_column_args=(ForeignKey("payments.suspense_decision.id"),))


class AuditRow(Base, table=True):
    """What became of a case: who, when, what, before and after."""

    __tablename__ = "suspense_audit"
    __table_args__ = (
        CheckConstraint("action IN ('resolved', 'undone', 'refused')", name="action"),
        UniqueConstraint("receipt_id", "version"),
        {"comment": "append-only"},
    )
    decision_id: UUID = Field(primary_key=True)
    receipt_id: UUID = Field(primary_key=True)
    owner_id: UUID
    version: int = Field(sa_type=BigInteger)
    action: str = Field(sa_type=Text)
    decided_by: UUID
    reason: str = Field(sa_type=Text)
    before: dict[str, Any] = Field(sa_type=JSONB)
    after: dict[str, Any] = Field(sa_type=JSONB)
    at: datetime = Field(sa_type=INSTANT)


TO_RESOLVE = (
    "outcome IN ('short', 'over', 'late', 'duplicate_payment', 'unmatched', 'suggested',"
    " 'foreign_code', 'amount_mismatch')"
)
"""Receipts of which money went, or may have gone, into suspense."""
Index(
    "ix_receipt_to_resolve",
    ReceiptRow.__table__.c.owner_id,  # type: ignore[attr-defined]  # made by SQLModel
    ReceiptRow.__table__.c.occurred_at,  # type: ignore[attr-defined]
    postgresql_where=text(TO_RESOLVE),
)
