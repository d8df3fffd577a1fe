"""What the tax authority asks by itself: told at the till, read and answered by the vendor, not by a helper."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

import einvoice
from einvoice import demands, envelope
from einvoice.keys import KeySigner, make_demo_certificate, make_key
from market import clock, ids
from market.flows import demands as demand_flow
from market.tables import MembershipRow

TAX_ID = "038190000123"


@pytest.fixture
async def invoiced(database, world, open_sale, notify, follow, as_) -> einvoice.IssuedInvoice:
    """An invoice the authority has."""
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, TAX_ID, "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )
    sale = await open_sale(amount_vnd=85_000)
    await notify(sale["memo"], 85_000)
    await follow()
    await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")
    async with database.as_system() as db:
        await db.execute(text("UPDATE einvoice.invoice SET state = 'accepted'"))
        issued = await einvoice.invoice_by_id(db, UUID(sale["sale_id"]))
    assert issued is not None
    return issued


@pytest.fixture
def asked(database, world):
    """The authority asks: its message, kept as `record_reply` keeps it; its code."""

    async def ask(kind: int, *listed, reason: int = 1) -> str:
        now = clock.now()
        key = make_key()
        certificate = make_demo_certificate("0107001729", "CỤC THUẾ", now, key)
        signer = KeySigner(key, certificate)
        header = envelope.Header(
            version="2.1.0", sender="TCT", receiver="V0107001729", kind=kind,
            code=f"TCT{ids.new().hex.upper()}", tax_id=TAX_ID, count=1,
        )  # fmt: skip
        if kind == envelope.REVIEW:
            body = demands.review_message(header, "Hộ", listed, 2, signer, now)
        else:
            ends = clock.local_day(now) + timedelta(days=30)
            body = demands.service_message(header, "Hộ", reason, ends, signer, now)
        async with database.as_system() as db:
            receipt = await einvoice.record_reply(db, body, now=now, pinned=certificate)
            assert receipt.outcome.name == "RECORDED"
            for owner_id in await demands.owners_asked(db, now):
                await demand_flow.tell(db, owner_id, now=now)
        return header.code

    return ask


def about(issued, why="Số tiền khác sổ người mua"):
    invoice = issued.invoice
    return demands.AskedInvoice(
        template=str(invoice.template), symbol=invoice.symbol, number=str(invoice.number),
        issued_on=invoice.issued_on, why=why, code=invoice.code,
    )  # fmt: skip


@pytest.fixture
async def helper(database, world, as_):
    """Somebody who sells at the stall for its vendor."""
    async with database.as_system() as db:
        person = (
            await db.execute(
                text("SELECT person_id FROM market.membership WHERE role = 'vendor'"
                     " AND scope_id = :id"), {"id": world.other_vendor_id},
            )
        ).scalar_one()  # fmt: skip
        db.add(
            MembershipRow(
                id=ids.new(), person_id=person, role="helper", scope_id=world.vendor_id,
                valid_from=clock.local_day(clock.now()),
            )
        )  # fmt: skip
    return as_("other")


PAGE = {"headers": {"accept": "text/html"}}


async def test_a_review_is_shown_with_its_last_day_and_what_to_do(invoiced, asked, as_, world):
    code = await asked(envelope.REVIEW, about(invoiced))

    day = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hoa-don", **PAGE)
    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/co-quan-thue/{code}", **PAGE)

    assert f"/co-quan-thue/{code}" in day.text
    assert "Cơ quan thuế nhờ xem lại hóa đơn" in day.text
    assert "Trả lời trước hết ngày" in page.text
    assert "Số tiền khác sổ người mua" in page.text
    assert f"/hoa-don/{invoiced.id}/sua" in page.text


async def test_the_till_is_told_at_once(invoiced, asked, database, world):
    await asked(envelope.REVIEW, about(invoiced))

    async with database.as_system() as db:
        channels = (
            await db.execute(text("SELECT channel FROM market.live_event WHERE kind = 'tax_asks'"))
        ).scalars()
    assert list(channels) == [f"stall:{world.stall_id}"]


async def test_an_explanation_is_one_notice_that_names_what_it_answers(
    invoiced, asked, as_, world, database
):
    code = await asked(envelope.REVIEW, about(invoiced))
    path = f"/ban-hang/{world.stall_id}/co-quan-thue/{code}"

    answers = [
        await as_("vendor").post(path, data={"ly_do_0": "Giá đúng như đã bán"}, **PAGE)
        for _ in range(2)
    ]

    assert [one.status_code for one in answers] == [303, 303]
    async with database.as_system() as db:
        sent = (
            (await db.execute(text("SELECT body FROM einvoice.message WHERE kind = 303")))
            .scalars()
            .all()
        )
        assert await einvoice.demands_of(db, world.vendor_id) == []
    assert len(sent) == 1
    said = bytes(sent[0]).decode()
    assert "<Loai>2</Loai>" in said
    assert "<LDo>Giá đúng như đã bán</LDo>" in said
    page = await as_("vendor").get(path, **PAGE)
    assert "Đã trả lời" in page.text


async def test_without_a_reason_nothing_is_sent_and_what_was_typed_stays(
    invoiced, asked, as_, world, database
):
    code = await asked(envelope.REVIEW, about(invoiced), about(invoiced, "Sai tên hàng"))
    path = f"/ban-hang/{world.stall_id}/co-quan-thue/{code}"

    answer = await as_("vendor").post(path, data={"ly_do_0": "Đúng giá", "ly_do_1": " "}, **PAGE)

    assert answer.status_code == 422
    assert "Ghi lý do cho từng hóa đơn" in answer.text
    assert "Đúng giá</textarea>" in answer.text
    async with database.as_system() as db:
        assert len(await einvoice.demands_of(db, world.vendor_id)) == 1
        sent = await db.execute(text("SELECT count(*) FROM einvoice.message WHERE kind = 303"))
        assert sent.scalar() == 0


async def test_an_invoice_replaced_since_answers_for_itself(invoiced, asked, as_, world, database):
    code = await asked(envelope.REVIEW, about(invoiced))
    now = clock.now()
    async with database.as_system() as db:
        await einvoice.name_buyer(
            db, invoiced.id, einvoice.Buyer(name="Trần Thị Khách"), new_id=ids.new(),
            lookup_code=einvoice.lookup_code(ids.new().bytes), now=now,
        )  # fmt: skip

    await as_("vendor").post(f"/ban-hang/{world.stall_id}/co-quan-thue/{code}", **PAGE)

    async with database.as_system() as db:
        body = await db.execute(text("SELECT body FROM einvoice.message WHERE kind = 303"))
    said = bytes(body.scalar_one()).decode()
    assert "<TCTBao>3</TCTBao>" in said
    assert "Đã lập hóa đơn thay thế" in said


@pytest.mark.parametrize(
    ("reason", "words"), [(1, "Hết thời gian dùng hóa đơn"), (2, "không thuộc diện dùng hóa đơn")]
)
async def test_the_end_of_the_free_service_says_until_when_and_is_put_away(
    invoiced, asked, as_, world, reason, words
):
    code = await asked(envelope.SERVICE_ENDS, reason=reason)
    path = f"/ban-hang/{world.stall_id}/co-quan-thue/{code}"

    page = await as_("vendor").get(path, **PAGE)
    await as_("vendor").post(path, **PAGE)
    day = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hoa-don", **PAGE)

    assert words in page.text
    assert "Còn 30 ngày." in page.text
    assert "co-quan-thue" not in day.text


async def test_a_helper_sees_that_there_is_something_and_none_of_the_owners_buttons(
    invoiced, asked, helper, world, database
):
    code = await asked(envelope.REVIEW, about(invoiced))
    here = f"/ban-hang/{world.stall_id}"
    async with database.as_system() as db:
        await db.execute(text("UPDATE einvoice.invoice SET state = 'rejected'"))

    day = await helper.get(f"{here}/hoa-don", **PAGE)
    own = await helper.get(f"{here}/hoa-don/{invoiced.id}", **PAGE)
    takings = await helper.get(f"{here}/tien-ve", **PAGE)
    refused = await helper.get(f"{here}/co-quan-thue/{code}", **PAGE)

    assert (day.status_code, own.status_code, takings.status_code) == (200, 200, 200)
    assert "Báo chủ sạp." in day.text
    for page in (day, own, takings):
        for room in (
            "/sua",
            "/gui-lai",
            "/lap-het",
            "/cai-dat",
            "/thue",
            "/co-quan-thue/",
            "/hoan-tien/",
        ):
            assert f"{here}{room}" not in page.text
            assert f'{room}"' not in page.text
    assert refused.status_code == 403


async def test_another_vendor_finds_no_such_notice(invoiced, asked, as_, world):
    code = await asked(envelope.REVIEW, about(invoiced))

    answer = await as_("other").get(f"/ban-hang/{world.other_stall_id}/co-quan-thue/{code}", **PAGE)

    assert answer.status_code == 404
