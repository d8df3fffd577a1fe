"""Disputes and notices that disagree stand where vendor and clerk look, with what to do."""

import json
import time
from itertools import count

import pytest
from sqlalchemy import text

from market import ids
from payments.gateways import stripe

HTML = {"accept": "text/html"}
LOST = ("charge.dispute.closed", "lost")
OPENED = ("charge.dispute.created", "needs_response")


_numbers = count(1)


@pytest.fixture
def tell_stripe(client):
    """Posts a signed event about a thing of Stripe's."""

    async def told(kind, **thing):
        body = json.dumps(
            {
                "id": f"evt_{next(_numbers)}", "object": "event", "type": kind,
                "created": int(time.time()),
                "data": {"object": {"currency": "vnd", "metadata": {}, **thing}},
            }
        ).encode()  # fmt: skip
        client.cookies.clear()
        signature = stripe.sign("whsec_stripe_test", int(time.time()), body)
        await client.post("/hooks/stripe", content=body, headers={"stripe-signature": signature})

    return told


@pytest.fixture
def paid_by_card(open_sale, tell_stripe, follow):
    async def paid(intent_id, amount_vnd=90_000):
        sale = await open_sale(amount_vnd=amount_vnd)
        await tell_stripe(
            "payment_intent.succeeded", id=intent_id, amount=amount_vnd,
            metadata={"payment_ref": sale["payment_id"]},
        )  # fmt: skip
        await follow()
        return sale

    return paid


async def pages(as_, world):
    """The vendor's list, the vendor's day, the clerk's list."""
    own = f"/ban-hang/{world.stall_id}"
    asked = [("vendor", f"{own}/hoan-tien"), ("vendor", f"{own}/tien-ve"), ("clerk", "/hoan-tien")]
    return [(await as_(who).get(path, headers=HTML)).text for who, path in asked]


async def test_an_open_dispute_stands_with_what_to_do_for_vendor_and_clerk(
    paid_by_card, tell_stripe, follow, as_, world
):
    sale = await paid_by_card("pi_1")
    await tell_stripe(OPENED[0], id="dp_1", amount=90_000, status=OPENED[1], payment_intent="pi_1")
    await follow()

    own, day, clerk = await pages(as_, world)

    assert "Đừng hoàn thêm" in own
    assert f"/hoan-tien/{sale['payment_id']}/" in own
    assert "Khách khiếu nại với ngân hàng" in day
    assert "Gửi bằng chứng" in clerk
    assert "dp_1" in clerk


async def test_a_lost_dispute_still_stands_there_once_it_is_booked(
    paid_by_card, tell_stripe, follow, work, as_, world
):
    await paid_by_card("pi_1")
    await tell_stripe(LOST[0], id="dp_1", amount=90_000, status=LOST[1], payment_intent="pi_1")
    await follow()
    await work("book_refunds")
    await follow()

    own, _, clerk = await pages(as_, world)

    assert "Ngân hàng đã trả tiền cho khách" in own
    assert "Đã mất" in clerk


async def test_a_dispute_of_nobodys_money_stands_before_the_clerk(tell_stripe, follow, as_, world):
    for kind, status in (LOST, OPENED):  # in whatever order it is told
        await tell_stripe(
            kind, id="dp_9", amount=70_000, status=status, payment_intent="pi_of_nobody"
        )
    await follow()

    own, _, clerk = await pages(as_, world)

    assert "70.000" not in own
    assert clerk.count("dp_9") == 1
    assert "lost" in clerk
    assert "không phải của chợ" in clerk


