"""Books S1a, S2a, S2b, S2c, S2e of Circular 152/2025, read back from what was written."""

from datetime import date
from io import BytesIO
from zipfile import ZipFile

import pytest

from einvoice import books
from einvoice.books import Book
from einvoice.errors import InstrumentNotInForce
from tests.unit.einvoice.books.conftest import HOUSEHOLD, M, read_back, read_pages


def rows_of(book: Book, accounts: books.Accounts) -> list[list]:
    return read_back(books.xlsx_of(books.book_of(book, accounts)))


def test_s1a_is_revenue_line_by_line_with_its_sum(accounts):
    rows = rows_of(Book.S1A, accounts)

    assert rows[:4] == [
        ["Mẫu số S1a-HKD"],
        ["Theo Thông tư số 152/2025/TT-BTC"],
        ["SỔ DOANH THU BÁN HÀNG HÓA, DỊCH VỤ"],
        ["Không thay cho kê khai thuế"],
    ]
    assert ["Kỳ: quý 4/2026, từ 01/10/2026 đến 31/12/2026"] in rows
    head = rows.index(["Số hiệu chứng từ", "Ngày, tháng", "Diễn giải", "Số tiền"])
    assert rows[head + 1 : head + 5] == [
        ["2C26MAA-1", date(2026, 10, 2), "Bán hàng, chuyển khoản", 101 * M],
        ["BL-051126-B3", date(2026, 11, 5), "Bán lẻ trong ngày, 9 lần, tiền mặt", 300 * M],
        ["HT-061126", date(2026, 11, 6), "Hoàn tiền hàng bị trả lại", -1 * M],
        ["Cộng", "", "", 400 * M],
    ]


def test_s2a_has_each_trade_with_the_taxes_that_fall_on_the_period(accounts):
    """The year is 900 m of goods and 300 m of food: VAT of all of it, income tax above one billion."""
    rows = rows_of(Book.S2A, accounts)

    assert ["Thuế GTGT 1 %", "", "", 9 * M] in rows
    assert ["Thuế GTGT 3 %", "", "", 9 * M] in rows
    assert ["Thuế TNCN 1,5 %"] in [row[:1] for row in rows]
    pit = [row[3] if len(row) > 3 else 0 for row in rows if str(row[:1]).startswith("['Thuế TNCN")]
    assert sum(pit) == 1 * M  # 200 m of goods at 0.5 %: the free billion covers the food first


def test_a_later_period_bears_only_its_own_vat(accounts):
    """L48 12.2.b: what was due before the period was due before the period."""
    from dataclasses import replace

    earlier = (replace(accounts.before[0], amount_vnd=1_200 * M),)
    rows = rows_of(Book.S2A, replace(accounts, before=earlier))

    assert ["Thuế GTGT 1 %", "", "", 1 * M] in rows
    assert ["Thuế GTGT 3 %", "", "", 9 * M] in rows


def test_s2b_adds_the_vat_to_the_revenue(accounts):
    rows = rows_of(Book.S2B, accounts)

    assert ["Cộng", "", "", 400 * M] in rows
    assert any(str(row[0]).startswith("Thuế GTGT 1 %") and row[3] == 9 * M for row in rows if row)


def test_s2c_takes_off_what_is_deductible_and_names_what_is_not(accounts):
    """D68 6: a cost of five million and more needs an invoice and must not be paid in cash."""
    rows = rows_of(Book.S2C, accounts)

    assert ["Cộng", "", "", 400 * M, 13 * M] in rows
    assert ["Chênh lệch", "", "", "", 387 * M] in rows
    assert ["", date(2026, 10, 4), "Mua tủ, trả tiền mặt", 6 * M] in rows


