"""What no notice told is asked for: the bank's list, and VNPAY's querydr, from real simulators."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from market import clock
from market.flows import JOBS, Context
from market.settings import as_environment


@pytest.fixture
def simulate(settings) -> Iterator[Callable[[str], str]]:
    """Runs one simulated partner as a process of its own; its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(name: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "market.cli", "simulate", name, "--port", str(port)],
                env=as_environment(settings), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                    return url
            except httpx.HTTPError:
                assert time.monotonic() < deadline, f"{name} did not start"
                time.sleep(0.1)

    yield start
    for process in running:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def run(job, database, settings, later=timedelta(0)):
    context = Context(database=database, settings=settings, now=lambda: clock.now() + later)
    await JOBS[job](context, {})


async def test_a_transfer_whose_notice_was_lost_is_pulled_once(
    simulate, settings, database, open_sale, follow, as_, world
):
    sale = await open_sale(amount_vnd=64_000)
    bank = simulate("bank")
    told = replace(settings, bank_url=bank)
    async with httpx.AsyncClient(base_url=bank) as client:
        await client.post("/control", json={"drop": 1.0})
        paid = await client.post(
            "/api/transfers", json={"qr_text": sale["qr_text"], "amount_vnd": 64_000}
        )
        assert paid.status_code < 300, paid.text

    for _ in range(2):
        await run("pull_missed_notices", database, told)
    await follow()

    assert (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"] == "paid"
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (1, 64_000)


async def test_a_payment_at_vnpay_whose_ipn_was_lost_is_asked_about(
    simulate, settings, database, open_sale, follow, as_, client
):
    sale = await open_sale(amount_vnd=85_000)
    acquirer = simulate("vnpay")
    told = replace(settings, vnpay_url=acquirer)
    sent = await client.get(f"/tra/{sale['payment_id']}/vnpay", follow_redirects=False)
    order = urlsplit(sent.headers["location"])
    reference = parse_qs(order.query)["vnp_TxnRef"][0]
    async with httpx.AsyncClient(base_url=acquirer) as payer:
        await payer.post("/control", json={"lost": 1.0})
        shown = await payer.get(f"{order.path}?{order.query}", follow_redirects=True)
        assert shown.status_code == 200, shown.text
        await payer.post("/control/end", json={"txn_ref": reference, "response_code": "00"})

    await run("ask_acquirers", database, told, later=timedelta(minutes=3))
    await follow()

    paid = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert (paid["state"], paid["method"]) == ("paid", "vnpay")
