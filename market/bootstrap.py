"""Set-up with the standard library alone: `.venv` from the hash-pinned locks, then the command.

It never needs root, never touches the system, and may be interrupted and repeated: the stamp that
says "ready" is written last.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "market-ready.json"
LOCKS = {"base": "requirements-base.lock", "test": "requirements-test.lock"}
"""The lock of the tests contains the base's."""
NEEDED = ("litestar", "sqlmodel", "granian", "dramatiq", "asyncpg", "psycopg", "reportlab")
NEEDED_BY_TESTS = ("pytest", "hypothesis", "ruff", "mypy")
INSTALL_SECONDS_MAX = 1800
SIGN_OF_LIFE_SECONDS = 2.0
INTERRUPTED = 130
USAGE = """\
Two commands set everything up by themselves:
  python3 -m market demo      a living market in your browser
  python3 -m market test      every test (further arguments go to pytest)
Only set up:
  python3 -m market setup [--test]

"""


class SetupError(Exception):
    """The set-up cannot go on; the text says why and what to do."""


def main(arguments: Sequence[str]) -> int:
    """Run one command after whatever set-up it still needs; returns the exit code."""
    command = arguments[0] if arguments else "--help"
    for_tests = command == "test" or list(arguments[:2]) == ["setup", "--test"]
    try:
        if not is_ready_here(for_tests):
            return set_up_and_run("test" if for_tests else "base", arguments)
    except SetupError as error:
        return _complain(str(error), 1)
    except KeyboardInterrupt:
        return _complain("Interrupted. Run the same command again to go on.", INTERRUPTED)
    return run(command, arguments)


def is_ready_here(for_tests: bool) -> bool:
    """Whether this very interpreter already has what the command needs."""
    if not (ROOT / "pyproject.toml").exists():
        return True  # an installed package: its installer saw to the dependencies
    if Path(sys.prefix).resolve() != VENV.resolve():
        return False
    if STAMP.exists():
        return is_stamped("test" if for_tests else "base")
    needed = NEEDED + (NEEDED_BY_TESTS if for_tests else ())
    return all(importlib.util.find_spec(name) is not None for name in needed)


def run(command: str, arguments: Sequence[str]) -> int:
    """The command itself, inside a complete environment."""
    if command == "setup":
        sys.stdout.write("Ready.\n")
        return 0
    if command == "test":
        import pytest

        os.chdir(ROOT)
        return int(pytest.main(list(arguments[1:])))
    from market import cli

    if command in {"--help", "-h"}:
        sys.stdout.write(USAGE)
        sys.stdout.flush()
    return cli.main(arguments or ["--help"])


def set_up_and_run(kind: str, arguments: Sequence[str]) -> int:
    """Make or complete `.venv`, then become the command inside it; does not return.

    Raises: SetupError.
    """
    if not is_stamped(kind):
        try:
            with _one_at_a_time():
                if not is_stamped(kind):  # another set-up may have done it while we waited
                    install(kind)
        except OSError as error:
            raise SetupError(explain(str(error))) from error
    sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-m", "market", *arguments])


def install(kind: str) -> None:
    """Bring `.venv` to the lock of this kind, whatever state it is in, and stamp it last.

    Raises: SetupError, OSError.
    """
    uv = shutil.which("uv")
    _say(f"Setting up in {VENV} (once, about a minute).")
    STAMP.unlink(missing_ok=True)
    if not _works(needs_pip=uv is None):
        shutil.rmtree(VENV, ignore_errors=True)
        _make_environment(uv)
    installer = [uv, "pip", "install", "--python"] if uv else []
    tail = ["-q", "--require-hashes", "--only-binary=:all:", "-r", str(ROOT / LOCKS[kind])]
    if uv:
        _attempt([*installer, str(PYTHON), *tail])
    else:
        _attempt([str(PYTHON), "-m", "pip", "install", "--no-input", *tail])
    (_site_packages() / "market-checkout.pth").write_text(f"{ROOT}\n")
    kinds = ("base", "test") if kind == "test" else ("base",)
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(json.dumps({"python": _version(), **{one: _hash(one) for one in kinds}}))
    fresh.replace(STAMP)


