"""What a job is given, and the shapes of jobs and reactions."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from market.db import Database
from market.settings import Settings


@dataclass(frozen=True)
class Context:
    """What a job is given. It opens its own short transactions; none may wait on the network."""

    database: Database
    settings: Settings
    now: Callable[[], datetime]


Job = Callable[[Context, dict[str, Any]], Awaitable[None]]
"""Work with the outside world, at least once: it may run twice and changes things once."""

Reaction = Callable[[AsyncSession, Any, datetime], Awaitable[None]]
"""What follows from one event, inside the relay's transaction: exactly once, no network."""
