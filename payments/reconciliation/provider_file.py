"""An acquirer's settlement file: its columns, its trailer, and what is wrong with it. Pure but for
reading the file.

A header names the columns, in any order, parted by `;` or `,`; one row a transaction; amounts are
whole đồng (not times 100), times are Vietnamese. The last line is a trailer:

    TRAILER;rows;amount;fee;net;checksum          or, with the sum of VAT,
    TRAILER;rows;amount;fee;fee_vat;net;checksum

The checksum is in hex over every byte before the trailer's line: SHA-256, or MD5, SHA-1 or CRC-32
by its length. Line ends may have become CRLF or LF on the way, a byte order mark may stand in front.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

from payments.ledger.transfer import TRANSFER_VND_MAX
from payments.reconciliation.errors import (
    RecordAmount,
    RecordCell,
    RecordCurrency,
    RecordCut,
    RecordDay,
    RecordDoubled,
    RecordEmpty,
    RecordEncoding,
    RecordSum,
    RecordTooLarge,
    RecordTrailer,
)
from payments.reconciliation.provider_layout import (
    COLUMNS,
    FILE_BYTES_MAX,
    TRAILER,
    Layout,
    Trailer,
    check_checksum,
    layout_of,
)

__all__ = [
    "COLUMNS",
    "SUCCEEDED",
    "TYPES",
    "Layout",
    "Row",
    "Sums",
    "Trailer",
    "amount_of",
    "check_checksum",
    "check_sums",
    "day_of",
    "layout_of",
    "read_bytes",
    "rows_of",
    "time_of",
    "written",
]

VIETNAM = timezone(timedelta(hours=7))
TYPES = ("PAYMENT", "REFUND", "CHARGEBACK", "ADJUST")
SUCCEEDED = ("00", "SUCCESS", "PAID")
_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_GROUPED = re.compile(r"-?[0-9]{1,3}([., '\u00a0\u202f][0-9]{3})+", re.ASCII)
_TIME = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)[ T]?(\d\d):?(\d\d):?(\d\d)(\+07:?00)?", re.ASCII)
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Sums:
    """What the rows of a file add up to."""

    row_count: int
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int
    net_vnd: int


@dataclass(frozen=True, slots=True)
class Row:
    """One row, understood."""

    seq: int
    settlement_date: str
    tmn_code: str
    txn_ref: str
    provider_txn_no: str
    bank_tran_no: str
    bank_code: str
    txn_type: str
    txn_time: str
    amount: int
    fee: int
    fee_vat: int
    net_amount: int
    currency: str
    status: str
    original_provider_txn_no: str
    remark: str


def check_sums(sums: Sums, trailer: Trailer, line: int = 0) -> None:
    """Raises: RecordTrailer where the trailer says other sums than the rows have."""
    pairs = (
        ("rows", trailer.row_count, sums.row_count),
        ("amount", trailer.amount_vnd, sums.amount_vnd),
        ("fee", trailer.fee_vnd, sums.fee_vnd),
        ("fee_vat", trailer.fee_vat_vnd, sums.fee_vat_vnd),
        ("net", trailer.net_vnd, sums.net_vnd),
    )
    for name, said, found in pairs:
        if said is not None and said != found:
            raise RecordTrailer(
                f"The trailer says {name} {said}, the rows have {found}.",
                "Rows are missing, doubled or changed: ask the acquirer for the file again.",
                line=line,
            )


def rows_of(raw: bytes, layout: Layout, day: date | None = None) -> Iterator[Row]:
    """Every row, each checked, in order; after the last one the sums too.

    Raises: RecordUnreadable, of the kind that fits, with the line.
    """
    stream = io.TextIOWrapper(
        io.BytesIO(memoryview(raw)[layout.rows_start : layout.rows_end]), "utf-8", newline=""
    )
    reader = csv.reader(stream, delimiter=layout.delimiter)
    check = _Check(layout.columns, day)
    try:
        for cells in reader:
            if cells:
                yield check.row(cells, reader.line_num + 1)
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, layout.rows_start + wrong.start) + 1
        raise RecordEncoding(
            "A letter is not UTF-8.", "Save the file as UTF-8 and try again.", line=line
        ) from wrong
    except csv.Error as wrong:
        raise RecordCell(
            f"The line cannot be read ({wrong}).", "Ask for the file again.",
            line=reader.line_num + 1,
        ) from wrong  # fmt: skip
    check.end(layout.trailer, reader.line_num + 2)


class _Check:
    """The rules of a row, and the sums so far."""

    def __init__(self, columns: Sequence[str], day: date | None) -> None:
        self._places = {name: place for place, name in enumerate(columns)}
        self._width = len(columns)
        self._day = day
        self._seen: set[int] = set()
        self._sums = [0, 0, 0, 0, 0]

    def row(self, cells: list[str], line: int) -> Row:
        if len(cells) != self._width:
            raise RecordCut(
                f"{len(cells)} cells instead of {self._width}.",
                "The line was cut, or a text with the delimiter in it is not quoted.", line=line,
            )  # fmt: skip
        if any("\0" in cell for cell in cells):
            raise RecordEncoding("There is a NUL.", "Ask for the file again.", line=line)
        texts = {name: cells[place].strip() for name, place in self._places.items()}
        amounts = [
            amount_of(texts[name], name, line)
            for name in ("amount", "fee", "fee_vat", "net_amount")
        ]
        row = Row(
            seq=self._seq(texts["seq"], line),
            **{
                name: texts.get(name, "")
                for name in COLUMNS
                if name not in ("seq", "amount", "fee", "fee_vat", "net_amount")
            },
            amount=amounts[0],
            fee=amounts[1],
            fee_vat=amounts[2],
            net_amount=amounts[3],
        )
        self._rules(row, line)
        for place, value in enumerate((1, *amounts)):
            self._sums[place] += value
        return row

    def _seq(self, text: str, line: int) -> int:
        if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**31):
            raise RecordCell(
                f"seq “{text[:20]}” is no row number.", "Number rows from 1.", line=line
            )
        if int(text) in self._seen:
            raise RecordDoubled(
                f"Row {text} stands twice.", "Remove the second one or ask for the file again.",
                line=line,
            )  # fmt: skip
        self._seen.add(int(text))
        return int(text)

    def _rules(self, row: Row, line: int) -> None:
        if row.currency != "VND":
            raise RecordCurrency(
                f"The currency is “{row.currency[:10]}”.", "Only VND is settled here.", line=line
            )
        if row.txn_type not in TYPES:
            raise RecordCell(
                f"txn_type “{row.txn_type[:20]}” is unknown.", f"Use {', '.join(TYPES)}.", line=line
            )
        if not row.provider_txn_no:
            raise RecordCell(
                "provider_txn_no is empty.", "Every row needs the acquirer's own number.", line=line
            )
        if not signs_fit(row.txn_type, row.amount):
            raise RecordAmount(
                f"A {row.txn_type} of {row.amount} đ has the wrong sign.",
                "Payments are positive, refunds and chargebacks negative, nothing is zero.",
                line=line,
            )
        if row.net_amount != row.amount - row.fee - row.fee_vat:
            raise RecordSum(
                f"net_amount {row.net_amount} is not {row.amount} - {row.fee} - {row.fee_vat}.",
                "Ask the acquirer to correct the row.", line=line,
            )  # fmt: skip
        time_of(row.txn_time, line)
        found = day_of(row.settlement_date, line)
        if self._day is not None and found != self._day:
            raise RecordDay(
                f"The row is of session {found}, not {self._day}.",
                "One file has one session: take the file of that day, or split it.", line=line,
            )  # fmt: skip
        self._day = found

    def end(self, trailer: Trailer, line: int) -> None:
        if not self._sums[0]:
            raise RecordEmpty("There are no rows.", "Ask the acquirer for the file again.", line=2)
        check_sums(Sums(*self._sums), trailer, line)


def signs_fit(txn_type: str, amount_vnd: int) -> bool:
    """Payments bring, refunds and chargebacks take, nothing is zero."""
    if txn_type == "PAYMENT":
        return amount_vnd > 0
    return amount_vnd < 0 if txn_type in ("REFUND", "CHARGEBACK") else amount_vnd != 0


def amount_of(text: str, name: str, line: int) -> int:
    """Whole đồng from plain digits. Raises: RecordAmount."""
    if _DIGITS.fullmatch(text):
        value = int(text)
        if abs(value) <= TRANSFER_VND_MAX:
            return value
        reason, what = f"{name} {text} is larger than any payment.", "Is it in đồng, not times 100?"
    elif _GROUPED.fullmatch(text):
        reason, what = f"{name} “{text}” has thousand separators.", "Write digits alone: 1000000."
    else:
        reason, what = f"{name} “{text[:20]}” is no whole amount.", "Write digits alone: 1000000."
    raise RecordAmount(reason, what, line=line)


def day_of(text: str, line: int = 0) -> date:
    """A session's day, `2026-11-23` or `20261123`. Raises: RecordDay."""
    found = _DAY.fullmatch(text)
    try:
        if found:
            return date(*(int(part) for part in found.groups()))
    except ValueError:
        pass
    raise RecordDay(f"settlement_date “{text[:20]}” is no day.", "Write 2026-11-23.", line=line)


