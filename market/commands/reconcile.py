"""`market reconcile FILE`: an acquirer's file, or a bank's statement, against the ledger."""

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any

from market.commands.answers import DONE, FAILED, MISUSED, refuse, say, say_json
from market.settings import Settings

SHOWN_MAX = 50
BAR_WIDTH = 30
ACQUIRER = "vnpay"
"""Whose file it is where nobody says so."""


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", data: argparse.ArgumentParser
) -> None:
    """`market reconcile`."""
    about = "compare an acquirer's file or a bank statement with the ledger, to the đồng"
    parser = commands.add_parser(
        "reconcile",
        help=about,
        description=about,
        epilog="Forms of files: docs/reconciliation.md. Exits 1 where anything differs.",
        parents=[data],
    )
    parser.add_argument("file", metavar="FILE", help="the file; - is standard input")
    side = parser.add_mutually_exclusive_group()
    side.add_argument(
        "--acquirer",
        nargs="?",
        const=ACQUIRER,
        metavar="NAME",
        help=f"it is a settlement file, of this acquirer ({ACQUIRER}; Stripe's report says so itself)",
    )
    side.add_argument(
        "--bank",
        nargs="?",
        const="",
        metavar="ACCOUNT",
        help="it is a bank statement, of this account where the file does not say so",
    )
    parser.add_argument("--day", type=_day, help="the session it must be of, as 2026-11-23")
    parser.add_argument(
        "--load",
        action="store_true",
        help="keep it too: as a settlement session to approve, or as open differences",
    )
    parser.add_argument("--json", action="store_true", help="answer as JSON, every difference")
    parser.set_defaults(command=run)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"“{text}” is no day such as 2026-11-23") from None


def run(options: argparse.Namespace, settings: Settings) -> int:
    """0 where everything agrees, 1 where anything differs or the file cannot be taken."""
    import payments
    from market.commands.database import opened
    from payments.reconciliation import RecordUnreadable

    try:
        raw = _read(options.file)
    except OSError as wrong:
        why = wrong.strerror or str(wrong)
        return refuse(f"{options.file}: {why}.", as_json=options.json, exit_code=MISUSED)
    with opened(settings) as url:
        try:
            told = _compare(options, url, raw)
        except RecordUnreadable as wrong:
            where = f"line {wrong.line}: " if wrong.line else ""
            return refuse(
                f"{options.file}: {where}{wrong.reason}",
                wrong.what_to_do,
                as_json=options.json,
                exit_code=FAILED,
                code=wrong.code,
                line=wrong.line,
            )
        except payments.PaymentError as wrong:
            return refuse(
                f"{options.file}: {wrong}", as_json=options.json, exit_code=FAILED, code=wrong.code
            )
    if options.json:
        say_json(told)
    else:
        for line in _sentences(told):
            say(line)
    return FAILED if told["differences"] else DONE


def _read(name: str) -> bytes:
    from payments.reconciliation.provider_file import read_bytes

    return sys.stdin.buffer.read() if name == "-" else read_bytes(Path(name))


def _compare(options: argparse.Namespace, url: str, raw: bytes) -> dict[str, Any]:
    from payments.reconciliation.stripe_report import ACQUIRER as STRIPE
    from payments.reconciliation.stripe_report import is_report

    if options.acquirer is None and options.bank is None and is_report(raw):
        options.acquirer = STRIPE
    is_bank = options.bank is not None or (options.acquirer is None and not _is_provider_file(raw))
    if is_bank:
        return _statement(url, raw, options.bank or "", is_kept=options.load)
    return _provider_file(url, raw, options)


def _is_provider_file(raw: bytes) -> bool:
    """By its header; one in UTF-16 is one too, and is told to be saved otherwise."""
    head = raw[:8_000].replace(b"\0", b"").partition(b"\n")[0].lower()
    return b"provider_txn_no" in head


