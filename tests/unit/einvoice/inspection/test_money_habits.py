"""Discounts, cuts, currencies of other makers: lawful habits pass, what the day's law forbids does not."""

from datetime import UTC, datetime

import pytest

from einvoice import inspection
from einvoice.inspection import Verdict
from tests.unit.einvoice.inspection.test_money import line, money, rates, sales, total, vat

FIVE = "Năm nghìn đồng"
FOUR = "Bốn nghìn đồng"
TAKEN = line(1000, nature=3, more="<SLuong>1</SLuong><DGia>1000</DGia>")
NOTE = (
    "Đã giảm 600 (số tiền) tương ứng 20% mức tỷ lệ % để tính thuế giá trị gia tăng theo "
    "Nghị quyết số 204/2025/QH15"
)
RELATED = (
    "<TTHDLQuan><TCHDon>1</TCHDon><LHDCLQuan>1</LHDCLQuan><KHMSHDCLQuan>1</KHMSHDCLQuan>"
    "<KHHDCLQuan>K26TAA</KHHDCLQuan><SHDCLQuan>7</SHDCLQuan><NLHDCLQuan>2026-12-30</NLHDCLQuan>"
    "<GChu>x</GChu></TTHDLQuan>"
)


def priced(amount: object, more: str, nature: int = 1) -> str:
    return line(amount, nature=nature, more=f"<SLuong>1</SLuong><DGia>5000</DGia>{more}")


def note(text: str) -> str:
    return f"<HHDVu><TChat>4</TChat><THHDVu>{text}</THHDVu></HHDVu>"


def reduced(text: str, reduction: str = "<TGTKhac>600</TGTKhac>", payable: int = 99_400) -> str:
    words = {99_400: "Chín mươi chín nghìn bốn trăm đồng", 100_000: "Một trăm nghìn đồng"}
    return sales(line(100_000) + note(text), reduction + total(payable, words[payable]))


def in_2027(xml: str, more: str = "") -> str:
    dated = xml.replace("<NLap>2026-11-23", "<NLap>2027-01-01").replace("K26TAA<", "K27TAA<", 1)
    return dated.replace("</TTChung>", f"{more}</TTChung>", 1)


def found_in_2027(xml: str, verdict: Verdict = Verdict.WRONG) -> list[str]:
    now = datetime(2027, 2, 1, tzinfo=UTC)
    return inspection.inspect(xml.encode(), now=now).codes(verdict)


def test_a_discount_line_is_taken_off_by_its_kind_or_by_its_sign():
    minus = TAKEN.replace("<ThTien>1000", "<ThTien>-1000")
    for one in (TAKEN, minus, minus.replace("<DGia>1000", "<DGia>-1000")):
        assert money(sales(line(5000) + one, total(4000, FOUR))) == []


def test_a_discount_given_only_as_a_percentage_counts():
    xml = sales(priced(4000, "<TLCKhau>20</TLCKhau>"), total(4000, FOUR))

    assert money(xml) == []


def test_a_percentage_and_an_amount_of_discount_that_disagree_are_doubted():
    xml = sales(priced(4000, "<TLCKhau>50</TLCKhau><STCKhau>1000</STCKhau>"), total(4000, FOUR))

    assert money(xml) == []
    assert "money.line_discount" in money(xml, Verdict.DOUBT)


def test_the_total_of_trade_discounts_is_that_of_its_lines():
    for told, doubts in ((1000, []), (500, ["money.discount_total"])):
        xml = sales(line(5000) + TAKEN, f"<TTCKTMai>{told}</TTCKTMai>{total(4000, FOUR)}")
        found = money(xml, Verdict.DOUBT)
        assert [one for one in found if one == "money.discount_total"] == doubts


def test_notes_alone_are_no_goods():
    """Decree 254/2026, Art. 10: an invoice names what was sold."""
    xml = sales(note("Cảm ơn"), total(0, "Không đồng"))

    assert "money.no_lines" in money(xml)


