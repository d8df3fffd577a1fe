"""The clerk's road from a file to the vendor's money, and what the vendor sees of it."""

import io
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pypdf
import pytest

import payments
from market import clock, ids, sessions
from market.db import Database
from market.tables import MembershipRow, PersonRow
from payments.clearing import fees
from payments.reconciliation.provider_file import Row, written

PAGE = "/doi-soat/phien"
OPENED = date(2026, 1, 1)


@pytest.fixture
async def second_clerk(database: Database, world: Any) -> str:
    """Another person with the same office."""
    now = clock.now()
    async with database.as_system() as db:
        person_id = ids.new()
        db.add(PersonRow(id=person_id, phone="+84901112223", name="Trần Hai", created_at=now))
        await db.flush()
        db.add(MembershipRow(id=ids.new(), person_id=person_id, role="clerk", valid_from=OPENED))
        world.tokens["clerk2"] = await sessions.open_session(db, person_id, now=now)
    return "clerk2"


@pytest.fixture
def yesterday() -> datetime:
    return clock.day_bounds(clock.local_day(clock.now()))[0] - timedelta(hours=12)


@pytest.fixture
def take(
    database: Database, database_url: str, world: Any, yesterday: datetime
) -> Callable[..., Any]:
    """Payments of the vendor by VNPAY, yesterday at noon; gives the rows of the file."""

    async def taken(*amounts_vnd: int, lost: int = 0, **changes: Any) -> list[Row]:
        ledger = payments.Ledger(database_url, "market_system")
        await ledger.start()
        rows = []
        for place, amount_vnd in enumerate(amounts_vnd, 1):
            number = str(15_000_000 + place)
            payment = payments.OpenPayment(
                id=ids.new(), owner_id=world.vendor_id, place_id=world.stall_id, payee_id=None,
                amount_vnd=amount_vnd, code=payments.new_code(ids.new().bytes), method="vnpay",
                expires_at=yesterday + timedelta(minutes=15),
            )  # fmt: skip
            async with database.as_system() as db:
                await payments.open_payment(db, payment, now=yesterday)
            if place > lost:
                told = payments.Confirmation(
                    gateway="vnpay", provider_id=number, amount_vnd=amount_vnd,
                    occurred_at=yesterday, payment_ref=payment.id.hex,
                )  # fmt: skip
                await ledger.settle(told, receipt_id=ids.new(), now=yesterday)
            rows.append(row_of(place, number, payment.id.hex, amount_vnd, yesterday, **changes))
        await ledger.close()
        return rows

    return taken


def row_of(
    seq: int, number: str, reference: str, amount_vnd: int, at: datetime, fee_more: int = 0
) -> Row:
    day = clock.local_day(at)
    fee = fees.fee_of(fees.schedule_for("vnpay", "NCB", day), amount_vnd)
    return Row(
        seq=seq, settlement_date=day.isoformat(), tmn_code="T", txn_ref=reference,
        provider_txn_no=number, bank_tran_no="", bank_code="NCB", txn_type="PAYMENT",
        txn_time=clock.local(at).strftime("%Y%m%d%H%M%S"), amount=amount_vnd,
        fee=fee.fee_vnd + fee_more, fee_vat=fee.vat_vnd,
        net_amount=amount_vnd - fee.total_vnd - fee_more, currency="VND", status="00",
        original_provider_txn_no="", remark="",
    )  # fmt: skip


async def load(as_: Any, raw: bytes) -> Any:
    return await as_("clerk").post(
        PAGE, files={"file": ("quyet-toan.csv", raw, "text/csv")}, data={"acquirer": "vnpay"}
    )


async def test_two_clerks_bring_a_day_to_the_vendors_account(as_, world, take, work, second_clerk):
    rows = await take(85_000, 12_345)

    loaded = await load(as_, written(rows))
    page = loaded.headers["location"]
    first = await as_("clerk").post(f"{page}/duyet")
    same = await as_("clerk").post(f"{page}/duyet")
    second = await as_(second_clerk).post(f"{page}/duyet")
    await work("instruct_session", session_id=page.rpartition("/")[2])
    seen = await as_("clerk").post(f"{page}/tien-ve/{world.vendor_id}")

    assert [one.status_code for one in (loaded, first, same, second, seen)] == [
        303, 303, 409, 303, 303,
    ]  # fmt: skip
    assert "Lần hai phải là người khác" in same.text
    shown = (await as_("clerk").get(page)).text
    assert "Tiền đã về đủ" in shown
    assert "96.381" in shown
    assert "Nguyễn clerk" in shown
    assert "Trần Hai" in shown


