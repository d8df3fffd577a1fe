"""One invoice: names, numbers, parties, dates, the lookup code, corrections."""

from dataclasses import replace
from datetime import date

import pytest

from einvoice import document, inspection
from einvoice import invoice as values
from einvoice.inspection import Verdict
from einvoice.invoice import Method, Related
from tests.unit.einvoice.conftest import NOW, food_stall_invoice
from tests.unit.einvoice.inspection.conftest import findings, spoiled


def test_the_food_stall_of_the_reference_is_right(stall):
    report = inspection.inspect(stall, now=NOW)

    assert report.is_right
    assert report.codes(Verdict.DOUBT) == []
    assert {"structure", "name.symbol", "code", "money.lines", "words", "lookup"} <= set(
        report.codes(Verdict.RIGHT)
    )


def test_indented_it_is_still_right_and_the_white_space_is_noted(stall):
    indented = stall.replace(b"><", b">\n  <")

    assert findings(indented) == []
    assert "structure.white_space" in findings(indented, Verdict.NOTE)


def test_a_company_s_invoice_with_both_seals_is_right(company):
    report = inspection.inspect(company, now=NOW)

    assert report.codes() == []
    assert [one.holds for one in report.sheet.signatures] == [True, True]
    assert set(report.codes(Verdict.DOUBT)) == {"signature.self_signed"}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<PBan>2.1.0</PBan>", "", "structure.missing"),
        ("<PBan>2.1.0</PBan>", "<PBan>9.9.9</PBan>", "name.version"),
        ("<KHHDon>C26MAA", "<KHHDon>C25MAA", "name.symbol"),
        ("<KHHDon>C26MAA", "<KHHDon>C26NAA", "name.symbol"),
        ("<KHHDon>C26MAA", "<KHHDon>c26maa", "name.symbol"),
        ("<KHMSHDon>2", "<KHMSHDon>6", "name.symbol"),
        ("<SHDon>123</SHDon>", "<SHDon>0</SHDon>", "name.number"),
        ("<SHDon>123</SHDon>", "<SHDon>1234567890</SHDon>", "structure.number"),
        ("<NLap>2026-11-23", "<NLap>2026-11-24", "name.date_future"),
        ("<NLap>2026-11-23", "<NLap>23/11/2026", "structure.date"),
        ("<NLap>2026-11-23", "<NLap>2026-02-30", "structure.date"),
        ("<MST>038190000123", "<MST>12345", "party.tax_id"),
        ("<DChi>", "<DChi/><Khac>", None),
        ("M2-26-A1B2C-00000000123", "M1-26-A1B2C-00000000123", "code.fit"),
        ("M2-26-A1B2C-00000000123", "M2-25-A1B2C-00000000123", "code.fit"),
        ("M2-26-A1B2C-00000000123", "M2-26-a1b2c-00000000123", "code.form"),
        ("M2-26-A1B2C-00000000123", "0123456789ABCDEF0123456789ABCDEF01", "code.form"),
        ("<MCCQT>M2-26-A1B2C-00000000123</MCCQT>", "", "code.missing"),
        ("<Ten>Bán cho người tiêu dùng</Ten>", "<Ten>Người mua không lấy hóa đơn</Ten>",
         "party.consumer"),
        ("<THHDVu>Bún bò</THHDVu>", "", "structure.missing"),
        ("<TChat>1</TChat>", "<TChat>8</TChat>", "structure.choice"),
        ("<SLuong>2<", "<SLuong>2,0<", "structure.number"),
        ("<SLuong>2<", "<SLuong>2.1234567<", "structure.number"),
        ("<SHDon>123</SHDon>", "<SHDon>123</SHDon><SHDon>123</SHDon>", "structure.twice"),
        ("<THHDVu>Bún bò", "<THHDVu>" + "x" * 501, "structure.length"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(stall, old, new, code):
    if code is None:
        new_end = spoiled(spoiled(stall, old, new), "</DChi></NBan>", "</Khac></NBan>")
        assert "structure.missing" in findings(new_end)
        return
    assert code in findings(spoiled(stall, old, new))


def test_every_wrong_remark_says_where_and_in_words(stall):
    broken = spoiled(stall, "<TgTTTBSo>110750", "<TgTTTBSo>110751")

    for one in inspection.inspect(broken, now=NOW).remarks(Verdict.WRONG):
        assert one.where
        assert one.text.endswith(".")


def test_unknown_fields_and_another_order_are_noted_and_not_wrong(stall):
    strange = spoiled(stall, "</TTChung>", "<Moi>1</Moi></TTChung>")
    shuffled = spoiled(spoiled(stall, "<PBan>2.1.0</PBan>", ""), "</TTChung>",
                       "<PBan>2.1.0</PBan></TTChung>")  # fmt: skip

    assert findings(strange) == findings(shuffled) == []
    assert "structure.unknown" in findings(strange, Verdict.NOTE)
    assert "structure.order" in findings(shuffled, Verdict.NOTE)


def test_a_wrong_check_digit_and_an_odd_version_are_doubts(company):
    told = findings(company.replace(b"0107001729-001", b"0107001720-001"), Verdict.DOUBT)

    assert "party.tax_id_check" in told


def test_an_empty_buyer_is_a_doubt_because_some_sellers_may_omit_it(stall):
    """D254 Annex 4.b and 9.c."""
    empty = spoiled(stall, "<NMua><Ten>Bán cho người tiêu dùng</Ten></NMua>", "")

    assert findings(empty) == []
    assert "party.consumer" in findings(empty, Verdict.DOUBT)


def test_letter_f_is_used_since_july_2026_only():
    """C91 Annex I."""
    june = food_stall_invoice(
        template=1, symbol="K26FAA", issued_on=date(2026, 6, 30), code="", lookup=""
    )

    assert "name.symbol" in findings(document.write(june))
    assert "name.symbol" not in findings(document.write(replace(june, issued_on=date(2026, 7, 1))))


def test_an_invoice_of_2022_is_judged_by_the_law_of_2022():
    """The consumer's name of Decree 254/2026 is not asked of an invoice older than it."""
    old = food_stall_invoice(
        version="2.0.1", symbol="C22MAA", issued_on=date(2022, 12, 1), lookup="",
        code="M2-22-A1B2C-00000000123", buyer=values.Buyer(name="Người mua không lấy hóa đơn"),
    )  # fmt: skip

    assert findings(document.write(old)) == []
    assert "name.version" not in findings(document.write(old), Verdict.DOUBT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0306C26MAA", "0306C26MAB"),
        ("6304246F", "6304246E"),
        ("<SHDon>123<", "<SHDon>124<"),
        ("<TgTTTBSo>110750<", "<TgTTTBSo>110760<"),
    ],
)
def test_a_qr_that_says_something_else_is_caught(stall, old, new):
    told = findings(spoiled(stall, old, new))

    assert {"lookup.differs", "lookup.broken"} & set(told)


