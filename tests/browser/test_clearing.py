"""The settlement clerks: a day's file from the empty list to the vendor's money, by two persons."""

from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pypdf
from playwright.async_api import Page, expect

from market import clock, ids
from payments.clearing import fees
from payments.gateways import vnpay
from payments.reconciliation.provider_file import Row, written
from tests.browser.people import DESK, Market, Visitor, Visitors

SESSIONS = "/doi-soat/phien"
REFUSED = "the server responded with a status of 4"
"""Chromium notes every answer that is a no."""
NOT_TOUCHED = "navigator.vibrate"
"""A page opened by a script has not been tapped yet, so the browser lets it not vibrate."""


async def sold(page: Page, market: Market, amount_vnd: int) -> str:
    """A sale that the vendor asked VNPAY to collect; its payment's id."""
    token = next(one["value"] for one in await page.context.cookies() if one["name"] == "cho_csrf")
    answer = await page.request.post(
        f"{market.url}/api/stalls/{market.stall_id}/sales",
        data={
            "sale_id": str(ids.new()), "amount_vnd": amount_vnd, "method": "vnpay", "lines": [],
            "sold_at": clock.now().isoformat(),
        },
        headers={"x-csrftoken": token},
    )  # fmt: skip
    assert answer.status == 201, await answer.text()
    return str((await answer.json())["payment_id"])


async def told(market: Market, payment_id: str, number: str, amount_vnd: int, at: datetime) -> None:
    """VNPAY's IPN of a payment."""
    query = vnpay.signed_query(
        {
            "vnp_Amount": str(amount_vnd * 100), "vnp_BankCode": "NCB",
            "vnp_BankTranNo": f"VNP{number}", "vnp_CardType": "ATM", "vnp_OrderInfo": "Thanh toan",
            "vnp_PayDate": vnpay.stamp(at), "vnp_ResponseCode": "00",
            "vnp_TmnCode": market.facts["vnpay_tmn_code"], "vnp_TransactionNo": number,
            "vnp_TransactionStatus": "00", "vnp_TxnRef": f"{payment_id}.a1b2c3",
        },
        market.facts["vnpay_secret"],
    )  # fmt: skip
    async with httpx.AsyncClient(trust_env=False, timeout=10) as acquirer:
        answer = await acquirer.get(f"{market.url}/hooks/vnpay?{query}")
    assert answer.json()["RspCode"] == "00"


def row(seq: int, payment_id: str, number: str, amount_vnd: int, at: datetime) -> Row:
    day = clock.local_day(at)
    fee = fees.fee_of(fees.schedule_for("vnpay", "NCB", day), amount_vnd)
    return Row(
        seq=seq, settlement_date=day.isoformat(), tmn_code="CHODEMO1",
        txn_ref=f"{payment_id}.a1b2c3", provider_txn_no=number, bank_tran_no="", bank_code="NCB",
        txn_type="PAYMENT", txn_time=vnpay.stamp(at), amount=amount_vnd, fee=fee.fee_vnd,
        fee_vat=fee.vat_vnd, net_amount=amount_vnd - fee.total_vnd, currency="VND", status="00",
        original_provider_txn_no="", remark="",
    )  # fmt: skip


async def load(page: Page, content: bytes) -> None:
    await page.locator("input[type=file]").set_input_files(
        {"name": "quyet-toan.csv", "mimeType": "text/csv", "buffer": content}
    )
    await page.get_by_role("button", name="Nạp và đối chiếu").click()


async def comes_to(page: Page, text: str) -> None:
    """The worker is a moment behind: look again until it is there."""
    for _ in range(80):
        if text in await page.inner_text("main"):
            return
        await page.wait_for_timeout(250)
        await page.reload()
    raise AssertionError(f"{text} never appeared")


async def test_a_days_file_goes_from_the_empty_list_to_the_vendors_account(
    visitors: Visitors, market: Market, tmp_path: Path
):
    vendor, first = await visitors.new(), await visitors.new()
    second = await visitors.new(size=DESK)
    first.watch.expected, vendor.watch.expected = (REFUSED,), (NOT_TOUCHED,)
    at = clock.day_bounds(clock.local_day(clock.now()))[0] - timedelta(hours=12)
    till = await vendor.be_vendor("/tien-ve")
    rows = []
    for seq, amount_vnd in enumerate((85_000, 12_345), 1):
        payment_id, number = await sold(till, market, amount_vnd), str(15_900_000 + seq)
        rows.append(row(seq, payment_id, number, amount_vnd, at))
        if seq == 1:  # of the other one no notice ever comes
            await told(market, payment_id, number, amount_vnd, at)

    page = await first.be(market.facts["clerk_person_id"], SESSIONS)
    await expect(page.get_by_text("Chưa có phiên nào")).to_be_visible()
    await page.screenshot(path=tmp_path / "1-empty.png", full_page=True)
    assert await first.barriers() == []

    await load(page, written(rows).replace(b";VND;", b";USD;", 1))
    await expect(page.get_by_role("alert")).to_contain_text("Dòng 2")
    await page.screenshot(path=tmp_path / "2-wrong.png", full_page=True)
    assert await first.barriers() == []

    await load(page, written(rows))
    await expect(page.get_by_text("Thường là mất tin báo")).to_be_visible()
    await page.screenshot(path=tmp_path / "3-reconciled.png", full_page=True)
    assert await first.barriers() == []
    await page.get_by_role("button", name="Ghi nhận khoản này").click()
    await expect(page.get_by_text("Không còn dòng lệch nào chờ xem.")).to_be_visible()
    await page.get_by_role("button", name="Duyệt lần một").click()
    await expect(page.get_by_text("Lần hai phải là người khác")).to_be_visible()
    await page.screenshot(path=tmp_path / "4-first.png", full_page=True)
    assert await first.barriers() == []

    other = await second.be(market.facts["second_clerk_person_id"], page.url[len(market.url) :])
    await other.screenshot(path=tmp_path / "5-second.png", full_page=True)
    await other.get_by_role("button", name="Duyệt lần hai, gửi lệnh").click()
    await comes_to(other, "Cổng thanh toán chuyển cho ai")
    await other.screenshot(path=tmp_path / "6-instructed.png", full_page=True)
    assert await second.barriers() == []
    reference = await other.locator("td[data-name='Mã chuyển tiền']").inner_text()
    await market.transfer(reference, 84_158 + 12_223)
    await comes_to(other, "Đã về")
    await other.screenshot(path=tmp_path / "7-confirmed.png", full_page=True)
    await expect(other.get_by_text("Tiền đã về đủ").first).to_be_visible()
    assert await second.barriers() == []

    await the_vendor_reads_it(vendor, tmp_path)


async def the_vendor_reads_it(vendor: Visitor, tmp_path: Path) -> None:
    """Every fee on the vendor's own page, and in the PDF."""
    mine = await vendor.go(f"{vendor.market.till}/quyet-toan")
    await expect(mine.get_by_text("96.381").first).to_be_visible()
    await mine.screenshot(path=tmp_path / "8-vendor.png", full_page=True)
    assert await vendor.barriers() == []
    async with mine.expect_download() as kept:
        await mine.get_by_role("link", name="PDF").click()
    path = tmp_path / "statement.pdf"
    await (await kept.value).save_as(path)
    text = "".join(one.extract_text() for one in pypdf.PdfReader(path).pages)
    for said in ("85.000", "765", "84.158", "12.223", "96.381"):
        assert said in text
