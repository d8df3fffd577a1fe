"""What a verified confirmation says, and whose money it is. Pure; `settlement` says what it means.

`read` understands the notice as far as it goes without looking anything up; `route` finds the owner,
and the payment or the stand that is meant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any
from uuid import UUID

import msgspec

from payments import memo
from payments.confirmation import Confirmation
from payments.errors import ConfirmationInvalid
from payments.ledger.transfer import TRANSFER_VND_MAX
from payments.payment import Payment

VIETNAM = timezone(timedelta(hours=7))
"""Business dates are Vietnamese days."""
TEXT_LENGTH_MAX = 1_000
"""Longer than any bank's memo or reference; the raw notice keeps the rest."""
ALIKE_WITHIN = timedelta(minutes=2)
"""How far apart two sources may date one transfer."""
_TEXTS = (
    "provider_id",
    "reference",
    "memo",
    "account_no",
    "bank_bin",
    "payment_ref",
    "detail",
)
FAILED_KEY = "#failed"
"""Ends the key of a failed attempt: an acquirer's attempt may fail first and succeed later."""


class Earlier(msgspec.Struct, frozen=True, gc=False):
    """Money that stands already, as far as it says whether another source tells of it again."""

    gateway: str
    bank_bin: str
    reference: str
    memo: str
    occurred_at: datetime


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A confirmation, understood as far as it goes without looking anything up."""

    confirmation: Confirmation
    business_date: date
    provider_key: str
    codes: tuple[str, ...]
    payment_id: UUID | None
    digest: bytes

    @property
    def is_acquired(self) -> bool:
        """Whether an acquirer took the money, rather than the owner's own bank."""
        return not self.confirmation.account_no

    @property
    def reference_key(self) -> tuple[str, str] | None:
        """What two sources that report one bank transfer share."""
        told = self.confirmation
        return (told.account_no, told.reference) if self.is_credit and told.reference else None

    @property
    def is_credit(self) -> bool:
        """Whether money came on a bank account."""
        told = self.confirmation
        return bool(told.account_no) and told.direction == "in" and told.succeeded

    def tells_again(self, earlier: Earlier) -> bool:
        """Whether another source told of this very transfer, one of the two without a reference.

        Asked only of credits of the same amount on the same account number.
        """
        told = self.confirmation
        return (
            told.gateway != earlier.gateway
            and not (told.reference and earlier.reference)
            and abs(told.occurred_at - earlier.occurred_at) <= ALIKE_WITHIN
            and _same_bank(earlier.bank_bin or told.bank_bin, told.bank_bin)
            and memo.alike(told.memo, earlier.memo)
        )


class CodeEntry(msgspec.Struct, frozen=True, gc=False):
    """What a code stands for, for one owner."""

    code: str
    owner_id: UUID
    kind: str
    subject_id: UUID
    place_id: UUID | None


class PayeeEntry(msgspec.Struct, frozen=True, gc=False):
    """A receiving account that a notice may be about."""

    id: UUID
    owner_id: UUID
    bank_bin: str
    is_retired: bool


class Route(msgspec.Struct, frozen=True, gc=False):
    """Whose money it is and what it is for, as far as known."""

    owner_id: UUID | None = None
    payee_id: UUID | None = None
    payment_id: UUID | None = None
    stand: CodeEntry | None = None
    is_foreign: bool = False


def read(confirmation: Confirmation) -> Reading:
    """Understand a confirmation.

    Raises: ConfirmationInvalid where it cannot be a movement of money.
    """
    if not 0 < confirmation.amount_vnd <= TRANSFER_VND_MAX:
        raise ConfirmationInvalid(f"an amount of {confirmation.amount_vnd} đ")
    if confirmation.occurred_at.tzinfo is None:
        raise ConfirmationInvalid("an instant without a zone")
    if not confirmation.provider_id or not confirmation.gateway:
        raise ConfirmationInvalid("no id of the provider")
    confirmation = _storable(confirmation)
    reference = confirmation.payment_ref
    payment_id = payment_id_of(reference)
    named = [reference.upper()] if memo.is_code(reference.upper()) else []
    return Reading(
        confirmation=confirmation,
        business_date=confirmation.occurred_at.astimezone(VIETNAM).date(),
        provider_key=confirmation.provider_id + ("" if confirmation.succeeded else FAILED_KEY),
        codes=tuple(named or memo.find_codes(confirmation.memo)),
        payment_id=payment_id,
        digest=_digest(confirmation),
    )


