"""The rows of lists 01/BK-ĐCTT: which invoices one new invoice corrects. They stay inside this package."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from einvoice.tables import Base


class ListedInvoiceRow(Base, table=True):
    """One wrong invoice of a list, and its part of what the new invoice says."""

    __tablename__ = "listed_invoice"
    __table_args__ = (
        CheckConstraint("place BETWEEN 1 AND 1000", name="place"),
        Index("ix_listed_invoice_invoice_id", "invoice_id"),
        Index("ix_listed_invoice_owner_id_subject_id", "owner_id", "subject_id"),
        {"comment": "append-only"},
    )
    correcting_id: UUID = Field(
        primary_key=True, sa_column_args=(ForeignKey("einvoice.invoice.id"),)
    )
    place: int = Field(primary_key=True)
    invoice_id: UUID = Field(sa_column_args=(ForeignKey("einvoice.invoice.id"),))
    owner_id: UUID
    subject_id: UUID
    """The sale of the wrong invoice: its invoice in force is the new one, if that replaces it."""
    fault: str = Field(sa_type=Text)
    difference_vnd: int = Field(sa_type=BigInteger)
    lines: list[dict[str, Any]] = Field(default_factory=list, sa_type=JSONB)
    """The differences that are of this invoice."""
