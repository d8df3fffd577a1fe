"""The rows of what is done about issued invoices that are wrong, or right no longer."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field

from market.tables import INSTANT, Base


class CorrectionRow(Base, table=True):
    """One thing wrong with one invoice, or one refund: what was chosen, and what came of it.

    Its id is also that of the invoice or the message it leads to, so that it is written once.
    """

    __tablename__ = "correction"
    __table_args__ = (
        CheckConstraint(
            "action IN ('', 'notify', 'adjust', 'replace')",
            name="action",
        ),
        CheckConstraint(
            "state IN ('waiting', 'asking', 'agreeing', 'written', 'not_needed', 'withdrawn')",
            name="state",
        ),
        CheckConstraint("amount_vnd >= 0", name="amount_vnd"),
        CheckConstraint("state <> 'written' OR action <> ''", name="written"),
        Index("ix_correction_vendor_id", "vendor_id", "created_at"),
        Index("ix_correction_invoice_id", "invoice_id"),
        Index("ix_correction_sale_id", "sale_id"),
        Index("ix_correction_listed_ids", "listed_ids", postgresql_using="gin"),
        Index("ix_correction_waiting", "created_at", postgresql_where=text("state = 'waiting'")),
    )
    id: UUID = Field(primary_key=True)
    vendor_id: UUID
    sale_id: UUID
    invoice_id: UUID | None = None
    """The invoice in force that is corrected; None while the sale has none."""
    listed_ids: list[UUID] = Field(default_factory=list, sa_type=ARRAY(Uuid))
    """Every invoice that is corrected where it is several by a list 01/BK-ĐCTT; else none."""
    refund_id: UUID | None = Field(default=None, unique=True)
    amount_vnd: int = Field(default=0, sa_type=BigInteger)
    """By how much a refund made the sale smaller."""
    faults: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    """Values of einvoice.Fault."""
    said: str = Field(default="", sa_type=Text)
    """The reason in words, as the notice and the agreement say it."""
    action: str = Field(default="", sa_type=Text)
    state: str = Field(sa_type=Text)
    content: dict[str, Any] = Field(default_factory=dict, sa_type=JSONB)
    """The right buyer and lines, as they will be written."""
    agreement_no: str = Field(default="", sa_type=Text)
    agreed_on: date | None = None
    told_at: datetime | None = Field(default=None, sa_type=INSTANT)
    """When the buyer was told: the page behind the invoice's code says it from then on."""
    created_by: UUID | None = None
    created_at: datetime = Field(sa_type=INSTANT)
    written_at: datetime | None = Field(default=None, sa_type=INSTANT)
