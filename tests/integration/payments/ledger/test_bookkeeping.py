"""The books are made behind the journal: in order, once, whatever is open, cut off or doubled."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

import payments
from market import ids
from payments.ledger import bookkeeping

CUT = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""What the driver may say of a line that is gone."""


@pytest.fixture
def names(vendor):
    return [vendor.account(kind) for kind in ("bank", "sales", "suspense")]


@pytest.fixture
def post(ledger, vendor, names, now):
    async def posted(*amounts_vnd, **changes):
        fields = {
            "owner_id": vendor.id,
            "debit_id": vendor.account("bank").id,
            "credit_id": vendor.account("sales").id,
            "kind": payments.TransferKind.OTHER,
            "occurred_at": now,
        }
        transfers = [
            payments.Transfer(id=ids.new(), amount_vnd=amount_vnd, **(fields | changes))
            for amount_vnd in amounts_vnd
        ]
        outcomes = await ledger.post(*transfers, opening=names)
        assert set(outcomes) == {payments.Outcome.POSTED}

    return posted


@pytest.fixture
async def owner(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
def feed(database_url, now):
    async def fed(**changes):
        return await payments.feed_statements(
            database_url, now=now, role="market_system", **changes
        )

    return fed


async def books(owner):
    """All of the books, without the moments they were made at."""
    tables = ("entry", "account_day", "record_day")
    read = [
        await owner.fetch(f"SELECT * FROM payments.{table} ORDER BY 1, 2, 3") for table in tables
    ]
    mark = await owner.fetchval("SELECT position FROM payments.watermark WHERE name = 'statements'")
    return [*read, mark]


async def test_every_transfer_has_its_two_entries_with_running_balances(feed, post, owner, vendor):
    await post(1_000, 500)
    await post(250)

    fed = await feed()

    told = await owner.fetch(
        "SELECT amount_vnd, balance_vnd FROM payments.entry WHERE account_id = $1 ORDER BY position",
        vendor.account("sales").id,
    )
    assert (fed.transfer_count, fed.is_complete) == (3, True)
    assert [tuple(row) for row in told] == [(1_000, 1_000), (500, 1_500), (250, 1_750)]
    assert await owner.fetchval("SELECT count(*) FROM payments.entry") == 6


async def test_a_second_run_finds_nothing_and_writes_nothing(feed, post, owner):
    await post(1_000)
    await feed()
    before = await owner.fetchval("SELECT pg_current_xact_id_if_assigned()")
    mark = await owner.fetchrow("SELECT * FROM payments.watermark")

    fed = await feed()

    assert before is None
    assert fed == payments.Fed(0, mark["position"], is_complete=True)
    assert await owner.fetchrow("SELECT * FROM payments.watermark") == mark


async def test_small_transactions_make_the_same_books_as_large_ones(
    feed, post, owner, database_url, now
):
    for amount_vnd in range(1, 8):
        await post(amount_vnd, 10 * amount_vnd, occurred_at=now - timedelta(hours=5 * amount_vnd))
    told = []

    fed = await feed(row_count_max=3, progress=told.append)
    before = await books(owner)
    again = await payments.rebuild_statements(database_url, now=now)

    assert (fed.transfer_count, again.transfer_count) == (14, 14)
    assert told[-1] == 14
    assert len(told) >= 5
    assert await books(owner) == before


async def test_days_are_counted_in_vietnam(feed, post, owner, now):
    midnight = now.replace(hour=17, minute=0, second=0)  # in Vietnam
    await post(1, occurred_at=midnight - timedelta(microseconds=1))
    await post(2, 3, occurred_at=midnight)

    await feed()

    days = await owner.fetch(
        "SELECT day, debit_vnd, credit_vnd, entry_count FROM payments.account_day"
        " WHERE credit_vnd > 0 ORDER BY day"
    )
    assert [(row[0].day, *row[1:]) for row in days] == [(23, 0, 1, 1), (24, 0, 5, 2)]


async def test_nothing_behind_an_open_transaction_is_ever_passed(feed, post, owner, vendor, db):
    await post(1_000)
    slow = owner.transaction()
    await slow.start()
    await owner.execute("SELECT pg_current_xact_id()")
    await post(500)  # commits, while an older transaction may still write

    early = await feed()
    shown = await payments.statement(db, vendor.account("sales"))
    await slow.rollback()
    late = await feed()

    assert (early.transfer_count, late.transfer_count) == (1, 1)
    assert [entry.balance_vnd for entry in shown] == [1_000, 1_500]


async def test_only_one_run_works_at_a_time(feed, post, owner):
    await post(1_000)
    await owner.execute("SELECT pg_advisory_lock($1)", bookkeeping.BOOKS_LOCK)

    fed = await feed()
    await owner.execute("SELECT pg_advisory_unlock($1)", bookkeeping.BOOKS_LOCK)

    assert (fed.transfer_count, fed.is_complete) == (0, False)
    assert (await feed()).transfer_count == 1


async def test_a_run_that_is_cut_off_leaves_whole_transactions(feed, post, owner):
    for _ in range(20):
        await post(100)
    third = asyncio.Event()

    running = asyncio.create_task(
        feed(row_count_max=1, progress=lambda count: third.set() if count == 3 else None)
    )
    await third.wait()
    killed = await owner.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE application_name = 'payments-books' AND datname = current_database()"
    )
    with pytest.raises(CUT):
        await running
    between = await owner.fetchrow(
        "SELECT count(*), max(position) = (SELECT position FROM payments.watermark),"
        " (SELECT sum(entry_count) FROM payments.account_day) FROM payments.entry"
    )
    await feed()

    counts = await owner.fetchrow(
        "SELECT count(*), count(DISTINCT (account_id, position)), max(balance_vnd) FROM payments.entry"
    )
    assert killed == 1
    assert between[0] in range(6, 40, 2)
    assert (between[1], between[2]) == (True, between[0])
    assert tuple(counts) == (40, 40, 2_000)


