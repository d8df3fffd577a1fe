"""Invoices read from XML: any order, fields not known are kept as they are. Pure.

Says nothing about signatures (`seal`) or the law (`validity`, `inspection`).
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

from lxml import etree

from einvoice import words
from einvoice.errors import DocumentInvalid
from einvoice.invoice import (
    Buyer,
    Delegate,
    Fee,
    FreeField,
    Invoice,
    Line,
    Method,
    Nature,
    RateTotal,
    Related,
    Seller,
    Special,
    Totals,
)
from einvoice.markup import needed, only, parsed, text_at

E = TypeVar("E", bound=IntEnum)
CURRENCY = "VND"
SELLER = {
    "Ten": "name",
    "MST": "tax_id",
    "DChi": "address",
    "MCHang": "store_code",
    "TCHang": "store_name",
    "SDThoai": "phone",
    "DCTDTu": "email",
    "STKNHang": "bank_account",
    "TNHang": "bank_name",
    "Fax": "fax",
    "Website": "website",
}
SELLER_AT_TILL = {"Ten", "MST", "DChi", "SDThoai"}
BUYER = {
    "Ten": "name",
    "MST": "tax_id",
    "MDVQHNSach": "budget_unit",
    "DChi": "address",
    "MKHang": "customer_code",
    "SDThoai": "phone",
    "CCCDan": "personal_id",
    "SHChieu": "passport",
    "DCTDTu": "email",
    "HVTNMHang": "person",
    "STKNHang": "bank_account",
    "TNHang": "bank_name",
}
BUYER_AT_TILL = {"Ten", "MST", "DChi", "SDThoai", "CCCDan"}
TRADE_GROUP = "NhomNganhNghe"
REDUCTION = "TGTKhac"
_NUMBER = re.compile(r"-?[0-9]{1,21}(\.[0-9]{1,6})?")


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
    related = _read_related(only(general, "TTHDLQuan"))
    rows = only(content, "DSHHDVu")
    buyer = only(content, "NMua")  # left out for a consumer who gave no data
    return Invoice(
        version=text_at(general, "PBan"),
        title=text_at(general, "THDon"),
        template=_whole(general, "KHMSHDon"),
        symbol=text_at(general, "KHHDon"),
        number=_whole(general, "SHDon"),
        issued_on=_day(text_at(general, "NLap")),
        seller=_read_party(needed(content, "NBan"), Seller, SELLER),
        buyer=Buyer() if buyer is None else _read_party(buyer, Buyer, BUYER),
        lines=_read_lines(rows, related),
        totals=_read_totals(only(content, "TToan"), general),
        payment_form=text_at(general, "HTTToan"),
        non_tariff_zone=text_at(general, "HDDCKPTQuan") == "1",
        provider_tax_id=text_at(general, "MSTTCGP"),
        delegate=_read_delegate(general),
        file_number=text_at(general, "MHSo"),
        list_number=text_at(general, "SBKe"),
        listed_on=_day_or_none(text_at(general, "NBKe")),
        corrects_by_list=text_at(general, "HDCTTChinh") == "1",
        related=related,
        code=text_at(root, "MCCQT"),
        lookup=text_at(root, "DLQRCode"),
        fields=_read_free(data),
        unknown=_unknown(general, _GENERAL_TAGS),
    )


_GENERAL_TAGS = {
    *("PBan", "THDon", "KHMSHDon", "KHHDon", "SHDon", "NLap", "HDDCKPTQuan", "DVTTe", "HTTToan"),
    *("MSTTCGP", "TTHDLQuan", "MHSo", "HDCTTChinh", "SBKe", "NBKe"),
    *("MSTDVNUNLHDon", "TDVNUNLHDon", "DCDVNUNLHDon"),
}
_LINE_TAGS = {
    *("TChat", "STT", "MHHDVu", "THHDVu", "DVTinh", "SLuong", "DGia", "TLCKhau", "STCKhau"),
    *("ThTien", "TSuat", "TTHHDTrung", "TTKhac"),
}
_TOTALS_TAGS = {
    *("THTTLTSuat", "TgTCThue", "TgTThue", "TTCKTMai", "TGTKhac", "TgTTTBSo", "TgTTTBChu"),
    *("TGTKCThue", "DSLPhi", "TTKhac"),
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


def _read_lines(rows: etree._Element | None, related: Related | None) -> tuple[Line, ...]:
    """Discount lines of other providers may be negative; ours are positive and taken off."""
    lines = () if rows is None else tuple(_read_line(one) for one in rows.findall("HHDVu"))
    if related is not None and related.method is Method.ADJUSTS:
        return lines
    return tuple(
        replace(one, amount_vnd=abs(one.amount_vnd))
        if one.nature is Nature.DISCOUNT and one.amount_vnd is not None
        else one
        for one in lines
    )


def _read_line(node: etree._Element) -> Line:
    free = _read_free(node)
    group = next((one.value for one in free if one.name == TRADE_GROUP), "")
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
        specials=tuple(_read_specials(node)),
        trade_group=group,
        fields=tuple(one for one in free if one.name != TRADE_GROUP),
        unknown=_unknown(node, _LINE_TAGS),
    )


def _read_specials(node: etree._Element) -> Iterator[Special]:
    for box in node.findall("TTHHDTrung"):
        kind = _whole(box, "LHHDTrung")
        for one in box.findall("TTin"):
            yield Special(kind=kind, name=text_at(one, "TTruong"), value=text_at(one, "DLieu"))


def _read_delegate(general: etree._Element) -> Delegate | None:
    tags = ("MSTDVNUNLHDon", "TDVNUNLHDon", "DCDVNUNLHDon")
    tax_id, name, address = (text_at(general, one) for one in tags)
    if not (tax_id or name or address):
        return None
    return Delegate(tax_id=tax_id, name=name, address=address)


def _read_totals(node: etree._Element | None, general: etree._Element) -> Totals:
    """An adjustment that changes no money may leave the totals out."""
    if node is None:
        if text_at(general, "TTHDLQuan/TCHDon") != str(int(Method.ADJUSTS)):
            raise DocumentInvalid("NDHDon/TToan is missing")
        return Totals(payable_vnd=0, in_words=words.amount_in_words(0))
    free = _read_free(node)
    moved = next((one.value for one in free if one.name == REDUCTION), "0")
    if not _NUMBER.fullmatch(moved):
        raise DocumentInvalid(f"TTKhac {REDUCTION} “{moved}” is not a number")
    reduction_vnd = _vnd(node, REDUCTION)
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
        untaxed_reduction_vnd=_vnd(node, "TGTKCThue"),
        fees=tuple(
            Fee(name=text_at(one, "TLPhi"), amount_vnd=_whole(one, "TPhi"))
            for one in node.findall("DSLPhi/LPhi")
        ),
        fields=tuple(one for one in free if one.name != REDUCTION),
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
        list_number=text_at(node, "SBKCLQuan"),
        listed_on=_day_or_none(text_at(node, "NBKCLQuan")),
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


def _day_or_none(text: str) -> date | None:
    return _day(text) if text else None


def _day(text: str) -> date:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise DocumentInvalid(f"“{text[:40]}” is not a date YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise DocumentInvalid(f"{text} is not a day") from error
