"""Whatever dies whenever: what was acknowledged is durable, nothing stands twice."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

import payments
from market import ids

pytestmark = pytest.mark.usefixtures("clean")
LOAD = Path(__file__).with_name("load.py")
ROOT = LOAD.parents[3]


@pytest.mark.parametrize("line_count", [1, 60, 400])
async def test_a_killed_writer_loses_nothing_it_acknowledged(
    database_url, db, owner_id, payee, line_count
):
    till = await asyncio.create_subprocess_exec(
        sys.executable, LOAD, database_url, str(owner_id),
        stdout=asyncio.subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    acknowledged = []
    async for line in till.stdout:
        acknowledged.append(line.decode().split())
        if len(acknowledged) == line_count:
            till.kill()
    await till.wait()

    connection = await asyncpg.connect(database_url)
    durable = {str(row[0]) for row in await connection.fetch("SELECT id FROM payments.transfer")}
    durable |= {
        row[0] for row in await connection.fetch("SELECT provider_id FROM payments.receipt")
    }
    await connection.close()

    assert len(acknowledged) >= line_count
    assert {identifier for _, identifier in acknowledged} <= durable


class CuttingProxy:
    """Stands between writer and server; cuts the line when the chosen COMMIT was carried out."""

    def __init__(self, server_path: str, own_path: str, *, cut_at: int, before: bool) -> None:
        self._server_path, self._own_path = server_path, own_path
        self._cut_at, self._before = cut_at, before
        self.commits = 0
        self.cuts = 0

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._own_path)

    async def close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader, writer) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._server_path)
        cut = asyncio.Event()

        async def up() -> None:
            while data := await reader.read(65_536):
                is_commit = b"COMMIT;" in data
                self.commits += is_commit
                if is_commit and self.commits == self._cut_at:
                    self.cuts += 1
                    cut.set()
                    if self._before:
                        break
                up_writer.write(data)
                await up_writer.drain()

        async def down() -> None:
            while data := await up_reader.read(65_536):
                if cut.is_set():  # this is the server's answer to COMMIT: it is lost
                    break
                writer.write(data)
                await writer.drain()

        with suppress(ConnectionError):
            directions = [asyncio.create_task(up()), asyncio.create_task(down())]
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
            for one in directions:
                one.cancel()
            await asyncio.gather(*directions, return_exceptions=True)
        for one in (writer, up_writer):
            one.close()
            with suppress(ConnectionError):
                await one.wait_closed()


@pytest.fixture
async def proxy_of(database_url, tmp_path):
    url = make_url(database_url)
    if "host" not in url.query:
        pytest.skip("the proxy speaks to a Unix socket; this server is reached by TCP")
    started = []

    async def proxy(**options):
        folder = tmp_path / "s"
        folder.mkdir()
        one = CuttingProxy(
            f"{url.query['host']}/.s.PGSQL.5432", str(folder / ".s.PGSQL.5432"), **options
        )
        await one.start()
        started.append(one)
        own_url = url.set(query={"host": str(folder)})
        return one, own_url.render_as_string(hide_password=False)

    yield proxy
    for one in started:
        await one.close()


@pytest.mark.parametrize("before", [True, False])
async def test_a_connection_cut_around_the_commit_settles_once(
    proxy_of, payee, cash_of, now, before
):
    proxy, url = await proxy_of(cut_at=2, before=before)
    ledger = payments.Ledger(url, "market_system")
    await ledger.start()
    first, second = cash_of(), cash_of()
    notice = payments.Confirmation("sepay", "1", 45_000, now, account_no=payee.account_no)
    await ledger.record_cash(first, now=now)

    outcome, settled = await asyncio.gather(
        ledger.record_cash(second, now=now),
        ledger.settle(notice, receipt_id=ids.new(), now=now),
    )
    again = await ledger.settle(notice, receipt_id=ids.new(), now=now)
    await ledger.close()

    assert proxy.cuts == 1
    assert outcome == ("posted" if before else "already_posted")
    assert settled.outcome == "unmatched"  # its own answer, not "already seen"
    assert (again.outcome, again.receipt_id) == ("already_seen", settled.receipt_id)


async def test_terminated_backends_are_survived_under_load(database_url, payee, cash_of, now):
    ledger = payments.Ledger(database_url, "market_system")
    await ledger.start()
    owner = await asyncpg.connect(database_url)
    sales = [cash_of() for _ in range(300)]
    victims = [cash_of() for _ in range(5)]

    async def till(mine):
        return [await ledger.record_cash(sale, now=now) for sale in mine]

    async def murderer():
        for sale in victims:  # each one's commit shows that the writer is back
            await owner.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'payments-ledger' AND datname = current_database()"
            )
            await ledger.record_cash(sale, now=now)

    answers = await asyncio.gather(murderer(), *[till(sales[start::10]) for start in range(10)])
    outcomes = {outcome for mine in answers[1:] for outcome in mine}
    stored = await owner.fetchval("SELECT count(*) FROM payments.transfer")
    await owner.close()
    await ledger.close()

    assert outcomes <= {"posted", "already_posted"}
    assert stored == 305


async def test_a_database_that_stays_away_is_told_and_the_queue_goes_on(
    database_url, db, cash_of, now
):
    ledger = payments.Ledger(database_url, retry_seconds=0)
    await ledger.start()
    await ledger.record_cash(cash_of(), now=now)
    owner = await asyncpg.connect(
        make_url(database_url).set(database="postgres").render_as_string()
    )
    name = make_url(database_url).database
    await db.close()
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


async def test_a_flood_beyond_the_queue_is_refused_and_the_rest_is_served(
    database_url, cash_of, now
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
