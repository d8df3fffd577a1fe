"""Text, lines and codes as PDF operators, with fonts that are loaded, cut and packed once.

Every document carries the same two fonts with every Vietnamese letter, 25 kB each: cutting them to
the letters of one invoice would save 25 kB of the file and cost more than drawing the page.
"""

import copy
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib.resources import as_file, files
from typing import Any, cast

import segno
from reportlab import rl_config
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.pdfdoc import PDFObject
from reportlab.pdfbase.ttfonts import TTFont, TTFontFace
from reportlab.pdfgen.canvas import Canvas

REGULAR = "BeVietnamPro"
BOLD = "BeVietnamPro-Bold"
QUIET = 4
"""Modules of white around a QR."""
MASK = 3
"""Of a QR: any of the eight reads; looking for the most even one costs as much as the page."""
_VOWELS = "aăâeêioôơuưy"
_TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
_OTHERS = "đĐ₫–—…“”‘’×·•°²³½§"
Runs = tuple[tuple[tuple[int, int], ...], ...]
"""Of a QR: per row the start and length of each dark run."""


@cache
def letters() -> str:
    """Every letter and sign an ordinary invoice needs."""
    latin = "".join(map(chr, range(0x20, 0x7F)))
    vowels = "".join(
        unicodedata.normalize("NFC", vowel + tone) for vowel in _VOWELS for tone in _TONES
    )
    return "".join(dict.fromkeys(latin + vowels + vowels.upper() + _OTHERS))


# ── Fonts, once ─────────────────────────────────────────────────────────────────────────────────


class _Packed:
    """A stream filter that packs the same content once; reportlab asks it by name."""

    pdfname = "FlateDecode"

    @staticmethod
    @lru_cache(maxsize=16)
    def encode(content: bytes | str) -> bytes:
        """The content, deflated."""
        return zlib.compress(content.encode() if isinstance(content, str) else content, 9)


class _Face(TTFontFace):
    """A font file whose subsets are cut once."""

    def makeSubset(self, subset: Sequence[int]) -> bytes:  # noqa: N802 - reportlab's name
        """The part of the font with these letters."""
        return self._cut(tuple(subset))

    @lru_cache(maxsize=16)  # noqa: B019 - two faces, alive as long as the process
    def _cut(self, subset: tuple[int, ...]) -> bytes:
        made: bytes = super().makeSubset(list(subset))
        return made

    def addSubsetObjects(self, doc: Any, fontname: str, subset: Sequence[int]) -> Any:  # noqa: N802
        """As reportlab does it, but packed once."""
        reference = super().addSubsetObjects(doc, fontname, subset)  # type: ignore[no-untyped-call]
        stream = doc.idToObject[f"fontFile:{self.filename}({fontname})"]
        if stream.filters:
            stream.filters = [_Packed]
        return reference


class _Written(PDFObject):
    """A part of the file that is written out already."""

    __PDFObject__ = True

    def __init__(self, content: bytes) -> None:
        self._content = content

    def format(self, document: Any) -> bytes:
        """As it is."""
        return self._content


class _Font(TTFont):
    """A font whose widths and letters are written out once."""

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - reportlab's name
        """As reportlab does it, with what is the same in every document made once."""
        subsets = [tuple(one) for one in self.state[doc].subsets]
        names = [self.getSubsetInternalName(n, doc)[1:] for n in range(len(subsets))]
        super().addObjects(doc)
        for name, subset in zip(names, subsets, strict=True):
            font = doc.idToObject["BasicFonts"].dict[name]
            font.Widths = self._widths(subset)
            letters_of = doc.idToObject[f"toUnicodeCMap:{font.BaseFont}"]
            if letters_of.filters:
                letters_of.filters = [_Packed]

    @lru_cache(maxsize=16)  # noqa: B019 - two fonts, alive as long as the process
    def _widths(self, subset: tuple[int, ...]) -> _Written:
        widths = b" ".join(
            b"%.5g" % self.face.charWidths.get(one, self.face.defaultWidth) for one in subset
        )
        return _Written(b"[" + widths + b"]")


@cache
def fonts() -> dict[str, _Font]:
    """Both fonts by name, registered with reportlab."""
    rl_config.useA85 = 0  # binary streams: a fifth smaller, and no time spent on writing them out
    found = {}
    for name, file in ((REGULAR, "BeVietnamPro-Regular.ttf"), (BOLD, "BeVietnamPro-Bold.ttf")):
        with as_file(files("einvoice").joinpath("fonts", file)) as path:
            font = _Font(name, str(path))
            font.face.__class__ = _Face
        pdfmetrics.registerFont(font)
        found[name] = font
    return found


