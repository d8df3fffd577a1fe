"""Patient reading of one value at a path: nothing is raised, what is missing is empty."""

import re
from datetime import date
from decimal import Decimal

from lxml import etree

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,12})?")


def said(node: etree._Element | None, path: str) -> str:
    """The text at a path, without white space around it; empty if there is none."""
    found = None if node is None else node.find(path)
    return "" if found is None else (found.text or "").strip()


def number(node: etree._Element | None, path: str) -> Decimal | None:
    """The number at a path, if it is one."""
    return number_of(said(node, path))


def number_of(text: str) -> Decimal | None:
    """A text as a number, if it is one."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def day(node: etree._Element | None, path: str) -> date | None:
    """The date at a path, if it is one."""
    text = said(node, path)
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def whole(text: str) -> int | None:
    """A text of Arabic digits as a number, if it is one of a sane length."""
    return int(text) if re.fullmatch(r"[0-9]{1,20}", text) else None


def shown(amount: Decimal | int) -> str:
    """An amount as a Vietnamese page shows it: 1.234.567,89."""
    text = f"{Decimal(amount):,f}"
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    return whole.replace(",", ".") + (f",{part}" if part else "")
