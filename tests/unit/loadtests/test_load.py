from collections import Counter

import numpy as np
import pytest

from loadtests.bench.load import Load, in_order, transfers_of


@pytest.fixture
def load():
    return Load(seed=3, owner_count=100)


def test_the_same_seed_chooses_the_same_owners():
    chosen = [Load(seed=3, owner_count=100).choose("zipf", 50).tolist() for _ in range(2)]

    assert chosen[0] == chosen[1]
    assert chosen[0] != Load(seed=4, owner_count=100).choose("zipf", 50).tolist()


def test_a_fork_chooses_others_among_the_same_owners(load):
    fork = Load(seed=3, owner_count=100)
    fork.fork(1)

    assert [one.id for one in fork.owners] == [one.id for one in load.owners]
    assert fork.choose("uniform", 50).tolist() != load.choose("uniform", 50).tolist()


def test_zipf_gives_the_first_owner_twice_as_much_as_the_second(load):
    counts = [count for _, count in Counter(load.choose("zipf", 200_000).tolist()).most_common(2)]

    assert counts[0] / counts[1] == pytest.approx(2, rel=0.1)


def test_hot_is_one_owner_and_uniform_is_everyone(load):
    assert len(set(load.choose("hot", 1_000).tolist())) == 1
    assert len(set(load.choose("uniform", 10_000).tolist())) == 100


def test_a_half_of_the_lanes_has_only_their_owners(load):
    chosen = load.choose("uniform", 1_000, lanes=range(32))

    assert {load.owners[one].lane < 32 for one in chosen} == {True}


def test_ids_are_of_version_7_unique_and_grow_with_their_time(load):
    ids = [one.id for one in transfers_of(load.records("uniform", 1_000))]

    assert {one.version for one in ids} == {7}
    assert len(set(ids)) == 1_000
    times = [one.int >> 80 for one in ids]
    assert times == sorted(times)


def test_ids_made_later_lead_with_a_later_time(load):
    first, second = (transfers_of(load.records("uniform", 1_000)) for _ in range(2))

    assert max(one.id.int >> 80 for one in first) < min(one.id.int >> 80 for one in second)


def test_objects_say_what_the_records_say(load):
    records = load.records("uniform", 3)

    transfers = transfers_of(records)

    for record, transfer in zip(records, transfers, strict=True):
        assert transfer.debit_id.bytes == record["debit_id"].tobytes()
        assert transfer.amount_vnd == record["amount_vnd"]
        assert int(transfer.occurred_at.timestamp() * 1_000_000) == pytest.approx(
            int(record["occurred_at"]), abs=1
        )


def test_the_same_ids_in_another_order_are_the_same(load):
    ids = load.new_ids(100)

    assert np.array_equal(in_order(ids), in_order(ids[::-1]))
    assert not np.array_equal(in_order(ids), in_order(load.new_ids(100)))
