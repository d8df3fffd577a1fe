"""A message of ours before it is sent: its header and its row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from einvoice import envelope, rules
from einvoice.envelope import Header
from einvoice.identifiers import message_code
from einvoice.seal import VIETNAM
from einvoice.tables import MessageRow

PACKAGES = (envelope.FOR_A_CODE, envelope.WITHOUT_CODE, envelope.CASH_REGISTER_INVOICES)
"""Kinds that carry invoices of ours."""


def header_of(
    kind: int, tax_id: str, sender: str, message_id: UUID, now: datetime, items: Sequence[Any] = ()
) -> Header:
    """The header of a message of ours. Raises: CodeInvalid."""
    return Header(
        version=rules.phrase("format_version", now.astimezone(VIETNAM).date()),
        sender=sender,
        kind=kind,
        code=message_code(sender, message_id),
        tax_id=tax_id,
        count=len(items) or 1,
    )


def queued(header: Header, body: bytes, owner_id: UUID, now: datetime) -> MessageRow:
    """The row of a message that is due at once; its id is the one in its code."""
    is_package = header.kind in PACKAGES
    return MessageRow(
        id=UUID(hex=header.code[-32:]),
        owner_id=owner_id,
        code=header.code,
        kind=header.kind,
        tax_id=header.tax_id,
        body=body,
        invoice_count=header.count if is_package else 0,
        due_at=now,
        created_at=now,
    )
