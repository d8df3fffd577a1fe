"""Rows of the journal as PostgreSQL sends them in a binary COPY, hashed as they come. Pure.

Every column is as wide as every other row's, so a row is a fixed number of bytes: the very bytes
that are hashed, and a numpy record of what they say.
"""

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import iter_unpack
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from payments.errors import JournalUnreadable

_FIELDS = (
    ("position", ">i8"),
    ("amount_vnd", ">i8"),
    ("occurred_at", ">i8"),
    ("recorded_at", ">i8"),
    ("lane", ">i2"),
    ("kind", ">i2"),
    ("id", "V16"),
    ("owner_id", "V16"),
    ("debit_id", "V16"),
    ("credit_id", "V16"),
    ("subject_id", "V16"),
    ("place_id", "V16"),
)
COLUMNS = ", ".join(name for name, _ in _FIELDS)
"""The columns of a row in their order on the wire; nothing of a row is left out."""
WIRE = np.dtype(
    [("field_count", ">i2")]
    + [part for name, kind in _FIELDS for part in ((f"{name}_bytes", ">i4"), (name, kind))]
)
ID_BYTES, LEAF_BYTES = 16, 32
_ROW_BYTES = WIRE.itemsize
_FRAME = (
    ("field_count", len(_FIELDS)),
    *((f"{name}_bytes", np.dtype(kind).itemsize) for name, kind in _FIELDS),
)
"""What stands between the fields of every row; a row with an empty field says otherwise."""
_START = b"PGCOPY\n\xff\r\n\0"
_START_BYTES = len(_START) + 8
_END = b"\xff\xff"
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows, column by column where many are looked at; `said` reads the rest of a single one."""

    position: NDArray[np.int64]
    lane: NDArray[np.int16]
    amount_vnd: NDArray[np.int64]
    id: NDArray[np.void]
    leaf: NDArray[np.void]
    """sha256 of the row's bytes."""
    number: NDArray[np.int64]
    """Where the row stands in `sources`, one behind the other."""
    sources: tuple[NDArray[np.void], ...]

    def __len__(self) -> int:
        """How many."""
        return len(self.position)

    def __getitem__(self, which: slice | NDArray[np.int64]) -> "Rows":
        """Some of them, in the order asked for."""
        return replace(
            self,
            **{
                one.name: getattr(self, one.name)[which]
                for one in fields(self)
                if one.name != "sources"
            },
        )

    def said(self, index: int) -> "Said":
        """What one row says."""
        number = int(self.number[index])
        for source in self.sources:
            if number < len(source):
                return Said(source[number], self.leaf[index].tobytes())
            number -= len(source)
        raise AssertionError("a row has its source")


class Said:
    """What one row says, for a sentence."""

    def __init__(self, row: Any, leaf: bytes) -> None:
        self.leaf = leaf
        self.id = _uuid(row["id"])
        self.lane, self.position = int(row["lane"]), int(row["position"])
        self._row = row.copy()

    def __str__(self) -> str:
        """Every column, in words."""
        row = self._row
        return (
            f"{int(row['amount_vnd']):,} đ from account {_uuid(row['credit_id'])} to account"
            f" {_uuid(row['debit_id'])} of owner {_uuid(row['owner_id'])}, kind {row['kind']}, for"
            f" {_uuid(row['subject_id'])} at {_uuid(row['place_id'])}, happened"
            f" {_instant(row['occurred_at'])}, recorded {_instant(row['recorded_at'])} at position"
            f" {self.position} of lane {self.lane}"
        )


class Unpacker:
    """Takes the pieces of a binary COPY as they come, gives the rows that are whole."""

    def __init__(self) -> None:
        self.row_count = 0
        """Rows that wait."""
        self._kept = b""
        self._begun = False
        self._sources: list[NDArray[np.void]] = []
        self._leaves: list[bytes] = []

    def feed(self, piece: bytes) -> None:
        """Add the next piece, of any length. Raises: JournalUnreadable if a field of a row is empty."""
        self._kept += piece
        if not self._begun:
            if len(self._kept) < _START_BYTES:
                return
            assert self._kept.startswith(_START)
            self._begun, self._kept = True, self._kept[_START_BYTES:]
        count = len(self._kept) // _ROW_BYTES
        if count:
            whole = self._kept[: count * _ROW_BYTES]
            rows = np.frombuffer(whole, WIRE)
            if any((rows[name] != value).any() for name, value in _FRAME):
                raise JournalUnreadable
            self._kept = self._kept[len(whole) :]
            self._sources.append(rows)
            self._leaves.append(leaves_of(whole))
            self.row_count += count

    def take(self, count: int | None = None) -> Rows:
        """The rows that wait, or the first of them: about so many, but never one position parted."""
        sources, self._sources = tuple(self._sources), []
        leaves, self._leaves = b"".join(self._leaves), []
        self.row_count = 0
        rows = Rows(
            position=_column(sources, "position", np.int64),
            lane=_column(sources, "lane", np.int16),
            amount_vnd=_column(sources, "amount_vnd", np.int64),
            id=_column(sources, "id", "V16"),
            leaf=np.frombuffer(leaves, "V32"),
            number=np.arange(len(leaves) // LEAF_BYTES),
            sources=sources,
        )
        if count is None or count >= len(rows):
            return rows
        cut = int(np.searchsorted(rows.position, rows.position[count]))
        self._give_back(rows, cut or len(rows))
        return rows[: cut or len(rows)]

    def close(self) -> None:
        """Everything came. Raises: JournalUnreadable if what is left is not the end of a COPY."""
        if self._kept != _END:
            raise JournalUnreadable

    def _give_back(self, rows: Rows, start: int) -> None:
        left = np.concatenate(rows.sources)[start:]
        self._sources, self._leaves = [left], [rows.leaf[start:].tobytes()]
        self.row_count = len(left)


def leaves_of(whole: bytes) -> bytes:
    """The leaf of each row, one behind the other."""
    return b"".join([sha256(row).digest() for (row,) in iter_unpack(f"{_ROW_BYTES}s", whole)])


def _column(sources: tuple[NDArray[np.void], ...], name: str, kind: Any) -> NDArray[Any]:
    if not sources:
        return np.empty(0, kind)
    return np.concatenate([source[name] for source in sources]).astype(kind, copy=False)


def _uuid(field: Any) -> UUID:
    return UUID(bytes=field.tobytes())


def _instant(wire: int) -> str:
    try:
        return (_EPOCH + timedelta(microseconds=int(wire))).isoformat()
    except OverflowError:
        return f"beyond all days ({wire})"
