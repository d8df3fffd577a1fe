"""What the worker does from time to time, and the command that does it all at once."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta

import asyncpg
import pytest

import payments
from market import clock as real_clock
from market import ids
from market.commands import upkeep as command
from market.flows import JOBS, PERIODIC, Context
from market.settings import Settings

DEADLINE = datetime(2100, 1, 1, tzinfo=UTC)
NAMES = ("expire_holds", "feed_statements", "seal_journal", "keep_partitions")


@pytest.fixture
def context(database, clock) -> Context:
    return Context(database, Settings(), clock)


@pytest.fixture
async def owner(database_url):
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def traded(database_url, clock):
    """A sale that is posted and a hold whose deadline is soon over."""
    owner_id = ids.new()
    bank, sales = (
        payments.AccountName(owner_id, payments.AccountKind(kind)) for kind in ("bank", "sales")
    )
    fields = {
        "owner_id": owner_id, "debit_id": bank.id, "credit_id": sales.id, "amount_vnd": 45_000,
        "kind": payments.TransferKind.OTHER, "occurred_at": clock(),
    }  # fmt: skip
    ledger = payments.Ledger(database_url, "market_system")
    await ledger.start()
    outcomes = await ledger.post(
        payments.Transfer(id=ids.new(), **fields),
        payments.Hold(id=ids.new(), expires_at=DEADLINE, **fields),
        opening=(bank, sales),
    )
    await ledger.close()
    assert set(outcomes) == {payments.Outcome.POSTED}


async def state(owner):
    """Entries, day sums, sealed rows, ended holds, months of next spring."""
    return tuple(
        await owner.fetchrow(
            "SELECT (SELECT count(*) FROM payments.entry), (SELECT count(*) FROM payments.account_day),"
            " (SELECT count(*) > 0 FROM payments.seal), (SELECT count(*) FROM payments.hold_end),"
            " to_regclass('payments.transfer_p2027_04') IS NOT NULL"
        )
    )


async def test_the_jobs_are_asked_for_and_do_their_work_once(context, clock, owner, traded):
    await owner.execute("DROP TABLE IF EXISTS payments.transfer_p2027_04")
    states = []
    for instant in (clock(), clock() + timedelta(days=60), DEADLINE + timedelta(days=1)):
        clock.instant = instant
        for _ in range(2):
            for name in NAMES:
                await JOBS[name](context, {})
            states.append(await state(owner))

    assert set(NAMES) <= PERIODIC.keys()
    assert (
        states
        == [(2, 2, True, 0, False)] * 2 + [(2, 2, True, 0, True)] * 2 + [(2, 2, True, 1, True)] * 2
    )


def upkeep(database_url, capsys, **options):
    """Runs the command as a shell would; its exit code and what it said."""
    code = command.run(
        Settings(database_url=database_url), **({"as_json": False, "anew": False} | options)
    )
    return code, capsys.readouterr().out


async def test_the_command_does_it_all_and_says_so(database_url, capsys, owner):
    await payments.keep_partitions(database_url, today=date(2020, 1, 15))

    code, said = await asyncio.to_thread(upkeep, database_url, capsys, as_json=True)
    again, sentences = await asyncio.to_thread(upkeep, database_url, capsys)

    assert (code, again) == (0, 0)
    assert {"transfer_p2020_01", "receipt_p2020_04"} <= set(json.loads(said)["closed"])
    assert sentences == (
        "Months made: none; closed: none.\nHolds expired: 0.\n"
        "Statements: 0 transfers.\nSealed: 0 transfers.\nOld raw notices forgotten: 0.\n"
    )


async def test_the_command_forgets_raw_notices_that_are_old(database, database_url, capsys, owner):
    async with database.as_system() as db:
        for age in (91, 400, 1):
            at = real_clock.now() - timedelta(days=age)
            await payments.keep_notice(
                db, ids.new(), "sepay", {}, b"{}", "verified", "", now=at
            )  # fmt: skip

    _, said = await asyncio.to_thread(upkeep, database_url, capsys, as_json=True)
    _, again = await asyncio.to_thread(upkeep, database_url, capsys, as_json=True)

    assert [json.loads(one)["notices_forgotten"] for one in (said, again)] == [2, 0]
    assert await owner.fetchval("SELECT count(*) FROM payments.notice") == 1


async def test_the_command_makes_statements_anew(database_url, capsys, traded, owner):
    first = await asyncio.to_thread(upkeep, database_url, capsys, as_json=True)
    plain = await asyncio.to_thread(upkeep, database_url, capsys, as_json=True)
    anew = await asyncio.to_thread(upkeep, database_url, capsys, as_json=True, anew=True)

    counts = [json.loads(said)["statements"]["transfer_count"] for _, said in (first, plain, anew)]
    assert counts == [1, 0, 1]
    assert (await state(owner))[0] == 2
