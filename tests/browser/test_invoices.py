"""The roads of an invoice on phones: sold, looked up, named; wrong, triaged, replaced, accepted."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from market import clock, ids
from tests.browser.opening import Openings
from tests.browser.people import Market, Visitor, Visitors

SOON_MS = 90_000
"""For the worker, the tax authority and the relay between them on a busy machine."""
pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]


@pytest.fixture(scope="module")
def market(openings: Openings) -> Iterator[Market]:
    """A market whose tax authority answers, for this file alone."""
    with openings.alone("invoices_opened") as opened:
        yield opened


async def sold(vendor: Visitor) -> str:
    """A paid sale of 64,000 đ and its invoice's page for the buyer, taken with one tap."""
    page = await vendor.be_vendor()
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")
    await page.keyboard.type("64k")
    await page.locator("#make-qr").click()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    sales = f"{vendor.market.url}/api/stalls/{vendor.market.stall_id}/sales"
    sale = (await (await page.request.get(sales)).json())["sales"][0]
    await vendor.market.transfer(f"{sale['memo']}.CT tu 0123456789 NGUYEN VAN A toi 9 X", 64_000)
    await expect(page.locator(".heard")).to_be_visible(timeout=SOON_MS)
    await page.get_by_role("button", name="Lập hóa đơn").first.click()
    await expect(page.locator(".invoice-done")).to_be_visible(timeout=SOON_MS)
    await vendor.go(f"{vendor.market.till}/hoa-don")
    await page.get_by_role("link", name="Xem", exact=True).first.click()
    link = page.get_by_role("link", name="Trang khách xem")
    return str(await link.get_attribute("href"))


async def seen(visitor: Visitor, name: str) -> None:
    """No barrier on this screen; its picture is kept where somebody wants to look."""
    folder = os.environ.get("MARKET_PICTURES")  # noqa: TID251 - where to put pictures
    if folder:
        await visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    assert await visitor.barriers() == [], name


async def accepted(page: Page) -> None:
    await expect(page.locator("main")).to_contain_text("Cơ quan thuế đã nhận", timeout=SOON_MS)


async def test_a_sale_is_invoiced_looked_up_and_named_by_its_buyer(visitors: Visitors):
    vendor, buyer = await visitors.new(), await visitors.new()
    path = await sold(vendor)

    page = await buyer.go(path)
    await accepted(page)
    await expect(page.get_by_text("Đã kiểm tra bản gốc: không thấy gì sai")).to_be_visible()
    original = await page.request.get(f"{buyer.market.url}{path}/xml")
    await page.get_by_text("Cần hóa đơn ghi tên tôi").click()
    await seen(buyer, "lookup")
    await page.get_by_label("Tên người mua hoặc đơn vị").fill("Trần Thị Khách")
    await page.get_by_label("Địa chỉ (nếu có)").fill("Phường Hạc Thành, Tỉnh Thanh Hóa")
    await page.get_by_role("button", name="Lập hóa đơn có tên").click()

    await expect(page.locator(".paper")).to_contain_text("Trần Thị Khách")
    await expect(page.locator(".paper")).to_contain_text("Thay thế cho hóa đơn Mẫu số 2")
    await accepted(page)
    assert (await original.body()).startswith(b"<HDon>")
    await seen(buyer, "lookup-named")
    await buyer.go(path)
    await expect(page.locator("#standing")).to_contain_text("đã được thay thế, không dùng nữa")
    assert "Trần Thị Khách" not in await page.locator("main").inner_text()
    await seen(buyer, "lookup-replaced")


async def test_a_wrong_item_is_triaged_and_its_replacement_accepted(visitors: Visitors):
    vendor = await visitors.new()
    await sold(vendor)
    page = vendor.page
    await seen(vendor, "invoice-own")

    await page.get_by_role("link", name="Hóa đơn này bị sai").click()
    await seen(vendor, "what")
    await page.get_by_text("Sai tên hàng").click()
    await page.get_by_role("button", name="Tiếp tục").click()
    await expect(page.locator("main")).to_contain_text("Lập hóa đơn thay thế")
    await expect(page.locator("main")).to_contain_text("Luật chỉ cho cách này.")
    await page.get_by_label("Tên hàng").first.fill("Cá thu một nắng")
    await seen(vendor, "how")
    await page.get_by_role("button", name="Xem trước").click()
    await expect(page.locator("main")).to_contain_text("Sáu mươi tư nghìn đồng")
    await seen(vendor, "check")
    await page.get_by_role("button", name="Đúng rồi, lập hóa đơn").click()

    await expect(page.locator("#correction")).to_contain_text("Đã lập hóa đơn mới")
    await accepted(page)
    await seen(vendor, "correction")
    await page.locator("#correction a").first.click()
    await expect(page.locator("main")).to_contain_text("Cá thu một nắng")
    await seen(vendor, "replacement")


