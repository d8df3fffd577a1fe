"""Transfers as flat bytes, and as the arrays PostgreSQL takes without touching a row in Python.

One record is what makes a transfer, the same whether it came as an object or in an array. A batch
is records one after the other: numpy cuts columns out of it, and every column goes to the server
as one binary array.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from struct import Struct
from typing import Any, ClassVar, NamedTuple

import numpy as np
from psycopg import pq
from psycopg.adapt import AdaptersMap, Buffer, Loader

from payments.ledger.transfer import TRANSFER_VND_MAX, Transfer

TRANSFER_DTYPE = np.dtype(
    [
        ("id", "V16"),
        ("owner_id", "V16"),
        ("debit_id", "V16"),
        ("credit_id", "V16"),
        ("subject_id", "V16"),
        ("place_id", "V16"),
        ("amount_vnd", ">i8"),
        ("occurred_at", ">i8"),
        ("kind", ">i2"),
    ]
)
"""A transfer in an array: ids as their sixteen bytes, `occurred_at` in microseconds since 1970."""
LANE_MASK = 63
_RECORD = Struct(">16s16s16s16s16s16sqqh")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL counts from 2000."""
_DAY_2000 = date(2000, 1, 1).toordinal()

Array = np.ndarray[Any, np.dtype[Any]]


class Record(NamedTuple):
    """One transfer, unpacked; ids are sixteen bytes, the instant is microseconds since 1970."""

    id: bytes
    owner_id: bytes
    debit_id: bytes
    credit_id: bytes
    subject_id: bytes
    place_id: bytes
    amount_vnd: int
    occurred_us: int
    kind: int

    @property
    def lane(self) -> int:
        """The owner's lane."""
        return self.owner_id[15] & LANE_MASK


def microseconds(at: datetime) -> int:
    """Microseconds since 1970."""
    passed = at - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def record_of(one: Transfer) -> Record | None:
    """The transfer as a record; None where its amount cannot be one of a movement."""
    if not 0 < one.amount_vnd <= TRANSFER_VND_MAX:
        return None
    return Record(
        one.id.bytes,
        one.owner_id.bytes,
        one.debit_id.bytes,
        one.credit_id.bytes,
        one.subject_id.bytes,
        one.place_id.bytes,
        one.amount_vnd,
        microseconds(one.occurred_at),
        one.kind,
    )


def pack(transfers: Iterable[Transfer]) -> bytes | None:
    """The transfers as records; None where one of them cannot be a movement."""
    packed: list[bytes] = []
    form, append = _RECORD.pack, packed.append
    last_at, last_us = None, 0
    for one in transfers:
        if not 0 < one.amount_vnd <= TRANSFER_VND_MAX:
            return None
        if one.occurred_at is not last_at:
            last_at, last_us = one.occurred_at, microseconds(one.occurred_at)
        append(
            form(
                one.id.int.to_bytes(16, "big"),
                one.owner_id.int.to_bytes(16, "big"),
                one.debit_id.int.to_bytes(16, "big"),
                one.credit_id.int.to_bytes(16, "big"),
                one.subject_id.int.to_bytes(16, "big"),
                one.place_id.int.to_bytes(16, "big"),
                one.amount_vnd,
                last_us,
                one.kind,
            )
        )
    return b"".join(packed)


def pack_records(records: Iterable[Record]) -> bytes:
    """Records as bytes."""
    form = _RECORD.pack
    return b"".join([form(*one) for one in records])


def unpack(packed: bytes) -> Iterator[Record]:
    """The records in the bytes."""
    return map(Record._make, _RECORD.iter_unpack(packed))


def lanes_of(records: Array) -> Array:
    """Each record's lane, from the last byte of its owner."""
    owners = np.ascontiguousarray(records["owner_id"]).view(np.uint8).reshape(-1, 16)
    return (owners[:, 15] & LANE_MASK).astype(np.int16)


# ── Arrays on the wire ──────────────────────────────────────────────────────────────────────────


class Raw:
    """A parameter already in PostgreSQL's binary form: an array, mostly."""

    __slots__ = ("data",)
    oid: ClassVar[int]
    element_oid: ClassVar[int]

    def __init__(self, data: bytes) -> None:
        self.data = data


