"""Vietnamese text: one form to keep, one to search, one to sort (pure)."""

import unicodedata

ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
TONES = {"\u0300": "1", "\u0309": "2", "\u0303": "3", "\u0301": "4", "\u0323": "5"}
"""Combining marks in dictionary order: huyền, hỏi, ngã, sắc, nặng; no mark is “0”."""
_RANK = {letter: chr(ord("A") + rank) for rank, letter in enumerate(ALPHABET)}


def tidy(text: str) -> str:
    """The form that is kept: NFC, one space between words, none at the ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def fold(text: str) -> str:
    """The form that is searched: lower case, without marks, đ as d, y as i.

    `catalog.fold` in SQL does the same; so “my tom” finds “Mì tôm” and “hoa qua” finds “Hoá quả”.
    """
    marked = unicodedata.normalize("NFD", text.lower().replace("đ", "d"))
    bare = "".join(sign for sign in marked if not unicodedata.combining(sign))
    return " ".join(bare.replace("y", "i").split())


def sort_key(text: str) -> str:
    """An ASCII key that sorts as a Vietnamese dictionary does, compared byte by byte.

    Syllable by syllable; in a syllable the letters decide (a ă â … d đ …), then the tone.
    """
    return " ".join(_syllable_key(word) for word in tidy(text).lower().split())


def _syllable_key(word: str) -> str:
    letters, tone = [], "0"
    for sign in unicodedata.normalize("NFD", word):
        if sign in TONES:
            tone = TONES[sign]
        else:
            letters.append(sign)
    plain = unicodedata.normalize("NFC", "".join(letters))
    ranks = [_RANK.get(letter, _other(letter)) for letter in plain]
    return "".join(ranks) + tone


def _other(sign: str) -> str:
    # Digits and signs sort before letters, still in their own order.
    return sign if sign.isascii() and sign < "A" else "@"
