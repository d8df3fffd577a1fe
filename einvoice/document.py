"""The XML of an invoice, written in the order of the tables. Pure; `reading` reads it back.

The tags are the tables of QĐ 1510/QĐ-TCT with the additions of QĐ 1306/QĐ-CT. Where the cash-register
layout has no tag for a field that the law lets a buyer or seller show, the field goes into TTKhac
under its usual tag's name.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import count

from einvoice.invoice import (
    VAT_INVOICE,
    Buyer,
    Delegate,
    FreeField,
    Invoice,
    Line,
    Related,
    Seller,
    Special,
)
from einvoice.markup import escaped, tag, text_tag
from einvoice.reading import (
    BUYER,
    BUYER_AT_TILL,
    CURRENCY,
    REDUCTION,
    SELLER,
    SELLER_AT_TILL,
    TRADE_GROUP,
    invoice_of,
    read,
)

__all__ = ["invoice_of", "number_text", "read", "write"]


def write(invoice: Invoice) -> bytes:
    """HDon without white space between tags, unsigned; `seal.sign` fills DSCKS."""
    return f"<HDon>{''.join(parts(invoice))}<DSCKS/></HDon>".encode()


def parts(invoice: Invoice) -> tuple[str, str]:
    """DLHDon, and what stands between it and DSCKS."""
    at_till, lines = invoice.is_cash_register, invoice.lines
    data = (
        f'<DLHDon Id="{escaped(invoice.data_id)}">',
        _general(invoice),
        "<NDHDon>",
        _seller(invoice.seller, at_till),
        _buyer(invoice.buyer, at_till),
        *(("<DSHHDVu>", *map(_line, count(1), lines), "</DSHHDVu>") if lines else ()),
        _totals(invoice),
        "</NDHDon>",
        _free(invoice.fields),
        "</DLHDon>",
    )
    return "".join(data), text_tag("DLQRCode", invoice.lookup) + text_tag("MCCQT", invoice.code)


def has_unknown(invoice: Invoice) -> bool:
    """Whether it carries markup of others that was read and kept as it was."""
    seller, buyer = invoice.seller, invoice.buyer
    in_head = invoice.unknown or seller.unknown or buyer.unknown or invoice.totals.unknown
    return bool(in_head) or any(one.unknown for one in invoice.lines)


def number_text(value: Decimal | int) -> str:
    """A number as the format wants it: a dot, no exponent, no separator, no idle zeros."""
    text = str(value)
    if "." not in text and "E" not in text:
        return text
    if "E" in text:
        text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _general(invoice: Invoice) -> str:
    head = (
        f"{text_tag('PBan', invoice.version)}{text_tag('THDon', invoice.title)}"
        f"<KHMSHDon>{invoice.template}</KHMSHDon>{text_tag('KHHDon', invoice.symbol)}"
        f"<SHDon>{invoice.number}</SHDon>{text_tag('MHSo', invoice.file_number)}"
        f"<NLap>{invoice.issued_on.isoformat()}</NLap>"
    )
    return tag(
        "TTChung",
        head,
        "" if invoice.is_cash_register and not invoice.corrects_by_list else _ordinary(invoice),
        text_tag("SBKe", invoice.list_number),
        text_tag("NBKe", _day_text(invoice.listed_on)),
        "" if invoice.is_cash_register else f"<DVTTe>{CURRENCY}</DVTTe>",
        text_tag("HTTToan", invoice.payment_form),
        text_tag("MSTTCGP", invoice.provider_tax_id),
        *_delegate(invoice.delegate),
        _related(invoice.related),
        *invoice.unknown,
    )


def _ordinary(invoice: Invoice) -> str:
    sales = not invoice.is_cash_register and invoice.template != VAT_INVOICE
    by_list = "<HDCTTChinh>1</HDCTTChinh>" if invoice.corrects_by_list else ""
    zone = text_tag("HDDCKPTQuan", str(int(invoice.non_tariff_zone)) if sales else "")
    return by_list + zone


def _delegate(delegate: Delegate | None) -> tuple[str, ...]:
    if delegate is None:
        return ()
    return (
        text_tag("MSTDVNUNLHDon", delegate.tax_id),
        text_tag("TDVNUNLHDon", delegate.name),
        text_tag("DCDVNUNLHDon", delegate.address),
    )


def _day_text(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _related(related: Related | None) -> str:
    if related is None:
        return ""
    return tag(
        "TTHDLQuan",
        text_tag("TCHDon", str(int(related.method))),
        text_tag("LHDCLQuan", str(related.kind)),
        text_tag("KHMSHDCLQuan", related.template),
        text_tag("KHHDCLQuan", related.symbol),
        text_tag("SHDCLQuan", related.number),
        text_tag("NLHDCLQuan", related.issued_on.isoformat()),
        text_tag("SBKCLQuan", related.list_number),
        text_tag("NBKCLQuan", _day_text(related.listed_on)),
        text_tag("GChu", related.note),
    )


@lru_cache(maxsize=1024)
def _seller(party: Seller, at_till: bool) -> str:
    """Written once: a seller is the same on all its invoices."""
    return _party("NBan", party, SELLER, SELLER_AT_TILL if at_till else set(SELLER))


@lru_cache(maxsize=1024)
def _buyer(party: Buyer, at_till: bool) -> str:
    return _party("NMua", party, BUYER, BUYER_AT_TILL if at_till else set(BUYER))


def _party(name: str, party: Seller | Buyer, tags: dict[str, str], inside: set[str]) -> str:
    said = {one: text for one, field in tags.items() if (text := getattr(party, field))}
    moved = (FreeField(name=one, value=text) for one, text in said.items() if one not in inside)
    return tag(
        name,
        *(f"<{one}>{escaped(text)}</{one}>" for one, text in said.items() if one in inside),
        *party.unknown,
        _free((*moved, *party.fields)),
    )


def _line(index: int, one: Line) -> str:
    """Written out by hand, in one piece: half of an invoice is lines."""
    quantity, price, amount = one.quantity, one.unit_price_vnd, one.amount_vnd
    is_discounted = one.discount_vnd is not None or one.discount_percent is not None
    has_rest = one.specials or one.unknown or one.trade_group or one.fields
    return (
        f"<HHDVu><TChat>{_NATURES[one.nature]}</TChat><STT>{index}</STT>"
        f"{_goods(one.code, one.name, one.unit)}"
        f"{'' if quantity is None else f'<SLuong>{number_text(quantity)}</SLuong>'}"
        f"{'' if price is None else f'<DGia>{number_text(price)}</DGia>'}"
        f"{_discount(one) if is_discounted else ''}"
        f"{'' if amount is None else f'<ThTien>{amount}</ThTien>'}"
        f"{f'<TSuat>{escaped(one.vat_rate)}</TSuat>' if one.vat_rate else ''}"
        f"{_line_rest(one) if has_rest else ''}</HHDVu>"
    )


_NATURES = tuple(str(number) for number in range(10))
"""What an enumeration takes longer to say."""


@lru_cache(maxsize=4096)
def _goods(code: str, name: str, unit: str) -> str:
    """Written once: a stall sells the same goods all day."""
    return text_tag("MHHDVu", code) + text_tag("THHDVu", name) + text_tag("DVTinh", unit)


def _discount(one: Line) -> str:
    percent = _number_tag("TLCKhau", one.discount_percent)
    return percent + _number_tag("STCKhau", one.discount_vnd)


def _line_rest(one: Line) -> str:
    """What few lines have."""
    group = (FreeField(name=TRADE_GROUP, value=one.trade_group),) if one.trade_group else ()
    parts = (*(_special(part) for part in one.specials), *one.unknown)
    return f"{''.join(parts)}{_free((*group, *one.fields))}"


def _special(part: Special) -> str:
    inner = tag("TTin", text_tag("TTruong", part.name), text_tag("DLieu", part.value))
    return tag("TTHHDTrung", text_tag("LHHDTrung", str(part.kind)), inner)


def _totals(invoice: Invoice) -> str:
    totals, at_till = invoice.totals, invoice.is_cash_register
    reduction = totals.reduction_vnd or None
    moved: tuple[FreeField, ...] = ()
    if at_till and reduction:
        moved = (FreeField(name=REDUCTION, kind="numeric", value=str(reduction)),)
    rates = (
        tag(
            "LTSuat",
            text_tag("TSuat", one.rate),
            _number_tag("ThTien", one.net_vnd),
            _number_tag("TThue", one.vat_vnd),
        )
        for one in totals.rates
    )
    return tag(
        "TToan",
        tag("THTTLTSuat", *rates),
        _number_tag("TgTCThue", totals.net_vnd),
        _number_tag("TgTThue", totals.vat_vnd),
        _number_tag("TGTKCThue", totals.untaxed_reduction_vnd),
        tag(
            "DSLPhi",
            *(
                tag("LPhi", text_tag("TLPhi", one.name), _number_tag("TPhi", one.amount_vnd))
                for one in totals.fees
            ),
        ),
        _number_tag("TTCKTMai", totals.discount_vnd),
        _number_tag(REDUCTION, None if at_till else reduction),
        _number_tag("TgTTTBSo", totals.payable_vnd),
        text_tag("TgTTTBChu", totals.in_words),
        *totals.unknown,
        _free((*moved, *totals.fields)),
    )


def _free(fields: Sequence[FreeField]) -> str:
    if not fields:
        return ""
    inner = (
        tag(
            "TTin",
            text_tag("TTruong", one.name),
            text_tag("KDLieu", one.kind),
            text_tag("DLieu", one.value),
        )
        for one in fields
    )
    return tag("TTKhac", *inner)


def _number_tag(name: str, value: Decimal | int | None) -> str:
    return "" if value is None else f"<{name}>{number_text(value)}</{name}>"
