"""Pieces of a page of a known height: a text, a pair, a row of a table, a code."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reportlab.lib.pagesizes import A4 as A4_POINTS
from reportlab.lib.units import mm

from einvoice.invoice import cleaned
from einvoice.page.ink import BOLD, REGULAR, Ink, width_of

LEADING = 1.42
"""Line height over type size: capitals with two marks need it."""


class Size(StrEnum):
    """The paper."""

    ROLL_80 = "roll80"
    A4 = "a4"


@dataclass(frozen=True)
class Paper:
    """Lengths in points."""

    width: float
    height: float | None
    """None: as long as the content."""
    margin: float
    body: float
    """Size of the plain text."""
    qr: float
    """Side of the QR with its quiet zone."""

    @property
    def inner(self) -> float:
        """Between the margins."""
        return self.width - 2 * self.margin


PAPERS = {
    Size.ROLL_80: Paper(80 * mm, None, 4 * mm, 8.5, 34 * mm),
    Size.A4: Paper(A4_POINTS[0], A4_POINTS[1], 18 * mm, 10, 32 * mm),
}


@dataclass(frozen=True)
class Block:
    """Something of a known height, drawn with its top left corner at x, y."""

    height: float
    draw: Callable[[Ink, float, float], None]


def text(
    said: str, paper: Paper, *, scale: float = 1, bold: bool = False, align: str = "left"
) -> Block:
    """A paragraph over the whole width; of no height if it is empty."""
    font, size = BOLD if bold else REGULAR, paper.body * scale
    lines = wrapped(said, font, size, paper.inner)

    def draw(ink: Ink, x: float, y: float) -> None:
        for index, one in enumerate(lines):
            baseline = y - size * LEADING * index - size * 1.08
            ink.text(one, font, size, align, x, baseline, paper.inner)

    return Block(size * LEADING * len(lines), draw)


def labelled(label: str, said: str, paper: Paper) -> Block:
    """A text with its name; nothing if it is empty."""
    return text(f"{label}: {said}", paper) if said else gap(0)


def pair(left: str, right: str, paper: Paper, *, scale: float = 1, bold: bool = False) -> Block:
    """A text at either margin."""
    font, size = BOLD if bold else REGULAR, paper.body * scale

    def draw(ink: Ink, x: float, y: float) -> None:
        baseline = y - size * 1.08
        ink.text(left, font, size, "left", x, baseline, paper.inner)
        ink.text(right, font, size, "right", x, baseline, paper.inner)

    return Block(size * LEADING, draw)


def row(
    cells: Sequence[str],
    widths: Sequence[float],
    aligns: Sequence[str],
    paper: Paper,
    *,
    bold: bool = False,
) -> Block:
    """A row of a table, as high as its longest cell."""
    font, size, pad = BOLD if bold else REGULAR, paper.body * 0.9, 3.0
    texts = [
        wrapped(cell, font, size, width - 2 * pad)
        for cell, width in zip(cells, widths, strict=True)
    ]
    height = size * LEADING * max(1, *(len(lines) for lines in texts)) + pad

    def draw(ink: Ink, x: float, y: float) -> None:
        ink.boxes(x, y - height, widths, height)
        for lines, width, align in zip(texts, widths, aligns, strict=False):
            for index, one in enumerate(lines):
                baseline = y - size * LEADING * index - size * 1.12
                ink.text(one, font, size, align, x + pad, baseline, width - 2 * pad)
            x += width

    return Block(height, draw)


def rule(paper: Paper) -> Block:
    """A line over the whole width."""
    return Block(8, lambda ink, x, y: ink.line(x, y - 4, paper.inner))


def gap(height: float) -> Block:
    """Nothing."""
    return Block(height, lambda ink, x, y: None)


def qr(payload: str, paper: Paper) -> Block:
    """A code in the middle."""
    return Block(
        paper.qr,
        lambda ink, x, y: ink.qr(payload, x + (paper.inner - paper.qr) / 2, y - paper.qr, paper.qr),
    )


def wrapped(said: str, font: str, size: float, width: float) -> list[str]:
    """Text in lines no wider than `width`; a word longer than a line is cut."""
    plain, most = cleaned(said), width / size
    if width_of(plain, font) <= most:
        return [plain] if plain else []
    lines: list[str] = []
    current = ""
    for word in _pieces(plain.split(" "), font, most):
        longer = f"{current} {word}" if current else word
        if current and width_of(longer, font) > most:
            lines.append(current)
            current = word
        else:
            current = longer
    return [*lines, current] if current else lines


def _pieces(words: Iterable[str], font: str, most: float) -> Iterable[str]:
    for word in words:
        rest = word
        while len(rest) > 1 and width_of(rest, font) > most:
            cut = len(rest) - 1
            while cut > 1 and width_of(rest[:cut], font) > most:
                cut -= 1
            yield rest[:cut]
            rest = rest[cut:]
        yield rest
