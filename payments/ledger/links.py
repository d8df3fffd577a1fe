"""The shape of the hash chains: what of a row is hashed, and what a link closes over. Pure.

    leaf = sha256(the row as PostgreSQL sends it in COPY … (FORMAT binary))
    hash = sha256(previous ‖ lane ‖ number ‖ position_first ‖ position_last ‖ row_count ‖ amount_vnd
                  ‖ sealed_at ‖ every whole leaf in order)

Integers are big-endian, instants microseconds since 2000-01-01 UTC, as on the wire. The first link
of a chain follows 32 zero bytes. Lanes 0 to 63 chain the rows of the journal; the chain `ROUNDS`
closes over the links: its leaves are the hashes of the links made together, its ids their lanes
and numbers. So its last hash stands for everything that was ever sealed.

Nothing is hashed by the database: the database is what is not trusted.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import Struct

import msgspec
import numpy as np

from payments.ledger.wire import ID_BYTES, LEAF_BYTES, Rows

ROUNDS = -1
"""In place of a lane: the chain of the links of all lanes."""
ZERO = bytes(32)
"""What the first link of a chain follows."""
SHORT_BYTES = 8
"""Of each leaf, stored with a link: enough to name the row that was changed."""
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_HEAD = Struct(">32shqqqqqq")
_ROUND_ID = Struct(">qq")
_Head = tuple[int, int, int, int, int, int]


class Link(msgspec.Struct, frozen=True):
    """A seal: a link of a lane's chain, or (a round) of the chain of the links."""

    lane: int
    number: int
    position_first: int
    position_last: int
    row_count: int
    """Transfers it closes over; of a round, those of its links."""
    amount_vnd: int
    ids: bytes
    leaves: bytes
    previous: bytes
    hash: bytes
    sealed_at: datetime

    @property
    def name(self) -> str:
        """What it is called in a sentence."""
        return name_of(self.lane, self.number)


def name_of(lane: int, number: int) -> str:
    """What a link is called in a sentence."""
    return f"Round {number}" if lane == ROUNDS else f"Seal {number} of lane {lane}"


def link_over_rows(
    rows: Rows, *, lane: int, number: int, previous: bytes, sealed_at: datetime
) -> Link:
    """The link that closes over rows of one lane, in the order of record."""
    first, last = int(rows.position[0]), int(rows.position[-1])
    head = (lane, number, first, last, len(rows), int(rows.amount_vnd.sum()))
    return _link(head, rows.id.tobytes(), rows.leaf.tobytes(), previous, sealed_at)


def link_over_links(
    links: Sequence[Link], *, number: int, previous: bytes, sealed_at: datetime
) -> Link:
    """The round that closes over links of several lanes, by lane and number."""
    head = (
        ROUNDS,
        number,
        min(link.position_first for link in links),
        max(link.position_last for link in links),
        _wrapped(sum(link.row_count for link in links)),
        _wrapped(sum(link.amount_vnd for link in links)),
    )
    ids = b"".join(_ROUND_ID.pack(link.lane, link.number) for link in links)
    return _link(head, ids, b"".join(link.hash for link in links), previous, sealed_at)


def links_named(ids: bytes) -> list[tuple[int, int]]:
    """The lanes and numbers a round closes over; none where its ids are no such list."""
    return [] if len(ids) % _ROUND_ID.size else list(_ROUND_ID.iter_unpack(ids))


def in_order(rows: Rows) -> Rows:
    """By lane, within it by position (and by id, should two share one)."""
    rows = rows[np.lexsort((rows.position, rows.lane))]
    step = (np.diff(rows.position) == 0) & (np.diff(rows.lane) == 0)
    if step.any():
        halves = rows.id.copy().view(">u8").reshape(-1, 2)
        rows = rows[np.lexsort((halves[:, 1], halves[:, 0], rows.position, rows.lane))]
    return rows


def by_lane(rows: Rows) -> Iterator[tuple[int, Rows]]:
    """Each lane's rows, of rows that are in order."""
    lanes, starts = np.unique(rows.lane, return_index=True)
    ends = [*starts[1:], len(rows)][: len(starts)]
    for lane, start, end in zip(lanes, starts, ends, strict=True):
        yield int(lane), rows[int(start) : int(end)]


def pieces_of(packed: bytes, size: int) -> list[bytes]:
    """Ids or leaves that lie one behind the other."""
    return [packed[start : start + size] for start in range(0, len(packed), size)]


def short(leaves: bytes) -> bytes:
    """The stored beginning of each leaf."""
    table = np.frombuffer(leaves, np.uint8).reshape(-1, LEAF_BYTES)
    return table[:, :SHORT_BYTES].tobytes()


def closes(link: Link, leaves: bytes) -> bool:
    """Whether a link's hash is that of its own columns and these whole leaves."""
    head = (
        link.lane,
        link.number,
        link.position_first,
        link.position_last,
        link.row_count,
        link.amount_vnd,
    )
    return _hash(head, leaves, link.previous, link.sealed_at) == link.hash


def _wrapped(total: int) -> int:
    """Within 64 bits, as numpy sums: honest sums never leave them, forged ones may."""
    return (total + (1 << 63)) % (1 << 64) - (1 << 63)


def _link(head: _Head, ids: bytes, leaves: bytes, previous: bytes, sealed_at: datetime) -> Link:
    assert len(ids) // ID_BYTES == len(leaves) // LEAF_BYTES > 0
    found = _hash(head, leaves, previous, sealed_at)
    return Link(*head, ids, short(leaves), previous, found, sealed_at)


def _hash(head: _Head, leaves: bytes, previous: bytes, sealed_at: datetime) -> bytes:
    sealed_us = (sealed_at - EPOCH) // timedelta(microseconds=1)
    return sha256(_HEAD.pack(previous, *head, sealed_us) + leaves).digest()
