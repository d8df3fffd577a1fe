"""Every notice a provider sent, raw, kept for ever: also the forged and the unreadable ones."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.tables import NoticeRow

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
    }
)
"""Signatures prove something and open nothing; keys and cookies are never kept."""
HEADER_LENGTH_MAX = 500
BODY_BYTES_MAX = 65_536
"""No real notice is longer; more of a body than this proves nothing."""
NOTICE_COUNT_MAX = 1_000

Verdict = Literal["verified", "forged", "malformed"]


class Notice(msgspec.Struct, frozen=True):
    """A notice as it arrived, and what was thought of it."""

    id: UUID
    gateway: str
    headers: dict[str, str]
    body: bytes
    verdict: Verdict
    reason: str
    received_at: datetime


async def keep_notice(
    db: AsyncSession,
    notice_id: UUID,
    gateway: str,
    headers: Mapping[str, str],
    body: bytes,
    verdict: Verdict,
    reason: str = "",
    *,
    now: datetime,
) -> None:
    """Store a notice before anything is made of it. Secrets among the headers are left out."""
    db.add(
        NoticeRow(
            id=notice_id,
            gateway=gateway,
            headers=headers_kept(headers),
            body=body[:BODY_BYTES_MAX],
            verdict=verdict,
            reason=_storable(reason),
            received_at=now,
        )
    )
    await db.flush()


def headers_kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that may be stored: named in `HEADERS_KEPT`, and not endless."""
    return {
        name.lower(): _storable(value)
        for name, value in headers.items()
        if name.lower() in HEADERS_KEPT
    }


async def notices(
    db: AsyncSession,
    *,
    verdict: Verdict | None = None,
    before: datetime | None = None,
    limit: int = 100,
) -> Sequence[Notice]:
    """The newest notices first, of one verdict if given; continue with the last `received_at`."""
    assert 0 < limit <= NOTICE_COUNT_MAX
    query = select(NoticeRow).order_by(col(NoticeRow.received_at).desc(), col(NoticeRow.id).desc())
    if verdict is not None:
        query = query.where(NoticeRow.verdict == verdict)
    if before is not None:
        query = query.where(NoticeRow.received_at < before)
    rows = await db.exec(query.limit(limit))
    return [_notice(row) for row in rows.all()]


def _notice(row: NoticeRow) -> Notice:
    verdict: Verdict = row.verdict  # type: ignore[assignment]  # the table's CHECK names the same words
    return Notice(row.id, row.gateway, row.headers, row.body, verdict, row.reason, row.received_at)


def _storable(value: str) -> str:
    """PostgreSQL's text takes neither NUL nor half a surrogate pair; an attacker may send both."""
    clean = value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
    return clean[:HEADER_LENGTH_MAX]
