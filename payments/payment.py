"""A payment: one request for money, and the moves it may make. Pure."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

AMOUNT_VND_MIN = 1
AMOUNT_VND_MAX = 499_999_999
"""The largest single transfer NAPAS 247 carries."""
EXPIRY_GRACE = timedelta(minutes=2)
"""How long after its deadline a payment still waits: a notice of money that came in time is later
than the money, and expired money is never revived by itself."""

Method = Literal["vietqr", "vnpay", "stripe"]
Purpose = Literal["sale", "test", "charge"]


class PaymentState(StrEnum):
    """Open and partial wait for money; the others are final."""

    OPEN = "open"
    PARTIAL = "partial"
    SETTLED = "settled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


WAITING = frozenset({PaymentState.OPEN, PaymentState.PARTIAL})


class OpenPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for money. `id` is made by the caller and is the idempotency key."""

    id: UUID
    owner_id: UUID
    """Whose money it will be."""
    place_id: UUID | None = None
    """The platform's stall."""
    payee_id: UUID | None = None
    """The bank account that receives it; None on the acquired road."""
    amount_vnd: int
    method: Method = "vietqr"
    purpose: Purpose = "sale"
    code: str
    """Carried by the buyer's transfer; see `new_code`."""
    expires_at: datetime


class Payment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A payment as stored. `received_vnd` is what came for it, too much included."""

    id: UUID
    owner_id: UUID
    place_id: UUID | None
    payee_id: UUID | None
    amount_vnd: int
    received_vnd: int
    method: str
    purpose: str
    code: str
    state: PaymentState
    opened_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    """When it was settled, cancelled or found expired."""

    @property
    def missing_vnd(self) -> int:
        """What is still asked for."""
        return max(0, self.amount_vnd - self.received_vnd)

    def takes_money(self, at: datetime) -> bool:
        """Whether money that came at that instant is for this payment, not too late for it."""
        return self.state in WAITING and at <= self.expires_at

    def after(self, amount_vnd: int, at: datetime) -> "Payment":
        """The payment once so much more has come: settled when nothing is missing."""
        assert self.state in WAITING
        assert amount_vnd > 0
        received_vnd = self.received_vnd + amount_vnd
        complete = received_vnd >= self.amount_vnd
        return msgspec.structs.replace(
            self,
            received_vnd=received_vnd,
            state=PaymentState.SETTLED if complete else PaymentState.PARTIAL,
            ended_at=at if complete else None,
        )


def same_request(known: Payment, command: OpenPayment) -> bool:
    """Whether a command asks for what is already stored; code and deadline may differ on a retry."""
    fields = ("owner_id", "place_id", "payee_id", "amount_vnd", "method", "purpose")
    return all(getattr(known, field) == getattr(command, field) for field in fields)


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """An owner's own bank account that receives transfers."""

    id: UUID
    owner_id: UUID
    bank_bin: str
    account_no: str
    retired_at: datetime | None = None
