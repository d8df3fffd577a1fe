"""Law as dated data: thresholds, rates, phrases, versions, each with its source. Pure but for one file.

A rule may become known after it began to hold: ask with `known_on` to see what was known then, and
without it for what is known at all. What a later row changed must be computed again.
"""

import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files

from einvoice.errors import RuleUnknown


@dataclass(frozen=True)
class Rule:
    """One value during one period of validity, as known from one day on."""

    key: str
    value: str | int
    valid_from: date
    valid_to: date | None
    known_from: date
    source: str


def rule(key: str, on: date, known_on: date | None = None) -> Rule:
    """The rule in force on `on`; of several, the one that became known last.

    Raises: RuleUnknown.
    """
    rows = [
        row
        for row in all_rules()
        if row.key == key
        and row.valid_from <= on
        and (row.valid_to is None or on <= row.valid_to)
        and (known_on is None or row.known_from <= known_on)
    ]
    if not rows:
        raise RuleUnknown(key, on)
    return max(rows, key=lambda row: row.known_from)


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


@cache
def all_rules() -> tuple[Rule, ...]:
    """Every row of the shipped file."""
    text = files("einvoice").joinpath("data", "rules.toml").read_text("utf-8")
    return tuple(
        Rule(
            key=row["key"],
            value=row["value"],
            valid_from=row["valid_from"],
            valid_to=row.get("valid_to"),
            known_from=row["known_from"],
            source=row["source"],
        )
        for row in tomllib.loads(text)["rule"]
    )
