"""The simulated Stripe, spoken to by the official library alone, over real HTTP."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from market import clock, ids
from market.simulators.stripe import StripeConfig, create_app
from payments.gateways import GatewayRefused, GatewayUnavailable, Secrets
from payments.gateways.stripe import NoticeForged, StripeClient, StripeGateway
from payments.gateways.stripe import StripeConfig as Account


@pytest.fixture
def config(tmp_path: Path, hook, free_port: int) -> StripeConfig:
    hook.answers = [(200, {"received": True})]
    return StripeConfig(
        tmp_path / "stripe.sqlite",
        f"{hook.url}/hooks/stripe",
        url=f"http://127.0.0.1:{free_port}",
        minute_s=0.02,
    )


@pytest.fixture
async def sandbox(config, serving, free_port: int) -> AsyncIterator[str]:
    async with serving(create_app(config), free_port) as url:
        yield url


@pytest.fixture
def account(sandbox: str) -> Account:
    return Account("sk_test_chodemo", Secrets("whsec_demo_stripe"), url=sandbox)


@pytest.fixture
async def client(account: Account) -> AsyncIterator[StripeClient]:
    opened = StripeClient(account)
    yield opened
    await opened.close()


@pytest.fixture
async def browser(sandbox: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox) as opened:
        yield opened


async def events_of(hook, account: Account, count: int) -> list:
    """What the first so many events say about money."""
    gateway = StripeGateway(account)
    told = []
    seen = 0
    while len(told) < count:
        notices = await hook.wait_for(seen + 1)
        found = gateway.verify(notices[seen], clock.now())
        seen += 1
        if found is not None:
            told.append(found)
    return told


async def checkout(client: StripeClient, key: str = "pay:1") -> str:
    opened = await client.open_checkout(
        "ref-1",
        85_000,
        "Rau sạch cô Lan",
        success_url="https://cho.example.vn/ok?s={CHECKOUT_SESSION_ID}",
        cancel_url="https://cho.example.vn/no",
        idempotency_key=key,
    )
    return opened.url


async def test_a_card_on_the_hosted_page_pays(client, browser, hook, account) -> None:
    url = await checkout(client)
    page = await browser.get(url)
    back = await browser.post(url, data={"card": "4242 4242 4242 4242"})

    [told] = await events_of(hook, account, 1)

    assert "85.000\u00a0₫" in page.text
    assert back.headers["location"].startswith("https://cho.example.vn/ok?s=cs_test_")
    assert (told.payment_ref, told.amount_vnd, told.succeeded) == ("ref-1", 85_000, True)
    asked = await client.payment(told.provider_id, clock.now())
    assert asked is not None
    assert (asked.provider_id, asked.amount_vnd, asked.succeeded, asked.payment_ref) == (
        told.provider_id,
        85_000,
        True,
        "ref-1",
    )


async def test_a_declined_card_may_be_followed_by_a_good_one(
    client, browser, hook, account
) -> None:
    url = await checkout(client)
    declined = await browser.post(url, data={"card": "4000000000009995"})
    page = await browser.get(declined.headers["location"])
    await browser.post(url, data={"card": "4242424242424242"})

    failed, paid = await events_of(hook, account, 2)

    assert "Thẻ không đủ tiền." in page.text
    assert (failed.succeeded, paid.succeeded) == (False, True)
    assert failed.provider_id != paid.provider_id


@pytest.mark.parametrize(("answer", "paid"), [("yes", True), ("no", False)])
async def test_a_card_that_asks_its_holder_waits_for_the_answer(
    client, browser, hook, account, answer: str, paid: bool
) -> None:
    url = await checkout(client)
    asked = await browser.post(url, data={"card": "4000002500003155"})
    back = await browser.post(asked.headers["location"], data={"answer": answer})

    [told] = await events_of(hook, account, 1)

    assert told.succeeded is paid
    assert ("cho.example.vn" in back.headers["location"]) is paid


async def test_one_key_opens_one_page_and_another_content_is_refused(client) -> None:
    first = await checkout(client)
    second = await checkout(client)
    with pytest.raises(GatewayRefused) as refused:
        await client.open_checkout(
            "ref-2", 90_000, "Cá", success_url="https://x.vn", cancel_url="https://x.vn",
            idempotency_key="pay:1",
        )  # fmt: skip

    assert first == second
    assert refused.value.reason == "IdempotencyError"


async def test_a_lost_answer_is_asked_again_and_charged_once(client, browser) -> None:
    await browser.post("/control", json={"lost_answer": {"next": 1}})

    opened = await client.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:1")

    events = await browser.get("/v1/events", headers={"authorization": "Bearer sk_test_x"})
    made = [event["data"]["object"]["id"] for event in events.json()["data"]]
    assert made == [opened.id]


async def test_a_partner_that_stays_down_is_unknown_not_refused(client, browser) -> None:
    await browser.post("/control", json={"down": 1})

    with pytest.raises(GatewayUnavailable):
        await client.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:1")


async def test_refunds_never_exceed_the_payment(client, browser, hook, account) -> None:
    await browser.post(await checkout(client), data={"card": "4242424242424242"})
    [told] = await events_of(hook, account, 1)
    first, second, third, fourth = (ids.new() for _ in range(4))

    answers = []
    for refund_id, amount_vnd in (
        (first, 30_000), (first, 30_000), (second, 60_000), (third, 55_000), (fourth, 1_000),
    ):  # fmt: skip
        try:
            answer = await client.give_back(refund_id, told.provider_id, amount_vnd)
            answers.append((answer.kind.value, answer.refund_no))
        except GatewayRefused as refused:
            answers.append(("no", refused.reason))
    asked = await client.given_back(third, told.provider_id)
    absent = await client.given_back(second, told.provider_id)

    assert [kind for kind, _ in answers] == ["confirmed", "confirmed", "no", "confirmed", "no"]
    assert answers[0] == answers[1]
    assert (answers[2][1], answers[4][1]) == ("amount_too_large", "charge_already_refunded")
    assert (asked.kind.value, asked.refund_no) == answers[3]
    assert absent.kind.value == "absent"


async def test_a_refund_may_wait_and_fail_later(client, browser, hook, account) -> None:
    await browser.post(await checkout(client), data={"card": "4242424242424242"})
    [paid] = await events_of(hook, account, 1)
    await browser.post("/control", json={"refund_pending": {"next": 1}})
    refund_id = ids.new()

    accepted = await client.give_back(refund_id, paid.provider_id, 85_000)
    await browser.post("/control/happen", json={"id": accepted.refund_no, "status": "failed"})
    _, _, failed = await events_of(hook, account, 3)

    later = await client.given_back(refund_id, paid.provider_id)
    assert (accepted.kind.value, later.kind.value) == ("accepted", "refused")
    assert (failed.direction, failed.payment_ref, failed.detail) == (
        "out",
        str(refund_id),
        "refund.failed",
    )


@pytest.mark.parametrize("end", ["won", "lost"])
async def test_a_dispute_is_told_when_it_opens_and_when_it_ends(
    client, browser, hook, account, end: str
) -> None:
    await browser.post(await checkout(client), data={"card": "4242424242424242"})
    [paid] = await events_of(hook, account, 1)

    opened = await browser.post("/control/happen", json={"id": paid.provider_id})
    await browser.post("/control/happen", json={"id": opened.json()["id"], "status": end})
    _, first, last = await events_of(hook, account, 3)

    assert [(one.direction, one.amount_vnd, one.reference) for one in (first, last)] == [
        ("out", 85_000, paid.provider_id)
    ] * 2
    assert (first.detail, last.detail) == ("dispute.opened", f"dispute.{end}")
    assert first.provider_id != last.provider_id


async def test_what_a_payment_is_worth_after_fees_is_read_from_stripes_books(
    client, browser, hook, account
) -> None:
    await browser.post(await checkout(client), data={"card": "4242424242424242"})
    [paid] = await events_of(hook, account, 1)
    unpaid = await client.open_intent("ref-2", 85_000, "Rau", idempotency_key="pay:2")

    worth = await client.settlement(paid.provider_id)

    assert worth is not None
    assert (worth.amount_vnd, worth.fee_vnd, worth.net_vnd) == (85_000, 4_710, 80_290)
    assert worth.balance_no.startswith("txn_")
    assert await client.settlement(unpaid.id) is None


async def test_a_charge_on_a_connected_account_is_seen_there_alone(client) -> None:
    opened = await client.open_intent(
        "ref-1", 85_000, "Rau", idempotency_key="pay:1", account="acct_lan"
    )

    own = await client.payment(opened.id, clock.now(), account="acct_lan")
    with pytest.raises(GatewayRefused) as refused:
        await client.payment(opened.id, clock.now())

    assert own is None
    assert refused.value.reason == "resource_missing"


async def test_an_intent_can_be_cancelled_but_not_twice(client, hook, account) -> None:
    opened = await client.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:1")

    undecided = await client.payment(opened.id, clock.now())
    status = await client.cancel(opened.id)
    with pytest.raises(GatewayRefused) as refused:
        await client.cancel(opened.id)

    [told] = await events_of(hook, account, 1)
    assert undecided is None
    assert opened.client_secret
    assert status == "canceled"
    assert refused.value.reason == "payment_intent_unexpected_state"
    assert not told.succeeded


async def test_events_are_sent_until_taken_and_doubled_on_demand(
    client, browser, hook, account
) -> None:
    hook.answers = [(500, {}), (200, {})]
    await browser.post("/control", json={"double": {"next": 1}})

    await client.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:1")
    notices = await hook.wait_for(3)

    assert len({notice.body for notice in notices}) == 1


async def test_a_forged_event_does_not_pass(client, browser, hook, account) -> None:
    await browser.post("/control", json={"forge": {"next": 1}, "drop": {"next": 1}})

    await client.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:1")
    [forged] = await hook.wait_for(1)

    with pytest.raises(NoticeForged):
        StripeGateway(account).verify(forged, clock.now())


@pytest.mark.parametrize(
    ("path", "form", "status", "code"),
    [
        ("payment_intents", {"currency": "vnd"}, 400, "parameter_missing"),
        ("payment_intents", {"amount": "85000"}, 400, "parameter_missing"),
        ("payment_intents", {"amount": "8.5", "currency": "vnd"}, 400, "parameter_invalid_integer"),
        ("payment_intents", {"amount": "12999", "currency": "vnd"}, 400, "amount_too_small"),
        ("payment_intents", {"amount": "100000000", "currency": "vnd"}, 400, "amount_too_large"),
        ("payment_intents/pi_x/confirm", {}, 404, "resource_missing"),
        ("checkout/sessions", {"mode": "setup"}, 400, "parameter_invalid"),
        ("refunds", {}, 400, "parameter_missing"),
        ("nothing", {}, 404, None),
    ],
)
async def test_mistakes_are_refused_as_stripe_does(
    browser, path: str, form: dict[str, str], status: int, code: str | None
) -> None:
    answer = await browser.post(
        f"/v1/{path}", data=form, headers={"authorization": "Bearer sk_test_x"}
    )

    error = answer.json()["error"]
    assert answer.status_code == status
    assert (error["type"], error.get("code")) == ("invalid_request_error", code)


async def test_a_declined_confirmation_is_a_card_error_and_kept_under_its_key(browser) -> None:
    form = {
        "amount": "85000", "currency": "vnd", "confirm": "true",
        "payment_method": "pm_card_chargeDeclined",
    }  # fmt: skip
    headers = {"authorization": "Bearer sk_test_x", "idempotency-key": "k"}

    answers = [
        await browser.post("/v1/payment_intents", data=form, headers=headers) for _ in range(2)
    ]

    assert [one.status_code for one in answers] == [402, 402]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["error"]["decline_code"] == "generic_decline"
    assert answers[1].headers["idempotent-replayed"] == "true"


async def test_a_rejected_request_leaves_nothing_behind(browser) -> None:
    form = {"amount": "85000", "currency": "vnd", "confirm": "true", "payment_method": "pm_nobody"}
    key = {"authorization": "Bearer sk_test_x"}

    refused = await browser.post("/v1/payment_intents", data=form, headers=key)
    listed = await browser.get("/v1/payment_intents", headers=key)

    assert refused.status_code == 400
    assert listed.json()["data"] == []


async def test_a_key_is_needed(browser, client, sandbox: str) -> None:
    live = StripeClient(
        Account("sk_live_1", Secrets("whsec_demo_stripe"), url=sandbox, live_allowed=True)
    )

    with pytest.raises(GatewayRefused) as refused:
        await live.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:1")
    await live.close()

    assert refused.value.reason == "key"


async def test_objects_keys_and_owed_events_survive_a_restart(
    config, serving, free_port: int, hook
) -> None:
    deaf = replace(config, webhook_url="http://127.0.0.1:9", minute_s=0.1)
    account = Account("sk_test_x", Secrets("whsec_demo_stripe"), url=config.url)
    urls = []

    for one in (deaf, config):
        client = StripeClient(account)
        async with serving(create_app(one), free_port):
            urls.append(await checkout(client))
            await client.open_intent("ref-1", 85_000, "Rau", idempotency_key="pay:2")
        await client.close()
        if one is config:
            notices = hook.notices

    assert urls[0] == urls[1]
    assert len({notice.body for notice in notices}) <= 1


async def test_the_inside_shows_intents_and_their_events(client, browser, hook) -> None:
    await browser.post(await checkout(client), data={"card": "4242424242424242"})
    await hook.wait_for(1)

    page = await browser.get("/inside")
    closed = await browser.get("/c/pay/cs_test_nobody")

    assert "payment_intent.succeeded" in page.text
    assert closed.status_code == 404


def test_secrets_are_not_printed(config) -> None:
    assert "whsec" not in repr(config)
