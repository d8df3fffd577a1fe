"""A transmission provider (T-VAN) over SOAP 1.2 and HTTPS: the names are configuration.

Every accredited provider has a service of its own; what they share is two calls: hand over a message,
fetch what came. Messages travel as base64, so the signed bytes arrive as they are.
Source: QĐ 1450/QĐ-TCT, part III: SOAP 1.2 over HTTPS, gzip.
"""

import base64
import binascii
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from lxml import etree

from einvoice import markup
from einvoice.authority import REPLIES_MAX, TIMEOUT_SECONDS, PulledReply
from einvoice.errors import AuthorityUnavailable, DocumentInvalid
from einvoice.markup import escaped

SOAP = "http://www.w3.org/2003/05/soap-envelope"
ANSWER_BYTES_MAX = 100_000_000
"""Two hundred replies of a message's size would be more; a provider sends them in smaller pulls."""
_GZIP_FROM = 1_000
"""Shorter requests gain nothing from gzip."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What one provider calls things. Names are local names in its namespace."""

    namespace: str
    send: str = "GuiThongDiep"
    """The operation that takes a message, in `content`; its answer may hold one there, too."""
    pull: str = "LayThongDiep"
    """The operation that gives replies after a position."""
    content: str = "DuLieu"
    after: str = "SauViTri"
    limit: str = "ToiDa"
    reply: str = "ThongDiep"
    """The element around one reply: `position` and `content`."""
    position: str = "ViTri"
    action: str = "{namespace}/{operation}"
    """The action of the content type."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Elements that stand first in every call: an account, its password, a token."""
    gzips: bool = True


class SOAPAuthority:
    """A `TaxAuthority` behind a provider's SOAP service. The client is the caller's: TLS, proxies."""

    def __init__(self, client: httpx.AsyncClient, url: str, shape: Shape) -> None:
        self._client = client
        self._url = url
        self._shape = shape

    async def send(self, body: bytes) -> bytes | None:
        """Hand over one message. Raises: AuthorityUnavailable."""
        shape = self._shape
        answer = await self._call(shape.send, {shape.content: base64.b64encode(body).decode()})
        found = answer.findall(f".//{{{shape.namespace}}}{shape.content}")
        return (_content(found[0]) or None) if found else None

    async def replies(self, after: int) -> list[PulledReply]:
        """Replies after a position, in order. Raises: AuthorityUnavailable."""
        shape = self._shape
        answer = await self._call(
            shape.pull, {shape.after: str(after), shape.limit: str(REPLIES_MAX)}
        )
        found = [self._reply(one) for one in answer.iter(f"{{{shape.namespace}}}{shape.reply}")]
        return sorted((one for one in found if one.position > after), key=lambda one: one.position)

    def _reply(self, node: etree._Element) -> PulledReply:
        name = f"{{{self._shape.namespace}}}"
        position = node.findtext(f"{name}{self._shape.position}") or ""
        content = node.find(f"{name}{self._shape.content}")
        if content is None or not (position.isascii() and position.isdigit()):
            raise AuthorityUnavailable("a reply without position or content")
        return PulledReply(int(position), _content(content))

    async def _call(self, operation: str, values: Mapping[str, str]) -> etree._Element:
        body = self._envelope(operation, values).encode()
        action = self._shape.action.format(namespace=self._shape.namespace, operation=operation)
        headers = {"Content-Type": f'application/soap+xml; charset=utf-8; action="{action}"'}
        if self._shape.gzips and len(body) >= _GZIP_FROM:
            body = gzip.compress(body, mtime=0)
            headers["Content-Encoding"] = "gzip"
        try:
            response = await self._client.post(
                self._url, content=body, headers=headers, timeout=TIMEOUT_SECONDS
            )
            answer = markup.parsed(response.content, ANSWER_BYTES_MAX)
        except httpx.HTTPError as error:
            raise AuthorityUnavailable(type(error).__name__) from error
        except DocumentInvalid as error:
            raise AuthorityUnavailable(f"status {response.status_code}, no SOAP answer") from error
        fault = answer.find(f"{{{SOAP}}}Body/{{{SOAP}}}Fault")
        if fault is not None:
            text = fault.findtext(f"{{{SOAP}}}Reason/{{{SOAP}}}Text") or "no reason given"
            raise AuthorityUnavailable(f"fault: {text[:200]}")
        inside = answer.find(f"{{{SOAP}}}Body")
        if response.status_code >= 300 or inside is None:
            raise AuthorityUnavailable(f"status {response.status_code}")
        return inside

    def _envelope(self, operation: str, values: Mapping[str, str]) -> str:
        parts = "".join(
            f"<t:{name}>{escaped(value)}</t:{name}>"
            for name, value in {**self._shape.credentials, **values}.items()
        )
        return (
            f'<s:Envelope xmlns:s="{SOAP}" xmlns:t="{escaped(self._shape.namespace)}"><s:Body>'
            f"<t:{operation}>{parts}</t:{operation}></s:Body></s:Envelope>"
        )


def _content(node: etree._Element) -> bytes:
    try:
        return base64.b64decode("".join((node.text or "").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise AuthorityUnavailable("content that is no base64") from error
