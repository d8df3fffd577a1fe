"""Adoption figures as a page, a picture and a spreadsheet show them."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from catalog import sort_key
from market import adoption, charts, clock, periods
from market.adoption import DayTotals, Figure, StallTotals
from market.indicators import INDICATORS
from market.periods import Calendar, Period
from market.web import i18n
from market.web.i18n import N_

Translate = Callable[[str], str]

CALENDARS: Mapping[str, tuple[Calendar, str]] = {
    "hanh-chinh": ("administrative", N_("Báo cáo hành chính")),
    "thong-ke": ("statistical", N_("Báo cáo thống kê")),
}
BASES = {
    "M": N_("Đo được từ tiền về"),
    "D": N_("Người bán tự ghi"),
    "S": N_("Khảo sát"),
    "E": N_("Ước tính"),
}
MEANINGS = {
    "A3": N_("Phủ: điểm có thể nhận"),
    "B1": N_("Phát sinh: điểm đã nhận"),
    "B6": N_("Theo số lần bán"),
    "B7": N_("Theo số tiền"),
}
"""The four meanings of “cashless share”; never one without saying which."""
WITHHELD = {
    "small_cell": N_("Ẩn vì dưới 5 người bán"),
    "with_another": N_("Ẩn để không suy ra được số của nơi dưới 5 người bán"),
    "cash_gate": N_("Chưa công bố: dưới một nửa số điểm ghi đủ tiền mặt"),
}
SHORT_VND_MIN = 10_000_000
MONTHS_BACK = 12


class FigureView(Struct, frozen=True, kw_only=True):
    """One figure, ready to print in one language."""

    code: str
    name: str
    meaning: str
    shown: str
    exact: str
    """The whole number where `shown` is shortened; else empty."""
    numerator: str
    numerator_name: str
    denominator: str
    denominator_name: str
    basis: str
    basis_name: str
    first: date
    last: date
    formula: str
    withheld: str
    parts: tuple[tuple[str, str, str, str], ...] = ()
    """Label, value, numerator, denominator."""


class RowView(Struct, frozen=True, kw_only=True):
    """One line of a drill-down: a place with its figures."""

    id: UUID | None
    label: str
    figures: dict[str, FigureView]


def period_of(lich: str, thang: str, today: date) -> tuple[str, Period]:
    """The asked calendar and month (`2026-11`), cut at today; the running month if none is asked.

    Raises: PeriodError where the month is no month or has not begun.
    """
    calendar_name = lich if lich in CALENDARS else "hanh-chinh"
    calendar = CALENDARS[calendar_name][0]
    if not thang:
        return calendar_name, periods.month_of(calendar, today).until(today)
    year, _, number = thang.partition("-")
    if not (year.isdigit() and number.isdigit() and 1 <= int(number) <= 12):
        raise periods.PeriodError(today, today)
    if not 2020 <= int(year) <= today.year + 1:
        raise periods.PeriodError(today, today)
    found = periods.month(calendar, int(year), int(number))
    if found.first > today:
        raise periods.PeriodError(found.first, found.last)
    return calendar_name, found.until(today)


def month_choices(calendar_name: str, today: date) -> list[tuple[str, str]]:
    """The months a page offers, the running one first: value and text."""
    running = periods.month_of(CALENDARS[calendar_name][0], today)
    named = running.last.year * 12 + running.last.month - 1
    months = [(number // 12, number % 12 + 1) for number in range(named, named - MONTHS_BACK, -1)]
    return [(f"{year}-{month:02d}", f"{month:02d}/{year}") for year, month in months]


def view_of(figure: Figure, t: Translate, parts: Iterable[tuple[str, Figure]] = ()) -> FigureView:
    """A figure in words and digits, and what each named part adds to it."""
    indicator = INDICATORS[figure.code]
    shown, exact = _shown(figure, t)
    return FigureView(
        code=figure.code,
        name=t(figure.name_vi),
        meaning=t(MEANINGS.get(figure.code, figure.name_vi)),
        shown=shown,
        exact=exact,
        numerator=_term(figure.numerator),
        numerator_name=t(indicator.numerator_vi),
        denominator=_term(figure.denominator) if indicator.denominator_vi else "",
        denominator_name=t(indicator.denominator_vi) if indicator.denominator_vi else "",
        basis=figure.basis,
        basis_name=t(BASES[figure.basis]),
        first=figure.first,
        last=figure.last,
        formula=t(figure.formula_vi),
        withheld=t(WITHHELD[figure.withheld]) if figure.withheld else "",
        parts=tuple(
            (
                label,
                _shown(part, t)[0],
                _term(part.numerator),
                _term(part.denominator) if indicator.denominator_vi else "",
            )
            for label, part in sorted(parts, key=lambda one: sort_key(one[0]))
        ),
    )


def views_of(
    stalls: Sequence[StallTotals], period: Period, t: Translate, *, seen_by_operator: bool = False
) -> dict[str, FigureView]:
    """Every figure over these stalls, in words and digits."""
    found = adoption.figures_of(stalls, period, seen_by_operator=seen_by_operator)
    return {code: view_of(figure, t) for code, figure in found.items()}


def rows_of(
    groups: Mapping[UUID | None, Mapping[str, Figure]],
    labels: Mapping[UUID | None, str],
    t: Translate,
) -> list[RowView]:
    """A drill-down: one line per area or hall, by name."""
    rows = [
        RowView(
            id=group,
            label=labels.get(group, "-"),
            figures={code: view_of(figure, t) for code, figure in found.items()},
        )
        for group, found in groups.items()
    ]
    return sorted(rows, key=lambda row: sort_key(row.label))


def sentence(figures: Mapping[str, Figure], stalls: Sequence[StallTotals], t: Translate) -> str:
    """The one sentence that answers how cashless a place is."""
    activation, coverage = figures["B1"], figures["A3"]
    if activation.withheld == "with_another":
        return t(N_("Số liệu của nơi này được ẩn cùng một nơi có dưới 5 người bán."))
    if activation.withheld:
        return t(N_("Chưa đủ 5 người bán để công bố số liệu của nơi này."))
    if activation.value is None or coverage.numerator is None:
        return t(N_("Nơi này chưa có điểm kinh doanh nào đang hoạt động."))
    unused = sum(one.is_active and one.has_code and not one.cashless_count for one in stalls)
    idle = adoption.percent(unused, activation.denominator or 0)
    return t(
        N_(
            "{activated} số điểm kinh doanh đã nhận tiền không dùng tiền mặt trong kỳ; {idle} có mã QR mà chưa ai trả qua mã."
        )
    ).format(activated=_percent(activation.value), idle=_percent(idle))


def funnel_steps(
    figures: Mapping[str, Figure], stalls: Sequence[StallTotals], t: Translate
) -> list[tuple[str, int]]:
    """The funnel in words; empty where the register's own figures are kept back."""
    if figures["B1"].withheld:
        return []
    return [(t(label), count) for label, count in adoption.funnel(stalls)]


