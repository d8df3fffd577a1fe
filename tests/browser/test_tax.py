"""The year's revenue, the mirror, the books and the day's check on a phone: empty and with sales."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.people import Visitor, Visitors

NOT_TOUCHED = "navigator.vibrate"
SCREENS = ["/thue", "/thue/so-sanh", "/so-sach", "/doi-chieu"]


async def sell_in_cash(page: Page, amount_vnd: int) -> None:
    """A sale in cash, as the till sends it; it counts as revenue as soon as the relay followed."""
    await page.evaluate(
        """async (amount) => {
            const stall = location.pathname.split("/")[2];
            const csrf = document.querySelector("meta[name=csrf]").content;
            const id = "01a2" + crypto.randomUUID().slice(4, 14) + "7" + crypto.randomUUID().slice(15);
            const answer = await fetch(`/api/stalls/${stall}/sales`, { method: "POST",
              headers: { "content-type": "application/json", "x-csrftoken": csrf },
              body: JSON.stringify({ sale_id: id, amount_vnd: amount, method: "cash",
                sold_at: new Date().toISOString() }) });
            if (!answer.ok) throw new Error(await answer.text());
            for (let state = ""; state !== "paid"; await new Promise((go) => setTimeout(go, 100)))
                state = (await (await fetch(`/api/sales/${id}`)).json()).state;
        }""",
        amount_vnd,
    )


async def open_all(page: Page) -> None:
    """Everything that is folded away is looked at too."""
    await page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", SCREENS)
async def test_a_screen_about_tax_has_no_barriers(
    visitors: Visitors, path: str, theme: str, tmp_path: Path
):
    visitor = await visitors.new(theme=theme)
    visitor.watch.expected = (NOT_TOUCHED,)

    page = await visitor.be_vendor(path)
    await open_all(page)

    await expect(page.get_by_text(re.compile("Không thay cho kê khai thuế")).first).to_be_visible()
    await page.screenshot(path=tmp_path / "screen.png", full_page=True)
    assert await visitor.barriers() == []


@pytest.mark.parametrize("path", SCREENS)
async def test_english_fits_the_screens_about_tax(visitors: Visitors, path: str):
    visitor = await visitors.new()
    await visitor.context.add_cookies(
        [{"name": "cho_locale", "value": "en", "url": visitor.market.url}]
    )

    page = await visitor.be_vendor(path)
    await open_all(page)

    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert await visitor.barriers() == []


async def test_a_vendor_finds_the_meter_sees_cash_and_qr_alike_and_takes_the_book(visitor: Visitor):
    visitor.watch.expected = (NOT_TOUCHED,)
    page = await visitor.be_vendor()
    await sell_in_cash(page, 91_000)

    await page.goto(f"{visitor.market.url}{visitor.market.till}/cai-dat")
    await page.get_by_role("link", name="Doanh thu năm, thuế, sổ sách").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Doanh thu năm")
    await page.get_by_role("link", name="Thuế là bao nhiêu").click()
    twins = page.locator(".twin b")
    await expect(twins).to_have_count(2)
    assert await twins.nth(0).inner_text() == await twins.nth(1).inner_text()
    await page.get_by_label("Tiền hàng và chi phí").fill("50tr")
    await page.get_by_role("button", name="Tính lại").click()
    await expect(page.get_by_text("Tính theo lãi")).to_be_visible()
    await page.goto(f"{visitor.market.url}{visitor.market.till}/so-sach")
    async with page.expect_download() as taken:
        await page.locator("a[download]", has_text="PDF").first.click()
    assert (await (await taken.value).path()).read_bytes().startswith(b"%PDF")


async def test_a_line_written_by_hand_stands_in_the_list_and_can_be_struck(visitor: Visitor):
    page = await visitor.be_vendor("/so-sach")

    await page.get_by_label("Diễn giải").fill("Rau Quảng Thịnh")
    await page.get_by_label("Số tiền").fill("1tr2")
    await page.get_by_role("button", name="Ghi vào sổ").click()
    line = page.locator("li", has_text="Rau Quảng Thịnh")
    await expect(line).to_contain_text("1.200.000")
    assert await visitor.barriers() == []
    await line.get_by_role("button", name="Bỏ dòng này").click()

    await expect(page.locator("li", has_text="Rau Quảng Thịnh")).to_have_count(0)


async def test_without_a_line_the_page_says_it_may_be_old(visitor: Visitor):
    visitor.watch.expected = (NOT_TOUCHED, "ERR_INTERNET_DISCONNECTED")
    page = await visitor.be_vendor("/thue")

    await visitor.context.set_offline(True)
    await page.evaluate("window.dispatchEvent(new Event('offline'))")

    await expect(page.locator("#offline")).to_be_visible()
    await visitor.context.set_offline(False)
