"""Money that went back is on the invoice too: adjusted by itself, or asked about."""

import re
from datetime import timedelta

import pytest

import einvoice
from market import clock, corrections, ids

LINES = [
    {"name": "Rau muống", "unit": "bó", "quantity": "5", "unit_price_vnd": 5_000, "amount_vnd": 25_000},
    {"name": "Thịt ba chỉ", "unit": "kg", "quantity": "0.5", "unit_price_vnd": 120_000, "amount_vnd": 60_000},
]  # fmt: skip


@pytest.fixture
async def registered(database, world) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )


@pytest.fixture
def paid(registered, open_sale, notify, follow, as_):
    """A sale that was paid by transfer, with its invoice unless told otherwise."""

    async def sold(*, invoiced=True, **more):
        sale = await open_sale(amount_vnd=85_000, **more)
        await notify(f"{sale['memo']}.CT tu 0123456789 NGUYEN VAN A toi 9 X", 85_000)
        await follow()
        if invoiced:
            await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")
        return sale

    return sold


@pytest.fixture
def give_back(as_, notify, follow, work):
    """The whole road of a refund by hand: asked for, transferred, told by the bank, booked."""

    async def given(sale, amount_vnd, reason="Khách trả lại hàng"):
        asked = await as_("vendor").post(
            f"/api/sales/{sale['sale_id']}/refunds",
            json={"refund_id": str(ids.new()), "amount_vnd": amount_vnd, "reason": reason},
        )
        assert asked.status_code == 201, asked.text
        await notify(f"HOAN {asked.json()['code']}", amount_vnd, transferType="out")
        await follow()
        await work("book_refunds")
        await follow()
        await work("write_corrections")
        return asked.json()["refund_id"]

    return given


@pytest.fixture
def invoices(database, world):
    """The vendor's invoices, oldest first."""

    async def found():
        since = clock.now() - timedelta(days=1)
        async with database.as_viewer(world.viewer) as db:
            listed = await einvoice.invoices_of(db, world.vendor_id, since)
        return sorted(listed, key=lambda one: one.invoice.number)

    return found


@pytest.fixture
def correction_of(database):
    async def found(refund_id):
        async with database.as_system() as db:
            return await corrections.of_refund(db, refund_id)

    return found


@pytest.fixture(autouse=True)
def viewer(world):
    from market.db import Viewer

    world.viewer = Viewer(roles=("vendor",), vendor_ids=(world.vendor_id,))


async def test_all_of_a_sale_given_back_adjusts_its_invoice_to_nothing(paid, give_back, invoices):
    sale = await paid(lines=LINES)

    await give_back(sale, 85_000)

    original, adjustment = await invoices()
    assert (original.correction, adjustment.kind) == ("adjusted", "adjustment")
    assert adjustment.payable_vnd == -85_000
    assert [(one.name, one.quantity) for one in adjustment.invoice.lines] == [
        ("Rau muống", -5),
        ("Thịt ba chỉ", -einvoice.rounded(1) / 2),
    ]
    assert "Điều chỉnh cho hóa đơn Mẫu số 2" in adjustment.invoice.related.note


async def test_a_part_of_a_sale_of_one_line_is_adjusted_by_itself(paid, give_back, invoices):
    sale = await paid()

    await give_back(sale, 20_000)
    await give_back(sale, 30_000)

    _, first, second = await invoices()
    assert [first.payable_vnd, second.payable_vnd] == [-20_000, -30_000]


async def test_a_part_that_may_be_of_any_goods_is_asked_about_and_then_adjusted(
    paid, give_back, invoices, correction_of, as_, world
):
    sale = await paid(lines=LINES)
    refund_id = await give_back(sale, 10_000)
    asked = await correction_of(refund_id)
    before = await invoices()

    path = f"/ban-hang/{world.stall_id}/sua-hoa-don/{asked.id}"
    page = await as_("vendor").get(path, headers={"accept": "text/html"})
    chosen = await as_("vendor").post(f"{path}/hang", data={"dong": "0"})

    assert (asked.state, len(before)) == ("asking", 1)
    assert "Rau muống" in page.text
    assert chosen.status_code == 303
    _, adjustment = await invoices()
    (line,) = adjustment.invoice.lines
    assert (line.name, line.quantity, line.amount_vnd) == ("Rau muống", -2, -10_000)


async def test_a_part_of_all_goods_is_spread_over_them(
    paid, give_back, invoices, correction_of, as_, world
):
    sale = await paid(lines=LINES)
    asked = await correction_of(await give_back(sale, 10_000))

    path = f"/ban-hang/{world.stall_id}/sua-hoa-don/{asked.id}/hang"
    await as_("vendor").post(path, data={"dong": "tat-ca"})

    _, adjustment = await invoices()
    assert adjustment.payable_vnd == -10_000
    assert len(adjustment.invoice.lines) == 2


async def test_a_wrongly_keyed_amount_is_a_replacement_for_the_law_wants_that(
    paid, give_back, invoices, as_
):
    sale = await paid()

    await give_back(sale, 25_000, "Tính nhầm tiền")

    original, replacement = await invoices()
    assert (original.correction, replacement.kind) == ("replaced", "replacement")
    assert replacement.payable_vnd == 60_000
    shown = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()
    assert shown["invoice_id"] == str(replacement.id)


async def test_a_refund_before_the_invoice_waits_for_it(
    paid, give_back, invoices, correction_of, as_, work
):
    sale = await paid(invoiced=False)
    refund_id = await give_back(sale, 20_000)
    waiting = await correction_of(refund_id)

    await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")
    await work("write_corrections")

    _, adjustment = await invoices()
    assert waiting.state == "waiting"
    assert adjustment.payable_vnd == -20_000


async def test_money_the_invoice_never_asked_for_changes_nothing(
    registered, open_sale, notify, follow, as_, give_back, invoices, correction_of
):
    sale = await open_sale(amount_vnd=85_000)
    await notify(f"{sale['memo']}.CT tu 0123456789 NGUYEN VAN A toi 9 X", 100_000)
    await follow()
    await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")

    refund_id = await give_back(sale, 15_000, "Khách trả hai lần")

    assert (await correction_of(refund_id)).state == "not_needed"
    assert len(await invoices()) == 1


async def test_running_again_writes_nothing_again(paid, give_back, invoices, work, follow):
    sale = await paid()
    await give_back(sale, 20_000)

    for _ in range(3):
        await work("write_corrections")
        await follow()

    assert len(await invoices()) == 2


async def test_the_refunds_screen_says_what_became_of_the_invoice(paid, give_back, as_, world):
    sale = await paid()
    refund_id = await give_back(sale, 20_000)

    path = f"/ban-hang/{world.stall_id}/hoan-tien/{sale['payment_id']}/{refund_id}"
    page = await as_("vendor").get(path, headers={"accept": "text/html"})

    assert re.search(r"Hóa đơn điều chỉnh.*số\s+2", page.text, re.DOTALL)
