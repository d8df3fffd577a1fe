"""Commands about e-invoices, without a database: `market einvoice verify|words|tax|correct|page|schema`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from market.commands import amounts, einvoice_day, einvoice_page, einvoice_tax
from market.commands.languages import Translate, add_language, translator
from market.settings import Settings

if TYPE_CHECKING:
    from einvoice.inspection import Report

WELL, BAD, MISUSED = 0, 1, 2


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
        add_language(one)
        return one

    verify = action(
        "verify", "what is right and wrong with an invoice XML, a message, a PDF with XML"
    )
    verify.add_argument("file", help="the XML or PDF; - is stdin")
    verify.add_argument("--trust", type=Path, action="append", default=[], metavar="PEM",
                        help="a certificate of an issuer to trust; again for more")  # fmt: skip
    verify.add_argument("--authority", type=Path, action="append", default=[], metavar="PEM",
                        help="a certificate the tax authority signs with")  # fmt: skip
    words = action("words", "an amount in Vietnamese words, both spellings")
    words.add_argument("amount", help="e.g. 110750, 1.234.567, “13.800,25 USD” (-- before -1.000)")
    words.add_argument("--currency", default="", metavar="USD", help="of the amount (VND)")
    einvoice_day.add_arguments(
        action("day", "a day's payments, sales, invoices and accepted messages")
    )
    einvoice_tax.add_arguments(action("tax", einvoice_tax.ABOUT))
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


def _run(options: argparse.Namespace, settings: Settings) -> int:
    import sys

    from einvoice.errors import EInvoiceError

    actions = {"verify": _verify, "words": _words, "tax": einvoice_tax.run, "correct": _correct,
               "schema": _schema, "page": einvoice_page.run}  # fmt: skip
    try:
        return actions[options.action](options)
    except OSError as error:
        sys.stderr.write(f"market: {error.filename}: {error.strerror}\n")
        return MISUSED
    except (_Misused, amounts.AmountMisread, einvoice_page.Misused, EInvoiceError) as error:
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
        _say_json({"file": options.file, **report.plain(options.lang)})
    else:
        _show(report, options.lang, translator(options.lang))
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


def _show(report: "Report", language: str, _: Translate) -> None:
    from einvoice import said_in
    from einvoice.inspection import Verdict

    facts = report.sheet.facts
    if report.kind == "invoice" and facts.get("number"):
        title, name = facts.get("title") or _("Hóa đơn"), f"{facts.get('symbol')}"
        head = _("{title} {name} số {number} ngày {day}: {seller} ({tax_id})")
        head = head.format(title=title, name=name, number=facts["number"], day=facts["issued_on"],
                           seller=facts["seller"], tax_id=facts["seller_tax_id"])  # fmt: skip
        _say(
            f"{head} → {facts.get('buyer') or '?'}, {facts.get('payable')} {facts.get('currency')}"
        )
    elif facts.get("message_name"):
        _say(f"{facts.get('message_kind', '')} {said_in(facts['message_name'], language)}".strip())
    for name in ("result", "reasons", "corrects", "results", "asked"):
        value = facts.get(name) or []
        if value:
            listed = value if isinstance(value, list) else [value]
            _say("  " + "; ".join(said_in(one, language) for one in listed))
    labels = {Verdict.WRONG: _("SAI"), Verdict.DOUBT: _("NGHI"), Verdict.NOTE: _("LƯU Ý"),
              Verdict.RIGHT: _("ĐÚNG")}  # fmt: skip
    for verdict, label in labels.items():
        for one in report.remarks(verdict):
            _say(f"{label:<6} {said_in(one.text, language)} [{one.where}]")
            if one.remedy:
                _say(f"       → {said_in(one.remedy, language)}")
    wrong, doubts = len(report.codes()), len(report.codes(Verdict.DOUBT))
    said = _("SAI {count} chỗ.").format(count=wrong) if wrong else _("Không thấy chỗ sai.")
    more = " " + _("Còn {count} điều phải tự xem.").format(count=doubts) if doubts else ""
    _say(_("Kết luận:") + f" {said}{more}")


# ── words ───────────────────────────────────────────────────────────────────────────────────────


def _words(options: argparse.Namespace) -> int:
    from einvoice.words import NORTH, SOUTH, amount_in_words, foreign_in_words

    number, currency = amounts.money(options.amount, options.currency)
    both: dict[str, Any] = {"amount": number, "currency": currency}
    for name, spelling in (("north", NORTH), ("south", SOUTH)):
        if isinstance(number, int):
            both[name] = amount_in_words(number, spelling)
        else:
            both[name] = foreign_in_words(number, currency, spelling)
    if options.json:
        _say_json({**both, "amount": number if isinstance(number, int) else str(number)})
    else:
        _say(str(both["north"]))
        if both["south"] != both["north"]:
            _say(str(both["south"]))
    return WELL


# ── correct, schema ─────────────────────────────────────────────────────────────────────────────


def _correct(options: argparse.Namespace) -> int:
    from einvoice import complaints, triage
    from einvoice.invoice import Method

    earlier = {"replaces": Method.REPLACES, "adjusts": Method.ADJUSTS}.get(options.earlier or "")
    text = " ".join(options.what)
    faults = complaints.faults_in(text)
    if not faults and complaints.wants_cancelling(text):
        raise _Misused(
            "no invoice is cancelled any more (Circular 91/2026, Art. 10): say what is wrong with it,"
            " e.g. sai số tiền, or that the goods came back: khách trả hàng"
        )
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
        _say_json(advice.plain(options.lang))
    else:
        for sentence in advice.sentences(options.lang):
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
