"""Which tries are due, and what became of them: the storage behind the sending."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids, webhooks
from market.webhooks import KEEP, LEASE, Answer, Delivery, Told

GONE = 410
"""The one answer by which an integrator says that nobody will ever listen there again."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the delivery log."""

    message_id: UUID
    kind: str
    state: str
    """Of the delivery now: pending, delivered, failed."""
    number: int
    status: int | None
    error: str
    duration_ms: int
    at: datetime


async def claim(db: AsyncSession, *, now: datetime, limit: int) -> list[Delivery]:
    """Tries that are due, taken by the caller for `LEASE`; never two of one subject at a time.

    What is told of one subject waits for what was told before. A lease that runs out is a try.
    """
    rows = await db.execute(_CLAIM, {"now": now, "lease": now + LEASE, "limit": limit})
    found = [
        Delivery(
            endpoint_id=row.endpoint_id,
            owner_id=row.owner_id,
            url=row.url,
            allow_private=row.allow_private,
            signing=_valid(row.secret, row.secret_old, row.secret_old_until, now),
            message=Told(row.message_id, row.position, row.kind, row.body, row.created_at),
            attempts=row.attempts,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: one.message.position)


async def record(
    db: AsyncSession, delivery: Delivery, answer: Answer, *, drawn: float, now: datetime
) -> bool:
    """Write the try down and say when the next one comes; True where the endpoint is parked by it.

    `drawn` is at random, from 0 to 1.
    """
    key = {"endpoint_id": delivery.endpoint_id, "message_id": delivery.message.id}
    await db.execute(
        _LOG,
        {
            **key, "id": ids.new(), "number": delivery.attempts, "status": answer.status,
            "error": answer.error, "duration_ms": answer.duration_ms, "at": now,
        },
    )  # fmt: skip
    if answer.is_taken:
        await db.execute(_TAKEN, {**key, "now": now})
        await db.execute(_WELL, key)
        return False
    wait = webhooks.wait_after(delivery.attempts, drawn)
    state = "failed" if wait is None else "pending"
    if wait is not None and answer.retry_after is not None:
        asked = answer.retry_after * (1 + webhooks.JITTER * drawn)
        wait = max(wait, asked)
        await db.execute(_LATER, {"endpoint_id": delivery.endpoint_id, "until": now + asked})
    due_at = now if wait is None else now + wait
    turn = {"attempts": delivery.attempts}
    await db.execute(_AGAIN, {**key, **turn, "state": state, "due_at": due_at})
    failing = (await db.execute(_BADLY, {**key, "now": now})).one()
    why = _why(answer, wait is None, failing.failed_count, failing.failing_since, now)
    return bool(why) and await webhooks.park(db, delivery.endpoint_id, why, now=now)


async def attempts(db: AsyncSession, endpoint_id: UUID, *, limit: int) -> Sequence[Attempt]:
    """The delivery log of an endpoint, newest first."""
    rows = await db.execute(_ATTEMPTS, {"endpoint_id": endpoint_id, "limit": limit})
    return [Attempt(*row) for row in rows]


async def forget(db: AsyncSession, *, now: datetime, limit: int = 5_000) -> int:
    """Delete messages that are older than `KEEP`, with their deliveries and attempts."""
    rows = await db.execute(_FORGET, {"before": now - KEEP, "limit": limit})
    return len(rows.all())


def _valid(secret: str, secret_old: str, until: datetime | None, now: datetime) -> tuple[str, ...]:
    both = secret_old and until is not None and now < until
    return (secret, secret_old) if both else (secret,)


def _why(
    answer: Answer, is_last: bool, failed_count: int, since: datetime | None, now: datetime
) -> str:
    """Why nothing more should be sent there; empty where it should."""
    if answer.status == GONE:
        return "the endpoint says that it is gone (410)"
    if is_last:
        return f"a message failed {webhooks.TRIES_MAX} times, last with: {answer.error}"
    if webhooks.should_park(failed_count, since, now):
        return f"{failed_count} tries failed one after the other since {since:%Y-%m-%d %H:%M} UTC"
    return ""


_CLAIM = text(
    "UPDATE market.webhook_delivery d SET attempts = d.attempts + 1, due_at = :lease"
    " FROM market.webhook_endpoint e, market.webhook_message m"
    " WHERE e.id = d.endpoint_id AND m.id = d.message_id AND (d.endpoint_id, d.message_id) IN ("
    "  SELECT w.endpoint_id, w.message_id FROM market.webhook_delivery w"
    "  JOIN market.webhook_endpoint a ON a.id = w.endpoint_id AND a.state = 'active'"
    "  WHERE w.state = 'pending' AND w.due_at <= :now AND NOT EXISTS ("
    "   SELECT FROM market.webhook_delivery b WHERE b.endpoint_id = w.endpoint_id"
    "   AND b.subject_id = w.subject_id AND b.position < w.position AND b.state = 'pending')"
    "  ORDER BY w.due_at, w.position LIMIT :limit FOR UPDATE OF w SKIP LOCKED)"
    " RETURNING d.endpoint_id, d.message_id, d.position, d.attempts, e.owner_id, e.url,"
    " e.allow_private, e.secret, e.secret_old, e.secret_old_until, m.kind, m.body, m.created_at"
)
_LOG = text(
    "INSERT INTO market.webhook_attempt"
    " (id, endpoint_id, message_id, number, status, error, duration_ms, at)"
    " VALUES (:id, :endpoint_id, :message_id, :number, :status, :error, :duration_ms, :at)"
)
_TAKEN = text(
    "UPDATE market.webhook_delivery SET state = 'delivered', delivered_at = :now"
    " WHERE endpoint_id = :endpoint_id AND message_id = :message_id"
)
# Only while the turn is still ours: after the lease another worker may have begun the next one.
_AGAIN = text(
    "UPDATE market.webhook_delivery SET state = :state, due_at = :due_at"
    " WHERE endpoint_id = :endpoint_id AND message_id = :message_id AND state = 'pending'"
    " AND attempts = :attempts"
)
# Who is too busy for one message is too busy for the next as well; locked in order of position.
_LATER = text(
    "UPDATE market.webhook_delivery d SET due_at = :until FROM ("
    "  SELECT message_id FROM market.webhook_delivery"
    "  WHERE endpoint_id = :endpoint_id AND state = 'pending' AND due_at < :until"
    "  ORDER BY position FOR UPDATE) w"
    " WHERE d.endpoint_id = :endpoint_id AND d.message_id = w.message_id"
)
_WELL = text(
    "UPDATE market.webhook_endpoint SET failed_count = 0, failing_since = NULL"
    " WHERE id = :endpoint_id AND failed_count > 0"
)
_BADLY = text(
    "UPDATE market.webhook_endpoint SET failed_count = failed_count + 1,"
    " failing_since = coalesce(failing_since, :now) WHERE id = :endpoint_id"
    " RETURNING failed_count, failing_since"
)
_ATTEMPTS = text(
    "SELECT a.message_id, m.kind, d.state, a.number, a.status, a.error, a.duration_ms, a.at"
    " FROM market.webhook_attempt a JOIN market.webhook_message m ON m.id = a.message_id"
    " JOIN market.webhook_delivery d ON d.endpoint_id = a.endpoint_id"
    " AND d.message_id = a.message_id"
    " WHERE a.endpoint_id = :endpoint_id ORDER BY a.at DESC, a.id DESC LIMIT :limit"
)
_FORGET = text(
    "DELETE FROM market.webhook_message WHERE id IN (SELECT id FROM market.webhook_message"
    " WHERE created_at < :before ORDER BY created_at LIMIT :limit) RETURNING 1"
)
