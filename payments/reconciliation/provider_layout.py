"""Where what stands in a settlement file: header, rows, trailer, and whether its checksum fits. Pure."""

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from payments.reconciliation.errors import (
    RecordColumns,
    RecordCut,
    RecordEmpty,
    RecordEncoding,
    RecordTooLarge,
    RecordTrailer,
)
from payments.reconciliation.kinds import require_text

FILE_BYTES_MAX = 2 << 30
LINE_BYTES_MAX = 100_000
COLUMNS = (
    "settlement_date",
    "seq",
    "tmn_code",
    "txn_ref",
    "provider_txn_no",
    "bank_tran_no",
    "bank_code",
    "txn_type",
    "txn_time",
    "amount",
    "fee",
    "fee_vat",
    "net_amount",
    "currency",
    "status",
    "original_provider_txn_no",
    "remark",
)
OPTIONAL = frozenset(
    {"tmn_code", "bank_tran_no", "bank_code", "original_provider_txn_no", "remark"}
)
TRAILER = "TRAILER"
_BOM = b"\xef\xbb\xbf"
_DIGITS = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_HASHES = {64: hashlib.sha256, 40: hashlib.sha1, 32: hashlib.md5}


@dataclass(frozen=True, slots=True)
class Trailer:
    """What a file says of itself."""

    row_count: int
    amount_vnd: int
    fee_vnd: int
    fee_vat_vnd: int | None
    net_vnd: int
    checksum: str


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what stands in the bytes of a file."""

    delimiter: str
    columns: tuple[str, ...]
    text_start: int
    """After a byte order mark."""
    rows_start: int
    rows_end: int
    """Where the trailer's line begins."""
    trailer: Trailer
    is_quoted: bool
    """Whether a quotation mark stands anywhere, so that a line may end within a cell."""


def layout_of(raw: bytes) -> Layout:
    """Header and trailer of a file.

    Raises: RecordUnreadable, of the kind that fits.
    """
    if len(raw) > FILE_BYTES_MAX:
        raise RecordTooLarge("The file is larger than 2 GiB.", "Ask for one file a day.")
    if not raw or raw.isspace():
        raise RecordEmpty("The file is empty.", "Ask the acquirer for it again.")
    require_text(raw)
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[1:8:2] == b"\0\0\0\0":
        raise RecordEncoding("The file is UTF-16.", "Save it as UTF-8 and try again.", line=1)
    if b"\0" in raw[:4_000]:
        raise RecordEncoding("There is a NUL.", "The file was damaged: ask for it again.", line=1)
    text_start = len(_BOM) if raw.startswith(_BOM) else 0
    head_end = raw.find(b"\n", text_start, text_start + LINE_BYTES_MAX)
    if head_end < 0:
        raise RecordCut("There is one line only.", "Ask the acquirer for the whole file.", line=1)
    delimiter, columns = _header(_text(raw, text_start, head_end))
    end = len(raw)
    while end > head_end and raw[end - 1 : end] in (b"\n", b"\r", b" "):
        end -= 1
    rows_end = raw.rfind(b"\n", max(head_end, end - LINE_BYTES_MAX), end) + 1
    if rows_end <= head_end:
        raise RecordEmpty("There are no rows.", "Ask the acquirer for the file again.", line=1)
    trailer = _trailer(raw, rows_end, end, delimiter)
    return Layout(delimiter, columns, text_start, head_end + 1, rows_end, trailer, b'"' in raw)


def check_checksum(raw: bytes, layout: Layout) -> None:
    """Raises: RecordTrailer where the bytes before the trailer are not those it was made of."""
    said = layout.trailer.checksum
    if not any(_checksum(part, said) == said for part in _readings(raw, layout)):
        raise RecordTrailer(
            "The checksum of the trailer does not fit the rows.",
            "The file was changed or damaged on its way: ask the acquirer for it again.",
            line=_line_at(raw, layout.rows_end),
        )


def _header(line: str) -> tuple[str, tuple[str, ...]]:
    delimiter = ";" if line.count(";") >= line.count(",") else ","
    names = tuple(name.strip().strip('"').strip().lower() for name in line.strip().split(delimiter))
    missing = [name for name in COLUMNS if name not in names and name not in OPTIONAL]
    if missing:
        raise RecordColumns(
            f"These columns are missing: {', '.join(missing)}.",
            "The first line must name the columns, parted by ; or by commas.", line=1,
        )  # fmt: skip
    strange = [name for name in names if name not in COLUMNS]
    if strange or len(set(names)) != len(names):
        told = ", ".join(strange) or "a name stands twice"
        raise RecordColumns(f"Not columns of such a file: {told}.", "Remove them.", line=1)
    return delimiter, names


def _trailer(raw: bytes, start: int, end: int, delimiter: str) -> Trailer:
    cells = [cell.strip().strip('"') for cell in _text(raw, start, end).split(delimiter)]
    while cells and not cells[-1]:
        cells.pop()
    if not cells or cells[0].upper() != TRAILER:
        raise RecordCut(
            "The file does not end with a trailer.",
            "It was cut on its way: ask the acquirer for it again.", line=_line_at(raw, start),
        )  # fmt: skip
    if len(cells) not in (6, 7):
        raise RecordTrailer(
            f"The trailer has {len(cells)} cells.",
            "It must say rows, sums of amount, fee and net, and a checksum.",
            line=_line_at(raw, start),
        )
    try:
        numbers = [int(_DIGITS.fullmatch(cell)[0]) for cell in cells[1:-1]]  # type: ignore[index]
    except TypeError:
        raise RecordTrailer(
            "A sum of the trailer is no whole number.",
            "Write digits alone: 1000000.",
            line=_line_at(raw, start),
        ) from None
    return Trailer(
        row_count=numbers[0],
        amount_vnd=numbers[1],
        fee_vnd=numbers[2],
        fee_vat_vnd=numbers[3] if len(numbers) == 5 else None,
        net_vnd=numbers[-1],
        checksum=cells[-1].lower(),
    )


def _readings(raw: bytes, layout: Layout) -> Iterator[bytes | memoryview]:
    """The bytes before the trailer, as they were before a transport or an editor changed them."""
    yield memoryview(raw)[layout.text_start : layout.rows_end]
    if layout.text_start:
        yield memoryview(raw)[: layout.rows_end]
    if b"\r\n" in raw[layout.text_start : layout.rows_start]:
        yield raw[layout.text_start : layout.rows_end].replace(b"\r\n", b"\n")
    else:
        yield raw[layout.text_start : layout.rows_end].replace(b"\n", b"\r\n")


def _checksum(part: bytes | memoryview, like: str) -> str:
    if len(like) == 8:
        return f"{zlib.crc32(part):08x}"
    kind = _HASHES.get(len(like))
    return "" if kind is None else kind(part, usedforsecurity=False).hexdigest()


def _text(raw: bytes, start: int, end: int) -> str:
    try:
        return raw[start:end].decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise RecordEncoding(
            "A letter is not UTF-8.", "Save the file as UTF-8 and try again.",
            line=_line_at(raw, start),
        ) from wrong  # fmt: skip


def _line_at(raw: bytes, start: int) -> int:
    """Counted only where something is wrong: it takes a pass over the file."""
    return raw.count(b"\n", 0, start) + 1
