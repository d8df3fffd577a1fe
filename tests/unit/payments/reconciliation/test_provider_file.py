"""Files an acquirer may send, and files nobody should take."""

import hashlib
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from payments.reconciliation import errors
from payments.reconciliation.provider_file import (
    COLUMNS,
    Row,
    check_checksum,
    layout_of,
    rows_of,
    time_of,
    written,
)

ROW = Row(
    seq=1, settlement_date="2026-11-22", tmn_code="T", txn_ref="r", provider_txn_no="15000001",
    bank_tran_no="V1", bank_code="NCB", txn_type="PAYMENT", txn_time="20261122101500",
    amount=85_000, fee=765, fee_vat=77, net_amount=84_158, currency="VND", status="00",
    original_provider_txn_no="", remark="",
)  # fmt: skip
SECOND = replace(ROW, seq=2, provider_txn_no="15000002", amount=12_345, fee=111, fee_vat=11,
                 net_amount=12_223)  # fmt: skip
FILE = written([ROW, SECOND])


def read(raw: bytes, day: date | None = None) -> list[Row]:
    layout = layout_of(raw)
    check_checksum(raw, layout)
    return list(rows_of(raw, layout, day))


def with_checksum(body: bytes) -> bytes:
    """The file as changed, with a checksum that fits: somebody who knows how did it."""
    lines = body.splitlines(keepends=True)
    rest = lines[-1].rstrip().rpartition(b";")[0]
    return (
        b"".join(lines[:-1])
        + rest
        + b";"
        + hashlib.sha256(b"".join(lines[:-1])).hexdigest().encode()
    )


def test_a_file_reads_as_it_was_written():
    assert read(FILE) == [ROW, SECOND]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + FILE,
        FILE.replace(b"\n", b"\r\n"),
        FILE.rstrip(),
        FILE + b"\n\n",
        written([ROW, SECOND], ","),
        written([ROW, SECOND], with_vat=False),
        written([replace(ROW, remark='Phí "lạ"; 2 dòng\nở đây'), SECOND]),
    ],
    ids=["mark", "crlf", "no last end", "empty lines", "commas", "no vat sum", "quoted"],
)
def test_what_a_transport_does_to_a_file_is_no_harm(raw):
    assert [row.amount for row in read(raw)] == [85_000, 12_345]


@pytest.mark.parametrize("kind", ["sha1", "md5", "crc32"])
def test_older_checksums_are_understood(kind):
    body, _, trailer = FILE.rstrip().rpartition(b"\n")
    body += b"\n"
    said = f"{zlib.crc32(body):08X}" if kind == "crc32" else hashlib.new(kind, body).hexdigest()

    raw = body + trailer.rpartition(b";")[0] + b";" + said.encode()

    assert len(read(raw)) == 2


def test_columns_may_stand_in_any_order_and_optional_ones_may_lack():
    names = [name for name in reversed(COLUMNS) if name not in ("remark", "bank_code")]
    lines = [";".join(names)]
    lines += [";".join(str(getattr(row, name)) for name in names) for row in (ROW, SECOND)]
    body = "".join(f"{line}\n" for line in lines).encode()
    trailer = FILE.rstrip().rpartition(b"\n")[2]

    raw = with_checksum(body + trailer)

    assert [row.provider_txn_no for row in read(raw)] == ["15000001", "15000002"]


def bent(old: bytes, new: bytes) -> bytes:
    assert old in FILE
    return with_checksum(FILE.replace(old, new, 1))


HOSTILE = {
    "trailer of other sums": (bent(b";97345;", b";97346;"), errors.RecordTrailer, 4),
    "trailer of another count": (bent(b"TRAILER;2;", b"TRAILER;3;"), errors.RecordTrailer, 4),
    "changed on its way": (FILE.replace(b"NCB", b"VIB", 1), errors.RecordTrailer, 4),
    "no trailer": (FILE.rpartition(b"TRAILER")[0], errors.RecordCut, 3),
    "cut in a row": (FILE[: FILE.index(b"15000002")], errors.RecordCut, 3),
    "cut in the trailer": (FILE[:-40], errors.RecordTrailer, 4),
    "a row twice": (
        with_checksum(written([ROW, ROW])), errors.RecordDoubled, 3,
    ),
    "utf-16": (FILE.decode().encode("utf-16"), errors.RecordEncoding, 1),
    "no utf-8": (bent(b"NCB", b"\xe1\xbb"), errors.RecordEncoding, 2),
    "thousand separators": (bent(b";85000;", b";85.000;"), errors.RecordAmount, 2),
    "decimals": (bent(b";85000;", b";85000.00;"), errors.RecordAmount, 2),
    "a negative payment": (bent(b";85000;", b";-85000;"), errors.RecordAmount, 2),
    "nothing": (bent(b";85000;", b";0;"), errors.RecordAmount, 2),
    "huge": (bent(b";85000;", b";900000000000000;"), errors.RecordAmount, 2),
    "beyond a bigint": (bent(b";85000;", b";99999999999999999999;"), errors.RecordAmount, 2),
    "another currency": (bent(b";VND;", b";USD;"), errors.RecordCurrency, 2),
    "a net that is none": (bent(b";84158;", b";84159;"), errors.RecordSum, 2),
    "another day": (bent(b"2026-11-22;2;", b"2026-11-23;2;"), errors.RecordDay, 3),
    "no day": (bent(b"2026-11-22;2;", b"2026-02-30;2;"), errors.RecordDay, 3),
    "no time": (bent(b"20261122101500", b"20261122251500"), errors.RecordCell, 2),
    "an unknown type": (bent(b"PAYMENT", b"PAYMNT"), errors.RecordCell, 2),
    "no number": (bent(b"15000001", b""), errors.RecordCell, 2),
    "a cell too many": (bent(b";NCB;", b";NCB;;"), errors.RecordCut, 2),
    "missing columns": (FILE.replace(b"net_amount", b"netto", 1), errors.RecordColumns, 1),
    "empty": (b" \n", errors.RecordEmpty, 0),
    "one line": (b"settlement_date;seq", errors.RecordCut, 1),
    "a NUL": (bent(b"NCB", b"\0CB"), errors.RecordEncoding, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_its_line_and_what_to_do(name):
    raw, kind, line = HOSTILE[name]

    with pytest.raises(kind) as raised:
        read(raw)

    assert type(raised.value) is kind
    assert raised.value.line == line
    assert raised.value.what_to_do


def test_a_file_of_another_day_than_asked_is_refused():
    with pytest.raises(errors.RecordDay):
        read(FILE, date(2026, 11, 21))


@pytest.mark.parametrize(
    "text", ["20261122101500", "2026-11-22 10:15:00", "2026-11-22T10:15:00+07:00"]
)
def test_times_are_vietnamese(text):
    assert time_of(text) == datetime(2026, 11, 22, 3, 15, tzinfo=UTC)
