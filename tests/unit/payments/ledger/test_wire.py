"""Rows come over the wire in pieces of any length and are hashed as they came."""

from hashlib import sha256
from struct import pack
from uuid import UUID

import pytest

import payments
from payments.ledger.wire import COLUMNS, WIRE, Unpacker

START, END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"


def row(position: int, *, lane: int = 5, place: bytes | None = bytes(16)) -> bytes:
    """A row as PostgreSQL sends it, written down from its documentation."""
    ids = [UUID(int=position * 10 + number).bytes for number in range(5)]
    values = [
        *(pack(">q", number) for number in (position, 1_000 + position, 86_400_000_000, 7)),
        *(pack(">h", number) for number in (lane, 12)),
        *ids,
        place,
    ]
    return pack(">h", 12) + b"".join(
        pack(">i", -1) if value is None else pack(">i", len(value)) + value for value in values
    )


def unpacked(wire: bytes, piece_bytes: int) -> Unpacker:
    unpacker = Unpacker()
    for start in range(0, len(wire), piece_bytes):
        unpacker.feed(wire[start : start + piece_bytes])
    return unpacker


def test_every_column_of_the_journal_is_hashed():
    assert WIRE.itemsize == 2 + 12 * 4 + 4 * 8 + 2 * 2 + 6 * 16
    assert len(COLUMNS.split(", ")) == 12


@pytest.mark.parametrize("piece_bytes", [1, 7, 19, 182, 183, 10_000])
def test_pieces_of_any_length_give_the_same_rows(piece_bytes):
    rows = [row(number) for number in range(1, 8)]

    unpacker = unpacked(START + b"".join(rows) + END, piece_bytes)
    taken = unpacker.take()
    unpacker.close()

    assert taken.position.tolist() == list(range(1, 8))
    assert taken.amount_vnd.tolist() == list(range(1_001, 1_008))
    assert taken.id.tobytes() == b"".join(row[2 + 4 * 7 + 36 :][:16] for row in rows)
    assert [leaf.tobytes() for leaf in taken.leaf] == [sha256(row).digest() for row in rows]


def test_a_row_says_every_column_in_words():
    taken = unpacked(START + row(3), 50).take()

    said = str(taken.said(0))

    for word in (
        f"1,003 đ from account {UUID(int=33)} to account {UUID(int=32)} of owner {UUID(int=31)}",
        f"kind 12, for {UUID(int=34)} at {UUID(int=0)}",
        "happened 2000-01-02T00:00:00+00:00, recorded 2000-01-01T00:00:00.000007+00:00",
        "at position 3 of lane 5",
    ):
        assert word in said


def test_some_rows_are_taken_and_the_others_wait():
    unpacker = unpacked(START + b"".join(row(number) for number in range(10)) + END, 400)

    first, rest = unpacker.take(4), unpacker.take()

    assert first.position.tolist() == [0, 1, 2, 3]
    assert rest.position.tolist() == [4, 5, 6, 7, 8, 9]
    assert rest.said(0).id == UUID(int=40)


@pytest.mark.parametrize(
    ("positions", "first"),
    [([1, 2, 2, 2, 3], [1]), ([1, 1, 1], [1, 1, 1]), ([1, 1, 2, 3], [1, 1])],
)
def test_rows_of_one_position_are_never_parted(positions, first):
    unpacker = unpacked(START + b"".join(row(number) for number in positions), 1_000)

    assert unpacker.take(2).position.tolist() == first


@pytest.mark.parametrize("piece_bytes", [50, 10_000])
def test_a_row_with_an_empty_field_is_no_row(piece_bytes):
    with pytest.raises(payments.JournalUnreadable):
        unpacked(START + row(1) + row(2, place=None) + row(3) + END, piece_bytes).close()


def test_what_breaks_off_is_no_journal():
    unpacker = unpacked(START + row(1) + row(2)[:90], 1_000)

    with pytest.raises(payments.JournalUnreadable):
        unpacker.close()


def test_nothing_is_a_journal_too():
    unpacker = unpacked(START + END, 3)

    assert len(unpacker.take()) == 0
    unpacker.close()
