"""What a difference is, and what may be done about it. Pure.

A row of the other side's file and a record of ours belong together by the other side's own number,
then by our reference. What is left over, or does not agree, is a difference of one of these classes.
"""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec


class Class(StrEnum):
    """Why a row is not simply matched."""

    MISSING_LOCAL = "missing_local"
    """In their file, not in our ledger: likely a lost notice."""
    MISSING_PROVIDER = "missing_provider"
    """In our ledger, not in their file: it is not paid out."""
    AMOUNT_MISMATCH = "amount_mismatch"
    STATUS_MISMATCH = "status_mismatch"
    """Paid here, failed or reversed there."""
    FEE_MISMATCH = "fee_mismatch"
    """They kept another fee than the contract says."""
    DUPLICATE = "duplicate"
    """In their file twice, or settled before."""


class Resolution(StrEnum):
    """What a person decided."""

    RECORD = "record"
    """The money is real: the receipt is made from their record, and the row is paid out."""
    ACCEPT = "accept"
    """Their figures are right: the ledger follows them, and the row is paid out."""
    REJECT = "reject"
    """The row is wrong and will not be paid out."""
    DISPUTE = "dispute"
    """The other side was asked to look; the row stays held until it is decided."""
    WAIT = "wait"
    """It is expected in a later file."""
    CAME_LATER = "came_later"
    """It stood in a later file; found without a person."""


RESOLUTIONS: dict[Class, tuple[Resolution, ...]] = {
    Class.MISSING_LOCAL: (Resolution.RECORD, Resolution.REJECT, Resolution.DISPUTE),
    Class.MISSING_PROVIDER: (Resolution.WAIT, Resolution.DISPUTE),
    Class.AMOUNT_MISMATCH: (Resolution.ACCEPT, Resolution.REJECT, Resolution.DISPUTE),
    Class.STATUS_MISMATCH: (Resolution.REJECT, Resolution.DISPUTE),
    Class.FEE_MISMATCH: (Resolution.ACCEPT, Resolution.DISPUTE),
    Class.DUPLICATE: (Resolution.REJECT, Resolution.DISPUTE),
}
"""What may be done about each class, the usual one first."""
RELEASES = frozenset({Resolution.RECORD, Resolution.ACCEPT})
"""Resolutions after which a held row is paid out."""


