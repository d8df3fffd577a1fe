"""Whose money moves: the same owners, accounts and choices for every variant, from one seed."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np

import payments
from payments.ledger.accounts import LANES

OWNER_COUNT = 5_000
SHAPES = ("uniform", "zipf", "hot")
AMOUNT_VND_MIN, AMOUNT_VND_MAX = 1_000, 1_000_000
IDS_PER_MS = 200
"""How close the ids of one load lie together, as those of a fast ledger would."""
RECORD_DTYPE = np.dtype(
    [
        (name, "V16")
        for name in ("id", "owner_id", "debit_id", "credit_id", "subject_id", "place_id")
    ]
    + [("amount_vnd", ">i8"), ("occurred_at", ">i8"), ("kind", ">i2")]
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Owner:
    """One of those whose money moves, with the two accounts it moves between."""

    id: UUID
    bank_id: UUID
    sales_id: UUID

    @property
    def lane(self) -> int:
        """The lane all of the owner's rows live in."""
        return self.id.int % LANES

    @property
    def names(self) -> tuple[payments.AccountName, payments.AccountName]:
        """The accounts, to open them by."""
        return (
            payments.AccountName(self.id, payments.AccountKind.BANK),
            payments.AccountName(self.id, payments.AccountKind.SALES),
        )


class Load:
    """A source of transfers, bank from sales, of one owner each. The same seed, the same choices.

    They are of the kind that stands for itself, so the audit misses no receipt.

    The ids are made new each time: they lead with the time, as those of devices do.
    """

    def __init__(self, seed: int, owner_count: int = OWNER_COUNT) -> None:
        self.seed = seed
        self.owners = _owners(np.random.default_rng(seed), owner_count)
        self._random = np.random.default_rng([seed, 1])
        self._packed = _ids(owner.id for owner in self.owners)
        self._banks = _ids(owner.bank_id for owner in self.owners)
        self._sales = _ids(owner.sales_id for owner in self.owners)
        self._ranked = self._random.permutation(owner_count)
        weights = np.cumsum(1 / np.arange(1, owner_count + 1))
        self._shares = weights / weights[-1]
        self._last_ms = 0

    def fork(self, number: int) -> None:
        """Choose differently from now on, as another process over the same owners would."""
        self._random = np.random.default_rng([self.seed, 2, number])

    def choose(self, shape: str, count: int, lanes: Iterable[int] = range(LANES)) -> Array:
        """Indexes of owners: all alike, by Zipf's law with exponent 1, or always the same one."""
        allowed = set(lanes)
        if shape == "hot":
            first = next(i for i, owner in enumerate(self.owners) if owner.lane in allowed)
            return np.full(count, first)
        if shape == "zipf":
            ranks = np.searchsorted(self._shares, self._random.random(count), side="right")
            return self._ranked[ranks]
        own = np.array([i for i, owner in enumerate(self.owners) if owner.lane in allowed])
        return own[self._random.integers(0, len(own), count)]

    def records(self, shape: str, count: int, lanes: Iterable[int] = range(LANES)) -> Array:
        """Transfers as the array that `Ledger.post_array` takes."""
        return self.records_of(self.choose(shape, count, lanes))

    def records_of(self, chosen: Array) -> Array:
        """One sale of each owner chosen."""
        count = len(chosen)
        made = np.zeros(count, RECORD_DTYPE)
        made["id"] = self.new_ids(count)
        made["owner_id"] = self._packed[chosen]
        made["debit_id"] = self._banks[chosen]
        made["credit_id"] = self._sales[chosen]
        made["subject_id"] = made["id"]
        made["place_id"] = made["owner_id"]
        made["amount_vnd"] = self._random.integers(AMOUNT_VND_MIN, AMOUNT_VND_MAX, count)
        made["occurred_at"] = time.time_ns() // 1_000
        made["kind"] = int(payments.TransferKind.OTHER)
        return made

    def new_ids(self, count: int) -> Array:
        """UUIDs of version 7 that grow, `IDS_PER_MS` with the same time."""
        start = max(time.time_ns() // 1_000_000, self._last_ms + 1)
        ms = start + np.arange(count, dtype=np.int64) // IDS_PER_MS
        if count:
            self._last_ms = int(ms[-1])
        return self.ids_at(ms)

    def ids_at(self, ms: Array) -> Array:
        """UUIDs of version 7, each led by its instant in milliseconds since 1970."""
        octets = self._random.integers(0, 256, (len(ms), 16), dtype=np.uint8)
        octets[:, :6] = ms.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
        octets[:, 6] = octets[:, 6] & 0x0F | 0x70
        octets[:, 8] = octets[:, 8] & 0x3F | 0x80
        return octets.reshape(-1).view("V16")


def transfers_of(records: Array) -> list[payments.Transfer]:
    """The same transfers as objects. Ids that are equal share one UUID, as a caller's would."""
    known: dict[bytes, UUID] = {}
    made = []
    for record in records.tolist():
        ids = [known.get(one) or known.setdefault(one, UUID(bytes=one)) for one in record[1:6]]
        owner_id, debit_id, credit_id, subject_id, place_id = ids
        made.append(
            payments.Transfer(
                id=UUID(bytes=record[0]),
                owner_id=owner_id,
                debit_id=debit_id,
                credit_id=credit_id,
                amount_vnd=record[6],
                kind=payments.TransferKind(record[8]),
                occurred_at=_EPOCH + timedelta(microseconds=record[7]),
                subject_id=subject_id,
                place_id=place_id,
            )
        )
    return made


def in_order(ids: Array) -> Array:
    """Ids as pairs of numbers, sorted: two sets of ids are the same if these are."""
    pairs = np.ascontiguousarray(ids).view(">u8").reshape(-1, 2)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _owners(random: np.random.Generator, count: int) -> Sequence[Owner]:
    made = []
    for octets in random.integers(0, 256, (count, 16), dtype=np.uint8):
        owner_id = UUID(bytes=octets.tobytes(), version=4)
        bank, sales = (
            payments.account_id(owner_id, kind)
            for kind in (payments.AccountKind.BANK, payments.AccountKind.SALES)
        )
        made.append(Owner(owner_id, bank, sales))
    return made


def _ids(ids: Iterable[UUID]) -> Array:
    return np.frombuffer(b"".join(one.bytes for one in ids), "V16")
