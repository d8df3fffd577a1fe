"""The vendor's pages about tax: the meter, the mirror, the books, the evening's check."""

from datetime import UTC, date, datetime, timedelta
from io import BytesIO

import pypdf
import pytest
from python_calamine import CalamineWorkbook
from sqlalchemy import text

import einvoice
from einvoice import books
from market import clock, ids
from market.flows import day_check, tax
from market.tables import MembershipRow, SaleRow, VendorRow


@pytest.fixture
async def sold(open_sale, notify, follow, as_, world) -> None:
    """One sale by QR and one in cash."""
    sale = await open_sale(amount_vnd=85_000)
    await notify(sale["memo"], 85_000)
    await open_sale(amount_vnd=40_000, method="cash")
    await follow()


async def page(as_, world, path: str, who: str = "vendor") -> str:
    answer = await as_(who).get(
        f"/ban-hang/{world.stall_id}/{path}", headers={"accept": "text/html"}
    )
    assert answer.status_code == 200, answer.text
    return answer.text.replace("\u00a0", " ")


async def test_the_meter_counts_qr_and_cash_alike(sold, as_, world):
    shown = await page(as_, world, "thue")

    assert "125.000 ₫" in shown
    assert "85.000 ₫" in shown
    assert "40.000 ₫" in shown
    assert "999.875.000 ₫" in shown
    assert "Không thay cho kê khai thuế" in shown


async def test_a_duty_whose_last_day_is_a_day_off_says_when_its_term_ends(sold, as_, world):
    """Civil Code 91/2015, Art. 148.5; the notice of 2026 is due on Sunday 31 January 2027."""
    notice = einvoice.filings(clock.local_day(clock.now()).year, (0, 0, 0, 1))[-1]

    shown = await page(as_, world, "thue")

    assert f"{notice.due_on:%d/%m/%Y}" in shown
    is_day_off = notice.ends_on != notice.due_on
    assert (f"hạn cuối là {notice.ends_on:%d/%m/%Y}" in shown) is is_day_off


async def test_before_the_first_sale_the_meter_says_so(as_, world):
    assert "Chưa bán lần nào trong năm" in await page(as_, world, "thue")
    assert "Chưa có gì trong kỳ" in await page(as_, world, "so-sach")
    assert "Ngày này không bán lần nào" in await page(as_, world, "doi-chieu")
    assert "Không phải nộp" in await page(as_, world, "thue/so-sanh")


async def test_the_mirror_shows_the_same_tax_for_cash_and_for_qr(sold, as_, world):
    shown = await page(as_, world, "thue/so-sanh?chi_phi=600tr&nhom=A12:production")

    assert shown.count("45.000 ₫") >= 2  # 3 % and 1.5 % of a million, in cash and by QR
    assert "Không phải nộp" in shown


@pytest.mark.parametrize("typed", ["abc", "-5", "9" * 60])
async def test_costs_that_are_no_amount_are_said_to_be_none(sold, as_, world, typed):
    assert "Gõ số tiền bằng chữ số" in await page(as_, world, f"thue/so-sanh?chi_phi={typed}")


@pytest.mark.parametrize(
    "slug", ["s1a", "s2a", "s2b", "s2c", "s2d", "s2e", "tkn", "cnkd", "stk", "ddkd"]
)
async def test_every_book_and_draft_can_be_taken_away(sold, as_, world, slug):
    year = clock.local_day(clock.now()).year
    base = f"/ban-hang/{world.stall_id}/so-sach/{slug}/{year}"

    printed = await as_("vendor").get(f"{base}/pdf")
    workbook = await as_("vendor").get(f"{base}/xlsx")

    printed_text = "".join(
        one.extract_text() for one in pypdf.PdfReader(BytesIO(printed.content)).pages
    )
    assert "Không thay cho kê khai thuế" in printed_text
    rows = (
        CalamineWorkbook.from_filelike(BytesIO(workbook.content)).get_sheet_by_index(0).to_python()
    )
    assert any("Không thay cho kê khai thuế" in str(cell) for row in rows for cell in row)


async def test_what_was_sold_stands_in_the_book(sold, as_, world):
    answer = await as_("vendor").get(f"/ban-hang/{world.stall_id}/so-sach/s1a/2026/xlsx")

    rows = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert [row[3] for row in rows if row[0] == "Cộng"] == [125_000]


@pytest.mark.parametrize("path", ["s9/2026/pdf", "s1a/2026/doc", "s1a/1999/pdf", "s1a/2026-Q9/pdf"])
async def test_a_book_there_is_not_is_not_found(as_, world, path):
    answer = await as_("vendor").get(f"/ban-hang/{world.stall_id}/so-sach/{path}")

    assert answer.status_code == 404


