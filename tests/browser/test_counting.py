"""A vendor counts goods with big buttons and takes somebody on to help, on a phone."""

import re

from playwright.async_api import expect

from tests.browser.people import Visitors


async def test_goods_are_counted_with_big_buttons_and_run_out(visitors: Visitors):
    visitor = await visitors.new()
    page = await visitor.be_vendor("/hang-hoa")
    await page.get_by_role("link", name=re.compile("^Đếm")).first.click()
    await expect(page.get_by_text("Hàng này chưa đếm.")).to_be_visible()
    before = await visitor.barriers()

    await page.get_by_label(re.compile("Đếm trên quầy")).fill("12")
    await page.get_by_role("button", name="Lưu số đã đếm").click()
    await expect(page.get_by_text("còn 12", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Bớt 10").click()
    await expect(page.get_by_text("còn 2", exact=True)).to_be_visible()
    sizes = [await one.bounding_box() for one in await page.locator(".count-keys button").all()]
    await page.get_by_role("button", name="Bớt 10").click()
    await expect(page.get_by_text("còn 0", exact=True)).to_be_visible()

    assert before == []
    assert sizes
    assert all(one and one["height"] >= 56 for one in sizes)
    await expect(page.get_by_text("Hết hàng")).to_be_visible()
    assert await visitor.barriers() == []
    await page.get_by_role("button", name="Thôi, không đếm hàng này nữa").click()
    await expect(page.get_by_text("Hàng này chưa đếm.")).to_be_visible()


async def test_a_helper_is_taken_on_shown_a_code_and_let_go(visitors: Visitors):
    visitor = await visitors.new()
    page = await visitor.be_vendor("/nguoi-ban-giup")
    there = await page.get_by_role("button", name="Cho thôi").count()
    before = await visitor.barriers()

    await page.get_by_label("Họ và tên").fill("Trần Thị Bé")
    await page.get_by_label("Số điện thoại").fill("0987 654 321")
    await page.get_by_role("button", name="Thêm người bán giúp").click()
    await page.get_by_role("button", name="Cho mã đăng nhập Trần Thị Bé").click()
    await expect(page.locator(".code-card .amount")).to_have_text(re.compile(r"^\d{6}$"))
    shown = await visitor.barriers()
    await page.locator("section", has_text="Trần Thị Bé").get_by_text("Thôi không giúp nữa").click()
    await page.get_by_role("button", name="Cho thôi Trần Thị Bé").click()

    await expect(page.get_by_role("heading", name="Trần Thị Bé")).to_have_count(0)
    assert before == shown == []
    assert await page.get_by_role("button", name="Cho thôi").count() == there
