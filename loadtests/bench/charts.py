"""A picture of an answer as SVG text: the figures compared, and their ratio beside its bars (pure).

Colours stand in the picture itself, for it is shown as a file of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from loadtests.bench.questions import Answer

WIDTH = 720
LEFT, RIGHT = 260, 110
TOP, ROW, SCALE = 58, 30, 92
INK, FAINT, PAPER = "#1b1b1b", "#8a8a8a", "#ffffff"
OURS, THEIRS, BAD, GOOD = "#0b6e4f", "#9db4c0", "#b3261e", "#0b6e4f"
FONT = 'font-family="sans-serif"'


@dataclass(frozen=True)
class Bar:
    """A figure of one cell: median, least and largest."""

    label: str
    middle: float
    least: float
    most: float


def picture(answer: Answer, bars: Sequence[Bar], unit: str) -> str:
    """Bars of what was measured; below them the ratio with its spread, the floor and the wish."""
    height = TOP + ROW * len(bars) + SCALE
    question = answer.question
    top = max((bar.most for bar in bars), default=0) or 1
    parts = [
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        _text(16, 24, question.text, size=16, weight="bold"),
        _text(16, 44, f"{unit}: median, with the least and the largest", colour=FAINT),
    ]
    for index, bar in enumerate(bars):
        parts += _bar(TOP + index * ROW, bar, top, OURS if index == 0 else THEIRS)
    parts += _scale(answer, TOP + ROW * len(bars) + 44)
    body = "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img">'
        f"<title>{escape(question.text)}</title><desc>{escape(_said(answer))}</desc>{body}</svg>\n"
    )


def number(value: float) -> str:
    """A figure with three digits that count, thousands apart."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _bar(y: int, bar: Bar, top: float, colour: str) -> list[str]:
    room = WIDTH - LEFT - RIGHT
    length, low, high = (room * value / top for value in (bar.middle, bar.least, bar.most))
    middle = y + 11
    return [
        _text(LEFT - 10, y + 15, bar.label, anchor="end"),
        f'<rect x="{LEFT}" y="{y}" width="{max(length, 1):.1f}" height="22" fill="{colour}"/>',
        f'<path d="M{LEFT + low:.1f} {middle}H{LEFT + high:.1f}M{LEFT + low:.1f} {middle - 5}v10'
        f'M{LEFT + high:.1f} {middle - 5}v10" stroke="{INK}" fill="none"/>',
        _text(LEFT + max(length, high) + 8, y + 15, number(bar.middle)),
    ]


def _scale(answer: Answer, y: int) -> list[str]:
    question = answer.question
    marks = [value for value in (question.floor, question.wished) if value is not None]
    if answer.ratio is None or answer.spread is None:
        return [_text(16, y + 4, answer.bound_by, colour=FAINT)]
    top = max([answer.spread[1], *marks]) * 1.1 or 1
    room = WIDTH - LEFT - RIGHT

    def at(value: float) -> float:
        return LEFT + room * value / top

    least, most = answer.spread
    colour = BAD if answer.is_reached is False else GOOD
    parts = [
        _text(LEFT - 10, y + 4, "in all" if question.under is None else "ratio", anchor="end"),
        f'<path d="M{LEFT} {y}H{LEFT + room}" stroke="{FAINT}"/>',
        f'<path d="M{at(least):.1f} {y}H{at(most):.1f}" stroke="{colour}" stroke-width="6"/>',
        f'<circle cx="{at(answer.ratio):.1f}" cy="{y}" r="6" fill="{colour}"/>',
        _text(LEFT + room + 12, y + 5, f"{number(answer.ratio)} {question.unit}", weight="bold"),
    ]
    for name, value, side in (("floor", question.floor, 26), ("wished", question.wished, -14)):
        if value is not None:
            parts.append(
                f'<path d="M{at(value):.1f} {y - 10}v20" stroke="{INK}" stroke-dasharray="3 2"/>'
                + _text(at(value), y + side, f"{name} {number(value)}", anchor="middle")
            )
    return parts


def _said(answer: Answer) -> str:
    if answer.ratio is None or answer.spread is None:
        return answer.bound_by
    least, most = answer.spread
    unit = answer.question.unit
    return f"{number(answer.ratio)} {unit} ({number(least)} to {number(most)}). {answer.bound_by}"


def _text(
    x: float,
    y: float,
    said: str,
    *,
    size: int = 13,
    weight: str = "normal",
    anchor: str = "start",
    colour: str = INK,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" {FONT} font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="{colour}">{escape(said)}</text>'
    )
