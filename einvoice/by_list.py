"""One invoice that corrects several of one buyer, and the list 01/BK-ĐCTT that goes with it. Pure.

For the same fault on invoices of one buyer in one month. The circular names the list; its columns here are
ours, and so is what stands in TTHDLQuan beside the list's number and day: the first of the invoices.
Source: Circular 91/2026, Art. 10; SBKCLQuan, NBKCLQuan, HDCTTChinh of QĐ 1306/QĐ-CT.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from einvoice import instruments, rules
from einvoice.books.sheet import Column, Kind, Sheet, Table
from einvoice.correcting import CORRECTED_AS, note_on
from einvoice.errors import FieldInvalid, TotalsWrong
from einvoice.invoice import LISTED, FreeField, Invoice, Line, Method, Related, totals_of
from einvoice.numbering import form_of, symbol_for

LISTED_MIN = 2
LISTED_MAX = 1_000
"""More would be a page nobody reads."""


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One wrong invoice of the list."""

    invoice: Invoice
    fault: str
    """What is wrong with it, in words."""
    difference_vnd: int = 0
    """Right total less wrong total."""
    correction: str = ""
    """What was done to it before, as `IssuedInvoice.correction` says."""


@dataclass(frozen=True, kw_only=True)
class CorrectionList:
    """01/BK-ĐCTT: which invoices one new invoice adjusts or replaces."""

    number: str
    on: date
    method: Method
    items: tuple[Listed, ...]


def check_list(given: CorrectionList) -> None:
    """One seller, one buyer, one month, one kind of invoice; each once, none corrected otherwise.

    Raises: FieldInvalid.
    """
    if not 1 <= len(given.number) <= 50:
        raise FieldInvalid("list.number", "it has 1 to 50 characters")
    if not LISTED_MIN <= len(given.items) <= LISTED_MAX:
        raise FieldInvalid("list.items", f"a list has {LISTED_MIN} to {LISTED_MAX} invoices")
    found = [one.invoice for one in given.items]
    first = found[0]
    if not buyer_of(first):
        raise FieldInvalid("list.items", "the buyer is not known by a tax id, personal id or phone")
    for place, one in enumerate(given.items):
        _check_item(given, place, one, first)
    if len({_named(one) for one in found}) < len(found):
        raise FieldInvalid("list.items", "an invoice stands twice")


def _check_item(given: CorrectionList, place: int, one: Listed, first: Invoice) -> None:
    where, invoice = f"list.items[{place}]", one.invoice
    if invoice.seller.tax_id != first.seller.tax_id or buyer_of(invoice) != buyer_of(first):
        raise FieldInvalid(where, "it is of another seller or buyer")
    if (invoice.issued_on.year, invoice.issued_on.month) != (
        first.issued_on.year,
        first.issued_on.month,
    ):
        raise FieldInvalid(where, "it is of another month")
    if invoice.template != first.template or form_of(invoice.symbol) != form_of(first.symbol):
        raise FieldInvalid(where, "it is of another kind")
    if invoice.issued_on > given.on:
        raise FieldInvalid(where, "it is later than the list")
    if not one.fault.strip() or len(one.fault) > 255:
        raise FieldInvalid(f"{where}.fault", "what is wrong must be said, in 255 characters")
    if one.correction == "replaced" or one.correction not in ("", CORRECTED_AS[given.method]):
        raise FieldInvalid(where, f"it is {one.correction} already")


