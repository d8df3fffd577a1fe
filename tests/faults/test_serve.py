"""The supervisor itself: killed, doubled, on a taken port."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from market import serve
from market.embedded import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)
def test_a_killed_supervisor_takes_its_children_but_postgresql_is_adopted(make_market, until):
    market = make_market()
    market.start()
    before = market.state()
    os.kill(before["pid"], signal.SIGKILL)
    market.process.wait()

    until(lambda: not any(is_alive(pid) for pid in before["pids"].values()))
    survivor = Cluster(market.data).pid()
    again = make_market()
    again.start()

    assert survivor == before["postgres_pid"]
    assert again.state()["postgres_pid"] == survivor
    assert again.answers()


def test_a_second_market_on_the_same_data_is_refused_and_told_where_the_first_is(make_market):
    market = make_market()
    market.start()

    second = subprocess.run(
        [sys.executable, "-m", "market.cli", "serve", "--data", str(market.data)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert second.returncode == 1
    assert f"A market already runs on {market.data} at {market.url}" in second.stderr


def test_a_taken_port_moves_the_market_to_the_next_and_says_so(make_market):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        market = make_market("--port", str(port))

        market.start()

    assert market.state()["port"] > port
    assert f"Port {port} is taken, web uses {market.state()['port']}." in market.lines


def test_a_data_directory_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(serve.ServeError, match="Choose another --data"):
        serve.run(serve.Plan(serve.Settings(data=tmp_path / "file" / "data")))