async def test_a_refund_adjusts_the_invoice_and_its_screen_says_so(visitors: Visitors):
    vendor = await visitors.new()
    await sold(vendor)
    page = await vendor.go(f"{vendor.market.till}/tien-ve")
    await page.get_by_role("link", name="Hoàn tiền").first.click()
    await page.get_by_label("Hoàn bao nhiêu?").fill("14k")
    await page.get_by_role("button", name="Hoàn tiền cho khách").click()
    await page.get_by_role("button", name="Tôi đã chuyển").click()
    code = (await page.locator("#refund").inner_text()).partition("Thấy mã ")[2][:9]

    await vendor.market.transfer(f"HOAN TIEN {code}", 14_000, "out")

    await expect(page.locator("#refund .mark").first).to_contain_text(
        "Đã hoàn tiền", timeout=SOON_MS
    )
    await page.reload()
    await expect(page.locator("#refund")).to_contain_text("Hóa đơn", timeout=SOON_MS)
    await page.locator("#refund").get_by_role("link", name="Xem").click()
    await expect(page.locator("main")).to_contain_text("Đã lập hóa đơn mới", timeout=SOON_MS)
    await accepted(page)
    await seen(vendor, "refund-adjusted")


async def test_a_buyers_name_is_notified_and_accepted(visitors: Visitors):
    vendor = await visitors.new()
    path = await sold(vendor)
    page = vendor.page

    await page.get_by_role("link", name="Hóa đơn này bị sai").click()
    await page.get_by_label("Hoặc nói bằng lời của bạn").fill("ghi sai tên khách")
    await page.get_by_role("button", name="Tiếp tục").click()
    await expect(page.locator("main")).to_contain_text("Chỉ cần báo sai sót")
    await page.get_by_label("Viết lại chỗ đúng").fill("Khách là bà Lê Thị Đúng")
    await seen(vendor, "how-notify")
    await page.get_by_role("button", name="Xem trước").click()
    await page.get_by_role("button", name="Đúng rồi, gửi đi").click()

    await accepted(page)
    await seen(vendor, "correction-notify")
    await vendor.go(path)
    await expect(page.locator("#standing")).to_contain_text("Khách là bà Lê Thị Đúng")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_day_and_the_settings_have_no_barriers(visitors: Visitors, theme: str):
    vendor = await visitors.new(theme=theme)

    await vendor.be_vendor("/hoa-don")
    await seen(vendor, f"day-{theme}")
    await vendor.go(f"{vendor.market.till}/hoa-don?ngay=2026-01-05")
    await expect(vendor.page.locator("main")).to_contain_text("Chưa có hóa đơn nào trong ngày")
    await seen(vendor, f"day-empty-{theme}")
    page = await vendor.go(f"{vendor.market.till}/cai-dat")
    await page.get_by_label("Một lượt cuối ngày").check()
    await page.get_by_role("button", name="Lưu").click()
    await expect(page.get_by_label("Một lượt cuối ngày")).to_be_checked()
    await seen(vendor, f"settings-{theme}")
    await page.get_by_label("Khi khách cần").check()
    await page.get_by_role("button", name="Lưu").click()
    await expect(page.get_by_label("Khi khách cần")).to_be_checked()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_wrong_code_is_a_screen_with_a_way_on(visitors: Visitors, theme: str):
    visitor = await visitors.new(theme=theme)
    visitor.watch.expected = ("404",)

    page = await visitor.go("/hd/AAAAAAAAAAAAAAAA")

    await expect(page.locator("main")).to_contain_text("Không có hóa đơn nào với mã này.")
    await seen(visitor, f"lookup-unknown-{theme}")


