"""Behind the code on an invoice: states, the original, its inspection, the name of the buyer."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

import einvoice
from einvoice.page import archive
from market import clock, ids
from market.web import lookup

PAGE = {"accept": "text/html"}


@pytest.fixture
async def issued(database, world, open_sale, notify, follow, as_):
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )
    sale = await open_sale(amount_vnd=85_000)
    await notify(sale["memo"], 85_000)
    await follow()
    return (await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")).json()


@pytest.fixture
def put(database, issued):
    """Change what stands of the invoice."""

    async def changed(**values):
        said = ", ".join(f"{name} = :{name}" for name in values)
        async with database.as_system() as db:
            await db.execute(
                text(f"UPDATE einvoice.invoice SET {said} WHERE id = :id"),
                {**values, "id": issued["invoice_id"]},
            )

    return changed


async def test_a_code_that_is_none_is_a_page_with_a_way_on(client):
    for code in ("AAAAAAAAAAAAAAAA", "x", "' OR 1=1 --"):
        page = await client.get(f"/hd/{code}", headers=PAGE)

        assert page.status_code == 404
        assert "Không có hóa đơn nào với mã này." in page.text
        assert 'name="ma"' in page.text


async def test_a_typed_code_leads_to_its_invoice(client, issued):
    code = issued["lookup_url"].rpartition("/")[2]

    found = await client.get(f"/hd?ma= {code.lower()} ", follow_redirects=False)
    empty = await client.get("/hd", headers=PAGE)

    assert found.headers["location"] == f"/hd/{code}"
    assert "Tra cứu hóa đơn" in empty.text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("numbered", "Chưa gửi cơ quan thuế"),
        ("sent", "Đang gửi cơ quan thuế"),
        ("accepted", "Cơ quan thuế đã nhận"),
        ("rejected", "Người bán đang xử lý"),
    ],
)
async def test_every_state_is_said_in_words(client, issued, put, state, said):
    await put(state=state)

    page = await client.get(issued["lookup_url"], headers=PAGE)

    assert said in page.text
    assert "Đã kiểm tra bản gốc: không thấy gì sai" in page.text


async def test_a_changed_original_is_told(issued, database):
    async with database.as_system() as db:
        found = await einvoice.invoice_by_id(db, issued["invoice_id"])
    changed = replace(found, xml=found.xml.replace(b"85000", b"95000", 1))

    assert lookup.seal_of(found, clock.now())["is_right"]
    assert not lookup.seal_of(changed, clock.now())["is_right"]


async def test_a_buyer_with_a_wrong_tax_id_is_told_and_keeps_what_was_keyed(as_, issued):
    answer = await as_("vendor").post(
        issued["lookup_url"] + "/ten", data={"name": "Công ty Ví Dụ", "tax_id": "12"}, headers=PAGE
    )

    assert answer.status_code == 422
    assert "Mã số thuế cần 10, 12 hoặc 13 chữ số." in answer.text
    assert 'value="Công ty Ví Dụ"' in answer.text


async def test_the_old_code_does_not_tell_who_the_buyer_is(as_, client, issued):
    named = await as_("vendor").post(
        issued["lookup_url"] + "/ten", data={"name": "Trần Văn Bí Mật"}
    )

    old = await client.get(issued["lookup_url"], headers=PAGE)

    assert named.status_code == 303
    assert "Hóa đơn này đã được thay thế" in old.text
    assert "Bí Mật" not in old.text
    assert named.headers["location"] not in old.text


async def test_a_named_invoice_is_not_renamed_by_whoever_holds_its_code(as_, client, issued):
    first = await as_("vendor").post(
        issued["lookup_url"] + "/ten",
        data={"name": "Trần Văn A", "tax_id": "038190000999", "address": "Thanh Hóa"},
    )

    second = await as_("vendor").post(
        first.headers["location"] + "/ten", data={"name": "Kẻ Khác"}, headers=PAGE
    )

    assert second.status_code == 409
    assert "Kẻ Khác" not in (await client.get(first.headers["location"], headers=PAGE)).text


async def test_naming_is_for_the_day_of_the_invoice_and_for_one_that_can_be_replaced(
    database, issued
):
    async with database.as_system() as db:
        found = await einvoice.invoice_by_id(db, issued["invoice_id"])
    now = clock.now()

    assert lookup.naming(found, now) == "nameable"
    assert lookup.naming(found, now + timedelta(days=1)) == "late"
    assert lookup.naming(replace(found, state="rejected"), now) == "refused"
    assert lookup.naming(replace(found, correction="adjusted"), now) == "corrected"


async def test_the_holder_of_yesterdays_code_is_told_whom_to_ask(issued, database, world, client):
    code = einvoice.lookup_code(b"0123456789")
    command = einvoice.IssueInvoice(
        id=ids.new(),
        owner_id=world.vendor_id,
        subject_id=ids.new(),
        seller=einvoice.Seller(name="Hộ", tax_id="038190000123", address="Sạp A12"),
        lines=(einvoice.line("Rau", 1, 5_000),),
        issued_at=clock.now() - timedelta(days=1),
        lookup_code=code,
    )
    async with database.as_system() as db:
        await einvoice.issue(db, command, now=clock.now())

    page = await client.get(f"/hd/{code}", headers=PAGE)

    assert "Hóa đơn lập ngày khác" in page.text
    assert "/ten" not in page.text


@pytest.mark.parametrize("size", ["a4", "k80"])
async def test_the_page_to_keep_has_the_original_inside(issued, client, size):
    original = await client.get(issued["lookup_url"] + "/xml")
    page = await client.get(f"{issued['lookup_url']}/pdf?kho={size}")

    assert archive.xml_in(page.content) == original.content
