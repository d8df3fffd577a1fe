"""The whole road on phones: onboard → sell → pay → hear → receipt → invoice → the ward's figure."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import Locator, Page, expect

from tests.browser.opening import Openings
from tests.browser.people import Market, Visitor, Visitors

SOON_MS = 20_000
"""For what the worker, the relay and a partner do between them on a busy machine."""
PIN = "739150"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(700)]


@pytest.fixture(scope="module")
def market(openings: Openings) -> Iterator[Market]:
    """An open market with its simulated partners, for this file alone."""
    with openings.alone("road_opened") as opened:
        yield opened


async def read_code(shown: Locator, picture: Path) -> str:
    """What a phone's camera reads from a code on another screen; its picture is kept."""
    await shown.screenshot(path=picture)
    found = zxingcpp.read_barcodes(Image.open(picture))
    assert found, f"no camera reads {picture}"
    return found[0].text


async def pay_by_bank(page: Page, *, amount: str = "", at: str = "") -> None:
    """On the bank's page that pays: look, maybe change the amount, send."""
    if at:
        await page.goto(at)
    await expect(page.get_by_role("heading", name="Chuyển tiền")).to_be_visible()
    if amount:
        await page.get_by_label("Số tiền").fill(amount)
    await page.get_by_role("button", name="Chuyển tiền").click()
    await expect(page.get_by_role("heading", name="Đã chuyển")).to_be_visible()


async def key_amount(page: Page, keys: str) -> None:
    await expect(page.locator("#beat-word")).to_have_text("Đang nghe")
    for one in keys.split():
        await page.locator(f'#keys [data-key="{one}"]').click()
    await page.locator("#make-qr").click()
    await expect(page.locator("#qr-state")).to_contain_text("Đang chờ tiền")


async def newest_payment(page: Page) -> str:
    found = re.match(r"(.*)/ban-hang/([0-9a-f-]+)", page.url)
    assert found
    sold = await (await page.request.get(f"{found[1]}/api/stalls/{found[2]}/sales")).json()
    return str(sold["sales"][0]["payment_id"])


async def last_said(page: Page) -> str:
    """The newest sentence this phone spoke; it follows its sound."""
    for _ in range(200):
        said = list(await page.evaluate("window.spoken"))
        if said:
            return str(said[-1])
        await page.wait_for_timeout(50)
    raise AssertionError("nothing was said")


async def reload_until(page: Page, wanted: Locator, *, tries: int = 40) -> None:
    """Look again every half second, as an impatient person does."""
    for _ in range(tries):
        if await wanted.count():
            return
        await page.wait_for_timeout(500)
        await page.reload()
    await expect(wanted).to_be_visible()


async def paid_points(page: Page) -> int:
    """The ward's sales points that took cashless money today, as the live line says."""
    line = page.locator("#now")
    await expect(line).to_contain_text("điểm đã nhận tiền", timeout=SOON_MS)
    found = re.search(r"([\d.]+)\s*điểm đã nhận tiền", await line.inner_text())
    assert found
    return int(found[1].replace(".", ""))


async def test_from_an_empty_stall_to_the_wards_figure(visitors: Visitors, tmp_path: Path):
    official, team = await visitors.new(), await visitors.new()
    vendor, shopper = await visitors.new(), await visitors.new()
    facts = visitors.market.facts
    ward = await official.be(facts["official_person_id"], f"/phuong/{facts['unit_id']}")
    points_before = await paid_points(ward)

    first_code = await onboard(team, shopper, tmp_path)
    till = await sign_in_first(vendor, first_code)
    word = await sell_and_hear(vendor, till, shopper)
    await register_for_invoices(till, facts["newcomer_tax_id"])
    await take_invoice(till, word, facts["newcomer_tax_id"])

    await ward.reload()
    assert await paid_points(ward) == points_before + 1
    assert await official.barriers() == []