def test_a_rate_that_stands_twice_is_added_up_and_doubted():
    row = rates(("8%", 120_000, 9_600), ("8%", 0, 0))
    xml = vat(
        line(120_000, "8%"),
        row + total(129_600, "Một trăm hai mươi chín nghìn sáu trăm đồng"),
    )

    assert money(xml) == []
    assert "money.rate_twice" in money(xml, Verdict.DOUBT)


def test_dong_have_no_fractions_in_the_payable_total():
    xml = sales(line("5000.35"), total("5000.35", FIVE))

    assert "money.fraction" in money(xml, Verdict.DOUBT)


@pytest.mark.parametrize("rate", ["", "<TGia>0</TGia>"])
def test_another_currency_needs_its_exchange_rate(rate):
    """Decision 1306: TGia stands unless the currency is VND."""
    xml = vat(line(5, "0%"), rates(("0%", 5, 0)) + total(5, "Năm đô la Mỹ"), currency="USD")

    assert money(xml) == []
    assert "money.exchange_rate" in money(xml.replace("<TGia>25000</TGia>", rate))


def test_8_percent_ends_with_2026_but_for_corrections():
    """Resolution 204/2025: the cut from 10 to 8 % holds to 31 December 2026."""
    xml = vat(line(5000, "8%"), rates(("8%", 5000, 400)) + total(5400, "Năm nghìn bốn trăm đồng"))

    assert "money.rate_expired" not in money(xml.replace("2026-11-23", "2026-12-31"))
    assert "money.rate_expired" in found_in_2027(in_2027(xml))
    corrected = in_2027(xml, RELATED)
    assert "money.rate_expired" not in found_in_2027(corrected)
    assert "money.rate_expired" in found_in_2027(corrected, Verdict.DOUBT)


def test_the_note_of_the_cut_names_its_amount_and_the_resolution_in_force():
    """Resolution 204/2025: a percentage-method seller says what was taken off, and by which text."""
    assert money(reduced(NOTE), Verdict.DOUBT) == []
    old = NOTE.replace("204/2025", "142/2024")
    assert "money.reduction_basis" in money(reduced(old), Verdict.DOUBT)
    for amount in ("700", "1.600", "6000"):
        assert "money.reduction_note" in money(reduced(NOTE.replace("600", amount)), Verdict.DOUBT)
    nothing_off = reduced(NOTE, "", 100_000)
    assert "money.reduction_note" in money(nothing_off, Verdict.DOUBT)


def test_the_cut_of_percentage_sellers_ends_with_2026_but_for_corrections():
    xml = in_2027(reduced(NOTE))

    assert "money.reduction_expired" in found_in_2027(xml)
    corrected = in_2027(reduced(NOTE), RELATED.replace("LQuan>1<", "LQuan>2<"))
    assert "money.reduction_expired" not in found_in_2027(corrected)
    assert "money.reduction_expired" in found_in_2027(corrected, Verdict.DOUBT)


def test_what_is_given_away_and_charged_all_the_same_is_doubted():
    """D254 Annex 5.a.3: promotions have an invoice; their amounts are 0 or stay out of the total."""
    gift = line(1_000, nature=2)

    assert "money.promotion_counted" in money(
        sales(line(4_000) + gift, total(5_000, FIVE)), Verdict.DOUBT
    )
    assert "money.promotion_counted" not in money(
        sales(line(5_000) + gift, total(5_000, FIVE)), Verdict.DOUBT
    )
    rated = vat(line(4_000, "10%") + line(1_000, "10%", nature=2),
                rates(("10%", 5_000, 500)) + total(5_500, "Năm nghìn năm trăm đồng"))  # fmt: skip
    assert "money.promotion_counted" in money(rated, Verdict.DOUBT)
    assert money(rated) == []


def test_a_discount_line_never_adds_to_the_total():
    xml = sales(line(4_000) + line(1_000, nature=3), total(5_000, FIVE))

    assert "money.payable" in money(xml)


def test_fractions_of_a_dong_on_a_line_are_noted():
    xml = sales(line("4999.6") + line("0.4"), total(5_000, FIVE))

    assert money(xml) == []
    assert "money.fraction_line" in money(xml, Verdict.NOTE)