def test_a_qr_of_another_kind_is_a_doubt(stall):
    text = document.read(stall).lookup
    other = spoiled(stall, text, "0107001729|2/001|1|C26MAA123||23/11/2026|110750")

    assert findings(other) == []
    assert "lookup.other" in findings(other, Verdict.DOUBT)


# ── Corrections: C91 Art. 10 ────────────────────────────────────────────────────────────────────


def replacing(**changes: object) -> bytes:
    related = Related(
        method=Method.REPLACES, template="2", symbol="C26MAA", number="122",
        issued_on=date(2026, 11, 23),
        note="Thay thế cho hóa đơn Mẫu số 2 ký hiệu C26MAA số 122 ngày 23 tháng 11 năm 2026",
    )  # fmt: skip
    return document.write(food_stall_invoice(related=replace(related, **changes)))


def test_a_replacement_that_names_what_it_replaces_is_right():
    assert findings(replacing()) == []
    assert "correction" in findings(replacing(), Verdict.RIGHT)


@pytest.mark.parametrize(
    ("changes", "verdict", "code"),
    [
        ({"number": "123"}, Verdict.WRONG, "correction.itself"),
        ({"issued_on": date(2026, 11, 24)}, Verdict.WRONG, "correction.date"),
        ({"note": "Điều chỉnh cho hóa đơn số 122"}, Verdict.WRONG, "correction.text"),
        ({"note": ""}, Verdict.WRONG, "structure.missing"),
        ({"note": "Thay thế hóa đơn 122"}, Verdict.DOUBT, "correction.text"),
        ({"method": Method.ADJUSTS}, Verdict.DOUBT, "correction.method"),
    ],
)
def test_a_correction_that_does_not_fit_is_told(changes, verdict, code):
    assert code in findings(replacing(**changes), verdict)


def test_a_repealed_decree_as_basis_is_a_doubt():
    note = values.Line(nature=values.Nature.NOTE, name="Theo Nghị định 123/2020/NĐ-CP")
    invoice = food_stall_invoice()
    xml = document.write(replace(invoice, lines=(*invoice.lines, note)))

    assert "basis.repealed" in findings(xml, Verdict.DOUBT)


def test_a_delegated_invoice_names_both_parties():
    """C91 Art. 9."""
    field = "<TTChung><PBan>2.1.0</PBan><MSTDVNUNLHDon>0107001729</MSTDVNUNLHDon>"
    half = (
        document.write(food_stall_invoice()).decode().replace("<TTChung><PBan>2.1.0</PBan>", field)
    )
    whole = half.replace(
        "</MSTDVNUNLHDon>",
        "</MSTDVNUNLHDon><TDVNUNLHDon>Ban quản lý chợ</TDVNUNLHDon><DCDVNUNLHDon>Chợ</DCDVNUNLHDon>",
    )

    assert "party.delegate" in findings(half)
    assert findings(whole) == []
