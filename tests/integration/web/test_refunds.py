"""Money back over HTTP: by VNPAY's and Stripe's simulators as processes, and by hand at the bank."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import text

import payments
from market import clock, ids
from market.flows import JOBS, Context
from market.settings import as_environment
from payments import suspense

WINDOW = timedelta(minutes=5, seconds=1)
ASKED = text("SELECT asked_count FROM market.gateway_attempt")


@pytest.fixture
def simulate(settings):
    """Runs one simulated partner as a process of its own; its address."""
    running = []

    def start(name):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        own = replace(settings, stripe_url=url, port=9)  # nobody hears its notices
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "market.cli", "simulate", name, "--port", str(port)],
                env=as_environment(own), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )  # fmt: skip
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


class Acquirer:
    """The market's jobs against one simulated VNPAY, and a clock that can be put on."""

    def __init__(self, url, database, settings):
        self.http = httpx.AsyncClient(base_url=url)
        self.later = timedelta(0)
        self._context = Context(
            database=database,
            settings=replace(settings, vnpay_url=url),
            now=lambda: clock.now() + self.later,
        )

    async def run(self, job):
        await JOBS[job](self._context, {})

    async def misbehave(self, **faults):
        (await self.http.post("/control", json=faults)).raise_for_status()

    async def ask(self):
        self.later += WINDOW
        await self.run("ask_acquirers")
        await self.run("book_refunds")

    async def refunds_made(self):
        """What the acquirer gave back, by its own books of the day."""
        day = clock.local_day(clock.now())
        listed = (await self.http.get("/control/settlement", params={"day": f"{day}"})).text
        rows = [line.split(";") for line in listed.splitlines()]
        return [int(row[9]) for row in rows if row[7:8] == ["REFUND"]]


@pytest.fixture
async def vnpay(simulate, database, settings):
    acquirer = Acquirer(simulate("vnpay"), database, settings)
    await acquirer.misbehave(refund_s=0, window_s=0, lost=1.0)
    yield acquirer
    await acquirer.http.aclose()


@pytest.fixture
def pay_at_vnpay(open_sale, client, vnpay, follow):
    """A sale of 85,000 đ that is paid at VNPAY's page and found by asking."""

    async def paid():
        sale = await open_sale(amount_vnd=85_000)
        sent = await client.get(f"/tra/{sale['payment_id']}/vnpay", follow_redirects=False)
        order = urlsplit(sent.headers["location"])
        await vnpay.http.get(f"{order.path}?{order.query}")
        reference = parse_qs(order.query)["vnp_TxnRef"][0]
        await vnpay.http.post("/control/end", json={"txn_ref": reference})
        await vnpay.ask()
        await follow()
        return sale

    return paid


@pytest.fixture
def give_back(as_):
    async def asked(sale, amount_vnd, refund_id=None, **more):
        answer = await as_("vendor").post(
            f"/api/sales/{sale['sale_id']}/refunds",
            json={"refund_id": str(refund_id or ids.new()), "amount_vnd": amount_vnd, **more},
        )
        return answer.status_code, answer.json()

    return asked


@pytest.fixture
def refunds_of(as_):
    async def found(sale):
        answer = await as_("vendor").get(f"/api/sales/{sale['sale_id']}/refunds")
        return answer.json()

    return found


@pytest.fixture
def given_back_vnd(database, world):
    """What the ledger says was given back."""

    async def summed():
        async with database.as_system() as db:
            views = await payments.accounts_of(db, world.vendor_id)
        return sum(view.balance_vnd for view in views if view.kind == "refunds")

    return summed


async def test_a_part_and_then_the_rest_go_back_by_vnpay(
    pay_at_vnpay, give_back, refunds_of, given_back_vnd, vnpay, follow
):
    sale = await pay_at_vnpay()

    status, asked = await give_back(sale, 30_000, reason="Trả lại hàng")
    await vnpay.run("send_refunds")
    sent = await refunds_of(sale)
    await vnpay.ask()
    await give_back(sale, 55_000)
    await vnpay.run("send_refunds")
    await vnpay.ask()
    too_much, problem = await give_back(sale, 1_000)

    found = await refunds_of(sale)
    assert (status, asked["state"], asked["road"]) == (201, "asked", "acquired")
    assert (sent["refunds"][0]["state"], sent["left_vnd"]) == ("sent", 55_000)
    assert [one["state"] for one in found["refunds"]] == ["done", "done"]
    assert (too_much, problem["code"]) == (422, "refund_too_large")
    assert await vnpay.refunds_made() == [-30_000, -55_000]
    assert await given_back_vnd() == 85_000


