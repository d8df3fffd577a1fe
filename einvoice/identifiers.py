"""The names of things on an invoice: symbols, numbers, tax codes, tax ids, message ids. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import product
from uuid import UUID

from einvoice.errors import CodeInvalid, NumberInvalid, SymbolInvalid, TaxIdInvalid

NUMBER_MAX = 99_999_999
"""Source: Decree 254/2026, Annex 2: at most eight digits."""
CODE_SERIAL_MAX = 99_999_999_999
CASH_REGISTER = "M"
REGISTERED = "T"
ONCE = "L"
"""Per occurrence, with the tax office's consent. Source: Circular 91/2026, Annex I."""
SAFE_LETTERS = "ABCDEGHKLMNPQRSTUVXY"
"""Source: Circular 91/2026, Annex I."""
AUTHORITY = "TCT"
"""How messages name the tax authority."""

_SYMBOL = re.compile(r"([CK])([0-9]{2})([TDLMNBGHXF])([A-Z]{2})")
_CODE = re.compile(r"M([1-9])-([0-9]{2})-([A-Z0-9]{5})-([0-9]{11})")
_ORDINARY_CODE = re.compile(r"[0-9A-Z]{34}")
_PREFIX = re.compile(r"[A-Z0-9]{5}")
_TAX_ID = re.compile(r"[0-9]{10}|[0-9]{10}-[0-9]{3}|[0-9]{12}")
_PARTNER = re.compile(r"TCT|[VK]([0-9]{10}|[0-9]{12}|[0-9]{13})")
_MESSAGE_ID = re.compile(r"(TCT|[VK]([0-9]{10}|[0-9]{12}|[0-9]{13}))[0-9A-F]{32}")
_LOOKUP = re.compile(r"[0-9A-HJKMNP-TV-Z]{16}")
_LOOKUP_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TEMPLATES_OF = {
    "N": {6},
    "B": {6},
    "X": {7},
    "G": {5},
    "H": {5},
    "M": {1, 2, 5},
    "T": {1, 2, 5, 8, 9},
    "D": {3, 4, 1, 2, 5},
    "L": {1, 2, 5, 8, 9},
    "F": {1},
}
_WEIGHTS = (31, 29, 23, 19, 17, 13, 7, 5, 3)


@dataclass(frozen=True)
class Symbol:
    """The six characters KHHDon, e.g. C26MAA."""

    coded: bool
    year: int
    """Last two digits of the year of issue."""
    kind: str
    """T registered, M cash register, …"""
    letters: str

    def __str__(self) -> str:
        return f"{'C' if self.coded else 'K'}{self.year:02d}{self.kind}{self.letters}"


def symbol_of(template: int, text: str, issued_on: date) -> Symbol:
    """Read a symbol and check it against its template and the year of issue.

    Raises: SymbolInvalid. Source: Circular 91/2026, Annex I.
    """
    match = _SYMBOL.fullmatch(text)
    if match is None:
        raise SymbolInvalid(template, text, "the symbol is not C or K, year, kind, two letters")
    symbol = Symbol(match[1] == "C", int(match[2]), match[3], match[4])
    if symbol.year != issued_on.year % 100:
        raise SymbolInvalid(template, text, f"the year is not that of {issued_on}")
    if template not in _TEMPLATES_OF[symbol.kind]:
        raise SymbolInvalid(template, text, f"kind {symbol.kind} does not go with this template")
    return symbol


def series_symbol(
    template: int, letters: str, issued_on: date, *, kind: str = CASH_REGISTER, coded: bool = True
) -> str:
    """The symbol of a series of this year. Raises: SymbolInvalid."""
    text = f"{'C' if coded else 'K'}{issued_on.year % 100:02d}{kind}{letters}"
    return str(symbol_of(template, text, issued_on))


def till_letters() -> Iterator[str]:
    """Pairs of letters for tills that number on their own, from the prescribed twenty; AA is nobody's."""
    pairs = ("".join(pair) for pair in product(SAFE_LETTERS, repeat=2))
    return (pair for pair in pairs if pair not in {"AA", "YY"})


