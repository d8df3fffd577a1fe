"""What may be asked of the ledger besides a plain transfer. Each is known by its own id."""

from datetime import datetime
from uuid import UUID

import msgspec

from payments.ledger.transfer import NO_ID, Transfer, TransferKind


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """Set money aside until `expires_at`: nobody else can take it, nobody has it yet.

    Holds have ids of their own kind: a transfer may carry the same id without being the same.
    """

    id: UUID
    owner_id: UUID
    debit_id: UUID
    credit_id: UUID
    amount_vnd: int
    kind: TransferKind
    occurred_at: datetime
    expires_at: datetime
    subject_id: UUID = NO_ID
    place_id: UUID = NO_ID


class PostHold(msgspec.Struct, frozen=True, kw_only=True):
    """Move what is held, or part of it; what is left is free again. `id` is the transfer's."""

    id: UUID
    owner_id: UUID
    hold_id: UUID
    occurred_at: datetime
    amount_vnd: int | None = None
    """All of it where None."""


class VoidHold(msgspec.Struct, frozen=True, kw_only=True):
    """Free what is held; nothing moves."""

    id: UUID
    owner_id: UUID
    hold_id: UUID
    occurred_at: datetime


class Refund(msgspec.Struct, frozen=True, kw_only=True):
    """Give back some of a transfer: from the place its money lies to the owner's `refunds`.

    All that is given back of one transfer is never more than it.
    """

    id: UUID
    owner_id: UUID
    original_id: UUID
    amount_vnd: int
    occurred_at: datetime


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """Undo a transfer of which nothing was given back: the same amount, the other way round."""

    id: UUID
    owner_id: UUID
    original_id: UUID
    occurred_at: datetime


Order = Transfer | Hold | PostHold | VoidHold | Refund | Reversal
