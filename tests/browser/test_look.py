"""Every screen, on a phone and in both themes: no barrier, no complaint, nothing cut off."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.people import DESK, Visitors

VENDOR_SCREENS = ["", "#hang", "/tien-ve", "/ma-qr"]
PUBLIC_SCREENS = ["/", "/dang-nhap", "/thanh-phan"]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PUBLIC_SCREENS)
async def test_a_public_screen_has_no_barriers(visitors: Visitors, path: str, theme: str):
    visitor = await visitors.new(theme=theme)

    await visitor.go(path)

    assert await visitor.barriers() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", VENDOR_SCREENS)
async def test_a_vendors_screen_has_no_barriers(visitors: Visitors, path: str, theme: str):
    visitor = await visitors.new(theme=theme)

    page = await visitor.be_vendor(path)
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")

    assert await visitor.barriers() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_lost_page_says_so_and_offers_a_way_on(visitors: Visitors, theme: str):
    visitor = await visitors.new(theme=theme)
    visitor.watch.expected = ("404",)

    page = await visitor.go("/khong-co-trang-nay")

    await expect(page.get_by_role("heading", level=1)).to_have_text("Không tìm thấy trang này.")
    await expect(page.get_by_role("link", name="Về trang đầu")).to_be_visible()
    assert await visitor.barriers() == []


async def test_the_start_page_stands_on_a_desk_too(visitors: Visitors):
    visitor = await visitors.new(size=DESK)

    page = await visitor.go("/")

    await expect(page.locator(".role").first).to_be_visible()
    assert await visitor.barriers() == []


async def test_one_tap_turns_the_pages_to_english_and_back(visitors: Visitors):
    visitor = await visitors.new()
    page = await visitor.be_vendor()

    await page.get_by_role("button", name="English").click()

    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await expect(page.locator("#make-qr")).to_have_text("Make QR code")
    await expect(page.locator("#beat-word")).to_have_text("Listening")
    await page.get_by_role("button", name="Tiếng Việt").click()
    await expect(page.locator("#make-qr")).to_have_text("Tạo mã QR")


@pytest.mark.parametrize("path", ["/", "/dang-nhap", "till", "till/tien-ve", "till/ma-qr"])
async def test_english_fits_the_same_screens(visitors: Visitors, path: str):
    visitor = await visitors.new()
    await visitor.context.add_cookies(
        [{"name": "cho_locale", "value": "en", "url": visitor.market.url}]
    )

    if path.startswith("till"):
        await visitor.be_vendor(path.removeprefix("till"))
    else:
        await visitor.go(path)

    await expect(visitor.page.locator("html")).to_have_attribute("lang", "en")
    assert await visitor.barriers() == []


async def test_the_keys_of_the_till_are_large_and_on_one_screen(visitors: Visitors):
    visitor = await visitors.new()

    page = await visitor.be_vendor()

    boxes = [await key.bounding_box() for key in await page.locator("#keys button").all()]
    assert boxes
    assert all(box and box["width"] >= 64 and box["height"] >= 56 for box in boxes)
    button = await page.locator("#make-qr").bounding_box()
    assert button
    assert button["y"] + button["height"] <= 640


async def test_the_first_load_of_the_shoppers_page_is_light(visitors: Visitors):
    vendor = await visitors.new()
    page = await vendor.be_vendor()
    await page.keyboard.type("50k")
    await page.locator("#make-qr").click()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    shopper = await visitors.new()
    loaded: list[Any] = []

    def finished(request: Any) -> None:
        loaded.append(request)

    shopper.page.on("requestfinished", finished)
    await shopper.go(f"/tra/{await newest_sale(page)}")
    await shopper.page.wait_for_load_state("load")
    await shopper.page.evaluate("document.fonts.ready.then(() => true)")
    await shopper.page.wait_for_load_state("networkidle")
    sizes: dict[str, int] = {}
    for request in loaded:
        spent = await request.sizes()
        sizes[request.url] = spent["responseBodySize"] + spent["responseHeadersSize"]

    assert sum(sizes.values()) < 100_000, sizes
    assert any(url.endswith("app.css") for url in sizes)


async def newest_sale(page: Any) -> str:
    here = re.fullmatch(r"(http://[^/]+)/ban-hang/([0-9a-f-]+)", page.url)
    assert here
    answer = await page.request.get(f"{here[1]}/api/stalls/{here[2]}/sales")
    return str((await answer.json())["sales"][0]["payment_id"])
