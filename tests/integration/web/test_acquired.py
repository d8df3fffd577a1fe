"""The acquired road over HTTP: to VNPAY and back, its IPN; Stripe's signed events."""

import asyncio
import json
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

import payments
from market import clock
from payments.gateways import stripe, vnpay

VNPAY_SECRET = "VNPAYTESTSECRET"
STRIPE_SECRET = "whsec_stripe_test"
NOBODYS = "01a20690-18a3-7519-a7e0-cf3168634357"


def ipn(
    sale, *, amount_vnd=85_000, hundredths="00", secret=VNPAY_SECRET, code="00", number="15000001"
):
    return vnpay.signed_query(
        {
            "vnp_Amount": f"{amount_vnd}{hundredths}",
            "vnp_BankCode": "NCB",
            "vnp_BankTranNo": "VNP15000001",
            "vnp_CardType": "ATM",
            "vnp_OrderInfo": f"Thanh toan {sale['memo']}",
            "vnp_PayDate": "20261123101722",
            "vnp_ResponseCode": code,
            "vnp_TmnCode": "CHODEMO1",
            "vnp_TransactionNo": number,
            "vnp_TransactionStatus": code,
            "vnp_TxnRef": sale["payment_id"] + ".a1b2c3",
        },
        secret,
    )


@pytest.fixture
def tell_vnpay(client):
    async def tell(query):
        client.cookies.clear()
        answer = await client.get(f"/hooks/vnpay?{query}")
        assert answer.status_code == 200
        return answer.json()["RspCode"]

    return tell


async def test_the_payer_is_sent_to_vnpay_with_a_signed_order(open_sale, client):
    sale = await open_sale()

    answer = await client.get(f"/tra/{sale['payment_id']}/vnpay", follow_redirects=False)

    sent = urlsplit(answer.headers["location"])
    fields = {name: values[0] for name, values in parse_qs(sent.query).items()}
    signature = fields.pop("vnp_SecureHash")
    assert signature == vnpay.sign(VNPAY_SECRET, vnpay.canonical_query(fields))
    assert fields["vnp_Amount"] == "8500000"
    assert fields["vnp_TxnRef"].startswith(sale["payment_id"] + ".")
    again = await client.get(f"/tra/{sale['payment_id']}/vnpay", follow_redirects=False)
    assert f"vnp_TxnRef={fields['vnp_TxnRef']}" not in again.headers["location"]


async def test_an_ipn_pays_once_and_says_so_once(open_sale, tell_vnpay, follow, as_):
    sale = await open_sale()

    answers = [await tell_vnpay(ipn(sale)) for _ in range(2)]
    await follow()

    assert answers == ["00", "02"]
    paid = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert (paid["state"], paid["method"]) == ("paid", "vnpay")


async def test_wrong_amount_bad_hash_and_unknown_order_are_answered_by_the_book(
    open_sale, tell_vnpay, follow, as_
):
    sale = await open_sale()
    unknown = {**sale, "payment_id": NOBODYS}

    answers = [
        await tell_vnpay(ipn(sale, secret="guess")),
        await tell_vnpay(ipn(unknown)),
        await tell_vnpay(ipn(sale, amount_vnd=8_500)),
    ]
    await follow()

    assert answers == ["97", "01", "04"]
    state = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"]
    assert state == "open"


