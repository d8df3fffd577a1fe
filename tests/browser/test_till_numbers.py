"""A till whose line is cut gives the invoice's number and code itself; the invoice then carries them."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from payments import qr_picture
from tests.browser import test_invoices
from tests.browser.people import Visitors

SOON_MS = 90_000
LOST = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "navigator.vibrate")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]
market = test_invoices.market


async def listening(page: Page) -> None:
    """The line is there, and so are the till's numbers."""
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")
    for _ in range(400):
        if await page.evaluate(HAS_NUMBERS):
            return
        await page.wait_for_timeout(50)
    raise AssertionError("the till got no numbers")


EAR = """import(document.querySelector('script[src*="till/main"]').src.replace("main.js", "ear.js"))"""
"""The till's own line."""

HAS_NUMBERS = """() => new Promise((resolve) => {
  const request = indexedDB.open("cho-till");
  request.onsuccess = () => {
    const all = request.result.transaction("numbers").objectStore("numbers").getAll();
    all.onsuccess = () => { request.result.close(); resolve(all.result.some((one) => one.symbol)); };
  };
})"""


async def cut(page: Page, *, is_off: bool) -> None:
    """The line is cut or back; a stream that is open already outlives the browser's own switch."""
    await page.context.set_offline(is_off)
    if is_off:
        await page.evaluate(
            f"""async () => {{ const {{ line }} = await {EAR};
            line.source.close(); dispatchEvent(new Event("offline")); }}"""
        )
        await expect(page.locator("#beat-word")).to_have_text("MẤT MẠNG")
    else:
        await expect(page.locator("#beat-word")).to_have_text("Đang nghe", timeout=SOON_MS)


async def test_cash_without_a_line_has_its_invoice_number_at_once_and_the_invoice_carries_it(
    visitors: Visitors,
):
    vendor = await visitors.new()
    vendor.watch.expected = LOST
    page = await vendor.be_vendor()
    await listening(page)

    await cut(page, is_off=True)
    shown = []
    for amount in ("31k", "32k"):
        await page.keyboard.type(amount)
        await page.locator("#cash").click()
        await page.locator("#slip").get_by_role("button", name="Lập hóa đơn").click()
        await expect(page.locator("#slip code").first).to_have_text(
            re.compile(r"^M2-\d\d-\w{5}-\d{11}$")
        )
        shown.append(
            (
                await page.locator("#slip b").first.inner_text(),
                await page.locator("#slip code").first.inner_text(),
            )
        )
        assert await vendor.barriers() == []
    await cut(page, is_off=False)

    numbers = [int(re.findall(r"số (\d+)$", name)[0]) for name, _ in shown]
    assert numbers[1] == numbers[0] + 1
    await expect(page.locator("#waiting")).to_be_hidden(timeout=SOON_MS)
    for name, code in shown:
        symbol, number = re.fullmatch(r"Hóa đơn (\w+) số (\d+)", name).groups()
        await vendor.go(f"{vendor.market.till}/hoa-don")
        row = page.locator(".takings-list li", has_text=f"{symbol} {number}")
        await row.get_by_role("link", name="Xem", exact=True).click()
        await page.get_by_role("link", name="Trang khách xem").click()
        await expect(page.locator(".paper")).to_contain_text(code)


async def test_the_buyer_scans_the_slip_and_sees_the_invoice_once_the_stall_is_back(
    visitors: Visitors, tmp_path
):
    vendor, buyer = await visitors.new(), await visitors.new()
    vendor.watch.expected = LOST
    page = await vendor.be_vendor()
    await listening(page)
    await cut(page, is_off=True)
    await page.keyboard.type("34k")
    await page.locator("#cash").click()
    await page.locator("#slip").get_by_role("button", name="Lập hóa đơn").click()
    await expect(page.locator("#slip .qr svg")).to_be_visible()
    url = await page.locator("#slip .qr").get_attribute("data-code")
    letters = await page.locator("#slip code").last.inner_text()
    picture = await page.locator("#slip .qr").screenshot()
    await page.screenshot(path=tmp_path / "slip.png")
    assert await vendor.barriers() == []

    seen = await buyer.go(urlsplit(url).path)
    await expect(seen.locator("main")).to_contain_text("Chưa gửi")
    await seen.screenshot(path=tmp_path / "untold.png")
    assert await buyer.barriers() == []
    await cut(page, is_off=False)

    await expect(page.locator("#waiting")).to_be_hidden(timeout=SOON_MS)
    await buyer.go(urlsplit(url).path)
    await expect(seen.locator(".paper")).to_contain_text("34.000", timeout=SOON_MS)
    assert urlsplit(url).path == f"/hd/{letters.replace(' ', '')}"
    assert qr_picture.codes_in_picture(picture) == (url,)


async def test_a_till_that_was_closed_while_offline_hands_its_number_in_later(visitors: Visitors):
    vendor = await visitors.new()
    vendor.watch.expected = LOST
    page = await vendor.be_vendor()
    await listening(page)
    await cut(page, is_off=True)
    await page.keyboard.type("33k")
    await page.locator("#cash").click()
    await page.locator("#slip").get_by_role("button", name="Lập hóa đơn").click()
    await expect(page.locator("#slip b").first).to_have_text(re.compile(r"^Hóa đơn \w+ số \d+$"))
    name = await page.locator("#slip b").first.inner_text()
    await page.close()

    await vendor.context.set_offline(False)
    vendor.page = await vendor.context.new_page()
    page = await vendor.go(vendor.market.till)

    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")
    await expect(page.locator("#waiting")).to_be_hidden(timeout=SOON_MS)
    symbol, number = re.fullmatch(r"Hóa đơn (\w+) số (\d+)", name).groups()
    await vendor.go(f"{vendor.market.till}/hoa-don")
    await expect(page.locator("main")).to_contain_text(f"{symbol} {number}", timeout=SOON_MS)


async def test_the_till_hears_that_invoices_are_overdue(visitors: Visitors):
    vendor = await visitors.new()
    page = await vendor.be_vendor()
    await listening(page)

    await page.evaluate(
        f"""async () => {{ const {{ line }} = await {EAR};
        line.dispatchEvent(new CustomEvent("invoices_due", {{ detail: {{ level: "late", count: 2, rejected: 1 }} }})); }}"""
    )

    await expect(page.locator("#alert")).to_contain_text("2 hóa đơn quá hạn chưa tới cơ quan thuế.")
    await expect(page.locator("#alert a")).to_have_attribute(
        "href", f"{vendor.market.till}/hoa-don"
    )
    assert await vendor.barriers() == []
