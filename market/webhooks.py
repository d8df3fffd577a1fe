"""What integrators are told: their endpoints, what is due, what was tried, when to try again.

Signatures: Standard Webhooks. A message keeps its id through every try; what is told of one
subject arrives in order; nothing is ever told that is not also there to be pulled.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from market.errors import MarketError, NotFound
from market.webhook_tables import WebhookEndpointRow, WebhookMessageRow

SCHEDULE = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 60, 300, 1_800, 3_600, 7_200, 10_800, 18_000, 21_600, 28_800, 36_000)
)
"""How long after each failed try the next one comes, at least: twelve tries over 35.6 hours."""
TRIES_MAX = len(SCHEDULE) + 1
JITTER = 0.2
"""A wait is this much longer at most, so that what failed together does not come back together."""
PARK_AFTER_FAILED = 20
PARK_AFTER = timedelta(hours=24)
"""An endpoint that failed so often, for so long, is parked: nothing is sent until somebody says so."""
OLD_SECRET_FOR = timedelta(hours=24)
KEEP = timedelta(days=30)
LEASE = timedelta(seconds=60)
SECRET_PREFIX, SECRET_BYTES = "whsec_", 32
KEY_PREFIX = "cho_pull_"
URL_LENGTH_MAX = 500
NAME_LENGTH_MAX = 100
PAGE_MAX = 200
RETRY_AFTER_STATUSES = frozenset({429, 503})
RETRY_AFTER_MAX = timedelta(hours=6)
"""Who asks for more time than that is tried by the schedule: money should be heard of the same day."""
PARKED = "webhook.parked"
"""Told to the endpoint itself, whatever else it hears, once it listens or pulls again."""
REFUND_KINDS = (
    "refund.asked",
    "refund.unknown",
    "refund.sent",
    "refund.refused",
    "refund.problem",
    "refund.done",
)
KINDS = (
    "payment.paid",
    "payment.partial",
    "payment.expired",
    "payment.cancelled",
    "sale.cash",
    "sale.stand",
    "money.waiting",
    "money.resolved",
    "money.reopened",
    *REFUND_KINDS,
    PARKED,
)


class WebhookInvalid(MarketError):
    """An endpoint that cannot be: its name, address or kinds are refused."""

    code = "webhook_invalid"

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"The {field} cannot be used: {reason}.")
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an integrator listens, without its secrets."""

    id: UUID
    owner_id: UUID | None
    name: str
    url: str
    kinds: tuple[str, ...]
    allow_private: bool
    state: str
    failed_count: int
    failing_since: datetime | None
    parked_at: datetime | None
    parked_why: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """One fact as integrators hear it; `position` is the cursor of those who pull."""

    id: UUID
    position: int
    kind: str
    body: str
    created_at: datetime

    @property
    def webhook_id(self) -> str:
        """The same in every try: by it receivers know a double."""
        return f"msg_{self.id.hex}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One try that is due, with what is needed to make it."""

    endpoint_id: UUID
    owner_id: UUID | None
    url: str
    allow_private: bool
    signing: tuple[str, ...]
    """The secrets that are valid now, the newest first."""
    message: Told
    attempts: int
    """Including this one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a try went."""

    status: int | None
    error: str
    duration_ms: int
    retry_after: timedelta | None = None
    """How long the integrator asks to be left alone."""

    @property
    def is_taken(self) -> bool:
        """Whether the integrator has it."""
        return self.status is not None and 200 <= self.status < 300


# ── Pure ────────────────────────────────────────────────────────────────────────────────────────


def signature_headers(message: Told, signing: Sequence[str], *, now: datetime) -> dict[str, str]:
    """The three headers; one signature for each secret that is valid.

    Source: Standard Webhooks, "Signature scheme": HMAC-SHA256 over `id.timestamp.body`.
    """
    stamp = str(int(now.timestamp()))
    signed = f"{message.webhook_id}.{stamp}.{message.body}".encode()
    signatures = [
        "v1," + base64.b64encode(hmac.digest(_key(one), signed, "sha256")).decode()
        for one in signing
    ]
    return {
        "webhook-id": message.webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(signatures),
    }


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(SECRET_PREFIX))


def wait_after(attempts: int, drawn: float) -> timedelta | None:
    """How long until the next try after so many failed ones; None when there is none left.

    `drawn` is at random, from 0 to 1.
    """
    assert attempts >= 1
    assert 0 <= drawn <= 1
    if attempts >= TRIES_MAX:
        return None
    return SCHEDULE[attempts - 1] * (1 + JITTER * drawn)