async def test_a_transaction_told_again_otherwise_stands_before_both_until_the_clerk_asked(
    open_sale, notify, follow, as_, world, database
):
    sale = await open_sale(amount_vnd=45_000)
    await notify(sale["memo"], 45_000, number=7)
    await notify(sale["memo"], 450_000, number=7)
    await follow()
    own = f"/ban-hang/{world.stall_id}/tien-cho"
    vendor = await as_("vendor").get(own, headers=HTML)
    clerk = await as_("clerk").get("/doi-soat", headers=HTML)
    async with database.as_system() as db:
        query = "SELECT id FROM market.receipt_conflict"
        [conflict_id] = (await db.execute(text(query))).scalars().all()

    seen = await as_("clerk").post(f"/doi-soat/khac-nhau/{conflict_id}")
    refused = await as_("vendor").post(f"/doi-soat/khac-nhau/{conflict_id}")
    after = await as_("vendor").get(own, headers=HTML)
    strange = await as_("other").get(f"/ban-hang/{world.other_stall_id}/tien-cho", headers=HTML)
    still = await as_("clerk").get("/doi-soat", headers=HTML)

    for page in (vendor.text, clerk.text):
        assert "Hai tin báo khác nhau" in page
        assert "450.000" in page
    assert (seen.status_code, refused.status_code) == (303, 403)
    assert "Hai tin báo khác nhau" not in after.text
    assert "Đã hỏi ngân hàng" in still.text
    assert "450.000" not in strange.text


@pytest.fixture
def to_give_back(open_sale, notify, follow, as_, world):
    """Late money that the vendor said goes back: its case, and the refund that follows."""

    async def decided():
        sale = await open_sale(amount_vnd=64_000)
        await as_("vendor").post(f"/api/sales/{sale['sale_id']}/cancel")
        await notify(sale["memo"], 64_000)
        await follow()
        (case,) = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/waiting-money")).json()
        page = f"/ban-hang/{world.stall_id}/tien-cho/{case['receipt_id']}"
        await as_("vendor").post(page, data={"version": "0", "what": "refund"}, headers=HTML)
        await follow()
        answer = await as_("vendor").get(f"/api/sales/{sale['sale_id']}/refunds")
        [refund] = answer.json()["refunds"]
        return sale, page, refund

    return decided


async def test_money_that_went_back_is_not_decided_about_again(
    to_give_back, notify, follow, work, as_
):
    _, page, refund = await to_give_back()
    await notify(refund["code"], 64_000, transferType="out")
    await follow()
    await work("book_refunds")

    answer = await as_("vendor").post(f"{page}/lam-lai", data={"version": "1"}, headers=HTML)

    assert answer.status_code == 409
    assert "Tiền này đã trả lại khách" in answer.text


async def test_a_refund_that_nobody_sent_yet_is_withdrawn_with_its_decision(
    to_give_back, follow, as_
):
    sale, page, _ = await to_give_back()

    answer = await as_("vendor").post(f"{page}/lam-lai", data={"version": "1"}, headers=HTML)
    await follow()

    assert answer.status_code == 303
    [refund] = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}/refunds")).json()["refunds"]
    assert (refund["state"], refund["detail"]) == ("refused", "withdrawn")


async def test_a_sale_that_was_paid_by_a_decision_and_refunded_stays_decided(
    open_sale, notify, follow, work, as_, world
):
    sale = await open_sale(amount_vnd=64_000)
    await as_("vendor").post(f"/api/sales/{sale['sale_id']}/cancel")
    await notify(sale["memo"], 64_000)
    await follow()
    (case,) = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/waiting-money")).json()
    page = f"/ban-hang/{world.stall_id}/tien-cho/{case['receipt_id']}"
    form = {"version": "0", "what": "refund", "payment": sale["payment_id"]}
    await as_("vendor").post(page, data=form, headers=HTML)
    await follow()
    asked = await as_("vendor").post(
        f"/api/sales/{sale['sale_id']}/refunds",
        json={"refund_id": str(ids.new()), "amount_vnd": 10_000},
    )

    answer = await as_("vendor").post(f"{page}/lam-lai", data={"version": "1"}, headers=HTML)

    assert asked.status_code == 201
    assert answer.status_code == 409
