"""Sentences about documents: Vietnamese first, and the same in English by a catalogue. Pure.

`say` makes one, `said_in` gives it in a language. What fills a sentence is translated too where the
catalogue knows it (“người bán”), and left as it is where not (a name, a number).
"""

from functools import cache
from typing import Any

from einvoice import rules

SOURCE, LANGUAGES = "vi", ("vi", "en")


class Sentence(str):
    """Text that remembers its pattern and what fills it."""

    pattern: str
    parts: tuple[Any, ...]
    named: dict[str, Any]


def say(pattern: str, *parts: Any, **named: Any) -> Sentence:
    """A Vietnamese sentence: `pattern` as for str.format; a list is written with commas."""
    plain = {key: _written(value, SOURCE) for key, value in named.items()}
    made = Sentence(pattern.format(*(_written(one, SOURCE) for one in parts), **plain))
    made.pattern, made.parts, made.named = pattern, parts, named
    return made


def said_in(text: str, language: str = SOURCE) -> str:
    """The sentence in a language; as it is where the catalogue does not know it."""
    if language == SOURCE:
        return str(text)
    if not isinstance(text, Sentence):
        return catalogue(language).get(text, text)
    pattern = catalogue(language).get(text.pattern, text.pattern)
    named = {key: _written(value, language) for key, value in text.named.items()}
    return pattern.format(*(_written(one, language) for one in text.parts), **named)


@cache
def catalogue(language: str) -> dict[str, str]:
    """Every sentence known in a language, by its Vietnamese pattern."""
    assert language in LANGUAGES, language
    found: dict[str, str] = rules.shipped(f"sentences_{language}")
    return found


def _written(part: Any, language: str) -> Any:
    if isinstance(part, str):
        return said_in(part, language)
    if isinstance(part, list):
        return ", ".join(said_in(one, language) for one in part)
    return part
