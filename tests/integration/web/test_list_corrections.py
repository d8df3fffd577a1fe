"""Several invoices of one buyer set right at once: by screen and API, at the stand-in authority."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

import einvoice
from market import clock, corrections, ids, sales
from market.flows import invoice_issuing

FIRM = einvoice.Buyer(name="Công ty Mua", tax_id="0107001729")
PERSON = einvoice.Buyer(name="Bà Năm", tax_id="038190000456")
LINES = [
    {"name": "Bún", "unit": "tô", "quantity": "2", "unit_price_vnd": 40_000, "amount_vnd": 80_000},
    {"name": "Trà", "unit": "ly", "quantity": "1", "unit_price_vnd": 5_000, "amount_vnd": 5_000},
]


@pytest.fixture
async def registered(database, world) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )


@pytest.fixture
def invoiced(registered, open_sale, follow, database, accept):
    """Cash sales with accepted invoices in a buyer's name."""

    async def made(buyer=PERSON, count=2):
        found = []
        for _ in range(count):
            sale = await open_sale(amount_vnd=85_000, method="cash", lines=LINES)
            await follow()
            async with database.as_system() as db:
                plain = await invoice_issuing.issue_for_sale(
                    db, UUID(sale["sale_id"]), now=clock.now()
                )
                named = await einvoice.correct(
                    db,
                    einvoice.CorrectInvoice(
                        id=ids.new(), invoice_id=plain.id, method=einvoice.Method.REPLACES,
                        issued_at=clock.now(), buyer=buyer,
                        lookup_code=einvoice.lookup_code(ids.new().bytes[::-1]),
                    ),
                    now=clock.now(),
                )  # fmt: skip
                await sales.point_to(db, [plain.subject_id], named.id)
            found.append(named.id)
        await accept()
        return found

    return made


@pytest.fixture
def accept(database):
    """The authority takes everything that was numbered."""

    async def taken():
        async with database.as_system() as db:
            await db.execute(text("UPDATE einvoice.invoice SET state = 'accepted'"))

    return taken


@pytest.fixture
def page_of(world):
    return lambda invoice_id: f"/ban-hang/{world.stall_id}/hoa-don/{invoice_id}/sua/nhieu"


@pytest.fixture
def invoice(database):
    async def found(invoice_id):
        async with database.as_system() as db:
            return await einvoice.invoice_by_id(db, invoice_id)

    return found


async def test_a_wrong_price_on_two_invoices_is_one_replacement_with_its_list(
    invoiced, as_, page_of, world, invoice
):
    first, second = await invoiced()
    page, new_id = page_of(first), ids.new()
    form = {"id": str(new_id), "loai": "price", "hang": "Bún", "gia": "45.000",
            "hd": [str(first), str(second)]}  # fmt: skip

    what = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hoa-don/{first}/sua")
    tiles = await as_("vendor").get(page)
    keyed = await as_("vendor").get(f"{page}?loai=price")
    shown = await as_("vendor").post(page, data=form)
    sure = await as_("vendor").post(page, data={**form, "chac": "1"})
    twice = await as_("vendor").post(page, data={**form, "chac": "1"})
    state = await as_("vendor").get(sure.headers["location"])

    new = await invoice(new_id)
    assert page in what.text
    assert "Chiết khấu sau khi bán" in tiles.text
    assert "Đơn giá đúng" in keyed.text
    assert re.search(r"20\.000\s₫", shown.text)
    assert twice.headers["location"] == sure.headers["location"]
    assert new.payable_vnd == 2 * 95_000
    assert [(await invoice(one)).correction for one in (first, second)] == ["replaced"] * 2
    assert "/bang-ke/pdf" in state.text


async def test_the_list_is_taken_away_as_pdf_and_as_xlsx(invoiced, as_, world):
    found = await invoiced()
    done = await _by_api(as_, world, found, kind="name", goods="Bún", name="Bún bò")
    here = f"/ban-hang/{world.stall_id}/sua-hoa-don/{done['correction_id']}/bang-ke"

    pdf = await as_("vendor").get(f"{here}/pdf")
    xlsx = await as_("vendor").get(f"{here}/xlsx")
    other = await as_("other").get(f"{here}/pdf")

    assert pdf.content.startswith(b"%PDF")
    assert xlsx.content.startswith(b"PK")
    assert other.status_code in {403, 404}


async def test_who_holds_the_code_of_the_one_invoice_gets_its_list(
    invoiced, as_, world, client, invoice
):
    found = await invoiced()
    done = await _by_api(as_, world, found, kind="name", goods="Bún", name="Bún bò")
    new, old = await invoice(UUID(done["new_invoice_id"])), await invoice(found[0])
    here = f"/hd/{new.lookup_code}"

    page = await client.get(here)
    listed = await client.get(f"{here}/bang-ke/pdf")
    elsewhere = await client.get(f"/hd/{old.lookup_code}")
    none = await client.get(f"/hd/{old.lookup_code}/bang-ke/pdf")

    assert f"{here}/bang-ke/pdf" in page.text
    assert listed.content.startswith(b"%PDF")
    assert "/bang-ke/" not in elsewhere.text
    assert none.status_code == 404


