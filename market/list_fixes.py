"""What is put right on many invoices of one buyer at once: pure rules from a wish to right lines."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from msgspec import Struct

import einvoice
from einvoice import Fault
from einvoice.errors import FieldInvalid

FixKind = Literal["price", "name", "buyer", "rebate", "back"]
FAULTS: dict[FixKind, Fault] = {
    "price": Fault.AMOUNT,
    "name": Fault.GOODS,
    "buyer": Fault.TAX_ID,
    "rebate": Fault.REBATE,
    "back": Fault.RETURNED,
}
NAMED: dict[FixKind, str] = {
    "price": "Sai giá {goods}",
    "name": "Sai tên hàng {goods}",
    "buyer": "Sai mã số thuế người mua",
    "rebate": "Chiết khấu sau khi bán",
    "back": "Khách trả lại hàng",
}
"""What the list and the agreement say is wrong; Vietnamese as the law wants it."""
Lines = tuple[einvoice.Line, ...]


class Fix(Struct, frozen=True, kw_only=True):
    """One thing to put right."""

    kind: FixKind
    goods: str = ""
    """Of which goods, by the name on the invoices."""
    name: str = ""
    """Their right name, or the buyer's."""
    price_vnd: Decimal = Decimal(0)
    rebate_vnd: int = 0
    """Money off all the invoices together."""
    tax_id: str = ""
    address: str = ""

    @property
    def fault(self) -> Fault:
        """As the law calls it."""
        return FAULTS[self.kind]

    @property
    def said(self) -> str:
        """What is wrong, in words."""
        return NAMED[self.kind].format(goods=self.goods)[:255]


def fixed(found: Sequence[Lines], fix: Fix) -> list[Lines | None]:
    """The right lines of each invoice; None of one that the fix does not touch. Raises: FieldInvalid."""
    if fix.kind == "back":
        raise FieldInvalid("kind", "what went back follows from refunds alone")
    if fix.kind == "rebate":
        return _rebated(found, fix.rebate_vnd)
    if fix.kind == "buyer":
        return list(found)
    if fix.kind == "price" and fix.price_vnd <= 0:
        raise FieldInvalid("price_vnd", "it is above 0")
    if fix.kind == "name" and not fix.name.strip():
        raise FieldInvalid("name", "it must be filled")
    made = [tuple(_fixed(one, fix) for one in lines) for lines in found]
    return [right if right != lines else None for lines, right in zip(found, made, strict=True)]


def right_buyer(before: einvoice.Buyer, fix: Fix) -> einvoice.Buyer | None:
    """The right buyer; None: as before. Raises: TaxIdInvalid, FieldInvalid where nothing changes."""
    if fix.kind != "buyer":
        return None
    tax_id = einvoice.tax_id_of(fix.tax_id)
    if tax_id == before.tax_id:
        raise FieldInvalid("tax_id", "it is the same")
    return replace(
        before,
        tax_id=tax_id,
        name=fix.name.strip() or before.name,
        address=fix.address.strip() or before.address,
    )


def _fixed(one: einvoice.Line, fix: Fix) -> einvoice.Line:
    if one.nature is not einvoice.Nature.GOODS or one.name != fix.goods:
        return one
    if fix.kind == "name":
        return replace(one, name=fix.name.strip())
    if not one.quantity:
        raise FieldInvalid("goods", "an invoice says no quantity of it")
    made = einvoice.line(one.name, one.quantity, fix.price_vnd, unit=one.unit)
    return replace(made, vat_rate=one.vat_rate, trade_group=one.trade_group, code=one.code)


def _rebated(found: Sequence[Lines], rebate_vnd: int) -> list[Lines | None]:
    """Money off, each invoice by its share, the last bearing the remainder."""
    worth = [
        sum(one.amount_vnd or 0 for one in lines if one.nature is einvoice.Nature.GOODS)
        for lines in found
    ]
    total_vnd, left_vnd = sum(worth), rebate_vnd
    if not 0 < rebate_vnd <= total_vnd:
        raise FieldInvalid("rebate_vnd", "it is more than was sold, or nothing")
    made: list[Lines | None] = []
    for lines, one_vnd in zip(found, worth, strict=True):
        share_vnd = left_vnd * one_vnd // total_vnd if total_vnd else 0
        total_vnd -= one_vnd
        left_vnd -= share_vnd
        less = einvoice.spread(lines, share_vnd) if share_vnd else ()
        made.append(einvoice.merged(lines, less) if less else None)
    return made
