"""The vendor's till: amount → code → money heard; and what happens when the line is cut."""

import json
import re
from pathlib import Path

import zxingcpp
from PIL import Image
from playwright.async_api import Page, expect

from tests.browser.people import Visitor, Visitors

KEYED = json.loads((Path(__file__).parents[1] / "data" / "keyed_amounts.json").read_text("utf-8"))


async def key(page: Page, *keys: str) -> None:
    for one in keys:
        await page.locator(f'#keys [data-key="{one}"]').click()


async def until(page: Page, truth: str) -> None:
    """Wait for an expression; Playwright's own way needs the eval that the policy forbids."""
    for _ in range(300):
        if await page.evaluate(truth):
            return
        await page.wait_for_timeout(50)
    raise AssertionError(f"never true: {truth}")


async def spoken(page: Page) -> list[str]:
    return list(await page.evaluate("window.spoken"))


async def shown_memo(page: Page) -> str:
    """The code in the memo of the QR on the screen: object 62, field 08."""
    await expect(page.locator("#qr-code svg")).to_be_visible()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    return memo_in(str(await page.locator("#qr-code").get_attribute("data-code")))


def memo_in(text: str) -> str:
    return objects(objects(text)["62"])["08"]


def objects(text: str) -> dict[str, str]:
    found, at = {}, 0
    while at + 4 <= len(text):
        length = int(text[at + 2 : at + 4])
        found[text[at : at + 2]] = text[at + 4 : at + 4 + length]
        at += 4 + length
    return found


async def test_two_taps_after_the_amount_show_a_code_that_asks_for_it(
    visitor: Visitor, tmp_path: Path
):
    page = await visitor.be_vendor()

    await key(page, "5", "0", "000")
    await page.locator("#make-qr").click()
    memo = await shown_memo(page)
    await page.locator("#qr-code").screenshot(path=tmp_path / "code.png")

    read = zxingcpp.read_barcodes(Image.open(tmp_path / "code.png"))[0].text
    assert objects(read)["54"] == "50000"
    assert memo_in(read) == memo
    await expect(page.locator("#qr-amount")).to_have_text("50.000\u00a0₫")
    await expect(page.locator("#qr-payee")).to_contain_text(visitor.market.facts["holder_name"])
    await expect(page.locator("#qr-payee")).to_contain_text(visitor.market.facts["account_no"][-4:])
    assert await visitor.barriers() == []


async def test_the_money_is_seen_and_heard_with_its_result_first(visitor: Visitor):
    page = await visitor.be_vendor()
    await key(page, "4", "5", "000")
    await page.locator("#make-qr").click()
    memo = await shown_memo(page)

    await visitor.market.transfer(memo, 45_000)

    await expect(page.locator(".heard.heard-leaf h2")).to_have_text("ĐỦ TIỀN")
    await expect(page.locator(".heard .amount")).to_have_text("45.000\u00a0₫")
    await expect(page.locator(".heard .echo")).to_be_visible()
    await until(page, "window.spoken.length === 1")
    assert (await spoken(page))[-1].startswith("Đủ tiền. Đã nhận bốn mươi lăm nghìn đồng.")
    assert await visitor.barriers() == []
    await page.locator(".heard").click()
    await expect(page.locator("#screen-keypad")).to_be_visible()
    await expect(page.locator("#amount")).to_have_value("")


async def test_too_little_is_brick_and_the_code_then_asks_for_the_rest(visitor: Visitor):
    page = await visitor.be_vendor()
    await key(page, "2", "0", "0", "000")
    await page.locator("#make-qr").click()
    memo = await shown_memo(page)

    await visitor.market.transfer(memo, 200)

    await expect(page.locator(".heard.heard-brick h2")).to_have_text("THIẾU TIỀN")
    await expect(page.locator(".heard .amount")).to_have_text("200\u00a0₫")
    await until(page, "window.spoken.length === 1")
    assert (await spoken(page))[-1].startswith("Thiếu tiền. Mới nhận hai trăm đồng")
    assert await visitor.barriers() == []
    await page.locator(".heard").click()
    await expect(page.locator("#qr-state")).to_contain_text("Còn thiếu 199.800")
    asked = str(await page.locator("#qr-code").get_attribute("data-code"))
    assert objects(asked)["54"] == "199800"
    await visitor.market.transfer(memo, 199_800)
    await expect(page.locator(".heard.heard-leaf h2")).to_have_text("ĐỦ TIỀN")
    await expect(page.locator(".heard .amount")).to_have_text("200.000\u00a0₫")


async def test_too_much_is_honey_and_says_how_much_to_give_back(visitor: Visitor):
    page = await visitor.be_vendor()
    await key(page, "3", "0", "000")
    await page.locator("#make-qr").click()

    await visitor.market.transfer(await shown_memo(page), 50_000)

    await expect(page.locator(".heard.heard-honey h2")).to_have_text("THỪA TIỀN")
    await expect(page.locator(".heard")).to_contain_text("Thừa 20.000")
    assert await visitor.barriers() == []