def funnel_picture(steps: Sequence[tuple[str, int]], t: Translate) -> str:
    """The funnel as SVG."""
    return charts.funnel(
        [charts.Step(label, count) for label, count in steps],
        name="funnel",
        title=t(N_("Từ sổ quầy đến sử dụng hằng ngày")),
        description="; ".join(f"{label}: {count}" for label, count in steps),
    )


def days_picture(days: Sequence[DayTotals], t: Translate) -> str:
    """Sales per day as SVG: cashless below, recorded cash on top."""
    said = t(N_("{day}: {cashless} không tiền mặt, {cash} tiền mặt đã ghi"))
    return charts.bars(
        [
            charts.Bar(
                f"{one.day:%d/%m}",
                max(0, one.cashless_count),
                one.cash_count,
                said.format(
                    day=i18n.day(one.day),
                    cashless=i18n.grouped(one.cashless_count),
                    cash=i18n.grouped(one.cash_count),
                ),
            )
            for one in days
        ],
        name="days",
        title=t(N_("Số lần bán mỗi ngày")),
        description=t(
            N_("Mỗi cột một ngày: phần dưới là không dùng tiền mặt, phần trên là tiền mặt đã ghi.")
        ),
    )


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A spreadsheet as text: UTF-8 with its mark, so that every program reads the Vietnamese."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8-sig")


def csv_figures(label: str, found: Mapping[str, Figure], at: datetime) -> list[list[Any]]:
    """The figures of one place as lines of the spreadsheet."""
    return [
        [
            label,
            one.code,
            one.name_vi,
            "-" if one.value is None else one.value,
            "" if one.numerator is None else one.numerator,
            "" if one.denominator is None else one.denominator,
            one.basis,
            one.first.isoformat(),
            one.last.isoformat(),
            WITHHELD.get(one.withheld, ""),
            clock.local(at).isoformat(timespec="seconds"),
        ]
        for one in found.values()
    ]


CSV_COLUMNS = (
    "Nơi", "Mã", "Chỉ tiêu", "Giá trị", "Tử số", "Mẫu số", "Cơ sở", "Từ ngày", "Đến ngày",
    "Ghi chú", "Tính lúc",
)  # fmt: skip


def _cell(value: object) -> object:
    """A text that a spreadsheet program would take for a formula is kept a text."""
    if isinstance(value, str) and value[:1] in {"=", "+", "@", "\t"}:
        return f"'{value}"
    return value


def _shown(figure: Figure, t: Translate) -> tuple[str, str]:
    if figure.value is None:
        return "-", ""
    if figure.kind == "percent":
        return _percent(figure.value), ""
    number = int(figure.value)
    if figure.kind == "count":
        return i18n.grouped(number), ""
    if number < SHORT_VND_MIN:
        return i18n.vnd(number), ""
    size, unit = (10**9, t(N_("tỷ ₫"))) if number >= 10**9 else (10**6, t(N_("triệu ₫")))
    tenths = (number * 20 + size) // (2 * size)
    whole, rest = divmod(tenths, 10)
    return f"{i18n.grouped(whole)},{rest}\u00a0{unit}", i18n.vnd(number)


def _percent(value: Decimal | None) -> str:
    return i18n.percent(None if value is None else value / 100)


def _term(number: int | None) -> str:
    return "-" if number is None else i18n.grouped(number)
