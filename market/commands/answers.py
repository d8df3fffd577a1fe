"""What commands print: one sentence, or JSON where a script asked for it."""

import json
import sys
from typing import Any

DONE, FAILED, MISUSED = 0, 1, 2
"""As in market.cli: well; it ran and the answer is bad; used wrongly."""


def say(line: str) -> None:
    """One line of the answer."""
    sys.stdout.write(line + "\n")


def say_json(answer: Any) -> None:
    """The whole answer as one line of JSON."""
    say(json.dumps(answer, ensure_ascii=False))


def refuse(
    message: str, hint: str = "", *, as_json: bool, exit_code: int, **facts: str | int
) -> int:
    """Say on stderr what is wrong and what to do; in JSON on stdout too. Gives the exit code."""
    sys.stderr.write(f"market: {message}{' ' + hint if hint else ''}\n")
    if as_json:
        say_json({"error": {**facts, "message": message, "hint": hint}})
    return exit_code


def dots(amount_vnd: int) -> str:
    """An amount as it is written in Vietnam: 85.000 đ."""
    return f"{amount_vnd:,} đ".replace(",", ".")
