"""Commands about e-invoices, without a database: `market einvoice verify|words|tax|correct|page|schema`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.commands import einvoice_day, einvoice_page
from market.commands.answers import dots
from market.settings import Settings

if TYPE_CHECKING:
    from einvoice.household import HouseholdTax
    from einvoice.inspection import Report

WELL, BAD, MISUSED = 0, 1, 2
GROUPS = ("goods", "services", "letting", "production", "food", "transport", "other", "digital")
_LABELS = {"right": "ĐÚNG", "note": "LƯU Ý", "doubt": "NGHI", "wrong": "SAI"}


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    data: argparse.ArgumentParser,
) -> None:
    """Add `einvoice` and its actions."""
    about = "look at e-invoices: verify a file, say an amount, compute a household's tax"
    group = commands.add_parser("einvoice", help=about, description=about)
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=about, description=about, parents=[data])
        one.set_defaults(command=_run, action=name)
        one.add_argument("--json", action="store_true", help="answer as JSON")
        return one

    verify = action(
        "verify", "what is right and wrong with an invoice XML, a message, a PDF with XML"
    )
    verify.add_argument("file", help="the XML or PDF; - is stdin")
    verify.add_argument("--trust", type=Path, action="append", default=[], metavar="PEM",
                        help="a certificate of an issuer to trust; again for more")  # fmt: skip
    verify.add_argument("--authority", type=Path, action="append", default=[], metavar="PEM",
                        help="a certificate the tax authority signs with")  # fmt: skip
    words = action("words", "an amount of đồng in Vietnamese words, both spellings")
    words.add_argument("amount", help="e.g. 110750, 1.234.567, -40000 (-- before -1.000)")
    einvoice_day.add_arguments(
        action("day", "a day's payments, sales, invoices and accepted messages")
    )
    _add_tax(action("tax", "VAT and income tax of a household business for a year"))
    correct = action("correct", "what to do about an invoice that is wrong: say it in plain words")
    correct.add_argument("what", nargs="+", help="e.g. “sai tên người mua”, “khách trả lại hàng”")
    correct.add_argument("--cash-register", action="store_true", help="a cash-register invoice")
    correct.add_argument("--business-buyer", action="store_true", help="the buyer is a business")
    correct.add_argument("--earlier", choices=("replaces", "adjusts"),
                         help="how it was corrected before")  # fmt: skip
    einvoice_page.add_arguments(action("page", einvoice_page.ABOUT))
    schema = action("schema", "our XSD of an invoice or message, made from the published tables")
    schema.add_argument("root", choices=("HDon", "TDiep", "TKhai"), help="the root element")
    schema.add_argument("--layout", choices=tuple("VSNM"), default="M",
                        help="V VAT, S sales, N and M the same of a cash register (M)")  # fmt: skip


def _add_tax(tax: argparse.ArgumentParser) -> None:
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
    tax.add_argument("--known-on", metavar="YYYY-MM-DD", help="by the law as known on that day")


def _run(options: argparse.Namespace, settings: Settings) -> int:
    import sys

    from einvoice.errors import EInvoiceError

    actions = {"verify": _verify, "words": _words, "tax": _tax, "correct": _correct,
               "schema": _schema, "page": einvoice_page.run}  # fmt: skip
    try:
        return actions[options.action](options)
    except OSError as error:
        sys.stderr.write(f"market: {error.filename}: {error.strerror}\n")
        return MISUSED
    except (_Misused, einvoice_page.Misused, EInvoiceError) as error:
        sys.stderr.write(f"market: {error}\n")
        return BAD if isinstance(error, EInvoiceError) else MISUSED


class _Misused(Exception):
    """Arguments that say nothing sensible."""


def _say(text: str) -> None:
    import sys

    sys.stdout.write(text + "\n")


def _say_json(content: Any) -> None:
    import json

    _say(json.dumps(content, ensure_ascii=False, indent=2))


# ── verify ──────────────────────────────────────────────────────────────────────────────────────


def _verify(options: argparse.Namespace) -> int:
    from einvoice import inspection
    from market import clock

    trust = inspection.Trust(_certificates(options.trust), _certificates(options.authority))
    content = einvoice_page.content(options.file)
    if einvoice_page.is_pdf(content):
        from einvoice.page.judging import inspect_pdf

        report = inspect_pdf(content, now=clock.now(), trust=trust)
    else:
        report = inspection.inspect(content, now=clock.now(), trust=trust)
    if options.json:
        _say_json({"file": options.file, **report.plain()})
    else:
        _show(report)
    return WELL if report.is_right else BAD


def _certificates(files: list[Path]) -> list[Any]:
    from cryptography import x509

    found: list[Any] = []
    for file in files:
        try:
            found += x509.load_pem_x509_certificates(file.read_bytes())
        except ValueError as error:
            raise _Misused(f"{file} is not PEM with a certificate") from error
    return found


def _show(report: "Report") -> None:
    from einvoice.inspection import Verdict

    facts = report.sheet.facts
    if report.kind == "invoice" and facts.get("number"):
        _say(f"{facts.get('title') or 'Hóa đơn'} {facts.get('symbol')} số {facts.get('number')} "
             f"ngày {facts.get('issued_on')}: {facts.get('seller')} ({facts.get('seller_tax_id')}) → "
             f"{facts.get('buyer') or '?'}, {facts.get('payable')} {facts.get('currency')}")  # fmt: skip
    elif facts.get("message_name"):
        _say(f"{facts.get('message_kind', '')} {facts['message_name']}".strip())
    for name in ("result", "reasons", "corrects"):
        if facts.get(name):
            value = facts[name]
            _say(f"  {'; '.join(value) if isinstance(value, list) else value}")
    for verdict in (Verdict.WRONG, Verdict.DOUBT, Verdict.NOTE, Verdict.RIGHT):
        for one in report.remarks(verdict):
            _say(f"{_LABELS[verdict.value]:<6} {one.text} [{one.where}]")
            if one.remedy:
                _say(f"       → {one.remedy}")
    wrong = len(report.codes())
    doubts = len(report.codes(Verdict.DOUBT))
    said = f"SAI {wrong} chỗ." if wrong else "Không thấy chỗ sai."
    _say(f"Kết luận: {said}" + (f" Còn {doubts} điều phải tự xem." if doubts else ""))


# ── words ───────────────────────────────────────────────────────────────────────────────────────


def _words(options: argparse.Namespace) -> int:
    from einvoice.words import NORTH, SOUTH, amount_in_words

    amount = _vnd(options.amount)
    both = {
        "amount": amount,
        "north": amount_in_words(amount, NORTH),
        "south": amount_in_words(amount, SOUTH),
    }
    if options.json:
        _say_json(both)
    else:
        _say(str(both["north"]))
        if both["south"] != both["north"]:
            _say(str(both["south"]))
    return WELL


def _vnd(text: str) -> int:
    import re

    plain = text.strip().replace("\u2212", "-").removesuffix("đ").strip()
    grouped = re.fullmatch(r"([+-]?)([0-9]{1,3}(?:([.,_ ])[0-9]{3})(?:\3[0-9]{3})*)", plain)
    if grouped:
        plain = grouped[1] + re.sub(r"[.,_ ]", "", grouped[2])
    if not re.fullmatch(r"[+-]?[0-9]{1,4000}", plain):
        raise _Misused(f"“{text[:60]}” is not a whole amount of đồng (at most 4000 digits)")
    return int(plain)


# ── tax ─────────────────────────────────────────────────────────────────────────────────────────


def _tax(options: argparse.Namespace) -> int:
    from datetime import date

    from einvoice import household, mirror

    revenues = _revenues(options)
    try:
        known_on = date.fromisoformat(options.known_on) if options.known_on else None
    except ValueError as error:
        raise _Misused(f"“{options.known_on}” is not a day YYYY-MM-DD") from error
    costs = None if options.costs is None else _vnd(options.costs)
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
    if options.json:
        known = [{"known_on": str(day), "threshold_vnd": one.threshold_vnd,
                  "total_vnd": one.total_vnd} for day, one in changes]  # fmt: skip
        by_method = [_plain_tax(one) for one in found]
        _say_json({"year": options.year, "methods": by_method, "as_known": known})
    else:
        for one in found:
            _show_tax(one)
        for day, one in changes if len(changes) > 1 else []:
            _say(f"Theo luật biết từ {day:%d/%m/%Y}: ngưỡng {dots(one.threshold_vnd)}, "
                 f"thuế {dots(one.total_vnd)}")  # fmt: skip
        _say("Không thay cho kê khai thuế.")
    return WELL


def _revenues(options: argparse.Namespace) -> list[Any]:
    from einvoice import household

    reduced = dict(map(_pair, options.reduced))
    found = [
        household.Revenue(groups=groups, amount_vnd=amount, reduced_vnd=reduced.pop(groups, 0))
        for groups, amount in map(_pair, options.revenue)
    ]
    if reduced:
        raise _Misused("--reduced names a trade group that --revenue does not")
    return found


def _allowance(texts: list[str], revenues: list[Any]) -> dict[int, int] | None:
    if not texts:
        return None
    places = {one.groups: index for index, one in enumerate(revenues)}
    found: dict[int, int] = {}
    for groups, amount in map(_pair, texts):
        if groups not in places:
            raise _Misused("--allowance names a trade group that --revenue does not")
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
        raise _Misused(f"“{text[:60]}” is not GROUP=VND with a group of {', '.join(GROUPS)}")
    return groups, _vnd(amount)


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


def _show_tax(tax: "HouseholdTax") -> None:
    def vnd(amount: int) -> str:
        return f"{amount:,}".replace(",", ".") + " đ"

    name = {"percentage": "tỷ lệ % trên doanh thu", "profit": "thu nhập (doanh thu − chi phí)"}
    _say(f"Năm {tax.year}, cách tính theo {name[tax.method.value]}:")
    _say(f"  doanh thu {vnd(tax.revenue_vnd)}, ngưỡng {vnd(tax.threshold_vnd)}")
    if not tax.is_liable:
        _say("  không phải nộp thuế GTGT và thuế TNCN")
    for part in tax.parts if tax.is_liable else ():
        groups = "+".join(group.value for group in part.revenue.groups)
        _say(f"  {groups}: GTGT {part.vat_percent}% = {vnd(part.vat_vnd)}"
             + (f" (đã giảm {vnd(part.cut_vnd)})" if part.cut_vnd else "")
             + (f", TNCN {part.pit_percent}% sau khi trừ {vnd(part.taken_vnd)} = {vnd(part.pit_vnd)}"
                if tax.profit_vnd is None or part.pit_vnd else ""))  # fmt: skip
    if tax.profit_vnd is not None:
        _say(f"  thu nhập tính thuế {vnd(tax.profit_vnd)} × {tax.profit_percent}%")
    _say(f"  GTGT {vnd(tax.vat_vnd)} + TNCN {vnd(tax.pit_vnd)} = {vnd(tax.total_vnd)}")
    if tax.must_change_method:
        _say("  doanh thu trên mức cho phép: từ năm sau phải tính theo thu nhập")


# ── correct, schema ─────────────────────────────────────────────────────────────────────────────


def _correct(options: argparse.Namespace) -> int:
    from einvoice import complaints, triage
    from einvoice.invoice import Method

    earlier = {"replaces": Method.REPLACES, "adjusts": Method.ADJUSTS}.get(options.earlier or "")
    text = " ".join(options.what)
    faults = complaints.faults_in(text)
    if not faults:
        raise _Misused(
            f"“{text[:80]}” was not understood; say what is wrong, e.g. sai tên người mua"
        )
    advice = triage.advise(
        triage.Case(
            faults=faults,
            is_cash_register=options.cash_register,
            buyer=triage.BuyerKind.BUSINESS if options.business_buyer
            else triage.BuyerKind.INDIVIDUAL,
            earlier=earlier,
        )
    )  # fmt: skip
    if options.json:
        _say_json(advice.plain())
    else:
        for sentence in advice.sentences():
            _say(sentence)
    return WELL


def _schema(options: argparse.Namespace) -> int:
    from einvoice import layout

    text = layout.schema(options.root, options.layout)
    if options.json:
        _say_json({"root": options.root, "layout": options.layout, "xsd": text})
    else:
        _say(text.rstrip("\n"))
    return WELL