async def test_eight_taps_at_once_reach_the_acquirer_once_each_and_never_beyond_the_sale(
    pay_at_vnpay, give_back, refunds_of, given_back_vnd, vnpay
):
    sale = await pay_at_vnpay()
    same = ids.new()

    answers = [await give_back(sale, 20_000, same)]
    answers += [await give_back(sale, 20_000, same if one < 4 else None) for one in range(7)]
    await asyncio.gather(*[vnpay.run("send_refunds") for _ in range(8)])
    for _ in range(6):
        await vnpay.ask()
        await asyncio.gather(*[vnpay.run("send_refunds") for _ in range(2)])

    found = await refunds_of(sale)
    assert Counter(status for status, _ in answers) == {201: 4, 200: 4}
    assert [one["state"] for one in found["refunds"]] == ["done"] * 4
    assert await vnpay.refunds_made() == [-20_000] * 4
    assert await given_back_vnd() == 80_000


async def test_a_refund_whose_answer_was_lost_is_asked_about_and_not_made_twice(
    pay_at_vnpay, give_back, refunds_of, vnpay
):
    sale = await pay_at_vnpay()
    await give_back(sale, 85_000)
    await vnpay.misbehave(lost_answer={"next": 1})

    await vnpay.run("send_refunds")
    unknown = await refunds_of(sale)
    await vnpay.run("send_refunds")
    await vnpay.ask()

    found = await refunds_of(sale)
    assert unknown["refunds"][0]["state"] == "unknown"
    assert found["refunds"][0]["state"] == "done"
    assert await vnpay.refunds_made() == [-85_000]


async def test_a_refund_that_never_arrived_is_sent_again_once_vnpay_was_asked(
    pay_at_vnpay, give_back, refunds_of, vnpay
):
    sale = await pay_at_vnpay()
    await give_back(sale, 85_000)
    await vnpay.misbehave(down={"next": 1})

    await vnpay.run("send_refunds")
    await vnpay.run("send_refunds")
    before = await vnpay.refunds_made()
    await vnpay.ask()
    await vnpay.run("send_refunds")
    await vnpay.ask()

    assert before == []
    assert [one["state"] for one in (await refunds_of(sale))["refunds"]] == ["done"]
    assert await vnpay.refunds_made() == [-85_000]


@pytest.mark.parametrize("fault", ["refund_off", "refund_busy"])
async def test_a_no_that_may_be_a_yes_is_asked_about_and_frees_the_money_if_it_was_a_no(
    pay_at_vnpay, give_back, refunds_of, given_back_vnd, vnpay, fault
):
    sale = await pay_at_vnpay()
    await give_back(sale, 85_000)
    await vnpay.misbehave(**{fault: {"next": 1}})

    await vnpay.run("send_refunds")
    unknown = (await refunds_of(sale))["refunds"][0]["state"]
    await vnpay.ask()

    found = await refunds_of(sale)
    assert unknown == "unknown"
    assert (found["refunds"][0]["state"], found["left_vnd"]) == ("refused", 85_000)
    assert await given_back_vnd() == 0


async def test_a_rejected_refund_ends_without_money_and_may_be_asked_again(
    pay_at_vnpay, give_back, refunds_of, given_back_vnd, vnpay
):
    sale = await pay_at_vnpay()
    await vnpay.misbehave(refund_reject={"next": 1})
    await give_back(sale, 85_000)
    await vnpay.run("send_refunds")
    await vnpay.ask()
    rejected = await refunds_of(sale)

    await give_back(sale, 85_000)
    await vnpay.run("send_refunds")
    await vnpay.ask()

    assert rejected["refunds"][0]["state"] == "refused"
    assert [one["state"] for one in (await refunds_of(sale))["refunds"]] == ["refused", "done"]
    assert await given_back_vnd() == 85_000


async def test_vnpay_is_asked_once_a_window_however_many_wait(
    open_sale, client, vnpay, database, settings
):
    for _ in range(3):
        sale = await open_sale()
        sent = await client.get(f"/tra/{sale['payment_id']}/vnpay", follow_redirects=False)
        order = urlsplit(sent.headers["location"])
        await vnpay.http.get(f"{order.path}?{order.query}")
    await vnpay.misbehave(window_s=3600)

    await vnpay.ask()
    for _ in range(3):
        vnpay.later += timedelta(seconds=60)
        await vnpay.run("ask_acquirers")

    async with database.as_system() as db:
        counts = await db.execute(ASKED)
    assert sorted(counts.scalars().all()) == [0, 0, 1]