def corrected_by_list(
    given: CorrectionList, lines: Sequence[Line], *, letters: str = "", reduction_vnd: int = 0
) -> Invoice:
    """The draft of the one new invoice: full right amounts to replace, differences to adjust.

    It has number 1 until a series numbers it. Raises: FieldInvalid, TotalsWrong.
    """
    check_list(given)
    first = given.items[0].invoice
    totals = totals_of(first.template, lines, reduction_vnd=reduction_vnd)
    expected = sum(one.difference_vnd for one in given.items)
    if given.method is Method.REPLACES:
        expected += sum(one.invoice.totals.payable_vnd for one in given.items)
    if totals.payable_vnd != expected:
        raise TotalsWrong("list.payable_vnd", said=expected, computed=totals.payable_vnd)
    note = f"{note_on(given.method, first, given.on)} và các hóa đơn theo bảng kê"
    return replace(
        first,
        version=rules.phrase("format_version", given.on),
        symbol=symbol_for(
            form_of(first.symbol), first.template, letters or first.symbol[-2:], given.on
        ),
        number=1,
        code="",
        lookup="",
        issued_on=given.on,
        lines=tuple(lines),
        totals=totals,
        corrects_by_list=True,
        fields=(*without_list(first.fields), *map(_field, given.items)),
        related=Related(
            method=given.method,
            template=str(first.template),
            symbol=first.symbol,
            number=str(first.number),
            issued_on=first.issued_on,
            note=f"{note} {_form(given.on)} số {given.number} ngày {given.on:%d/%m/%Y}",
            list_number=given.number,
            listed_on=given.on,
        ),
    )


def sheet_of_list(given: CorrectionList) -> Sheet:
    """The list to print or to save (`books.pdf_of`, `books.xlsx_of`).

    Raises: FieldInvalid, InstrumentNotInForce.
    """
    check_list(given)
    first = given.items[0].invoice
    columns = (
        Column("STT", 5),
        Column("Mẫu số, ký hiệu", 14),
        Column("Số", 10),
        Column("Ngày lập", 12, Kind.DAY),
        Column("Nội dung sai", 40),
        Column("Đã ghi", 16, Kind.VND, is_summed=True),
        Column("Chênh lệch", 16, Kind.VND, is_summed=True),
    )
    rows = [
        (
            str(place),
            f"{one.invoice.template}{one.invoice.symbol}",
            str(one.invoice.number),
            one.invoice.issued_on,
            one.fault,
            one.invoice.totals.payable_vnd,
            one.difference_vnd,
        )
        for place, one in enumerate(given.items, 1)
    ]
    word = "thay thế" if given.method is Method.REPLACES else "điều chỉnh"
    return Sheet(
        code=_form(given.on),
        title=f"Bảng kê hóa đơn được {word}",
        basis=instruments.cite("C91 Điều 10", given.on),
        heads=(
            ("Người bán", first.seller.name),
            ("Mã số thuế", first.seller.tax_id),
            ("Người mua", first.buyer.name),
            ("Mã số thuế, số định danh người mua", buyer_of(first)),
            ("Số, ngày bảng kê", f"{given.number}, {given.on:%d/%m/%Y}"),
            ("Tháng của các hóa đơn", f"{first.issued_on:%m/%Y}"),
        ),
        tables=(Table("Các hóa đơn có sai sót", columns, rows),),
        notes=("Kèm theo hóa đơn " + word + "; hai bên giữ cùng hóa đơn.",),
    )


def _form(on: date) -> str:
    return rules.phrase("form_error_list", on)


def buyer_of(invoice: Invoice) -> str:
    """What tells this buyer from any other; empty where the invoice does not say who it was."""
    buyer = invoice.buyer
    return buyer.tax_id or buyer.personal_id or buyer.budget_unit or buyer.passport or buyer.phone


def _field(one: Listed) -> FreeField:
    template, symbol, number = _named(one.invoice)
    return FreeField(name=LISTED, value=f"{template}/{symbol}/{number}")


def without_list(fields: tuple[FreeField, ...]) -> tuple[FreeField, ...]:
    """The free fields of an invoice that corrects by no list."""
    return tuple(one for one in fields if one.name != LISTED)


def listed_in(invoice: Invoice) -> tuple[tuple[int, str, int], ...]:
    """Template, symbol and number of each invoice that one corrects by a list. Raises: FieldInvalid."""
    found = []
    for one in invoice.fields:
        if one.name == LISTED:
            named = re.fullmatch(r"([0-9]{1,2})/([0-9A-Z]{6})/([0-9]{1,8})", one.value)
            if named is None:
                raise FieldInvalid("list.items", "an invoice of the list is not named")
            found.append((int(named[1]), named[2], int(named[3])))
    return tuple(found)


def _named(invoice: Invoice) -> tuple[int, str, int]:
    return invoice.template, invoice.symbol, invoice.number
