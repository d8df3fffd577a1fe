"""`market einvoice tax`: VAT and income tax of a household business for a year."""

import argparse
import json
from datetime import date
from typing import TYPE_CHECKING, Any

from market.commands import amounts
from market.commands.amounts import AmountMisread
from market.commands.answers import DONE, dots, say
from market.commands.languages import Translate, translator

if TYPE_CHECKING:
    from decimal import Decimal

    from einvoice.filings import Filing
    from einvoice.household import HouseholdTax

ABOUT = "VAT and income tax of a household business for a year"
GROUPS = ("goods", "services", "letting", "production", "food", "transport", "other", "digital")


def add_arguments(tax: argparse.ArgumentParser) -> None:
    """What `tax` takes."""
    tax.add_argument("--year", type=int, default=2026, help="tax year (2026)")
    tax.add_argument("--revenue", action="append", default=[], metavar="GROUP=VND", required=True,
                     help=f"of a year; groups: {', '.join(GROUPS)}; a+b where not kept apart; again "
                     "for more")  # fmt: skip
    tax.add_argument("--reduced", action="append", default=[], metavar="GROUP=VND",
                     help="the part of that revenue with the VAT cut")  # fmt: skip
    tax.add_argument("--allowance", action="append", default=[], metavar="GROUP=VND",
                     help="your own split of the free amount; without it the best one")  # fmt: skip
    tax.add_argument("--method", choices=("percentage", "profit", "both"), default="both",
                     help="of income tax (both, where --costs is given)")  # fmt: skip
    tax.add_argument("--costs", metavar="VND", help="deductible costs, for the profit method")
    tax.add_argument("--quarters", metavar="VND,VND,VND,VND",
                     help="the revenue of each quarter: tells what is to be filed and until when")  # fmt: skip
    tax.add_argument("--started-on", type=date.fromisoformat, metavar="YYYY-MM-DD",
                     help="the first day of business, where that was this year; with --quarters")  # fmt: skip
    tax.add_argument("--known-on", metavar="YYYY-MM-DD", help="by the law as known on that day")


def run(options: argparse.Namespace) -> int:
    """The tax of a year by each method asked for. Raises: AmountMisread, EInvoiceError."""
    from einvoice import household, mirror
    from einvoice.filings import filings

    revenues = _revenues(options)
    try:
        known_on = date.fromisoformat(options.known_on) if options.known_on else None
    except ValueError as error:
        raise AmountMisread(f"“{options.known_on}” is not a day YYYY-MM-DD") from error
    costs = None if options.costs is None else amounts.vnd(options.costs)
    methods = [household.TaxMethod(options.method)] if options.method != "both" else [
        one for one in household.TaxMethod
        if one is household.TaxMethod.PERCENTAGE or costs is not None
    ]  # fmt: skip
    allowance = _allowance(options.allowance, revenues)
    found = [
        household.tax_of(options.year, revenues, method=method, costs_vnd=costs, known_on=known_on,
                         allowance=allowance)
        for method in methods
    ]  # fmt: skip
    changes = mirror.as_known(options.year, revenues) if known_on is None else []
    papers = [] if options.quarters is None else filings(
        options.year, _quarters(options.quarters, revenues), method=methods[-1],
        started_on=options.started_on,
    )  # fmt: skip
    if options.json:
        known = [{"known_on": str(day), "threshold_vnd": one.threshold_vnd,
                  "total_vnd": one.total_vnd} for day, one in changes]  # fmt: skip
        by_method = [_plain_tax(one) for one in found]
        to_file = [_plain_filing(one) for one in papers]
        _say_json({"year": options.year, "methods": by_method, "as_known": known,
                   "filings": to_file})  # fmt: skip
    else:
        _ = translator(options.lang)
        for one in found:
            _show(one, _)
        for day, one in changes if len(changes) > 1 else []:
            text = _("Theo luật biết từ {day:%d/%m/%Y}: ngưỡng {threshold}, thuế {total}")
            say(text.format(day=day, threshold=dots(one.threshold_vnd), total=dots(one.total_vnd)))
        for paper in papers:
            _show_filing(paper, options.lang)
        say(_("Không thay cho kê khai thuế."))
    return DONE


def _quarters(text: str, revenues: list[Any]) -> list[int]:
    found = [amounts.vnd(one) for one in text.split(",")]
    total = sum(one.amount_vnd for one in revenues)
    if len(found) != 4 or min(found) < 0 or sum(found) != total:
        raise AmountMisread(f"--quarters are four amounts that come to --revenue, {dots(total)}")
    return found


def _revenues(options: argparse.Namespace) -> list[Any]:
    from einvoice import household

    reduced = dict(map(_pair, options.reduced))
    found = [
        household.Revenue(groups=groups, amount_vnd=amount, reduced_vnd=reduced.pop(groups, 0))
        for groups, amount in map(_pair, options.revenue)
    ]
    if reduced:
        raise AmountMisread("--reduced names a trade group that --revenue does not")
    return found


def _allowance(texts: list[str], revenues: list[Any]) -> dict[int, int] | None:
    if not texts:
        return None
    places = {one.groups: index for index, one in enumerate(revenues)}
    found: dict[int, int] = {}
    for groups, amount in map(_pair, texts):
        if groups not in places:
            raise AmountMisread("--allowance names a trade group that --revenue does not")
        found[places[groups]] = amount
    return found