async def test_three_payments_at_once_all_stay_on_the_screen(visitor: Visitor):
    page = await visitor.be_vendor()
    memos = []
    for amount in ("1", "2", "3"):
        await key(page, amount, "1", "000")
        await page.locator("#make-qr").click()
        memos.append(await shown_memo(page))
        await page.locator("#qr-next").click()
    await expect(page.locator("#waiting-text")).to_contain_text("3 chờ tiền")

    for memo, amount_vnd in zip(memos, (11_000, 21_000, 31_000), strict=True):
        await visitor.market.transfer(memo, amount_vnd)

    await expect(page.locator(".heard .earlier li")).to_have_count(2)
    await expect(page.locator(".heard")).to_contain_text("11.000")
    await expect(page.locator(".heard")).to_contain_text("21.000")
    await expect(page.locator(".heard")).to_contain_text("31.000")
    await page.locator(".heard").click()
    await expect(page.locator("#waiting")).to_be_hidden()


async def test_muted_the_screen_still_shows_the_money_and_can_say_it_again(visitor: Visitor):
    page = await visitor.be_vendor()
    await page.locator("#mute").click()
    await key(page, "1", "5", "000")
    await page.locator("#make-qr").click()

    await visitor.market.transfer(await shown_memo(page), 15_000)

    await expect(page.locator(".heard h2")).to_have_text("ĐỦ TIỀN")
    assert await spoken(page) == []
    await page.locator(".heard").click()
    await expect(page.locator("#mute")).to_have_attribute("aria-pressed", "true")
    await page.locator("#again").click()
    await until(page, "window.spoken.length === 1")


async def test_the_phones_keyboard_knows_how_people_write_amounts(visitor: Visitor):
    page = await visitor.be_vendor()

    await page.keyboard.type("1tr2")
    await expect(page.locator("#keyed-note")).to_have_text("= 1.200.000\u00a0₫")
    await page.locator("#amount").fill("1.5")

    await expect(page.locator("#keyed-note")).to_contain_text("Chưa rõ số tiền")
    await page.locator("#make-qr").click()
    await expect(page.locator("#screen-keypad")).to_be_visible()


async def test_the_browser_reads_amounts_by_the_servers_rules(visitor: Visitor):
    page = await visitor.be_vendor()

    wrong = await page.evaluate(
        """async ({ accepted, refused }) => {
          const main = [...document.scripts].find((one) => one.src.endsWith("js/till/main.js"));
          const { parseVnd } = await import(new URL("amount.js", main.src));
          const read = (text) => { try { return parseVnd(text); } catch (e) { return e.code; } };
          return [...accepted.filter((one) => read(one.text) !== one.amount_vnd),
                  ...refused.filter((one) => read(one.text) !== one.code)];
        }""",
        KEYED,
    )

    assert wrong == []


async def test_goods_are_sold_by_tile_and_by_weight(visitor: Visitor):
    page = await visitor.be_vendor("#hang")
    by_weight = page.locator(".tile", has_text="/kg").first
    await expect(page.locator(".tile").first).to_be_visible()
    if not await by_weight.count():
        by_weight = page.locator(".tile").first

    await by_weight.click()
    if await page.locator("#weigh").is_hidden():
        await by_weight.click()
    before = await page.locator("#weigh-quantity").inner_text()
    await page.locator("#weigh-more").click()
    assert await page.locator("#weigh-quantity").inner_text() != before
    assert await visitor.barriers() == []
    await page.locator("#weigh-put").click()
    total = await page.locator("#basket-vnd").inner_text()
    await page.locator("#basket-qr").click()

    await expect(page.locator("#qr-amount")).to_have_text(total)
    await shown_memo(page)


async def test_cash_is_recorded_beside_and_counted_today(visitor: Visitor):
    page = await visitor.be_vendor()
    await expect(page.locator("#today-count")).to_have_text(re.compile(r"\d+ lần"))
    before = int((await page.locator("#today-count").inner_text()).split()[0])

    await key(page, "2", "0", "000")
    await page.locator("#cash").click()

    await expect(page.locator("#toasts")).to_contain_text("Đã ghi tiền mặt 20.000")
    await expect(page.locator("#today-count")).to_have_text(f"{before + 1} lần")
    assert await page.locator(".heard").is_hidden()


async def test_a_figure_read_too_early_is_read_again_when_the_ledger_tells(visitor: Visitor):
    page = await visitor.be_vendor()
    await expect(page.locator("#today-count")).to_have_text(re.compile(r"\d+ lần"))
    before = int((await page.locator("#today-count").inner_text()).split()[0])
    old = await page.evaluate(
        f"fetch('{page.url.replace('/ban-hang/', '/api/stalls/')}/today').then((answer) => answer.text())"
    )
    await page.route("**/today", lambda route: route.fulfill(body=old), times=1)

    await key(page, "3", "0", "000")
    await page.locator("#cash").click()

    await expect(page.locator("#today-count")).to_have_text(f"{before + 1} lần")


