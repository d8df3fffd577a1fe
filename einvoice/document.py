"""The XML of an invoice: written in the order of the tables, read in any order. Pure.

The tags are the tables of QĐ 1510/QĐ-TCT with the additions of QĐ 1306/QĐ-CT. Where the cash-register
layout has no tag for a field that the law lets a buyer or seller show, the field goes into TTKhac
under its usual tag's name. A field the reader does not know is kept as it is and written back.
"""

import re
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

from lxml import etree

from einvoice.errors import DocumentInvalid
from einvoice.invoice import (
    VAT_INVOICE,
    Buyer,
    FreeField,
    Invoice,
    Line,
    Method,
    Nature,
    RateTotal,
    Related,
    Seller,
    Totals,
)
from einvoice.markup import needed, only, parsed, tag, text_at, text_tag

E = TypeVar("E", bound=IntEnum)
CURRENCY = "VND"
_SELLER = {
    "Ten": "name",
    "MST": "tax_id",
    "DChi": "address",
    "MCHang": "store_code",
    "TCHang": "store_name",
    "SDThoai": "phone",
    "DCTDTu": "email",
    "STKNHang": "bank_account",
    "TNHang": "bank_name",
    "Website": "website",
}
_SELLER_AT_TILL = {"Ten", "MST", "DChi", "SDThoai"}
_BUYER = {
    "Ten": "name",
    "MST": "tax_id",
    "MDVQHNSach": "budget_unit",
    "DChi": "address",
    "SDThoai": "phone",
    "CCCDan": "personal_id",
    "SHChieu": "passport",
    "DCTDTu": "email",
    "HVTNMHang": "person",
    "STKNHang": "bank_account",
    "TNHang": "bank_name",
}
_BUYER_AT_TILL = {"Ten", "MST", "DChi", "SDThoai", "CCCDan"}
_TRADE_GROUP = "NhomNganhNghe"
_REDUCTION = "TGTKhac"
_NUMBER = re.compile(r"-?[0-9]{1,21}(\.[0-9]{1,6})?")


# ── Writing ─────────────────────────────────────────────────────────────────────────────────────


def write(invoice: Invoice) -> bytes:
    """HDon without white space between tags, unsigned; `seal.sign` fills DSCKS."""
    data = tag(
        "DLHDon",
        _general(invoice),
        tag(
            "NDHDon",
            _party("NBan", invoice.seller, _SELLER, _SELLER_AT_TILL, invoice),
            _party("NMua", invoice.buyer, _BUYER, _BUYER_AT_TILL, invoice),
            tag("DSHHDVu", *(_line(i, one) for i, one in enumerate(invoice.lines, 1))),
            _totals(invoice),
        ),
        _free(invoice.fields),
        Id=invoice.data_id,
    )
    parts = (data, text_tag("DLQRCode", invoice.lookup), text_tag("MCCQT", invoice.code))
    return f"<HDon>{''.join(parts)}<DSCKS/></HDon>".encode()


def number_text(value: Decimal | int) -> str:
    """A number as the format wants it: a dot, no exponent, no separator, no idle zeros."""
    if isinstance(value, int):
        return str(value)
    text = format(value, "f")
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
        text_tag("NLap", invoice.issued_on.isoformat()),
        text_tag("HDDCKPTQuan", str(int(invoice.non_tariff_zone)) if sales else ""),
        text_tag("DVTTe", CURRENCY if ordinary else ""),
        text_tag("HTTToan", invoice.payment_form),
        text_tag("MSTTCGP", invoice.provider_tax_id),
        _related(invoice.related),
        *invoice.unknown,
    )


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
    group = (FreeField(name=_TRADE_GROUP, value=one.trade_group),) if one.trade_group else ()
    return tag(
        "HHDVu",
        text_tag("TChat", str(int(one.nature))),
        text_tag("STT", str(index)),
        text_tag("MHHDVu", one.code),
        text_tag("THHDVu", one.name),
        text_tag("DVTinh", one.unit),
        _number_tag("SLuong", one.quantity),
        _number_tag("DGia", one.unit_price_vnd),
        _number_tag("TLCKhau", one.discount_percent),
        _number_tag("STCKhau", one.discount_vnd),
        _number_tag("ThTien", one.amount_vnd),
        text_tag("TSuat", one.vat_rate),
        *one.unknown,
        _free((*group, *one.fields)),
    )


