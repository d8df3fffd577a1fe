"""Amounts in Vietnamese words, and comparing other people's words with a number. Pure."""

import unicodedata
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import lru_cache

DIGITS = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
BILLION = 10**9


@dataclass(frozen=True)
class Spelling:
    """The words that differ between regions."""

    odd: str
    thousand: str
    billion: str = "tỷ"


NORTH = Spelling(odd="linh", thousand="nghìn")
SOUTH = Spelling(odd="lẻ", thousand="ngàn")

_FOLDED = {
    "lẻ": "linh",
    "ngàn": "nghìn",
    "tư": "bốn",
    "tỉ": "tỷ",
    "nhăm": "lăm",
    "bẩy": "bảy",
    "trừ": "âm",
    **dict.fromkeys(("euro", "eur"), "ơ rô"),
    **dict.fromkeys(("cent", "cents"), "xu"),
    "usd": "đô la mỹ",
}
_SILENT = {"chẵn", "đồng", "việt", "nam", "vnđ", "vnd"}
_STOPS = str.maketrans(dict.fromkeys(".,;:/!()*–-\"'“”", " "))


@lru_cache(maxsize=4096)
def amount_in_words(amount_vnd: int, spelling: Spelling = NORTH) -> str:
    """The amount as it stands on an invoice: capital first, “đồng” last, any size, any sign."""
    spoken = number_in_words(abs(amount_vnd), spelling)
    text = f"âm {spoken} đồng" if amount_vnd < 0 else f"{spoken} đồng"
    return text[0].upper() + text[1:]


FOREIGN = {
    "USD": ("đô la Mỹ", "xu"),
    "EUR": ("ơ rô", "xu"),
    "GBP": ("bảng Anh", "xu"),
    "AUD": ("đô la Úc", "xu"),
    "CAD": ("đô la Canada", "xu"),
    "SGD": ("đô la Singapore", "xu"),
    "HKD": ("đô la Hồng Kông", "xu"),
    "CNY": ("nhân dân tệ", "xu"),
    "JPY": ("yên Nhật", ""),
    "KRW": ("won Hàn Quốc", ""),
}
"""Unit and hundredth. Source: Decree 254/2026, Annex 8.c.2 for USD; the others by custom."""


def foreign_in_words(amount: Decimal, currency: str, spelling: Spelling = NORTH) -> str:
    """An amount of another currency: 13,800.25 USD is “… đô la Mỹ và hai mươi lăm xu”."""
    unit, part = FOREIGN[currency]
    with localcontext(prec=5_000):
        smallest = 100 if part else 1
        whole, rest = divmod(
            int((abs(amount) * smallest).to_integral_value(ROUND_HALF_UP)), smallest
        )
    text = f"{number_in_words(whole, spelling)} {unit}"
    text += f" và {number_in_words(rest, spelling)} {part}" if rest else ""
    text = f"âm {text}" if amount < 0 and (whole or rest) else text
    return text[0].upper() + text[1:]


def same_foreign_words(text: str, amount: Decimal, currency: str) -> bool:
    """Whether words mean this amount of another currency."""
    return folded(text) == folded(foreign_in_words(amount, currency))


def number_in_words(number: int, spelling: Spelling = NORTH) -> str:
    """A number ≥ 0 in words, lower case.

    Read in groups of three; the part over a billion is a number of its own followed by “tỷ”,
    so 10^18 is “một tỷ tỷ”.
    """
    assert number >= 0
    return " ".join(_spoken(number, spelling, first=True)) or DIGITS[0]


def same_words(text: str, amount_vnd: int) -> bool:
    """Whether somebody else's words mean this amount, whatever their spelling."""
    ours = amount_in_words(amount_vnd)
    return text == ours or folded(text) == folded(ours)


def folded(text: str) -> str:
    """Words without what may differ: case, stops, “chẵn”, “đồng”, regional words."""
    plain = unicodedata.normalize("NFC", text).casefold().strip(' ("“')
    sign = ["âm"] if plain[:1] in {"-", "–", "−"} else []
    words = (_FOLDED.get(word, word) for word in [*sign, *plain.translate(_STOPS).split()])
    return " ".join(word for word in words if word not in _SILENT)


def _spoken(number: int, spelling: Spelling, *, first: bool) -> list[str]:
    over, rest = divmod(number, BILLION)
    words: list[str] = []
    if over:
        words += [*_spoken(over, spelling, first=first), spelling.billion]
        first = False
    for unit, name in ((10**6, "triệu"), (10**3, spelling.thousand), (1, "")):
        group, rest = divmod(rest, unit)
        if group:
            words += _group(group, spelling, first=first)
            words += [name] if name else []
            first = False
    return words


def _group(group: int, spelling: Spelling, *, first: bool) -> list[str]:
    hundreds, tens, units = group // 100, group // 10 % 10, group % 10
    with_hundreds = hundreds > 0 or not first
    words = [DIGITS[hundreds], "trăm"] if with_hundreds else []
    if tens == 0:
        if units and with_hundreds:
            words.append(spelling.odd)
        return words + ([DIGITS[units]] if units else [])
    words += ["mười"] if tens == 1 else [DIGITS[tens], "mươi"]
    return words + _after_ten(tens, units)


def _after_ten(tens: int, units: int) -> list[str]:
    if units == 0:
        return []
    if units == 5:
        return ["lăm"]
    if tens > 1 and units == 1:
        return ["mốt"]
    if tens > 1 and units == 4:
        return ["tư"]
    return [DIGITS[units]]
