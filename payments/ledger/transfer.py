"""A transfer, why money moves, and what may become of one that is posted."""

from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

import msgspec

TRANSFER_VND_MAX = 10**14
"""No single movement is larger: a typing error is refused before it can overflow a sum."""
NO_ID = UUID(int=0)


class TransferKind(IntEnum):
    """Why money moved; stored as a small number, so a number is never used again."""

    SALE = 1
    """The last money of a payment, into sales."""
    HELD = 2
    """Money that came and waits in suspense."""
    RELEASED = 3
    """Short money that waited, into sales once its payment is complete."""
    CASH_SALE = 4
    TEST = 5
    """Money of a test payment; never takings."""
    CHARGE = 6
    """The last money of a charge of the hall."""
    STAND_SALE = 7
    """Money that came by a printed code: a sale of its own."""
    REFUND = 8
    FEE = 9
    PAYOUT = 10
    REVERSAL = 11
    OTHER = 12
    ASSIGNED = 13
    """Money that waited in suspense, into sales because a person said for which one."""


class Outcome(StrEnum):
    """What happened to a transfer. Where several would be true, the first of this list is said."""

    INVALID = "invalid"
    """Not a movement: no positive amount, too large, or an account paying itself."""
    ALREADY_POSTED = "already_posted"
    """This very order was carried out before. A retry of what was posted always gets this."""
    ID_REUSED = "id_reused"
    """The id stands for other content; the first one is kept."""
    ACCOUNT_UNKNOWN = "account_unknown"
    OWNER_MISMATCH = "owner_mismatch"
    """An account, or another order of its linked set, belongs to another owner."""
    ACCOUNT_CLOSED = "account_closed"
    ACCOUNT_FROZEN = "account_frozen"
    """Somebody stopped one of the accounts for now; what is held there may still be voided."""
    ORIGINAL_UNKNOWN = "original_unknown"
    """The owner has no transfer of this id that could be given back."""
    OVER_ORIGINAL = "over_original"
    """More would be given back than the original moved; a reversal needs all of it."""
    HOLD_UNKNOWN = "hold_unknown"
    HOLD_POSTED = "hold_posted"
    """The hold was posted before, by another order."""
    HOLD_VOIDED = "hold_voided"
    HOLD_EXPIRED = "hold_expired"
    """Its deadline is past by the database's clock; what it held is free again."""
    OVER_HOLD = "over_hold"
    """More than is held."""
    OVERDRAWN = "overdrawn"
    """It would take an account below its smallest balance, beside all that is held."""
    LIMIT = "limit"
    """It would take an account above its largest balance, beside all that is held."""
    DAILY_LIMIT = "daily_limit"
    """More would leave an account on this Vietnamese day than its cap allows."""
    LINKED_FAILED = "linked_failed"
    """Nothing wrong with it alone, but another of its linked set could not be posted."""
    FAILED = "failed"
    """The database refused it; nothing of it stands. A person must look."""
    POSTED = "posted"


OUTCOMES = tuple(Outcome)
"""Outcomes by number, as `Ledger.post_array` answers them."""


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """An amount from one account of an owner (credit) to another (debit).

    `id` is the idempotency key within the owner's lane: UUIDv7, made where the movement was first
    known. `place_id` is the platform's stall, so that takings follow from the journal alone.
    """

    id: UUID
    owner_id: UUID
    debit_id: UUID
    credit_id: UUID
    amount_vnd: int
    kind: TransferKind
    occurred_at: datetime
    subject_id: UUID = NO_ID
    """The receipt or the sale it belongs to."""
    place_id: UUID = NO_ID