def _raw(name: str, array_oid: int, oid: int) -> type[Raw]:
    return type(name, (Raw,), {"oid": array_oid, "element_oid": oid, "__slots__": ()})


Int2s = _raw("Int2s", 1005, 21)
Int8s = _raw("Int8s", 1016, 20)
UUIDs = _raw("UUIDs", 2951, 2950)
Instants = _raw("Instants", 1185, 1184)
Texts = _raw("Texts", 1009, 25)
Byteas = _raw("Byteas", 1001, 17)
Dates = _raw("Dates", 1182, 1082)
Id = _raw("Id", 2950, 0)
"""One uuid, no array."""
_NULL = b"\xff\xff\xff\xff"
_HEAD = Struct(">iIIii")
_LENGTH = Struct(">i")


def fixed(kind: type[Raw], column: Array) -> Raw:
    """A column of one width, without a row of it becoming a Python object."""
    width = column.dtype.itemsize
    cells = np.empty(len(column), dtype=[("length", ">i4"), ("value", column.dtype)])
    cells["length"] = width
    cells["value"] = column
    return kind(_head(kind, len(column), has_nulls=False) + cells.tobytes())


def int2s(column: Array) -> Raw:
    """A smallint[]."""
    return fixed(Int2s, column.astype(">i2"))


def int8s(column: Array) -> Raw:
    """A bigint[]."""
    return fixed(Int8s, column.astype(">i8"))


def uuids(column: Array) -> Raw:
    """A uuid[] of sixteen bytes each."""
    return fixed(UUIDs, column)


def instants(column: Array) -> Raw:
    """A timestamptz[] from microseconds since 1970."""
    return fixed(Instants, (column.astype(np.int64) - _EPOCH_2000_US).astype(">i8"))


def varied(kind: type[Raw], values: Sequence[bytes | None]) -> Raw:
    """An array of values in their binary form; None is NULL."""
    if not values:
        return kind(_HEAD.pack(0, 0, kind.element_oid, 0, 0)[:12])
    length = _LENGTH.pack
    cells = [_NULL if one is None else length(len(one)) + one for one in values]
    return kind(_head(kind, len(cells), has_nulls=None in values) + b"".join(cells))


def texts(values: Sequence[str | None]) -> Raw:
    """A text[]."""
    return varied(Texts, [None if one is None else one.encode() for one in values])


def ids(values: Sequence[Any]) -> Raw:
    """A uuid[] from UUIDs; None is NULL."""
    return varied(UUIDs, [None if one is None else one.int.to_bytes(16, "big") for one in values])


def integers(values: Sequence[int | None]) -> Raw:
    """A bigint[]."""
    return varied(
        Int8s, [None if one is None else one.to_bytes(8, "big", signed=True) for one in values]
    )


def smallints(values: Sequence[int]) -> Raw:
    """A smallint[]."""
    return varied(Int2s, [one.to_bytes(2, "big", signed=True) for one in values])


def times(values: Sequence[datetime | None]) -> Raw:
    """A timestamptz[]."""
    return varied(
        Instants,
        [
            None
            if one is None
            else (microseconds(one) - _EPOCH_2000_US).to_bytes(8, "big", signed=True)
            for one in values
        ],
    )


def dates(values: Sequence[date]) -> Raw:
    """A date[]."""
    return varied(
        Dates, [(one.toordinal() - _DAY_2000).to_bytes(4, "big", signed=True) for one in values]
    )


def byteas(values: Sequence[bytes]) -> Raw:
    """A bytea[]."""
    return varied(Byteas, values)


def _head(kind: type[Raw], count: int, *, has_nulls: bool) -> bytes:
    if not count:
        return _HEAD.pack(0, 0, kind.element_oid, 0, 0)[:12]
    return _HEAD.pack(1, has_nulls, kind.element_oid, count, 1)


class _BytesLoader(Loader):
    """A uuid as its sixteen bytes."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


class _MicrosecondsLoader(Loader):
    """A timestamptz as microseconds since 1970."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> int:
        return int.from_bytes(data, "big", signed=True) + _EPOCH_2000_US


def teach_bytes(adapters: AdaptersMap) -> None:
    """Let a cursor read ids as bytes and instants as microseconds."""
    adapters.register_loader("uuid", _BytesLoader)
    adapters.register_loader("timestamptz", _MicrosecondsLoader)
