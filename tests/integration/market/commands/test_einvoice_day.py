"""`market einvoice day` on a real database."""

import asyncio
import json
from datetime import timedelta

import pytest

import einvoice
from market import cli, clock, ids
from market.db import Database
from market.tables import HallRow, PersonRow, SaleRow, StallRow, UnitRow, VendorRow

TAX_ID = "038190000123"


@pytest.fixture
def vendor_id(database_url, monkeypatch):
    """A registered vendor who sold two baskets in cash today and invoiced neither."""
    vendor_id = ids.new()
    monkeypatch.setenv("MARKET_DATABASE_URL", database_url)
    asyncio.run(_filled(database_url, vendor_id))
    return vendor_id


async def _filled(url: str, vendor_id) -> None:
    database, now = Database(url, pool_size=1), clock.now()
    unit, hall, person, stall = (ids.new() for _ in range(4))
    async with database.as_system() as db:
        for row in (
            UnitRow(id=unit, code="1", name="Hạc Thành", kind="phuong"),
            PersonRow(id=person, phone="+84900000001", name="Lan", created_at=now),
            HallRow(id=hall, name="Chợ Ví Dụ", unit_id=unit),
            VendorRow(id=vendor_id, person_id=person, name="HKD Lan", tax_id=TAX_ID, created_at=now),
            StallRow(id=stall, hall_id=hall, vendor_id=vendor_id, code="A1",
                     opened_on=clock.local_day(now)),
        ):  # fmt: skip
            db.add(row)
            await db.flush()
        await einvoice.record_registration(db, vendor_id, TAX_ID, "HKD Lan", "A1B2C", now=now)
        for _ in range(2):
            db.add(
                SaleRow(id=ids.new(), stall_id=stall, vendor_id=vendor_id, amount_vnd=50_000,
                        received_vnd=50_000, method="cash", state="paid", sold_at=now,
                        recorded_at=now, paid_at=now, digest=b"x")
            )  # fmt: skip
    await database.close()


def test_what_lacks_is_named_with_its_fine_and_exits_1(vendor_id, capsys):
    code = cli.main(["einvoice", "day"])

    said = capsys.readouterr().out
    assert code == 1
    assert "HKD Lan" in said
    assert "chưa lập hóa đơn: 2" in said
    assert "2.000.000 đ đến 10.000.000 đ" in said
    assert "Không thay cho kê khai thuế" in said


def test_json_has_all_four_sides(vendor_id, capsys):
    code = cli.main(["einvoice", "day", "--json", "--vendor", str(vendor_id)])

    (vendor,) = json.loads(capsys.readouterr().out)["vendors"]
    assert code == 1
    assert vendor["payments"] == vendor["sales"] == {"count": 2, "amount_vnd": 100_000}
    assert vendor["invoices"] == vendor["accepted"] == {"count": 0, "amount_vnd": 0}
    assert [one["finding"] for one in vendor["items"]] == ["no_invoice", "no_invoice"]
    assert vendor["fine_missing"]["vnd_max"] == 10_000_000


def test_a_day_without_sales_is_well(vendor_id, capsys):
    yesterday = clock.local_day(clock.now()) - timedelta(days=1)

    assert cli.main(["einvoice", "day", "--day", str(yesterday)]) == 0
    assert "0 người bán, 0 chỗ cần xem" in capsys.readouterr().out


@pytest.mark.parametrize(
    "more", [["--day", "2999-01-01"], ["--day", "2020-01-01", "--vendor"], ["--vendor"]]
)
def test_what_there_is_not_is_misuse_with_a_sentence(vendor_id, more, capsys):
    unknown = [str(ids.new())] if more[-1] == "--vendor" else []

    assert cli.main(["einvoice", "day", *more, *unknown]) == 2
    assert capsys.readouterr().err.startswith("market: ")
