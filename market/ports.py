"""Free TCP ports, and whether a server answers on one."""

import asyncio
import socket
from contextlib import closing

TRIES = 200


class NoPortFree(Exception):
    """Not one of the next ports could be had."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen on this port now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def next_free(host: str, port: int, taken: frozenset[int] = frozenset()) -> int:
    """`port` or the first after it that is free and not in `taken`; 0 asks for any.

    Raises: NoPortFree.
    """
    if port == 0:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])
    for candidate in range(port, min(port + TRIES, 65_536)):
        if candidate not in taken and is_free(host, candidate):
            return candidate
    raise NoPortFree(f"No port from {port} on is free on {host}. Choose another with --port.")


async def answers(host: str, port: int, path: str) -> bool:
    """Whether GET `path` is answered with a status under 500 within a second."""
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(_reachable(host), port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status = (await reader.readline()).split()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return len(status) > 1 and status[1].isdigit() and int(status[1]) < 500


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
