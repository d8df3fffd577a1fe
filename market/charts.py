"""Pictures of figures as SVG text: no script, no style attribute, colours by class (pure).

Every picture has a title and a description; the page prints the same numbers in a table beside it.
Labels come translated from the caller; they are escaped here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import cos, radians, sqrt

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 8, 12, 28
GRID_LINES = 4
LABELS_MAX = 12
MAP_SIZE = 480
FUNNEL_WIDTH = 420
LETTER = 8.0
"""About how wide one letter of a place's name is."""
DOT_MIN, DOT_MAX = 7.0, 30.0


@dataclass(frozen=True)
class Bar:
    """One column: what is counted below, the rest on top of it."""

    label: str
    counted: int
    rest: int = 0
    title: str = ""
    """What a pointer over it says."""


@dataclass(frozen=True)
class Step:
    """One step of a funnel."""

    label: str
    count: int


@dataclass(frozen=True)
class Dot:
    """One place on a map."""

    label: str
    latitude: float
    longitude: float
    size: int
    """Its area grows with this."""
    share: float | None = None
    """0…1: how much of it is filled."""
    kind: str = "hall"


def bars(columns: Sequence[Bar], *, name: str, title: str, description: str) -> str:
    """Columns over time; `name` makes the ids of one page's pictures differ."""
    top = _nice_top(max((one.counted + one.rest for one in columns), default=0))
    inner_width, inner_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    slot = inner_width / max(len(columns), 1)
    every = -(-len(columns) // LABELS_MAX) or 1
    parts = [_grid(top, inner_height)]
    for index, one in enumerate(columns):
        x = LEFT + index * slot
        counted = one.counted * inner_height / top
        rest = one.rest * inner_height / top
        base = TOP + inner_height
        said = escape(one.title or f"{one.label}: {one.counted}")
        parts.append(
            f"<g><title>{said}</title>"
            + _rect("counted", x + slot * 0.15, base - counted, slot * 0.7, counted)
            + _rect("rest", x + slot * 0.15, base - counted - rest, slot * 0.7, rest)
            + "</g>"
        )
        if index % every == 0:
            parts.append(
                f'<text class="axis" x="{x + slot / 2:.1f}" y="{HEIGHT - 8}"'
                f' text-anchor="middle">{escape(one.label)}</text>'
            )
    return _picture(name, title, description, WIDTH, HEIGHT, parts)


def funnel(steps: Sequence[Step], *, name: str, title: str, description: str) -> str:
    """Bars one under another, each a part of the first."""
    row, whole = 52, max((one.count for one in steps), default=0) or 1
    parts = []
    for index, one in enumerate(steps):
        y = index * row
        length = one.count * (FUNNEL_WIDTH - 60) / whole
        parts.append(
            f'<text class="step" x="0" y="{y + 16}">{escape(one.label)}</text>'
            + _rect("track", 0, y + 24, FUNNEL_WIDTH - 60, 16)
            + _rect("counted", 0, y + 24, length, 16)
            + f'<text class="count" x="{FUNNEL_WIDTH}" y="{y + 38}" text-anchor="end">{_grouped(one.count)}</text>'
        )
    return _picture(name, title, description, FUNNEL_WIDTH, max(len(steps) * row, row), parts)


def dot_map(dots: Sequence[Dot], *, name: str, title: str, description: str) -> str:
    """Places by their coordinates, north up; the area of a dot is its size, its filling its share."""
    if not dots:
        return _picture(name, title, description, MAP_SIZE, 120, [])
    place = _projection(dots)
    biggest = max(one.size for one in dots) or 1
    parts, taken = [], list[tuple[float, float, float]]()
    for one in sorted(dots, key=lambda dot: -dot.size):
        x, y = place(one)
        radius = DOT_MIN + (DOT_MAX - DOT_MIN) * sqrt(one.size / biggest)
        x, y = _apart(x, y, radius, taken)
        taken.append((x, y, radius))
        parts.append(_dot(one, x, y, radius))
    return _picture(name, title, description, MAP_SIZE, MAP_SIZE, parts)


def _dot(one: Dot, x: float, y: float, radius: float) -> str:
    filled = "" if one.share is None else _circle("counted", x, y, radius * sqrt(one.share))
    room = len(one.label) * LETTER + radius + 6
    on_left = x + room > MAP_SIZE and x > room
    anchor, at = ("end", x - radius - 6) if on_left else ("start", x + radius + 6)
    return (
        f'<g class="dot {escape(one.kind)}"><title>{escape(one.label)}</title>'
        + _circle("track", x, y, radius)
        + filled
        + f'<text class="place" x="{at:.1f}" y="{y + 5:.1f}" text-anchor="{anchor}">{escape(one.label)}</text></g>'
    )


def _apart(
    x: float, y: float, radius: float, taken: Sequence[tuple[float, float, float]]
) -> tuple[float, float]:
    """Pushed down until it covers no dot before it."""
    for _ in range(len(taken) * 2):
        near = [
            (a, b, r) for a, b, r in taken if (a - x) ** 2 + (b - y) ** 2 < (r + radius + 4) ** 2
        ]
        if not near:
            break
        y = max(b + r for _, b, r in near) + radius + 5
    return x, min(y, MAP_SIZE - radius - 2)


def _projection(dots: Sequence[Dot]):  # type: ignore[no-untyped-def]  # a function of one dot
    """Degrees to pixels, the same scale both ways at this latitude, with room for names."""
    south, north = min(d.latitude for d in dots), max(d.latitude for d in dots)
    west, east = min(d.longitude for d in dots), max(d.longitude for d in dots)
    narrow = cos(radians((south + north) / 2))
    span = max(north - south, (east - west) * narrow, 0.004)
    room = MAP_SIZE - 4 * DOT_MAX
    middle_x, middle_y = (west + east) / 2 * narrow, (south + north) / 2

    def place(one: Dot) -> tuple[float, float]:
        return (
            MAP_SIZE / 2 + (one.longitude * narrow - middle_x) / span * room,
            MAP_SIZE / 2 - (one.latitude - middle_y) / span * room,
        )

    return place


def _grid(top: int, inner_height: int) -> str:
    lines = []
    for number in range(GRID_LINES + 1):
        y = TOP + inner_height - inner_height * number / GRID_LINES
        lines.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="axis" x="{LEFT - 8}" y="{y + 5:.1f}" text-anchor="end">'
            f"{_short(top * number // GRID_LINES)}</text>"
        )
    return "".join(lines)


def _nice_top(largest: int) -> int:
    """The smallest of 4, 8, 20, 40, 80, 200… that is not below `largest`."""
    step = 4
    while step < largest:
        for factor in (1, 2, 5):
            if step * factor >= largest:
                return step * factor
        step *= 10
    return step


def _short(number: int) -> str:
    for size, unit in ((1_000_000_000, " tỷ"), (1_000_000, " tr"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}".rstrip("0").rstrip(".").replace(".", ",") + unit
    return str(number)


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", ".")


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    if width <= 0 or height <= 0:
        return ""
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="2"/>'


def _circle(kind: str, x: float, y: float, radius: float) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"/>'


def _picture(
    name: str, title: str, description: str, width: int, height: int, parts: Sequence[str]
) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img"'
        f' aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{escape(title)}</title>'
        f'<desc id="{name}-desc">{escape(description)}</desc>{"".join(parts)}</svg>'
    )
