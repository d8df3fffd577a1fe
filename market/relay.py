"""The relay: committed facts go to their flows, pending work to the broker. One leads, others wait.

An event's reactions and the step past it are one transaction, so their effects happen once; the
position's row lock makes that true even if two relays believe they lead.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

import asyncpg
import dramatiq
import psycopg
import structlog
import uvloop
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlmodel.ext.asyncio.session import AsyncSession

from market import broker, clock, outbox
from market.db import Database
from market.flows import JOBS, PERIODIC, REACTIONS, Event, Reaction
from market.flows.context import react_to
from market.settings import Settings
from payments import events as payments_events

LEADER_LOCK = 4_040_411
"""Advisory lock of the leading relay; it falls with the leader's connection."""
CONSUMER = "payments.event"
CHANNELS = ("payments_event", outbox.CHANNEL)
POLL_SECONDS = 1.0
"""When nothing wakes us: rows that became due, and a notification that was lost."""
POLL_SECONDS_MIN = 0.02
"""Soon after a notification: its event may wait for an older transaction that is still open."""
EVENT_COUNT_MAX = 200
"""Events in one transaction: long enough to share its commit, short enough for a till to hear."""
GATHER_SECONDS = 0.1
"""Steps begin at least so far apart: in a rush, events share a transaction."""
HAND_OUT_COUNT_MAX = 500
TRIES_ALONE = 3
"""How often an event is tried by itself before it is parked and the others go on."""
KEEP_DONE = timedelta(days=1)
FORGET_SECONDS = 60.0
FORGET_COUNT_MAX = 5_000

log = structlog.get_logger("market.relay")


