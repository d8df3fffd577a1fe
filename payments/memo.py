"""Codes that a buyer's transfer carries, and finding them in what banks make of a memo. Pure.

A code is "CHO" and six characters of an alphabet of 29 without look-alikes; the last one makes a
weighted sum zero modulo 29. As 29 is prime and all weights differ, every single wrong character
and every swap of two neighbours is noticed. Nine characters pass every bank and gateway.
"""

import re
from collections.abc import Collection, Iterable
from hashlib import blake2b

from payments.text import plain

PREFIX = "CHO"
ALPHABET = "2346789ABCDEFGHJKMNPQRTUVWXYZ"
"""No 0 or O, 1, I or L, 5 or S."""
BODY_LENGTH = 6
CODE_LENGTH = len(PREFIX) + BODY_LENGTH
CUT_CHARACTERS_MAX = 2
"""A code that lost more than this at its end says too little to suggest a payment."""

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS = (2, 3, 4, 5, 6, 1)
_SEPARATORS = re.compile(r"[^A-Z0-9]+")
_ANYWHERE = re.compile(
    rf"(?={PREFIX}([A-Z0-9]{{{BODY_LENGTH - CUT_CHARACTERS_MAX},{BODY_LENGTH}}}))"
)


def new_code(random_bytes: bytes) -> str:
    """A code from at least eight random bytes; the same bytes give the same code."""
    assert len(random_bytes) >= 8
    number = int.from_bytes(blake2b(random_bytes, digest_size=8).digest())
    values = []
    for _ in range(BODY_LENGTH - 1):
        number, value = divmod(number, len(ALPHABET))
        values.append(value)
    check = -sum(weight * value for weight, value in zip(_WEIGHTS, values, strict=False))
    return PREFIX + "".join(ALPHABET[value] for value in (*values, check % len(ALPHABET)))


def is_code(text: str) -> bool:
    """Whether `text` is a code in its own spelling, with a right check character."""
    if len(text) != CODE_LENGTH or not text.startswith(PREFIX):
        return False
    total = 0
    for weight, character in zip(_WEIGHTS, text[len(PREFIX) :], strict=True):
        value = _VALUES.get(character)
        if value is None:
            return False
        total += weight * value
    return total % len(ALPHABET) == 0


def find_codes(memo: str) -> list[str]:
    """The distinct right codes in a bank's memo, best reading first: whole words, else squeezed."""
    folded = plain(memo).upper()
    words = [word for word in _SEPARATORS.split(folded) if is_code(word)]
    return list(dict.fromkeys(words or _codes_in(_SEPARATORS.sub("", folded))))


def find_damaged(memo: str) -> list[str]:
    """What looks like a code with a typing error or a lost end. Good for a suggestion only."""
    squeezed = _SEPARATORS.sub("", plain(memo).upper())
    found = (PREFIX + match.group(1) for match in _ANYWHERE.finditer(squeezed))
    return list(dict.fromkeys(one for one in found if not is_code(one)))


def suggested(damaged: Iterable[str], codes: Collection[str]) -> str | None:
    """The one code of `codes` that a damaged one can have been; None if none or several."""
    found = {code for one in damaged for code in codes if _may_have_been(one, code)}
    return found.pop() if len(found) == 1 else None


def _codes_in(squeezed: str) -> list[str]:
    starts = (match.start() for match in _ANYWHERE.finditer(squeezed))
    return [code for start in starts if is_code(code := squeezed[start : start + CODE_LENGTH])]


def _may_have_been(damaged: str, code: str) -> bool:
    if len(damaged) < CODE_LENGTH:
        return code.startswith(damaged)
    wrong = [index for index in range(CODE_LENGTH) if damaged[index] != code[index]]
    if len(wrong) == 2 and wrong[1] == wrong[0] + 1:
        first, second = wrong
        if damaged[first : second + 1] == code[second] + code[first]:
            return True
    # One wrong character; or cut, then followed by other text: "CHOK7M2" + "TRACE".
    return len(wrong) == 1 or wrong[0] >= CODE_LENGTH - CUT_CHARACTERS_MAX
