"""Text as banks and QR codes carry it: unaccented, printable ASCII, short. Pure."""

import unicodedata

from payments.errors import PaymentError

MEMO_LENGTH_MAX = 25
"""EMV additional data 62-08, and what every bank keeps of a memo."""
_STROKED = str.maketrans("đĐðÐɖƉ", "dDdDdD")
"""No normal form takes the stroke off; old fonts and keyboards write Đ as the Icelandic Ð."""
_TYPOGRAPHIC = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′", "'"),
        **dict.fromkeys("“”„‟″«»", '"'),
        **dict.fromkeys("‐‑‒–—―−", " "),
        "½": " 1/2",
        "¼": " 1/4",
        "¾": " 3/4",
        "⁄": "/",
    }
)

_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
"""Categories of signs that no field of a code may hold."""


class CodeTooLong(PaymentError):
    """A matching code alone is longer than the field; it is never cut."""

    code = "code_too_long"

    def __init__(self, text: str, length_max: int) -> None:
        super().__init__(f"The code “{text}” is longer than {length_max} characters.")
        self.text = text
        self.length_max = length_max


def plain(text: str) -> str:
    """Without diacritics, in NFC or NFD alike; đ becomes d, full-width and circled signs plain."""
    if text.isascii():
        return text
    bare = unicodedata.normalize("NFKD", text.translate(_STROKED))
    return "".join(letter for letter in bare if not unicodedata.combining(letter))


def fold(text: str, length_max: int | None = None) -> str:
    """As the EMV common character set allows: ASCII 0x20–0x7E, single spaces, cut at the end.

    Typographic quotes become plain ones, invisible signs vanish; dashes and what else is outside
    become a space.
    """
    bare = text
    if not bare.isascii():
        seen = (one for one in text if unicodedata.category(one) != "Cf")
        bare = plain("".join(seen).translate(_TYPOGRAPHIC)).translate(_TYPOGRAPHIC)
    kept = "".join(letter if " " <= letter <= "~" else " " for letter in bare)
    return " ".join(kept.split())[:length_max].rstrip()


def one_line(text: str, length_max: int) -> str:
    """The text with its marks, composed, on one line, cut between whole letters."""
    composed = unicodedata.normalize("NFC", text)
    seen = "".join(" " if unicodedata.category(one) in _UNSEEN else one for one in composed)
    words = " ".join(seen.split())
    end = length_max
    while end and end < len(words) and unicodedata.combining(words[end]):
        end -= 1
    return words[:end].rstrip()


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
