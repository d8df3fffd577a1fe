"""The XML of an invoice, written in the order of the tables. Pure; `reading` reads it back.

The tags are the tables of QĐ 1510/QĐ-TCT with the additions of QĐ 1306/QĐ-CT. Where the cash-register
layout has no tag for a field that the law lets a buyer or seller show, the field goes into TTKhac
under its usual tag's name.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

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
    data = tag(
        "DLHDon",
        _general(invoice),
        tag(
            "NDHDon",
            _party("NBan", invoice.seller, SELLER, SELLER_AT_TILL, invoice),
            _party("NMua", invoice.buyer, BUYER, BUYER_AT_TILL, invoice),
            tag("DSHHDVu", *(_line(i, one) for i, one in enumerate(invoice.lines, 1))),
            _totals(invoice),
        ),
        _free(invoice.fields),
        Id=invoice.data_id,
    )
    return data, text_tag("DLQRCode", invoice.lookup) + text_tag("MCCQT", invoice.code)


def has_unknown(invoice: Invoice) -> bool:
    """Whether it carries markup of others that was read and kept as it was."""
    seller, buyer = invoice.seller, invoice.buyer
    in_head = invoice.unknown or seller.unknown or buyer.unknown or invoice.totals.unknown
    return bool(in_head) or any(one.unknown for one in invoice.lines)


def number_text(value: Decimal | int) -> str:
    """A number as the format wants it: a dot, no exponent, no separator, no idle zeros."""
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _general(invoice: Invoice) -> str:
    ordinary = not invoice.is_cash_register
    sales = ordinary and invoice.template != VAT_INVOICE
    return tag(
        "TTChung",
        text_tag("PBan", invoice.version),
        text_tag("THDon", invoice.title),
        text_tag("KHMSHDon", str(invoice.template)),
        text_tag("KHHDon", invoice.symbol),
        text_tag("SHDon", str(invoice.number)),
        text_tag("MHSo", invoice.file_number),
        text_tag("NLap", invoice.issued_on.isoformat()),
        text_tag("HDCTTChinh", "1" if invoice.corrects_by_list else ""),
        text_tag("HDDCKPTQuan", str(int(invoice.non_tariff_zone)) if sales else ""),
        text_tag("SBKe", invoice.list_number),
        text_tag("NBKe", _day_text(invoice.listed_on)),
        text_tag("DVTTe", CURRENCY if ordinary else ""),
        text_tag("HTTToan", invoice.payment_form),
        text_tag("MSTTCGP", invoice.provider_tax_id),
        *_delegate(invoice.delegate),
        _related(invoice.related),
        *invoice.unknown,
    )


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


def _party(
    name: str,
    party: Seller | Buyer,
    tags: dict[str, str],
    at_till: set[str],
    invoice: Invoice,
) -> str:
    inside = [one for one in tags if not invoice.is_cash_register or one in at_till]
    outside = [one for one in tags if one not in inside and getattr(party, tags[one])]
    moved = (FreeField(name=one, value=getattr(party, tags[one])) for one in outside)
    return tag(
        name,
        *(text_tag(one, getattr(party, tags[one])) for one in inside),
        *party.unknown,
        _free((*moved, *party.fields)),
    )


def _line(index: int, one: Line) -> str:
    """Written out by hand: half of an invoice is lines."""
    code, unit, rate = one.code, one.unit, one.vat_rate
    goods = (
        f"<TChat>{one.nature.value}</TChat><STT>{index}</STT>"
        f"{f'<MHHDVu>{escaped(code)}</MHHDVu>' if code else ''}"
        f"{f'<THHDVu>{escaped(one.name)}</THHDVu>' if one.name else ''}"
        f"{f'<DVTinh>{escaped(unit)}</DVTinh>' if unit else ''}"
    )
    money = (
        f"{_number_tag('SLuong', one.quantity)}{_number_tag('DGia', one.unit_price_vnd)}"
        f"{_number_tag('TLCKhau', one.discount_percent)}{_number_tag('STCKhau', one.discount_vnd)}"
        f"{_number_tag('ThTien', one.amount_vnd)}"
        f"{f'<TSuat>{escaped(rate)}</TSuat>' if rate else ''}"
    )
    return f"<HHDVu>{goods}{money}{_line_rest(one)}</HHDVu>"


def _line_rest(one: Line) -> str:
    """What few lines have."""
    if not (one.specials or one.unknown or one.trade_group or one.fields):
        return ""
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


def _free(fields: Iterable[FreeField]) -> str:
    return (
        ""
        if fields == ()
        else tag(
            "TTKhac",
            *(
                tag(
                    "TTin",
                    text_tag("TTruong", one.name),
                    text_tag("KDLieu", one.kind),
                    text_tag("DLieu", one.value),
                )
                for one in fields
            ),
        )
    )


def _number_tag(name: str, value: Decimal | int | None) -> str:
    return "" if value is None else f"<{name}>{number_text(value)}</{name}>"
