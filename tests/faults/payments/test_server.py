"""PostgreSQL stops, dies, hangs or stays away under load: the writer waits, and loses nothing."""

import asyncio
import os
import signal

import asyncpg
import psycopg
import pytest
from sqlalchemy import make_url

import payments
from tests.faults.payments.till import broken_laws

DAY = 200
SECONDS = 1.5
"""Of hanging: as good as ten, for nothing on the way has a shorter patience."""
WRITERS = """
SELECT pid FROM pg_stat_activity
WHERE application_name = 'payments-ledger' AND datname = current_database()
"""


@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGKILL])
async def test_a_server_that_dies_under_load_and_is_started_again_has_all_it_acknowledged(
    cluster, own_url, open_day, till_of, draw, survived, number
):
    """SIGQUIT is what `pg_ctl stop -m immediate` sends."""
    day = await open_day(own_url, DAY)
    tills = [till_of(day, own_url) for _ in range(2)]
    for till in tills:
        await till.start()

    for _ in range(2):
        await tills[0].heard(len(tills[0].acknowledged) + draw.randint(1, 40))
        os.kill(cluster.pid(), number)
        await asyncio.to_thread(cluster.start)
        survived(f"server {number.name}")
    for till in tills:
        await till.finish()

    assert await broken_laws(own_url, *tills) == []


async def test_a_backend_killed_in_the_middle_costs_a_recovery_and_no_money(
    cluster, own_url, open_day, till_of, draw, survived
):
    day = await open_day(own_url, DAY)
    till = till_of(day, own_url)
    await till.start()
    await till.heard(draw.randint(1, 60))

    for pid in _writers(own_url):
        os.kill(pid, signal.SIGKILL)
        survived("backend SIGKILL")
    await till.finish()

    assert await broken_laws(own_url, till) == []


async def test_a_backend_that_hangs_is_waited_for(own_url, open_day, till_of, draw, survived):
    """It may hold what the whole server needs, so the others are only asked to get over it."""
    day, elsewhere = await open_day(own_url, DAY), await open_day(own_url, 40, lane=8)
    till, other = till_of(day, own_url), till_of(elsewhere, own_url)
    await till.start()
    await till.heard(draw.randint(1, 60))

    (hanging,) = _writers(own_url)
    await other.start()
    os.kill(hanging, signal.SIGSTOP)
    await asyncio.sleep(SECONDS)
    acknowledged = len(till.acknowledged)
    os.kill(hanging, signal.SIGCONT)
    for one in (till, other):
        await one.finish()

    assert acknowledged < len(day.asks())
    assert till.wrong == other.wrong == []
    assert (await payments.audit(own_url)).problems == ()
    survived("backend SIGSTOP")


async def test_terminated_backends_are_survived_under_load(
    database_url, payee, cash_of, now, survived
):
    ledger = payments.Ledger(database_url, "market_system")
    await ledger.start()
    owner = await asyncpg.connect(database_url)
    sales = [cash_of() for _ in range(300)]
    victims = [cash_of() for _ in range(5)]

    async def till(mine):
        return [await ledger.record_cash(sale, now=now) for sale in mine]

    async def murderer():
        for sale in victims:  # each one's commit shows that the writer is back
            await owner.execute(f"SELECT pg_terminate_backend(pid) FROM ({WRITERS}) writers")
            await ledger.record_cash(sale, now=now)
            survived("backend SIGTERM")

    answers = await asyncio.gather(murderer(), *[till(sales[start::10]) for start in range(10)])
    outcomes = {outcome for mine in answers[1:] for outcome in mine}
    stored = await owner.fetchval("SELECT count(*) FROM payments.transfer")
    await owner.close()
    await ledger.close()

    assert outcomes <= {"posted", "already_posted"}
    assert stored == 305
    assert (await payments.audit(database_url)).problems == ()


async def test_a_database_that_stays_away_is_told_and_the_queue_goes_on(
    database_url, payee, cash_of, now, survived
):
    ledger = payments.Ledger(database_url, retry_seconds=0)
    await ledger.start()
    await ledger.record_cash(cash_of(), now=now)
    owner = await asyncpg.connect(
        make_url(database_url).set(database="postgres").render_as_string()
    )
    name = make_url(database_url).database
    await owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name
    )

    away = cash_of()
    with pytest.raises(payments.LedgerUnavailable) as raised:
        await ledger.record_cash(away, now=now)
    await owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    await owner.close()
    outcome = await ledger.record_cash(away, now=now)
    await ledger.close()

    assert raised.value.retry_after_s > 0
    assert outcome == "posted"
    survived("database away")


async def test_a_flood_beyond_the_queue_is_refused_and_the_rest_is_served(
    database_url, payee, cash_of, now
):
    ledger = payments.Ledger(database_url, queue_max=50)
    await ledger.start()

    answers = await asyncio.gather(
        *[ledger.record_cash(cash_of(), now=now) for _ in range(500)], return_exceptions=True
    )
    await ledger.close()

    refused = [one for one in answers if isinstance(one, payments.LedgerBusy)]
    assert len(refused) == 450
    assert answers.count("posted") == 50


def _writers(url: str) -> list[int]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute(WRITERS)]
