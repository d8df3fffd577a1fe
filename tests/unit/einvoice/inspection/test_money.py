"""Lines, totals and words of other people's invoices: each lawful convention passes, errors do not."""

from decimal import Decimal

import pytest

from einvoice.inspection import Verdict
from tests.unit.einvoice.inspection.conftest import findings, spoiled

HEAD = (
    "<HDon><DLHDon><TTChung><PBan>2.1.0</PBan><THDon>Hóa đơn</THDon><KHMSHDon>{template}</KHMSHDon>"
    "<KHHDon>{symbol}</KHHDon><SHDon>1</SHDon><NLap>2026-11-23</NLap>{more}<MSTTCGP>0107001729</MSTTCGP>"
    "</TTChung><NDHDon><NBan><Ten>A</Ten><MST>0107001729</MST><DChi>B</DChi></NBan>"
    "<NMua><Ten>Bán cho người tiêu dùng</Ten></NMua><DSHHDVu>{lines}</DSHHDVu><TToan>{totals}</TToan>"
    "</NDHDon></DLHDon></HDon>"
)


def line(amount: object, rate: str = "", nature: int = 1, more: str = "") -> str:
    rated = f"<TSuat>{rate}</TSuat>" if rate else ""
    return f"<HHDVu><TChat>{nature}</TChat><THHDVu>x</THHDVu>{more}<ThTien>{amount}</ThTien>{rated}</HHDVu>"


def total(payable: object, words: str) -> str:
    return f"<TgTTTBSo>{payable}</TgTTTBSo><TgTTTBChu>{words}</TgTTTBChu>"


def rates(*rows: tuple[object, object, object]) -> str:
    inner = "".join(
        f"<LTSuat><TSuat>{rate}</TSuat><ThTien>{net}</ThTien><TThue>{vat}</TThue></LTSuat>"
        for rate, net, vat in rows
    )
    net = sum(Decimal(str(row[1])) for row in rows)
    vat = sum(Decimal(str(row[2])) for row in rows)
    return f"<THTTLTSuat>{inner}</THTTLTSuat><TgTCThue>{net}</TgTCThue><TgTThue>{vat}</TgTThue>"


def sales(lines: str, totals: str) -> str:
    more = "<HDDCKPTQuan>0</HDDCKPTQuan><DVTTe>VND</DVTTe><HTTToan>TM/CK</HTTToan>"
    return HEAD.format(template=2, symbol="K26TAA", more=more, lines=lines, totals=totals)


def vat(lines: str, totals: str, currency: str = "VND") -> str:
    rate = "" if currency == "VND" else "<TGia>25000</TGia>"
    more = f"<DVTTe>{currency}</DVTTe>{rate}<HTTToan>TM/CK</HTTToan>"
    return HEAD.format(template=1, symbol="K26TAA", more=more, lines=lines, totals=totals)


def money(xml: str, verdict: Verdict = Verdict.WRONG) -> list[str]:
    """What is found about money; these documents are unsigned."""
    return [one for one in findings(xml, verdict) if not one.startswith("signature.")]


def test_two_rates_as_the_reference_shows_them():
    xml = vat(
        line(120_000, "8%") + line(50_000, "KCT"),
        rates(("8%", 120_000, 9_600), ("KCT", 50_000, 0))
        + total(179_600, "Một trăm bảy mươi chín nghìn sáu trăm đồng"),
    )

    assert money(xml) == []


@pytest.mark.parametrize(
    ("net", "tax"), [(18_519, 1_481), (18_519, 1_482), ("18518.52", "1481.48")]
)
def test_an_inclusive_price_may_be_one_dong_off_or_keep_its_decimals(net, tax):
    payable = Decimal(str(net)) + Decimal(str(tax))
    words = {20_000: "Hai mươi nghìn đồng", 20_001: "Hai mươi nghìn không trăm linh một đồng"}
    xml = vat(line(net, "8%"), rates(("8%", net, tax)) + total(payable, words[int(payable)]))

    assert money(xml) == []


def test_two_dong_of_vat_are_too_many():
    xml = vat(line(18_519, "8%"), rates(("8%", 18_519, 1_480)) + total(19_999, "x"))

    assert "money.rate_vat" in money(xml)


@pytest.mark.parametrize(("amount", "payable"), [(10_000, 90_000), (-10_000, 90_000)])
def test_a_discount_line_is_taken_off_whatever_its_sign(amount, payable):
    xml = sales(line(100_000) + line(amount, nature=3), total(payable, "Chín mươi nghìn đồng"))

    assert money(xml) == []


