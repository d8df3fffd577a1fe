"""Notices a partner owes the market: kept in its store, sent side by side, tried again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import httpx

from market.simulators.state import Store

IN_FLIGHT_MAX = 10
ANSWER_LENGTH_KEPT = 500


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice to send."""

    id: int
    topic: str
    subject: str
    body: str
    flaw: str
    """What to do wrong on purpose; empty for an honest notice."""
    tries: int
    """How often it was tried before."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What the market answered, and whether the partner takes it for a yes."""

    accepted: bool
    status: int
    text: str = ""


Send = Callable[[httpx.AsyncClient, Delivery], Awaitable[Answered]]


class Notifier:
    """Sends what is due; `waits_s` are the pauses before each further try, and their end its end."""

    def __init__(
        self,
        store: Store,
        send: Send,
        waits_s: tuple[float, ...],
        now: Callable[[], datetime],
        timeout_s: float = 30,
    ) -> None:
        self._store, self._send, self._waits_s, self._now = store, send, waits_s, now
        self._timeout_s = timeout_s
        self._wake = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}
        self._loop: asyncio.Task[None] | None = None

    def owe(
        self, topic: str, subject: str, body: str, *, delay_s: float = 0, flaw: str = ""
    ) -> None:
        """Keep a notice and send it after the delay."""
        self._store.run(
            "INSERT INTO delivery (topic, subject, body, flaw, due) VALUES (?, ?, ?, ?, ?)",
            topic, subject, body, flaw, self._now().timestamp() + delay_s,
        )  # fmt: skip
        self._wake.set()

    async def start(self) -> None:
        """Begin; what was owed before the last end is still owed."""
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End; what is on its way is cut and stays owed."""
        await _cancelled(list(self._sending.values()))  # before the client they use is closed
        await _cancelled([self._loop] if self._loop else [])

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=IN_FLIGHT_MAX)
        async with httpx.AsyncClient(timeout=self._timeout_s, limits=limits) as client:
            while True:
                self._wake.clear()
                self._launch(client)
                await self._pause()

    def _launch(self, client: httpx.AsyncClient) -> None:
        free = IN_FLIGHT_MAX - len(self._sending)
        if free <= 0:
            return
        due = self._store.rows(
            "SELECT id, topic, subject, body, flaw, tries FROM delivery"
            " WHERE state = 'waiting' AND due <= ? ORDER BY due LIMIT ?",
            self._now().timestamp(), free + len(self._sending),
        )  # fmt: skip
        for row in [row for row in due if row["id"] not in self._sending][:free]:
            delivery = Delivery(**{name: row[name] for name in row.keys()})  # noqa: SIM118
            task = asyncio.create_task(self._try(client, delivery))
            self._sending[delivery.id] = task

    async def _pause(self) -> None:
        """Until something is owed, sent, or due."""
        nearest = self._store.row(
            "SELECT min(due) AS due FROM delivery WHERE state = 'waiting' AND due > ?",
            self._now().timestamp(),
        )
        until = None
        if nearest is not None and nearest["due"] is not None:
            until = max(nearest["due"] - self._now().timestamp(), 0.001)
        try:
            await asyncio.wait_for(self._wake.wait(), until)
        except TimeoutError:
            return

    async def _try(self, client: httpx.AsyncClient, delivery: Delivery) -> None:
        try:
            answered = await self._send(client, delivery)
        except Exception as failed:  # whatever went wrong, the notice is still owed
            answered = Answered(False, 0, type(failed).__name__)
        self._record(delivery, answered)
        del self._sending[delivery.id]
        self._wake.set()

    def _record(self, delivery: Delivery, answered: Answered) -> None:
        given_up = delivery.tries >= len(self._waits_s)
        state = "delivered" if answered.accepted else "given_up" if given_up else "waiting"
        wait_s = 0 if given_up else self._waits_s[delivery.tries]
        at = self._now()
        with self._store.transaction():
            self._store.run(
                "INSERT INTO attempt VALUES (?, ?, ?, ?)",
                delivery.id, at.isoformat(), answered.status, answered.text[:ANSWER_LENGTH_KEPT],
            )  # fmt: skip
            self._store.run(
                "UPDATE delivery SET state = ?, tries = tries + 1, due = ? WHERE id = ?",
                state, at.timestamp() + wait_s, delivery.id,
            )  # fmt: skip


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
