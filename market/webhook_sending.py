"""One try over the network, to an address that others chose: guarded on every side.

The name is resolved once, every address it has must be public, and the connection goes to the very
address that was looked at; no redirect is followed, no proxy of ours is used, the answer's body is
hardly read, and all of it ends in time.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from time import monotonic
from urllib.parse import urlsplit

import httpx

from market import outgoing, webhooks
from market.webhooks import Answer, WebhookInvalid

SECONDS_MAX = 15.0
CONNECT_SECONDS_MAX = 5.0
RESOLVE_SECONDS_MAX = 5.0
BODY_SECONDS_MAX = 3.0
ANSWER_BYTES_MAX = 64_000
ERROR_CHARACTERS_MAX = 300
USER_AGENT = "Cho-4.0-Webhooks/1"
NAT64 = IPv6Network("64:ff9b::/96")
PROTOCOL = IPv4Network("192.0.0.0/24")
"""Of the network itself, by RFC 6890; a cloud keeps its metadata at 192.0.0.192."""
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]


class AddressRefused(Exception):
    """The name leads to a place that is nobody's outside: private, local, or of the cloud itself."""


def client() -> httpx.AsyncClient:
    """Sends many tries; trusts no environment and follows nothing."""
    return httpx.AsyncClient(
        trust_env=False,
        verify=outgoing.trusted(trust_env=False),
        follow_redirects=False,
        timeout=httpx.Timeout(SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
        limits=httpx.Limits(max_connections=50, max_keepalive_connections=0),
    )


async def send(
    http: httpx.AsyncClient,
    url: str,
    headers: dict[str, str],
    body: str,
    *,
    allow_private: bool,
    now: datetime,
    resolve: Resolver | None = None,
) -> Answer:
    """How the try went; whatever goes wrong is an answer too."""
    begun = monotonic()
    asked = None
    try:
        async with asyncio.timeout(SECONDS_MAX):
            status, header = await _post(
                http, url, headers, body, allow_private, resolve or addresses
            )
        asked = webhooks.retry_after(status, header, now)
        error = "" if 200 <= status < 300 else f"answered {status}"
    except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError) as failed:
        status, error = None, f"{type(failed).__name__}: {failed}"
    except (AddressRefused, WebhookInvalid) as refused:
        status, error = None, str(refused)
    duration_ms = int((monotonic() - begun) * 1_000)
    return Answer(status, error[:ERROR_CHARACTERS_MAX], duration_ms, asked)


async def _post(
    http: httpx.AsyncClient,
    url: str,
    headers: dict[str, str],
    body: str,
    allow_private: bool,
    resolve: Resolver,
) -> tuple[int, str]:
    """The status, and the `Retry-After` header if there is one."""
    webhooks.check_url(url, allow_private=allow_private)
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    found = await resolve(host, port)
    address = chosen(found, allow_private=allow_private)
    literal = f"[{address}]" if ":" in address else address
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    sent = {
        **headers,
        "host": parts.netloc,
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "accept-encoding": "identity",
    }
    pinned = f"{parts.scheme}://{literal}:{port}{path}"
    request = http.build_request(
        "POST", pinned, headers=sent, content=body.encode(), extensions={"sni_hostname": host}
    )
    answer = await http.send(request, stream=True)
    try:
        await _read_a_little(answer)
    finally:
        await answer.aclose()
    return answer.status_code, answer.headers.get("retry-after", "")


async def _read_a_little(answer: httpx.Response) -> None:
    """Enough that an honest server is done; what says more, or says it slowly, is cut off.

    The status has come: however the rest ends, it is the answer.
    """
    size = 0
    with suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in answer.aiter_raw():
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    return


async def addresses(host: str, port: int) -> list[str]:
    """What a name stands for now. Raises: OSError, TimeoutError."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(RESOLVE_SECONDS_MAX):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def chosen(found: Sequence[str], *, allow_private: bool) -> str:
    """The address to connect to. One that is not public spoils them all: the name is not honest.

    Raises: AddressRefused.
    """
    if not found:
        raise AddressRefused("the name has no address")
    for one in found:
        if not allow_private and not is_public(one):
            raise AddressRefused(f"the name leads to {one}, which is not a public address")
    return found[0]


def is_public(address: str) -> bool:
    """Whether it is a host on the open internet: not local, private, shared, multicast, reserved."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _inner(found)
        if inner is not None:
            return is_public(str(inner))
        if found.is_site_local:  # deprecated, and routed in some houses still
            return False
    elif found in PROTOCOL:
        return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def _inner(found: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one stands for, by any of the ways there are."""
    if found.ipv4_mapped is not None:
        return found.ipv4_mapped
    if found.sixtofour is not None:
        return found.sixtofour
    if found.teredo is not None:
        return found.teredo[1]
    if found in NAT64:
        return IPv4Address(int(found) & 0xFFFF_FFFF)
    return None
