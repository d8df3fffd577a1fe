"""A photo of the code on the table: the own one, a pasted-over one, both, and no code at all."""

import io
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import text

from market import clock, ids
from market.db import Database
from market.tables import StandRow
from payments import qr, qr_picture

HTML = {"accept": "text/html"}
OURS = qr.write_vietqr("970436", "9990001112223", memo="CHOK7M2QX", merchant_name="CO LAN")
PASTED_OVER = qr.write_vietqr("970418", "555666777", merchant_name="CO LAN")


@pytest.fixture
async def photo(database: Database, world: Any, as_: Any) -> Any:
    """`await photo(code, …)`: the page after the vendor sent a picture of these codes."""
    async with database.as_system() as db:
        db.add(
            StandRow(
                id=ids.new(), serial="A2B3C4", stall_id=world.stall_id, qr_text=OURS,
                memo="CHOK7M2QX", payee_account_id=world.payee_id, issued_at=clock.now(),
            )
        )  # fmt: skip

    async def send(*codes: str, picture: bytes | None = None, who: str = "vendor") -> Any:
        return await as_(who).post(
            f"/ban-hang/{world.stall_id}/kiem-tra-ma",
            files={
                "photo": ("anh.png", picture if picture is not None else _sheet(codes), "image/png")
            },
            headers=HTML,
        )

    return send


def _sheet(codes: tuple[str, ...]) -> bytes:
    sheet = Image.new("L", (400 * max(len(codes), 1), 400), 255)
    for at, code in enumerate(codes):
        drawn = Image.open(io.BytesIO(qr.qr_png(code, 6))).convert("L")
        sheet.paste(drawn.resize((360, 360)), (400 * at + 20, 20))
    file = io.BytesIO()
    sheet.save(file, "PNG")
    return file.getvalue()


async def _results(database: Database) -> list[str]:
    async with database.as_system() as db:
        rows = await db.execute(text("SELECT result FROM market.stand_check ORDER BY id"))
        return [row.result for row in rows]


async def test_the_own_code_is_right(photo: Any, database: Database) -> None:
    page = await photo(OURS)

    assert page.status_code == 200
    assert "Đúng mã của sạp" in page.text
    assert "Sai mã" not in page.text
    assert await _results(database) == ["same"]


async def test_a_pasted_over_code_is_told_with_both_receivers(
    photo: Any, database: Database
) -> None:
    page = await photo(PASTED_OVER)

    assert "Sai mã! Tiền sẽ về người khác." in page.text
    assert "BIDV · …&NoBreak;6777" in page.text
    assert "Vietcombank · …&NoBreak;2223" in page.text
    assert await _results(database) == ["other"]


async def test_a_wrong_code_beside_the_right_one_comes_first(
    photo: Any, database: Database
) -> None:
    page = await photo(OURS, PASTED_OVER)

    assert page.text.index("Sai mã!") < page.text.index("Đúng mã của sạp")
    assert sorted(await _results(database)) == ["other", "same"]


async def test_another_code_of_the_own_account_is_right_but_not_the_printed_one(photo: Any) -> None:
    page = await photo(qr.write_vietqr("970436", "9990001112223"))

    assert "Đây là mã khác của cùng tài khoản" in page.text


async def test_a_menu_link_is_no_payment_code(photo: Any, database: Database) -> None:
    page = await photo("https://example.vn/menu")

    assert "không phải mã trả tiền" in page.text
    assert await _results(database) == ["unreadable"]


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (_sheet(()), "Không thấy mã QR trong ảnh."),
        (b"no picture", "Tệp này không phải là ảnh."),
        (b"", "Tệp này không phải là ảnh."),
    ],
    ids=["blank", "text", "nothing"],
)
async def test_a_picture_that_says_nothing_is_told_and_not_recorded(
    photo: Any, database: Database, picture: bytes, sentence: str
) -> None:
    page = await photo(picture=picture)

    assert page.status_code == 200
    assert sentence in page.text
    assert await _results(database) == []


async def test_a_photo_larger_than_goods_may_have_is_taken_here(photo: Any) -> None:
    heavy = _sheet((OURS,)) + bytes(6_000_000)

    assert "Đúng mã của sạp" in (await photo(picture=heavy)).text


async def test_a_body_beyond_any_photo_is_refused(photo: Any) -> None:
    page = await photo(picture=bytes(qr_picture.PICTURE_BYTES_MAX + 200_000))

    assert page.status_code == 413


async def test_only_the_stalls_own_people_send_a_photo(photo: Any, as_: Any, world: Any) -> None:
    assert (await photo(OURS, who="other")).status_code == 403
    asked = await as_("other").get(f"/ban-hang/{world.stall_id}/kiem-tra-ma", headers=HTML)
    assert asked.status_code == 403


async def test_the_page_of_the_code_leads_to_the_check(photo: Any, as_: Any, world: Any) -> None:
    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/ma-qr", headers=HTML)

    assert f"/ban-hang/{world.stall_id}/kiem-tra-ma" in page.text
    checking = await as_("vendor").get(f"/ban-hang/{world.stall_id}/kiem-tra-ma", headers=HTML)
    assert "Chụp tờ mã đang để trên sạp" in checking.text
