"""The embedded PostgreSQL under everything that may happen to a market's machine."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from market import embedded
from market.embedded import Cluster, EmbeddedError

ROOT = Path(__file__).parents[3]
SITE = Path(psycopg.__file__).parents[1]
START = "import sys; from pathlib import Path; from market.embedded import Cluster; "


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "data")
    yield made
    made.stop()


@pytest.fixture
def for_everyone() -> Iterator[Path]:
    """A folder any user can pass through, and nobody owns."""
    folder = Path(tempfile.mkdtemp(prefix="cho-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def value(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement).fetchone()
    return None if row is None else row[0]


def write_one(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def until(true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def started_by_another(data: Path, then: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", f"{START}print(Cluster(Path(sys.argv[1])).start(), flush=True); {then}", str(data)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_cold_start_makes_a_durable_utf8_cluster(cluster: Cluster) -> None:
    url = cluster.start()

    assert value(url, "SELECT current_database()") == "market"
    assert value(url, "SHOW fsync") == "on"
    assert value(url, "SHOW synchronous_commit") == "on"
    assert value(url, "SHOW full_page_writes") == "on"
    assert value(url, "SHOW data_checksums") == "on"
    assert value(url, "SHOW server_encoding") == "UTF8"
    assert value(url, "SHOW listen_addresses") == ""


def test_a_warm_start_keeps_what_was_written_and_the_address(cluster: Cluster) -> None:
    url = cluster.start()
    write_one(url)
    cluster.stop()

    again = cluster.start()

    assert again == url
    assert value(again, "SELECT count(*) FROM kept") == 1


def test_a_stopped_cluster_has_no_server_and_stopping_twice_is_nothing(cluster: Cluster) -> None:
    cluster.start()

    cluster.stop()
    cluster.stop()

    assert cluster.pid() is None


def test_only_the_owner_may_enter_the_socket(cluster: Cluster) -> None:
    url = cluster.start()

    folder = Path(url.partition("host=")[2])

    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / ".s.PGSQL.5432").stat().st_mode & 0o077 == 0


def test_a_data_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    deep = Cluster(tmp_path / ("mùa-xuân-" * 8) / "dữ liệu")
    try:
        url = deep.start()

        assert value(url, "SELECT 1") == 1
    finally:
        deep.stop()


def test_a_killed_initdb_leaves_no_half_cluster(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with started_by_another(data, "") as setting_up:
        until(lambda: list(data.glob("postgres.new.*/base")))
        setting_up.kill()

    half_made = (data / "postgres").exists()
    cluster = Cluster(data)
    url = cluster.start()

    assert not half_made
    assert value(url, "SELECT 1") == 1
    assert not list(data.glob("postgres.new*"))
    cluster.stop()


def test_a_server_outlives_its_killed_app_and_is_adopted(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    with started_by_another(tmp_path, "import time; time.sleep(60)") as app:
        assert app.stdout is not None
        url = app.stdout.readline().strip()
        pid = cluster.pid()
        app.kill()

    adopted = cluster.start()

    assert adopted == url
    assert cluster.pid() == pid
    cluster.stop()
    assert cluster.pid() is None


def test_two_starters_at_once_share_one_server(tmp_path: Path) -> None:
    starters = [started_by_another(tmp_path, "") for _ in range(2)]

    urls = {starter.communicate()[0] for starter in starters}

    assert len(urls) == 1
    assert value(urls.pop().strip(), "SELECT 1") == 1
    Cluster(tmp_path).stop()


def test_a_killed_postgresql_recovers_what_was_committed(cluster: Cluster) -> None:
    url = cluster.start()
    write_one(url)
    pid = cluster.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    again = cluster.start()

    assert again == url
    assert cluster.pid() != pid
    assert value(again, "SELECT count(*) FROM kept") == 1


def test_a_cluster_of_another_major_version_says_what_to_do(cluster: Cluster) -> None:
    cluster.start()
    cluster.stop()
    version = cluster.data / "postgres" / "PG_VERSION"
    version.write_text("17\n")

    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17.*Dump it.*--data"):
        cluster.start()

    version.write_text("18\n")


def test_a_stale_pid_file_whose_number_now_belongs_to_another_is_overcome(
    cluster: Cluster,
) -> None:
    url = cluster.start()
    write_one(url)
    pid = cluster.pid()
    assert pid is not None
    pid_file = cluster.data / "postgres" / "postmaster.pid"
    left_behind = pid_file.read_text()
    os.kill(pid, signal.SIGKILL)
    until(lambda: cluster.pid() is None)
    stranger = subprocess.Popen(["sleep", "60"])
    pid_file.write_text(left_behind.replace(str(pid), str(stranger.pid), 1))

    again = cluster.start()

    assert value(again, "SELECT count(*) FROM kept") == 1
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_a_data_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file")

    with pytest.raises(EmbeddedError, match="Choose another --data"):
        Cluster(in_the_way).start()


def test_a_machine_without_the_wheel_is_told_to_bring_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    with pytest.raises(EmbeddedError, match="MARKET_DATABASE_URL"):
        Cluster(tmp_path).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_without_user_namespaces_runs_it_as_nobody(
    for_everyone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_probed", [False])
    cluster = Cluster(for_everyone / "data")
    try:
        url = cluster.start()

        assert value(url, "SELECT 1") == 1
        assert (cluster.data / "postgres").stat().st_uid == embedded.NOBODY
    finally:
        cluster.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_ordinary_user_needs_nothing_of_root(for_everyone: Path) -> None:
    python = shutil.which("python3", path="/usr/bin")
    if python is None or not _readable_by_nobody(python):
        pytest.skip("no Python of this version that user nobody may run and read")
    os.chown(for_everyone, embedded.NOBODY, embedded.NOBODY)

    done = subprocess.run(
        [
            python, "-c",
            f"{START}c = Cluster(Path(sys.argv[1])); u = c.start(); c.stop(); print(u, c.pid())",
            str(for_everyone / "data"),
        ],
        env={"PYTHONPATH": f"{ROOT}:{SITE}"}, user=embedded.NOBODY, group=embedded.NOBODY,
        extra_groups=[], cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("None\n")


def _readable_by_nobody(python: str) -> bool:
    tried = subprocess.run(
        [python, "-c", "import sys, market.embedded, psycopg; print(*sys.version_info[:2])"],
        env={"PYTHONPATH": f"{ROOT}:{SITE}"}, user=embedded.NOBODY, group=embedded.NOBODY,
        extra_groups=[], cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    return tried.stdout.split() == [str(part) for part in sys.version_info[:2]]
