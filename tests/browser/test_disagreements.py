"""What disagrees is seen: two notices of one transaction, and a customer who disputes a card payment."""

import json
import time
from pathlib import Path

import httpx
from playwright.async_api import Page, expect

from payments.gateways import stripe
from tests.browser.people import DESK, Market, Visitors

LOOKS = 60
NOT_TOUCHED = "navigator.vibrate"
"""A page opened by a script has not been tapped yet, so the browser lets it not vibrate."""
SECRET = "whsec_demo_stripe"


async def appears(page: Page, path: str, text: str) -> None:
    """The relay is a moment behind: look again until it is there."""
    for _ in range(LOOKS):
        await page.goto(path)
        if text in await page.inner_text("main"):
            return
        await page.wait_for_timeout(250)
    raise AssertionError(f"{text} never appeared on {path}")


async def tell_stripe(market: Market, kind: str, **thing: object) -> None:
    body = json.dumps(
        {
            "id": f"evt_{time.time_ns()}", "object": "event", "type": kind,
            "created": int(time.time()),
            "data": {"object": {"currency": "vnd", "metadata": {}, **thing}},
        }
    ).encode()  # fmt: skip
    headers = {"stripe-signature": stripe.sign(SECRET, int(time.time()), body)}
    async with httpx.AsyncClient(trust_env=False, timeout=10) as partner:
        answer = await partner.post(f"{market.url}/hooks/stripe", content=body, headers=headers)
    assert answer.status_code == 200, answer.text


async def test_two_notices_that_disagree_stand_before_vendor_and_clerk(
    visitors: Visitors, tmp_path: Path
):
    vendor = await visitors.new()
    vendor.watch.expected = (NOT_TOUCHED,)
    clerk = await visitors.new(size=DESK)
    page = await vendor.be_vendor()
    number = time.time_ns() // 1_000_000
    await vendor.market.transfer("tra tien ca", 91_000, number=number)
    await vendor.market.transfer("tra tien ca", 910_000, number=number)

    await appears(
        page, f"{vendor.market.url}{vendor.market.till}/tien-cho", "Hai tin báo khác nhau"
    )
    await page.screenshot(path=tmp_path / "vendor.png", full_page=True)
    assert "910.000" in await page.inner_text("main")
    assert await vendor.barriers() == []
    desk = await clerk.be(vendor.market.facts["clerk_person_id"], "/doi-soat")
    await desk.screenshot(path=tmp_path / "clerk.png", full_page=True)
    assert await clerk.barriers() == []
    await desk.get_by_role("button", name="Đã hỏi ngân hàng").first.click()
    assert "Đã hỏi ngân hàng" in await desk.inner_text("main")


async def test_a_dispute_stands_with_what_to_do(visitors: Visitors, tmp_path: Path):
    vendor = await visitors.new()
    vendor.watch.expected = (NOT_TOUCHED,)
    clerk = await visitors.new(size=DESK)
    page = await vendor.be_vendor()
    await page.keyboard.type("95k")
    await page.locator("#make-qr").click()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    sales = f"{vendor.market.url}/api/stalls/{vendor.market.stall_id}/sales"
    sale = (await (await page.request.get(sales)).json())["sales"][0]
    intent = f"pi_{time.time_ns()}"
    paid = {"payment_ref": sale["payment_id"]}
    await tell_stripe(
        vendor.market, "payment_intent.succeeded", id=intent, amount=95_000, metadata=paid
    )
    await appears(page, f"{vendor.market.url}{vendor.market.till}/tien-ve", "Thẻ quốc tế")
    disputed = {"id": f"dp_{intent}", "amount": 95_000, "payment_intent": intent}
    await tell_stripe(vendor.market, "charge.dispute.created", status="needs_response", **disputed)

    own = f"{vendor.market.url}{vendor.market.till}/hoan-tien"
    await appears(page, own, "Đừng hoàn thêm")
    await page.screenshot(path=tmp_path / "vendor.png", full_page=True)
    assert await vendor.barriers() == []
    await appears(page, f"{vendor.market.url}{vendor.market.till}/tien-ve", "khiếu nại")
    await page.screenshot(path=tmp_path / "day.png", full_page=True)
    desk = await clerk.be(vendor.market.facts["clerk_person_id"], "/hoan-tien")
    await desk.screenshot(path=tmp_path / "clerk.png", full_page=True)
    assert "Gửi bằng chứng" in await desk.inner_text("main")
    assert await clerk.barriers() == []