def _provider_file(url: str, raw: bytes, options: argparse.Namespace) -> dict[str, Any]:
    import asyncio

    import payments
    from market import clock, ids

    acquirer = options.acquirer or ACQUIRER
    bar = _Bar(is_shown=sys.stderr.isatty() and not options.json)
    common: dict[str, Any] = {"acquirer": acquirer, "day": options.day, "progress": bar}
    session: dict[str, Any] = {}
    if options.load:
        loaded = asyncio.run(
            payments.load_provider_file(url, raw, session_id=ids.new(), now=clock.now(), **common)
        )
        session = {"session_id": str(loaded.session_id), "is_new": loaded.is_new}
        found = loaded.comparison
        if found is None:  # known already: say once more how it stands
            found = asyncio.run(payments.compare_provider_file(url, raw, **common))
    else:
        found = asyncio.run(payments.compare_provider_file(url, raw, **common))
    bar.clear()
    return {
        "kind": "settlement_file",
        "acquirer": acquirer,
        "day": found.day.isoformat(),
        "row_count": found.sums.row_count,
        "amount_vnd": found.sums.amount_vnd,
        "fee_vnd": found.sums.fee_vnd,
        "fee_vat_vnd": found.sums.fee_vat_vnd,
        "net_vnd": found.sums.net_vnd,
        "matched_count": found.matched_count,
        "held_vnd": found.held_vnd,
        "fees_checked": found.has_fees,
        "counts": found.counts,
        "differences": _listed(found.differences),
        **session,
    }


def _statement(url: str, raw: bytes, account_no: str, *, is_kept: bool) -> dict[str, Any]:
    import asyncio

    import payments
    from market import clock, ids

    kept: dict[str, Any] = {}
    if is_kept:
        statement_id, found = asyncio.run(
            payments.load_statement(
                url, raw, statement_id=ids.new(), now=clock.now(), account_no=account_no
            )
        )
        kept = {"statement_id": str(statement_id)}
    else:
        found = asyncio.run(payments.compare_statement(url, raw, account_no=account_no))
    statement = found.statement
    return {
        "kind": "bank_statement",
        "format": statement.format,
        "account_no": statement.account_no,
        "is_known": found.owner_id is not None,
        "first_day": statement.first_day.isoformat(),
        "last_day": statement.last_day.isoformat(),
        "row_count": len(statement.lines),
        "in_vnd": statement.in_vnd,
        "out_vnd": statement.out_vnd,
        "matched_count": found.matched_count,
        "counts": found.counts,
        "differences": _listed(found.differences),
        **kept,
    }


def _listed(differences: Any) -> list[dict[str, Any]]:
    return [
        {
            "class": str(one.class_),
            "row": one.seq,
            "reference": one.reference,
            "theirs_vnd": one.theirs_vnd,
            "ours_vnd": one.ours_vnd,
            "held_vnd": one.held_vnd,
            "owner_id": str(one.owner_id) if one.owner_id else None,
            "why": one.sentence,
            "facts": one.facts,
        }
        for one in differences
    ]


def _sentences(told: dict[str, Any]) -> list[str]:
    if told["kind"] == "settlement_file":
        lines = [
            f"{told['acquirer']}, session {told['day']}: {told['row_count']:,} rows,"
            f" {told['amount_vnd']:,} đ, fees {told['fee_vnd']:,} đ + VAT {told['fee_vat_vnd']:,} đ,"
            f" net {told['net_vnd']:,} đ."
        ]
        if not told["fees_checked"]:
            lines.append("No contract of this acquirer is known: fees were not checked.")
    else:
        lines = [
            f"Account {told['account_no']} ({told['format']}), {told['first_day']} to"
            f" {told['last_day']}: {told['row_count']:,} lines, in {told['in_vnd']:,} đ,"
            f" out {told['out_vnd']:,} đ."
        ]
        if not told["is_known"]:
            lines.append("No vendor here receives on this account.")
    lines.append(f"Matched: {told['matched_count']:,}.")
    lines += [f"{name}: {count:,}" for name, count in told["counts"].items()]
    for one in told["differences"][:SHOWN_MAX]:
        row = f"row {one['row']}, " if one["row"] else ""
        lines.append(f"  {one['class']}: {row}{one['reference']}: {one['why']}")
    hidden = len(told["differences"]) - SHOWN_MAX
    if hidden > 0:
        lines.append(f"  … and {hidden:,} more; --json has them all.")
    if "session_id" in told:
        state = "loaded" if told["is_new"] else "was loaded before; nothing changed"
        lines.append(f"Session {told['session_id']} {state}.")
    lines.append("Everything agrees." if not told["differences"] else "Not everything agrees.")
    return lines


class _Bar:
    """How far the file has come, on one line of a terminal."""

    def __init__(self, *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._said = ""

    def __call__(self, what: str, done: int, total: int) -> None:
        if not self._is_shown:
            return
        share = done / total if total else 1.0
        text = f"{'█' * int(BAR_WIDTH * share):░<{BAR_WIDTH}} {share:4.0%} {what}"
        if text != self._said:
            self._said = text
            sys.stderr.write(f"\r\x1b[2K{text}")
            sys.stderr.flush()

    def clear(self) -> None:
        """The line is empty again."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[2K")
