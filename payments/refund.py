"""A refund on its way: its states, what the acquirer may answer, and what follows. Pure."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

Road = Literal["acquired", "direct", "cash", "dispute"]
REASON_LENGTH_MAX = 200


class RefundState(StrEnum):
    """Done and refused are final."""

    ASKED = "asked"
    """Somebody wants it; nothing has left yet."""
    UNKNOWN = "unknown"
    """It may have left: nobody knows until the acquirer is asked. Never resent before that."""
    SENT = "sent"
    """Accepted, or a transfer the vendor says they made; the money is on its way."""
    DONE = "done"
    """The money went back and the ledger has it."""
    REFUSED = "refused"


FINAL = frozenset({RefundState.DONE, RefundState.REFUSED})


class Answered(StrEnum):
    """What an answer about a refund says."""

    ACCEPTED = "accepted"
    CONFIRMED = "confirmed"
    """The money went back."""
    REFUSED = "refused"
    ABSENT = "absent"
    """Asked, the acquirer knows of no such refund."""
    UNCLEAR = "unclear"
    """No answer, or one that says neither yes nor no."""


class RefundAnswer(msgspec.Struct, frozen=True):
    """An acquirer's word about one refund."""

    kind: Answered
    refund_no: str = ""
    detail: str = ""


def after(state: RefundState, answer: Answered, *, was_answered: bool) -> RefundState:
    """The state once the acquirer has spoken; CONFIRMED waits as SENT until the ledger has it.

    `was_answered`: the acquirer answered the request itself, if only with an error. A request that
    is absent and never was answered got lost on the way: it is asked for again, under its own id.
    """
    if state in FINAL:
        return state
    if answer is Answered.UNCLEAR:
        return RefundState.UNKNOWN if state is RefundState.ASKED else state
    if answer is Answered.ABSENT:
        if state is not RefundState.UNKNOWN:
            return state  # accepted before: an acquirer does not forget, a person must look
        return RefundState.REFUSED if was_answered else RefundState.ASKED
    return RefundState.REFUSED if answer is Answered.REFUSED else RefundState.SENT


class AskRefund(msgspec.Struct, frozen=True, kw_only=True):
    """Give money back. `id` is made by the caller and is the idempotency key."""

    id: UUID
    owner_id: UUID
    receipt_id: UUID
    amount_vnd: int
    reason: str = ""
    asked_by: UUID | None = None
    is_held: bool | None = None
    """Of takings, or of what a person put aside in suspense to be given back; None: takings first."""
    payment_id: UUID | None = None
    """Of which payment or sale, where a person gave the receipt's money to several; None: any."""
    road: Road | None = None
    """None: by API where an acquirer took the money, else a guided transfer. “cash”: of a sale that was
    paid in cash, whose id is `receipt_id`, out of the drawer."""
    code: str = ""
    """For the memo of a guided transfer; see `new_code`."""
    to_bank_bin: str = ""
    to_account_no: str = ""
    to_name: str = ""


class RefundRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A refund as stored."""

    id: UUID
    owner_id: UUID
    place_id: UUID | None
    payment_id: UUID | None
    receipt_id: UUID
    original_id: UUID
    is_held: bool
    road: str
    gateway: str
    provider_ref: str
    provider_no: str
    captured_vnd: int
    amount_vnd: int
    reason: str
    asked_by: UUID | None
    state: RefundState
    code: str
    to_bank_bin: str
    to_account_no: str
    to_name: str
    refund_no: str
    detail: str
    problem: str
    asked_at: datetime
    sent_at: datetime | None
    confirmed_at: datetime | None
    ended_at: datetime | None
    ask_from: datetime
    asked_count: int

    @property
    def is_whole(self) -> bool:
        """Whether all that was taken goes back at once."""
        return self.amount_vnd == self.captured_vnd


class Refundable(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came and could go back."""

    receipt_id: UUID
    owner_id: UUID
    place_id: UUID | None
    payment_id: UUID | None
    original_id: UUID
    is_held: bool
    """In suspense: what of it a person said goes back."""
    road: Road
    gateway: str
    provider_ref: str
    provider_no: str
    captured_vnd: int
    original_vnd: int
    """What the original transfer moved."""
    amount_vnd: int
    """What of that may go back at all."""
    left_vnd: int
    gone_vnd: int
    """Of the whole transfer, given back already or asked to be."""
    memo: str
    occurred_at: datetime


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """Money that went out, as a notice told it: a bank's transfer, a refund, a dispute."""

    id: UUID
    owner_id: UUID | None
    gateway: str
    provider_id: str
    reference: str
    memo: str
    payment_ref: str
    detail: str
    amount_vnd: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Payer:
    """Who sent a transfer, as far as its memo tells."""

    account_no: str
    name: str


_PAYER = re.compile(r"\bCT tu (?P<account>[A-Z0-9]{4,19}) (?P<name>[A-Z][A-Z .]{1,60}?) toi ")


def payer_in(memo: str) -> Payer | None:
    """The sender that some banks write into the memo ("CT tu 0123 NGUYEN VAN A toi …")."""
    found = _PAYER.search(memo)
    return Payer(found["account"], found["name"].strip()) if found else None
