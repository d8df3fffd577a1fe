"""Statements as banks export them in CSV: a known header somewhere near the top, then lines. Pure.

The header tells the format; what stands above it (name, account, period) and below the lines (sums,
signatures) is passed over. Files of `;`, `,` or tabs, UTF-8 with or without its mark, or UTF-16 with
its mark, as Excel writes them.
"""

import csv
import io
import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from importlib.resources import files

from payments.ledger.transfer import TRANSFER_VND_MAX
from payments.reconciliation.errors import (
    FormatUnknown,
    RecordAmount,
    RecordCell,
    RecordCut,
    RecordEncoding,
)
from payments.reconciliation.provider_file import VIETNAM
from payments.reconciliation.statement import BankLine, Statement, numbered

HEADER_LINES_MAX = 40
_ACCOUNT = re.compile(r"(?<![0-9])[0-9]{6,19}(?![0-9])", re.ASCII)
_AMOUNT = re.compile(r"([+-]?)([0-9]{1,3}(?:[.,\u00a0 ][0-9]{3})+|[0-9]+)([.,]0{1,2})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class CSVFormat:
    """Which column of a bank's export is what; names are compared without case and marks."""

    name: str
    when: str
    when_form: str
    """As `strptime` wants it, or "iso"."""
    reference: str
    memo: str
    debit: str = ""
    credit: str = ""
    amount: str = ""
    account: str = ""
    valid_from: date
    valid_to: date | None = None
    source: str

    @property
    def needed(self) -> frozenset[str]:
        """What the header must name."""
        wanted = (self.when, self.reference, self.memo, self.debit, self.credit, self.amount)
        return frozenset(_key(name) for name in wanted if name)


@cache
def formats() -> tuple[CSVFormat, ...]:
    """Every known format."""
    text = files("payments").joinpath("data", "bank_csv.toml").read_text("utf-8")
    return tuple(CSVFormat(**row) for row in tomllib.loads(text)["format"])


def read(raw: bytes, account_no: str = "") -> Statement:
    """The statement in these bytes. `account_no` where the file does not say it.

    Raises: RecordUnreadable, of the kind that fits.
    """
    text = decoded(raw)
    lines = text.splitlines()[:HEADER_LINES_MAX]
    delimiter = max(";,\t", key=lambda sign: sum(line.count(sign) for line in lines))
    rows = [(number, [cell.strip() for cell in cells]) for number, cells in _cells(text, delimiter)]
    found = _header(rows)
    if found is None:
        known = ", ".join(one.name for one in formats())
        raise FormatUnknown(
            "No line names the columns of a known bank.", f"Known are: {known}.", line=1
        )
    place, columns = found
    lines_found = [
        line
        for number, cells in rows[place + 1 :]
        if (line := _line(columns, cells, number)) is not None
    ]
    own = account_no or _account_above(rows[:place])
    if columns.account >= 0:
        own = own or next((cells[columns.account] for _, cells in rows[place + 1 :] if cells), "")
    return Statement.of(f"csv:{columns.form.name}", own, numbered(lines_found))


def decoded(raw: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark. Raises: RecordEncoding."""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as wrong:
        line = raw.count(b"\n", 0, wrong.start) + 1
        raise RecordEncoding(
            "A letter is not UTF-8.", "Save the file as UTF-8 and try again.", line=line
        ) from wrong
    if "\0" in text:
        raise RecordEncoding("There is a NUL.", "Save the file as UTF-8 and try again.", line=1)
    return text


def _cells(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            if any("\n" in cell and _swallows(cell, delimiter) for cell in cells):
                raise RecordCell(
                    "A quotation mark is opened and never closed: lines are lost in it.",
                    "Export the file again, or take the mark away.",
                    line=reader.line_num,
                )
            yield reader.line_num, cells
    except csv.Error as wrong:
        raise RecordCell(
            f"The line cannot be read ({wrong}).", "Export the file again.", line=reader.line_num
        ) from wrong


def _swallows(cell: str, delimiter: str) -> bool:
    """Whether a cell of several lines holds what must be lines of the statement."""
    return any(line.count(delimiter) >= 3 for line in cell.splitlines()[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Where the columns of a form stand in one file; -1 for one that the form has not."""

    form: CSVFormat
    when: int
    reference: int
    memo: int
    debit: int
    credit: int
    amount: int
    account: int

    @property
    def last(self) -> int:
        """The last one that every line must reach."""
        return max(self.when, self.reference, self.memo, self.debit, self.credit, self.amount)


def _header(rows: list[tuple[int, list[str]]]) -> tuple[int, _Columns] | None:
    for place, (_, cells) in enumerate(rows[:HEADER_LINES_MAX]):
        places = _places(cells)
        fitting = [form for form in formats() if form.needed <= places.keys()]
        if fitting:
            form = max(fitting, key=lambda form: (len(form.needed), form.valid_from))
            names = ("when", "reference", "memo", "debit", "credit", "amount", "account")
            found = {name: places.get(_key(getattr(form, name)), -1) for name in names}
            return place, _Columns(form=form, **found)
    return None


def _places(cells: list[str]) -> dict[str, int]:
    """Where each name stands. Of “Số tham chiếu / Reference no.” the first part is a name too."""
    places = {_key(cell): index for index, cell in enumerate(cells) if cell}
    for index, cell in enumerate(cells):
        first = _key(re.split(r"[/(\[\n]", cell)[0])
        if first:
            places.setdefault(first, index)
    return places


def _line(columns: _Columns, cells: list[str], number: int) -> BankLine | None:
    """A line of the statement; None for what stands around them."""
    when = cells[columns.when] if columns.when < len(cells) else ""
    if not when or not when[0].isdigit():
        return None
    if len(cells) <= columns.last:
        raise RecordCut("The line stops half way.", "Export the file again.", line=number)
    at = _instant(when, columns.form.when_form)
    if at is None:
        raise RecordCell(
            f"“{when[:25]}” is no date of the form {columns.form.when_form}.",
            "Export the file again.", line=number,
        )  # fmt: skip
    if columns.amount >= 0:
        amount_vnd = _vnd(cells[columns.amount], number)
    else:
        came, went = _vnd(cells[columns.credit], number), _vnd(cells[columns.debit], number)
        amount_vnd = came - abs(went)
    if amount_vnd == 0:
        return None
    return BankLine(
        line=number,
        occurred_at=at,
        has_time=":" in when,
        reference=cells[columns.reference],
        amount_vnd=amount_vnd,
        memo=cells[columns.memo],
    )


@lru_cache(maxsize=4_096)
def _instant(text: str, form: str) -> datetime | None:
    """When a line was booked; None where `text` is no date of that form.

    The signs between the numbers, the time behind the day and its seconds are as the bank or a
    spreadsheet likes; a year in front is read as ISO whatever the form.
    """
    try:
        if form == "iso" or text[4:5] == "-":
            at = datetime.fromisoformat(text)
        else:
            day, _, clock = text.partition(" ")
            shape = form.partition(" ")[0].replace("-", "/")
            of_day = datetime.strptime(re.sub("[-.]", "/", day), shape)  # noqa: DTZ007
            clock = clock.strip()
            padded = f"0{clock}" if clock[1:2] == ":" else clock or "00:00"
            at = datetime.combine(of_day, time.fromisoformat(padded))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=VIETNAM)).astimezone(UTC)


def _vnd(text: str, number: int) -> int:
    bare = text.strip().removesuffix("VND").removesuffix("đ").strip()
    if not bare or bare == "-":
        return 0
    found = _AMOUNT.fullmatch(bare)
    if found is None:
        raise RecordAmount(
            f"“{text[:25]}” is no amount in whole đồng.", "Export the file again.", line=number
        )
    value = int(re.sub(r"\D", "", found[2], flags=re.ASCII))
    if value > TRANSFER_VND_MAX:
        raise RecordAmount(
            f"{value} is larger than any transfer.", "Export the file again.", line=number
        )
    return -value if found[1] == "-" else value


def _account_above(rows: list[tuple[int, list[str]]]) -> str:
    """The account's number where a line above the header speaks of it."""
    for _, cells in rows:
        line = " ".join(cells)
        if "tai khoan" in _key(line) or "account" in _key(line):
            found = _ACCOUNT.search(line)
            if found:
                return found[0]
    return ""


def _key(name: str) -> str:
    """Without case, marks and signs, so that NFC and NFD, `Đ` and `đ` are one."""
    bare = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    kept = "".join(one if one.isalnum() or one == "/" else " " for one in bare
                   if not unicodedata.combining(one))  # fmt: skip
    return " ".join(kept.split())