async def test_a_failed_attempt_is_recorded_and_a_later_one_still_pays(
    open_sale, tell_vnpay, follow, as_
):
    sale = await open_sale()

    answers = [
        await tell_vnpay(ipn(sale, code="24", number="0")),
        await tell_vnpay(ipn(sale, number="15000002")),
    ]
    await follow()

    assert answers == ["00", "00"]
    assert (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"] == "paid"


async def test_the_way_back_shows_the_ledgers_state_and_changes_nothing(
    open_sale, client, follow, as_
):
    sale = await open_sale()

    back = await client.get(f"/tra/vnpay?{ipn(sale)}", follow_redirects=False)
    forged = await client.get(f"/tra/vnpay?{ipn(sale, secret='guess')}", follow_redirects=False)
    await follow()

    assert back.headers["location"] == f"/tra/{sale['payment_id']}"
    assert forged.status_code == 404
    assert (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"] == "open"


async def test_a_signed_event_of_stripe_pays_once_and_a_forged_one_never(
    open_sale, client, follow, as_, world
):
    sale = await open_sale(amount_vnd=90_000)
    body = json.dumps(
        {
            "id": "evt_1", "object": "event", "type": "payment_intent.succeeded",
            "created": int(time.time()),
            "data": {"object": {
                "id": "pi_1", "object": "payment_intent", "amount": 90_000, "currency": "vnd",
                "metadata": {"payment_ref": sale["payment_id"]},
            }},
        }
    ).encode()  # fmt: skip

    async def tell(secret):
        client.cookies.clear()
        signature = stripe.sign(secret, int(time.time()), body)
        return await client.post(
            "/hooks/stripe", content=body, headers={"stripe-signature": signature}
        )

    forged = await tell("guess")
    answers = [await tell(STRIPE_SECRET) for _ in range(2)]
    await follow()

    assert forged.status_code == 400
    assert [answer.status_code for answer in answers] == [200, 200]
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (1, 90_000)


async def test_two_equal_ipns_at_the_same_instant_hear_one_00_and_one_02(
    open_sale, tell_vnpay, follow, as_, world
):
    sales = [await open_sale() for _ in range(5)]
    told = [ipn(sale, number=str(15000100 + at)) for at, sale in enumerate(sales)]

    pairs = [await asyncio.gather(tell_vnpay(one), tell_vnpay(one)) for one in told]
    await follow()

    assert [sorted(pair) for pair in pairs] == [["00", "02"]] * 5
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (5, 5 * 85_000)


async def test_a_forged_ipn_first_does_not_block_the_true_one(open_sale, tell_vnpay):
    sale = await open_sale()

    answers = [await tell_vnpay(ipn(sale, secret=secret)) for secret in ("guess", VNPAY_SECRET)]

    assert answers == ["97", "00"]


async def test_vnpays_checks_come_in_its_own_order(open_sale, tell_vnpay):
    paid, unknown = await open_sale(), {**(await open_sale()), "payment_id": NOBODYS}
    await tell_vnpay(ipn(paid))

    answers = {
        "unknown, failed": await tell_vnpay(ipn(unknown, code="24", number="0")),
        "paid, another amount": await tell_vnpay(ipn(paid, amount_vnd=8_500, number="15000002")),
        "the same, again": await tell_vnpay(ipn(paid, amount_vnd=8_500, number="15000002")),
        "paid, another attempt failed": await tell_vnpay(ipn(paid, code="24", number="0")),
        "paid twice": await tell_vnpay(ipn(paid, number="15000003")),
        "unknown, no amount at all": await tell_vnpay(ipn(unknown, hundredths="5")),
        "paid, no amount at all": await tell_vnpay(ipn(paid, hundredths="5")),
    }

    assert list(answers.values()) == ["01", "04", "04", "02", "02", "01", "04"]


async def test_a_sale_asked_of_one_acquirer_is_not_paid_by_another(
    open_sale, client, tell_vnpay, follow, as_
):
    sale = await open_sale(method="stripe")

    sent = await client.get(f"/tra/{sale['payment_id']}/vnpay", follow_redirects=False)
    answer = await tell_vnpay(ipn(sale))
    await follow()

    assert sent.status_code == 404
    assert answer == "01"
    assert (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"] == "open"


async def test_two_server_processes_told_at_the_same_instant_say_one_00_and_one_02(
    open_sale, start
):
    """Real HTTP, real processes: the row in PostgreSQL decides, not this event loop."""
    urls = [await asyncio.to_thread(start, "web") for _ in range(2)]
    sales = [await open_sale() for _ in range(8)]
    forged = [ipn(one, secret="guess", number=str(15000300 + at)) for at, one in enumerate(sales)]
    told = [ipn(one, number=str(15000300 + at)) for at, one in enumerate(sales)]

    async with httpx.AsyncClient(timeout=30) as http:

        async def tell(url, query):
            return (await http.get(f"{url}/hooks/vnpay?{query}")).json()["RspCode"]

        first = await asyncio.gather(*(tell(url, one) for one in forged for url in urls))
        pairs = [await asyncio.gather(*(tell(url, one) for url in urls)) for one in told]

    assert first == ["97"] * 16
    assert [sorted(pair) for pair in pairs] == [["00", "02"]] * 8


async def test_money_known_only_after_the_sale_expired_waits_for_a_person(
    open_sale, tell_vnpay, follow, as_, database
):
    sale = await open_sale()
    async with database.as_system() as db:
        later = clock.now() + timedelta(minutes=20)
        await payments.expire_payments(db, now=later)

    answer = await tell_vnpay(ipn(sale))
    await follow()

    assert answer == "00"
    assert (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"] == "expired"
    async with database.as_system() as db:
        waiting = await payments.receipts_to_resolve(db, since=clock.now() - timedelta(days=30))
    assert [(one.outcome, str(one.payment_id)) for one in waiting] == [("late", sale["payment_id"])]
