"""Stripe's stand-ins, asked the same by the official library: our sandbox, and the public localstripe.

What only one of them can do is skipped for the other, with the reason; docs/acquirers.md has the list.
localstripe is another project's program (GPL-3.0): it runs as a process of its own, and only here.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any

import httpx
import pytest
import stripe

from market import clock, ids
from market.settings import Settings, as_environment
from payments.gateways import GatewayRefused, Notice, Secrets
from payments.gateways.stripe import StripeClient, StripeConfig, StripeGateway
from payments.gateways.stripe_events import PAYMENT_REF
from payments.refund import Answered

KEY, SECRET = "sk_test_chodemo", "whsec_of_the_stand_ins"
LOCALSTRIPE = "localstripe"
GOOD, DECLINED, ASKS = "4242424242424242", "4000000000000341", "4000002500003155"
START_SECONDS_MAX = 120
EVENT_SECONDS_MAX = 20

# The library's own transport hands httpx the body by a name that httpx has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


class Hook(ThreadingHTTPServer):
    """The market's side: takes every notice and says yes. Closing it waits for who still speaks."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.notices: SimpleQueue[Notice] = SimpleQueue()


class _Taker(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.notices.put(Notice(body, headers))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Its answers are not what the tests print."""


@dataclass
class StandIn:
    """One of them, running; and what it sent to the market's hook."""

    name: str
    url: str
    v1: Any
    client: StripeClient
    config: StripeConfig
    hook: Hook
    notices: list[Notice] = field(default_factory=list)
    """What `told_of` took from the hook so far."""

    def needs(self, ability: str) -> None:
        """Skip for localstripe, which lacks this."""
        if self.name == LOCALSTRIPE:
            pytest.skip(f"localstripe 1.15.10 {ability}")

    async def intent(self, card: str = GOOD, amount_vnd: int = 85_000, **more: Any) -> Any:
        """An unconfirmed PaymentIntent with a card, as both of them understand it."""
        method = await self.v1.payment_methods.create_async(
            {
                "type": "card",
                "card": {"number": card, "exp_month": 12, "exp_year": 2030, "cvc": "123"},
            }
        )
        wanted = {
            "amount": amount_vnd,
            "currency": "vnd",
            "payment_method": method.id,
            "metadata": {PAYMENT_REF: "CHOK7M2QX"},
        }
        return await self.v1.payment_intents.create_async(wanted, more)

    async def paid(self) -> Any:
        intent = await self.intent()
        return await self.v1.payment_intents.confirm_async(intent.id)

    async def told_of(self, intent_id: str) -> Any:
        """What its signed event says of an intent, as soon as it came."""
        gateway = StripeGateway(self.config)
        while True:
            take = partial(self.hook.notices.get, timeout=EVENT_SECONDS_MAX)
            self.notices.append(await asyncio.to_thread(take))
            told = gateway.verify(self.notices[-1], clock.now())
            if told is not None and told.provider_id.startswith(intent_id):
                return told


@pytest.fixture(scope="module")
def hook() -> Iterator[Hook]:
    """Where the market listens, test after test."""
    with Hook() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture(scope="module", params=["sandbox", LOCALSTRIPE])
def running(
    request: pytest.FixtureRequest, hook: Hook, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """One of them as a process of its own: its name and address."""
    name, port, folder = request.param, _free_port(), tmp_path_factory.mktemp("stripe")
    settings = Settings(data=folder, stripe_webhook_secret=SECRET, port=hook.server_port)
    command = [sys.executable, "-m", "market.cli", "simulate", "stripe"]
    if name == LOCALSTRIPE:
        pytest.importorskip(LOCALSTRIPE, reason="localstripe is not installed: make peers")
        command = [sys.executable, "-W", "ignore", "-m", LOCALSTRIPE, "--from-scratch"]
    process = subprocess.Popen(
        [*command, "--port", str(port)],
        env={**as_environment(settings), "TMPDIR": str(folder)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    _wait_until_open(port)
    yield name, f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
async def stand_in(running: tuple[str, str], hook: Hook) -> AsyncIterator[StandIn]:
    name, url = running
    if name == LOCALSTRIPE:
        wanted = {"url": f"http://127.0.0.1:{hook.server_port}/hooks/stripe", "secret": SECRET}
        async with httpx.AsyncClient() as http:
            told = await http.post(f"{url}/_config/webhooks/market", json=wanted)
            told.raise_for_status()
    config = StripeConfig(KEY, Secrets(SECRET), url=url)
    transport = stripe.HTTPXClient(timeout=30)
    library = stripe.StripeClient(KEY, base_addresses={"api": url}, http_client=transport)
    client = StripeClient(config)
    yield StandIn(name, url, library.v1, client, config, hook)
    await client.close()
    await transport.close_async()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("the stand-in did not start")


# ── What both can do ────────────────────────────────────────────────────────────────────────────


async def test_a_paid_intent_is_told_by_a_signed_event_and_by_asking(stand_in) -> None:
    intent = await stand_in.paid()

    told = await stand_in.told_of(intent.id)
    asked = await stand_in.client.payment(intent.id, clock.now())

    assert intent.status == "succeeded"
    for one in (told, asked):
        assert (one.amount_vnd, one.succeeded, one.payment_ref) == (85_000, True, "CHOK7M2QX")
        assert one.provider_id == intent.id


async def test_the_event_is_forged_under_another_secret(stand_in) -> None:
    intent = await stand_in.paid()
    await stand_in.told_of(intent.id)

    gateway = StripeGateway(StripeConfig(KEY, Secrets("whsec_of_somebody_else")))

    for notice in stand_in.notices:
        with pytest.raises(Exception, match="signature does not fit"):
            gateway.verify(notice, clock.now())


async def test_the_event_is_taken_while_its_secret_is_replaced(stand_in) -> None:
    intent = await stand_in.paid()
    told = await stand_in.told_of(intent.id)

    gateway = StripeGateway(StripeConfig(KEY, Secrets("whsec_the_new_one", SECRET)))

    assert told in [gateway.verify(notice, clock.now()) for notice in stand_in.notices]


async def test_an_unpaid_intent_is_undecided(stand_in) -> None:
    intent = await stand_in.intent()

    assert intent.status == "requires_confirmation"
    assert await stand_in.client.payment(intent.id, clock.now()) is None


async def test_an_intent_that_was_cancelled_is_no_payment(stand_in) -> None:
    intent = await stand_in.intent()

    status = await stand_in.client.cancel(intent.id)
    asked = await stand_in.client.payment(intent.id, clock.now())

    assert (status, asked.succeeded) == ("canceled", False)


async def test_a_card_that_asks_its_holder_is_not_charged_before(stand_in) -> None:
    intent = await stand_in.intent(ASKS)

    confirmed = await stand_in.v1.payment_intents.confirm_async(intent.id)

    assert confirmed.status == "requires_action"
    assert await stand_in.client.payment(intent.id, clock.now()) is None


async def test_a_card_declined_at_the_charge_is_a_card_error_and_no_payment(stand_in) -> None:
    intent = await stand_in.intent(DECLINED)

    with pytest.raises(stripe.CardError) as refused:
        await stand_in.v1.payment_intents.confirm_async(intent.id)
    told = await stand_in.told_of(intent.id)

    assert refused.value.code == "card_declined"
    assert (told.succeeded, told.detail) == (False, "payment_intent.payment_failed")
    assert await stand_in.client.payment(intent.id, clock.now()) is None


async def test_a_refund_in_parts_is_found_again_by_its_own_id(stand_in) -> None:
    intent = await stand_in.paid()
    first, second, never = ids.new(), ids.new(), ids.new()

    answers = [
        await stand_in.client.give_back(refund_id, intent.id, amount_vnd)
        for refund_id, amount_vnd in ((first, 30_000), (second, 55_000))
    ]
    asked = [await stand_in.client.given_back(one, intent.id) for one in (first, second, never)]

    assert [one.kind for one in answers] == [Answered.CONFIRMED] * 2
    assert [one.refund_no for one in asked[:2]] == [one.refund_no for one in answers]
    assert asked[2].kind is Answered.ABSENT


async def test_an_intent_nobody_made_is_refused(stand_in) -> None:
    with pytest.raises(GatewayRefused):
        await stand_in.client.payment("pi_nobody", clock.now())


# ── What only our sandbox can do ────────────────────────────────────────────────────────────────


async def test_one_idempotency_key_makes_one_intent(stand_in) -> None:
    stand_in.needs("ignores Idempotency-Key: the same call makes two intents.")
    opened = [
        await stand_in.client.open_intent("ref", 85_000, "Rau", idempotency_key="pay:1")
        for _ in range(2)
    ]

    assert opened[0].id == opened[1].id


async def test_a_description_and_automatic_methods_are_taken(stand_in) -> None:
    stand_in.needs("answers 400 “Unexpected” to description and automatic_payment_methods.")

    opened = await stand_in.client.open_intent("ref", 85_000, "Rau", idempotency_key="pay:2")

    assert opened.status == "requires_payment_method"


async def test_the_hosted_page_is_opened(stand_in) -> None:
    stand_in.needs("has no Checkout Sessions (404).")

    opened = await stand_in.client.open_checkout(
        "ref", 85_000, "Rau", success_url="https://x.vn", cancel_url="https://x.vn",
        idempotency_key="pay:3",
    )  # fmt: skip

    assert "/c/pay/cs_test_" in opened.url


async def test_more_than_was_paid_is_not_given_back(stand_in) -> None:
    stand_in.needs("gives back more than was taken.")
    intent = await stand_in.paid()

    with pytest.raises(GatewayRefused) as refused:
        await stand_in.client.give_back(ids.new(), intent.id, 85_001)

    assert refused.value.reason == "amount_too_large"


async def test_less_than_half_a_dollar_is_refused(stand_in) -> None:
    stand_in.needs("knows no least amount.")

    with pytest.raises(stripe.InvalidRequestError) as refused:
        await stand_in.intent(amount_vnd=12_999)

    assert refused.value.code == "amount_too_small"


async def test_a_connected_accounts_intent_is_seen_there_alone(stand_in) -> None:
    stand_in.needs("ignores Stripe-Account: it has no Connect.")
    intent = await stand_in.intent(stripe_account="acct_lan")

    assert await stand_in.client.payment(intent.id, clock.now(), account="acct_lan") is None
    with pytest.raises(GatewayRefused):
        await stand_in.client.payment(intent.id, clock.now())
