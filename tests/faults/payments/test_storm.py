"""Everything at once: two writers live one day while faults of every kind are drawn from a seed."""

import asyncio
import os
import signal

import psycopg
import pytest

from tests.faults.payments.proxy import POINTS, Fault
from tests.faults.payments.test_server import WRITERS
from tests.faults.payments.till import broken_laws

CUSTOMERS_PER_FAULT = 40
PAUSE_SECONDS = 0.3
FAULT_SECONDS_MAX = 5
"""A fault at a commit happens at once, or the day is over and there is none to come."""
NAMES = {"kill": "writer killed,", "cut": "line cut,", "delay": "line delayed,"}


class Storm:
    """Draws faults without putting any back, until all have been; then again."""

    def __init__(self, cluster, url: str, tills, proxies, draw) -> None:
        self._cluster, self._url, self._draw = cluster, url, draw
        self._pairs = list(zip(tills, proxies, strict=True))
        self._deck: list[tuple[str, str]] = []

    async def next(self) -> str:
        """One fault; which."""
        if not self._deck:
            self._deck = [(what, point) for what in ("kill", "cut", "delay") for point in POINTS]
            self._deck += [
                ("server", "SIGQUIT"),
                ("server", "SIGKILL"),
                ("writer", "SIGSTOP"),
                ("writer", "SIGKILL"),
                ("backend", "SIGSTOP"),
                ("backend", "SIGTERM"),
                ("backend", "SIGKILL"),
            ]
            self._draw.shuffle(self._deck)
        what, how = self._deck.pop()
        till, proxy = self._draw.choice(self._pairs)
        if till.is_over and not till.is_done:
            await till.start()
        await till.heard(len(till.acknowledged) + self._draw.randint(0, 10))
        await getattr(self, f"_{what}")(how, till, proxy)
        return f"{NAMES.get(what, what)} {how}"

    async def _kill(self, point: str, till, proxy) -> None:
        await self._at(point, proxy, till.kill_now)
        await till.kill()

    async def _cut(self, point: str, till, proxy) -> None:
        async def cut() -> None:
            return

        await self._at(point, proxy, cut)

    async def _delay(self, point: str, till, proxy) -> None:
        async def pause() -> bool:
            await asyncio.sleep(PAUSE_SECONDS)
            return True

        await self._at(point, proxy, pause)

    async def _at(self, point: str, proxy, act) -> None:
        proxy.fault = fault = Fault(point, act, self._draw.randrange(4))
        try:
            async with asyncio.timeout(FAULT_SECONDS_MAX):
                await fault.happened.wait()
        except TimeoutError:
            proxy.fault = None

    async def _server(self, how: str, till, proxy) -> None:
        os.kill(self._cluster.pid(), signal.Signals[how])
        await asyncio.to_thread(self._cluster.start)

    async def _writer(self, how: str, till, proxy) -> None:
        till.signal(signal.Signals[how])
        await asyncio.sleep(PAUSE_SECONDS)
        till.signal(signal.SIGCONT)

    async def _backend(self, how: str, till, proxy) -> None:
        try:
            with psycopg.connect(self._url) as connection:
                pids = [row[0] for row in connection.execute(WRITERS)]
        except psycopg.OperationalError:  # it recovers from the fault before
            return
        for pid in pids[:1]:
            os.kill(pid, signal.Signals[how])
            await asyncio.sleep(PAUSE_SECONDS)
            if how == "SIGSTOP":
                os.kill(pid, signal.SIGCONT)


@pytest.mark.slow
async def test_a_day_full_of_faults_ends_as_if_there_had_been_none(
    cluster, own_url, open_day, till_of, proxy_of, draw, survived, pytestconfig
):
    fault_count = pytestconfig.getoption("--ledger-faults")
    day = await open_day(own_url, CUSTOMERS_PER_FAULT * fault_count)
    proxies = [await proxy_of(own_url) for _ in range(2)]
    tills = [till_of(day, proxy.url, retry_seconds=2) for proxy in proxies]
    storm = Storm(cluster, own_url, tills, proxies, draw)
    for till in tills:
        await till.start()

    for _ in range(fault_count):
        survived(await storm.next())
    await asyncio.gather(*[till.finish() for till in tills])

    assert await broken_laws(own_url, *tills) == []
