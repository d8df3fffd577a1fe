"""Every notice a provider sent, raw, for as long as the rules say: also forged and unreadable ones.

A raw notice names the payer, so it goes when a dispute about it can no longer begin; what it proved
stays in the receipt. `data/notice_retention.csv` has the days, dated.
"""

import csv
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from payments.gateways.gateway import VIETNAM
from payments.notice import VERDICTS, Notice, Verdict, notice_of
from payments.tables import NoticeRow

FORGET_COUNT_MAX = 5_000
"""Rows in one transaction."""
RETENTION = Path(__file__).parent / "data" / "notice_retention.csv"
NOTICE_COUNT_MAX = 1_000


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
    """Store a notice before anything is made of it. Secrets among the headers are left out.

    A verified notice of money goes with `Ledger.settle`, by the commit that records the money.
    """
    kept = notice_of(notice_id, gateway, headers, body, verdict, reason, now=now)
    db.add(NoticeRow(**msgspec.structs.asdict(kept)))
    await db.flush()


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


async def forget_notices(url: str, *, now: datetime, count_max: int = FORGET_COUNT_MAX) -> int:
    """Delete the oldest notices whose retention is over; how many, 0 when none is left.

    By a connection of its own as the owner of the table: the market's roles may not delete proof.
    """
    limits = {verdict: now - retention(verdict, now) for verdict in VERDICTS}
    connection = await asyncpg.connect(url)
    try:
        deleted = await connection.execute(_FORGET, list(limits), list(limits.values()), count_max)
    finally:
        await connection.close()
    return int(deleted.rpartition(" ")[2])


def retention(verdict: Verdict, now: datetime) -> timedelta:
    """How long a notice of that verdict is kept, by the rule in force on that day in Vietnam."""
    today = now.astimezone(VIETNAM).date()
    in_force = [
        rule
        for rule in _rules()
        if rule.verdict == verdict
        and rule.valid_from <= today
        and (rule.valid_to is None or today <= rule.valid_to)
    ]
    assert len(in_force) == 1, f"one rule at a time for {verdict} notices"
    return timedelta(days=in_force[0].days)


class _Rule(NamedTuple):
    verdict: str
    days: int
    valid_from: date
    valid_to: date | None


# Locks what it deletes, oldest first; nobody else updates these rows.
_FORGET = """
DELETE FROM payments.notice WHERE id IN (
    SELECT n.id FROM payments.notice n
    JOIN unnest($1::text[], $2::timestamptz[]) AS x (verdict, before)
      ON n.verdict = x.verdict AND n.received_at < x.before
    ORDER BY n.received_at LIMIT $3
)
"""


@cache
def _rules() -> tuple[_Rule, ...]:
    with RETENTION.open(encoding="utf-8", newline="") as lines:
        return tuple(
            _Rule(
                row["verdict"],
                int(row["days"]),
                date.fromisoformat(row["valid_from"]),
                date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
            )
            for row in csv.DictReader(lines)
        )


def _notice(row: NoticeRow) -> Notice:
    verdict: Verdict = row.verdict  # type: ignore[assignment]  # the table's CHECK names the same words
    return Notice(row.id, row.gateway, row.headers, row.body, verdict, row.reason, row.received_at)
