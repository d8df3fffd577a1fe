"""Stripe's news of refunds and disputes over HTTP, signed, in any order; and a refund by its API."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from itertools import count

import httpx
import pytest

import payments
from market import clock, ids
from market.flows import JOBS, Context
from market.settings import as_environment
from payments.gateways import stripe

SECRET = "whsec_stripe_test"
_numbers = count(1)


@pytest.fixture
def tell(client):
    """Posts a signed event about a thing of Stripe's."""

    async def told(kind, secret=SECRET, **thing):
        body = json.dumps(
            {
                "id": f"evt_{next(_numbers)}", "object": "event", "type": kind,
                "created": int(time.time()),
                "data": {"object": {"currency": "vnd", "metadata": {}, **thing}},
            }
        ).encode()  # fmt: skip
        client.cookies.clear()
        signature = stripe.sign(secret, int(time.time()), body)
        answer = await client.post(
            "/hooks/stripe", content=body, headers={"stripe-signature": signature}
        )
        return answer.status_code

    return told


@pytest.fixture
def pay_by_card(open_sale, tell, follow):
    async def paid(intent_id, amount_vnd=90_000):
        sale = await open_sale(amount_vnd=amount_vnd)
        await tell(
            "payment_intent.succeeded", id=intent_id, amount=amount_vnd,
            metadata={"payment_ref": sale["payment_id"]},
        )  # fmt: skip
        await follow()
        return sale

    return paid


@pytest.fixture
def balances(database, world):
    async def found():
        async with database.as_system() as db:
            views = await payments.accounts_of(db, world.vendor_id)
        return {str(one.kind): one.balance_vnd for one in views if one.balance_vnd}

    return found


@pytest.fixture
def states(as_):
    async def found(sale):
        answer = await as_("vendor").get(f"/api/sales/{sale['sale_id']}/refunds")
        return [(one["road"], one["state"]) for one in answer.json()["refunds"]]

    return found


OPENED = ("charge.dispute.created", "needs_response")
LOST = ("charge.dispute.closed", "lost")
WON = ("charge.dispute.closed", "won")


@pytest.mark.parametrize(
    "order", [[OPENED, LOST], [LOST, OPENED], [OPENED, OPENED, LOST, LOST]], ids=str
)
async def test_a_lost_dispute_takes_the_money_once(
    pay_by_card, tell, follow, work, balances, states, order
):
    sale = await pay_by_card("pi_1")

    for kind, status in order:
        await tell(kind, id="dp_1", amount=90_000, status=status, payment_intent="pi_1")
        await follow()
        await work("book_refunds")

    assert await states(sale) == [("dispute", "done")]
    assert await balances() == {"sales": 90_000, "refunds": 90_000}


async def test_a_won_dispute_leaves_the_money_where_it_is(
    pay_by_card, tell, follow, work, balances, states
):
    sale = await pay_by_card("pi_1")

    for kind, status in (OPENED, WON):
        await tell(kind, id="dp_1", amount=90_000, status=status, payment_intent="pi_1")
        await follow()
        await work("book_refunds")

    assert await states(sale) == [("dispute", "refused")]
    assert await balances() == {"sales": 90_000, "acquirer": 90_000}


async def test_disputed_money_is_not_refunded_as_well(pay_by_card, tell, follow, as_):
    sale = await pay_by_card("pi_1")
    await tell(*OPENED[:1], id="dp_1", amount=90_000, status=OPENED[1], payment_intent="pi_1")
    await follow()

    answer = await as_("vendor").post(
        f"/api/sales/{sale['sale_id']}/refunds",
        json={"refund_id": str(ids.new()), "amount_vnd": 1_000},
    )
    page = await as_("clerk").get("/hoan-tien", headers={"accept": "text/html"})

    assert (answer.status_code, answer.json()["code"]) == (422, "refund_too_large")
    assert "Khách khiếu nại" in page.text


async def test_a_forged_dispute_and_one_of_a_stranger_change_nothing(
    pay_by_card, tell, follow, work, balances, states
):
    sale = await pay_by_card("pi_1")
    dispute = {"id": "dp_1", "amount": 90_000, "status": "lost"}

    forged = await tell(LOST[0], "guess", **dispute, payment_intent="pi_1")
    strange = await tell(LOST[0], **dispute, payment_intent="pi_of_nobody")
    await follow()
    await work("book_refunds")

    assert (forged, strange) == (400, 200)
    assert await states(sale) == []
    assert await balances() == {"sales": 90_000, "acquirer": 90_000}


@pytest.fixture
def sandbox(settings):
    """Stripe as a process of its own; its notices reach nobody."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    own = replace(settings, stripe_url=url, port=9)
    process = subprocess.Popen(
        [sys.executable, "-m", "market.cli", "simulate", "stripe", "--port", str(port)],
        env=as_environment(own), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while True:
        try:
            if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                break
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "Stripe did not start"
            time.sleep(0.1)
    yield url
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("fault", ["", "down", "lost_answer", "refund_pending"])
async def test_a_refund_by_stripes_api_is_made_once_whatever_happens_on_the_way(
    sandbox, settings, database, pay_by_card, as_, states, balances, fault
):
    key = {"authorization": f"Bearer {settings.stripe_key}"}
    async with httpx.AsyncClient(base_url=sandbox, headers=key) as partner:
        form = {"amount": "90000", "currency": "vnd", "confirm": "true",
                "payment_method": "pm_card_visa"}  # fmt: skip
        intent = (await partner.post("/v1/payment_intents", data=form)).json()
        sale = await pay_by_card(intent["id"])
        if fault:
            await partner.post("/control", json={fault: {"next": 3 if fault == "down" else 1}})
        asked = await as_("vendor").post(
            f"/api/sales/{sale['sale_id']}/refunds",
            json={"refund_id": str(ids.new()), "amount_vnd": 30_000},
        )

        def later(minutes):
            return Context(
                database=database,
                settings=replace(settings, stripe_url=sandbox),
                now=lambda: clock.now() + timedelta(minutes=minutes),
            )

        await JOBS["send_refunds"](later(0), {})
        between = await states(sale)
        if fault == "refund_pending":
            made = (await partner.get("/v1/refunds")).json()["data"][0]["id"]
            happening = {"id": made, "status": "succeeded"}
            await partner.post("/control/happen", json=happening)
        for minutes in (6, 12, 18):
            await JOBS["ask_acquirers"](later(minutes), {})
            await JOBS["send_refunds"](later(minutes), {})
            await JOBS["book_refunds"](later(minutes), {})
        made = (await partner.get("/v1/refunds")).json()["data"]

    assert asked.status_code == 201
    known = {"": "done", "down": "unknown", "lost_answer": "done", "refund_pending": "sent"}
    assert between == [("acquired", known[fault])]
    assert await states(sale) == [("acquired", "done")]
    assert [one["amount"] for one in made] == [30_000]
    assert (await balances())["refunds"] == 30_000
