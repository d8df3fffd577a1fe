"""The simulated Stripe's API by the official library: pages, filters, search, expansion, what it refuses."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe as library

from market import clock
from market.simulators.stripe import StripeConfig, create_app
from payments.gateways import Secrets
from payments.gateways.stripe import StripeConfig as Account
from payments.gateways.stripe import StripeGateway

COUNT = 7


class _Transport(library.HTTPXClient):
    """The library's transport, which hands httpx the body by a name httpx has deprecated."""

    def _get_request_args_kwargs(self, method: str, url: str, headers: Any, post_data: Any) -> Any:
        args, named = super()._get_request_args_kwargs(method, url, headers, post_data)
        body = named.pop("data", None)
        return args, {**named, "content": body} if body else named


@pytest.fixture
async def sandbox(serving, free_port: int, hook, tmp_path: Path) -> AsyncIterator[str]:
    hook.answers = [(200, {"received": True})]
    url = f"http://127.0.0.1:{free_port}"
    config = StripeConfig(tmp_path / "stripe.sqlite", f"{hook.url}/hooks/stripe", url=url)
    async with serving(create_app(config), free_port) as served:
        yield served


@pytest.fixture
async def api(sandbox: str) -> AsyncIterator[Any]:
    transport = _Transport()
    client = library.StripeClient(
        "sk_test_x", base_addresses={"api": sandbox}, http_client=transport, max_network_retries=0
    )
    yield client.v1
    await transport.close_async()


async def opened(api: Any, **more: Any) -> Any:
    given = {"amount": 50_000, "currency": "vnd", **more}
    return await api.payment_intents.create_async(given)


async def paid(api: Any, **more: Any) -> Any:
    return await opened(api, confirm=True, payment_method="pm_card_visa", **more)


async def test_every_page_follows_the_one_before_in_both_directions(api) -> None:
    ids = [(await opened(api)).id for _ in range(COUNT)][::-1]

    page = await api.payment_intents.list_async({"limit": 3})
    every = [one.id async for one in page.auto_paging_iter()]
    after = await api.payment_intents.list_async({"limit": 2, "starting_after": ids[2]})
    before = await api.payment_intents.list_async({"limit": 2, "ending_before": ids[4]})

    assert every == ids
    assert [one.id for one in after.data] == ids[3:5]
    assert [one.id for one in before.data] == ids[2:4]
    assert (page.has_more, after.has_more, before.has_more) == (True, True, True)


async def test_lists_take_what_their_filters_name_and_nothing_of_another_account(api) -> None:
    first, second = await paid(api), await paid(api)
    elsewhere = await api.payment_intents.create_async(
        {"amount": 50_000, "currency": "vnd"}, {"stripe_account": "acct_lan"}
    )
    for intent in (first, second):
        await api.refunds.create_async({"payment_intent": intent.id, "amount": 1_000})

    refunds = await api.refunds.list_async({"charge": first.latest_charge})
    succeeded = await api.events.list_async({"type": "payment_intent.succeeded"})
    booked = await api.balance_transactions.list_async({"type": "refund"})
    later = await api.charges.list_async({"created": {"gt": int(time.time()) + 60}})
    ours = await api.payment_intents.list_async()

    assert [one.payment_intent for one in refunds.data] == [first.id]
    assert [one.data.object.id for one in succeeded.data] == [second.id, first.id]
    assert [one.amount for one in booked.data] == [-1_000, -1_000]
    assert later.data == []
    assert elsewhere.id not in {one.id for one in ours.data}


async def test_a_payment_is_found_by_our_reference(api) -> None:
    await opened(api, metadata={"payment_ref": "ref-1"})
    mine = await paid(api, metadata={"payment_ref": "ref-2"})
    query = "metadata['payment_ref']:'ref-2' AND status:'succeeded'"

    found = await api.payment_intents.search_async({"query": query})
    nobody = await api.payment_intents.search_async({"query": "metadata['payment_ref']:'ref-9'"})

    assert [one.id for one in found.data] == [mine.id]
    assert nobody.data == []
    with pytest.raises(library.InvalidRequestError):
        await api.payment_intents.search_async({"query": "amount > 5 OR 1=1"})


async def test_what_expand_names_is_there_in_lists_too(api) -> None:
    await opened(api)
    await paid(api)

    page = await api.payment_intents.list_async(
        {"expand": ["data.latest_charge.balance_transaction"]}
    )

    first, second = page.data
    assert first.latest_charge.balance_transaction.net == 50_000 - 1_300 - 2_500
    assert second.latest_charge is None


