"""A small household: a stall with goods, one with food, a quarter of trade."""

from datetime import date
from io import BytesIO

import pypdf
import pytest
from python_calamine import CalamineWorkbook

from einvoice import books
from einvoice.household import Group, Revenue
from einvoice.meter import Road

M = 1_000_000
QUARTER = books.Period("quý 4/2026", date(2026, 10, 1), date(2026, 12, 31))
HOUSEHOLD = books.Household(
    name="Hộ kinh doanh Ví Dụ",
    tax_id="038190000123",
    address="Phường Ví Dụ, Tỉnh Thanh Hóa",
    sites=("Sạp A12, Chợ Ví Dụ", "Sạp B3, Chợ Ví Dụ"),
)


def item(on: date, amount_vnd: int, **more) -> books.Item:
    facts = {
        "document": "2C26MAA-1",
        "text": "Bán hàng, chuyển khoản",
        "is_cash": False,
        "groups": (Group.GOODS,),
        "site": "Sạp A12, Chợ Ví Dụ",
        "road": Road.QR,
    }
    return books.Item(on=on, amount_vnd=amount_vnd, **(facts | more))


def cost(on: date, amount_vnd: int, **more) -> books.Item:
    facts = {"document": "", "text": "Tiền điện", "is_cash": True}
    return books.Item(on=on, amount_vnd=amount_vnd, **(facts | more))


@pytest.fixture
def accounts() -> books.Accounts:
    """Goods 800 m before the quarter and 100 m in it, food 300 m in it, a return, three costs."""
    food = {"groups": (Group.PRODUCTION,), "site": "Sạp B3, Chợ Ví Dụ", "is_cash": True,
            "road": Road.CASH, "document": "BL-051126-B3", "text": "Bán lẻ trong ngày, 9 lần, tiền mặt"}  # fmt: skip
    return books.Accounts(
        household=HOUSEHOLD,
        period=QUARTER,
        items=[
            item(date(2026, 10, 2), 101 * M),
            item(date(2026, 11, 5), 300 * M, **food),
            item(date(2026, 11, 6), -1 * M, document="HT-061126", text="Hoàn tiền hàng bị trả lại"),
        ],
        costs=[
            cost(date(2026, 10, 3), 4 * M),
            cost(date(2026, 10, 4), 6 * M, is_deductible=False, text="Mua tủ, trả tiền mặt"),
            cost(date(2026, 10, 5), 9 * M, is_cash=False, document="1C26TAA-7", text="Thuê sạp"),
        ],
        before=(Revenue(groups=(Group.GOODS,), amount_vnd=800 * M, site="Sạp A12, Chợ Ví Dụ"),),
    )


def read_back(content: bytes) -> list[list]:
    """The cells of the only sheet, empty ends cut off."""
    book = CalamineWorkbook.from_filelike(BytesIO(content))
    assert len(book.sheet_names) == 1
    rows = book.get_sheet_by_index(0).to_python()
    return [_cut(row) for row in rows]


def _cut(row: list) -> list:
    while row and row[-1] == "":
        row = row[:-1]
    return row


def read_pages(content: bytes) -> list[str]:
    """The text of each page, in one line."""
    pages = pypdf.PdfReader(BytesIO(content)).pages
    return [" ".join(one.extract_text().split()) for one in pages]
