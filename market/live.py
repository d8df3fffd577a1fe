"""What screens are told: live events in commit order, replayable from any id."""

import asyncio
import contextlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from market.db import Database

CHANNEL = "live"
LOCK = 4_040_405
"""Tellers take turns until they commit: so ids are in commit order and none is ever skipped."""
BACKLOG_MAX = 500
"""A screen that was away longer is told to load itself anew."""
QUEUE_MAX = 1_000
POLL_SECONDS = 1.0
"""The fall-back where a notification was lost with its connection."""
BEAT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """One thing a screen is told."""

    id: int
    kind: str
    data: dict[str, Any]


_TELL_MANY = text(
    "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(:lock)),"
    " told AS (INSERT INTO market.live_event (channel, kind, data, at)"
    " SELECT x.channel, x.kind, CAST(x.data AS jsonb), :now FROM turn,"
    " unnest(CAST(:channels AS text[]), CAST(:kinds AS text[]), CAST(:data AS text[]))"
    " WITH ORDINALITY AS x (channel, kind, data, number) ORDER BY x.number RETURNING id)"
    " SELECT pg_notify('live', '') FROM told LIMIT 1"
)
_TELL = text(
    "WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(:lock)),"
    " told AS (INSERT INTO market.live_event (channel, kind, data, at)"
    " SELECT :channel, :kind, CAST(:data AS jsonb), :now FROM turn RETURNING id)"
    " SELECT pg_notify('live', '') FROM told"
)


async def tell(
    db: AsyncSession, channel: str, kind: str, data: dict[str, Any], *, now: datetime
) -> None:
    """Tell every screen on `channel`, once the caller's transaction commits.

    Channels: `stall:<id>`, `payment:<id>`, `unit:<id>`, `market`.
    """
    await db.execute(
        _TELL,
        {"lock": LOCK, "channel": channel, "kind": kind, "now": now,
         "data": json.dumps(data, ensure_ascii=False, default=str)},
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to tell: see `tell`."""

    channel: str
    kind: str
    data: dict[str, Any]


async def tell_all(db: AsyncSession, told: Sequence[Telling], *, now: datetime) -> None:
    """As `tell`, several in one statement, in this order."""
    if told:
        await db.execute(
            _TELL_MANY,
            {
                "lock": LOCK,
                "channels": [one.channel for one in told],
                "kinds": [one.kind for one in told],
                "data": [json.dumps(one.data, ensure_ascii=False, default=str) for one in told],
                "now": now,
            },
        )


async def last_id(db: AsyncSession) -> int:
    """The newest id so far; a page rendered now listens from here."""
    answer = await db.execute(text("SELECT coalesce(max(id), 0) FROM market.live_event"))
    return int(answer.scalar_one())


class Hub:
    """One listener per web process; hands each event to the open streams of its channel."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._streams: defaultdict[str, set[asyncio.Queue[LiveEvent]]] = defaultdict(set)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._seen = 0
        self._closed = asyncio.Event()

    async def start(self) -> None:
        """Begin to listen; returns once no later event can be missed."""
        async with self._database.as_system() as db:
            self._seen = await last_id(db)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End all streams."""
        self._closed.set()
        self._wake.set()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def stream(self, channel: str, after: int | None) -> AsyncIterator[LiveEvent | None]:
        """Events of a channel with ids over `after` (None: from now), None as a heartbeat.

        Nothing between `after` and the newest is left out, whatever connections broke meanwhile.
        """
        queue: asyncio.Queue[LiveEvent] = asyncio.Queue(QUEUE_MAX)
        self._streams[channel].add(queue)
        try:
            sent = self._seen if after is None else after
            if after is not None:
                for event in await self._backlog(channel, after):
                    sent = event.id
                    yield event
            while not self._closed.is_set():
                try:
                    event = await asyncio.wait_for(queue.get(), BEAT_SECONDS)
                except TimeoutError:
                    yield None
                    continue
                if event.id > sent:
                    sent = event.id
                    yield event
        finally:
            self._streams[channel].discard(queue)
            if not self._streams[channel]:
                del self._streams[channel]

    async def _backlog(self, channel: str, after: int) -> list[LiveEvent]:
        async with self._database.as_system() as db:
            rows = await db.execute(
                text(
                    "SELECT id, kind, data FROM market.live_event"
                    " WHERE channel = :channel AND id > :after ORDER BY id LIMIT :most"
                ),
                {"channel": channel, "after": after, "most": BACKLOG_MAX + 1},
            )
            found = [LiveEvent(*row) for row in rows]
        if len(found) > BACKLOG_MAX:
            return [LiveEvent(found[-1].id, "reload", {})]
        return found

    async def _run(self) -> None:
        while not self._closed.is_set():
            try:
                connection = await asyncpg.connect(_dsn(self._database.url))
                try:
                    await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
                    await self._follow(connection)
                finally:
                    await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await asyncio.sleep(POLL_SECONDS)

    async def _follow(self, connection: asyncpg.Connection) -> None:
        while not connection.is_closed() and not self._closed.is_set():
            self._wake.clear()
            rows = await connection.fetch(
                "SELECT id, channel, kind, data FROM market.live_event WHERE id > $1"
                " ORDER BY id LIMIT 1000",
                self._seen,
            )
            for row in rows:
                self._seen = row["id"]
                self._hand_out(
                    row["channel"], LiveEvent(row["id"], row["kind"], json.loads(row["data"]))
                )
            if not rows:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)

    def _hand_out(self, channel: str, event: LiveEvent) -> None:
        for queue in self._streams.get(channel, ()):
            if queue.full():  # a stream nobody reads: the phone reconnects with its last id
                continue
            queue.put_nowait(event)


def _dsn(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://", 1)