class Theirs(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A row of the other side that needs a look."""

    seq: int
    txn_type: str
    txn_ref: str
    number: str
    original: str
    status: str
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int
    net_vnd: int
    time: str
    fee_expected_vnd: int | None = None
    fee_vat_expected_vnd: int | None = None

    @property
    def has_right_fee(self) -> bool:
        """Whether the contract says the same; so where no contract is known."""
        return self.fee_expected_vnd is None or (self.fee_vnd, self.fee_vat_vnd) == (
            self.fee_expected_vnd,
            self.fee_vat_expected_vnd,
        )


class Ours(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A receipt, or a refund, that needs a look."""

    receipt_id: UUID
    owner_id: UUID | None
    number: str
    reference: str
    amount_vnd: int
    occurred_at: datetime


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement, with all a person needs to decide."""

    class_: Class = msgspec.field(name="class")
    reference: str
    seq: int | None = None
    owner_id: UUID | None = None
    receipt_id: UUID | None = None
    theirs_vnd: int | None = None
    ours_vnd: int | None = None
    held_vnd: int = 0
    facts: dict[str, Any] = {}

    @property
    def sentence(self) -> str:
        """What is wrong, in English, for logs and the command line."""
        return _SENTENCES[self.class_].format(
            theirs=self.theirs_vnd, ours=self.ours_vnd, **_ABSENT | self.facts
        )


_ABSENT = {
    "fee_vnd": 0,
    "fee_vat_vnd": 0,
    "fee_expected_vnd": 0,
    "fee_vat_expected_vnd": 0,
    "status": "",
    "before": "",
}
_SENTENCES = {
    Class.MISSING_LOCAL: "{theirs} đ in their file, nothing in our ledger: likely a lost notice",
    Class.MISSING_PROVIDER: "{ours} đ in our ledger, not in their file: do not pay out",
    Class.AMOUNT_MISMATCH: "they say {theirs} đ, our ledger {ours} đ",
    Class.STATUS_MISMATCH: "paid here, status “{status}” there ({theirs} đ)",
    Class.FEE_MISMATCH: "they kept {fee_vnd} đ + VAT {fee_vat_vnd} đ, the contract says"
    " {fee_expected_vnd} đ + VAT {fee_vat_expected_vnd} đ",
    Class.DUPLICATE: "{theirs} đ stands twice{before}",
}


def difference_of(
    theirs: Theirs, ours: Ours | None, *, is_paid: bool, before: date | None = None
) -> Difference | None:
    """Why a row cannot be paid out as it stands; None where everything agrees to the đồng.

    `is_paid`: whether the status is that of a transaction that succeeded. `before`: the session
    that had it already.
    """
    class_: Class | None = None
    if before is not None:
        class_ = Class.DUPLICATE
    elif not is_paid:
        class_ = Class.STATUS_MISMATCH
    elif ours is None:
        class_ = Class.MISSING_LOCAL
    elif abs(theirs.amount_vnd) != ours.amount_vnd:
        class_ = Class.AMOUNT_MISMATCH
    elif not theirs.has_right_fee:
        class_ = Class.FEE_MISMATCH
    if class_ is None:
        return None
    return of_class(class_, theirs, ours, before)


def of_class(
    class_: Class, theirs: Theirs, ours: Ours | None, before: date | None = None
) -> Difference:
    """A difference with the facts of both sides."""
    facts = {
        "type": theirs.txn_type,
        "txn_ref": theirs.txn_ref,
        "time": theirs.time,
        "status": theirs.status,
        "fee_vnd": theirs.fee_vnd,
        "fee_vat_vnd": theirs.fee_vat_vnd,
        "net_vnd": theirs.net_vnd,
    }
    if theirs.original:
        facts["original"] = theirs.original
    if theirs.fee_expected_vnd is not None:
        facts["fee_expected_vnd"] = theirs.fee_expected_vnd
        facts["fee_vat_expected_vnd"] = theirs.fee_vat_expected_vnd
    if before is not None:
        facts["before"] = f", first on {before}"
    return Difference(
        class_=class_,
        reference=theirs.number,
        seq=theirs.seq,
        owner_id=ours.owner_id if ours else None,
        receipt_id=ours.receipt_id if ours else None,
        theirs_vnd=theirs.amount_vnd,
        ours_vnd=ours.amount_vnd if ours else None,
        held_vnd=theirs.net_vnd,
        facts=facts,
    )


def missing_provider(ours: Ours) -> Difference:
    """Money of ours that the other side does not have."""
    return Difference(
        class_=Class.MISSING_PROVIDER,
        reference=ours.number,
        owner_id=ours.owner_id,
        receipt_id=ours.receipt_id,
        ours_vnd=ours.amount_vnd,
        facts={"reference": ours.reference, "time": ours.occurred_at.isoformat()},
    )


def paired_by_reference(
    theirs: list[Theirs], ours: list[Ours]
) -> tuple[list[tuple[Theirs, Ours]], list[Theirs], list[Ours]]:
    """Leftovers of both sides that name one payment, each used once; then what is left of each."""
    waiting: dict[str, list[Ours]] = {}
    for one in reversed(ours):
        if one.reference:
            waiting.setdefault(own_reference(one.reference), []).append(one)
    pairs, alone = [], []
    for row in theirs:
        fitting = waiting.get(own_reference(row.txn_ref), [])
        if fitting:
            pairs.append((row, fitting.pop()))
        else:
            alone.append(row)
    used = {id(one) for _, one in pairs}
    return pairs, alone, [one for one in ours if id(one) not in used]


def own_reference(txn_ref: str) -> str:
    """Our payment's id within a reference, however it is written; an attempt follows after a dot."""
    return txn_ref.partition(".")[0].replace("-", "").lower()
