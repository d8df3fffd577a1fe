"""Law as dated data: thresholds, rates, phrases, deadlines, fines, each with its source. Pure but for files.

A rule may become known after it began to hold: ask with `known_on` to see what was known then, and
without it for what is known at all. What a later row changed must be computed again.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from einvoice.errors import RuleUnknown

Value = str | int | list[Any]
FILES = ("rules", "issuing", "tax")


@dataclass(frozen=True)
class Rule:
    """One value during one period of validity, as known from one day on."""

    key: str
    value: Value
    valid_from: date
    valid_to: date | None
    known_from: date
    source: str

    def holds_on(self, day: date) -> bool:
        """Whether the day is in its period."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    @property
    def is_retroactive(self) -> bool:
        """Whether it became known after it began to hold."""
        return self.known_from > self.valid_from


@lru_cache(maxsize=4096)
def rule(key: str, on: date, known_on: date | None = None) -> Rule:
    """The rule in force on `on`; of several, the one that became known last.

    Raises: RuleUnknown.
    """
    rows = [
        row
        for row in rules_of(key)
        if row.holds_on(on) and (known_on is None or row.known_from <= known_on)
    ]
    if not rows:
        raise RuleUnknown(key, on, known_on)
    return max(rows, key=lambda row: (row.known_from, row.valid_from))


def phrase(key: str, on: date) -> str:
    """A rule whose value is text. Raises: RuleUnknown."""
    value = rule(key, on).value
    assert isinstance(value, str)
    return value


def amount(key: str, on: date, known_on: date | None = None) -> int:
    """A rule whose value is a whole number. Raises: RuleUnknown."""
    value = rule(key, on, known_on).value
    assert isinstance(value, int)
    return value


def percent(key: str, on: date, known_on: date | None = None) -> Decimal:
    """A rule whose value is a percentage. Raises: RuleUnknown."""
    value = rule(key, on, known_on).value
    assert isinstance(value, str)
    return Decimal(value)


def table(key: str, on: date, known_on: date | None = None) -> list[Any]:
    """A rule whose value is a list. Raises: RuleUnknown."""
    value = rule(key, on, known_on).value
    assert isinstance(value, list)
    return value


def holds(key: str, on: date) -> bool:
    """Whether any row of this key is in force on a day."""
    return any(row.holds_on(on) for row in rules_of(key))


def changed_since(known_on: date) -> Iterator[Rule]:
    """Rows that became known after a day and reach back before they were known.

    What was computed for days from their `valid_from` on has to be computed again.
    """
    return (row for row in all_rules() if row.known_from > known_on and row.is_retroactive)


def rules_of(key: str) -> tuple[Rule, ...]:
    """Every row of one key, in the order of the files."""
    return _by_key().get(key, ())


@cache
def _by_key() -> dict[str, tuple[Rule, ...]]:
    found: dict[str, tuple[Rule, ...]] = {}
    for row in all_rules():
        found[row.key] = (*found.get(row.key, ()), row)
    return found


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every row of the shipped files."""
    return tuple(
        Rule(
            key=row["key"],
            value=row["value"],
            valid_from=row["valid_from"],
            valid_to=row.get("valid_to"),
            known_from=row["known_from"],
            source=row["source"],
        )
        for name in FILES
        for row in shipped(name)["rule"]
    )


def shipped(name: str) -> dict[str, Any]:
    """One of the data files that come with the package."""
    return tomllib.loads(files("einvoice").joinpath("data", f"{name}.toml").read_text("utf-8"))
