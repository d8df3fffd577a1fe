"""“Đây là tiền của đơn nào?” on a phone: one question, one tap, and a way back."""

from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.people import Visitor

VND = "\u00a0₫"
NOT_TOUCHED = "navigator.vibrate"
"""A page opened by a script has not been tapped yet, so the browser lets it not vibrate."""


async def opened_sale(page: Page, amount: str) -> str:
    """A sale keyed at the till; its code is on the screen. Its payment's id."""
    await page.keyboard.type(amount)
    await page.locator("#make-qr").click()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    here = page.url.split("/ban-hang/")
    sold = await (await page.request.get(f"{here[0]}/api/stalls/{here[1]}/sales")).json()
    return str(sold["sales"][0]["payment_id"])


async def appears(page: Page, path: str, text: str) -> None:
    """The relay is a moment behind: look again until it is there."""
    for _ in range(60):
        await page.goto(path)
        if text in await page.inner_text("main"):
            return
        await page.wait_for_timeout(250)
    raise AssertionError(f"{text} never appeared on {path}")


async def test_a_vendor_says_which_sale_the_money_was_for_and_takes_it_back(
    visitor: Visitor, tmp_path: Path
):
    visitor.watch.expected = (NOT_TOUCHED,)
    page = await visitor.be_vendor()
    payment_id = await opened_sale(page, "73k")
    await visitor.market.transfer("tra tien rau", 73_000)
    place = f"{visitor.market.url}{visitor.market.till}/tien-cho"

    await appears(page, place, f"73.000{VND}")
    await page.screenshot(path=tmp_path / "list.png", full_page=True)
    assert await visitor.barriers() == []
    await page.locator("a.card", has_text=f"73.000{VND}").click()
    await expect(page.get_by_role("heading", name="Đây là tiền của đơn nào?")).to_be_visible()
    await page.screenshot(path=tmp_path / "case.png")
    assert await visitor.barriers() == []
    best = page.locator("button.go")
    box = await best.bounding_box()
    await best.click()
    await expect(page.get_by_text("Đã chọn trong 7 ngày")).to_be_visible()
    await page.screenshot(path=tmp_path / "done.png", full_page=True)
    shopper = f"{visitor.market.url}/tra/{payment_id}"
    await appears(page, shopper, "73.000")
    await appears(page, f"{visitor.market.url}{visitor.market.till}/tien-ve", "Đủ tiền")
    await page.goto(place)
    await page.locator("li", has_text=f"73.000{VND}").get_by_role("link").click()
    await page.screenshot(path=tmp_path / "resolved.png")
    await page.get_by_role("button", name="Chọn nhầm, làm lại").click()
    await expect(page.get_by_role("heading", name="Đây là tiền của đơn nào?")).to_be_visible()
    await page.get_by_role("button", name="Phải trả lại khách").click()
    await expect(page.get_by_text("Phải trả lại khách").first).to_be_visible()

    assert box
    assert box["height"] >= 56
    assert box["y"] + box["height"] <= 640 - 60, "the first answer lies under the thumb"


async def test_two_hundred_dong_shown_as_two_hundred_thousand_is_said_in_words_and_red(
    visitor: Visitor, tmp_path: Path
):
    visitor.watch.expected = (NOT_TOUCHED,)
    page = await visitor.be_vendor()
    await visitor.market.transfer("tra tien", 200)
    place = f"{visitor.market.url}{visitor.market.till}/tien-cho"

    await appears(page, place, f"200{VND}")
    await page.locator("a.card", has_text=f"200{VND}").first.click()

    await expect(page.get_by_text("Hai trăm đồng")).to_be_visible()
    await expect(page.get_by_role("alert")).to_contain_text("Số tiền rất nhỏ")
    await page.screenshot(path=tmp_path / "tiny.png")
    assert await visitor.barriers() == []
    await page.get_by_text("Không phải tiền bán hàng").click()
    await page.get_by_role("button", name="Bỏ qua khoản này").click()
    await expect(page.get_by_text("Không phải bán hàng").first).to_be_visible()


async def test_with_the_line_cut_the_page_says_so(visitor: Visitor):
    visitor.watch.expected = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to fetch")
    page = await visitor.be_vendor("/tien-cho")
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")

    await visitor.context.set_offline(True)
    await expect(page.locator("#alert")).to_contain_text("Mất mạng")
    await visitor.context.set_offline(False)

    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")


async def test_the_till_shows_two_hundred_dong_in_red_until_it_is_looked_at(
    visitor: Visitor, tmp_path: Path
):
    visitor.watch.expected = (NOT_TOUCHED,)
    page = await visitor.be_vendor()
    payment_id = await opened_sale(page, "200k")
    sold = f"{visitor.market.url}/api/sales/{payment_id}"
    memo = (await (await page.request.get(sold)).json())["memo"]

    await visitor.market.transfer(memo, 200)

    heard = page.locator(".heard-brick")
    await expect(heard).to_contain_text("THIẾU TIỀN")
    await expect(heard).to_contain_text(f"199.800{VND}")
    await page.screenshot(path=tmp_path / "short.png")
    cover = await heard.bounding_box()
    assert cover
    assert cover["width"] * cover["height"] >= 0.9 * 360 * 640, "it covers the whole screen"
