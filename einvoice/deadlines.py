"""When an invoice must be signed, sent, answered; counted in working days. Pure.

Working days are Monday to Friday without holidays: those fixed in the calendar, and those announced year
by year (Tết, the Hùng Kings, days in lieu, days moved). What is not announced yet is not counted, for the
earlier deadline is the safe one; a caller who knows more may pass further holidays.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from enum import StrEnum
from functools import cache

from einvoice import rules

VIETNAM = timezone(timedelta(hours=7))
NO_HOLIDAYS: frozenset[date] = frozenset()


class Event(StrEnum):
    """What starts a deadline. The value is the key of its rule."""

    ISSUED = "sign_and_send_working_days"
    """Sign and send by the next working day after NLap. Decree 254/2026, Annex 7."""
    ISSUED_WITHOUT_CODE = "no_code_send_working_days"
    """Data of an invoice without code. Decree 254/2026, Art. 16.3.a.3."""
    SOLD_AT_CASH_REGISTER = "cash_register_send_days"
    """Data of a coded cash-register invoice: the same day. Decree 254/2026, Art. 15.3."""
    SOLD_AT_NIGHT = "night_sale_working_days"
    """Without automatic software: the next working day. Decree 254/2026, Art. 9.5."""
    TAX_SYSTEM_BACK = "outage_working_days"
    """After the all-clear. Decree 254/2026, Art. 14.4."""
    REPAIRED = "force_majeure_working_days"
    """After force majeure; keep the evidence. Decree 254/2026, Art. 14.5."""
    RISK_ASKED = "risk_explain_working_days"
    """Circular 91/2026, Art. 6."""
    DATA_MISMATCH = "data_mismatch_working_days"
    """Circular 91/2026, Art. 8.1.i."""
    INFORMATION_ASKED = "information_request_working_days"
    """Decree 252/2026, Art. 60.7."""
    SITE_CHANGED = "location_notice_working_days"
    """Decree 68/2026, Art. 13.4."""


@dataclass(frozen=True)
class Deadline:
    """The last day, and the law that sets it."""

    event: Event
    due_on: date
    source: str

    @property
    def ends_at(self) -> datetime:
        """The first instant that is too late: midnight in Vietnam."""
        return datetime.combine(self.due_on + timedelta(days=1), time(), VIETNAM)

    def is_late(self, now: datetime) -> bool:
        """Whether the deadline has passed."""
        return now >= self.ends_at

    def alarms(self, now: datetime, ahead: timedelta) -> bool:
        """Whether it passes within `ahead`, or has passed."""
        return now >= self.ends_at - ahead


def deadline(event: Event, on: date, holidays: Collection[date] = NO_HOLIDAYS) -> Deadline:
    """The deadline an event of this day starts. Raises: RuleUnknown before the law's first day."""
    row = rules.rule(event.value, on)
    assert isinstance(row.value, int)
    return Deadline(event, working_days_after(on, row.value, holidays), row.source)


def register_by(period_ends_on: date) -> date:
    """Until when a household registers whose revenue passed the threshold in this tax period.

    Thirty days from the period's last day. Source: Decree 141/2026, Art. 1.2.c.
    """
    return period_ends_on + timedelta(days=rules.amount("register_days", period_ends_on))


def working_days_after(on: date, count: int, holidays: Collection[date] = NO_HOLIDAYS) -> date:
    """The `count`-th working day after a day; the day itself for none."""
    day = on
    while count > 0:
        day += timedelta(days=1)
        count -= is_working_day(day, holidays)
    return day


def is_working_day(day: date, holidays: Collection[date] = NO_HOLIDAYS) -> bool:
    """Monday to Friday or a Saturday worked in lieu, no holiday. Source: Labour Code, Art. 111, 112."""
    off, worked = _announced()
    if day in holidays or day in off:
        return False
    fixed = {(row["month"], row["day"]) for row in rules.table("holidays_fixed", day)}
    return day in worked or (day.weekday() < 5 and (day.month, day.day) not in fixed)


def working_day_from(day: date) -> date:
    """The day itself, or the next working one: where a term that ends on a day off ends.

    Source: Civil Code 91/2015/QH13, Art. 148.5.
    """
    return day if is_working_day(day) else working_days_after(day, 1)


@cache
def _announced() -> tuple[frozenset[date], frozenset[date]]:
    """Days off and Saturdays worked, of the rows that are settled."""
    rows = [row for row in rules.shipped("holidays")["day"] if row.get("is_settled", True)]
    off = [day for row in rows if not row.get("is_worked") for day in row["days"]]
    return frozenset(off), frozenset(
        day for row in rows if row.get("is_worked") for day in row["days"]
    )


def issue_on(ownership_passes: datetime, paid_at: datetime | None, *, is_service: bool) -> date:
    """NLap of a sale: goods when they pass, paid or not; services when money came before the end.

    `ownership_passes` is for a service its completion. Deposits under civil law are no payment.
    Source: Decree 254/2026, Art. 9.1 and 9.2.
    """
    moment = ownership_passes
    if is_service and paid_at is not None:
        moment = min(moment, paid_at)
    return moment.astimezone(VIETNAM).date()
