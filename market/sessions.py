"""Sessions of signed-in browsers, and how often one may try; both in PostgreSQL."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market import clock
from market.db import Database
from market.errors import TooManyAttempts
from market.people import SignedIn, SignedInRow, signed_in_of, signed_in_query
from market.tables import AttemptRow, PersonRow, SessionRow, SignInCodeRow
from payments.ledger import records

LIFETIME = timedelta(days=30)
"""A till stays signed in while it is used at least once a month."""
RENEW_AFTER = timedelta(hours=1)
"""Seen again after this long, a session is prolonged; not on every request."""
TOKEN_BYTES = 32

WINDOW = timedelta(minutes=15)
PHONE_ATTEMPTS_MAX = 5
"""Wrong PINs for one phone in a window: 10,000 PINs then take three weeks, and somebody notices."""
ADDRESS_ATTEMPTS_MAX = 60
"""Wrong PINs from one address in a window; a whole hall may stand behind one address."""
LOOKUP_ATTEMPTS_MAX = 40
"""Account names one person may have looked up in a window."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session found by its token."""

    me: SignedIn
    is_renewed: bool
    """Prolonged just now: send the cookie again."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a phone number can be proved with; nothing where nobody has it."""

    person_id: UUID | None = None
    phone: str = ""
    pin_hash: str = ""
    code_hash: str = ""


def token_hash(token: str) -> bytes:
    """What is stored: whoever reads the table cannot sign in."""
    return hashlib.sha256(token.encode()).digest()


async def open_session(db: AsyncSession, person_id: UUID, *, now: datetime) -> str:
    """Open a session; the token for the cookie."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    db.add(
        SessionRow(
            token_hash=token_hash(token), person_id=person_id, created_at=now,
            expires_at=now + LIFETIME, seen_at=now,
        )
    )  # fmt: skip
    await db.execute(delete(SessionRow).where(col(SessionRow.expires_at) < now))
    return token


async def load(database: Database, tokens: Sequence[str], *, now: datetime) -> list[Session | None]:
    """Whose tokens these are and what they may do today; None where one is unknown or expired."""
    keys = [token_hash(token) for token in tokens]
    asked = list(dict.fromkeys(keys))
    found = await database.ask(
        _LOAD,
        records.byteas(asked),
        records.times([now] * len(asked)),
        records.dates([clock.local_day(now)] * len(asked)),
    )
    rows = {bytes(key): SignedInRow._make(row) for key, *row in found}
    renewed = [key for key, row in rows.items() if now - row.seen_at >= RENEW_AFTER]
    if renewed:
        await database.ask(
            _RENEW,
            records.byteas(renewed),
            records.times([now] * len(renewed)),
            records.times([now + LIFETIME] * len(renewed)),
        )
    return [
        Session(signed_in_of(rows[key]), key in renewed) if key in rows else None for key in keys
    ]


async def close_session(db: AsyncSession, token: str) -> None:
    """End one session."""
    await db.execute(delete(SessionRow).where(col(SessionRow.token_hash) == token_hash(token)))


async def close_sessions_of(db: AsyncSession, person_id: UUID) -> None:
    """End every session of a person: a new PIN, a lost phone."""
    await db.execute(delete(SessionRow).where(col(SessionRow.person_id) == person_id))


async def secrets_of(db: AsyncSession, phone: str, *, now: datetime) -> Secrets:
    """Hashes to compare a PIN or a code with."""
    rows = await db.exec(
        select(PersonRow, SignInCodeRow)
        .join(SignInCodeRow, col(SignInCodeRow.person_id) == PersonRow.id, isouter=True)
        .where(PersonRow.phone == phone)
    )
    found = rows.one_or_none()
    if found is None:
        return Secrets()
    person, code = found
    code_hash = code.code_hash if code is not None and code.expires_at > now else ""
    return Secrets(person.id, person.phone, person.pin_hash, code_hash)


# ── Attempts ────────────────────────────────────────────────────────────────────────────────────


def window_start(now: datetime) -> datetime:
    """The quarter of an hour an instant falls into."""
    whole = int(WINDOW.total_seconds())
    return datetime.fromtimestamp(int(now.timestamp()) // whole * whole, UTC)


def attempt_key(kind: str, value: str) -> str:
    """What attempts are counted under; no phone number stands there to be read."""
    return f"{kind}:{hashlib.sha256(value.encode()).hexdigest()[:24]}"


async def count_attempt(db: AsyncSession, key: str, count_max: int, *, now: datetime) -> int:
    """Count one attempt before it is made; how many are left. The caller commits either way.

    Raises: TooManyAttempts.
    """
    row = await db.execute(_COUNT, {"key": key, "start": window_start(now)})
    count = int(row.scalar_one())
    if count > count_max:
        left = window_start(now) + WINDOW - now
        raise TooManyAttempts(max(1, -(-int(left.total_seconds()) // 60)))
    return count_max - count


async def forget_attempts(db: AsyncSession, *keys: str, now: datetime) -> None:
    """It was the right person: take the attempt back. Also sweeps windows of days ago."""
    for key in keys:
        await db.execute(_TAKE_BACK, {"key": key, "start": window_start(now)})
    await db.execute(
        delete(AttemptRow).where(col(AttemptRow.window_start) < now - timedelta(days=1))
    )


_COUNT = text(
    "INSERT INTO market.attempt AS a (key, window_start, count) VALUES (:key, :start, 1)"
    " ON CONFLICT (key, window_start) DO UPDATE SET count = a.count + 1 RETURNING count"
)
_TAKE_BACK = text(
    "UPDATE market.attempt SET count = count - 1"
    " WHERE key = :key AND window_start = :start AND count > 0"
)
# A row that somebody else holds is prolonged the next time: many are renewed at once, in any order.
_RENEW = """
UPDATE market.session s SET seen_at = x.now, expires_at = x.expires_at
FROM (
    SELECT y.* FROM unnest($1, $2, $3) AS y (token_hash, now, expires_at)
    JOIN market.session one ON one.token_hash = y.token_hash FOR UPDATE OF one SKIP LOCKED
) x WHERE s.token_hash = x.token_hash
"""
_LOAD = """
SELECT x.token_hash, one.* FROM unnest($1, $2, $3) AS x (token_hash, now, day)
CROSS JOIN LATERAL ($SIGNED_IN) one
""".replace(
    "$SIGNED_IN",
    signed_in_query(
        "SELECT s.person_id, s.seen_at, x.day FROM market.session s"
        " WHERE s.token_hash = x.token_hash AND s.expires_at > x.now"
    ),
)