@cache
def _drawn_state(font: str) -> Any:
    """The font's state in a document that has used every letter: the model for each document."""
    canvas = cast(Any, Canvas(None, initialFontName=font))  # type: ignore[arg-type]
    scratch = canvas._doc
    fonts()[font].splitString(letters(), scratch)
    return fonts()[font].state[scratch]


@lru_cache(maxsize=8192)
def _coded(text: str, font: str) -> str:
    """The text in the first subset of its font, in hex; empty if a letter is not in it."""
    known = _drawn_state(font).assignments
    codes = [known.get(ord(letter), 256) for letter in text]
    return bytes(codes).hex() if max(codes, default=0) < 256 else ""


@lru_cache(maxsize=8192)
def width_of(text: str, font: str) -> float:
    """How wide a text is, in units of its type size."""
    face = fonts()[font].face
    known, other = face.charWidths, face.defaultWidth
    total: float = sum([known.get(ord(letter), other) for letter in text])
    return total / 1000


# ── Ink ─────────────────────────────────────────────────────────────────────────────────────────


class Ink:
    """Operators for the pages of one canvas; lengths in points, y upwards."""

    def __init__(self, canvas: Canvas) -> None:
        self._canvas = cast(Any, canvas)  # its inner document has no types
        self._code: list[str] = []
        self._names: dict[tuple[str, int], str] = {}
        for name, font in fonts().items():
            state = copy.copy(_drawn_state(name))
            state.assignments = dict(state.assignments)
            state.subsets = [list(one) for one in state.subsets]
            font.state[self._canvas._doc] = state

    def text(
        self, text: str, font: str, size: float, align: str, x: float, baseline: float, width: float
    ) -> None:
        """One line of text in a box that begins at x and is `width` wide."""
        if not text:
            return
        if align != "left":
            free = width - width_of(text, font) * size
            x += free if align == "right" else free / 2
        code = _coded(text, font)
        parts = [(0, code)] if code else [
            (subset, part.hex())
            for subset, part in fonts()[font].splitString(text, self._canvas._doc)
        ]  # fmt: skip
        shown = "".join(
            f"{self._name(font, subset)} {size:.4g} Tf <{part}> Tj " for subset, part in parts
        )
        self._code.append(f"BT 1 0 0 1 {x:.2f} {baseline:.2f} Tm {shown}ET")

    def line(self, x: float, y: float, length: float) -> None:
        """A thin line to the right."""
        self._code.append(f"0.5 w {x:.2f} {y:.2f} m {x + length:.2f} {y:.2f} l S")

    def boxes(self, x: float, y: float, widths: Iterable[float], height: float) -> None:
        """A row of boxes, thinly framed, with its lower left corner at x, y."""
        code = ["0.4 w"]
        for width in widths:
            code.append(f"{x:.2f} {y:.2f} {width:.2f} {height:.2f} re")
            x += width
        self._code.append(" ".join([*code, "S"]))

    def qr(self, payload: str, x: float, y: float, side: float) -> None:
        """A code with its quiet zone in a square whose lower left corner is at x, y."""
        rows = qr_runs(payload)
        module = side / (len(rows) + 2 * QUIET)
        left, top = x + QUIET * module, y + side - QUIET * module
        dark = " ".join(
            f"{start} {row} {length} 1 re"
            for row, runs in enumerate(rows)
            for start, length in runs
        )
        place = f"{module:.5f} 0 0 {-module:.5f} {left:.2f} {top:.2f} cm"
        self._code.append(f"q {place} {dark} f Q")

    def end_page(self) -> None:
        """The page is full."""
        self._canvas._code.append("\n".join(self._code))
        self._canvas.showPage()
        self._code = []

    def _name(self, font: str, subset: int) -> str:
        key = (font, subset)
        if key not in self._names:
            document = self._canvas._doc
            self._names[key] = fonts()[font].getSubsetInternalName(subset, document)
        return self._names[key]


@lru_cache(maxsize=1024)
def qr_runs(payload: str) -> Runs:
    """The dark runs of a code, error correction M or better; made once for all its pages."""
    code = segno.make(payload, error="m", micro=False, mask=MASK)
    return tuple(tuple(_runs(bytes(row))) for row in code.matrix)


def _runs(row: bytes) -> Iterable[tuple[int, int]]:
    start = 0
    while (start := row.find(1, start)) >= 0:
        end = row.find(0, start)
        end = len(row) if end < 0 else end
        yield start, end - start
        start = end
