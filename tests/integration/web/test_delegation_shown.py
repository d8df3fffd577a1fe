"""Who issues by contract is said where it must be: to the vendor, to the buyer; the operator is warned too."""

import re
from io import BytesIO
from uuid import UUID

import pytest
from pypdf import PdfReader
from sqlalchemy import text

import einvoice
from market import clock, ids
from market.flows.invoice import SOURCE
from market.tables import HallRow, OperatorRow, StandRow
from tests.integration.web.test_listings import category_of, put

OPERATOR_ID = UUID(int=0x0F)
OPERATOR, SELLER = "0107001729", "038190000123"
PAGE = {"headers": {"accept": "text/html"}}
BY_CONTRACT = "lập hóa đơn thay người bán theo hợp đồng ủy nhiệm số UN-01"


@pytest.fixture
async def delegated(database, world):
    """The hall's operator issues for the stall: a contract the authority accepted."""
    now = clock.now()
    today = clock.local_day(now)
    party = einvoice.Party(tax_id=OPERATOR, name="CÔNG TY CHỢ", address="1 Phố Chợ")
    contract = einvoice.Contract(
        seller=einvoice.Party(tax_id=SELLER, name="Hộ", address="Chợ"), delegate=party,
        number="UN-01", signed_on=today, purpose="thay", payment_form="TM/CK", valid_from=today,
        valid_to=today,
    )  # fmt: skip
    async with database.as_system() as db:
        db.add(OperatorRow(id=OPERATOR_ID, name="CÔNG TY CHỢ", tax_id=OPERATOR))
        await db.flush()
        hall = await db.get(HallRow, world.hall_id)
        hall.operator_id = OPERATOR_ID
        db.add(hall)
        await einvoice.record_registration(
            db, OPERATOR_ID, OPERATOR, "CÔNG TY CHỢ", "C0C0C", now=now
        )
        owners = {"owner_id": world.vendor_id, "delegate_owner_id": OPERATOR_ID}
        await einvoice.agree(db, ids.new(), contract, **owners, now=now)
        await db.execute(text("UPDATE einvoice.delegation SET state = 'accepted'"))
    return world


async def test_vendor_and_buyer_read_who_issues(delegated, open_sale, notify, follow, as_, client):
    sale = await open_sale(amount_vnd=85_000)
    await notify(sale["memo"], 85_000)
    await follow()
    issued = (await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")).json()
    here = f"/ban-hang/{delegated.stall_id}"

    day = await as_("vendor").get(f"{here}/hoa-don", **PAGE)
    settings = await as_("vendor").get(f"{here}/cai-dat", **PAGE)
    own = await as_("vendor").get(f"{here}/hoa-don/{issued['invoice_id']}", **PAGE)
    lookup = await client.get(issued["lookup_url"], **PAGE)

    assert BY_CONTRACT in day.text
    assert BY_CONTRACT in settings.text
    for page in (own, lookup):
        assert "Lập thay theo ủy nhiệm" in page.text
        assert OPERATOR in page.text


async def test_once_the_contract_ended_nothing_stands_there(delegated, as_, database):
    async with database.as_system() as db:
        await db.execute(text("UPDATE einvoice.delegation SET state = 'ended'"))

    day = await as_("vendor").get(f"/ban-hang/{delegated.stall_id}/hoa-don", **PAGE)

    assert BY_CONTRACT not in day.text


async def test_the_operator_is_warned_for_the_stalls_it_issues_for_and_no_other(
    delegated, as_, database
):
    async with database.as_system() as db:
        await einvoice.outage_began(db, SOURCE, new_id=ids.new(), why="down", now=clock.now())

    warned = await as_("operator").get(f"/quan-ly/{delegated.hall_id}", **PAGE)
    async with database.as_system() as db:
        await db.execute(text("UPDATE einvoice.delegation SET state = 'ended'"))
    spared = await as_("operator").get(f"/quan-ly/{delegated.hall_id}", **PAGE)

    assert "Hóa đơn ban quản lý lập thay:" in warned.text
    assert "Cơ quan thuế chưa trả lời từ" in warned.text
    assert "lập hóa đơn thay cho 1 sạp theo hợp đồng ủy nhiệm." in warned.text
    assert "hợp đồng số UN-01, từ " in warned.text
    assert "Hóa đơn ban quản lý lập thay:" not in spared.text
    assert "theo hợp đồng ủy nhiệm" not in spared.text


async def test_it_is_posted_where_buyers_look_and_taken_down_at_its_end(
    delegated, open_sale, client, as_, database
):
    """Circular 91/2026, Art. 9: posted on the stall, its page and the hall's; taken down at the end."""
    sale = await open_sale(amount_vnd=85_000)
    async with database.as_system() as db:
        db.add(
            StandRow(
                id=ids.new(), serial="A2B3C4", stall_id=delegated.stall_id, qr_text=sale["qr_text"],
                memo="CHOK7M2QX", payee_account_id=delegated.payee_id, issued_at=clock.now(),
            )
        )  # fmt: skip
    till = as_("vendor")
    await put(till, delegated.stall_id, category=await category_of(till, delegated))
    goods = (await till.get(f"/api/stalls/{delegated.stall_id}/goods")).json()
    hall = (await client.get(f"/cho/{delegated.hall_id}", **PAGE)).text
    sku = re.search(r'href="(/sp/[^"]+)"', hall)[1]
    pages = (f"/tra/{sale['sale_id']}", sku, f"/cho/{delegated.hall_id}")

    posted = [(await client.get(one, **PAGE)).text for one in pages]
    sheet = await as_("vendor").get(f"/ban-hang/{delegated.stall_id}/ma-qr.pdf")
    async with database.as_system() as db:
        await db.execute(text("UPDATE einvoice.delegation SET state = 'ended'"))
    after = [(await client.get(one, **PAGE)).text for one in pages]
    sheet_after = await as_("vendor").get(f"/ban-hang/{delegated.stall_id}/ma-qr.pdf")

    assert len(goods) == 1
    assert BY_CONTRACT in posted[0]
    assert BY_CONTRACT in posted[1]
    assert "lập hóa đơn thay cho 1 sạp" in posted[2]
    assert all("ủy nhiệm" not in one for one in after)
    printed, bare = (
        PdfReader(BytesIO(one.content)).pages[0].extract_text() for one in (sheet, sheet_after)
    )
    assert "hợp đồng ủy nhiệm số UN-01" in printed
    assert "ủy nhiệm" not in bare


async def test_a_till_of_such_a_stall_gets_no_numbers_of_its_own(delegated, as_):
    path = f"/api/stalls/{delegated.stall_id}/tills/{ids.new()}/range"

    answer = await as_("vendor").post(path, json={})

    assert (answer.status_code, answer.json()["code"]) == (409, "invoice_not_possible")


async def test_a_registration_that_waits_says_until_when_to_confirm(world, as_, database):
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, SELLER, "Hộ", "A1B2C", now=clock.now()
        )
        await db.execute(text("UPDATE einvoice.registration SET state = 'received'"))

    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/cai-dat", **PAGE)

    assert "Trả lời trước hết ngày" in page.text