async def test_the_time_being_up_ends_a_run_between_transactions(feed, post):
    await post(1, 2, 3)

    first = await feed(row_count_max=1, seconds_max=0)
    rest = await feed()

    assert (first.transfer_count, first.is_complete) == (1, False)
    assert (rest.transfer_count, rest.is_complete) == (2, True)


async def test_runs_beside_writers_feed_everything_once(feed, post, owner, vendor, db):
    async def keep_posting():
        for _ in range(25):
            await asyncio.gather(*(post(10) for _ in range(4)))

    writing = asyncio.create_task(keep_posting())
    while not writing.done():
        await asyncio.gather(feed(row_count_max=7), feed(row_count_max=50))
        assert (
            await payments.balance_vnd_at(
                db, vendor.account("sales"), await owner.fetchval("SELECT 'infinity'::timestamptz")
            )
            == await payments.balance_vnd(db, vendor.account("sales"))
            or not writing.done()
        )
        await db.rollback()
    await writing
    await feed()

    wrong = await owner.fetchval(
        "SELECT count(*) FROM (SELECT balance_vnd, sum(amount_vnd) OVER ("
        "PARTITION BY account_id ORDER BY position) AS sum_vnd FROM payments.entry) e"
        " WHERE balance_vnd <> sum_vnd"
    )
    counts = await owner.fetchrow("SELECT count(*), max(balance_vnd) FROM payments.entry")
    assert (wrong, *counts) == (0, 200, 1_000)


async def test_the_app_roles_cannot_throw_the_books_away(feed, post, database_url, now):
    await post(1_000)
    await feed()
    system = await asyncpg.connect(database_url, server_settings={"role": "market_system"})

    for statement in ("DELETE FROM payments.entry", "TRUNCATE payments.entry",
                      "UPDATE payments.entry SET balance_vnd = 0"):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await system.execute(statement)

    await system.close()