async def test_the_vendor_reads_every_fee_in_page_pdf_and_csv(as_, world, take, work, second_clerk):
    rows = await take(85_000, 12_345, lost=1)
    page = (await load(as_, written(rows))).headers["location"]
    for clerk in ("clerk", second_clerk):
        await as_(clerk).post(f"{page}/duyet")
    session_id = page.rpartition("/")[2]
    await work("instruct_session", session_id=session_id)
    mine = f"/ban-hang/{world.stall_id}/quyet-toan"

    shown = (await as_("vendor").get(mine)).text
    as_csv = (await as_("vendor").get(f"{mine}/{session_id}/csv")).content.decode("utf-8-sig")
    as_pdf = (await as_("vendor").get(f"{mine}/{session_id}/pdf")).content

    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(as_pdf)).pages)
    for told in (shown, text):
        assert "12.223" in told
        assert "-111" in told
        assert "84.158" in told
        assert "Thường là mất tin báo" in told
    lines = [line.split(",") for line in as_csv.splitlines()]
    assert [line[5:10] for line in lines[1:3]] == [
        ["12345", "111", "11", "12223", "paid"],
        ["", "", "", "84158", "held"],
    ]


async def test_a_stranger_sees_no_statement(as_, world, take, work, second_clerk):
    page = (await load(as_, written(await take(85_000)))).headers["location"]
    for clerk in ("clerk", second_clerk):
        await as_(clerk).post(f"{page}/duyet")
    session_id = page.rpartition("/")[2]
    await work("instruct_session", session_id=session_id)

    theirs = await as_("other").get(f"/ban-hang/{world.stall_id}/quyet-toan/{session_id}/csv")
    own = await as_("other").get(f"/ban-hang/{world.other_stall_id}/quyet-toan/{session_id}/csv")
    vendor = await as_("vendor").get(page)

    assert [one.status_code for one in (theirs, own, vendor)] == [403, 404, 403]


async def test_one_dong_is_red_says_why_and_is_settled_with_one_tap(as_, take):
    page = (await load(as_, written(await take(85_000, fee_more=1)))).headers["location"]
    shown = (await as_("clerk").get(page)).text
    link = shown.split('action="/doi-soat/phien/lech/')[1].split('"')[0]

    without = await as_("clerk").post(f"{PAGE}/lech/{link}", data={"resolution": "accept"})
    done = await as_("clerk").post(
        f"{PAGE}/lech/{link}", data={"resolution": "accept", "reason": "hợp đồng mới"}
    )
    after = (await as_("clerk").get(page)).text
    undone = await as_("clerk").post(f"{PAGE}/lech/{link}", data={"resolution": "undo"})

    assert "Phí bị trừ khác với hợp đồng." in shown
    assert "843" in shown
    assert without.status_code == 409
    assert done.status_code == undone.status_code == 303
    assert "Đã theo số của họ" in after
    assert "hợp đồng mới" in after
    assert "Phí bị trừ khác với hợp đồng." in (await as_("clerk").get(page)).text


async def test_a_file_that_cannot_be_taken_says_so_with_its_line(as_, take):
    raw = written(await take(85_000)).replace(b";VND;", b";USD;")

    answer = await load(as_, raw)

    assert answer.status_code == 422
    assert "Chưa có gì được ghi" in answer.text
    assert "Line 2" in answer.text
    assert "Chưa có phiên nào" in answer.text


async def test_the_instructions_name_account_and_amount(as_, world, take, work, second_clerk):
    page = (await load(as_, written(await take(85_000)))).headers["location"]
    for clerk in ("clerk", second_clerk):
        await as_(clerk).post(f"{page}/duyet")
    await work("instruct_session", session_id=page.rpartition("/")[2])

    lines = (await as_("clerk").get(f"{page}/lenh.csv")).content.decode("utf-8-sig").splitlines()

    assert lines[0] == "reference,name,bank_bin,account_no,amount_vnd"
    assert lines[1].endswith(",970436,9990001112223,84158")


async def test_a_statement_line_nobody_told_of_is_recorded_with_one_tap(as_, world, database):
    lines = (
        "date,reference,amount,description,account\n2026-11-20,FT77,45000,ca phe,9990001112223\n"
    )
    files = {"file": ("sao-ke.csv", lines.encode(), "text/csv")}
    page = "/doi-soat/sao-ke"

    for _ in range(2):
        assert (await as_("clerk").post(page, files=files)).status_code == 303
    shown = (await as_("clerk").get(page)).text
    link = shown.split('action="/doi-soat/phien/lech/')[1].split('"')[0]
    done = await as_("clerk").post(f"{PAGE}/lech/{link}", data={"resolution": "record"})
    after = (await as_("clerk").get(page)).text

    assert "Sao kê có, chưa ai báo về." in shown
    assert done.status_code == 303
    assert "Đã ghi nhận" in after
    async with database.as_system() as db:
        since = datetime.fromisoformat("2026-11-19T00:00:00+00:00")
        (receipt,) = await payments.receipts_of(db, world.vendor_id, since=since)
    assert (receipt.amount_vnd, receipt.reference, receipt.gateway) == (45_000, "FT77", "statement")


async def test_a_statement_nobody_can_read_says_so(as_):
    files = {"file": ("sao-ke.csv", b"a;b\n1;2\n", "text/csv")}

    answer = await as_("clerk").post("/doi-soat/sao-ke", files=files)

    assert answer.status_code == 422
    assert "No line names the columns" in answer.text