def time_of(text: str, line: int = 0) -> datetime:
    """An instant from a Vietnamese time, `20261123101500` or ISO. Raises: RecordCell."""
    found = _TIME.fullmatch(text)
    try:
        if found:
            local = datetime(*(int(part) for part in found.groups()[:6]), tzinfo=VIETNAM)  # type: ignore[misc,arg-type]
            return local.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RecordCell(
        f"txn_time “{text[:25]}” is no time.", "Write 20261123101500, in Vietnam time.", line=line
    )


def written(rows: Sequence[Row], delimiter: str = ";", *, with_vat: bool = True) -> bytes:
    """A file of these rows, as an acquirer would send it; for simulators, tests and benches."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([getattr(row, name) for name in COLUMNS] for row in rows)
    body = text.getvalue().encode()
    sums = [len(rows), sum(row.amount for row in rows), sum(row.fee for row in rows)]
    sums += [sum(row.fee_vat for row in rows)] if with_vat else []
    sums.append(sum(row.net_amount for row in rows))
    checksum = hashlib.sha256(body).hexdigest()
    return body + delimiter.join([TRAILER, *map(str, sums), checksum]).encode() + b"\n"


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises: OSError; RecordTooLarge before reading a monster."""
    if path.stat().st_size > FILE_BYTES_MAX:
        raise RecordTooLarge("The file is larger than 2 GiB.", "Ask for one file a day.")
    return path.read_bytes()
