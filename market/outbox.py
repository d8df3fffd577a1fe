"""Work that follows from a committed fact: written with the fact, handed out by the relay.

A row's `attempts` says whose turn it is: a message carries the number it was handed out with,
and only the first message with the present number may run the job. Parked is a row that is not
done and has used up its attempts; its error stays.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Text, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel.ext.asyncio.session import AsyncSession

from market import ids
from market.db import Database
from payments.ledger import records

CHANNEL = "outbox"
REACT = "react"
"""Rows of this job carry an event for the relay, which runs them itself, in order of arrival."""
ATTEMPTS_MAX = 12
"""With the back-off below the last attempt comes about an hour after the first."""
BACK_OFF_MIN = timedelta(seconds=2)
BACK_OFF_MAX = timedelta(minutes=30)
LEASE = timedelta(seconds=60)
"""A job that has not answered by then is thought dead with its worker and handed out again."""
HAND_AGAIN = timedelta(seconds=30)
"""A row handed to the broker and not begun by then is handed again: the broker may have lost it."""
ERROR_CHARACTERS_MAX = 2_000


@dataclass(frozen=True)
class Turn:
    """One attempt at one row, begun."""

    id: UUID
    job: str
    arguments: dict[str, Any]
    attempts: int
    """Including this one."""


async def enqueue(
    db: AsyncSession,
    job: str,
    arguments: dict[str, Any],
    now: datetime,
    delay: timedelta = timedelta(0),
) -> UUID:
    """Ask for `job` once the caller's transaction is committed, `delay` after `now`.

    `arguments` is JSON: ids as text, no secrets.
    """
    return await _write(db, job, arguments, now, now + delay)


async def join(
    db: AsyncSession,
    job: str,
    name: str,
    more: list[str],
    now: datetime,
    *,
    within: timedelta,
    count_max: int,
) -> bool:
    """Add `more` to the list `name` of a job that waits for its time, due `within`, and holds less than
    `count_max` with them; whether there was one. Nobody has been told of such a row yet.
    """  # fmt: skip
    found = await db.execute(
        _JOIN,
        {"job": job, "name": name, "more": more, "count": len(more), "max": count_max, "now": now,
         "soon": now + within},
    )  # fmt: skip
    return found.first() is not None


async def announce(
    db: AsyncSession,
    kind: str,
    data: dict[str, Any],
    now: datetime,
    *,
    owner_id: UUID | None = None,
    subject_id: UUID | None = None,
    error: str = "",
) -> UUID:
    """Have the relay run `REACTIONS[kind]` once the caller's transaction is committed.

    The way for a job to start what follows from its result. `error`: why an event of a log had
    to wait here.
    """
    event = {
        "kind": kind,
        "owner_id": None if owner_id is None else str(owner_id),
        "subject_id": None if subject_id is None else str(subject_id),
        "data": data,
        "at": now.isoformat(),
    }
    return await _write(db, REACT, event, now, now, error)


async def enqueue_tick(db: AsyncSession, job: str, now: datetime) -> None:
    """Ask for a periodic job, unless one is still waiting or running."""
    await db.execute(_INSERT_TICK, {"id": ids.new(), "job": job, "now": now, "max": ATTEMPTS_MAX})


class Due(NamedTuple):
    """Whether anything waits for its turn by now."""

    reaction: bool
    job: bool


async def what_is_due(database: Database, now: datetime) -> Due:
    """Looked up before anything is locked: a rush asks often and finds nothing."""
    (found,) = await database.ask(
        _WHAT_IS_DUE, records.times([now]), records.integers([ATTEMPTS_MAX])
    )
    return Due(*found)


async def hand_out(db: AsyncSession, now: datetime, limit: int) -> list[tuple[UUID, int]]:
    """Rows that are due, each with its turn number; due again after `HAND_AGAIN`."""
    rows = await db.execute(
        _HAND_OUT,
        {"now": now, "again": now + HAND_AGAIN, "max": ATTEMPTS_MAX, "limit": limit},
    )
    return [(row.id, row.attempts) for row in rows]


async def due_reaction(db: AsyncSession, now: datetime) -> Turn | None:
    """The oldest event that waits for the relay, locked until the transaction ends."""
    row = (await db.execute(_DUE_REACTION, {"now": now, "max": ATTEMPTS_MAX})).one_or_none()
    return None if row is None else Turn(row.id, REACT, row.arguments, row.attempts + 1)


async def fail_reaction(db: AsyncSession, turn: Turn, now: datetime, error: str) -> None:
    """Count a failed reaction; it waits for its next attempt, or is parked after the last."""
    await db.execute(_COUNT, {"id": turn.id, "turn": turn.attempts})
    await fail(db, turn, now, error)


async def begin(db: AsyncSession, row_id: UUID, turn: int, now: datetime) -> Turn | None:
    """Take the row for one attempt; None if it is done, parked, or another message was first."""
    row = (
        await db.execute(
            _BEGIN, {"id": row_id, "turn": turn, "lease": now + LEASE, "max": ATTEMPTS_MAX}
        )
    ).one_or_none()
    return None if row is None else Turn(row_id, row.job, row.arguments, row.attempts)


async def finish(db: AsyncSession, turn: Turn, now: datetime, error: str = "") -> None:
    """The job is over, well or (a periodic one, with its error kept) badly; it never runs again."""
    await db.execute(_FINISH, {"id": turn.id, "now": now, "error": error[:ERROR_CHARACTERS_MAX]})


async def fail(db: AsyncSession, turn: Turn, now: datetime, error: str) -> None:
    """This attempt failed: the row waits for its next one, or is parked after the last."""
    await db.execute(
        _FAIL,
        {
            "id": turn.id,
            "turn": turn.attempts,
            "due": now + back_off(turn.attempts),
            "error": error[:ERROR_CHARACTERS_MAX],
        },
    )
    await db.execute(_NOTIFY)


async def forget_done(db: AsyncSession, before: datetime, limit: int) -> int:
    """Delete rows that were done before an instant; says how many went."""
    return len((await db.execute(_FORGET, {"before": before, "limit": limit})).all())


async def _write(
    db: AsyncSession,
    job: str,
    arguments: dict[str, Any],
    now: datetime,
    due: datetime,
    error: str = "",
) -> UUID:
    row_id = ids.new()
    await db.execute(
        _INSERT,
        {
            "id": row_id, "job": job, "arguments": arguments, "now": now, "due": due,
            "error": error[:ERROR_CHARACTERS_MAX],
        },
    )  # fmt: skip
    await db.execute(_NOTIFY)
    return row_id


def back_off(attempts: int) -> timedelta:
    """How long to wait after this many attempts: doubling, between the two bounds."""
    assert attempts >= 1
    return min(BACK_OFF_MAX, BACK_OFF_MIN * (1 << min(attempts - 1, 20)))


_INSERT = text(
    "INSERT INTO market.outbox (id, job, arguments, created_at, available_at, attempts, error)"
    " VALUES (:id, :job, :arguments, :now, :due, 0, :error)"
).bindparams(bindparam("arguments", type_=JSONB))

_INSERT_TICK = text(
    "INSERT INTO market.outbox (id, job, arguments, created_at, available_at, attempts, error)"
    " SELECT :id, :job, '{}', :now, :now, 0, ''"
    " WHERE NOT EXISTS (SELECT FROM market.outbox"
    " WHERE job = :job AND done_at IS NULL AND attempts < :max)"
)

_JOIN = text(
    "UPDATE market.outbox SET arguments ="
    " jsonb_set(arguments, ARRAY[:name], (arguments -> :name) || :more)"
    " WHERE id = (SELECT id FROM market.outbox"
    " WHERE done_at IS NULL AND available_at > :now AND available_at <= :soon AND attempts = 0"
    " AND job = :job AND jsonb_array_length(arguments -> :name) + :count <= :max"
    " LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id"
).bindparams(bindparam("more", type_=JSONB), bindparam("name", type_=Text))

_NOTIFY = text("SELECT pg_notify('outbox', '')")

_WHAT_IS_DUE = """
SELECT
    EXISTS (SELECT FROM market.outbox WHERE done_at IS NULL AND available_at <= x.now
            AND attempts < x.most AND job = 'react'),
    EXISTS (SELECT FROM market.outbox WHERE done_at IS NULL AND available_at <= x.now
            AND attempts < x.most AND job <> 'react')
