"""Codes that a buyer's transfer carries, and finding them in what banks make of a memo. Pure.

A code is "CHO" and six characters of an alphabet of 29 without look-alikes; the last one makes a
weighted sum zero modulo 29. As 29 is prime and all weights differ, every single wrong character
and every swap of two neighbours is noticed. Nine characters pass every bank and gateway.

“Cho” and “chợ” are everyday words: “chồng Nguyễn …” run together reads CHONGNGUY, which passes the
check. So a new code has digits in two places, which talk hardly ever has, and a code that had to be
put together from pieces must have them too.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from hashlib import blake2b
from itertools import count

from payments.text import plain

PREFIX = "CHO"
ALPHABET = "2346789ABCDEFGHJKMNPQRTUVWXYZ"
"""No 0 or O, 1, I or L, 5 or S."""
BODY_LENGTH = 6
CODE_LENGTH = len(PREFIX) + BODY_LENGTH
CUT_CHARACTERS_MAX = 2
"""A code that lost more than this at its end says too little to suggest a payment."""
MEMO_LENGTH_MAX = 1_000
"""What is read of a memo; banks give 300 at most."""

_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_WEIGHTS = (2, 3, 4, 5, 6, 1)
_SEPARATORS = re.compile(r"[^A-Z0-9]+")
_DIGITS_IN_TWO_PLACES = re.compile(r"[0-9][A-Z]+[0-9]")


def new_code(random_bytes: bytes) -> str:
    """A code from at least eight random bytes; the same bytes give the same code.

    There are 6.5 million; every third draw has its digits in two places.
    """
    assert len(random_bytes) >= 8
    drawn = (_drawn(random_bytes, attempt) for attempt in count())
    return next(code for code in drawn if _DIGITS_IN_TWO_PLACES.search(code))


def is_code(text: str) -> bool:
    """Whether `text` is a code in its own spelling, with a right check character."""
    return len(text) == CODE_LENGTH and text.startswith(PREFIX) and _checks(text[len(PREFIX) :])


def find_codes(memo: str) -> list[str]:
    """The distinct right codes in a bank's memo, best reading first: whole words, else squeezed."""
    words = _words(memo)
    whole = [word for word in words if is_code(word)]
    return list(dict.fromkeys(whole or _codes_in("".join(words))))


def find_damaged(memo: str) -> list[str]:
    """What looks like a code with a typing error or a lost end. Good for a suggestion only.

    Whole right codes are no part of it. The pieces overlap, of 7 to 10 characters.
    """
    found: dict[str, None] = {}
    for piece in _between_whole_codes(_words(memo)):
        found.update(dict.fromkeys(_damaged_bodies(piece)))
        found.update(dict.fromkeys(_damaged_prefixes(piece)))
    return [one for one in found if not is_code(one)]


def alike(one: str, other: str) -> bool:
    """Whether two sources may have written down one buyer's text: the same codes, else all of it."""
    codes = set(find_codes(one))
    if codes or find_codes(other):
        return codes == set(find_codes(other))
    return "".join(_words(one)) == "".join(_words(other))


def suggested(damaged: Iterable[str], codes: Collection[str]) -> str | None:
    """The one code of `codes` that a damaged one can have been; None if none or several.

    One character wrong, missing or too many, two neighbours swapped, or the end cut off.
    """
    found = {code for one in damaged for code in codes if _may_have_been(one, code)}
    return found.pop() if len(found) == 1 else None


def _drawn(random_bytes: bytes, attempt: int) -> str:
    digest = blake2b(random_bytes, digest_size=8, salt=attempt.to_bytes(8)).digest()
    number = int.from_bytes(digest)
    values = []
    for _ in range(BODY_LENGTH - 1):
        number, value = divmod(number, len(ALPHABET))
        values.append(value)
    check = -sum(weight * value for weight, value in zip(_WEIGHTS, values, strict=False))
    return PREFIX + "".join(ALPHABET[value] for value in (*values, check % len(ALPHABET)))


def _checks(body: str) -> bool:
    total = 0
    for weight, character in zip(_WEIGHTS, body, strict=True):
        value = _VALUES.get(character)
        if value is None:
            return False
        total += weight * value
    return total % len(ALPHABET) == 0


def _words(memo: str) -> list[str]:
    return _SEPARATORS.split(plain(memo[:MEMO_LENGTH_MAX]).upper())


def _starts(text: str) -> Iterator[int]:
    at = text.find(PREFIX)
    while at >= 0:
        yield at
        at = text.find(PREFIX, at + 1)


def _codes_in(squeezed: str) -> list[str]:
    found = (squeezed[start : start + CODE_LENGTH] for start in _starts(squeezed))
    return [code for code in found if is_code(code) and _DIGITS_IN_TWO_PLACES.search(code)]


def _between_whole_codes(words: Iterable[str]) -> list[str]:
    pieces = [""]
    for word in words:
        if is_code(word):
            pieces.append("")
        else:
            pieces[-1] += word
    return pieces


def _damaged_bodies(piece: str) -> Iterator[str]:
    for start in _starts(piece):
        for length in range(CODE_LENGTH - CUT_CHARACTERS_MAX, CODE_LENGTH + 2):
            if start + length <= len(piece):
                yield piece[start : start + length]


def _damaged_prefixes(piece: str) -> Iterator[str]:
    """Bodies that are whole behind two to four characters that are nearly the prefix."""
    for start in range(2, len(piece) - BODY_LENGTH + 1):
        end = start + BODY_LENGTH
        if not _checks(piece[start:end]):
            continue
        for length in (2, 3, 4):
            if length <= start and _one_slip(piece[start - length : start], PREFIX):
                yield piece[start - length : end]


def _may_have_been(damaged: str, code: str) -> bool:
    if len(damaged) < CODE_LENGTH and code.startswith(damaged):
        return True
    return _one_slip(damaged, code)


def _one_slip(typed: str, meant: str) -> bool:
    """One character wrong, missing or too many, or two neighbours swapped."""
    same = 0
    while same < min(len(typed), len(meant)) and typed[same] == meant[same]:
        same += 1
    left, right = typed[same:], meant[same:]
    if not left and not right:
        return False
    swapped = left[:2] == right[1::-1] and len(right) > 1
    return (
        left[1:] == right[1:]  # wrong, or the last one missing or too many
        or left == right[1:]
        or left[1:] == right
        or (swapped and left[2:] == right[2:])
    )
