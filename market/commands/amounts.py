"""Amounts as people type them: 1.234.567, 1,234,567 đ, 13.800,25 USD."""

import re
from decimal import Decimal

DIGITS_MAX = 4_000
_GROUPED = re.compile(r"([0-9]{1,3}(?:([.,_ ])[0-9]{3})(?:\2[0-9]{3})*)")
_MONEY = re.compile(r"([+-]?) ?([0-9][0-9., _]*?) ?(?:(đồng|đ|₫|vnđ|vnd)|([A-Za-z]{3}))?", re.I)


class AmountMisread(Exception):
    """What was typed is no amount."""


def vnd(text: str) -> int:
    """A whole amount of đồng. Raises: AmountMisread."""
    number, currency = money(text)
    if currency != "VND" or not isinstance(number, int):
        raise AmountMisread(f"“{text[:60]}” is not an amount of đồng")
    return number


def money(text: str, currency: str = "") -> tuple[int | Decimal, str]:
    """An amount and its currency: a whole `int` of đồng, a Decimal of any other that has words.

    Raises: AmountMisread.
    """
    from einvoice.words import FOREIGN

    found = _MONEY.fullmatch(text.strip().replace("\u2212", "-"))
    if found is None:
        raise AmountMisread(f"“{text[:60]}” is not an amount (at most {DIGITS_MAX} digits)")
    told = "VND" if found[3] else (found[4] or "").upper()
    name = currency.upper() or told or "VND"
    if told and told != name:
        raise AmountMisread(f"“{text[:60]}” is in {told}, not in {name}")
    if name != "VND" and name not in FOREIGN:
        raise AmountMisread(f"There are no words for {name}; only for VND, {', '.join(FOREIGN)}")
    digits = _whole(found[2]) if name == "VND" else _parted(found[2])
    if not digits:
        kind = "a whole amount of đồng" if name == "VND" else f"an amount of {name}"
        raise AmountMisread(f"“{text[:60]}” is not {kind} (at most {DIGITS_MAX} digits)")
    number = found[1] + digits
    return (int(number), name) if name == "VND" else (Decimal(number), name)


def _whole(text: str) -> str:
    """Digits without their separators; empty where these part no thousands."""
    if _GROUPED.fullmatch(text):
        text = re.sub(r"[.,_ ]", "", text)
    return text if re.fullmatch(rf"[0-9]{{1,{DIGITS_MAX}}}", text) else ""


def _parted(text: str) -> str:
    """An amount with at most two decimals behind either sign: 13.800,25 and 13,800.25.

    One sign followed by three digits parts thousands, as on Vietnamese pages.
    """
    whole, part = text, ""
    cut = re.fullmatch(r"(.*)[.,]([0-9]{1,2})", text)
    if cut:
        whole, part = cut[1], cut[2]
        sign = text[len(whole)]
        if sign in whole:
            return ""
    digits = _whole(whole)
    return f"{digits}.{part}" if digits and part else digits
