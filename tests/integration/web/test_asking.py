"""What no notice told is asked for: the bank's list, and VNPAY's querydr, from real simulators."""

from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import httpx

from market import clock
from market.flows import JOBS, Context


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
