"""Money that waits for a person, and what a decision about it moves. Pure.

A case is a receipt with money in suspense. A decision gives the money of one or several cases, all
of it, to what it was for; its transfers' ids follow from the decision's, so that it happens once.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from payments.ledger.accounts import AccountKind, AccountName
from payments.ledger.orders import Order, Reversal
from payments.ledger.transfer import NO_ID, Transfer, TransferKind

REFUND_DUE = "refund_due"
"""Place of the suspense account of money that is to be given back."""
IGNORED = "ignored"
"""Place of the suspense account of money that is no takings: the owner's own, a gift, a loan."""
PARTS_MAX = 20
SHARES_MAX = 20
TRANSFERS_MAX = SHARES_MAX + PARTS_MAX
REASON_LENGTH_MAX = 200

PartKind = Literal["payment", "sale", "refund_due", "ignored"]
CaseState = Literal["open", "waiting", "planned", "resolved"]


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt with money that waits, or waited, in suspense."""

    receipt_id: UUID
    owner_id: UUID
    amount_vnd: int
    """What of it lies in suspense; of too much, the excess alone."""
    outcome: str
    """Why it waits, a `SettlementOutcome`."""
    state: CaseState
    """waiting: less than asked, and its payment still waits for the rest; planned: being posted."""
    version: int
    """Moves on with each decision; a decision names the one it was made on."""
    memo: str
    gateway: str
    payment_id: UUID | None
    suggested_id: UUID | None
    place_id: UUID | None
    decision_id: UUID | None
    occurred_at: datetime


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What some of the money was for. `target_id`: the payment, or the id of a new sale."""

    kind: PartKind
    amount_vnd: int
    target_id: UUID | None = None
    place_id: UUID | None = None
    """Where it was sold."""
    is_charge: bool = False
    """The payment asks for a charge of the hall; filled in from it."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one case gives: all it has. `version` is the one the decision was made on."""

    receipt_id: UUID
    amount_vnd: int
    version: int
    outcome: str


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody decided; with `undoes_id`, that it shall be as before that decision."""

    id: UUID
    owner_id: UUID
    undoes_id: UUID | None
    state: str
    outcome: str
    """Why the ledger refused it, else empty."""
    decided_by: UUID
    reason: str
    shares: tuple[Share, ...]
    parts: tuple[Part, ...]
    occurred_at: datetime
    decided_at: datetime


def transfers_of(decision: Decision) -> list[Transfer]:
    """What a decision moves out of suspense, filling its parts one after the other."""
    suspense = AccountName(decision.owner_id, AccountKind.SUSPENSE)
    counted: set[int] = set()
    found = []
    for index, (share, number, vnd) in enumerate(spread(decision.shares, decision.parts)):
        part = decision.parts[number]
        first = number not in counted
        counted.add(number)
        found.append(
            Transfer(
                id=UUID(int=decision.id.int ^ index),
                owner_id=decision.owner_id,
                debit_id=suspense.id,
                credit_id=account_of(decision.owner_id, part).id,
                amount_vnd=vnd,
                kind=_kind(part, first=first),
                occurred_at=decision.occurred_at,
                subject_id=share.receipt_id,
                place_id=part.place_id or NO_ID,
            )
        )
    return found


def orders_of(decision: Decision) -> list[Order]:
    """What the ledger is asked for: the transfers, or the exact mirror of those undone."""
    if decision.undoes_id is None:
        return list(transfers_of(decision))
    originals = transfers_of(msgspec.structs.replace(decision, id=decision.undoes_id))
    return [
        Reversal(
            id=UUID(int=decision.id.int ^ index),
            owner_id=decision.owner_id,
            original_id=one.id,
            occurred_at=decision.decided_at,
        )
        for index, one in enumerate(originals)
    ]


def accounts_of(decision: Decision) -> list[AccountName]:
    """Every account it touches; the ledger opens those that are missing."""
    names = [account_of(decision.owner_id, part) for part in decision.parts]
    return [*dict.fromkeys(names), AccountName(decision.owner_id, AccountKind.SUSPENSE)]


def account_of(owner_id: UUID, part: Part) -> AccountName:
    """Where a part's money goes."""
    if part.kind in {REFUND_DUE, IGNORED}:
        return AccountName(owner_id, AccountKind.SUSPENSE, part.kind)
    return AccountName(owner_id, AccountKind.CHARGES if part.is_charge else AccountKind.SALES)


def sale_id_of(decision_id: UUID, part_index: int) -> UUID:
    """The id of a sale that a decision makes: always the same, so it is made once."""
    return UUID(int=decision_id.int ^ (TRANSFERS_MAX + 1 + part_index))


def _kind(part: Part, *, first: bool) -> TransferKind:
    """A sale counts once in the takings, by its first money; the rest is released beside it."""
    if part.kind in {REFUND_DUE, IGNORED}:
        return TransferKind.OTHER
    return TransferKind.ASSIGNED if first else TransferKind.RELEASED


def spread(shares: Sequence[Share], parts: Sequence[Part]) -> Iterator[tuple[Share, int, int]]:
    """Which share pays how much of which part, in order; both sum to the same."""
    assert sum(one.amount_vnd for one in shares) == sum(one.amount_vnd for one in parts)
    number, needed_vnd = 0, parts[0].amount_vnd
    for share in shares:
        left_vnd = share.amount_vnd
        while left_vnd:
            vnd = min(left_vnd, needed_vnd)
            yield share, number, vnd
            left_vnd -= vnd
            needed_vnd -= vnd
            if not needed_vnd and number + 1 < len(parts):
                number += 1
                needed_vnd = parts[number].amount_vnd