async def test_metadata_is_merged_and_what_was_asked_changes_only_while_unpaid(api) -> None:
    intent = await opened(api, metadata={"a": "1", "b": "2"})

    changed = await api.payment_intents.update_async(
        intent.id, {"amount": 60_000, "metadata": {"a": "", "c": "3"}}
    )

    assert (changed.amount, changed.metadata.to_dict()) == (60_000, {"b": "2", "c": "3"})
    await api.payment_intents.confirm_async(intent.id, {"payment_method": "pm_card_visa"})
    with pytest.raises(library.InvalidRequestError):
        await api.payment_intents.update_async(intent.id, {"amount": 70_000})


async def test_what_is_held_is_captured_in_part_and_told_as_what_came(api, hook) -> None:
    held = await paid(api, capture_method="manual")
    assert (held.status, held.amount_capturable) == ("requires_capture", 50_000)
    with pytest.raises(library.InvalidRequestError):
        await api.payment_intents.capture_async(held.id, {"amount_to_capture": 50_001})

    done = await api.payment_intents.capture_async(held.id, {"amount_to_capture": 30_000})

    gateway = StripeGateway(Account("sk_test_x", Secrets("whsec_demo_stripe")))
    notices = await hook.wait_for(5)
    told = [found for one in notices if (found := gateway.verify(one, clock.now())) is not None]
    assert (done.status, done.amount_received) == ("succeeded", 30_000)
    assert [one.amount_vnd for one in told] == [30_000]
    with pytest.raises(library.InvalidRequestError):
        await api.refunds.create_async({"payment_intent": held.id, "amount": 30_001})


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({"frobnicate": "1"}, "frobnicate"),
        ({"metadata": {"k" * 41: "v"}}, "metadata[" + "k" * 40 + "]"),
        ({"metadata": {"k": "v" * 501}}, "metadata[k]"),
        ({"capture_method": "sometimes"}, "capture_method"),
        ({"amount": "50000.5"}, "amount"),
    ],
)
async def test_parameters_that_cannot_be_are_named(api, given, param) -> None:
    with pytest.raises(library.InvalidRequestError) as refused:
        await opened(api, **given)

    assert refused.value.param == param


@pytest.mark.parametrize("more", [{"amount": 0}, {"amount": -1}, {"reason": "because"}])
async def test_a_refund_that_cannot_be_is_refused_by_what_is_wrong(api, more) -> None:
    intent = await paid(api)

    with pytest.raises(library.InvalidRequestError) as refused:
        await api.refunds.create_async({"payment_intent": intent.id, **more})

    assert refused.value.param in more


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stripe_version": "1999-01-01"}, "version"),
        ({"stripe_version": "tomorrow"}, "version"),
        ({"idempotency_key": "k" * 256}, "255"),
    ],
)
async def test_a_call_in_a_way_stripe_does_not_know_is_refused(api, options, said) -> None:
    with pytest.raises(library.InvalidRequestError, match=said):
        await api.payment_intents.create_async({"amount": 50_000, "currency": "vnd"}, options)


async def test_an_older_version_and_its_parameters_are_taken(api) -> None:
    given = {"amount": 50_000, "currency": "vnd", "payment_method_types": ["card"]}

    made = await api.payment_intents.create_async(given, {"stripe_version": "2019-12-03"})

    assert made.status == "requires_payment_method"


async def test_twenty_calls_at_once_under_one_key_make_one_payment(api) -> None:
    calls = [
        api.payment_intents.create_async(
            {"amount": 50_000, "currency": "vnd"}, {"idempotency_key": "pay:1"}
        )
        for _ in range(20)
    ]

    made = await asyncio.gather(*calls)

    page = await api.payment_intents.list_async()
    assert {one.id for one in made} == {page.data[0].id}
    assert len(page.data) == 1


async def test_what_curl_says_and_what_nobody_knows(sandbox: str) -> None:
    async with httpx.AsyncClient(base_url=sandbox) as http:
        form = {"amount": "50000", "currency": "vnd"}
        known = await http.post("/v1/payment_intents", data=form, auth=("sk_test_x", ""))
        live = await http.post("/v1/payment_intents", data=form, auth=("sk_live_x", ""))
        absent = await http.delete("/v1/customers/cus_1", auth=("sk_test_x", ""))

    assert (known.status_code, live.status_code, absent.status_code) == (200, 401, 404)
    assert absent.json()["error"]["type"] == "invalid_request_error"


async def test_the_balance_is_what_the_books_add_up_to(api) -> None:
    intent = await paid(api)
    await api.refunds.create_async({"payment_intent": intent.id, "amount": 10_000})

    found = await api.balance.retrieve_async()

    pending = {one.currency: one.amount for one in found.pending}
    assert pending["vnd"] == 50_000 - 1_300 - 2_500 - 10_000
