"""Who issues by contract is said where it must be: to the vendor, to the buyer; the operator is warned too."""

import re
from io import BytesIO
from uuid import UUID

import pytest
from pypdf import PdfReader
from sqlalchemy import text

import einvoice
from market import clock, ids
from market.correction_tables import CorrectionRow
from market.flows import delegation
from market.flows.invoice import SOURCE
from market.tables import HallRow, OperatorRow, StandRow
from tests.integration.web.test_listings import category_of, put
from tests.integration.web.test_till_numbers import Till

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


async def test_a_till_of_such_a_stall_numbers_once_its_series_is_accepted_art_9(
    delegated, as_, database, sale_command, follow
):
    """Circular 91/2026, Art. 9: the contract names the symbols, so a till's own needs an appendix."""
    till = Till(as_("vendor"), delegated.stall_id, sale_command)
    early = await till.ask()
    async with database.as_system() as db:
        held = await einvoice.delegations_of(db, OPERATOR_ID)
        await db.execute(text("UPDATE einvoice.delegation SET state = 'accepted'"))

    answer = await till.ask()
    own = till.numbered()
    await till.tell(own)
    await till.sell(own)
    await follow()
    told = await till.tell(own)
    async with database.as_system() as db:
        issued = await einvoice.invoice_by_id(db, UUID(own["sale_id"]))
        named = await einvoice.name_buyer(
            db, issued.id, einvoice.Buyer(name="Trần Thị Khách"), new_id=ids.new(),
            lookup_code=einvoice.lookup_code(till.id.bytes), now=clock.now(),
        )  # fmt: skip
        standing = await delegation.standing_at(
            db, delegated.vendor_id, clock.local_day(clock.now())
        )
        contract = next(one for one in held if not one.is_of_till)
        await einvoice.end_delegation(db, contract.id, now=clock.now())
        left = await einvoice.delegations_of(
            db, delegated.vendor_id, on=clock.local_day(clock.now())
        )

    assert (early.status_code, early.json()["code"]) == (409, "invoice_not_possible")
    assert [(one.contract.number, one.state) for one in held if one.is_of_till] == [
        (f"UN-01 PL-{till.range['symbol'][-2:]}", "draft")
    ]
    assert answer.status_code == 200
    assert told.json()["state"] == "issued"
    assert (issued.invoice.number, issued.invoice.code) == (own["number"], own["code"])
    assert "-C0C0C-" in issued.invoice.code
    assert issued.invoice.delegate.tax_id == OPERATOR
    assert (named.invoice.symbol[-2:], named.invoice.delegate.tax_id) == ("UN", OPERATOR)
    assert [one.contract.number for one in standing] == ["UN-01"]
    assert left == []


async def test_a_registration_that_waits_says_until_when_to_confirm(world, as_, database):
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, SELLER, "Hộ", "A1B2C", now=clock.now()
        )
        await db.execute(text("UPDATE einvoice.registration SET state = 'received'"))

    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/cai-dat", **PAGE)

    assert "Trả lời trước hết ngày" in page.text


async def test_the_operator_sees_what_waits_for_a_person_at_those_stalls(delegated, as_, database):
    now = clock.now()
    row = CorrectionRow(
        id=ids.new(), vendor_id=delegated.vendor_id, sale_id=ids.new(), faults=["tax_id"],
        said="Sai mã số thuế", action="replace", state="agreeing", created_at=now,
    )  # fmt: skip
    async with database.as_system() as db:
        db.add(row)

    page = await as_("operator").get(f"/quan-ly/{delegated.hall_id}", **PAGE)

    assert page.status_code == 200
    assert "Chờ hai bên ký thỏa thuận sửa hóa đơn" in page.text
    assert "Sai mã số thuế" in page.text