async def onboard(team: Visitor, payer: Visitor, folder: Path) -> str:
    """Six inputs at the stall; what the vendor's phone reads from the team's screen at the end."""
    facts = team.market.facts
    bank = await payer.page.request.post(
        f"{facts['bank_url']}/api/accounts",
        data={
            "bank_bin": "970436",
            "account_no": facts["newcomer_account_no"],
            "holder": facts["newcomer_holder"],
        },
    )
    assert bank.status == 201
    page = await team.be(facts["team_person_id"], "/to-cong-nghe")
    hall = page.locator("main > section").filter(
        has=page.get_by_role("heading", name=facts["empty_stall_hall"], exact=True)
    )
    await hall.get_by_role("link").filter(has_text=facts["empty_stall_code"]).first.click()
    await expect(page.get_by_role("heading", name="Ai bán ở sạp này?")).to_be_visible()
    await page.get_by_label("Họ và tên").fill(facts["newcomer_name"])
    await page.get_by_label("Số điện thoại").fill(facts["newcomer_phone"])
    await page.get_by_role("button", name="Tiếp").click()

    await page.locator("input[type=checkbox][required]").check()
    await page.get_by_role("button", name="Người bán đồng ý").click()

    await page.get_by_label("Ngân hàng").select_option("970436")
    await page.get_by_label("Số tài khoản").fill(facts["newcomer_account_no"])
    await page.get_by_role("button", name="Tiếp").click()

    await expect(page.locator("#test")).to_contain_text("Đang chờ 1.000\u00a0₫")
    await expect(page.locator("#test")).to_contain_text("Tên khớp với ngân hàng")
    await read_code(page.locator("#test div.qr"), folder / "test.png")
    await payer.page.goto(f"{facts['bank_url']}/")
    await payer.page.get_by_label("Ảnh mã QR").set_input_files(folder / "test.png")
    await payer.page.get_by_role("button", name="Tiếp tục").click()
    await expect(payer.page.get_by_text(facts["newcomer_holder"], exact=True)).to_be_visible()
    await pay_by_bank(payer.page)

    await expect(page.get_by_text("Tiền về đúng tài khoản.")).to_be_visible(timeout=SOON_MS)
    printed = page.get_by_role("link", name="In A6")
    stand = await page.request.get(f"{facts['url']}{await printed.get_attribute('href')}")
    assert stand.headers["content-type"] == "application/pdf"
    assert (await stand.body()).startswith(b"%PDF")
    await page.get_by_role("button", name="Hiện mã đăng nhập lần đầu").click()
    address = await read_code(page.locator(".code-card div.qr"), folder / "first.png")
    await page.get_by_role("button", name="Xong, sạp tiếp theo").click()
    await expect(page.get_by_role("heading", name="Sạp cần đến hôm nay")).to_be_visible()
    return address


async def sign_in_first(vendor: Visitor, address: str) -> Page:
    """The vendor's own phone scans the code and sets a PIN; the keypad is what comes then."""
    page = vendor.page
    await page.goto(address)
    await expect(page.get_by_label("Số điện thoại")).to_have_value(
        vendor.market.facts["newcomer_phone"]
    )
    await page.get_by_label("Mã PIN mới").fill(PIN)
    await page.get_by_role("button", name="Lưu mã PIN và vào").click()
    await expect(page.locator("#screen-keypad")).to_be_visible()
    return page


async def sell_and_hear(vendor: Visitor, till: Page, shopper: Visitor) -> str:
    """50.000 keyed, one tap, paid on the shopper's phone, heard; the word on both screens."""
    await key_amount(till, "5 0 000")
    await expect(till.locator("#qr-payee")).to_contain_text(vendor.market.facts["newcomer_holder"])
    seen = await shopper.go(f"/tra/{await newest_payment(till)}")
    await expect(seen.locator("#pay-state")).to_contain_text("Sạp đang chờ tiền")
    await seen.get_by_role("link", name="Mở ứng dụng ngân hàng").click()
    await pay_by_bank(seen)

    await expect(till.locator(".heard.heard-leaf h2")).to_have_text("ĐỦ TIỀN")
    await expect(till.locator(".heard .amount")).to_have_text("50.000\u00a0₫")
    echo = till.locator(".heard .echo")
    word, colour = await echo.inner_text(), str(await echo.get_attribute("class"))
    said = await last_said(till)
    assert said.startswith("Đủ tiền. Đã nhận năm mươi nghìn đồng.")
    assert word in said
    assert await vendor.barriers() == []
    await till.keyboard.press("Escape")  # it may have gone by itself
    await expect(till.locator(".heard")).to_be_hidden()
    await shopper.go(f"/tra/{await newest_payment(till)}")
    await expect(seen.locator(".state-line.leaf")).to_have_text("Sạp đã nhận đủ tiền")
    await expect(seen.locator(".echo")).to_have_text(word)
    await expect(seen.locator(".echo")).to_have_class(colour)
    assert await shopper.barriers() == []
    return word