def retry_after(status: int, header: str, now: datetime) -> timedelta | None:
    """How long an endpoint that is too busy asks to be left alone, within `RETRY_AFTER_MAX`.

    None where it does not ask, or in words nobody understands.
    Source: RFC 9110, 10.2.3: seconds, or a date.
    """
    if status not in RETRY_AFTER_STATUSES:
        return None
    asked = header.strip()
    if asked.isascii() and asked.isdigit():
        wait = timedelta(seconds=min(int(asked[:9]), RETRY_AFTER_MAX.total_seconds()))
    else:
        try:
            at = parsedate_to_datetime(asked)
        except (ValueError, OverflowError):
            return None
        wait = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), RETRY_AFTER_MAX)


def should_park(failed_count: int, failing_since: datetime | None, now: datetime) -> bool:
    """Whether an endpoint has failed so often for so long that nobody is there."""
    if failing_since is None or failed_count < PARK_AFTER_FAILED:
        return False
    return now - failing_since >= PARK_AFTER


def check_url(url: str, *, allow_private: bool) -> None:
    """Whether an address may be told anything; where it leads is looked at before every try.

    Raises: WebhookInvalid.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # what the name is looked up by
    except ValueError:
        raise WebhookInvalid("url", "it is not an address") from None
    if parts.scheme != "https" and not (allow_private and parts.scheme == "http"):
        raise WebhookInvalid("url", "it has to begin with https://")
    if not parts.hostname or port == 0:
        raise WebhookInvalid("url", "it names no host")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise WebhookInvalid("url", "no user, password or fragment belongs there")
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise WebhookInvalid("url", f"at most {URL_LENGTH_MAX} plain characters")


def new_secret() -> str:
    """A secret in the form of Standard Webhooks."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


# ── Endpoints ───────────────────────────────────────────────────────────────────────────────────


async def add(db: AsyncSession, endpoint: Endpoint) -> tuple[str, str]:
    """The endpoint listens from now on; its signing secret, and the key that pulls, known to
    nobody after this.

    Raises: WebhookInvalid.
    """
    check_url(endpoint.url, allow_private=endpoint.allow_private)
    if not 0 < len(endpoint.name.strip()) <= NAME_LENGTH_MAX or not endpoint.name.isprintable():
        raise WebhookInvalid("name", f"1 to {NAME_LENGTH_MAX} characters that can be shown")
    for kind in endpoint.kinds:
        if kind not in KINDS:
            raise WebhookInvalid("kind", f"there is no {kind}, only {', '.join(KINDS)}")
    secret, key = new_secret(), KEY_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    db.add(
        WebhookEndpointRow(
            id=endpoint.id, owner_id=endpoint.owner_id, name=endpoint.name.strip(),
            url=endpoint.url, kinds=list(endpoint.kinds), secret=secret,
            key_hash=_hashed(key), allow_private=endpoint.allow_private,
            created_at=endpoint.created_at,
        )
    )  # fmt: skip
    await db.flush()
    return secret, key


async def endpoints(db: AsyncSession, owner_id: UUID | None = None) -> list[Endpoint]:
    """All, or those of one vendor, oldest first."""
    query = select(WebhookEndpointRow).order_by(col(WebhookEndpointRow.id))
    if owner_id is not None:
        query = query.where(WebhookEndpointRow.owner_id == owner_id)
    return [_endpoint(row) for row in await db.exec(query)]


async def by_key(db: AsyncSession, key: str) -> Endpoint | None:
    """Whose key this is."""
    rows = await db.exec(
        select(WebhookEndpointRow).where(WebhookEndpointRow.key_hash == _hashed(key))
    )
    row = rows.one_or_none()
    return None if row is None else _endpoint(row)


async def rotate(db: AsyncSession, endpoint_id: UUID, *, now: datetime) -> str:
    """A new secret signs from now on; the old one beside it for a day.

    Raises: NotFound.
    """
    row = await _row(db, endpoint_id)
    row.secret_old, row.secret_old_until = row.secret, now + OLD_SECRET_FOR
    row.secret = new_secret()
    await db.flush()
    return row.secret


async def park(db: AsyncSession, endpoint_id: UUID, why: str, *, now: datetime) -> bool:
    """Nothing is sent there until `resume`; what happens meanwhile waits. False: it was already.

    Raises: NotFound.
    """
    row = await _row(db, endpoint_id)
    if row.state == "parked":
        return False
    row.state, row.parked_at, row.parked_why = "parked", now, why
    await db.flush()
    return True


async def resume(db: AsyncSession, endpoint_id: UUID, *, now: datetime) -> None:
    """Everything that waits is sent from now on, each with all its tries.

    Raises: NotFound.
    """
    row = await _row(db, endpoint_id)
    row.state, row.parked_at, row.parked_why = "active", None, ""
    row.failed_count, row.failing_since = 0, None
    await db.flush()
    await db.execute(_RESUME, {"endpoint_id": endpoint_id, "now": now})


# ── Messages ────────────────────────────────────────────────────────────────────────────────────


