"""Deadlines watched: late by which article, extended by which, alarmed before and once."""

from datetime import UTC, date, datetime, timedelta

import pytest

import einvoice
from einvoice.forms import Form
from market import ids
from tests.integration.einvoice.conftest import (
    NOW,
    OWNER_ID,
    PREFIX,
    SENDER,
    TAX_ID,
    command,
    signer_of,
)

SIGNER = signer_of(TAX_ID)
EVENING = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)  # 21:30 in Vietnam, a Monday
TUESDAY = NOW + timedelta(days=1)
WEDNESDAY = NOW + timedelta(days=2)
FRIDAY = NOW + timedelta(days=4)


@pytest.fixture
async def company(db):
    await einvoice.record_registration(
        db, OWNER_ID, TAX_ID, "Công ty", PREFIX, now=NOW, forms=frozenset(Form)
    )
    return db


async def issue(db, form):
    made = command(form=form, payment_form="TM/CK")
    return await einvoice.issue(db, made, now=NOW, signer=SIGNER)


async def delivered(db, authority, at):
    """Everything is sent and answered at this instant; the invoices."""
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": at}
    while await einvoice.prepare(db, TAX_ID, **given):
        pass
    authority.now = at
    for message in await einvoice.claim_pending(db, 100, at):
        answer = authority.answer(message.body)
        for reply in (answer.immediate, *answer.later):
            await einvoice.record_reply(db, reply, now=at)
    return await einvoice.invoices_of(db, OWNER_ID, NOW)


@pytest.mark.parametrize(
    ("form", "due_on", "late_at"),
    [
        (Form.AT_TILL, date(2026, 11, 23), TUESDAY),  # Decree 254/2026, Art. 15.3
        (Form.WITH_CODE, date(2026, 11, 24), WEDNESDAY),  # Annex 7
        (Form.WITHOUT_CODE, date(2026, 11, 24), WEDNESDAY),  # Art. 16.3.a.3
    ],
)
async def test_each_form_has_its_last_day(company, authority, form, due_on, late_at):
    issued = await issue(company, form)

    found = (await delivered(company, authority, late_at))[0]

    assert issued.due_on == due_on
    assert (found.state, found.is_late, found.delivered_at) == ("accepted", True, late_at)


async def test_on_its_last_day_it_is_in_time(company, authority):
    await issue(company, Form.AT_TILL)
    await issue(company, Form.WITHOUT_CODE)

    found = await delivered(company, authority, EVENING)

    assert {one.is_late for one in found} == {False}


@pytest.mark.parametrize(("form", "is_late"), [(Form.WITHOUT_CODE, False), (Form.AT_TILL, True)])
async def test_after_an_outage_only_data_without_code_has_two_more_days(
    company, authority, form, is_late
):
    """Decree 254/2026, Art. 14.4."""
    await issue(company, form)
    await einvoice.outage_began(company, "tax", new_id=ids.new(), why="ConnectError", now=NOW)
    await einvoice.outage_ended(company, "tax", now=WEDNESDAY)

    found = (await delivered(company, authority, FRIDAY))[0]

    assert (found.state, found.is_late) == ("accepted", is_late)


async def test_three_days_after_the_all_clear_is_late(company, authority):
    await issue(company, Form.WITHOUT_CODE)
    await einvoice.outage_began(company, "tax", new_id=ids.new(), why="ConnectError", now=NOW)
    await einvoice.outage_ended(company, "tax", now=TUESDAY)

    found = (await delivered(company, authority, FRIDAY))[0]

    assert found.is_late


async def test_an_outage_goes_on_until_it_ends_once(db):
    for minutes in (0, 5, 10):
        await einvoice.outage_began(
            db, "tax", new_id=ids.new(), why="status 503", now=NOW + timedelta(minutes=minutes)
        )
    lasting = await einvoice.outage_now(db, "tax")
    ended = [await einvoice.outage_ended(db, "tax", now=TUESDAY) for _ in range(2)]

    assert (lasting.began_at, lasting.why) == (NOW, "status 503")
    assert ended == [True, False]
    assert await einvoice.outage_now(db, "tax") is None


async def test_an_alarm_sounds_before_the_day_ends_and_after_each_once(company):
    await issue(company, Form.AT_TILL)
    await issue(company, Form.AT_TILL)
    quiet = await einvoice.raise_alarms(company, now=NOW)

    soon = [await einvoice.raise_alarms(company, now=EVENING) for _ in range(2)]
    late = [await einvoice.raise_alarms(company, now=TUESDAY) for _ in range(2)]

    assert quiet == []
    assert [(one.is_late, one.invoice_count) for one in soon[0]] == [(False, 2)]
    assert [(one.is_late, one.invoice_count) for one in late[0]] == [(True, 2)]
    assert (soon[1], late[1]) == ([], [])


async def test_what_the_authority_refused_stays_an_alarm_of_the_seller(company, authority):
    authority.known.sellers.clear()
    await issue(company, Form.AT_TILL)
    await delivered(company, authority, EVENING)

    found = await einvoice.alarms(company, now=TUESDAY, owner_id=OWNER_ID)

    assert [(one.is_late, one.rejected_count) for one in found] == [(True, 1)]


async def test_progress_of_a_day_counts_what_waits_is_sent_and_is_taken(company, authority):
    for _ in range(3):
        await issue(company, Form.AT_TILL)
    before = await einvoice.progress_of(company, OWNER_ID, NOW.date())
    await delivered(company, authority, EVENING)
    await issue(company, Form.AT_TILL)

    after = await einvoice.progress_of(company, OWNER_ID, NOW.date())
    other_day = await einvoice.progress_of(company, OWNER_ID, date(2026, 11, 22))

    assert (before.waiting, before.accepted, before.message_count) == (3, 0, 0)
    assert (after.waiting, after.accepted, after.message_count) == (1, 3, 1)
    assert (after.invoice_count, other_day.invoice_count) == (4, 0)


async def test_a_clock_far_ahead_is_not_believed(company, authority):
    await issue(company, Form.AT_TILL)
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(company, TAX_ID, **given)
    authority.now = FRIDAY
    message = (await einvoice.claim_pending(company, 10, NOW))[0]

    await einvoice.record_reply(company, authority.answer(message.body).immediate, now=NOW)

    found = (await einvoice.invoices_of(company, OWNER_ID, NOW))[0]
    assert (found.delivered_at, found.is_late) == (NOW, False)


async def test_once_the_authority_is_back_everything_is_due_at_once(company):
    await issue(company, Form.AT_TILL)
    given = {"signer": SIGNER, "sender": SENDER, "new_id": ids.new, "now": NOW}
    await einvoice.prepare(company, TAX_ID, **given)
    first = await einvoice.claim_pending(company, 10, NOW)
    waits = await einvoice.claim_pending(company, 10, NOW)

    await einvoice.all_due(company, now=NOW)

    again = await einvoice.claim_pending(company, 10, NOW)
    assert waits == []
    assert [one.body for one in again] == [one.body for one in first]