SELL = """async ([stall, id, at]) => {
  const token = decodeURIComponent(document.cookie.split("cho_csrf=")[1].split(";")[0]);
  const headers = { "content-type": "application/json", "x-csrftoken": token };
  const lines = [["Bún bò", "tô", "2", 40000, 80000], ["Trà đá", "ly", "3", 5000, 15000]].map(
    ([name, unit, quantity, unit_price_vnd, amount_vnd]) => ({ name, unit, quantity, unit_price_vnd, amount_vnd }));
  const body = { sale_id: id, amount_vnd: 95000, method: "cash", lines, sold_at: at };
  await fetch(`/api/stalls/${stall}/sales`, { method: "POST", headers, body: JSON.stringify(body) });
  for (let tries = 0; tries < 200; tries += 1) {
    const made = await fetch(`/api/sales/${id}/invoice`, { method: "POST", headers, body: "{}" });
    if (made.ok) return (await made.json()).lookup_url;
    await new Promise((later) => setTimeout(later, 300));
  }
  return "";
}"""


async def sold_in_cash(vendor: Visitor) -> tuple[str, str]:
    """A cash sale of two kinds of goods: its id, and its invoice's page for the buyer."""
    sale_id = str(ids.new())
    given = [vendor.market.stall_id, sale_id, clock.now().isoformat()]
    path = await vendor.page.evaluate(SELL, given)
    assert path
    return sale_id, path


async def test_goods_of_a_cash_sale_come_back_and_the_authority_has_the_adjustment(
    visitors: Visitors,
):
    vendor = await visitors.new()
    vendor.watch.expected = ("409",)  # the invoice is asked for until the sale is paid
    await vendor.be_vendor()
    sale_id, _ = await sold_in_cash(vendor)

    page = await vendor.go(f"{vendor.market.till}/tien-ve")
    await page.locator(f'a[href$="/hoan-tien/{sale_id}"]').click()
    await page.get_by_role("button", name="Thêm").first.click()
    await expect(page.get_by_label("Hoàn bao nhiêu?")).to_have_value("40.000\u00a0₫")
    await seen(vendor, "cash-back-ask")
    await page.get_by_role("button", name="Hoàn tiền cho khách").click()
    await expect(page.locator("#refund")).to_contain_text("Đưa khách số tiền này")
    await seen(vendor, "cash-back-hand")
    await page.get_by_role("button", name="Tôi đã đưa tiền cho khách").click()

    await expect(page.locator("#refund .mark").first).to_contain_text(
        "Đã hoàn tiền", timeout=SOON_MS
    )
    await page.reload()
    await expect(page.locator("#refund")).to_contain_text("Hóa đơn", timeout=SOON_MS)
    await seen(vendor, "cash-back-done")
    await page.locator("#refund").get_by_role("link", name="Xem").click()
    await expect(page.locator("main")).to_contain_text("Đã lập hóa đơn mới", timeout=SOON_MS)
    await accepted(page)


async def test_two_invoices_of_one_buyer_are_set_right_by_one_that_is_accepted(visitors: Visitors):
    vendor, buyer = await visitors.new(), await visitors.new()
    vendor.watch.expected = ("409",)
    await vendor.be_vendor()
    for _ in range(2):
        _, path = await sold_in_cash(vendor)
        page = await buyer.go(path)
        await accepted(page)
        await page.get_by_text("Cần hóa đơn ghi tên tôi").click()
        await page.get_by_label("Tên người mua hoặc đơn vị").fill("Bà Năm Quán Phở")
        await page.get_by_label("Mã số thuế").fill("038190000456")
        await page.get_by_role("button", name="Lập hóa đơn có tên").click()
        await accepted(page)

    page = await vendor.go(f"{vendor.market.till}/hoa-don")
    await page.locator("li", has_text="95.000").get_by_role("link", name="Xem").first.click()
    await page.get_by_role("link", name="Hóa đơn này bị sai").click()
    await page.get_by_role("link", name="Nhiều hóa đơn của khách này cùng sai").click()
    await seen(vendor, "many-what")
    await page.get_by_role("link", name="Sai giá một món").click()
    await page.get_by_label("Đơn giá đúng").fill("45k")
    await seen(vendor, "many-how")
    await page.get_by_role("button", name="Xem trước").click()
    await expect(page.locator("main")).to_contain_text("20.000")
    await seen(vendor, "many-check")
    await page.get_by_role("button", name="Đúng rồi, lập hóa đơn").click()

    await expect(page.locator("#correction")).to_contain_text("Bảng kê 01/BK-ĐCTT")
    await accepted(page)
    await seen(vendor, "many-done")
