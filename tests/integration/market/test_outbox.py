"""Work is written with its fact, begun by one, tried again, and parked at last."""

from datetime import UTC, datetime, timedelta

from sqlmodel import col, select

from market import outbox
from market.db import Database
from market.tables import OutboxRow

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


async def row_of(database: Database, row_id) -> OutboxRow:
    async with database.as_system() as db:
        return (await db.exec(select(OutboxRow).where(col(OutboxRow.id) == row_id))).one()


async def ask(database: Database, job: str = "greet", **arguments: object):
    async with database.as_system() as db:
        return await outbox.enqueue(db, job, arguments, NOW)


async def test_work_of_a_transaction_that_is_rolled_back_was_never_asked_for(database):
    async with database.as_system() as db:
        await outbox.enqueue(db, "greet", {}, NOW)
        await db.rollback()

    async with database.as_system() as db:
        handed = await outbox.hand_out(db, NOW, 10)

    assert handed == []


async def test_due_rows_are_handed_out_once_until_the_broker_seems_to_have_lost_them(database):
    row_id = await ask(database)

    async with database.as_system() as db:
        first = await outbox.hand_out(db, NOW, 10)
        again = await outbox.hand_out(db, NOW + timedelta(seconds=1), 10)
        later = await outbox.hand_out(db, NOW + outbox.HAND_AGAIN, 10)

    assert first == [(row_id, 0)]
    assert again == []
    assert later == [(row_id, 0)]


async def test_a_delayed_row_waits(database):
    async with database.as_system() as db:
        row_id = await outbox.enqueue(db, "greet", {}, NOW, delay=timedelta(minutes=5))

    async with database.as_system() as db:
        early = await outbox.hand_out(db, NOW + timedelta(minutes=4), 10)
        due = await outbox.hand_out(db, NOW + timedelta(minutes=5), 10)

    assert early == []
    assert due == [(row_id, 0)]


async def test_of_two_messages_for_one_turn_only_the_first_begins(database):
    row_id = await ask(database, name="Lan")

    async with database.as_system() as db:
        first = await outbox.begin(db, row_id, 0, NOW)
    async with database.as_system() as db:
        second = await outbox.begin(db, row_id, 0, NOW)

    assert first is not None
    assert first.arguments == {"name": "Lan"}
    assert first.attempts == 1
    assert second is None


async def test_a_finished_row_never_begins_again(database):
    row_id = await ask(database)
    async with database.as_system() as db:
        turn = await outbox.begin(db, row_id, 0, NOW)
        await outbox.finish(db, turn, NOW)

    async with database.as_system() as db:
        again = await outbox.begin(db, row_id, 1, NOW)

    assert again is None
    assert (await row_of(database, row_id)).done_at == NOW


async def test_a_failed_attempt_keeps_its_error_and_waits_longer_each_time(database):
    row_id = await ask(database)

    waits = []
    for attempt in range(3):
        async with database.as_system() as db:
            turn = await outbox.begin(db, row_id, attempt, NOW)
            await outbox.fail(db, turn, NOW, f"no answer {attempt}")
        row = await row_of(database, row_id)
        waits.append(row.available_at - NOW)

    assert waits == [timedelta(seconds=2), timedelta(seconds=4), timedelta(seconds=8)]
    assert row.error == "no answer 2"


async def test_a_row_that_fails_every_time_is_parked_with_its_error(database):
    row_id = await ask(database)

    for attempt in range(outbox.ATTEMPTS_MAX):
        async with database.as_system() as db:
            turn = await outbox.begin(db, row_id, attempt, NOW)
            await outbox.fail(db, turn, NOW, "no")
    async with database.as_system() as db:
        handed = await outbox.hand_out(db, NOW + timedelta(days=30), 10)
        begun = await outbox.begin(db, row_id, outbox.ATTEMPTS_MAX, NOW)

    assert handed == []
    assert begun is None
    assert (await row_of(database, row_id)).error == "no"


async def test_a_failure_reported_after_the_lease_does_not_touch_the_next_turn(database):
    row_id = await ask(database)
    async with database.as_system() as db:
        slow = await outbox.begin(db, row_id, 0, NOW)
        await outbox.begin(db, row_id, 1, NOW + outbox.LEASE)

    async with database.as_system() as db:
        await outbox.fail(db, slow, NOW + outbox.LEASE, "too late")

    assert (await row_of(database, row_id)).error == ""


async def test_a_tick_is_not_asked_for_while_one_is_open(database):
    async with database.as_system() as db:
        await outbox.enqueue_tick(db, "sweep", NOW)
        await outbox.enqueue_tick(db, "sweep", NOW + timedelta(seconds=5))
        handed = await outbox.hand_out(db, NOW + timedelta(seconds=5), 10)

    assert len(handed) == 1


async def test_rows_done_long_ago_are_forgotten_and_open_ones_kept(database):
    done, still_open = await ask(database), await ask(database)
    async with database.as_system() as db:
        await outbox.finish(db, await outbox.begin(db, done, 0, NOW), NOW)

    async with database.as_system() as db:
        gone = await outbox.forget_done(db, NOW + timedelta(seconds=1), 10)
        kept = (await db.exec(select(OutboxRow.id))).all()

    assert gone == 1
    assert kept == [still_open]


def test_the_back_off_doubles_up_to_half_an_hour():
    waits = [outbox.back_off(attempts).total_seconds() for attempts in (1, 2, 10, 11, 40)]

    assert waits == [2, 4, 1024, 1800, 1800]


SECOND = timedelta(seconds=1)


async def join(database: Database, *more: str, at: datetime = NOW, count_max: int = 4) -> bool:
    async with database.as_system() as db:
        return await outbox.join(
            db, "greet", "names", list(more), at, within=SECOND, count_max=count_max
        )


async def test_what_waits_for_its_time_takes_more_until_it_is_handed_out(database):
    async with database.as_system() as db:
        row_id = await outbox.enqueue(db, "greet", {"names": ["Lan"]}, NOW, delay=SECOND)

    taken = [
        await join(database, "Hoa", "Huệ"),
        await join(database, "Mai", "Cúc"),  # five are too many
        await join(database, "Mai"),
    ]
    async with database.as_system() as db:
        await outbox.hand_out(db, NOW + SECOND, 10)
    late = await join(database, "Cúc", at=NOW + SECOND, count_max=9)

    assert taken == [True, False, True]
    assert late is False
    assert (await row_of(database, row_id)).arguments == {"names": ["Lan", "Hoa", "Huệ", "Mai"]}


async def test_what_is_due_or_of_another_job_takes_nothing(database):
    await ask(database, names=["Lan"])
    async with database.as_system() as db:
        await outbox.enqueue(db, "wave", {"names": ["Lan"]}, NOW, delay=SECOND)
        await outbox.enqueue(db, "greet", {"names": ["Lan"]}, NOW, delay=timedelta(minutes=5))

    assert await join(database, "Hoa") is False
