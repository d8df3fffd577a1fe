"""Lines, totals and words of an invoice, checked in decimals whatever the provider's rounding.

Sources: Decree 254/2026 Art. 10 and Annex 5, 8; the conventions on discounts and inclusive prices differ
between providers, so each known one is accepted. VAT may be 1 đ off per rate.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal, localcontext

from lxml import etree

from einvoice import amounts, instruments, rules, words
from einvoice.inspection.reading import day, number, said, shown
from einvoice.inspection.report import Sheet

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
        _rates(sheet, rows, totals)
        _cut_rate(sheet, rows, general)
    elif totals.find("THTTLTSuat") is not None or totals.find("TgTThue") is not None:
        sheet.wrong("money.vat_on_sales_invoice", "Hóa đơn bán hàng không được tách thuế GTGT.",
                    "TToan", "Bỏ phần thuế suất và tiền thuế.", "D254 Điều 10")  # fmt: skip
    _payable(sheet, rows, totals, is_vat=is_vat, adjusts=adjusts)
    _currency(sheet, totals, general)
    _words(sheet, totals, said(general, "DVTTe") or "VND")
    _reduction(sheet, content, totals, general)


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
        sheet.right("money.lines", f"{len(numbers)} dòng: thành tiền khớp số lượng và đơn giá.")


def _amount(sheet: Sheet, node: etree._Element, where: str, *, adjusts: bool) -> None:
    amount = number(node, "ThTien")
    name = said(node, "THHDVu")[:60]
    if amount is None:
        sheet.wrong("money.line_amount", f"Dòng “{name}” không có thành tiền.", f"{where}/ThTien",
                    "Ghi thành tiền.", "F1306")  # fmt: skip
        return
    if amount < 0 and not adjusts and said(node, "TChat") != "3":
        sheet.wrong("money.line_negative", f"Dòng “{name}” có thành tiền âm mà không phải hóa đơn "
                    "điều chỉnh.", f"{where}/ThTien", "Lập hóa đơn điều chỉnh.", "C91 Điều 10")  # fmt: skip
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
        sheet.note("money.line_rounding", f"Dòng “{name}” làm tròn khác thường: {shown(amount)} "
                   f"thay vì {shown(rounded)}.", f"{where}/ThTien")  # fmt: skip
        return
    sheet.wrong("money.line_product", f"Dòng “{name}”: {shown(quantity)} × {shown(price)}"
                + (f" − {shown(discount)}" if discount else "")
                + f" = {shown(rounded)}, hóa đơn ghi {shown(amount)}.", f"{where}/ThTien",
                "Điều chỉnh hoặc thay thế hóa đơn.", "C91 Điều 10")  # fmt: skip


def _discount(sheet: Sheet, node: etree._Element, gross: Decimal, where: str) -> Decimal:
    """STCKhau, or what TLCKhau makes where only the percentage is given."""
    percent, told = number(node, "TLCKhau"), number(node, "STCKhau")
    if percent is None:
        return told or ZERO
    right = (gross * percent / 100).quantize(ONE, ROUND_HALF_UP)
    if told is None:
        return right
    if abs(told - right) > ONE:
        sheet.doubt("money.line_discount", f"Chiết khấu {shown(percent)}% của {shown(gross)} là "
                    f"{shown(right)}, hóa đơn ghi {shown(told)}.", f"{where}/STCKhau",
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
        sheet.wrong("money.line_rate", f"Thuế suất “{rate[:20]}” không hợp lệ.", f"{where}/TSuat",
                    "Dùng 0%, 5%, 8%, 10%, KCT, KKKNT hoặc KHAC:AB.CD%.", "F1510")  # fmt: skip
    elif not rate:
        sheet.wrong("money.line_rate", "Dòng của hóa đơn GTGT không ghi thuế suất.",
                    f"{where}/TSuat", "Ghi thuế suất.", "D254 Điều 10")  # fmt: skip


# ── Totals ──────────────────────────────────────────────────────────────────────────────────────


def _sums(rows: Sequence[Row]) -> list[Decimal]:
    """What the lines add up to, in each convention: discounts positive and taken off, or negative.

    Promotions are excluded, or have amounts that count; notes never count.
    """
    found = []
    for sign, promotions in itertools.product((-1, 1), (False, True)):
        total = ZERO
        for row in rows:
            if row.nature == "4" or row.amount is None or (row.nature == "2" and not promotions):
                continue
            total += sign * row.amount if row.nature == "3" else row.amount
        found.append(total)
    return list(dict.fromkeys(found))


def _rates(sheet: Sheet, rows: Sequence[Row], totals: etree._Element) -> None:
    before = len(sheet.remarks)
    said_rates: dict[str, list[etree._Element]] = {}
    for one in totals.iterfind("THTTLTSuat/LTSuat"):
        said_rates.setdefault(said(one, "TSuat"), []).append(one)
    used = {row.rate for row in rows if row.rate}
    for rate in sorted(used - set(said_rates)):
        sheet.wrong("money.rate_missing", f"Bảng tổng hợp thuế suất thiếu {rate}.", "THTTLTSuat",
                    "Ghi đủ từng thuế suất.", "D254 Điều 10")  # fmt: skip
    net = vat = ZERO
    for rate, nodes in said_rates.items():
        if len(nodes) > 1:
            sheet.doubt("money.rate_twice", f"Thuế suất {rate} đứng {len(nodes)} lần trong bảng tổng "
                        "hợp.", f"LTSuat[{rate}]", "Cộng thành một dòng.", "F1510")  # fmt: skip
        own = sum((number(one, "ThTien") or ZERO for one in nodes), ZERO)
        tax = sum((number(one, "TThue") or ZERO for one in nodes), ZERO)
        net, vat = net + own, vat + tax
        if any(number(one, "ThTien") is not None for one in nodes):
            _rate(sheet, rate, own, tax, [row for row in rows if row.rate == rate])
    for tag, total, name in (
        ("TgTCThue", net, "Tổng tiền chưa thuế"),
        ("TgTThue", vat, "Tổng tiền thuế"),
    ):
        told = number(totals, tag)
        if told is not None and not _near(told, total):
            sheet.wrong(f"money.{tag}", f"{name} ghi {shown(told)}, cộng các thuế suất được "
                        f"{shown(total)}.", f"TToan/{tag}", "Điều chỉnh hoặc thay thế hóa đơn.",
                        "D254 Điều 10")  # fmt: skip
    if not any(
        one.code.startswith("money.") for one in sheet.remarks[before:] if one.verdict == "wrong"
    ):
        sheet.right("money.rates", "Tiền hàng và tiền thuế theo từng thuế suất khớp nhau.")


def _rate(sheet: Sheet, rate: str, net: Decimal, vat: Decimal, rows: Sequence[Row]) -> None:
    where = f"LTSuat[{rate}]"
    sums = _sums(rows)
    if not any(_near(net, one) for one in sums):
        sheet.wrong("money.rate_net", f"Thuế suất {rate}: tiền hàng ghi {shown(net)}, cộng các dòng "
                    f"được {shown(sums[0])}.", where, "Điều chỉnh hoặc thay thế hóa đơn.",
                    "D254 Điều 10")  # fmt: skip
    if rate == "KHAC" or not amounts.RATE.fullmatch(rate):
        return
    right = net * amounts.vat_percent(rate) / 100
    off = abs(vat - right.quantize(ONE, ROUND_HALF_UP))
    if off > ONE or (rate in UNTAXED and vat != 0):
        sheet.wrong("money.rate_vat", f"Thuế suất {rate}: tiền thuế ghi {shown(vat)}, tính được "
                    f"{shown(right.quantize(ONE, ROUND_HALF_UP))}.", where,
                    "Điều chỉnh hoặc thay thế hóa đơn.", "D254 Điều 10")  # fmt: skip
    elif off == ONE:
        sheet.note("money.rate_vat_1", f"Thuế suất {rate}: tiền thuế lệch 1 đ, như khi giá đã gồm "
                   "thuế.", where)  # fmt: skip


def _cut_rate(sheet: Sheet, rows: Sequence[Row], general: etree._Element) -> None:
    """8 % is the cut rate: after its last day only a correction of an older invoice carries it."""
    on, cut = day(general, "NLap"), rules.rules_of("vat_cut_to_percent")
    if on is None or not any(row.rate == f"{one.value}%" for row in rows for one in cut):
        return
    if any(one.valid_to is None or on <= one.valid_to for one in cut):
        return
    text = f"Thuế suất 8% không còn vào ngày {on:%d/%m/%Y}."
    if general.find("TTHDLQuan") is None:
        sheet.wrong("money.rate_expired", text, "DSHHDVu", "Ghi thuế suất 10%.", "NQ204")
    else:
        sheet.doubt("money.rate_expired", f"{text} Chỉ dùng khi sửa hóa đơn cũ.", "DSHHDVu",
                    source="NQ204")  # fmt: skip


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
    possible = possible_payables(rows, totals, is_vat=is_vat)
    if any(_near(told, one) for one in possible):
        sheet.right("money.payable", f"Tổng thanh toán {shown(told)} khớp các dòng.")
        return
    sheet.wrong("money.payable", f"Tổng thanh toán ghi {shown(told)}, tính được "
                f"{shown(possible[0])}.", "TToan/TgTTTBSo", "Điều chỉnh hoặc thay thế hóa đơn.",
                "D254 Điều 10")  # fmt: skip


def _discounts(sheet: Sheet, rows: Sequence[Row], totals: etree._Element) -> None:
    """The total of trade discounts against the lines that give one."""
    told = number(totals, "TTCKTMai")
    listed = sum((abs(row.amount) for row in rows if row.nature == "3" and row.amount), ZERO)
    if told is not None and listed and abs(told) != listed:
        sheet.doubt("money.discount_total", f"Tổng chiết khấu ghi {shown(told)}, các dòng chiết khấu "
                    f"cộng được {shown(listed)}.", "TToan/TTCKTMai", source="F1306")  # fmt: skip


def possible_payables(
    rows: Sequence[Row], totals: etree._Element, *, is_vat: bool
) -> list[Decimal]:
    """What the total may be: a trade discount stands as a line or only in the totals."""
    net = number(totals, "TgTCThue")
    bases = [net] if is_vat and net is not None else _sums(rows)
    vat = (number(totals, "TgTThue") or ZERO) if is_vat else ZERO
    fees = sum((number(one, "TPhi") or ZERO for one in totals.iterfind("DSLPhi/LPhi")), ZERO)
    less = (number(totals, "TGTKCThue") or ZERO) + reduction_in(totals)
    trade = number(totals, "TTCKTMai") or ZERO
    return [
        base + vat + fees - less - discount
        for base in bases
        for discount in dict.fromkeys((ZERO, trade))
    ]


def reduction_in(totals: etree._Element) -> Decimal:
    """TGTKhac, or the field of that name in TTKhac where the till's layout has no tag for it."""
    told = number(totals, "TGTKhac")
    if told is not None:
        return told
    for one in totals.iterfind("TTKhac/TTin"):
        if said(one, "TTruong") == "TGTKhac":
            return number(one, "DLieu") or ZERO
    return ZERO


