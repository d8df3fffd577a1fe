"""No event is ever skipped, whatever order transactions start, write and commit in."""

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import db as market_db
from market import ids
from payments import events


@pytest.fixture
async def sessions(database_url):
    """Three connections of their own: two writers and a reader."""
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"), pool_size=3)
    opened = [AsyncSession(engine, expire_on_commit=False) for _ in range(3)]
    yield opened
    for session in opened:
        await session.close()
    await engine.dispose()


async def run(db, statement):
    await (await db.connection()).execute(text(statement))


async def write(db, kind, now):
    await events.append(db, kind, None, ids.new(), {}, now)


async def read(db, cursor):
    found = await payments.events_after(db, cursor, 100)
    await db.commit()
    return [one.kind for one in found], found[-1].position if found else cursor


async def test_a_slow_transaction_is_waited_for_and_never_skipped(sessions, now):
    slow, fast, reader = sessions
    await run(slow, "SELECT pg_current_xact_id()")  # begins first, writes last
    await write(fast, "fast", now)
    await fast.commit()

    before = await read(reader, 0)
    await write(slow, "slow", now)
    await slow.commit()
    after = await read(reader, before[1])

    assert before == ([], 0)
    assert after[0] == ["slow", "fast"]


async def test_a_late_starter_that_writes_first_is_not_overtaken(sessions, now):
    early, late, reader = sessions
    await run(early, "SELECT pg_current_xact_id()")
    await write(late, "late 1", now)  # the larger transaction number writes first
    await write(early, "early", now)
    await early.commit()

    between, cursor = await read(reader, 0)
    await write(late, "late 2", now)
    await late.commit()
    after, _ = await read(reader, cursor)

    assert between == ["early"]
    assert after == ["late 1", "late 2"]


async def test_what_is_rolled_back_is_no_event(sessions, now):
    writer, _, reader = sessions
    await write(writer, "gone", now)
    await writer.rollback()
    await write(writer, "kept", now)
    await writer.commit()

    found, _ = await read(reader, 0)

    assert found == ["kept"]


async def test_pages_follow_each_other_without_gap_or_repeat(sessions, now):
    writer, _, reader = sessions
    for number in range(7):
        await write(writer, str(number), now)
        if number % 3 == 0:
            await writer.commit()

    cursor, seen = 0, []
    await writer.commit()
    while page := await payments.events_after(reader, cursor, 2):
        seen += [one.kind for one in page]
        cursor = page[-1].position

    assert seen == [str(number) for number in range(7)]


async def test_after_a_restore_new_events_come_after_old_ones(sessions, now):
    writer, _, reader = sessions
    await run(writer, "UPDATE payments.event_epoch SET ahead = 1000000")
    await write(writer, "from another server", now)
    await run(writer, "UPDATE payments.event_epoch SET ahead = 0")
    await writer.commit()

    await payments.continue_after_restore(writer)
    await writer.commit()
    await write(writer, "new", now)
    await writer.commit()
    found, _ = await read(reader, 0)

    assert found == ["from another server", "new"]


async def test_events_of_the_writer_and_of_others_are_in_one_order(
    db, open_payment, told, settle, now
):
    first = await open_payment()
    second = await open_payment()
    await settle(told(first.code))
    await payments.cancel_payment(db, second.id, now=now)
    await db.commit()
    await settle(told(second.code))

    found, _ = await read(db, 0)

    assert found == ["receipt.recorded", "payment.cancelled", "receipt.recorded"]


async def test_the_log_cannot_be_changed(db, vendor, told, settle):
    await settle(told())

    for statement in ("UPDATE payments.event SET kind = 'x'", "DELETE FROM payments.receipt"):
        with pytest.raises(Exception, match="append-only"):
            await run(db, statement)
        await db.rollback()