async def register_for_invoices(till: Page, tax_id: str) -> None:
    """Once a stall: consent and tax id, and the tax authority's yes."""
    await till.goto(f"{till.url.split('#')[0]}/cai-dat")
    await till.get_by_label("Mã số thuế hoặc số định danh").fill(tax_id)
    await till.locator('input[name="agreed"]').check()
    await till.get_by_role("button", name="Đăng ký").click()
    await reload_until(till, till.get_by_text("Cơ quan thuế đã chấp nhận"))


async def take_invoice(till: Page, word: str, tax_id: str) -> None:
    """One tap on the sale in the takings; then whoever has the code sees what the authority says."""
    await till.goto(till.url.replace("/cai-dat", "/tien-ve"))
    row = till.locator(".takings-list li").filter(has_text=word)
    await row.get_by_role("button", name="Lập hóa đơn").click()
    await till.wait_for_url(re.compile(r"/hd/"))
    await expect(till.locator("article")).to_contain_text("50.000\u00a0₫")
    await expect(till.locator("article")).to_contain_text("Năm mươi nghìn đồng")
    await expect(till.locator("article")).to_contain_text(tax_id)
    await reload_until(till, till.get_by_text("Cơ quan thuế đã nhận"))
    for kind, start in (("xml", b"<"), ("pdf", b"%PDF")):
        paper = await till.request.get(f"{till.url}/{kind}")
        assert (await paper.body()).startswith(start)


async def test_a_shopper_who_sends_too_little_is_heard_as_too_little(visitors: Visitors):
    vendor, shopper = await visitors.new(), await visitors.new()
    till = await vendor.be_vendor()
    await key_amount(till, "8 0 000")

    seen = await shopper.go(f"/tra/{await newest_payment(till)}")
    await seen.get_by_role("link", name="Mở ứng dụng ngân hàng").click()
    await pay_by_bank(seen, amount="50k")

    await expect(till.locator(".heard.heard-brick h2")).to_have_text("THIẾU TIỀN")
    await expect(till.locator(".heard")).to_contain_text("Còn thiếu 30.000")
    assert (await last_said(till)).startswith("Thiếu tiền. Mới nhận năm mươi nghìn đồng")
    await shopper.go(f"/tra/{await newest_payment(till)}")
    await expect(seen.locator("#pay-state")).to_contain_text("Còn thiếu 30.000")
    await expect(seen.locator(".state-line.leaf")).to_have_count(0)


async def test_a_forged_notice_is_not_heard_and_the_clerk_sees_it(visitors: Visitors):
    vendor, shopper, clerk = [await visitors.new() for _ in range(3)]
    facts = visitors.market.facts
    till = await vendor.be_vendor()
    desk = await clerk.be(facts["clerk_person_id"], "/doi-soat")
    forged_before = await desk.get_by_text("Giả mạo").count()
    await key_amount(till, "7 0 000")

    await shopper.page.request.post(
        f"{facts['bank_url']}/control", data={"forge": {"next": 1}, "drop": {"next": 1}}
    )
    seen = await shopper.go(f"/tra/{await newest_payment(till)}")
    await seen.get_by_role("link", name="Mở ứng dụng ngân hàng").click()
    await pay_by_bank(seen)

    await reload_until(desk, desk.get_by_text("Giả mạo").nth(forged_before))
    assert (await till.locator(".heard").inner_text()) == ""
    assert list(await till.evaluate("window.spoken")) == []
    await expect(till.locator("#qr-state")).to_contain_text("Đang chờ tiền")
    await shopper.go(f"/tra/{await newest_payment(till)}")
    await expect(seen.locator("#pay-state")).to_contain_text("Sạp đang chờ tiền")
