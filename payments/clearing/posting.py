"""What a session's rows mean for the ledger: fees, and what an acquirer adjusted. Pure.

Each transfer's id follows from the session and the row, led by the transaction's own time, so that
a session is posted once however often it is tried.
"""

from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

import msgspec

from payments.ledger.accounts import AccountKind, AccountName
from payments.ledger.transfer import NO_ID, Transfer, TransferKind

_FEES, _ACQUIRER = AccountKind.FEES, AccountKind.ACQUIRER


class PayableRow(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row that is not held."""

    session_id: UUID
    seq: int
    owner_id: UUID
    receipt_id: UUID | None
    acquirer: str
    txn_type: str
    occurred_at: datetime
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int


def derived_id(at: datetime, *parts: object) -> UUID:
    """A UUIDv7 of this instant whose other bits follow from the parts: always the same."""
    digest = int.from_bytes(
        blake2b(":".join(map(str, parts)).encode(), digest_size=16).digest(), "big"
    )
    milliseconds = int(at.timestamp() * 1000)
    value = (milliseconds << 80) | (digest & ((1 << 80) - 1))
    value = value & ~(0xF << 76) | (0x7 << 76)
    return UUID(int=value & ~(0x3 << 62) | (0x2 << 62))


def accounts_of(row: PayableRow) -> tuple[AccountName, ...]:
    """The accounts its transfers touch; opened where they do not stand."""
    return (
        AccountName(row.owner_id, _FEES),
        AccountName(row.owner_id, _ACQUIRER, row.acquirer),
    )


def transfers_of(row: PayableRow) -> Iterator[Transfer]:
    """What the row moves: its fee with VAT, and the whole of an adjustment.

    Payments, refunds and chargebacks are in the ledger already: that is what was reconciled.
    """
    moves = [("fee", -(row.fee_vnd + row.fee_vat_vnd))]
    if row.txn_type == "ADJUST":
        moves.append(("adjust", row.amount_vnd))
    for what, amount_vnd in moves:
        if amount_vnd:
            yield toward(
                row.owner_id,
                row.acquirer,
                amount_vnd,
                id=derived_id(row.occurred_at, row.session_id, row.seq, what),
                occurred_at=row.occurred_at,
                subject_id=row.receipt_id or NO_ID,
            )


def toward(
    owner_id: UUID,
    acquirer: str,
    amount_vnd: int,
    *,
    id: UUID,  # noqa: A002 - the transfer's own name
    occurred_at: datetime,
    subject_id: UUID = NO_ID,
) -> Transfer:
    """What the acquirer owes the vendor more (or, below zero, less), against the vendor's fees."""
    assert amount_vnd != 0
    fees = AccountName(owner_id, _FEES).id
    owed = AccountName(owner_id, _ACQUIRER, acquirer).id
    debit_id, credit_id = (owed, fees) if amount_vnd > 0 else (fees, owed)
    return Transfer(
        id=id,
        owner_id=owner_id,
        debit_id=debit_id,
        credit_id=credit_id,
        amount_vnd=abs(amount_vnd),
        kind=TransferKind.FEE,
        occurred_at=occurred_at,
        subject_id=subject_id,
    )
