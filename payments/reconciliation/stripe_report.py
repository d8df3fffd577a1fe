"""Stripe's itemised report of a day's balance changes, read as a settlement file. Pure.

Stripe sends no trailer: the report names every balance transaction, of which `gross - fee = net`. Its
times are UTC, ours Vietnamese: ask Stripe for one Vietnamese day. Payouts are no rows of a session.
Source: Stripe's reports “Itemized balance change from activity” and “Itemized payout reconciliation”.
"""

import csv
import io
import re
from datetime import UTC, datetime, timedelta, timezone

from payments.reconciliation.errors import (
    RecordAmount,
    RecordCell,
    RecordColumns,
    RecordCurrency,
    RecordCut,
    RecordDay,
    RecordEmpty,
    RecordEncoding,
    RecordSum,
)
from payments.reconciliation.provider_file import Row, written
from payments.reconciliation.provider_layout import LINE_BYTES_MAX

ACQUIRER = "stripe"
SIGN = b"balance_transaction_id"
"""A column that no other file of ours has."""
NEEDED = (
    "balance_transaction_id", "created_utc", "currency", "gross", "fee", "net",
    "reporting_category", "source_id", "payment_intent_id",
)  # fmt: skip
REFERENCE = "payment_metadata[payment_ref]"
"""What Stripe echoes of us, where the report was asked to have it."""
VIETNAM = timezone(timedelta(hours=7))
_TYPES = {"charge": "PAYMENT", "refund": "REFUND", "dispute": "CHARGEBACK"}
_NO_ROWS = frozenset({"payout", "payout_reversal"})
_WHOLE = re.compile(r"(-?[0-9]{1,14})(?:\.0{1,2})?", re.ASCII)


def is_report(raw: bytes) -> bool:
    """Whether a file is one of Stripe's reports, by its header."""
    return SIGN in raw[:LINE_BYTES_MAX].partition(b"\n")[0]


def as_settlement_file(acquirer: str, raw: bytes) -> bytes:
    """A report of Stripe's as the settlement file it is; any other file as it came.

    Raises: RecordUnreadable, of the kind that fits, with the line of the report.
    """
    if acquirer != ACQUIRER or not is_report(raw):
        return raw
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise RecordEncoding("A letter is not UTF-8.", "Ask for the report as CSV.") from wrong
    lines = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in NEEDED if name not in (lines.fieldnames or ())]
    if missing:
        raise RecordColumns(
            f"These columns are missing: {', '.join(missing)}.",
            "Ask Stripe for the report with them.", line=1,
        )  # fmt: skip
    rows: list[Row] = []
    for cells in lines:
        if None in cells or None in cells.values():
            raise RecordCut("A cell is missing or too much.", "Ask for the report again.",
                            line=lines.line_num)  # fmt: skip
        if cells["reporting_category"] not in _NO_ROWS:
            rows.append(_row(cells, len(rows) + 1, lines.line_num))
            if rows[-1].settlement_date != rows[0].settlement_date:
                raise RecordDay(
                    f"The row is of {rows[-1].settlement_date}, others of {rows[0].settlement_date}.",
                    "Ask Stripe for one Vietnamese day: 17:00 to 17:00 UTC.", line=lines.line_num,
                )  # fmt: skip
    if not rows:
        raise RecordEmpty("There are no rows.", "Nothing was taken on that day.")
    return written(rows)


def _row(cells: dict[str, str], seq: int, line: int) -> Row:
    if cells["currency"].lower() != "vnd":
        raise RecordCurrency(
            f"The currency is “{cells['currency'][:10]}”.", "Only VND is settled here.", line=line
        )
    kind = _TYPES.get(cells["reporting_category"], "ADJUST")
    gross, fee, net = (_vnd(cells[name], name, line) for name in ("gross", "fee", "net"))
    if net != gross - fee:
        raise RecordSum(f"net {net} is not {gross} - {fee}.", "Ask Stripe for it again.", line=line)
    if gross == 0:  # a fee alone, such as a dispute's
        gross, fee = net, 0
    intent, source = cells["payment_intent_id"], cells["source_id"]
    number = {"PAYMENT": intent or source, "ADJUST": cells["balance_transaction_id"]}
    at = _instant(cells["created_utc"], line)
    return Row(
        seq=seq,
        settlement_date=f"{at:%Y-%m-%d}",
        tmn_code="",
        txn_ref=cells.get(REFERENCE, "") or intent or source,
        provider_txn_no=number.get(kind, source),
        bank_tran_no=cells["balance_transaction_id"],
        bank_code="CARD",
        txn_type=kind,
        txn_time=f"{at:%Y%m%d%H%M%S}",
        amount=gross,
        fee=fee,
        fee_vat=0,
        net_amount=net,
        currency="VND",
        status="00",
        original_provider_txn_no="" if kind == "PAYMENT" else intent,
        remark=cells["reporting_category"],
    )


def _vnd(text: str, name: str, line: int) -> int:
    """VND has no decimals, so “85000” and “85000.00” are one amount, and “85000.50” is none."""
    whole = _WHOLE.fullmatch(text.strip())
    if whole is None:
        raise RecordAmount(
            f"{name} “{text[:20]}” is not whole đồng.", "Ask Stripe for it again.", line=line
        )
    return int(whole[1])


def _instant(text: str, line: int) -> datetime:
    try:
        told = datetime.fromisoformat(text.strip())
        aware = told if told.tzinfo else told.replace(tzinfo=UTC)
        return aware.astimezone(VIETNAM)
    except (ValueError, OverflowError):
        raise RecordCell(
            f"created_utc “{text[:25]}” is no time.", "Write 2026-11-23 03:17:22.", line=line
        ) from None
