"""The worker: runs the jobs of the outbox that the broker wakes it for."""

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import dramatiq
import structlog
import uvloop
from dramatiq.asyncio import get_event_loop_thread
from dramatiq.middleware import Middleware

from market import broker, clock, outbox
from market.db import Database
from market.flows import JOBS, PERIODIC, Context, Job
from market.settings import Settings

NICENESS = 10
"""Where the machine is full, screens and notices go first: an invoice may wait, a till may not."""
THREADS = 8
"""Jobs at a time; each waits on the network most of its life."""
STOP_SECONDS_MAX = 3
"""A job still running then is left; its lease runs out and another worker does it."""
JOB_SECONDS_MAX = outbox.LEASE.total_seconds() - 10
"""Well within the lease, so that no row has two runners."""

log = structlog.get_logger("market.worker")


class JobUnknown(Exception):
    """The outbox names a job that this release does not have."""


async def run_row(context: Context, jobs: Mapping[str, Job], row_id: UUID, turn: int) -> None:
    """Run one outbox row if it is this turn: done, due again with its error, or parked."""
    async with context.database.as_system() as db:
        begun = await outbox.begin(db, row_id, turn, context.now())
    if begun is None:
        return
    error = await _error_of(context, jobs, begun)
    async with context.database.as_system() as db:
        if not error or begun.job in PERIODIC:  # a periodic job's next try is its next tick
            await outbox.finish(db, begun, context.now(), error)
        else:
            await outbox.fail(db, begun, context.now(), error)


async def _error_of(context: Context, jobs: Mapping[str, Job], begun: outbox.Turn) -> str:
    try:
        if begun.job not in jobs:
            raise JobUnknown(begun.job)
        async with asyncio.timeout(JOB_SECONDS_MAX):
            await jobs[begun.job](context, begun.arguments)
    except Exception as error:  # whatever a job raises is its row's error, never the worker's end
        log.warning(
            "job failed", job=begun.job, row=str(begun.id), attempts=begun.attempts, exc_info=True
        )
        return f"{type(error).__name__}: {error}"
    return ""


class _Pools(Middleware):
    """Opens the database on the worker's event loop and closes it there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.context: Context | None = None

    def after_worker_boot(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        database = Database(self._settings.database_url, pool_size=THREADS)
        self.context = Context(database, self._settings, clock.now)

    def after_worker_shutdown(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        loop = get_event_loop_thread()
        if self.context is not None and loop is not None:
            loop.run_coroutine(self.context.database.close())


def start(settings: Settings, jobs: Mapping[str, Job] = JOBS) -> dramatiq.Worker:
    """A running worker in threads of this process; the caller stops it."""
    connected = broker.connect(settings)
    pools = _Pools(settings)
    connected.add_middleware(pools)

    async def run(row_id: str, turn: int) -> None:
        assert pools.context is not None
        await run_row(pools.context, jobs, UUID(row_id), turn)

    dramatiq.actor(actor_name=broker.ACTOR, queue_name=broker.QUEUE, broker=connected)(run)
    worker = dramatiq.Worker(connected, worker_threads=THREADS)
    worker.start()
    return worker


def main(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT, then let running jobs end."""
    stopped = threading.Event()
    os.nice(NICENESS)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

    def stop(*_: Any) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    worker = start(settings)
    log.info("worker ready", threads=THREADS)
    stopped.wait()
    worker.stop(timeout=STOP_SECONDS_MAX * 1000)
    worker.broker.close()
    return 0