def test_s2e_parts_cash_from_the_bank(accounts):
    rows = rows_of(Book.S2E, accounts)

    cash, bank = (
        i for i, row in enumerate(rows) if row in (["Tiền mặt"], ["Tiền gửi ngân hàng, ví điện tử"])
    )
    left = [row for row in rows if row and row[0] == "Thu trừ chi trong kỳ"]
    assert cash < bank
    assert left == [
        ["Thu trừ chi trong kỳ", "", "", "", 290 * M],
        ["Thu trừ chi trong kỳ", "", "", "", 91 * M],
    ]


@pytest.mark.parametrize("book", list(Book))
def test_every_book_says_that_it_replaces_no_return_on_every_page(accounts, book):
    sheet = books.book_of(book, accounts)

    pages = read_pages(books.pdf_of(sheet))

    assert all("Không thay cho kê khai thuế" in page for page in pages)
    assert "Không thay cho kê khai thuế" in str(read_back(books.xlsx_of(sheet)))
    assert f"Mẫu số {book.value}" in pages[0]
    assert HOUSEHOLD.tax_id in pages[0]


def test_an_empty_period_is_a_book_too():
    period = books.Period("năm 2026", date(2026, 1, 1), date(2026, 11, 23))
    empty = books.Accounts(household=HOUSEHOLD, period=period, items=())

    for book in Book:
        sheet = books.book_of(book, empty)
        assert "Chưa có khoản nào trong kỳ" in read_pages(books.pdf_of(sheet))[0]
        assert read_back(books.xlsx_of(sheet))


def test_a_book_of_a_year_before_the_circular_is_refused():
    """C152 has force from 1 January 2026: it is never named as basis before."""
    period = books.Period("năm 2025", date(2025, 1, 1), date(2025, 12, 31))

    with pytest.raises((InstrumentNotInForce, LookupError, Exception)) as refused:
        books.book_of(Book.S1A, books.Accounts(household=HOUSEHOLD, period=period, items=()))

    assert getattr(refused.value, "code", "") in {"rule_unknown", "instrument_not_in_force"}


def test_the_same_book_is_the_same_file(accounts):
    once, again = (books.book_of(Book.S1A, accounts) for _ in range(2))
    assert books.pdf_of(once) == books.pdf_of(again)
    once, again = (books.book_of(Book.S1A, accounts) for _ in range(2))

    content = books.xlsx_of(once)

    assert content == books.xlsx_of(again)
    with ZipFile(BytesIO(content)) as parts:  # nothing says when it was made
        assert b"2026-01-01T00:00:00Z" in parts.read("docProps/core.xml")


def test_a_long_book_repeats_its_head_and_keeps_every_row(accounts):
    from dataclasses import replace

    many = [replace(accounts.items[0], document=f"2C26MAA-{number}") for number in range(1, 201)]
    sheet = books.book_of(Book.S1A, replace(accounts, items=many))

    pages = read_pages(books.pdf_of(sheet))

    assert len(pages) > 3
    assert all("Số hiệu chứng từ" in page for page in pages[:-1])
    text = " ".join(pages)
    assert all(f"2C26MAA-{number} " in text for number in range(1, 201))


def test_a_workbook_of_many_rows_takes_no_memory_for_them(accounts):
    import tracemalloc
    from dataclasses import replace

    sheet = books.book_of(Book.S1A, accounts)
    row = (accounts.items[0].document, accounts.items[0].on, "Bán hàng", 45_000)
    long = replace(sheet, tables=(replace(sheet.tables[0], rows=(row for _ in range(30_000))),))

    tracemalloc.start()
    content = books.xlsx_of(long)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert read_back(content)[-3][3] == 30_000 * 45_000
    assert peak < 8_000_000


@pytest.mark.parametrize("name", ["=1+1", "@SUM(A1)", "+84", "-1", "https://vi.du"])
def test_a_text_is_never_a_formula_or_a_link(accounts, name):
    from dataclasses import replace

    bad = replace(accounts.items[0], text=name)

    rows = read_back(books.xlsx_of(books.book_of(Book.S1A, replace(accounts, items=[bad]))))

    assert any(row[2:3] == [name] for row in rows)
