"""What a job is given, what a reaction is given, and the shapes of both."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from market.db import Database
from market.settings import Settings


@dataclass(frozen=True)
class Context:
    """What a job is given. It opens its own short transactions; none may wait on the network."""

    database: Database
    settings: Settings
    now: Callable[[], datetime]


@dataclass(frozen=True)
class Event:
    """A committed fact, from an engine's log or from `outbox.announce`."""

    kind: str
    owner_id: UUID | None
    subject_id: UUID | None
    data: dict[str, Any]
    """JSON: ids as text, amounts as whole đồng, instants as ISO text."""
    at: datetime


Job = Callable[[Context, dict[str, Any]], Awaitable[None]]
"""Work with the outside world, at least once: it may run twice and changes things once."""

Reaction = Callable[[AsyncSession, Any, datetime], Awaitable[None]]
"""What follows from one `Event`, inside the relay's transaction: exactly once, no network."""


Reactions = Callable[[AsyncSession, Sequence[Event], datetime], Awaitable[None]]
"""As `Reaction`, for several events in order: fewer trips to the database, the same effects."""


class Together:
    """A reaction that is written for several events at once; called with one, it does that one."""

    def __init__(self, many: Reactions) -> None:
        self.many = many
        self.__doc__ = many.__doc__

    async def __call__(self, db: AsyncSession, event: Event, now: datetime) -> None:
        """What follows from one event."""
        await self.many(db, [event], now)


def each(*reactions: Reaction) -> Together:
    """Several flows that follow from one kind of event, in this order, in one transaction."""

    async def react(db: AsyncSession, events: Sequence[Event], now: datetime) -> None:
        for reaction in reactions:
            await react_to(reaction, db, events, now)

    return Together(react)


async def react_to(
    reaction: Reaction, db: AsyncSession, events: Sequence[Event], now: datetime
) -> None:
    """Run a reaction for events of its kind, together where it can."""
    if isinstance(reaction, Together):
        await reaction.many(db, events, now)
        return
    for event in events:
        await reaction(db, event, now)
