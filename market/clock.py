"""The only place that reads the clock, and what a local day is."""

from datetime import UTC, date, datetime, time, timedelta, timezone

VIETNAM = timezone(timedelta(hours=7), "Asia/Ho_Chi_Minh")
"""Vietnam time, UTC+7 without daylight saving. Banks, VNPAY and the tax authority all mean it."""


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def local(instant: datetime) -> datetime:
    """An aware instant as seen on a wall clock in Vietnam."""
    assert instant.tzinfo is not None
    return instant.astimezone(VIETNAM)


def local_day(instant: datetime) -> date:
    """The Vietnamese calendar day an instant falls on."""
    return local(instant).date()


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """First instant of a Vietnamese day and first instant of the next, both in UTC."""
    start = datetime.combine(day, time.min, VIETNAM).astimezone(UTC)
    return start, start + timedelta(days=1)
