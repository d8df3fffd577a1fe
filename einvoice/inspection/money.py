"""Lines, totals and words of an invoice, checked in decimals whatever the provider's rounding.

Sources: Decree 254/2026 Art. 10 and Annex 5, 8; the conventions on discounts and inclusive prices differ
between providers, so each known one is accepted. VAT may be 1 đ off per rate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import partial

from lxml import etree

from einvoice import amounts, words
from einvoice.inspection import cuts
from einvoice.inspection.reading import number, said, shown
from einvoice.inspection.report import Sheet
from einvoice.sentences import say

ONE = Decimal(1)
ZERO = Decimal(0)
PRECISION = 150
"""Two numbers of any length `reading.number` lets through, multiplied."""
UNTAXED = ("KCT", "KKKNT", "0%")


@dataclass(frozen=True)
class Row:
    """What matters of one line."""

    nature: str
    amount: Decimal | None
    rate: str


def check(sheet: Sheet, content: etree._Element, general: etree._Element, *, is_vat: bool) -> None:
    """Check everything that is money."""
    with localcontext(prec=PRECISION):
        _check(sheet, content, general, is_vat=is_vat)


def _check(sheet: Sheet, content: etree._Element, general: etree._Element, *, is_vat: bool) -> None:
    adjusts = said(general, "TTHDLQuan/TCHDon") == "2"
    rows = [
        Row(said(one, "TChat"), number(one, "ThTien"), said(one, "TSuat"))
        for one in content.iterfind("DSHHDVu/HHDVu")
    ]
    totals = content.find("TToan")
    _there(sheet, rows, totals, adjusts=adjusts)
    _lines(sheet, content, is_vat=is_vat, adjusts=adjusts)
    if totals is None:
        return
    if is_vat:
        _rates(sheet, rows, totals, adjusts=adjusts)
        cuts.rate(sheet, (row.rate for row in rows), general)
    elif totals.find("THTTLTSuat") is not None or totals.find("TgTThue") is not None:
        sheet.wrong("money.vat_on_sales_invoice", "Hóa đơn bán hàng không được tách thuế GTGT.",
                    "TToan", "Bỏ phần thuế suất và tiền thuế.", "D254 Điều 10")  # fmt: skip
    _payable(sheet, rows, totals, is_vat=is_vat, adjusts=adjusts)
    _currency(sheet, rows, totals, general)
    _words(sheet, totals, said(general, "DVTTe") or "VND")
    cuts.reduction(sheet, content, totals, general)


def _there(
    sheet: Sheet, rows: Sequence[Row], totals: etree._Element | None, *, adjusts: bool
) -> None:
    if all(one.nature == "4" for one in rows) and not adjusts:
        sheet.wrong("money.no_lines", "Hóa đơn không có dòng hàng hóa, dịch vụ nào.",
                    "DSHHDVu", "Ghi ít nhất một dòng.", "D254 Điều 10")  # fmt: skip
    if totals is None and not adjusts:
        sheet.wrong("money.no_totals", "Thiếu phần tổng tiền (TToan).", "TToan",
                    "Ghi tổng tiền thanh toán bằng số và bằng chữ.", "D254 Điều 10")  # fmt: skip


def _lines(sheet: Sheet, content: etree._Element, *, is_vat: bool, adjusts: bool) -> None:
    before = len(sheet.remarks)
    numbers: list[str] = []
    for index, node in enumerate(content.iterfind("DSHHDVu/HHDVu"), 1):
        where = f"HHDVu[{index}]"
        if len(sheet.remarks) - before > 40:
            break
        numbers.append(said(node, "STT"))
        if said(node, "TChat") == "4":
            continue
        _amount(sheet, node, where, adjusts=adjusts)
        _rate_of_line(sheet, node, where, is_vat=is_vat)
    listed = [one for one in numbers if one]
    if len(set(listed)) != len(listed):
        sheet.doubt("money.line_numbers", "Số thứ tự dòng (STT) bị trùng.", "DSHHDVu")
    if not any(one.code.startswith("money.line") for one in sheet.remarks[before:]):
        sheet.right(
            "money.lines", say("{} dòng: thành tiền khớp số lượng và đơn giá.", len(numbers))
        )


def _amount(sheet: Sheet, node: etree._Element, where: str, *, adjusts: bool) -> None:
    amount = number(node, "ThTien")
    name = said(node, "THHDVu")[:60]
    if amount is None:
        sheet.wrong("money.line_amount", say("Dòng “{}” không có thành tiền.", name), f"{where}/ThTien",
                    "Ghi thành tiền.", "F1306")  # fmt: skip
        return
    if amount < 0 and not adjusts and said(node, "TChat") != "3":
        sheet.wrong("money.line_negative", say("Dòng “{}” có thành tiền âm mà không phải hóa đơn "
                    "điều chỉnh.", name), f"{where}/ThTien", "Lập hóa đơn điều chỉnh.", "C91 Điều 10")  # fmt: skip
    quantity, price = number(node, "SLuong"), number(node, "DGia")
    if quantity is None or price is None or said(node, "TChat") == "2":
        return
    discount = _discount(sheet, node, quantity * price, where)
    exact = quantity * price - discount
    rounded = (quantity * price).quantize(ONE, ROUND_HALF_UP) - discount
    if said(node, "TChat") == "3" and amount < 0 < exact:
        amount = -amount  # taken off by its sign
    if amount == rounded or (abs(amount - exact) < ONE and amount != amount.to_integral_value()):
        return
    if abs(amount - exact) < ONE:
        sheet.note("money.line_rounding", say("Dòng “{}” làm tròn khác thường: {} "
                   "thay vì {}.", name, shown(amount), shown(rounded)), f"{where}/ThTien")  # fmt: skip
        return
    product = f"{shown(quantity)} × {shown(price)}" + (f" − {shown(discount)}" if discount else "")
    sheet.wrong("money.line_product", say("Dòng “{}”: {} = {}, hóa đơn ghi {}.", name, product,
                shown(rounded), shown(amount)), f"{where}/ThTien", "Điều chỉnh hoặc thay thế hóa đơn.", "C91 Điều 10")  # fmt: skip


def _discount(sheet: Sheet, node: etree._Element, gross: Decimal, where: str) -> Decimal:
    """STCKhau, or what TLCKhau makes where only the percentage is given."""
    percent, told = number(node, "TLCKhau"), number(node, "STCKhau")
    if percent is None:
        return told or ZERO
    right = (gross * percent / 100).quantize(ONE, ROUND_HALF_UP)
    if told is None:
        return right
    if abs(told - right) > ONE:
        sheet.doubt("money.line_discount", say("Chiết khấu {}% của {} là "
                    "{}, hóa đơn ghi {}.", shown(percent), shown(gross), shown(right), shown(told)), f"{where}/STCKhau",
                    source="F1306")  # fmt: skip
    return told


def _rate_of_line(sheet: Sheet, node: etree._Element, where: str, *, is_vat: bool) -> None:
    rate = said(node, "TSuat")
    if not is_vat:
        if rate:
            sheet.wrong("money.line_rate", "Hóa đơn bán hàng không ghi thuế suất GTGT theo dòng.",
                        f"{where}/TSuat", "Bỏ thuế suất.", "D254 Điều 10")  # fmt: skip
        return
    if rate == "KHAC":
        sheet.doubt("money.line_rate_other", "Thuế suất “KHAC” không kèm số chỉ dành cho nhà thầu "
                    "nước ngoài.", f"{where}/TSuat")  # fmt: skip
    elif rate and not amounts.RATE.fullmatch(rate):
        sheet.wrong("money.line_rate", say("Thuế suất “{}” không hợp lệ.", rate[:20]), f"{where}/TSuat",
                    "Dùng 0%, 5%, 8%, 10%, KCT, KKKNT hoặc KHAC:AB.CD%.", "F1510")  # fmt: skip
    elif not rate:
        sheet.wrong("money.line_rate", "Dòng của hóa đơn GTGT không ghi thuế suất.",
                    f"{where}/TSuat", "Ghi thuế suất.", "D254 Điều 10")  # fmt: skip


# ── Totals ──────────────────────────────────────────────────────────────────────────────────────


def _sums(rows: Sequence[Row], *, adjusts: bool, promotions: bool = False) -> list[Decimal]:
    """What the lines add up to: a discount is taken off whatever its sign, notes never count.

    On an adjustment a difference has a sign of its own, so both conventions are possible there.
    `promotions`: as if what is given away were charged.
    """
    counted = [row for row in rows if row.amount is not None and row.nature != "4"]
    plain = sum((row.amount or ZERO for row in counted if row.nature not in ("2", "3")), ZERO)
    if promotions:
        plain += sum((row.amount or ZERO for row in counted if row.nature == "2"), ZERO)
    off = [row.amount or ZERO for row in counted if row.nature == "3"]
    if adjusts:
        return list(dict.fromkeys((plain - sum(off, ZERO), plain + sum(off, ZERO))))
    return [plain - sum(map(abs, off), ZERO)]


def _fits(
    sheet: Sheet, told: Decimal, rows: Sequence[Row], off: Callable[..., list[Decimal]], where: str
) -> bool:
    """Whether a total is one of the possible ones; a doubt where it charges what was given away."""
    if any(_near(told, one) for one in off(promotions=False)):
        return True
    if not any(row.nature == "2" and row.amount for row in rows):
        return False
    if not any(_near(told, one) for one in off(promotions=True)):
        return False
    sheet.doubt("money.promotion_counted", "Hàng khuyến mại (TChat 2) được cộng vào tiền phải trả; hàng cho "
                "không thì thành tiền bằng 0 hoặc không cộng.", where, source="D254 Phụ lục mục 5")  # fmt: skip
    return True


def _rates(sheet: Sheet, rows: Sequence[Row], totals: etree._Element, *, adjusts: bool) -> None:
    before = len(sheet.remarks)
    said_rates: dict[str, list[etree._Element]] = {}
    for one in totals.iterfind("THTTLTSuat/LTSuat"):
        said_rates.setdefault(said(one, "TSuat"), []).append(one)
    used = {row.rate for row in rows if row.rate}
    for rate in sorted(used - set(said_rates)):
        sheet.wrong("money.rate_missing", say("Bảng tổng hợp thuế suất thiếu {}.", rate), "THTTLTSuat",
                    "Ghi đủ từng thuế suất.", "D254 Điều 10")  # fmt: skip
    net = vat = ZERO
    for rate, nodes in said_rates.items():
        if len(nodes) > 1:
            sheet.doubt("money.rate_twice", say("Thuế suất {} đứng {} lần trong bảng tổng "
                        "hợp.", rate, len(nodes)), f"LTSuat[{rate}]", "Cộng thành một dòng.", "F1510")  # fmt: skip
        own = sum((number(one, "ThTien") or ZERO for one in nodes), ZERO)
        tax = sum((number(one, "TThue") or ZERO for one in nodes), ZERO)
        net, vat = net + own, vat + tax
        if any(number(one, "ThTien") is not None for one in nodes):
            own_rows = [row for row in rows if row.rate == rate]
            _rate(sheet, rate, own, tax, own_rows, adjusts=adjusts)
    for tag, total, name in (
        ("TgTCThue", net, "Tổng tiền chưa thuế"),
        ("TgTThue", vat, "Tổng tiền thuế"),
    ):
        told = number(totals, tag)
        if told is not None and not _near(told, total):
            sheet.wrong(f"money.{tag}", say("{} ghi {}, cộng các thuế suất được "
                        "{}.", name, shown(told), shown(total)), f"TToan/{tag}", "Điều chỉnh hoặc thay thế hóa đơn.",
                        "D254 Điều 10")  # fmt: skip
    if not any(
        one.code.startswith("money.") for one in sheet.remarks[before:] if one.verdict == "wrong"
    ):
        sheet.right("money.rates", "Tiền hàng và tiền thuế theo từng thuế suất khớp nhau.")


def _rate(
    sheet: Sheet, rate: str, net: Decimal, vat: Decimal, rows: Sequence[Row], *, adjusts: bool
) -> None:
    where = f"LTSuat[{rate}]"
    sums = partial(_sums, rows, adjusts=adjusts)
    if not _fits(sheet, net, rows, sums, where):
        sheet.wrong("money.rate_net", say("Thuế suất {}: tiền hàng ghi {}, cộng các dòng "
                    "được {}.", rate, shown(net), shown(sums()[0])), where, "Điều chỉnh hoặc thay thế hóa đơn.",
                    "D254 Điều 10")  # fmt: skip
    if rate == "KHAC" or not amounts.RATE.fullmatch(rate):
        return
    right = net * amounts.vat_percent(rate) / 100
    off = abs(vat - right.quantize(ONE, ROUND_HALF_UP))
    if off > ONE or (rate in UNTAXED and vat != 0):
        sheet.wrong("money.rate_vat", say("Thuế suất {}: tiền thuế ghi {}, tính được "
                    "{}.", rate, shown(vat), shown(right.quantize(ONE, ROUND_HALF_UP))), where,
                    "Điều chỉnh hoặc thay thế hóa đơn.", "D254 Điều 10")  # fmt: skip
    elif off == ONE:
        sheet.note("money.rate_vat_1", say("Thuế suất {}: tiền thuế lệch 1 đ, như khi giá đã gồm "
                   "thuế.", rate), where)  # fmt: skip


def _payable(
    sheet: Sheet, rows: Sequence[Row], totals: etree._Element, *, is_vat: bool, adjusts: bool
) -> None:
    told = number(totals, "TgTTTBSo")
    if told is None:
        return
    _discounts(sheet, rows, totals)
    if told < 0 and not adjusts:
        sheet.wrong("money.payable_negative", "Tổng thanh toán âm mà không phải hóa đơn điều chỉnh.",
                    "TToan/TgTTTBSo", "Lập hóa đơn điều chỉnh.", "C91 Điều 10")  # fmt: skip
    possible = partial(_payables, rows, totals, is_vat=is_vat, adjusts=adjusts)
    if _fits(sheet, told, rows, possible, "TToan/TgTTTBSo"):
        sheet.right("money.payable", say("Tổng thanh toán {} khớp các dòng.", shown(told)))
        return
    sheet.wrong("money.payable", say("Tổng thanh toán ghi {}, tính được "
                "{}.", shown(told), shown(possible()[0])), "TToan/TgTTTBSo", "Điều chỉnh hoặc thay thế hóa đơn.",
                "D254 Điều 10")  # fmt: skip


def _discounts(sheet: Sheet, rows: Sequence[Row], totals: etree._Element) -> None:
    """The total of trade discounts against the lines that give one."""
    told = number(totals, "TTCKTMai")
    listed = sum((abs(row.amount) for row in rows if row.nature == "3" and row.amount), ZERO)
    if told is not None and listed and abs(told) != listed:
        sheet.doubt("money.discount_total", say("Tổng chiết khấu ghi {}, các dòng chiết khấu "
                    "cộng được {}.", shown(told), shown(listed)), "TToan/TTCKTMai", source="F1306")  # fmt: skip


def _payables(
    rows: Sequence[Row],
    totals: etree._Element,
    *,
    is_vat: bool,
    adjusts: bool,
    promotions: bool = False,
) -> list[Decimal]:
    """What the total may be: a trade discount stands as a line or only in the totals."""
    net = number(totals, "TgTCThue")
    bases = (
        [net] if is_vat and net is not None else _sums(rows, adjusts=adjusts, promotions=promotions)
    )
    vat = (number(totals, "TgTThue") or ZERO) if is_vat else ZERO
    fees = sum((number(one, "TPhi") or ZERO for one in totals.iterfind("DSLPhi/LPhi")), ZERO)
    less = (number(totals, "TGTKCThue") or ZERO) + cuts.reduction_in(totals)
    trade = number(totals, "TTCKTMai") or ZERO
    return [
        base + vat + fees - less - discount
        for base in bases
        for discount in dict.fromkeys((ZERO, trade))
    ]


def _near(told: Decimal, right: Decimal) -> bool:
    """Equal; within a đồng only where somebody keeps fractions of one."""
    whole = told == told.to_integral_value() and right == right.to_integral_value()
    return told == right if whole else abs(told - right) <= ONE


def _currency(
    sheet: Sheet, rows: Sequence[Row], totals: etree._Element, general: etree._Element
) -> None:
    """Whole đồng; a rate for any other currency. Source: QĐ 1306/QĐ-CT, table of TTChung, part IV."""
    payable, currency = number(totals, "TgTTTBSo"), said(general, "DVTTe") or "VND"
    if currency != "VND":
        if (number(general, "TGia") or ZERO) <= 0:
            sheet.wrong("money.exchange_rate", say("Hóa đơn bằng {} phải ghi tỷ giá.", currency[:10]),
                        "TTChung/TGia", "Ghi tỷ giá ra đồng Việt Nam.", "F1306")  # fmt: skip
    elif payable is not None and payable != payable.to_integral_value():
        sheet.doubt("money.fraction", say("Tổng thanh toán {} có phần lẻ của đồng; nên làm "
                    "tròn đến đồng.", shown(payable)), "TToan/TgTTTBSo", source="F1306")  # fmt: skip
    elif any(row.amount is not None and row.amount % 1 for row in rows):
        sheet.note("money.fraction_line", "Thành tiền của dòng có phần lẻ của đồng; có nơi nhận từ chối, "
                   "nên làm tròn đến đồng.", "DSHHDVu", "F1306")  # fmt: skip


def _words(sheet: Sheet, totals: etree._Element, currency: str) -> None:
    told, text = number(totals, "TgTTTBSo"), said(totals, "TgTTTBChu")
    if told is None or not text:
        return
    if currency == "VND" and told == told.to_integral_value():
        same, right = words.same_words(text, int(told)), words.amount_in_words(int(told))
    elif currency in words.FOREIGN:
        same = words.same_foreign_words(text, told, currency)
        right = words.foreign_in_words(told, currency)
    else:
        what = "số có phần lẻ của đồng" if currency == "VND" else currency
        sheet.doubt("words.unchecked", say("Không đối chiếu được số tiền bằng chữ của {}.", what),
                    "TToan/TgTTTBChu")  # fmt: skip
        return
    if same:
        sheet.right("words", say("Số tiền bằng chữ khớp: {}.", text))
        return
    sheet.wrong("words", say("Số tiền bằng chữ ghi “{}”, đúng là “{}”.", text[:120], right),
                "TToan/TgTTTBChu", "Chỉ cần thông báo sai sót (04/SS-HĐĐT), không lập lại hóa đơn.",
                "C91 Điều 10")  # fmt: skip