def is_stamped(kind: str) -> bool:
    """Whether `.venv` was completed from the locks as they are now, for this Python."""
    try:
        found = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False
    return bool(found.get("python") == _version() and found.get(kind) == _hash(kind))


_SIGNS = (
    (
        ("no space left", "disk quota", "errno 28", "os error 28"),
        "The disk is full. About 700 MB are needed. Free some space and run the command again.",
    ),
    (
        ("read-only file system", "permission denied", "errno 13", "errno 30", "os error 13"),
        f"A file cannot be written. Is {ROOT} yours? If not, copy it to a folder of your own and "
        "run the command there.",
    ),
    (
        ("ensurepip is not available", "no module named ensurepip", "no module named venv"),
        "This Python has no venv module. On Debian or Ubuntu: sudo apt install python3-venv. "
        "Or install uv, which needs none. Then run the command again.",
    ),
    (
        ("do not match the hashes", "hash mismatch"),
        "A package is not the one that was tested (its hash differs), so nothing of it was used. "
        "Try another network; if it stays, do not trust the package source.",
    ),
    (
        (
            "name resolution", "failed to establish a new connection", "network is unreachable",
            "connection refused", "connection error", "error sending request", "dns error",
            "timed out", "could not connect", "failed to fetch", "connection reset",
            "no route to host", "no matching distribution", "proxyerror", "unsuccessful tunnel",
        ),
        "The packages could not be fetched. The first run needs a network, later ones do not. "
        "Connect and run the command again.",
    ),
)  # fmt: skip


def explain(output: str) -> str:
    """A plain sentence for what went wrong, and the last words it was read from."""
    lowered = output.lower()
    last = "\n".join(output.strip().splitlines()[-6:])
    for signs, sentence in _SIGNS:
        if any(sign in lowered for sign in signs):
            return f"{sentence}\n({last})"
    return f"The set-up failed. Its last words:\n{last}"


def _make_environment(uv: str | None) -> None:
    if uv:
        _attempt([uv, "venv", "-q", "--python", sys.executable, str(VENV)])
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(explain("no module named ensurepip"))
    _attempt([sys.executable, "-m", "venv", str(VENV)])


def _attempt(command: Sequence[str]) -> None:
    """Run one program of the set-up, with a sign of life."""
    done = threading.Event()
    threading.Thread(target=_show_life, args=(done,), daemon=True).start()
    try:
        result = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            timeout=INSTALL_SECONDS_MAX, text=True, errors="replace", cwd=ROOT, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SetupError(
            "It took more than half an hour. Run the command again to go on."
        ) from error
    finally:
        done.set()
    if result.returncode != 0:
        raise SetupError(explain(result.stdout))


def _show_life(done: threading.Event) -> None:
    while not done.wait(SIGN_OF_LIFE_SECONDS):
        if sys.stderr.isatty():
            sys.stderr.write(".")
            sys.stderr.flush()


def _works(*, needs_pip: bool) -> bool:
    """Whether `.venv` has a Python of our own version that runs; a torn one has not."""
    if not (VENV / "pyvenv.cfg").exists() or not PYTHON.exists():
        return False
    try:
        asked = _ask("import sys; print('%d.%d' % sys.version_info[:2])")
        return asked == _version() and (not needs_pip or bool(_ask("import pip; print(pip)")))
    except (OSError, subprocess.CalledProcessError):
        return False


def _ask(program: str) -> str:
    return subprocess.run(
        [str(PYTHON), "-c", program], capture_output=True, text=True, check=True
    ).stdout.strip()


def _site_packages() -> Path:
    return Path(_ask("import sysconfig; print(sysconfig.get_path('purelib'))"))


def _version() -> str:
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _hash(kind: str) -> str:
    return hashlib.sha256((ROOT / LOCKS[kind]).read_bytes()).hexdigest()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Two set-ups of one clone: the second waits for the first."""
    with (ROOT / LOCKS["base"]).open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _complain(sentence: str, code: int) -> int:
    _say(f"market: {sentence}")
    return code
