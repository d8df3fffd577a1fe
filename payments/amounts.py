"""Amounts of đồng as people key and say them: 50k, 1tr2, 50.000. Pure.

The same rules run in the browser; both are held to tests/data/keyed_amounts.json.
"""

import re
import unicodedata

from payments.errors import PaymentError

AMOUNT_VND_MAX = 499_999_999
TEXT_LENGTH_MAX = 40


class AmountError(PaymentError):
    """What was keyed is no amount that can be asked for."""

    code = "amount_error"

    def __init__(self, text: str) -> None:
        super().__init__(f"“{text[:TEXT_LENGTH_MAX]}” is no amount that can be asked for.")
        self.text = text


class AmountEmpty(AmountError):
    """Nothing was keyed."""

    code = "amount_empty"


class AmountUnreadable(AmountError):
    """Not a number in any of the accepted ways."""

    code = "amount_unreadable"


class AmountAmbiguous(AmountError):
    """It may mean two amounts: 1.5 is neither 1.500 nor 1,5 triệu."""

    code = "amount_ambiguous"


class AmountNotPositive(AmountError):
    """Zero, or less than zero."""

    code = "amount_not_positive"


class AmountTooLarge(AmountError):
    """More than 499,999,999 đ, which one transfer can carry, or than the bound that was given."""

    code = "amount_too_large"


_CURRENCY = re.compile(r"\s*(₫|đồng|dong|vnđ|vnd|đ|d)$")
_PLAIN = re.compile(r"[0-9]+")
_GROUPED = re.compile(r"[0-9]{1,3}(?:([., ])[0-9]{3})(?:\1[0-9]{3})*")
_FRACTION = re.compile(r"[0-9]+[.,][0-9]+")
_UNIT = r"(nghìn|nghin|ngàn|ngan|k|triệu|trieu|tr|tỷ|tỉ|ty|ti)"
_WITH_UNIT = re.compile(rf"([0-9]+(?:[.,][0-9]+)?)\s*{_UNIT}(?:\s*(.+))?")
_TAIL = re.compile(r"([0-9]{1,3})")
_TAIL_WITH_UNIT = re.compile(r"([0-9]{1,3})\s*(k|nghìn|nghin|ngàn|ngan)")
_HALF = ("rưỡi", "ruoi")
_POWER = {"k": 3, "n": 3, "t": 6}


def parse_vnd(text: str, amount_vnd_max: int = AMOUNT_VND_MAX) -> int:
    """Whole đồng from 1 to 499,999,999, or another bound, out of what a person keyed or pasted.

    Accepts 50000, 50.000, 50,000, 50 000, 50k, 50 nghìn, 1tr2, 1,2tr, 1 triệu 2, 1tr250,
    1 triệu 200 nghìn, 2k5, 1tr rưỡi; each with đ, ₫, đồng or vnd behind it.

    Raises: AmountEmpty, AmountUnreadable, AmountAmbiguous, AmountNotPositive, AmountTooLarge.
    """
    bare = " ".join(unicodedata.normalize("NFC", text).lower().split())
    bare = _CURRENCY.sub("", bare)
    if not bare:
        raise AmountEmpty(text)
    if len(bare) > TEXT_LENGTH_MAX:
        raise AmountUnreadable(text)
    if bare[0] in "-−" and bare[1:].strip()[:1].isdigit():
        raise AmountNotPositive(text)
    amount_vnd = _value(bare, text)
    if amount_vnd <= 0:
        raise AmountNotPositive(text)
    if amount_vnd > amount_vnd_max:
        raise AmountTooLarge(text)
    return amount_vnd


def _value(bare: str, text: str) -> int:
    if _PLAIN.fullmatch(bare):
        return int(bare)
    if _GROUPED.fullmatch(bare):
        return int(re.sub("[., ]", "", bare))
    if _FRACTION.fullmatch(bare):
        raise AmountAmbiguous(text)
    found = _WITH_UNIT.fullmatch(bare)
    if found is None:
        raise AmountUnreadable(text)
    number, unit, tail = found.groups()
    power = 9 if unit in ("tỷ", "tỉ", "ty", "ti") else _POWER[unit[0]]
    whole, _, fraction = number.replace(",", ".").partition(".")
    if len(fraction) > 2 or (fraction and tail):
        raise AmountAmbiguous(text)  # 1.500tr may be 1.500 triệu or one and a half
    return int(whole + "0" * power) + _part(fraction, power) + _tail(tail, power, text)


def _part(digits: str, power: int) -> int:
    """Decimals of a unit in đồng: “25” of a million is 250,000."""
    return int(digits.ljust(power, "0"))


def _tail(tail: str | None, power: int, text: str) -> int:
    """What follows the unit: 2 in 1tr2 is two tenths of it, 250 two hundred and fifty parts."""
    if not tail:
        return 0
    if tail in _HALF:
        return _part("5", power)
    if _TAIL.fullmatch(tail):
        return _part(tail, power)
    smaller = _TAIL_WITH_UNIT.fullmatch(tail)
    if smaller is None or power == 3:
        raise AmountUnreadable(text)
    return int(smaller[1]) * 1000