def test_promotions_and_notes_add_nothing():
    xml = sales(
        line(100_000) + line(5_000, nature=2) + "<HHDVu><TChat>4</TChat><THHDVu>ghi chú</THHDVu></HHDVu>",
        total(100_000, "Một trăm nghìn đồng"),
    )  # fmt: skip

    assert money(xml) == []


def test_fees_are_added_and_reductions_taken_off():
    xml = sales(
        line(100_000),
        "<DSLPhi><LPhi><TLPhi>phí</TLPhi><TPhi>5000</TPhi></LPhi></DSLPhi><TGTKhac>600</TGTKhac>"
        + total(104_400, "Một trăm linh bốn nghìn bốn trăm đồng"),
    )

    assert money(xml) == []
    assert "money.reduction_note" in money(xml, Verdict.DOUBT)


def test_a_meal_with_the_cut_says_so_in_a_note():
    """NQ204: 100,000 at 3 % less 20 % of it."""
    note = (
        "<HHDVu><TChat>4</TChat><THHDVu>Đã giảm 600 đồng tương ứng 20% mức tỷ lệ % để tính thuế giá "
        "trị gia tăng theo Nghị quyết số 204/2025/QH15</THHDVu></HHDVu>"
    )
    words = total(99_400, "Chín mươi chín nghìn bốn trăm đồng")
    xml = sales(line(100_000) + note, f"<TGTKhac>600</TGTKhac>{words}")

    assert money(xml) == []
    assert "money.reduction_note" not in money(xml, Verdict.DOUBT)
    later = xml.replace("2026-11-23", "2027-01-02").replace("K26TAA", "K27TAA")
    assert "money.reduction_expired" in money(later)


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (sales(line(100_000), total(100_001, "Một trăm nghìn không trăm linh một đồng")),
         "money.payable"),
        (sales(line(100_000), total(100_000, "Một trăm đồng")), "words"),
        (sales("", total(0, "Không đồng")), "money.no_lines"),
        (sales(line(-5), total(-5, "Âm năm đồng")), "money.payable_negative"),
        (sales(line(100_000, "8%"), total(100_000, "Một trăm nghìn đồng")), "money.line_rate"),
        (sales(line(1_000), rates(("8%", 1_000, 80)) + total(1_080, "Một nghìn không trăm tám mươi")),
         "money.vat_on_sales_invoice"),
        (vat(line(1_000), rates(("8%", 1_000, 80)) + total(1_080, "x")), "money.line_rate"),
        (vat(line(1_000, "9%"), rates(("9%", 1_000, 90)) + total(1_090, "x")), "money.line_rate"),
        (vat(line(1_000, "8%"), rates(("10%", 1_000, 100)) + total(1_100, "x")),
         "money.rate_missing"),
        (vat(line(1_000, "8%"), rates(("8%", 900, 72)) + total(972, "x")), "money.rate_net"),
        (vat(line(1_000, "KCT"), rates(("KCT", 1_000, 1)) + total(1_001, "x")), "money.rate_vat"),
        (sales(line(90, more="<SLuong>2</SLuong><DGia>40</DGia>"), total(90, "Chín mươi đồng")),
         "money.line_product"),
        (sales(line(80, more="<SLuong>2</SLuong><DGia>40</DGia><STCKhau>10</STCKhau>"),
               total(80, "Tám mươi đồng")), "money.line_product"),
    ],
)  # fmt: skip
def test_what_does_not_add_up_is_told(xml, code):
    assert code in money(xml)


def test_dollars_are_said_in_dollars():
    """D254 Annex 8.c.2, its own spelling."""
    text = "Mười ba nghìn tám trăm đô la Mỹ và hai mươi nhăm xu"
    xml = vat(line("13800.25", "0%"), rates(("0%", "13800.25", 0)) + total("13800.25", text), "USD")

    assert money(xml) == []
    assert "words" in money(xml.replace("nhăm", "tư"))


def test_numbers_of_any_length_are_compared_and_never_overflow():
    huge = "9" * 21
    more = f"<SLuong>{huge}</SLuong><DGia>{huge}</DGia>"

    assert "money.line_product" in money(sales(line(1, more=more), total(1, "Một đồng")))


def test_changing_any_amount_of_the_food_stall_is_caught(stall):
    for old, new in (("<DGia>40000", "<DGia>40001"), ("<ThTien>15000", "<ThTien>15001"),
                     ("<SLuong>0.35", "<SLuong>0.36"), ("<TgTTTBSo>110750", "<TgTTTBSo>110740")):  # fmt: skip
        assert findings(spoiled(stall, old, new))