async def test_a_transfer_by_hand_is_guided_and_done_when_the_bank_shows_it(
    open_sale, notify, follow, give_back, refunds_of, given_back_vnd, work, as_, world
):
    sale = await open_sale(amount_vnd=64_000)
    memo = f"MBVCB.1.2.{sale['memo']}.CT tu 0123456789 NGUYEN VAN A toi 9990001112223 CO LAN"
    await notify(memo, 64_000)
    await follow()
    path = f"/ban-hang/{world.stall_id}/hoan-tien/{sale['sale_id']}"
    form = await as_("vendor").get(path, headers={"accept": "text/html"})

    refund_id = ids.new()
    _, asked = await give_back(
        sale, 64_000, refund_id, to_bank_bin="970436", to_account_no="0123456789"
    )
    guide = await as_("vendor").get(f"{path}/{refund_id}", headers={"accept": "text/html"})
    said = await as_("vendor").post(f"{path}/{refund_id}/da-chuyen")
    await notify(f"hoan tien {asked['code'].lower()}", 64_000, transferType="out")
    await follow()
    await work("book_refunds")
    await follow()

    assert "0123456789" in form.text
    assert "NGUYEN VAN A" in form.text
    assert asked["code"] in guide.text
    assert "<svg" in guide.text
    assert said.status_code == 303
    assert [one["state"] for one in (await refunds_of(sale))["refunds"]] == ["done"]
    assert await given_back_vnd() == 64_000


async def test_only_the_stalls_own_vendor_gives_money_back(open_sale, notify, follow, as_, world):
    sale = await open_sale(amount_vnd=64_000)
    await notify(sale["memo"], 64_000)
    await follow()
    command = {"refund_id": str(ids.new()), "amount_vnd": 1_000}
    path = f"/ban-hang/{world.stall_id}/hoan-tien/{sale['sale_id']}"

    answers = [
        await as_("other").post(f"/api/sales/{sale['sale_id']}/refunds", json=command),
        await as_("other").get(path),
        await as_("operator").get(path),
        await as_("vendor").get("/hoan-tien"),
    ]

    assert [one.status_code for one in answers] == [404, 403, 403, 403]


async def test_a_sale_nobody_paid_is_not_given_back(open_sale, give_back, follow):
    unpaid = await open_sale()
    await follow()

    status, _ = await give_back(unpaid, 1_000)

    assert status == 409


async def test_the_clerk_sees_what_has_a_problem_first_and_lets_it_go_on(
    open_sale, notify, follow, give_back, as_
):
    sale = await open_sale(amount_vnd=64_000)
    await notify(sale["memo"], 64_000)
    await follow()
    _, asked = await give_back(sale, 10_000)
    await notify(asked["code"], 100_000, transferType="out")
    await follow()

    page = await as_("clerk").get("/hoan-tien", headers={"accept": "text/html"})
    done = await as_("clerk").post(f"/hoan-tien/{asked['refund_id']}/da-xem")
    after = await as_("clerk").get("/hoan-tien", headers={"accept": "text/html"})

    assert "100000" in page.text
    assert done.status_code == 303
    assert "100000" not in after.text


async def test_waiting_money_that_shall_go_back_is_asked_for_by_itself(
    open_sale, notify, follow, work, as_, world, database, refunds_of, given_back_vnd
):
    sale = await open_sale(amount_vnd=64_000)
    await as_("vendor").post(f"/api/sales/{sale['sale_id']}/cancel")
    await notify(f"{sale['memo']}.CT tu 0123456789 NGUYEN VAN A toi 9 X", 64_000)
    await follow()
    await decide_to_give_back(database, sale)
    await follow()

    [asked] = (await refunds_of(sale))["refunds"]
    own = f"/ban-hang/{world.stall_id}/hoan-tien"
    listed = await as_("vendor").get(own, headers={"accept": "text/html"})
    guide = await as_("vendor").get(
        f"{own}/{sale['payment_id']}/{asked['refund_id']}", headers={"accept": "text/html"}
    )
    await notify(asked["code"], 64_000, transferType="out")
    await follow()
    await work("book_refunds")

    assert f"{own}/{sale['payment_id']}/{asked['refund_id']}" in listed.text
    assert "0123456789" in guide.text
    [ended] = (await refunds_of(sale))["refunds"]
    assert (ended["state"], ended["problem"]) == ("done", "")
    assert await given_back_vnd() == 0  # it never was takings
    assert (await payments.audit(database.url)).problems == ()


async def decide_to_give_back(database, sale):
    """As the vendor does on the page of waiting money."""
    async with database.as_system() as db:
        [receipt] = await payments.receipts_for(db, sale["payment_id"])
        case = await suspense.case(db, receipt.id)
        command = suspense.Resolve(
            decision_id=ids.new(),
            receipt_id=receipt.id,
            version=case.version,
            parts=(suspense.Part(kind="refund_due", amount_vnd=64_000),),
            decided_by=ids.new(),
            reason="Khách trả nhầm",
        )
        planned = await suspense.plan(db, command, now=clock.now())
    ledger = payments.Ledger(database.url)
    await ledger.start()
    outcomes = await suspense.carry_out(ledger, planned)
    await ledger.close()
    async with database.as_system() as db:
        await suspense.finish(db, planned.id, outcomes, now=clock.now())
