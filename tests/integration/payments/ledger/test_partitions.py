"""The months of the journal: made ahead, closed behind, never changed, never read around RLS."""

import asyncio
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

import payments
from market import ids
from payments.ledger import partitions
from payments.ledger.accounts import lane_of

TODAY = date(2026, 11, 23)
SUMMER = date(2026, 8, 15)


@pytest.fixture
async def owner(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def system(database_url):
    connection = await asyncpg.connect(database_url, server_settings={"role": "market_system"})
    yield connection
    await connection.close()


@pytest.fixture
def keep(database_url):
    async def kept(today=TODAY, **changes):
        return await payments.keep_partitions(database_url, today=today, **changes)

    return kept


@pytest.fixture
def write(owner, now):
    """One row of the journal whose id was made at that instant; where it lies."""

    async def written(at: datetime, *, by=owner) -> tuple[str, object]:
        milliseconds = int(at.timestamp() * 1000)
        transfer_id = ids.new()
        transfer_id = type(transfer_id)(int=milliseconds << 80 | transfer_id.int & ((1 << 80) - 1))
        owner_id = ids.new()
        table = await by.fetchval(
            "INSERT INTO payments.transfer SELECT payments.event_base() | 1, 1000, $1, now(), $2, 12,"
            " $3, $4, $5, $6, $4, $4 RETURNING tableoid::regclass::text",
            now, lane_of(owner_id), transfer_id, owner_id, ids.new(), ids.new(),
        )  # fmt: skip
        return table.removeprefix("payments."), transfer_id

    return written


async def names(owner):
    return {row["name"] for row in await owner.fetch(partitions._PARTITIONS)}


async def place_of(owner, transfer_id):
    return await owner.fetchval(
        "SELECT tableoid::regclass::text FROM payments.transfer WHERE id = $1", transfer_id
    )


async def test_the_months_ahead_are_made_once(keep, owner):
    today = date(2027, 3, 31)

    before = await names(owner)
    first = await keep(today)
    again = await keep(today)

    wanted = {
        f"{table}_p2027_{month:02d}" for table in ("transfer", "receipt") for month in range(1, 7)
    }
    assert set(first.made) == wanted - before
    assert again.made == ()
    assert wanted <= await names(owner)


async def test_a_row_of_a_clock_ahead_lies_in_the_rest_and_moves_when_its_month_is_made(
    keep, owner, write
):
    before, transfer_id = await write(datetime(2027, 5, 20, tzinfo=UTC))
    row = await owner.fetchrow("SELECT * FROM payments.transfer WHERE id = $1", transfer_id)

    await keep(date(2027, 3, 31))

    assert before == "transfer_rest"
    assert await place_of(owner, transfer_id) == "payments.transfer_p2027_05"
    assert await owner.fetchrow("SELECT * FROM payments.transfer WHERE id = $1", transfer_id) == row


async def test_the_rest_still_refuses_changes_after_a_row_moved_out(keep, owner, write):
    await write(datetime(2027, 5, 20, tzinfo=UTC))
    await keep(date(2027, 3, 31))
    await write(datetime(2031, 5, 20, tzinfo=UTC))

    with pytest.raises(asyncpg.RestrictViolationError):
        await owner.execute("DELETE FROM payments.transfer_rest")


async def test_months_that_were_missed_are_made_too(keep, owner, database_url):
    await keep()
    await owner.execute("DROP TABLE payments.transfer_p2026_10")

    kept = await keep()

    assert kept.made == ("transfer_p2026_10",)


async def test_months_over_are_frozen_and_say_when_they_were_closed(keep, owner, write):
    await keep(SUMMER)
    await write(datetime(2026, 8, 3, tzinfo=UTC))
    await write(datetime(2026, 9, 3, tzinfo=UTC))
    told = []

    kept = await keep(progress=told.append)
    again = await keep()

    comment = "SELECT obj_description($1::text::regclass, 'pg_class')"
    pages = "SELECT relallvisible = relpages AND relpages > 0 FROM pg_class WHERE oid = $1::text::regclass"
    frozen = "SELECT age(relfrozenxid) < 1000 FROM pg_class WHERE oid = $1::text::regclass"
    august, september = "payments.transfer_p2026_08", "payments.transfer_p2026_09"
    assert "transfer_p2026_08" in kept.closed
    assert "transfer_p2026_08" in told
    assert "transfer_p2026_09" not in kept.closed
    assert again.closed == ()
    assert await owner.fetchval(comment, august) == "append-only, closed 2026-11-23 with 1 rows"
    assert await owner.fetchval(comment, september) == "append-only"
    assert await owner.fetchval(pages, august)
    assert await owner.fetchval(frozen, august)


async def test_a_closed_month_still_takes_what_comes_late(keep, owner, write, system):
    await keep(SUMMER)
    await keep()

    place, transfer_id = await write(datetime(2026, 8, 3, tzinfo=UTC), by=system)

    assert place == "transfer_p2026_08"
    assert await place_of(owner, transfer_id) == "payments.transfer_p2026_08"


async def test_a_run_beside_another_leaves_it_the_work(keep, owner):
    await owner.execute("SELECT pg_advisory_lock($1)", partitions.UPKEEP_LOCK)

    kept = await keep(date(2027, 3, 31))

    assert kept == payments.Kept(is_complete=False)


async def test_making_a_month_waits_for_a_writer_without_making_others_wait(
    keep, owner, write, system, monkeypatch
):
    """A transaction holds the rest's lock for as long as it likes; others still write meanwhile."""
    slow = system.transaction()
    await slow.start()
    await write(datetime(2031, 1, 1, tzinfo=UTC), by=system)
    working = asyncio.create_task(keep(date(2027, 3, 31)))

    for _ in range(5):
        async with asyncio.timeout(5):
            await write(datetime(2031, 1, 1, tzinfo=UTC))
    was_done = working.done()
    await slow.commit()
    kept = await working

    assert not was_done
    assert "transfer_p2027_06" in kept.made


async def test_locks_that_never_come_free_end_in_an_error_and_the_next_run_goes_on(
    keep, write, system, monkeypatch
):
    monkeypatch.setattr(partitions, "LOCK_TRIES", 2)
    slow = system.transaction()
    await slow.start()
    await write(datetime(2031, 1, 1, tzinfo=UTC), by=system)

    with pytest.raises(asyncpg.LockNotAvailableError):
        await keep(date(2027, 3, 31))
    await slow.rollback()

    assert "transfer_p2027_06" in (await keep(date(2027, 3, 31))).made


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE payments.{} SET amount_vnd = amount_vnd + 1",
        "DELETE FROM payments.{}",
        "TRUNCATE payments.{}",
    ],
)
async def test_neither_the_journal_nor_a_month_of_it_is_ever_changed(
    keep, owner, system, write, now, statement
):
    for today in (SUMMER, TODAY, date(2027, 3, 31)):
        await keep(today)
    children = {
        (await write(at))[0]
        for at in (now, now - timedelta(days=90), datetime(2027, 6, 2, tzinfo=UTC))
    }

    for table in ("transfer", "receipt", *children, "receipt_p2026_11", "receipt_p2027_06"):
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(statement.format(table))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await system.execute(statement.format(table))


