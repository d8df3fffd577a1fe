"""Text as banks and QR codes carry it: unaccented, printable ASCII, short. Pure."""

import unicodedata

from payments.errors import PaymentError

MEMO_LENGTH_MAX = 25
"""EMV additional data 62-08, and what every bank keeps of a memo."""
_STROKED = str.maketrans({"đ": "d", "Đ": "D"})
_TYPOGRAPHIC = str.maketrans(
    {"’": "'", "‘": "'", "“": '"', "”": '"', "–": " ", "—": " ", "…": "...", "\u00a0": " "}
)


class CodeTooLong(PaymentError):
    """A matching code alone is longer than the field; it is never cut."""

    code = "code_too_long"

    def __init__(self, text: str, length_max: int) -> None:
        super().__init__(f"The code “{text}” is longer than {length_max} characters.")
        self.text = text
        self.length_max = length_max


def plain(text: str) -> str:
    """Without diacritics, in NFC or NFD alike; đ becomes d, which no normal form does."""
    if text.isascii():
        return text
    bare = unicodedata.normalize("NFD", text.translate(_STROKED))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def fold(text: str, length_max: int | None = None) -> str:
    """As the EMV common character set allows: ASCII 0x20–0x7E, single spaces, cut at the end.

    Typographic quotes become plain ones; dashes and what else is outside become a space.
    """
    bare = plain(text.translate(_TYPOGRAPHIC))
    seen = "".join(letter if " " <= letter <= "~" else " " for letter in bare)
    return " ".join(seen.split())[:length_max].rstrip()


def search_key(text: str) -> str:
    """What two spellings of one Vietnamese name share: lower case, no marks, y as i, no signs."""
    bare = plain(text).lower().replace("y", "i")
    return "".join(letter for letter in bare if letter.isascii() and letter.isalnum())


def memo_with(code: str, words: str = "", length_max: int = MEMO_LENGTH_MAX) -> str:
    """The code first and whole, then as much of the words as fits and survives every bank.

    Raises: CodeTooLong.
    """
    whole = fold(code)
    if len(whole) > length_max:
        raise CodeTooLong(whole, length_max)
    kept = "".join(letter if letter.isalnum() else " " for letter in fold(words))
    return " ".join(f"{whole} {kept}".split())[:length_max].rstrip()
