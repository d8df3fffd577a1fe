"""The road to the tax authority: one protocol, and the client of a gateway over HTTP.

Only accredited transmission providers talk to the authority itself; their transports differ (SOAP,
queues). The HTTP shape here is ours, spoken by the simulator: POST a message, get the technical
reply; GET replies after a position.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Protocol

import httpx
import msgspec

from einvoice.errors import AuthorityUnavailable

REPLIES_MAX = 200
"""Replies in one pull."""
TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class PulledReply:
    """A reply and its place in the gateway's log."""

    position: int
    body: bytes


class TaxAuthority(Protocol):
    """Where messages go and replies come from."""

    async def send(self, body: bytes) -> bytes | None:
        """Hand one message over; the immediate reply, if there is one.

        Raises: AuthorityUnavailable; whether the message arrived is then not known.
        """

    async def replies(self, after: int) -> list[PulledReply]:
        """Replies after a position, in order, at most 200. Raises: AuthorityUnavailable."""


class _Reply(msgspec.Struct):
    position: int
    xml: str


class _Replies(msgspec.Struct):
    replies: list[_Reply]


class HTTPAuthority:
    """A gateway over HTTP. The client is the caller's: its pool, its proxies, its certificates."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url.rstrip("/")

    async def send(self, body: bytes) -> bytes | None:
        """POST the message. Raises: AuthorityUnavailable."""
        try:
            response = await self._client.post(
                f"{self._url}/messages",
                content=body,
                headers={"Content-Type": "application/xml"},
                timeout=TIMEOUT_SECONDS,
            )
        except httpx.HTTPError as error:
            raise AuthorityUnavailable(type(error).__name__) from error
        if response.status_code >= 300:
            raise AuthorityUnavailable(f"status {response.status_code}")
        return response.content or None

    async def replies(self, after: int) -> list[PulledReply]:
        """GET the replies. Raises: AuthorityUnavailable."""
        try:
            response = await self._client.get(
                f"{self._url}/replies", params={"after": after}, timeout=TIMEOUT_SECONDS
            )
            response.raise_for_status()
            pulled = msgspec.json.decode(response.content, type=_Replies).replies
            return [PulledReply(one.position, base64.b64decode(one.xml)) for one in pulled]
        except (httpx.HTTPError, msgspec.MsgspecError, binascii.Error) as error:
            raise AuthorityUnavailable(type(error).__name__) from error
