"""The road of one payment, through the real application: sale, QR, notice, ledger, screens."""

import asyncio

from sqlalchemy import text

import payments
from payments.qr import read


async def test_a_signed_notice_of_the_exact_amount_pays_the_sale(
    open_sale, notify, follow, as_, client, world
):
    sale = await open_sale(amount_vnd=85_000)
    asked = read(sale["qr_text"])

    answer = await notify(f"MBVCB.123.{sale['memo']}.CT tu NGUYEN VAN A", 85_000)
    await follow()

    assert (asked.amount_vnd, asked.memo) == (85_000, sale["memo"])
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    paid = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert (paid["state"], paid["received_vnd"], paid["missing_vnd"]) == ("paid", 85_000, 0)
    assert paid["echo_word"]
    shopper = await client.get(f"/api/payments/{sale['payment_id']}")
    assert shopper.json()["echo_word"] == paid["echo_word"]
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (1, 85_000)


async def test_less_money_waits_and_the_rest_completes_it(open_sale, notify, follow, as_):
    sale = await open_sale(amount_vnd=200_000)

    await notify(sale["memo"], 200)
    await follow()
    short = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    await notify(sale["memo"], 199_800)
    await follow()
    full = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()

    assert (short["state"], short["missing_vnd"], short["echo_word"]) == ("partial", 199_800, "")
    assert (full["state"], full["received_vnd"]) == ("paid", 200_000)


async def test_a_short_payment_and_its_rest_followed_together_pay_the_sale_once(
    open_sale, notify, follow, as_, world, database
):
    sales = [await open_sale(amount_vnd=200_000) for _ in range(3)]

    for amount_vnd in (200, 199_800):
        for sale in sales:
            await notify(sale["memo"], amount_vnd)
    await notify("NGUYEN VAN A chuyen tien", 50_000)
    await follow()

    shown = [(await as_("vendor").get(f"/api/sales/{one['sale_id']}")).json() for one in sales]
    assert {(one["state"], one["received_vnd"]) for one in shown} == {("paid", 200_000)}
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (3, 600_000)
    async with database.as_system() as db:
        told = await db.execute(
            text(
                "SELECT kind, data->>'outcome' FROM market.live_event WHERE channel = :stall ORDER BY id"
            ),
            {"stall": f"stall:{world.stall_id}"},
        )
        heard = [tuple(one) for one in told]
    assert heard == [("money", "short")] * 3 + [("money", "settled")] * 3 + [("money", "unmatched")]


async def test_a_doubled_notice_counts_once(open_sale, notify, follow, as_, world):
    sale = await open_sale()

    answers = await asyncio.gather(*(notify(sale["memo"], 85_000, number=7) for _ in range(5)))
    await follow()

    assert all(answer.json() == {"success": True} for answer in answers)
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (1, 85_000)


async def test_a_forged_notice_is_refused_kept_and_shown_to_the_clerk(
    open_sale, notify, follow, as_
):
    sale = await open_sale()

    answer = await notify(sale["memo"], 85_000, secret="guess")
    await follow()

    assert answer.status_code == 401
    state = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()["state"]
    assert state == "open"
    page = await as_("clerk").get("/doi-soat", headers={"accept": "text/html"})
    assert "Giả mạo" in page.text


async def test_money_without_a_code_is_told_to_the_vendor_and_waits_for_the_clerk(
    notify, follow, as_, world
):
    await notify("NGUYEN VAN A chuyen tien", 50_000)
    await follow()

    day = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/sales")).json()
    page = await as_("clerk").get("/doi-soat", headers={"accept": "text/html"})

    assert [(one["outcome"], one["amount_vnd"]) for one in day["receipts"]] == [
        ("unmatched", 50_000)
    ]
    assert "50.000" in page.text


async def test_the_same_sale_sent_twice_is_one_sale_and_other_content_is_refused(
    open_sale, as_, world
):
    sale = await open_sale(amount_vnd=30_000)
    again = {
        "sale_id": sale["sale_id"], "amount_vnd": 30_000, "method": "vietqr",
        "sold_at": sale["sold_at"],
    }  # fmt: skip

    same = await as_("vendor").post(f"/api/stalls/{world.stall_id}/sales", json=again)
    other = await as_("vendor").post(
        f"/api/stalls/{world.stall_id}/sales", json={**again, "amount_vnd": 31_000}
    )

    assert (same.status_code, same.json()["memo"]) == (200, sale["memo"])
    assert (other.status_code, other.json()["code"]) == (409, "sale_id_reused")
    assert other.headers["content-type"] == "application/problem+json"


async def test_cash_is_recorded_beside_and_once(open_sale, as_, world, follow, database_url):
    sale = await open_sale(amount_vnd=12_000, method="cash")
    again = {
        "sale_id": sale["sale_id"], "amount_vnd": 12_000, "method": "cash",
        "sold_at": sale["sold_at"],
    }  # fmt: skip

    await as_("vendor").post(f"/api/stalls/{world.stall_id}/sales", json=again)
    await follow()

    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cash_count"], today["cash_vnd"], today["cashless_count"]) == (1, 12_000, 0)
    report = await payments.audit(database_url)
    assert not report.problems


async def test_bad_amounts_are_refused_with_a_sentence(as_, world, sale_command):
    till = as_("vendor")
    path = f"/api/stalls/{world.stall_id}/sales"

    for amount_vnd in (0, -5, 500_000_000):
        answer = await till.post(path, json=sale_command(amount_vnd=amount_vnd))

        assert (answer.status_code, answer.json()["code"]) == (422, "amount_out_of_range")
        assert "499.999.999" in answer.json()["title"]


async def test_somebody_elses_stall_is_refused(as_, world, open_sale):
    sale = await open_sale()

    other = as_("other")

    assert (await other.get(f"/api/stalls/{world.stall_id}/today")).status_code == 403
    assert (await other.get(f"/api/sales/{sale['sale_id']}")).status_code == 404
    assert (await other.post(f"/api/sales/{sale['sale_id']}/cancel")).status_code == 404


async def test_money_for_a_cancelled_sale_is_late_not_a_sale(open_sale, notify, follow, as_, world):
    sale = await open_sale()
    cancelled = await as_("vendor").post(f"/api/sales/{sale['sale_id']}/cancel")

    await notify(sale["memo"], 85_000)
    await follow()

    assert cancelled.json()["state"] == "cancelled"
    state = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert (state["state"], state["received_vnd"]) == ("cancelled", 0)
    day = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/sales")).json()
    assert [one["outcome"] for one in day["receipts"]] == ["late"]
