"""A link's hash is what the documentation says, and speaks for each of its parts."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from struct import pack
from uuid import UUID

import msgspec
import numpy as np
import pytest

from payments.ledger.links import (
    ROUNDS,
    ZERO,
    by_lane,
    closes,
    in_order,
    link_over_links,
    link_over_rows,
    links_named,
    name_of,
    pieces_of,
    short,
)
from payments.ledger.wire import Rows

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)


def rows_of(*rows: tuple[int, int, int]) -> Rows:
    """Rows of these lanes, positions and ids; each moves 1,000 đ."""
    ids = b"".join(UUID(int=row_id).bytes for _, _, row_id in rows)
    leaves = b"".join(sha256(str(row).encode()).digest() for row in rows)
    return Rows(
        position=np.array([position for _, position, _ in rows]),
        lane=np.array([lane for lane, _, _ in rows], np.int16),
        amount_vnd=np.full(len(rows), 1_000),
        id=np.frombuffer(ids, "V16"),
        leaf=np.frombuffer(leaves, "V32"),
        number=np.arange(len(rows)),
        sources=(),
    )


def test_a_links_hash_is_the_one_documented():
    rows = rows_of((5, 10, 1), (5, 12, 2))

    link = link_over_rows(rows, lane=5, number=3, previous=b"p" * 32, sealed_at=NOW)

    microseconds = (NOW - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    head = b"p" * 32 + pack(">hqqqqqq", 5, 3, 10, 12, 2, 2_000, microseconds)
    assert link.hash == sha256(head + rows.leaf.tobytes()).digest()
    assert link.ids == rows.id.tobytes()
    assert pieces_of(link.leaves, 8) == [leaf.tobytes()[:8] for leaf in rows.leaf]
    assert link.name == "Seal 3 of lane 5"


def test_a_round_closes_over_the_hashes_of_its_links():
    links = [
        link_over_rows(rows, lane=lane, number=9, previous=ZERO, sealed_at=NOW)
        for lane, rows in by_lane(rows_of((1, 20, 1), (2, 4, 2), (2, 30, 3)))
    ]

    one = link_over_links(links, number=1, previous=ZERO, sealed_at=NOW)

    assert (one.lane, one.position_first, one.position_last) == (ROUNDS, 4, 30)
    assert (one.row_count, one.amount_vnd) == (3, 3_000)
    assert links_named(one.ids) == [(1, 9), (2, 9)]
    assert closes(one, b"".join(link.hash for link in links))
    assert name_of(ROUNDS, 4) == "Round 4"


def test_forged_sums_stay_within_their_columns():
    link = link_over_rows(rows_of((1, 1, 1)), lane=1, number=1, previous=ZERO, sealed_at=NOW)
    forged = msgspec.structs.replace(link, amount_vnd=(1 << 63) - 1)

    one = link_over_links([forged, forged], number=1, previous=ZERO, sealed_at=NOW)

    assert one.amount_vnd == -2


@pytest.mark.parametrize(
    "part",
    [
        {"lane": 6},
        {"number": 2},
        {"position_first": 9},
        {"position_last": 13},
        {"row_count": 3},
        {"amount_vnd": 2_001},
        {"previous": bytes(31) + b"\x01"},
        {"sealed_at": NOW + timedelta(microseconds=1)},
        {"hash": bytes(32)},
    ],
    ids=lambda part: next(iter(part)),
)
def test_a_link_no_longer_closes_once_a_part_of_it_changed(part):
    rows = rows_of((5, 10, 1), (5, 12, 2))
    link = link_over_rows(rows, lane=5, number=1, previous=ZERO, sealed_at=NOW)

    assert closes(link, rows.leaf.tobytes())
    assert not closes(msgspec.structs.replace(link, **part), rows.leaf.tobytes())
    assert not closes(link, rows[::-1].leaf.tobytes())
    assert not closes(link, rows[:1].leaf.tobytes())


def test_rows_are_in_order_by_lane_then_position_then_id():
    rows = in_order(rows_of((2, 5, 9), (1, 8, 1), (2, 5, 3), (1, 7, 2), (2, 5, 1 << 90)))

    found = [
        (lane, some.position.tolist(), [int.from_bytes(one.tobytes()) for one in some.id])
        for lane, some in by_lane(rows)
    ]
    assert found == [(1, [7, 8], [2, 1]), (2, [5, 5, 5], [3, 9, 1 << 90])]


def test_ids_of_a_round_that_are_no_list_name_nothing():
    assert links_named(b"x" * 17) == []


def test_the_short_leaf_is_the_beginning_of_the_whole():
    assert short(bytes(range(32)) + bytes(range(100, 132))) == bytes(range(8)) + bytes(
        range(100, 108)
    )
