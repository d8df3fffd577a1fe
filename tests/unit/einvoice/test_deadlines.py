"""Deadlines of issuing and sending, each by its article. 23 November 2026 is a Monday."""

from datetime import UTC, date, datetime, timedelta

import pytest

from einvoice import deadlines
from einvoice.deadlines import Event, deadline
from einvoice.errors import RuleUnknown

FRIDAY = date(2026, 11, 27)
MONDAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    ("event", "due_on", "article"),
    [
        (Event.ISSUED, MONDAY, "D254 Phụ lục mục 7"),
        (Event.ISSUED_WITHOUT_CODE, MONDAY, "D254 Điều 16.3.a.3"),
        (Event.SOLD_AT_CASH_REGISTER, FRIDAY, "D254 Điều 15.3"),
        (Event.SOLD_AT_NIGHT, MONDAY, "D254 Điều 9.5"),
        (Event.TAX_SYSTEM_BACK, date(2026, 12, 1), "D254 Điều 14.4"),
        (Event.REPAIRED, date(2026, 12, 2), "D254 Điều 14.5"),
        (Event.RISK_ASKED, date(2026, 12, 2), "C91 Điều 6"),
        (Event.DATA_MISMATCH, date(2026, 12, 11), "C91 Điều 8.1.i"),
        (Event.INFORMATION_ASKED, date(2026, 12, 11), "D252 Điều 60.7"),
        (Event.SITE_CHANGED, date(2026, 12, 11), "D68 Điều 13.4"),
    ],
)
def test_an_event_of_a_friday_is_due(event, due_on, article):
    found = deadline(event, FRIDAY)

    assert (found.due_on, found.source) == (due_on, article)


def test_holidays_are_no_working_days():
    """31 December 2026 is a Thursday; 1 January is shipped, Tết comes from the caller."""
    assert deadline(Event.ISSUED, date(2026, 12, 31)).due_on == date(2027, 1, 4)
    tet = {date(2027, 2, 5) + timedelta(days=n) for n in range(7)}
    assert deadline(Event.ISSUED, date(2027, 2, 4), tet).due_on == date(2027, 2, 12)


def test_an_alarm_sounds_before_the_deadline_passes():
    found = deadline(Event.SOLD_AT_CASH_REGISTER, FRIDAY)
    evening = datetime(2026, 11, 27, 14, 0, tzinfo=UTC)  # 21:00 in Vietnam

    assert not found.alarms(evening, timedelta(hours=2))
    assert found.alarms(evening, timedelta(hours=3))
    assert not found.is_late(evening + timedelta(hours=2, minutes=59))
    assert found.is_late(evening + timedelta(hours=3))


def test_before_the_law_there_is_no_deadline_of_it():
    with pytest.raises(RuleUnknown):
        deadline(Event.ISSUED, date(2026, 6, 30))


def test_passing_the_threshold_leaves_thirty_days_from_the_period_s_end():
    """D141 1.2.c."""
    assert deadlines.register_by(date(2026, 9, 30)) == date(2026, 10, 30)


def test_goods_are_invoiced_when_they_pass_and_services_when_paid_first():
    """D254 9.1, 9.2."""
    passed = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    paid = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)  # the 21st in Vietnam

    assert deadlines.issue_on(passed, paid, is_service=False) == date(2026, 11, 23)
    assert deadlines.issue_on(passed, paid, is_service=True) == date(2026, 11, 21)
    assert deadlines.issue_on(passed, None, is_service=True) == date(2026, 11, 23)
