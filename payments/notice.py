"""A provider's notice as it is kept: the raw bytes, less the secrets among the headers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, get_args
from uuid import UUID

import msgspec

HEADERS_KEPT = frozenset(
    {
        "content-type",
        "content-length",
        "date",
        "host",
        "stripe-signature",
        "user-agent",
        "x-casso-signature",
        "x-forwarded-for",
        "x-request-id",
        "x-sepay-signature",
        "x-sepay-timestamp",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
    }
)
"""Signatures prove something and open nothing; keys and cookies are never kept."""
HEADER_LENGTH_MAX = 500
BODY_BYTES_MAX = 65_536
"""No real notice is longer; more of a body than this proves nothing."""
FORGED_BYTES_MAX = 4_096
"""What anybody may write into our database, at most."""

Verdict = Literal["verified", "forged", "malformed"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class Notice(msgspec.Struct, frozen=True):
    """A notice as it arrived, and what was thought of it."""

    id: UUID
    gateway: str
    headers: dict[str, str]
    body: bytes
    verdict: Verdict
    reason: str
    received_at: datetime


def notice_of(
    notice_id: UUID,
    gateway: str,
    headers: Mapping[str, str],
    body: bytes,
    verdict: Verdict,
    reason: str = "",
    *,
    now: datetime,
) -> Notice:
    """A notice that came, as far as it may be stored."""
    return Notice(
        notice_id,
        gateway,
        headers_kept(headers),
        body[: BODY_BYTES_MAX if verdict == "verified" else FORGED_BYTES_MAX],
        verdict,
        _storable(reason),
        now,
    )


def headers_kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may be stored: named in `HEADERS_KEPT`, and not endless."""
    return {
        name.lower(): _storable(value)
        for name, value in headers.items()
        if name.lower() in HEADERS_KEPT
    }


def _storable(value: str) -> str:
    """PostgreSQL's text takes neither NUL nor half a surrogate pair; an attacker may send both."""
    clean = value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return clean[:HEADER_LENGTH_MAX]