class Relay:
    """One relay's work, a step at a time; `lead` decides whose turn it is."""

    def __init__(
        self,
        database: Database,
        queue: dramatiq.Broker,
        *,
        reactions: Mapping[str, Reaction] = REACTIONS,
        periodic: Mapping[str, int] | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._database = database
        self._queue = queue
        self._reactions = reactions
        self._periodic = (
            {job: seconds for job, seconds in PERIODIC.items() if job in JOBS}
            if periodic is None
            else periodic
        )
        self._now = now
        self._due: dict[str, datetime] = {}

    async def step(self) -> bool:
        """Do what is due now; whether more may be waiting."""
        more = await self.follow()
        await self.tick()
        due = await outbox.what_is_due(self._database, self._now())
        reacted = due.reaction and await self.react()
        handed = await self.hand_out() if due.job else 0
        return more or reacted or handed == HAND_OUT_COUNT_MAX

    async def follow(self) -> bool:
        """Run the reactions of the next events, in order, and step past them; whether more may wait.

        One bad event never stops the others: after `TRIES_ALONE` it waits in the outbox.
        """
        try:
            return await self._follow_together()
        except Exception as error:
            if _is_disconnect(error):
                raise
            log.warning("a batch of events failed, each goes alone", exc_info=True)
            return await self._follow_alone()

    async def react(self) -> bool:
        """Run the oldest announced or parked event that is due; whether there was one."""
        error = ""
        async with self._database.as_system() as db:
            turn = await outbox.due_reaction(db, self._now())
            if turn is None:
                return False
            try:
                async with db.begin_nested():
                    event = _announced(turn.arguments)
                    await self._run(db, event.kind, [event])
            except Exception as raised:
                if _is_disconnect(raised):
                    raise
                error = _sentence(raised)
            if not error:
                await outbox.finish(db, turn, self._now())
                return True
            await outbox.fail_reaction(db, turn, self._now(), error)
        log.warning("an event failed again", row=str(turn.id), attempts=turn.attempts, error=error)
        return True

    async def tick(self) -> None:
        """Ask for the periodic jobs that are due, and forget rows that were done long ago."""
        now = self._now()
        due = [job for job in self._periodic if self._due.get(job, now) <= now]
        forget = self._due.get("", now) <= now
        if not due and not forget:
            return
        async with self._database.as_system() as db:
            for job in due:
                await outbox.enqueue_tick(db, job, now)
            if forget:
                await outbox.forget_done(db, now - KEEP_DONE, FORGET_COUNT_MAX)
        self._due |= {job: now + timedelta(seconds=self._periodic[job]) for job in due}
        if forget:
            self._due[""] = now + timedelta(seconds=FORGET_SECONDS)

    async def hand_out(self) -> int:
        """Give the broker the rows that are due; says how many. What it loses is handed again."""
        async with self._database.as_system() as db:
            rows = await outbox.hand_out(db, self._now(), HAND_OUT_COUNT_MAX)
        if rows:
            await asyncio.to_thread(self._enqueue, rows)
        return len(rows)

    def _enqueue(self, rows: Sequence[tuple[UUID, int]]) -> None:
        for row_id, turn in rows:
            self._queue.enqueue(broker.message(row_id, turn))

    async def _follow_together(self) -> bool:
        async with self._database.as_system() as db:
            found = await self._next_events(db, EVENT_COUNT_MAX)
            for kind, run in groupby(map(_from_log, found), key=lambda one: one.kind):
                await self._run(db, kind, list(run))
            if found:
                await self._step_past(db, found[-1])
        return len(found) == EVENT_COUNT_MAX

    async def _follow_alone(self) -> bool:
        for _ in range(TRIES_ALONE):
            error = await self._try_one()
            if not error:
                return True
        async with self._database.as_system() as db:
            found = await self._next_events(db, 1)
            if found:
                event = _from_log(found[0])
                row = await outbox.announce(
                    db, event.kind, event.data, event.at,
                    owner_id=event.owner_id, subject_id=event.subject_id, error=error,
                )  # fmt: skip
                await self._step_past(db, found[0])
                log.error("an event waits aside", kind=event.kind, row=str(row), error=error)
        return True

    async def _try_one(self) -> str:
        try:
            async with self._database.as_system() as db:
                for one in await self._next_events(db, 1):
                    await self._run(db, one.kind, [_from_log(one)])
                    await self._step_past(db, one)
        except Exception as error:
            if _is_disconnect(error):
                raise
            return _sentence(error)
        return ""

    async def _next_events(self, db: AsyncSession, limit: int) -> Sequence[payments_events.Event]:
        who = {"consumer": CONSUMER}
        position = (await db.execute(_LOCK_POSITION, who)).scalar_one_or_none()
        if position is None:
            await db.execute(_FIRST_POSITION, {**who, "now": self._now()})
            position = (await db.execute(_LOCK_POSITION, who)).scalar_one()
        return await payments_events.events_after(db, position, limit)

    async def _step_past(self, db: AsyncSession, event: payments_events.Event) -> None:
        await db.execute(
            _MOVE, {"consumer": CONSUMER, "position": event.position, "now": self._now()}
        )

    async def _run(self, db: AsyncSession, kind: str, events: Sequence[Event]) -> None:
        reaction = self._reactions.get(kind)
        if reaction is not None:
            await react_to(reaction, db, events, self._now())


async def lead(relay: Relay, database_url: str, stop: asyncio.Event) -> None:
    """Step while this process holds the leader's lock, until `stop`; survives a lost database."""
    while not stop.is_set():
        try:
            await _lead_once(relay, database_url, stop)
        except Exception as error:
            if not _is_disconnect(error):
                log.exception("the relay stumbled")
            else:
                log.warning("no database, trying again", error=_sentence(error))
            await _wait(stop, POLL_SECONDS)


async def _lead_once(relay: Relay, database_url: str, stop: asyncio.Event) -> None:
    connection = await asyncpg.connect(database_url)
    woken = asyncio.Event()
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK):
            if await _wait(stop, POLL_SECONDS):
                return
        for channel in CHANNELS:
            await connection.add_listener(channel, lambda *_: woken.set())
        connection.add_termination_listener(lambda *_: woken.set())
        log.info("the relay leads")
        pause = POLL_SECONDS_MIN
        clock_seconds = asyncio.get_running_loop().time
        while not stop.is_set():
            if connection.is_closed():
                raise asyncpg.InterfaceError("the leader's connection is gone")
            if woken.is_set():
                pause = POLL_SECONDS_MIN
                woken.clear()
            began = clock_seconds()
            if not await relay.step():
                await _either(stop, woken, pause)
                pause = min(POLL_SECONDS, pause * 2)
                await asyncio.sleep(max(0.0, began + GATHER_SECONDS - clock_seconds()))
    finally:
        with suppress(Exception):  # it may be gone already
            await connection.close(timeout=1)


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT."""
    uvloop.run(_main(settings))
    return 0


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    database = Database(settings.database_url, pool_size=2)
    queue = await asyncio.to_thread(broker.connect, settings)
    try:
        await lead(Relay(database, queue), settings.database_url, stop)
    finally:
        queue.close()
        await database.close()


async def _wait(stop: asyncio.Event, seconds: float) -> bool:
    """Whether `stop` was set within so many seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


async def _either(stop: asyncio.Event, woken: asyncio.Event, seconds: float) -> None:
    waits = [asyncio.ensure_future(one.wait()) for one in (stop, woken)]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for one in waits:
        one.cancel()


def _from_log(event: payments_events.Event) -> Event:
    return Event(event.kind, event.owner_id, event.subject_id, event.data, event.at)


def _announced(arguments: Mapping[str, Any]) -> Event:
    owner, subject = arguments["owner_id"], arguments["subject_id"]
    return Event(
        arguments["kind"],
        None if owner is None else UUID(owner),
        None if subject is None else UUID(subject),
        arguments["data"],
        datetime.fromisoformat(arguments["at"]),
    )


def _is_disconnect(error: BaseException) -> bool:
    """Whether the database went away, rather than an event being wrong."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or isinstance(error, InterfaceError)
    return isinstance(error, _GONE)


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


_GONE = (
    OSError,
    psycopg.OperationalError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
)

_FIRST_POSITION = text(
    "INSERT INTO market.relay_position (consumer, position, moved_at)"
    " VALUES (:consumer, 0, :now) ON CONFLICT DO NOTHING"
)

# One row: whoever holds it is the one who follows this log.
_LOCK_POSITION = text(
    "SELECT position FROM market.relay_position WHERE consumer = :consumer FOR UPDATE"
)

_MOVE = text(
    "UPDATE market.relay_position SET position = :position, moved_at = :now"
    " WHERE consumer = :consumer"
)