def _near(told: Decimal, right: Decimal) -> bool:
    """Equal; within a đồng only where somebody keeps fractions of one."""
    whole = told == told.to_integral_value() and right == right.to_integral_value()
    return told == right if whole else abs(told - right) <= ONE


def _currency(sheet: Sheet, totals: etree._Element, general: etree._Element) -> None:
    """Whole đồng; a rate for any other currency. Source: QĐ 1306/QĐ-CT, table of TTChung, part IV."""
    payable, currency = number(totals, "TgTTTBSo"), said(general, "DVTTe") or "VND"
    if currency != "VND":
        if (number(general, "TGia") or ZERO) <= 0:
            sheet.wrong("money.exchange_rate", f"Hóa đơn bằng {currency[:10]} phải ghi tỷ giá.",
                        "TTChung/TGia", "Ghi tỷ giá ra đồng Việt Nam.", "F1306")  # fmt: skip
    elif payable is not None and payable != payable.to_integral_value():
        sheet.doubt("money.fraction", f"Tổng thanh toán {shown(payable)} có phần lẻ của đồng; nên làm "
                    "tròn đến đồng.", "TToan/TgTTTBSo", source="F1306")  # fmt: skip


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
        sheet.doubt("words.unchecked", f"Không đối chiếu được số tiền bằng chữ của {what}.",
                    "TToan/TgTTTBChu")  # fmt: skip
        return
    if same:
        sheet.right("words", f"Số tiền bằng chữ khớp: {text}.")
        return
    sheet.wrong("words", f"Số tiền bằng chữ ghi “{text[:120]}”, đúng là “{right}”.",
                "TToan/TgTTTBChu", "Chỉ cần thông báo sai sót (04/SS-HĐĐT), không lập lại hóa đơn.",
                "C91 Điều 10")  # fmt: skip