def checked_number(number: int) -> int:
    """Raises: NumberInvalid outside 1 to 99,999,999."""
    if not 1 <= number <= NUMBER_MAX:
        raise NumberInvalid(number)
    return number


def code_prefix(template: int, issued_on: date, given: str) -> str:
    """The part of a cash-register code before its counter, e.g. M2-26-A1B2C.

    `given` are the five characters the tax authority handed out. Raises: CodeInvalid.
    """
    if not _PREFIX.fullmatch(given):
        raise CodeInvalid("code prefix", given)
    return f"{CASH_REGISTER}{template}-{issued_on.year % 100:02d}-{given}"


def cash_register_code(prefix: str, serial: int) -> str:
    """A cash-register tax code of 23 characters, e.g. M2-26-A1B2C-00000000123."""
    assert 1 <= serial <= CODE_SERIAL_MAX
    return checked_code(f"{prefix}-{serial:011d}")


def checked_code(text: str) -> str:
    """A tax code: 23 characters of a cash register or 34 of the authority. Raises: CodeInvalid."""
    if not (_CODE.fullmatch(text) or _ORDINARY_CODE.fullmatch(text)):
        raise CodeInvalid("tax code", text)
    return text


def checked_ordinary_code(text: str) -> str:
    """A tax code of 34 characters, as the authority makes them. Raises: CodeInvalid."""
    if not _ORDINARY_CODE.fullmatch(text):
        raise CodeInvalid("tax code of 34 characters", text)
    return text


def prefix_in(code: str) -> str:
    """The authority's five characters inside a cash-register code. Raises: CodeInvalid."""
    match = _CODE.fullmatch(code)
    if match is None:
        raise CodeInvalid("cash-register code", code)
    return match[3]


def tax_id_of(text: str) -> str:
    """A tax id in its written form: 10 digits, 10-3, or a 12-digit personal id.

    Thirteen digits typed without the dash get it. Raises: TaxIdInvalid for any other shape; a
    wrong check digit is not refused (`tax_id_doubt`).
    """
    plain = "".join(text.split()).replace(".", "")
    if re.fullmatch(r"[0-9]{13}", plain):
        plain = f"{plain[:10]}-{plain[10:]}"
    if not _TAX_ID.fullmatch(plain):
        raise TaxIdInvalid(text)
    return plain


def tax_id_doubt(tax_id: str) -> str:
    """Why a well-formed tax id looks mistyped; empty if it does not.

    The check digit is in no decree, and the authority's own examples break it: warn, never refuse.
    """
    if len(tax_id) == 12:
        return ""
    weighted = sum(w * int(d) for w, d in zip(_WEIGHTS, tax_id[:9], strict=True))
    if 10 - weighted % 11 != int(tax_id[9]):
        return "check digit"
    if tax_id.endswith("-000"):
        return "branch 000"
    return ""


def undashed(tax_id: str) -> str:
    """A tax id as QR codes and message ids write it."""
    return tax_id.replace("-", "")


def message_code(sender: str, identifier: UUID) -> str:
    """MTDiep: the sender's name and 32 upper-case hex digits. Raises: CodeInvalid."""
    if not _PARTNER.fullmatch(sender):
        raise CodeInvalid("message partner", sender)
    return f"{sender}{identifier.hex.upper()}"


def checked_message_code(text: str) -> str:
    """Raises: CodeInvalid."""
    if not _MESSAGE_ID.fullmatch(text):
        raise CodeInvalid("message id", text)
    return text


def lookup_code(random: bytes) -> str:
    """Sixteen letters and digits, easy to read aloud, from at least ten random bytes."""
    assert len(random) >= 10
    bits = int.from_bytes(random[:10], "big")
    return "".join(_LOOKUP_ALPHABET[bits >> shift & 31] for shift in range(75, -1, -5))


def checked_lookup_code(text: str) -> str:
    """Raises: CodeInvalid."""
    if not _LOOKUP.fullmatch(text):
        raise CodeInvalid("lookup code", text)
    return text
