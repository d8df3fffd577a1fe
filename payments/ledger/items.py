"""What waits in the ledger's queue, and what it is answered with."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from payments.ledger.accounts import AccountName
from payments.ledger.orders import Order
from payments.ledger.transfer import Outcome
from payments.notice import Notice
from payments.routing import Reading
from payments.settlement import Settled


class Fact(msgspec.Struct, frozen=True):
    """An event to append if what it belongs to is posted."""

    kind: str
    owner_id: UUID | None
    subject_id: UUID
    data: dict[str, Any]
    at: datetime


@dataclass(slots=True, eq=False)
class Posting:
    """Orders in the queue, judged one by one or as a linked set."""

    answer: "asyncio.Future[list[Outcome]]"
    size: int
    """How much of a batch it fills."""
    packed: bytes | None
    """Plain transfers as records (see `records`); None where there is anything else."""
    orders: Sequence[Order] = ()
    """Empty where the records came as such."""
    is_linked: bool = False
    opening: Sequence[AccountName] = ()
    facts: Sequence[Fact] = ()


@dataclass(slots=True, eq=False)
class Settling:
    """A confirmation in the queue."""

    reading: Reading
    receipt_id: UUID
    now: datetime
    answer: "asyncio.Future[Settled]"
    notice: Notice | None = None
    """What told of it, raw: kept by the same commit."""
    may_stand: bool = False
    """A commit of unknown outcome may have written it: its own receipt is then no duplicate."""
    size: int = 1


Item = Posting | Settling
Answer = list[Outcome] | Settled