async def test_a_line_written_by_hand_counts_and_can_be_struck(as_, world, database):
    base = f"/ban-hang/{world.stall_id}/so-sach"
    line = {"kind": "platform_sale", "text": "Sàn ví dụ", "amount": "1tr2", "is_cash": "bank"}

    written = await as_("vendor").post(base, data=line)

    assert written.status_code == 303
    assert "1.200.000 ₫" in await page(as_, world, "thue")
    async with database.as_system() as db:
        entries = await einvoice.books.entries_of(
            db, world.vendor_id, clock.local_day(clock.now()), clock.local_day(clock.now())
        )
    await as_("vendor").post(f"{base}/{entries[0].id}/bo", data={})
    assert "1.200.000 ₫" not in await page(as_, world, "thue")


@pytest.mark.parametrize(
    "line",
    [
        {"kind": "cost", "text": "", "amount": "5000"},
        {"kind": "cost", "text": "x", "amount": "nhiều"},
        {"kind": "bribe", "text": "x", "amount": "5000"},
        {"kind": "goods", "text": "x", "amount": "5000", "goods": "Cam"},
        {"kind": "goods", "text": "x", "amount": "5000", "goods": "Cam", "quantity": "NaN"},
        {"kind": "cost", "text": "x", "amount": "5000", "on": "2999-01-01"},
        {"kind": "cost", "text": "x", "amount": "5000", "on": "hôm qua"},
    ],
)
async def test_a_line_that_cannot_stand_is_refused_with_a_sentence(as_, world, line):
    answer = await as_("vendor").post(f"/ban-hang/{world.stall_id}/so-sach", data=line)

    assert answer.status_code == 422


@pytest.mark.parametrize(
    "path",
    ["thue", "thue/so-sanh", "so-sach", "doi-chieu", "so-sach/s1a/2026/pdf", "cai-dat"],
)
@pytest.mark.parametrize("who", ["other", "operator", "official", "clerk", "team"])
async def test_nobody_but_the_owner_sees_them(sold, as_, world, path, who):
    answer = await as_(who).get(f"/ban-hang/{world.stall_id}/{path}")

    assert answer.status_code in {403, 404}


async def _register(database, world, now: datetime) -> None:
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=now
        )


async def test_what_was_sold_before_the_registration_needed_no_invoice(
    sold, as_, world, database, open_sale, follow
):
    """Decree 254/2026, Art. 6.1.d: nobody under one billion has to, but who registered."""
    await _register(database, world, clock.now())
    before = await page(as_, world, "doi-chieu")
    await open_sale(amount_vnd=30_000, method="cash")
    await follow()
    await _register(database, world, clock.now())  # the form was changed since: nothing moves

    after = await page(as_, world, "doi-chieu")

    assert "Không có chỗ nào phải sửa" in before
    assert "Không cần hóa đơn" in before
    assert "1 chỗ cần xem" in after


@pytest.mark.parametrize(
    ("passed_on", "due_on"),
    [
        (None, None),
        (date(2026, 8, 2), date(2026, 10, 31)),
        (date(2026, 11, 2), date(2027, 2, 2)),  # 30 January is a Saturday
    ],
)
async def test_who_passed_the_limit_has_thirty_days_after_the_quarter(
    world, database, monkeypatch, passed_on, due_on
):
    """Decree 141/2026, Art. 1.2.c; in January the limit of the year before still counts."""

    def of(year: int) -> tax.TaxYear:
        sold = [tax.SoldDay(passed_on, world.stall_id, True, 1, 1_000_000_001)] if passed_on else []
        vendor = books.Household(name="Hộ Ví Dụ", tax_id="038190000123", address="")
        return tax.TaxYear(
            year=year, until=date(year, 12, 31), vendor=vendor, stalls={}, sold=sold, returned=[],
            entries=[],
        )  # fmt: skip

    async def before(*_):
        return of(2026)

    monkeypatch.setattr(tax, "tax_year", before)
    async with database.as_system() as db:
        found = [await day_check.due_since(db, world.vendor_id, of(year)) for year in (2026, 2027)]

    assert [one and clock.local_day(one) for one in found] == [due_on] * 2


async def test_the_evening_s_check_names_the_missing_invoices_and_their_fine(
    sold, as_, world, database
):
    await _register(database, world, clock.now() - timedelta(hours=1))

    shown = await page(as_, world, "doi-chieu")

    assert "2 chỗ cần xem" in shown
    assert "Chưa lập hóa đơn" in shown
    assert "2.000.000 ₫" in shown
    assert "10.000.000 ₫" in shown
    yesterday = clock.local_day(clock.now()) - timedelta(days=1)
    assert "không bán lần nào" in await page(as_, world, f"doi-chieu?ngay={yesterday}")


async def test_who_need_not_invoice_misses_nothing(sold, as_, world):
    shown = await page(as_, world, "doi-chieu")

    assert "Không có chỗ nào phải sửa" in shown
    assert "chưa bắt buộc" in shown


