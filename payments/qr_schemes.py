"""Whose code it is: schemes told apart by their GUID, country or first letters. Pure.

The table is data/qr_schemes.csv, one row per mark that gives a scheme away.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from payments.qr_errors import QRBroken
from payments.qr_format import NAPAS_GUID, VNPAY_GUID, decode_objects

UNKNOWN = "unknown"
CARD_NETWORKS = {
    "visa": ("02", "03"),
    "mastercard": ("04", "05"),
    "discover": ("09", "10"),
    "amex": ("11", "12"),
    "jcb": ("13", "14"),
    "unionpay": ("15", "16"),
}
"""Root objects that EMVCo gave to card networks. Source: EMV QR Code, Merchant-Presented Mode."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One mark of a scheme of another country, or of a form that is no EMV code."""

    scheme: str
    name: str
    country: str
    guid: str
    """What the sub-object 00 of a template begins with, in any case; empty where it has no GUID."""
    starts: str
    """What the whole text begins with, where it is a link of its own."""


def foreign_scheme(root: Mapping[str, str]) -> Scheme:
    """The scheme of a code that is not for đồng in Vietnam; by its GUID, else by its country."""
    guids = [guid_of(value).lower() for tag, value in root.items() if "26" <= tag <= "51"]
    for one in _table():
        if one.guid and any(guid.startswith(one.guid.lower()) for guid in guids):
            return one
    country = root.get("58", "")
    if any("@" in guid_of(root.get(tag, "")) for tag in ("29", "30")) and country != "IN":
        country = "KH"
    named = (one for one in _table() if one.country == country and not one.starts)
    return next(named, Scheme(UNKNOWN, "", country, "", ""))


def link_scheme(text: str) -> Scheme | None:
    """The scheme of a text that pays elsewhere but is no EMV code; None for any other text."""
    lower = text.lower()
    return next((one for one in _table() if one.starts and lower.startswith(one.starts)), None)


def networks(root: Mapping[str, str]) -> tuple[str, ...]:
    """Every domestic scheme and card network that a code names, the ones we can use first."""
    found = []
    if guid_of(root.get("38", "")) == NAPAS_GUID:
        found.append("vietqr")
    if guid_of(root.get("26", "")) == VNPAY_GUID:
        found.append("vnpayqr")
    found += [name for name, tags in CARD_NETWORKS.items() if any(tag in root for tag in tags)]
    return tuple(found)


def wallet(bank_bin: str, account_no: str) -> str:
    """The e-wallet behind a VietQR receiver, by what is seen in the street; empty for a bank."""
    if bank_bin == "971025" or (bank_bin == "970454" and account_no.startswith("99MM")):
        return "momo"
    if bank_bin == "970454" and account_no.startswith("99ZP"):
        return "zalopay"
    return ""


def guid_of(template: str) -> str:
    """Sub-object 00 of a template, also of one that breaks behind it; empty where there is none."""
    try:
        return dict(decode_objects(template)).get("00", "")
    except QRBroken:
        return template[4:14] if template.startswith("00") else ""


@cache
def _table() -> tuple[Scheme, ...]:
    text = files("payments").joinpath("data/qr_schemes.csv").read_text("utf-8")
    return tuple(
        Scheme(row["scheme"], row["name"], row["country"], row["guid"], row["starts"])
        for row in csv.DictReader(text.splitlines())
    )
