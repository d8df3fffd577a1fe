"""The morning's check by photo, on a phone: the own code, and one pasted over it."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from payments import qr
from tests.browser.people import Visitors


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_a_vendor_photographs_the_code_and_a_false_one_stops_everything(
    visitors: Visitors, tmp_path: Path, theme: str
):
    visitor = await visitors.new(theme=theme)
    page = await visitor.be_vendor("/ma-qr")
    answer = await page.request.get(f"{visitor.market.url}/api/stalls/{visitor.market.stall_id}")
    own, false = tmp_path / "own.png", tmp_path / "false.png"
    own.write_bytes(qr.qr_png((await answer.json())["stand"]["qr_text"]))
    false.write_bytes(qr.qr_png(qr.write_vietqr("970418", "555666777", merchant_name="CO LAN")))

    await page.get_by_role("link", name="Chụp mã trên sạp để kiểm tra").click()
    await page.get_by_label("Chụp tờ mã đang để trên sạp").set_input_files(own)
    await page.get_by_role("button", name="Kiểm tra").click()
    await expect(page.get_by_role("status").filter(has_text="Đúng mã của sạp")).to_be_visible()
    right = await visitor.barriers()
    await page.get_by_label("Chụp tờ mã đang để trên sạp").set_input_files(false)
    await page.get_by_role("button", name="Chụp lại và kiểm tra").click()
    await expect(page.get_by_role("alert").filter(has_text="Sai mã!")).to_be_visible()

    assert right == []
    assert await visitor.barriers() == []