def route(
    reading: Reading,
    payees: Sequence[PayeeEntry],
    codes: Mapping[str, Sequence[CodeEntry]],
    payments: Mapping[UUID, Payment],
) -> Route:
    """Find the owner, and the payment or the stand if exactly one is meant.

    `payees` are the receiving accounts with the notice's number, `codes` what its codes stand for,
    `payments` every payment that one of those, or the acquirer's echo, names.
    """
    entries = [entry for code in reading.codes for entry in codes.get(code, ())]
    if reading.is_acquired:
        return _route_acquired(reading, entries, payments)
    meant = [one for one in payees if _same_bank(one.bank_bin, reading.confirmation.bank_bin)]
    owners = {payee.owner_id for payee in meant}
    named = payments.get(reading.payment_id) if reading.payment_id else None
    if named is not None and named.owner_id in owners:
        return Route(named.owner_id, _payee_of(meant, named.owner_id), named.id)
    own = {entry.subject_id: entry for entry in entries if entry.owner_id in owners}
    if len(own) == 1:
        (entry,) = own.values()
        payee_id = _payee_of(meant, entry.owner_id)
        if entry.kind == "stand":
            return Route(entry.owner_id, payee_id, stand=entry)
        return Route(entry.owner_id, payee_id, entry.subject_id)
    owner_id = _only_owner(meant)
    if owner_id is None:
        return Route()
    return Route(owner_id, _payee_of(meant, owner_id), is_foreign=bool(entries) and not own)


def _route_acquired(
    reading: Reading, entries: Sequence[CodeEntry], payments: Mapping[UUID, Payment]
) -> Route:
    named = {reading.payment_id} if reading.payment_id else {one.subject_id for one in entries}
    found = [payments[one] for one in named if one in payments]
    if len(found) != 1 or not is_asked_of(found[0], reading.confirmation.gateway):
        return Route()
    return Route(found[0].owner_id, None, found[0].id)


def is_asked_of(payment: Payment, acquirer: str) -> bool:
    """Whether that acquirer may confirm it: its own, or a QR code's, whose payer may take any.

    What was asked of one, no other may confirm.
    """
    return payment.method in {"vietqr", acquirer}


def _same_bank(ours: str, told: str) -> bool:
    return not told or ours == told


def _only_owner(payees: Sequence[PayeeEntry]) -> UUID | None:
    """The owner of the account: of those in use, else of those that were."""
    in_use = {payee.owner_id for payee in payees if not payee.is_retired}
    owners = in_use or {payee.owner_id for payee in payees}
    return owners.pop() if len(owners) == 1 else None


def _payee_of(payees: Sequence[PayeeEntry], owner_id: UUID) -> UUID:
    own = [payee for payee in payees if payee.owner_id == owner_id]
    return min(own, key=lambda payee: (payee.is_retired, payee.id)).id


def payment_id_of(reference: str) -> UUID | None:
    """The payment an acquirer's echo of our reference names; None where it is not one of ours."""
    try:
        return UUID(reference) if len(reference) in {32, 36} else None
    except ValueError:
        return None


def _storable(told: Confirmation) -> Confirmation:
    """The same with texts that PostgreSQL takes: no NUL, no half surrogate pair, not endless."""
    joined = f"{told.provider_id}{told.reference}{told.memo}{told.account_no}{told.bank_bin}"
    joined = f"{joined}{told.payment_ref}{told.detail}"
    if joined.isascii() and len(joined) <= TEXT_LENGTH_MAX and "\x00" not in joined:
        return told  # as nearly all are
    texts = {field: getattr(told, field) for field in _TEXTS}
    clean: dict[str, Any] = {field: _clean(text) for field, text in texts.items()}
    return told if clean == texts else replace(told, **clean)


def _clean(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text[:TEXT_LENGTH_MAX]
    storable = text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return storable[:TEXT_LENGTH_MAX]


def _digest(told: Confirmation) -> bytes:
    """What makes two reports of one id the same; not the instant, which sources round.

    On the acquired road a notice and an answer to a question carry other texts and bank numbers of
    the same money: there our own reference and the amount decide.
    """
    content: tuple[object, ...] = (
        told.direction,
        told.succeeded,
        told.amount_vnd,
        told.payment_ref,
    )
    if told.account_no:
        content += (told.account_no, told.reference, "".join(told.memo.split()))
    return blake2b(repr(content).encode("utf-8"), digest_size=16).digest()
