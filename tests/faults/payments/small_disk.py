"""A PostgreSQL on a disk of its own that can be full: a small tmpfs nobody else sees.

`python small_disk.py FOLDER BYTES` says `ready PID` and then obeys `fill`, `free`, `start`, `stop`.
Exit code 3: this kernel lets nobody mount without being root.
"""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

from market.embedded import CLONE_NEWUSER, Cluster

CLONE_NEWNS = 0x00020000
REFUSED = 3


def enter(folder: Path, size: int) -> None:
    """Be root of a namespace of our own, and mount there."""
    uid, gid = os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0:
        sys.exit(REFUSED)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    options = f"size={size}".encode()
    if libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options) != 0:
        sys.exit(REFUSED)


def fill(ballast: Path) -> None:
    """Not a byte is left."""
    with suppress(OSError), ballast.open("ab", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with suppress(OSError):
                while file.write(bytes(size)):
                    pass


def main(folder: Path, size: int) -> None:
    enter(folder, size)
    cluster, ballast = Cluster(folder / "d"), folder / "ballast"
    cluster.start()
    print("ready", os.getpid(), flush=True)  # noqa: T201 - its output is what the test reads
    for line in sys.stdin:
        if line == "fill\n":
            fill(ballast)
        elif line == "free\n":
            ballast.unlink()
        elif line == "start\n":
            cluster.start()
        print("done", flush=True)  # noqa: T201 - as above
    cluster.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
