"""Money back, on the vendor's phone and on the clerk's desk."""

import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.people import DESK, Visitor, Visitors

SOON_MS = 30_000
"""For what the relay and the worker do between them on a busy machine."""


async def paid_sale(vendor: Visitor) -> dict[str, Any]:
    """A sale of 64,000 đ that the buyer paid by transfer."""
    page = await vendor.be_vendor()
    await page.keyboard.type("64k")
    await page.locator("#make-qr").click()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    sales = f"{vendor.market.url}/api/stalls/{vendor.market.stall_id}/sales"
    sale = (await (await page.request.get(sales)).json())["sales"][0]
    await vendor.market.transfer(f"{sale['memo']}.CT tu 0123456789 NGUYEN VAN A toi 9 X", 64_000)
    await expect(page.locator(".heard")).to_be_visible(timeout=SOON_MS)
    return dict(sale)


async def asked(vendor: Visitor, sale: dict[str, Any], amount: str) -> Page:
    """Ask for a refund of it, from the list of money that came."""
    page = await vendor.go(f"{vendor.market.till}/tien-ve")
    await page.locator(f'a[href$="/hoan-tien/{sale["sale_id"]}"]').click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Hoàn tiền")
    assert await vendor.barriers() == []
    await page.get_by_label("Hoàn bao nhiêu?").fill(amount)
    await page.get_by_label("Ngân hàng của khách").select_option(label="Vietcombank")
    await expect(page.get_by_label("Số tài khoản của khách")).to_have_value("0123456789")
    await page.get_by_role("button", name="Hoàn tiền cho khách").click()
    return page


async def test_a_vendor_gives_a_part_back_by_hand_and_the_banks_notice_ends_it(
    visitors: Visitors,
):
    vendor = await visitors.new()
    sale = await paid_sale(vendor)

    page = await asked(vendor, sale, "20k")

    await expect(page.locator("#refund .mark")).to_contain_text("Chờ bạn chuyển khoản")
    await expect(page.locator("#refund .qr svg")).to_be_visible()
    assert await vendor.barriers() == []
    code = re.search(r"CHO[A-Z0-9]{6}", await page.locator("#refund").inner_text())
    assert code
    await page.get_by_role("button", name="Tôi đã chuyển").click()
    await expect(page.locator("#refund .mark")).to_contain_text("Chờ ngân hàng báo")
    await vendor.market.transfer(f"HOAN TIEN {code[0]}", 20_000, "out")
    await expect(page.locator("#refund .mark")).to_contain_text("Đã hoàn tiền", timeout=SOON_MS)


async def test_more_than_was_paid_is_refused_in_a_sentence(visitors: Visitors):
    vendor = await visitors.new()
    vendor.watch.expected = ("422",)
    sale = await paid_sale(vendor)

    page = await asked(vendor, sale, "64.001")

    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "Số tiền hoàn lớn hơn số còn hoàn được."
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_clerk_sees_a_wrong_transfer_and_lets_it_go_on(visitors: Visitors, theme: str):
    vendor, clerk = await visitors.new(), await visitors.new(size=DESK, theme=theme)
    sale = await paid_sale(vendor)
    page = await asked(vendor, sale, "30k")
    code = re.search(r"CHO[A-Z0-9]{6}", await page.locator("#refund").inner_text())
    assert code
    await vendor.market.transfer(code[0], 300_000, "out")
    await expect(page.locator("#refund .mark")).to_contain_text("Cần người xem", timeout=SOON_MS)

    desk = await clerk.be(clerk.market.facts["clerk_person_id"], "/hoan-tien")

    await expect(desk.locator("main")).to_contain_text("300000")
    assert await clerk.barriers() == []
    await desk.get_by_role("button", name="Đã xem, hỏi lại").first.click()
    await expect(desk.locator("main")).not_to_contain_text("300000")
