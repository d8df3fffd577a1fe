"""One invoice for several wrong ones, with the list 01/BK-ĐCTT: Circular 91/2026, Art. 10."""

from dataclasses import replace
from datetime import date

import pytest

from einvoice import books, by_list, document, inspection, validity
from einvoice import invoice as values
from einvoice.by_list import CorrectionList, Listed
from einvoice.errors import FieldInvalid, TotalsWrong
from einvoice.inspection import Verdict
from einvoice.invoice import Method
from tests.unit.einvoice.conftest import NOW, TAX_ID, food_stall_invoice, vat_invoice

BUYER = values.Buyer(name="Công ty Mua", tax_id="0107001729")
ON = date(2026, 11, 23)


def sold(number: int, **changes: object) -> values.Invoice:
    day = date(2026, 11, number)
    return food_stall_invoice(number=number, buyer=BUYER, issued_on=day, **changes)


def listed(*invoices: values.Invoice, **changes: object) -> CorrectionList:
    items = tuple(Listed(invoice=one, fault="sai đơn giá") for one in invoices)
    return replace(
        CorrectionList(number="BK-01", on=ON, method=Method.REPLACES, items=items), **changes
    )


TWO = listed(sold(3), sold(4))
LINES = (values.line("Bún bò", 4, 40_000), values.line("Trà đá", 6, 10_250))


def test_the_replacement_of_two_names_the_first_and_the_list_of_all():
    made = by_list.corrected_by_list(TWO, LINES)

    validity.check(made)
    assert made.totals.payable_vnd == 2 * 110_750
    assert (made.corrects_by_list, made.issued_on, made.symbol) == (True, ON, "C26MAA")
    assert made.related.note == (
        "Thay thế cho hóa đơn Mẫu số 2 ký hiệu C26MAA số 3 ngày 03 tháng 11 năm 2026 "
        "và các hóa đơn theo bảng kê 01/BK-ĐCTT số BK-01 ngày 23/11/2026"
    )


def test_it_is_read_back_and_nothing_is_wrong_with_it():
    made = replace(by_list.corrected_by_list(TWO, LINES), number=9, code="M2-26-A1B2C-00000000009")
    xml = document.write(made)

    report = inspection.inspect(xml, now=NOW)

    assert document.read(xml) == made
    assert report.codes(Verdict.WRONG) == []
    assert "correction" in report.codes(Verdict.RIGHT)
    assert b"<SBKCLQuan>BK-01</SBKCLQuan><NBKCLQuan>2026-11-23</NBKCLQuan>" in xml


def test_an_adjustment_by_list_carries_the_sum_of_the_differences():
    items = tuple(replace(one, difference_vnd=-5_000) for one in TWO.items)
    less = (values.line("Bún bò", -1, 10_000),)

    made = by_list.corrected_by_list(replace(TWO, method=Method.ADJUSTS, items=items), less)

    validity.check(made)
    assert made.totals.payable_vnd == -10_000
    assert made.related.note.startswith("Điều chỉnh cho hóa đơn")


def test_lines_that_do_not_make_the_sum_of_the_list_are_refused():
    with pytest.raises(TotalsWrong):
        by_list.corrected_by_list(TWO, LINES[:1])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (listed(sold(3)), "2 to"),
        (listed(sold(3), sold(3)), "twice"),
        (listed(sold(3), replace(sold(4), buyer=replace(BUYER, tax_id=TAX_ID))), "buyer"),
        (listed(*(replace(sold(n), buyer=values.Buyer(name="A")) for n in (3, 4))), "not known"),
        (listed(sold(3), replace(sold(4), issued_on=date(2026, 10, 4))), "month"),
        (listed(sold(3), replace(vat_invoice(), seller=sold(3).seller, buyer=BUYER)), "kind"),
        (listed(sold(3), sold(24)), "later"),
        (listed(sold(3), sold(4), number=""), "characters"),
        (replace(TWO, items=(replace(TWO.items[0], fault=" "), TWO.items[1])), "wrong"),
        (replace(TWO, items=(replace(TWO.items[0], correction="replaced"), TWO.items[1])), "already"),
        (replace(TWO, items=(replace(TWO.items[0], correction="adjusted"), TWO.items[1])), "already"),
    ],
)  # fmt: skip
def test_a_list_the_law_does_not_know_is_refused(wrong, why):
    with pytest.raises(FieldInvalid, match=why):
        by_list.check_list(wrong)


def test_who_was_adjusted_may_be_adjusted_again_and_not_replaced():
    items = tuple(replace(one, correction="adjusted") for one in TWO.items)

    by_list.check_list(replace(TWO, method=Method.ADJUSTS, items=items))


def test_the_list_is_a_page_and_a_workbook(tmp_path):
    sheet = by_list.sheet_of_list(TWO)

    assert (sheet.code, sheet.tables[0].rows[1][2]) == ("01/BK-ĐCTT", "4")
    assert "91/2026" in sheet.basis
    assert bytes(books.pdf_of(sheet)).startswith(b"%PDF")
    assert bytes(books.xlsx_of(sheet)).startswith(b"PK")