async def tell(db: AsyncSession, message: WebhookMessageRow, *, only: UUID | None = None) -> int:
    """Have every endpoint that hears this kind told, once the transaction commits; how many.

    Called by the relay alone, so that positions are in commit order. `only`: one endpoint.
    """
    rows = await db.execute(
        _TELL,
        {
            "id": message.id, "owner_id": message.owner_id, "subject_id": message.subject_id,
            "kind": message.kind, "body": message.body, "now": message.created_at, "only": only,
        },
    )  # fmt: skip
    return len(rows.all())


async def heard_of(db: AsyncSession) -> set[UUID | None]:
    """Whose facts somebody listens to; None where somebody hears everybody's."""
    return set((await db.execute(_HEARD_OF)).scalars())


async def pull(db: AsyncSession, endpoint: Endpoint, after: int, limit: int) -> Sequence[Told]:
    """What the endpoint should have heard after a position, in order. Continue with the last."""
    assert 0 < limit <= PAGE_MAX
    query = (
        select(WebhookMessageRow)
        .where(
            col(WebhookMessageRow.position) > after,
            col(WebhookMessageRow.created_at) >= endpoint.created_at,
        )
        .order_by(col(WebhookMessageRow.position))
        .limit(limit)
    )
    if endpoint.owner_id is not None:
        query = query.where(WebhookMessageRow.owner_id == endpoint.owner_id)
    if endpoint.kinds:
        query = query.where(col(WebhookMessageRow.kind).in_([*endpoint.kinds, PARKED]))
    rows = await db.exec(query)
    return [Told(row.id, row.position, row.kind, row.body, row.created_at) for row in rows]


async def replay(
    db: AsyncSession,
    endpoint_id: UUID,
    *,
    now: datetime,
    message_id: UUID | None = None,
    since: datetime | None = None,
) -> int:
    """Send again what was told before: one message, or all since an instant; how many.

    The ids stay: a receiver that knows them changes nothing. Raises: NotFound.
    """
    await _row(db, endpoint_id)
    rows = await db.execute(
        _REPLAY,
        {"endpoint_id": endpoint_id, "message_id": message_id, "since": since, "now": now},
    )
    return len(rows.all())


async def _row(db: AsyncSession, endpoint_id: UUID) -> WebhookEndpointRow:
    row = await db.get(WebhookEndpointRow, endpoint_id, with_for_update=True)
    if row is None:
        raise NotFound("webhook endpoint", endpoint_id)
    return row


def _hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _endpoint(row: WebhookEndpointRow) -> Endpoint:
    return Endpoint(
        id=row.id, owner_id=row.owner_id, name=row.name, url=row.url, kinds=tuple(row.kinds),
        allow_private=row.allow_private, state=row.state, failed_count=row.failed_count,
        failing_since=row.failing_since, parked_at=row.parked_at, parked_why=row.parked_why,
        created_at=row.created_at,
    )  # fmt: skip


_HEARS = (
    "(CAST(:only AS uuid) IS NULL OR e.id = :only)"
    " AND (e.owner_id IS NULL OR e.owner_id = :owner_id)"
    " AND (e.kinds = '{}' OR :kind = ANY (e.kinds) OR e.id = :only)"
)
_TELL = text(
    """
    WITH told AS (
        INSERT INTO market.webhook_message (id, owner_id, subject_id, kind, body, created_at)
        SELECT :id, CAST(:owner_id AS uuid), :subject_id, :kind, :body, :now
        WHERE EXISTS (SELECT FROM market.webhook_endpoint e WHERE HEARS)
        RETURNING id, position, subject_id, created_at)
    INSERT INTO market.webhook_delivery
        (endpoint_id, message_id, position, subject_id, state, attempts, due_at)
    SELECT e.id, told.id, told.position, told.subject_id, 'pending', 0, told.created_at
    FROM told CROSS JOIN market.webhook_endpoint e WHERE HEARS RETURNING 1
    """.replace("HEARS", _HEARS)
)
_HEARD_OF = text("SELECT DISTINCT owner_id FROM market.webhook_endpoint")
_RESUME = text(
    "UPDATE market.webhook_delivery SET due_at = :now, attempts = 0, state = 'pending'"
    " WHERE endpoint_id = :endpoint_id AND state <> 'delivered'"
)
_REPLAY = text(
    "UPDATE market.webhook_delivery d SET state = 'pending', attempts = 0, due_at = :now,"
    " delivered_at = NULL FROM market.webhook_message m"
    " WHERE m.id = d.message_id AND d.endpoint_id = :endpoint_id"
    " AND (CAST(:message_id AS uuid) IS NULL OR m.id = :message_id)"
    " AND (CAST(:since AS timestamptz) IS NULL OR m.created_at >= :since) RETURNING 1"
)