def _pair(text: str) -> tuple[tuple[Any, ...], int]:
    from einvoice.household import Group

    names, equals, amount = text.partition("=")
    groups = tuple(
        Group({"food": "production", "transport": "production"}.get(name, name))
        for name in names.split("+")
        if name in GROUPS
    )
    if not equals or len(groups) != len(names.split("+")):
        raise AmountMisread(f"“{text[:60]}” is not GROUP=VND with a group of {', '.join(GROUPS)}")
    return groups, amounts.vnd(amount)


def _plain_tax(tax: "HouseholdTax") -> dict[str, Any]:
    return {
        "method": tax.method.value,
        "revenue_vnd": tax.revenue_vnd,
        "threshold_vnd": tax.threshold_vnd,
        "is_liable": tax.is_liable,
        "vat_vnd": tax.vat_vnd,
        "pit_vnd": tax.pit_vnd,
        "total_vnd": tax.total_vnd,
        "profit_vnd": tax.profit_vnd,
        "profit_percent": None if tax.profit_percent is None else str(tax.profit_percent),
        "must_change_method": tax.must_change_method,
        "parts": [
            {
                "groups": [group.value for group in part.revenue.groups],
                "revenue_vnd": part.revenue.amount_vnd,
                "vat_percent": str(part.vat_percent),
                "pit_percent": str(part.pit_percent),
                "vat_vnd": part.vat_vnd,
                "pit_vnd": part.pit_vnd,
                "vat_cut_vnd": part.cut_vnd,
                "allowance_vnd": part.taken_vnd,
            }
            for part in tax.parts
        ],
    }


def _plain_filing(filing: "Filing") -> dict[str, str]:
    return {
        "form": filing.form,
        "period": filing.period,
        "due_on": str(filing.due_on),
        "ends_on": str(filing.ends_on),
        "source": filing.source,
    }


def _show_filing(filing: "Filing", lang: str) -> None:
    from einvoice import instruments

    _ = translator(lang)
    text = _("Phải nộp {form}, kỳ {period}, chậm nhất {due:%d/%m/%Y}")
    line = text.format(form=filing.form, period=filing.period, due=filing.due_on)
    if filing.ends_on != filing.due_on:
        line += " " + _("(ngày nghỉ; hạn cuối {end:%d/%m/%Y})").format(end=filing.ends_on)
    say(f"{line}. {instruments.spelled(filing.source, lang)}")


def _say_json(content: Any) -> None:
    say(json.dumps(content, ensure_ascii=False, indent=2))


def _group_names(_: Translate) -> dict[str, str]:
    return {
        "goods": _("phân phối hàng hóa"),
        "services": _("dịch vụ, xây dựng không bao thầu vật liệu"),
        "letting": _("cho thuê tài sản, đại lý bảo hiểm, xổ số"),
        "production": _("sản xuất, vận tải, ăn uống, dịch vụ gắn với hàng hóa"),
        "other": _("ngành khác"),
        "digital": _("nội dung số, quảng cáo số"),
    }


def _percent(value: "Decimal") -> str:
    return f"{value.normalize():f}%".replace(".", ",")


def _show(tax: "HouseholdTax", _: Translate) -> None:
    method = {
        "percentage": _("tỷ lệ % trên doanh thu"),
        "profit": _("thu nhập (doanh thu − chi phí)"),
    }[tax.method.value]
    say(_("Năm {year}, cách tính theo {method}:").format(year=tax.year, method=method))
    text = _("doanh thu {revenue}, ngưỡng {threshold}")
    say("  " + text.format(revenue=dots(tax.revenue_vnd), threshold=dots(tax.threshold_vnd)))
    if not tax.is_liable:
        say("  " + _("không phải nộp thuế GTGT và thuế TNCN"))
    _show_parts(tax, _)
    if tax.profit_vnd is not None and tax.profit_percent is not None:
        text = _("thu nhập tính thuế {profit} × {percent}")
        percent = _percent(tax.profit_percent)
        say("  " + text.format(profit=dots(tax.profit_vnd), percent=percent))
    text = _("GTGT {vat} + TNCN {pit} = {total}")
    vat, pit, total = map(dots, (tax.vat_vnd, tax.pit_vnd, tax.total_vnd))
    say("  " + text.format(vat=vat, pit=pit, total=total))
    if tax.must_change_method:
        say("  " + _("doanh thu trên mức cho phép: từ năm sau phải tính theo thu nhập"))


def _show_parts(tax: "HouseholdTax", _: Translate) -> None:
    names = _group_names(_)
    for part in tax.parts if tax.is_liable else ():
        groups = " + ".join(names[group.value] for group in part.revenue.groups)
        text = _("{groups}: GTGT {percent} = {vat}")
        line = text.format(
            groups=groups, percent=_percent(part.vat_percent), vat=dots(part.vat_vnd)
        )
        if part.cut_vnd:
            line += " " + _("(đã giảm {cut})").format(cut=dots(part.cut_vnd))
        if tax.profit_vnd is None or part.pit_vnd:
            text = _("TNCN {percent} sau khi trừ {taken} = {pit}")
            taken, pit = dots(part.taken_vnd), dots(part.pit_vnd)
            line += ", " + text.format(percent=_percent(part.pit_percent), taken=taken, pit=pit)
        say(f"  {line}")
