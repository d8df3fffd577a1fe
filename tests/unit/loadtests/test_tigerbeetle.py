import pytest

from loadtests.bench.cell import Skipped
from loadtests.bench.load import Load
from loadtests.bench.tigerbeetle import REASON, TigerBeetle, read_benchmark

PRINTED = """
124 batches in 2.70 s
transfer batch size = 8189 txs
transfer batch delay = 0 us
load accepted = 374532 tx/s
batch latency p50 = 17 ms
batch latency p99 = 46 ms
"""


@pytest.fixture
def load():
    return Load(seed=1, owner_count=2)


def measure(beetle, load, key):
    return beetle.measure(key, load, repetition=1, seconds=1)


def test_the_rate_and_the_latencies_are_read_from_what_its_benchmark_prints():
    found = read_benchmark(PRINTED, "tigerbeetle native/uniform", 2, 1_000_000)

    assert found.rate == pytest.approx(374_532)
    assert (found.call_ms_p50, found.call_ms_p99) == (17, 46)
    assert found.repetition == 2


def test_a_benchmark_that_prints_no_rate_is_left_out():
    with pytest.raises(Skipped, match="no rate"):
        read_benchmark("panic", "tigerbeetle native/uniform", 1, 1)


def test_its_program_is_asked_for_one_hot_account(tmp_path, load):
    program = tmp_path / "tigerbeetle"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\ncat <<E\n{PRINTED}\nE\n')
    program.chmod(0o755)

    found = measure(TigerBeetle("", program, tmp_path), load, "tigerbeetle native/hot")

    assert found.rate == pytest.approx(374_532)
    assert "--transfer-hot-percent=100" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("how", ["python", "native"])
def test_without_it_the_cell_is_left_out_with_its_reason(tmp_path, load, how):
    with pytest.raises(Skipped, match=REASON):
        measure(TigerBeetle("", None, tmp_path), load, f"tigerbeetle {how}/uniform")


def test_its_own_benchmark_needs_its_program(tmp_path, load):
    with pytest.raises(Skipped, match="needs --tigerbeetle-binary"):
        measure(TigerBeetle("3000", None, tmp_path), load, "tigerbeetle native/uniform")
