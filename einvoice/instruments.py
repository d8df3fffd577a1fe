"""Laws, decrees, circulars: what they are called and when they have force. Pure but for one file.

Nothing printed today may rest on an instrument that was repealed: `cite` refuses it.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property

from einvoice import rules
from einvoice.errors import InstrumentNotInForce

_NUMBERED = re.compile(r"[0-9]+/(?:[0-9]{4}/)?(?:QĐ-[A-Z]+|NĐ-CP|TT-BTC|QH[0-9]+)")
_WORD = re.compile("Nghị định|Thông tư|Nghị quyết")
_ID = re.compile(r"\b[A-Z]{1,2}[0-9]{2,4}\b")
_KINDS = {"Luật": "Law", "Nghị quyết": "Resolution", "Nghị định": "Decree", "Thông tư": "Circular",
          "Quyết định": "Decision"}  # fmt: skip
_PLACES = {"Điều": "Art.", "Phụ lục": "Annex", "mục": "item", "khoản": "clause", "điểm": "point"}
_PLACE = re.compile("|".join(_PLACES))


@dataclass(frozen=True)
class Instrument:
    """One law, decree, circular or decision."""

    id: str
    name: str
    in_force: date
    repealed: date | None = None
    """The first day without force."""
    by: str = ""
    note: str = ""

    def is_in_force(self, on: date) -> bool:
        """Whether it has force on a day."""
        return self.in_force <= on and (self.repealed is None or on < self.repealed)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds it in a text that is folded to lower case."""
        number = self.number.casefold()
        short = re.match(r"[0-9]+/[0-9]{4}(?=/)", number)
        found = f"(?<![0-9]){re.escape(number)}"
        if short and (word := _WORD.match(self.name)):
            kind = word[0].casefold().replace(" ", r"\s+")
            found += rf"|{kind}\s+(?:số\s+)?{re.escape(short[0])}(?![0-9/])"
        return re.compile(found)

    @property
    def number(self) -> str:
        """Its number alone, e.g. 254/2026/NĐ-CP."""
        found = _NUMBERED.search(self.name)
        return found[0] if found else self.name


def cite(reference: str, on: date) -> str:
    """A citation to print, e.g. “D254 Điều 6.1.d” as “Nghị định số 254/2026/NĐ-CP, Điều 6.1.d”.

    Raises: InstrumentNotInForce for one that has no force on that day.
    """
    identifier, _, place = reference.partition(" ")
    found = by_id()[identifier]
    if not found.is_in_force(on):
        raise InstrumentNotInForce(found.name, on)
    return f"{found.name}, {place}" if place else found.name


def named_in(text: str) -> list[Instrument]:
    """The instruments a rule's source names, by id or by number."""
    ids = set(_ID.findall(text))
    return [one for one in by_id().values() if one.id in ids or one.number in text]


def repealed_in(text: str, on: date) -> list[Instrument]:
    """The instruments a text names by their number that are repealed on a day, however it is typed.

    “Nghị định 123/2020” is enough; 170/2025/NĐ-CP is not 70/2025/NĐ-CP.
    """
    plain = unicodedata.normalize("NFC", text).casefold()
    return [
        one
        for one in by_id().values()
        if one.repealed is not None and one.repealed <= on and one.pattern.search(plain)
    ]


def numbers_in(text: str) -> list[str]:
    """The numbers of instruments a text names, e.g. 204/2025/QH15."""
    return _NUMBERED.findall(text)


def spelled(source: str, language: str = "vi") -> str:
    """A rule's source with the ids of instruments written out."""
    if language == "vi":
        return _ID.sub(lambda found: _name(found[0]), source)
    english = _ID.sub(lambda found: _english(found[0]), source)
    return _PLACE.sub(lambda found: _PLACES[found[0]], english)


def _name(identifier: str) -> str:
    found = by_id().get(identifier)
    return found.name if found else identifier


def _english(identifier: str) -> str:
    found = by_id().get(identifier)
    if found is None:
        return identifier
    return next(
        (f"{english} {found.number}" for kind, english in _KINDS.items() if kind in found.name),
        found.name,
    )


@cache
def by_id() -> dict[str, Instrument]:
    """Every instrument of the shipped file."""
    rows = rules.shipped("instruments")["instrument"]
    return {row["id"]: Instrument(**row) for row in rows}
