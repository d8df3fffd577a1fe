"""Deadlines of issuing and sending, each by its article. 23 November 2026 is a Monday."""

from datetime import UTC, date, datetime, timedelta

import pytest

from einvoice import deadlines, rules
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
    """31 December 2026 is a Thursday; what is not announced yet may come from the caller."""
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


@pytest.mark.parametrize(
    ("on", "due_on"),
    [
        (date(2025, 1, 24), date(2025, 2, 3)),  # Friday before Tết Ất Tỵ
        (date(2025, 4, 4), date(2025, 4, 8)),  # the Hùng Kings on a Monday
        (date(2025, 4, 25), date(2025, 4, 26)),  # a Saturday worked for 2 May
        (date(2025, 4, 29), date(2025, 5, 5)),
        (date(2026, 2, 13), date(2026, 2, 23)),  # Friday before Tết Bính Ngọ
        (date(2026, 4, 24), date(2026, 4, 28)),  # Monday 27 April in lieu of a Sunday
        (date(2026, 8, 28), date(2026, 9, 3)),  # 31 August moved, 1 and 2 September
        (date(2027, 2, 3), date(2027, 2, 11)),  # Tết Đinh Mùi: 4 to 10 February
        (date(2027, 9, 1), date(2027, 9, 6)),  # National Day and the day after
        (date(2026, 1, 1), date(2026, 1, 5)),  # 2 January was moved to Saturday 10
        (date(2027, 4, 30), date(2027, 5, 4)),  # Monday 3 May in lieu of a Saturday
    ],
)
def test_announced_days_off_are_no_working_days(on, due_on):
    """Labour Code 45/2019/QH14, Art. 111.3 and 112, with the announcements of each year."""
    assert deadlines.working_days_after(on, 1) == due_on


def test_what_is_not_settled_does_not_move_a_deadline():
    """28/2026/QH16 is said to make 24 November a day off; as long as its text was not read, the earlier day holds."""
    monday, tuesday = date(2026, 11, 23), date(2026, 11, 24)

    assert deadline(Event.ISSUED, monday).due_on == tuesday
    assert deadline(Event.ISSUED, monday, {tuesday}).due_on == date(2026, 11, 25)


def test_every_announced_day_has_a_source_and_those_off_are_not_weekends():
    for row in rules.shipped("holidays")["day"]:
        assert row["source"]
        assert row["name"]
        assert row["known_from"] <= min(row["days"])
        assert all((day.weekday() > 4) == row.get("is_worked", False) for day in row["days"])


def test_a_term_that_ends_on_a_day_off_ends_on_the_next_working_day():
    """Civil Code 91/2015/QH13, Art. 148.5."""
    assert deadlines.working_day_from(date(2027, 1, 31)) == date(2027, 2, 1)
    assert deadlines.working_day_from(date(2026, 10, 30)) == date(2026, 10, 30)
