"""The only place that makes identifiers: UUIDv7, so that keys grow with time."""

from datetime import UTC, datetime
from uuid import UUID

import uuid_utils


def new() -> UUID:
    """A fresh UUIDv7. Later calls in one process sort after earlier ones."""
    return UUID(bytes=uuid_utils.uuid7().bytes)


def made_at(identifier: UUID) -> datetime | None:
    """The instant written in a UUIDv7, to the millisecond; None for other versions."""
    if identifier.version != 7:
        return None
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)