async def test_a_cut_line_is_said_and_what_was_sold_is_sent_once_when_it_is_back(
    visitor: Visitor,
):
    visitor.watch.expected = ("ERR_INTERNET_DISCONNECTED", "ERR_FAILED", "Failed to fetch")
    page = await visitor.be_vendor()
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")
    await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    await until(page, "caches.match(location.pathname).then((page) => page !== undefined)")

    await visitor.context.set_offline(True)
    await expect(page.locator("#beat-word")).to_have_text("MẤT MẠNG")
    await key(page, "1", "7", "000")
    await page.locator("#cash").click()
    await expect(page.locator("#waiting-text")).to_contain_text("1 chưa gửi")
    await expect(page.locator("#alert")).to_contain_text("Mất mạng")
    await until(page, "window.spoken.some((words) => words.startsWith('Mất mạng'))")
    await page.reload()
    await expect(page.locator("#waiting-text")).to_contain_text("1 chưa gửi")
    await visitor.context.set_offline(False)

    await expect(page.locator("#beat-word")).to_have_text("Đang nghe", timeout=20_000)
    await expect(page.locator("#waiting")).to_be_hidden(timeout=20_000)
    sales = await (
        await page.request.get(f"{visitor.market.url}/api/stalls/{visitor.market.stall_id}/sales")
    ).json()
    assert [one["amount_vnd"] for one in sales["sales"]].count(17_000) == 1


async def test_without_a_line_the_printed_code_asks_for_the_amount(visitor: Visitor):
    visitor.watch.expected = ("ERR_INTERNET_DISCONNECTED",)
    page = await visitor.be_vendor()
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")
    stand = json.loads(str(await page.locator("#stall").text_content()))["stand"]["qr_text"]

    await visitor.context.set_offline(True)
    await expect(page.locator("#beat-word")).to_have_text("MẤT MẠNG")
    await key(page, "1", "2", "000")
    await page.locator("#make-qr").click()

    await expect(page.locator("#qr-state")).to_contain_text("Mất mạng")
    asked = objects(str(await page.locator("#qr-code").get_attribute("data-code")))
    assert asked["54"] == "12000"
    assert asked["38"] == objects(stand)["38"]
    assert asked["62"] == objects(stand)["62"]


async def test_money_that_came_while_the_line_was_cut_is_heard_afterwards(visitor: Visitor):
    visitor.watch.expected = ("ERR_INTERNET_DISCONNECTED",)
    page = await visitor.be_vendor()
    await key(page, "3", "3", "000")
    await page.locator("#make-qr").click()
    memo = await shown_memo(page)
    await visitor.context.set_offline(True)
    await expect(page.locator("#beat-word")).to_have_text("MẤT MẠNG")

    await visitor.market.transfer(memo, 33_000)
    await visitor.context.set_offline(False)

    await expect(page.locator(".heard h2")).to_have_text("ĐỦ TIỀN", timeout=20_000)
    await expect(page.locator(".heard .amount")).to_have_text("33.000\u00a0₫")


async def test_the_shopper_sees_success_only_once_the_stalls_side_has_the_money(
    visitors: Visitors,
):
    vendor, shopper = await visitors.new(), await visitors.new()
    page = await vendor.be_vendor()
    await key(page, "6", "0", "000")
    await page.locator("#make-qr").click()
    memo = await shown_memo(page)
    sales = await (
        await page.request.get(f"{vendor.market.url}/api/stalls/{vendor.market.stall_id}/sales")
    ).json()

    seen = await shopper.go(f"/tra/{sales['sales'][0]['payment_id']}")
    await expect(seen.locator("#pay-state")).to_contain_text("Sạp đang chờ tiền")
    await expect(seen.locator("#pay-amount")).to_have_text("60.000\u00a0₫")
    assert await shopper.barriers() == []
    await vendor.market.transfer(memo, 20_000)
    await expect(seen.locator("#pay-state")).to_contain_text("Còn thiếu 40.000")
    assert await shopper.barriers() == []
    await vendor.market.transfer(memo, 40_000)

    await expect(seen.locator(".state-line.leaf")).to_have_text("Sạp đã nhận đủ tiền")
    word = await page.locator(".heard .echo").inner_text()
    await expect(seen.locator(".echo")).to_have_text(word)
    assert await shopper.barriers() == []


async def test_a_cancelled_code_tells_the_shopper_not_to_pay(visitors: Visitors):
    vendor, shopper = await visitors.new(), await visitors.new()
    page = await vendor.be_vendor()
    await key(page, "8", "000")
    await page.locator("#make-qr").click()
    await shown_memo(page)
    sales = await (
        await page.request.get(f"{vendor.market.url}/api/stalls/{vendor.market.stall_id}/sales")
    ).json()
    seen = await shopper.go(f"/tra/{sales['sales'][0]['payment_id']}")
    await expect(seen.locator("#pay-state")).to_contain_text("Sạp đang chờ tiền")

    await page.locator("#qr-cancel").click()

    await expect(page.locator("#screen-keypad")).to_be_visible()
    await expect(seen.locator("#pay-state")).to_contain_text("Đừng chuyển tiền nữa")
    assert await shopper.barriers() == []