async def test_a_rebate_of_the_month_is_one_adjustment_shared_out(invoiced, as_, world, invoice):
    found = await invoiced(count=3)

    done = await _by_api(as_, world, found, kind="rebate", rebate_vnd=30_000)

    new = await invoice(UUID(done["new_invoice_id"]))
    assert (done["state"], done["action"], done["difference_vnd"]) == ("written", "adjust", -30_000)
    assert new.payable_vnd == -30_000
    assert [(await invoice(one)).correction for one in found] == ["adjusted"] * 3


async def test_a_business_signs_one_agreement_for_all_before_anything_is_numbered(
    invoiced, as_, page_of, world, invoice, database
):
    found = await invoiced(FIRM)
    done = await _by_api(as_, world, found, kind="buyer", tax_id="0100109106", name="Công ty Mua")
    place = f"/ban-hang/{world.stall_id}/sua-hoa-don/{done['correction_id']}"

    asked = await as_("vendor").get(place)
    before = await invoice(found[0])
    await as_("vendor").post(f"{place}/dong-y", data={"so": "TT-01", "ngay": "2026-11-23"})
    after = (
        await as_("vendor").get(
            f"/api/stalls/{world.stall_id}/invoice-lists/{done['correction_id']}"
        )
    ).json()

    assert (done["state"], done["new_invoice_id"], before.correction) == ("agreeing", None, "")
    assert "Các hóa đơn sau có cùng sai sót" in asked.text
    assert (after["state"], after["action"]) == ("written", "replace")
    assert (await invoice(UUID(after["new_invoice_id"]))).invoice.buyer.tax_id == ("0100109106")


async def test_one_alone_is_not_a_list(invoiced, as_, page_of, world):
    found = await invoiced()

    answer = await as_("vendor").post(
        page_of(found[0]),
        data={"id": str(ids.new()), "loai": "price", "hang": "Bún", "gia": "45000",
              "hd": [str(found[0])]},
    )  # fmt: skip

    assert answer.status_code == 422
    assert "Cần ít nhất hai hóa đơn" in answer.text


async def test_somebody_else_corrects_nothing(invoiced, as_, world):
    found = await invoiced()

    answer = await as_("other").post(
        f"/api/stalls/{world.other_stall_id}/invoice-lists",
        json={"correction_id": str(ids.new()), "invoice_ids": [str(one) for one in found],
              "fix": {"kind": "rebate", "rebate_vnd": 1_000}},
    )  # fmt: skip

    assert answer.status_code == 404


async def _by_api(as_, world, found, **fix):
    answer = await as_("vendor").post(
        f"/api/stalls/{world.stall_id}/invoice-lists",
        json={"correction_id": str(ids.new()), "invoice_ids": [str(one) for one in found],
              "fix": fix},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_money_back_of_one_sale_of_a_replaced_list_adjusts_the_new_invoice(
    invoiced, as_, world, work, follow, invoice, database, accept
):
    found = await invoiced()
    done = await _by_api(as_, world, found, kind="name", goods="Bún", name="Bún bò")
    await accept()
    sale_id = (await invoice(found[1])).subject_id
    refund_id = str(ids.new())
    await as_("vendor").post(
        f"/api/sales/{sale_id}/refunds",
        json={"refund_id": refund_id, "amount_vnd": 5_000, "returned_lines": {"1": "1"}},
    )

    await as_("vendor").post(f"/api/sales/{sale_id}/refunds/{refund_id}/gone", json={})
    await work("book_refunds")
    await follow()
    await work("write_corrections")

    since = clock.now() - timedelta(days=1)
    async with database.as_system() as db:
        last = (await einvoice.invoices_of(db, world.vendor_id, since))[0]
    assert str(last.corrects_id) == done["new_invoice_id"]
    assert [(one.name, one.amount_vnd) for one in last.invoice.lines] == [("Trà", -5_000)]


async def test_refunds_of_one_buyer_nobody_said_the_goods_of_are_one_adjustment_with_a_list(
    invoiced, as_, world, work, follow, invoice, database
):
    found = await invoiced()
    for invoice_id, back_vnd in zip(found, (17_000, 8_500), strict=True):
        sale_id, refund_id = (await invoice(invoice_id)).subject_id, str(ids.new())
        await as_("vendor").post(
            f"/api/sales/{sale_id}/refunds", json={"refund_id": refund_id, "amount_vnd": back_vnd}
        )
        await as_("vendor").post(f"/api/sales/{sale_id}/refunds/{refund_id}/gone", json={})
    await work("book_refunds")
    await follow()
    await work("write_corrections")
    async with database.as_system() as db:
        first, _ = await corrections.to_do(db, world.vendor_id)
    place = f"/ban-hang/{world.stall_id}/sua-hoa-don/{first.id}"

    asked = await as_("vendor").get(place)
    for _ in range(2):
        await as_("vendor").post(f"{place}/chung")
    done = await as_("vendor").get(place)

    since = clock.now() - timedelta(days=1)
    async with database.as_system() as db:
        last = (await einvoice.invoices_of(db, world.vendor_id, since))[0]
        listed = await einvoice.list_of(db, last.id)
        left = await corrections.to_do(db, world.vendor_id)
    assert "Lập một hóa đơn cho cả 2 lần hoàn của khách này" in asked.text
    assert "Đã lập hóa đơn mới" in done.text
    assert (last.kind, last.payable_vnd, left) == ("adjustment", -25_500, [])
    assert sorted(one.difference_vnd for one in listed.items) == [-17_000, -8_500]
