"""Drafts of forms: D68 8, 13.4; C18 3-4, 8; C89 99.5 for periods from 1 July 2026."""

from datetime import date

import pytest

from einvoice import books
from einvoice.books import Form
from tests.unit.einvoice.books.conftest import M, read_back, read_pages

ACCOUNT = books.Account(
    bank="Vietcombank", number="9990001112223", holder="CO LAN", since=date(2026, 1, 2)
)
SITE = books.Site(
    code="A12", name="Sạp A12, Chợ Ví Dụ", address="Phường Ví Dụ", trade="rau củ",
    since=date(2026, 1, 1), until=date(2026, 12, 1),
)  # fmt: skip


def draft(form: Form, accounts: books.Accounts) -> books.Sheet:
    return books.draft_of(form, accounts, bank_accounts=[ACCOUNT], sites=[SITE])


@pytest.mark.parametrize(
    ("form", "code", "basis"),
    [
        (Form.REVENUE, "01/TKN-CNKD", "Thông tư số 89/2026/TT-BTC"),
        (Form.RETURN, "01/CNKD", "Thông tư số 18/2026/TT-BTC"),
        (Form.ACCOUNTS, "01/BK-STK", "Thông tư số 18/2026/TT-BTC"),
        (Form.SITES, "01/TB-ĐĐKD", "Thông tư số 18/2026/TT-BTC"),
    ],
)
def test_every_draft_is_named_a_draft_that_replaces_no_return(accounts, form, code, basis):
    sheet = draft(form, accounts)

    pages = read_pages(books.pdf_of(sheet))
    cells = str(read_back(books.xlsx_of(sheet)))

    for text in (pages[0], cells):
        assert f"Mẫu số {code}" in text
        assert basis in text
        assert "BẢN NHÁP" in text
        assert "Không thay cho kê khai thuế" in text
        assert "chưa gửi đi đâu" in text


def test_the_revenue_notice_has_each_trade_and_each_road(accounts):
    rows = read_back(books.xlsx_of(draft(Form.REVENUE, accounts)))

    sums = [row[-1] for row in rows if (row and row[0] == "Cộng") or row[1:2] == ["Cộng"]]
    assert sums == [400 * M, 400 * M]
    assert ["Tiền mặt", 300 * M] in rows
    assert ["Chuyển khoản, thẻ, ví", 100 * M] in rows


def test_the_return_has_both_taxes_per_site(accounts):
    """D68 8.4.b: by percentage, revenue and both taxes per site."""
    rows = read_back(books.xlsx_of(draft(Form.RETURN, accounts)))

    goods = next(row for row in rows if row[1:2] == ["Sạp A12, Chợ Ví Dụ"])
    food = next(row for row in rows if row[1:2] == ["Sạp B3, Chợ Ví Dụ"])
    assert goods[2:5] == [100 * M, "1 %", 9 * M]
    assert food[2:5] == [300 * M, "3 %", 9 * M]
    assert next(row for row in rows if row and row[0] == "Tổng thuế của kỳ")[-1] == 19 * M


def test_accounts_and_sites_are_listed(accounts):
    listed = read_back(books.xlsx_of(draft(Form.ACCOUNTS, accounts)))
    sites = read_back(books.xlsx_of(draft(Form.SITES, accounts)))

    assert ["1", "Vietcombank", "9990001112223", "CO LAN", date(2026, 1, 2)] in listed
    assert any(
        row[:2] == ["A12", "Sạp A12, Chợ Ví Dụ"] and row[-1] == date(2026, 12, 1) for row in sites
    )