def _reduction(
    sheet: Sheet, content: etree._Element, totals: etree._Element, general: etree._Element
) -> None:
    """The 20 % cut of a percentage-method seller: a note must say it, and only while it holds."""
    on = day(general, "NLap")
    told = reduction_in(totals)
    notes = [
        said(one, "THHDVu")
        for one in content.iterfind("DSHHDVu/HHDVu")
        if said(one, "TChat") == "4" and "giảm" in said(one, "THHDVu").casefold()
    ]
    if on is None or not (told or notes):
        return
    if notes and not rules.holds("vat_reduction_percent", on):
        text = "Ghi giảm thuế GTGT vào ngày chính sách giảm không còn (hoặc chưa có) hiệu lực."
        if general.find("TTHDLQuan") is None:
            sheet.wrong("money.reduction_expired", text, "DSHHDVu", "Lập lại không giảm.", "NQ204")
        else:
            sheet.doubt("money.reduction_expired", f"{text} Chỉ dùng khi sửa hóa đơn cũ.", "DSHHDVu",
                        source="NQ204")  # fmt: skip
        return
    if told and not notes:
        sheet.doubt("money.reduction_note", f"Giảm {shown(told)} nhưng không có dòng ghi chú nói "
                    "giảm theo văn bản nào.", "DSHHDVu", "Thêm dòng ghi chú.", "NQ204")  # fmt: skip
    elif notes and not told:
        sheet.doubt("money.reduction_note", "Ghi chú nói có giảm thuế nhưng tổng tiền không giảm.",
                    "DSHHDVu", source="NQ204")  # fmt: skip
    elif notes:
        _note(sheet, notes[0], told, on)


def _note(sheet: Sheet, note: str, told: Decimal, on: date) -> None:
    """The note names the amount and the resolution of the day."""
    if not re.search(rf"(?<![0-9.]){re.escape(shown(told))}(?![0-9.])", note.replace(",", ".")):
        sheet.doubt("money.reduction_note", "Số tiền giảm trong ghi chú khác số trong tổng tiền.",
                    "DSHHDVu", source="NQ204")  # fmt: skip
    basis = instruments.numbers_in(rules.phrase("reduction_phrase", on))
    if not any(one.casefold() in note.casefold() for one in basis):
        sheet.doubt("money.reduction_basis", f"Ghi chú giảm thuế không dẫn {', '.join(basis)}.",
                    "DSHHDVu", "Dẫn nghị quyết đang có hiệu lực.", "NQ204")  # fmt: skip