def _totals(invoice: Invoice) -> str:
    totals, at_till = invoice.totals, invoice.is_cash_register
    reduction = totals.reduction_vnd or None
    moved: tuple[FreeField, ...] = ()
    if at_till and reduction:
        moved = (FreeField(name=_REDUCTION, kind="numeric", value=str(reduction)),)
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
        _number_tag("TTCKTMai", totals.discount_vnd),
        _number_tag(_REDUCTION, None if at_till else reduction),
        _number_tag("TgTTTBSo", totals.payable_vnd),
        text_tag("TgTTTBChu", totals.in_words),
        *totals.unknown,
        _free((*moved, *totals.fields)),
    )


def _free(fields: Iterable[FreeField]) -> str:
    return tag(
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


def _number_tag(name: str, value: Decimal | int | None) -> str:
    return "" if value is None else text_tag(name, number_text(value))


# ── Reading ─────────────────────────────────────────────────────────────────────────────────────


def read(document: bytes) -> Invoice:
    """The invoice in a document whose root is HDon. Says nothing about its signature.

    Raises: DocumentInvalid.
    """
    return invoice_of(parsed(document))


def invoice_of(root: etree._Element) -> Invoice:
    """The invoice in an HDon element. Raises: DocumentInvalid."""
    if root.tag != "HDon":
        raise DocumentInvalid(f"the root is {root.tag}, not HDon")
    data = needed(root, "DLHDon")
    general, content = needed(data, "TTChung"), needed(data, "NDHDon")
    if text_at(general, "DVTTe", CURRENCY) != CURRENCY:
        raise DocumentInvalid("only invoices in VND are read")
    rows = only(content, "DSHHDVu")
    buyer = only(content, "NMua")  # left out for a consumer who gave no data
    return Invoice(
        version=text_at(general, "PBan"),
        title=text_at(general, "THDon"),
        template=_whole(general, "KHMSHDon"),
        symbol=text_at(general, "KHHDon"),
        number=_whole(general, "SHDon"),
        issued_on=_day(text_at(general, "NLap")),
        seller=_read_party(needed(content, "NBan"), Seller, _SELLER),
        buyer=Buyer() if buyer is None else _read_party(buyer, Buyer, _BUYER),
        lines=tuple(_read_line(one) for one in rows.findall("HHDVu")) if rows is not None else (),
        totals=_read_totals(needed(content, "TToan")),
        payment_form=text_at(general, "HTTToan"),
        non_tariff_zone=text_at(general, "HDDCKPTQuan") == "1",
        provider_tax_id=text_at(general, "MSTTCGP"),
        related=_read_related(only(general, "TTHDLQuan")),
        code=text_at(root, "MCCQT"),
        lookup=text_at(root, "DLQRCode"),
        fields=_read_free(data),
        unknown=_unknown(general, _GENERAL_TAGS),
    )


_GENERAL_TAGS = {
    *("PBan", "THDon", "KHMSHDon", "KHHDon", "SHDon", "NLap", "HDDCKPTQuan", "DVTTe", "HTTToan"),
    *("MSTTCGP", "TTHDLQuan"),
}
_LINE_TAGS = {
    *("TChat", "STT", "MHHDVu", "THHDVu", "DVTinh", "SLuong", "DGia", "TLCKhau", "STCKhau"),
    *("ThTien", "TSuat", "TTKhac"),
}
_TOTALS_TAGS = {
    *("THTTLTSuat", "TgTCThue", "TgTThue", "TTCKTMai", "TGTKhac", "TgTTTBSo", "TgTTTBChu"),
    "TTKhac",
}


def _read_party(node: etree._Element, kind: type[Any], tags: dict[str, str]) -> Any:
    values = {attribute: text_at(node, name) for name, attribute in tags.items()}
    rest: list[FreeField] = []
    for one in _read_free(node):
        if one.name in tags and not values[tags[one.name]]:
            values[tags[one.name]] = one.value
        else:
            rest.append(one)
    return kind(**values, fields=tuple(rest), unknown=_unknown(node, {*tags, "TTKhac"}))


def _read_line(node: etree._Element) -> Line:
    free = _read_free(node)
    group = next((one.value for one in free if one.name == _TRADE_GROUP), "")
    return Line(
        nature=_one_of(Nature, _whole(node, "TChat")),
        code=text_at(node, "MHHDVu"),
        name=text_at(node, "THHDVu"),
        unit=text_at(node, "DVTinh"),
        quantity=_decimal(node, "SLuong"),
        unit_price_vnd=_decimal(node, "DGia"),
        discount_percent=_decimal(node, "TLCKhau"),
        discount_vnd=_vnd(node, "STCKhau"),
        amount_vnd=_vnd(node, "ThTien"),
        vat_rate=text_at(node, "TSuat"),
        trade_group=group,
        fields=tuple(one for one in free if one.name != _TRADE_GROUP),
        unknown=_unknown(node, _LINE_TAGS),
    )


def _read_totals(node: etree._Element) -> Totals:
    free = _read_free(node)
    moved = next((one.value for one in free if one.name == _REDUCTION), "0")
    if not _NUMBER.fullmatch(moved):
        raise DocumentInvalid(f"TTKhac {_REDUCTION} “{moved}” is not a number")
    reduction_vnd = _vnd(node, _REDUCTION)
    return Totals(
        payable_vnd=_whole(node, "TgTTTBSo"),
        in_words=text_at(node, "TgTTTBChu"),
        rates=tuple(
            RateTotal(
                rate=text_at(one, "TSuat"),
                net_vnd=_whole(one, "ThTien"),
                vat_vnd=_vnd(one, "TThue") or 0,
            )
            for one in node.findall("THTTLTSuat/LTSuat")
        ),
        net_vnd=_vnd(node, "TgTCThue"),
        vat_vnd=_vnd(node, "TgTThue"),
        discount_vnd=_vnd(node, "TTCKTMai"),
        reduction_vnd=int(Decimal(moved)) if reduction_vnd is None else reduction_vnd,
        fields=tuple(one for one in free if one.name != _REDUCTION),
        unknown=_unknown(node, _TOTALS_TAGS),
    )


def _read_related(node: etree._Element | None) -> Related | None:
    if node is None:
        return None
    return Related(
        method=_one_of(Method, _whole(node, "TCHDon")),
        kind=_whole(node, "LHDCLQuan"),
        template=text_at(node, "KHMSHDCLQuan"),
        symbol=text_at(node, "KHHDCLQuan"),
        number=text_at(node, "SHDCLQuan"),
        issued_on=_day(text_at(node, "NLHDCLQuan")),
        note=text_at(node, "GChu"),
    )


def _read_free(node: etree._Element) -> tuple[FreeField, ...]:
    return tuple(
        FreeField(
            name=text_at(one, "TTruong"),
            kind=text_at(one, "KDLieu", "string"),
            value=text_at(one, "DLieu"),
        )
        for one in node.findall("TTKhac/TTin")
    )


def _unknown(node: etree._Element, known: set[str]) -> tuple[str, ...]:
    return tuple(
        etree.tostring(one, with_tail=False, encoding="unicode")
        for one in node
        if one.tag not in known
    )


def _decimal(node: etree._Element, name: str) -> Decimal | None:
    text = text_at(node, name)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise DocumentInvalid(f"{name} “{text[:40]}” is not a number of the format")
    return Decimal(text)


def _vnd(node: etree._Element, name: str) -> int | None:
    value = _decimal(node, name)
    if value is None:
        return None
    if value != int(value):
        raise DocumentInvalid(f"{name} {value} is not in whole đồng")
    return int(value)


def _whole(node: etree._Element, name: str) -> int:
    value = _vnd(node, name)
    if value is None:
        raise DocumentInvalid(f"{node.tag}/{name} is missing")
    return value


def _one_of(kind: type[E], value: int) -> E:
    try:
        return kind(value)
    except ValueError as error:
        raise DocumentInvalid(f"{value} is no {kind.__name__.lower()}") from error


def _day(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise DocumentInvalid(f"“{text[:40]}” is not a date YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise DocumentInvalid(f"{text} is not a day") from error
