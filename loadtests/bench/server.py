"""The PostgreSQL under the bench: one database per measurement, and the server's own counters."""

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from market.embedded import Cluster

SETTINGS = ("shared_buffers=1GB", "max_wal_size=8GB", "checkpoint_timeout=30min")
"""For the embedded server: no checkpoint falls into a measurement; durability stays as it is."""
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
SHOWN = (
    *DURABLE,
    "server_version",
    "shared_buffers",
    "max_wal_size",
    "checkpoint_timeout",
    "wal_compression",
    "jit",
    "autovacuum",
    "data_checksums",
    "io_method",
)
QUIET_SECONDS, QUIET_SECONDS_MAX = 0.6, 15.0
"""Without a byte of WAL for so long nobody writes; a server that others use never falls quiet."""
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Unfit(Exception):
    """The server cannot be measured as it is; the text says why."""


@dataclass(frozen=True)
class Counters:
    """What the server spent so far."""

    wal_bytes: int
    cpu_seconds: float | None
    """Of all its processes; None where they run on another machine."""


@dataclass
class Server:
    """A PostgreSQL that the bench may make databases on; `close` drops them again."""

    url: str
    postmaster: int | None
    _made: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        """Hold one connection for the counters."""
        self._admin = psycopg.connect(self.url, autocommit=True)
        for name, wanted in DURABLE.items():
            found = self._value(f"SHOW {name}")
            if found != wanted:
                self._admin.close()
                raise Unfit(f"{name} is {found}: a rate without durability is none. Set it on.")

    def settings(self) -> dict[str, str]:
        """The settings that a reader of the figures would ask for."""
        rows = self._admin.execute(
            "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)",
            (list(SHOWN),),
        ).fetchall()
        return dict(sorted(rows))

    def make(self, template: str = "template0") -> str:
        """The URL of a new database, a copy of `template`."""
        name = f"bench_{os.getpid()}_{next(self._numbers)}"
        self._admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        self._made.append(name)
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)

    def drop(self, url: str) -> None:
        """The database is gone, whoever is still connected."""
        name = database_of(url)
        self._admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        self._made.remove(name)

    def checkpoint(self) -> None:
        """Start every measurement with nothing left to write."""
        self._admin.execute("CHECKPOINT")

    def counters(self) -> Counters:
        """Read them; a difference of two readings is what happened between."""
        return Counters(
            self._written(), None if self.postmaster is None else cpu_seconds(self.postmaster)
        )

    def wait_until_quiet(self) -> None:
        """Nobody writes any more: what was under way when its caller left is done."""
        until = time.monotonic() + QUIET_SECONDS_MAX
        before, now = -1, self._written()
        while before != now and time.monotonic() < until:
            time.sleep(QUIET_SECONDS)
            before, now = now, self._written()

    def close(self) -> None:
        """Drop what was made, disconnect."""
        for name in self._made:
            self._admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        self._made.clear()
        self._admin.close()

    def _written(self) -> int:
        return int(self._value("SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"))

    def _value(self, query: str) -> Any:
        row = self._admin.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@contextmanager
def serving(url: str, folder: Path) -> Iterator[Server]:
    """The server at `url`, or where that is empty an embedded one in `folder`, ended afterwards.

    Raises: Unfit where it does not keep what it acknowledges.
    """
    cluster = None if url else Cluster(folder, SETTINGS)
    try:
        found = url or (cluster.start() if cluster else "")
        server = Server(found, _postmaster(found))
        try:
            yield server
        finally:
            server.close()
    finally:
        if cluster is not None:
            cluster.stop()


def database_of(url: str) -> str:
    """The name of the database a URL leads to."""
    name = make_url(url).database
    assert name is not None
    return name


def cpu_seconds(first: int) -> float:
    """What a process, its children and those it outlived have used."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name_and_before, _, after = stat.read_text().rpartition(") ")
        except OSError:  # it ended meanwhile; its parent has its ticks
            continue
        fields = after.split()
        if int(name_and_before.split(maxsplit=1)[0]) == first:
            ticks += sum(map(int, fields[11:15]))  # own, and of children that ended
        elif int(fields[1]) == first:
            ticks += sum(map(int, fields[11:13]))
    return ticks / _TICKS_PER_SECOND


def _postmaster(url: str) -> int | None:
    """The server's first process, if it runs on this machine."""
    with psycopg.connect(url) as connection:
        pid = connection.info.backend_pid
        try:
            before, _, after = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")
        except OSError:
            return None
        return int(after.split()[1]) if before.endswith("(postgres") else None
