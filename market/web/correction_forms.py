"""What a vendor keys to set an invoice right, read: goods, numbers as people write them, a buyer. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import einvoice
from einvoice import Action, Fault
from einvoice.errors import FieldInvalid
from market.web.i18n import N_

LINES_KEYED_MAX = 100
GOODS = frozenset({Fault.GOODS, Fault.AMOUNT, Fault.RATE, Fault.VAT, Fault.MANDATORY})
BACK = frozenset({Fault.RETURNED, Fault.SERVICE_CANCELLED})
BUYER = frozenset({Fault.BUYER_NAME, Fault.BUYER_ADDRESS, Fault.TAX_ID})

TILES: tuple[tuple[Fault, str, str], ...] = (
    (Fault.AMOUNT, N_("Sai tiền, giá, số lượng"), "scales"),
    (Fault.GOODS, N_("Sai tên hàng"), "basket"),
    (Fault.RETURNED, N_("Khách trả lại hàng"), "again"),
    (Fault.SERVICE_CANCELLED, N_("Khách hủy, tiền đã trả trước"), "close"),
    (Fault.BUYER_NAME, N_("Sai tên người mua"), "person"),
    (Fault.BUYER_ADDRESS, N_("Sai địa chỉ người mua"), "hall"),
    (Fault.TAX_ID, N_("Sai mã số thuế người mua"), "keypad"),
    (Fault.OTHER_TEXT, N_("Sai chữ khác, tiền và hàng đúng"), "look"),
)
WORDS: dict[Fault, str] = {
    **{fault: said for fault, said, _ in TILES},
    Fault.RATE: N_("Sai thuế suất"),
    Fault.VAT: N_("Sai tiền thuế"),
    Fault.WORDS: N_("Sai số tiền bằng chữ"),
    Fault.MANDATORY: N_("Sai nội dung bắt buộc"),
    Fault.REBATE: N_("Chiết khấu sau khi bán"),
    Fault.NO_SYMBOL: N_("Hóa đơn thiếu ký hiệu"),
}
ACTIONS: dict[Action, tuple[str, str]] = {
    Action.NOTIFY: (
        N_("Chỉ cần báo sai sót"),
        N_("Không lập hóa đơn mới. Cơ quan thuế nhận thông báo 04/SS-HĐĐT, khách đọc ở trang tra cứu."),
    ),
    Action.REPLACE: (
        N_("Lập hóa đơn thay thế"),
        N_("Hóa đơn mới ghi đủ nội dung đúng. Hóa đơn cũ giữ trong sổ, số của nó không dùng lại."),
    ),
    Action.ADJUST: (
        N_("Lập hóa đơn điều chỉnh"),
        N_("Hóa đơn mới chỉ ghi phần chênh lệch. Hóa đơn cũ vẫn dùng cùng với nó."),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One line of goods as the form shows it."""

    name: str
    unit: str
    quantity: Decimal
    price_vnd: Decimal
    amount_vnd: int


def shown(lines: Sequence[einvoice.Line]) -> list[Shown]:
    """Lines of goods to change; one without a price costs its amount once."""
    return [
        Shown(
            name=one.name,
            unit=one.unit,
            quantity=one.quantity
            if one.unit_price_vnd is not None and one.quantity
            else Decimal(1),
            price_vnd=one.unit_price_vnd
            if one.quantity and one.unit_price_vnd is not None
            else Decimal(one.amount_vnd or 0),
            amount_vnd=one.amount_vnd or 0,
        )
        for one in _goods(lines)
    ]


def number(text: str) -> Decimal:
    """A number as people write it: 40.000, 0,35, 1.250,5 or 40k. Raises: FieldInvalid."""
    plain = re.sub(r"[\s₫đ]", "", text.casefold())
    thousands = 1_000 if plain.endswith("k") else 1
    plain = plain.removesuffix("k")
    if re.fullmatch(r"[1-9][0-9]{0,2}(\.[0-9]{3})+(,[0-9]{1,6})?", plain):
        plain = plain.replace(".", "")
    plain = plain.replace(",", ".")
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,6})?", plain):
        raise FieldInvalid("number", f"“{text[:40]}” is no number")
    return Decimal(plain) * thousands


def right_lines(
    before: Sequence[einvoice.Line],
    names: Sequence[str],
    units: Sequence[str],
    quantities: Sequence[str],
    prices: Sequence[str],
) -> tuple[einvoice.Line, ...]:
    """The lines as they should be: in the order shown, then what was added; none of 0 pieces.

    A line nobody touched stays as it is. Raises: FieldInvalid.
    """
    if not len(names) == len(units) == len(quantities) == len(prices) <= LINES_KEYED_MAX:
        raise FieldInvalid("lines", "the form is not whole")
    old, seen = _goods(before), shown(before)
    found: list[einvoice.Line] = []
    for index, (name, unit, count, price) in enumerate(
        zip(names, units, quantities, prices, strict=True)
    ):
        if not name.strip():
            continue
        quantity, price_vnd = number(count or "0"), number(price or "0")
        base = old[index] if index < len(old) else None
        if base is not None and seen[index] == Shown(
            name=name.strip(), unit=unit.strip(), quantity=quantity, price_vnd=price_vnd,
            amount_vnd=seen[index].amount_vnd,
        ):  # fmt: skip
            found.append(base)
        elif quantity:
            found.append(_line(base or _like(old), name.strip(), unit.strip(), quantity, price_vnd))
    others = [one for one in before if one.nature is not einvoice.Nature.GOODS]
    return (*found, *others)


def kept_lines(before: Sequence[einvoice.Line], back: Sequence[str]) -> tuple[einvoice.Line, ...]:
    """The lines that are left when so many pieces of each came back. Raises: FieldInvalid."""
    old, seen = _goods(before), shown(before)
    if len(back) != len(old):
        raise FieldInvalid("lines", "the form is not whole")
    found: list[einvoice.Line] = []
    for base, one, text in zip(old, seen, back, strict=True):
        count = number(text or "0")
        if count > one.quantity:
            raise FieldInvalid("returned", "more came back than was sold")
        if not count:
            found.append(base)
        elif count < one.quantity:
            found.append(_line(base, one.name, one.unit, one.quantity - count, one.price_vnd))
    return (*found, *(one for one in before if one.nature is not einvoice.Nature.GOODS))


def right_buyer(before: einvoice.Buyer, name: str, tax_id: str, address: str) -> einvoice.Buyer:
    """The buyer as they should be called; what is left empty stays. Raises: TaxIdInvalid."""
    return replace(
        before,
        name=name.strip() or before.name,
        address=address.strip() or before.address,
        tax_id=einvoice.tax_id_of(tax_id) if tax_id.strip() else before.tax_id,
    )


def _goods(lines: Sequence[einvoice.Line]) -> list[einvoice.Line]:
    return [one for one in lines if one.nature is einvoice.Nature.GOODS]


def _like(old: Sequence[einvoice.Line]) -> einvoice.Line:
    """What a line that was added has of the others: the rate of a VAT invoice."""
    return replace(einvoice.Line(name=""), vat_rate=old[0].vat_rate if old else "")


def _line(
    base: einvoice.Line, name: str, unit: str, quantity: Decimal, price_vnd: Decimal
) -> einvoice.Line:
    made = einvoice.line(name, quantity, price_vnd, unit=unit)
    return replace(made, vat_rate=base.vat_rate, trade_group=base.trade_group, code=base.code)