@pytest.mark.parametrize(
    "path", ["thue", "thue/so-sanh", "so-sach", "doi-chieu", "so-sach/s1a/2026/pdf"]
)
async def test_a_vendor_who_helps_another_does_not_see_what_is_the_other_s_alone(
    sold, as_, world, database, path
):
    async with database.as_system() as db:
        helper = await db.get(VendorRow, world.other_vendor_id)
        db.add(
            MembershipRow(id=ids.new(), person_id=helper.person_id, role="helper",
                          scope_id=world.vendor_id, valid_from=date(2026, 1, 1))
        )  # fmt: skip

    assert (await as_("other").get(f"/ban-hang/{world.stall_id}/tien-ve")).status_code == 200
    assert (await as_("other").get(f"/ban-hang/{world.stall_id}/{path}")).status_code == 403
    answer = await as_("other").post(f"/ban-hang/{world.stall_id}/so-sach", data={})
    assert answer.status_code == 403


async def test_a_refund_makes_the_year_s_revenue_smaller(sold, as_, world, database):
    """D68 5.1: returned goods are no revenue."""
    async with database.as_system() as db:
        sale = (
            await db.execute(text("SELECT payment_id FROM market.sale WHERE method = 'vietqr'"))
        ).scalar_one()
        await db.execute(
            text(
                "INSERT INTO payments.refund_request (id, owner_id, place_id, payment_id, receipt_id,"
                " original_id, is_held, road, gateway, provider_ref, provider_no, captured_vnd,"
                " amount_vnd, reason, state, code, to_bank_bin, to_account_no, to_name, refund_no,"
                " detail, problem, asked_at, confirmed_at, ended_at, ask_from, asked_count)"
                " VALUES (:id, :owner, :place, :payment, :id, :id, false, 'direct', 'sepay', '', '',"
                " 85000, 25000, '', 'done', '', '', '', '', '', '', '', :now, :now, :now, :now, 0)"
            ),
            {"id": ids.new(), "owner": world.vendor_id, "place": world.stall_id, "payment": sale,
             "now": clock.now()},
        )  # fmt: skip

    assert "100.000 ₫" in await page(as_, world, "thue")
    answer = await as_("vendor").get(f"/ban-hang/{world.stall_id}/so-sach/s1a/2026/xlsx")
    rows = CalamineWorkbook.from_filelike(BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    assert [row[3] for row in rows if row[0] == "Cộng"] == [100_000]


async def test_who_passed_the_limit_reads_when_and_what_to_do_until_when(as_, world, database):
    """D141 1.1 and 1.2.c, D68 8."""
    sold_at = datetime(2026, 8, 5, 3, tzinfo=UTC)
    async with database.as_system() as db:
        for _ in range(3):
            db.add(
                SaleRow(id=ids.new(), stall_id=world.stall_id, vendor_id=world.vendor_id,
                        amount_vnd=400_000_000, received_vnd=400_000_000, method="cash",
                        state="paid", sold_at=sold_at, recorded_at=sold_at, paid_at=sold_at,
                        digest=b"x")
            )  # fmt: skip

    shown = await page(as_, world, "thue")
    mirrored = await page(as_, world, "thue/so-sanh")

    assert "Đã qua mức 1.000.000.000 ₫ ngày 05/08/2026" in shown
    assert "30/10/2026" in shown  # to register for e-invoices
    assert mirrored.count("13.000.000 ₫") >= 3  # 1 % of all and 0.5 % of what is above, both ways
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )
    assert "30/10/2026" not in await page(as_, world, "thue")


async def test_an_invoiced_sale_stands_in_the_book_by_its_number_and_waits_for_the_authority(
    as_, world, database, open_sale, notify, follow
):
    async with database.as_system() as db:
        await einvoice.record_registration(
            db, world.vendor_id, "038190000123", "Hộ kinh doanh vendor", "A1B2C", now=clock.now()
        )
    line = {
        "name": "Cam",
        "unit": "kg",
        "quantity": "2",
        "unit_price_vnd": 30_000,
        "amount_vnd": 60_000,
    }
    sale = await open_sale(amount_vnd=60_000, lines=[line])
    await notify(sale["memo"], 60_000)
    await follow()
    await as_("vendor").post(f"/api/sales/{sale['sale_id']}/invoice")
    bought = {"kind": "goods", "text": "Cam Vinh", "amount": "100k", "goods": "Cam", "unit": "kg",
              "quantity": "5"}  # fmt: skip
    await as_("vendor").post(f"/ban-hang/{world.stall_id}/so-sach", data=bought)

    revenue, goods = [
        CalamineWorkbook.from_filelike(BytesIO(
            (await as_("vendor").get(f"/ban-hang/{world.stall_id}/so-sach/{slug}/2026/xlsx")).content
        )).get_sheet_by_index(0).to_python()
        for slug in ("s1a", "s2d")
    ]  # fmt: skip
    shown = await page(as_, world, "doi-chieu")

    assert [row[3] for row in revenue if str(row[0]).startswith("2C26MAA-")] == [60_000]
    closing = next(row for row in goods if row[2] == "Cộng, tồn cuối kỳ")
    assert closing[3:] == [5, 100_000, 2, 40_000, 3, 60_000]
    assert "Đang chờ cơ quan thuế" in shown
    assert "Không có chỗ nào phải sửa" in shown
