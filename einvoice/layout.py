"""The tables of the format as data: which tag may stand where, of which type, and where it must. Pure.

`problems` compares an element with its table; `schema` writes the same tables as XSD. That XSD is
ours, not the tax authority's: it knows what the published tables say and no more.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files

from lxml import etree

VAT, SALES, VAT_AT_TILL, SALES_AT_TILL, ANY = "V", "S", "N", "M", "A"
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}")


@dataclass(frozen=True)
class Field:
    """One row of a table."""

    tag: str
    kind: str
    """text, number, date, time, choice, group or any."""
    needed: str = ""
    size: int = 0
    decimals: int = 0
    values: tuple[str, ...] = ()
    group: str = ""
    many: bool = False

    def is_needed(self, layout: str) -> bool:
        """Whether its absence is wrong in this layout."""
        return ANY in self.needed or layout in self.needed

    def is_expected(self, layout: str) -> bool:
        """Whether its absence is a doubt."""
        return "a" in self.needed or layout.lower() in self.needed


@dataclass(frozen=True)
class Problem:
    """Something that is not as the table says. `what` is one of a fixed list of words."""

    what: str
    """missing, expected, twice, unknown, order, text, nested, length, number, date, choice, form, attribute."""
    where: str
    detail: str = ""


def problems(node: etree._Element, group: str, layout: str, where: str = "") -> Iterator[Problem]:
    """Everything in an element that its table does not allow."""
    path = where or str(node.tag)
    fields = tables()[group]
    places = {field.tag: index for index, field in enumerate(fields)}
    counts: dict[str, int] = {}
    if any((text or "").strip() for text in (node.text, *(child.tail for child in node))):
        yield Problem("text", path)
    if not where and (extra := set(map(str, node.attrib)) - {"Id"}):
        yield Problem("attribute", path, ", ".join(sorted(extra)[:5]))
    last, in_order = -1, True
    for child in node:
        name = str(child.tag)
        counts[name] = counts.get(name, 0) + 1
        if name not in places:
            yield Problem("unknown", f"{path}/{name}")
            continue
        field = fields[places[name]]
        in_order, last = in_order and places[name] >= last, places[name]
        index = f"[{counts[name]}]" if field.many else ""
        yield from _inside(child, field, layout, f"{path}/{name}{index}")
    if not in_order:
        yield Problem("order", path)
    yield from _counted(node, fields, counts, layout, path)


def _counted(
    node: etree._Element,
    fields: tuple[Field, ...],
    counts: dict[str, int],
    layout: str,
    path: str,
) -> Iterator[Problem]:
    for field in fields:
        count = counts.get(field.tag, 0)
        if count > 1 and not field.many:
            yield Problem("twice", f"{path}/{field.tag}")
        if count and (field.kind in ("group", "any") or _has_text(node, field.tag)):
            continue
        if field.is_needed(layout):
            yield Problem("missing", f"{path}/{field.tag}")
        elif field.is_expected(layout):
            yield Problem("expected", f"{path}/{field.tag}")


def _has_text(node: etree._Element, tag: str) -> bool:
    return any((one.text or "").strip() or len(one) for one in node.iterfind(tag))


def _inside(child: etree._Element, field: Field, layout: str, path: str) -> Iterator[Problem]:
    extra = set(map(str, child.attrib)) - {"Id"}
    if extra:
        yield Problem("attribute", path, ", ".join(sorted(extra)))
    if field.kind == "any":
        return
    if field.kind == "group":
        yield from problems(child, field.group, layout, path)
        return
    if len(child):
        yield Problem("nested", path)
        return
    text = (child.text or "").strip()
    if text:
        yield from _leaf(text, field, path)


def _leaf(text: str, field: Field, path: str) -> Iterator[Problem]:
    if unicodedata.normalize("NFC", text) != text:
        yield Problem("form", path)
    if field.kind == "text" and len(text) > field.size:
        yield Problem("length", path, f"{len(text)} > {field.size}")
    elif field.kind == "number" and not _is_number(text, field):
        yield Problem("number", path, text[:40])
    elif field.kind in ("date", "time") and not _is_time(text, field.kind):
        yield Problem("date", path, text[:40])
    elif field.kind == "choice" and text not in field.values:
        yield Problem("choice", path, text[:40])


def _is_number(text: str, field: Field) -> bool:
    if not _NUMBER.fullmatch(text):
        return False
    whole, _, part = text.removeprefix("-").partition(".")
    return len(whole) + len(part) <= field.size and len(part) <= field.decimals


def _is_time(text: str, kind: str) -> bool:
    if not (_DATE if kind == "date" else _TIME).fullmatch(text):
        return False
    try:
        return bool(date.fromisoformat(text) if kind == "date" else datetime.fromisoformat(text))
    except ValueError:
        return False


# ── The tables ──────────────────────────────────────────────────────────────────────────────────


@cache
def tables() -> dict[str, tuple[Field, ...]]:
    """Every group of the shipped file."""
    found: dict[str, list[Field]] = {}
    rows: list[Field] = []
    text = files("einvoice").joinpath("data", "layout.txt").read_text("utf-8")
    for line in text.splitlines():
        if line.startswith("["):
            rows = found.setdefault(line.strip("[]"), [])
        elif line.strip() and not line.startswith("#"):
            rows.append(_field(*line.split()))
    return {name: tuple(fields) for name, fields in found.items()}


def _field(tag: str, kind: str, needed: str = "") -> Field:
    many, kind = kind.endswith("*"), kind.rstrip("*")
    if kind.startswith("g:"):
        return Field(tag, "group", needed, group=kind[2:], many=many)
    if kind.startswith("="):
        return Field(tag, "choice", needed, values=tuple(kind[1:].split("|")))
    if kind[0] in "tn":
        size, _, decimals = kind[1:].partition(".")
        named = "text" if kind[0] == "t" else "number"
        return Field(tag, named, needed, size=int(size), decimals=int(decimals or 0))
    return Field(tag, {"d": "date", "T": "time", "?": "any"}[kind], needed, many=many)


# ── The same as XSD ─────────────────────────────────────────────────────────────────────────────


def schema(root: str, layout: str) -> str:
    """Our XSD of one root in one layout: tags in the order of the tables, no unknown fields."""
    body = _element(Field(root, "group", ANY, group=root), layout, 1)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">\n'
        "  <!-- Made by this project from the published tables; not a schema of the tax authority. -->\n"
        f"{body}</xs:schema>\n"
    )


def _element(field: Field, layout: str, depth: int) -> str:
    pad = "  " * depth
    least = "" if field.is_needed(layout) else ' minOccurs="0"'
    most = ' maxOccurs="unbounded"' if field.many else ""
    head = f'{pad}<xs:element name="{field.tag}"'
    head += "" if depth == 1 else least + most
    inner = _simple(field, pad)
    if field.kind == "any":
        inner = (
            f'{pad}  <xs:complexType><xs:sequence><xs:any minOccurs="0" maxOccurs="unbounded" '
            f'processContents="skip"/></xs:sequence><xs:anyAttribute processContents="skip"/>'
            "</xs:complexType>\n"
        )
    elif field.kind == "group":
        parts = "".join(_element(one, layout, depth + 3) for one in tables()[field.group])
        inner = (
            f"{pad}  <xs:complexType>\n{pad}    <xs:sequence>\n{parts}{pad}    </xs:sequence>\n"
            f'{pad}    <xs:attribute name="Id" type="xs:ID"/>\n{pad}  </xs:complexType>\n'
        )
    elif field.tag == "MCCQT":
        inner = (
            f'{pad}  <xs:complexType><xs:simpleContent><xs:extension base="xs:string">'
            '<xs:attribute name="Id" type="xs:ID"/></xs:extension></xs:simpleContent>'
            "</xs:complexType>\n"
        )
    return f"{head}>\n{inner}{pad}</xs:element>\n"


def _simple(field: Field, pad: str) -> str:
    rules = {
        "text": ("string", f'<xs:maxLength value="{field.size}"/>'),
        "number": (
            "decimal",
            f'<xs:totalDigits value="{field.size}"/><xs:fractionDigits value="{field.decimals}"/>',
        ),
        "date": ("date", '<xs:pattern value="\\d{4}-\\d{2}-\\d{2}"/>'),
        "time": ("dateTime", '<xs:pattern value="[^Z+]{19}"/>'),
        "choice": (
            "string",
            "".join(f'<xs:enumeration value="{one}"/>' for one in field.values),
        ),
    }
    base, facets = rules.get(field.kind, ("string", ""))
    return (
        f'{pad}  <xs:simpleType><xs:restriction base="xs:{base}">{facets}'
        "</xs:restriction></xs:simpleType>\n"
    )