async def test_a_month_is_read_and_written_through_the_journal_alone(
    keep, owner, system, write, now, database_url
):
    for today in (TODAY, date(2027, 3, 31)):
        await keep(today)
    place, _ = await write(now)
    web = await asyncpg.connect(database_url, server_settings={"role": "market_web"})

    for role in (system, web):
        for table in (place, "transfer_p2027_06", "transfer_rest", "receipt_p2026_11"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await role.fetch(f"SELECT * FROM payments.{table}")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await role.execute(f"INSERT INTO payments.{table} DEFAULT VALUES")
    seen = await web.fetchval("SELECT count(*) FROM payments.transfer")
    await web.close()

    assert seen == 0
    assert await system.fetchval("SELECT count(*) FROM payments.transfer") == 1


async def test_looking_for_a_duplicate_touches_the_month_of_its_id_alone(keep, owner, write, now):
    await keep()
    _, transfer_id = await write(now)
    lookups = [
        ("SELECT * FROM payments.transfer WHERE lane = $1 AND id = $2", (5, transfer_id)),
        (
            "SELECT t.* FROM unnest($1::smallint[], $2::uuid[]) AS x (lane, id)"
            " JOIN payments.transfer t ON t.lane = x.lane AND t.id = x.id",
            ([5], [transfer_id]),
        ),
    ]

    for sql, arguments in lookups:
        rows = await owner.fetch(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {sql}", *arguments)
        lines = [row[0] for row in rows if " on transfer" in row[0]]
        read = [line for line in lines if "never executed" not in line]
        assert len(read) == 1, lines
        assert "transfer_p2026_11" in read[0]


async def test_the_pages_of_the_running_month_are_known_by_position(keep, owner, write, now):
    await keep()
    await write(now)

    await keep()

    summarised = "SELECT count(*) FROM brin_page_items(get_raw_page($1, 2), $1::regclass)"
    await owner.execute("CREATE EXTENSION pageinspect")
    index = "payments.transfer_p2026_11_position_idx"
    assert await owner.fetchval(summarised.replace("$1", f"'{index}'")) == 1
