"""When people buy: the hours of a day, the days of a week, the lunar calendar (pure)."""

import math
from datetime import UTC, date, datetime

HOUR_WEIGHTS = {
    5: 6, 6: 14, 7: 15, 8: 10, 9: 6, 10: 5, 11: 4, 12: 2,
    13: 1, 14: 2, 15: 4, 16: 9, 17: 13, 18: 8, 19: 1,
}  # fmt: skip
"""Sales per hour of a Vietnamese day, relative: peaks from half past five and from four."""
FEAST_FACTOR = 1.5
"""On the 1st and 15th of a lunar month."""
SUNDAY_FACTOR = 1.25
TET_FACTOR = 2.2
TET_LUNAR_DAYS = 14
NEW_MOON = datetime(2026, 11, 9, 7, 2, tzinfo=UTC)
SYNODIC_DAYS = 29.530588
VIETNAM_HOURS = 7
TET_DAYS = (date(2027, 2, 6), date(2028, 1, 26), date(2029, 2, 13), date(2030, 2, 2))


def lunar_day(day: date) -> int:
    """The day of the lunar month, 1–30, by mean moons: for the rhythm of trade, not for calendars."""
    midnight = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC).timestamp()
    midnight -= VIETNAM_HOURS * 3600
    age = (midnight - NEW_MOON.timestamp()) / 86_400 % SYNODIC_DAYS
    return math.floor(age) + 1


def day_factor(day: date) -> float:
    """How busy a day is against a plain weekday."""
    factor = FEAST_FACTOR if lunar_day(day) in {1, 15} else 1.0
    if day.weekday() == 6:
        factor *= SUNDAY_FACTOR
    if any(0 < (tet - day).days <= TET_LUNAR_DAYS for tet in TET_DAYS):
        factor *= TET_FACTOR
    return factor


def share_by(hour: int, minute: int) -> float:
    """Which part of a day's sales has happened at this time."""
    total = sum(HOUR_WEIGHTS.values())
    done = sum(weight for one, weight in HOUR_WEIGHTS.items() if one < hour)
    return (done + HOUR_WEIGHTS.get(hour, 0) * minute / 60) / total


def per_hour(hour: int) -> float:
    """The share of a day's sales that falls into one hour; never quite nothing."""
    return max(HOUR_WEIGHTS.get(hour, 0), 0.5) / sum(HOUR_WEIGHTS.values())