FROM unnest($1, $2) AS x (now, most)
"""

# The due rows, oldest first; those another relay holds are skipped, never waited for.
_HAND_OUT = text(
    "UPDATE market.outbox SET available_at = :again WHERE id IN ("
    " SELECT id FROM market.outbox"
    " WHERE done_at IS NULL AND available_at <= :now AND attempts < :max AND job <> 'react'"
    " ORDER BY available_at LIMIT :limit FOR UPDATE SKIP LOCKED)"
    " RETURNING id, attempts"
)

# One row by its key; a second message waits for nothing and finds nothing.
_BEGIN = text(
    "UPDATE market.outbox SET attempts = attempts + 1, available_at = :lease WHERE id = ("
    " SELECT id FROM market.outbox"
    " WHERE id = :id AND attempts = :turn AND attempts < :max AND done_at IS NULL"
    " FOR UPDATE SKIP LOCKED)"
    " RETURNING job, arguments, attempts"
).columns(arguments=JSONB)

_DUE_REACTION = text(
    "SELECT id, arguments, attempts FROM market.outbox"
    " WHERE job = 'react' AND done_at IS NULL AND available_at <= :now AND attempts < :max"
    " ORDER BY available_at, id LIMIT 1 FOR UPDATE SKIP LOCKED"
).columns(arguments=JSONB)

_COUNT = text(
    "UPDATE market.outbox SET attempts = :turn"
    " WHERE id = :id AND attempts = :turn - 1 AND done_at IS NULL"
)

_FINISH = text(
    "UPDATE market.outbox SET done_at = :now, error = :error WHERE id = :id AND done_at IS NULL"
)

# Only while the turn is still ours: after the lease another worker may have begun the next one.
_FAIL = text(
    "UPDATE market.outbox SET available_at = :due, error = :error"
    " WHERE id = :id AND attempts = :turn AND done_at IS NULL"
)

_FORGET = text(
    "DELETE FROM market.outbox WHERE id IN (SELECT id FROM market.outbox"
    " WHERE done_at < :before LIMIT :limit FOR UPDATE SKIP LOCKED) RETURNING id"
)
