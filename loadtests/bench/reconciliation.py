"""Reconciling a settlement file: its time over one pass of csv.reader over the same file.

    python -m loadtests.bench.reconciliation [--rows 1000000] [--runs 3] [--load] [--json FILE]

Makes its own PostgreSQL in a scratch folder, fills it with a day of receipts and writes the file that
an acquirer would send, with fifty wrong amounts, fifty wrong fees and fifty rows missing on each side;
then compares it, and asserts that exactly those were found.
"""

import argparse
import asyncio
import csv
import hashlib
import io
import json
import sys
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

import payments
from market import db, ids
from market.embedded import Cluster
from payments.reconciliation.provider_file import COLUMNS

DAY = date(2026, 11, 22)
START = datetime(2026, 11, 21, 17, tzinfo=UTC)
WRONG = 50
"""Of each kind of difference."""
OWNERS = 2_000


def main() -> int:
    """Measure, print, and exit 1 where what was found is not what was hidden."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--load", action="store_true", help="keep it as a session too, once")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cho-bench-") as folder:
        cluster = Cluster(Path(folder))
        try:
            url = cluster.start()
            db.migrate(url)
            figures = asyncio.run(_bench(url, options.rows, options.runs, is_loaded=options.load))
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name}: {value}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if figures["found"] == figures["hidden"] else 1


async def _bench(url: str, rows: int, runs: int, *, is_loaded: bool) -> dict[str, Any]:
    _say("filling")
    owners = [ids.new() for _ in range(OWNERS)]
    await _fill(url, rows, owners)
    raw = _file(rows)
    passes = [_pass(raw) for _ in range(runs)]
    times, found = [], {}
    for run in range(runs):
        _say(f"run {run + 1} of {runs}")
        began = time.perf_counter()
        told = await payments.compare_provider_file(url, raw, acquirer="vnpay")
        times.append(time.perf_counter() - began)
        found = told.counts
    figures: dict[str, Any] = {
        "rows": rows,
        "file_mb": round(len(raw) / 1e6, 1),
        "csv_reader_s": [round(one, 3) for one in passes],
        "compare_s": [round(one, 3) for one in times],
        "ratio_of_medians": round(_median(times) / _median(passes), 2),
        "ratio_of_best": round(min(times) / min(passes), 2),
        "hidden": {
            "amount_mismatch": WRONG,
            "fee_mismatch": WRONG,
            "missing_local": WRONG,
            "missing_provider": WRONG,
        },
        "found": found,
    }
    if is_loaded:
        _say("loading")
        began = time.perf_counter()
        await payments.load_provider_file(
            url, raw, session_id=ids.new(), acquirer="vnpay", now=datetime(2026, 11, 23, tzinfo=UTC)
        )
        figures["load_s"] = round(time.perf_counter() - began, 3)
    return figures


async def _fill(url: str, rows: int, owners: list[Any]) -> None:
    """Receipts as the ledger would have written them; the books do not matter here."""
    connection = await asyncpg.connect(url)
    columns = (
        "business_date", "id", "owner_id", "payment_id", "gateway", "provider_id", "reference",
        "amount_vnd", "direction", "outcome", "memo", "account_no", "bank_bin", "payment_ref",
        "detail", "digest", "occurred_at", "recorded_at",
    )  # fmt: skip

    def records() -> Any:
        for number in range(rows + WRONG):
            if 3 * WRONG <= number < 4 * WRONG:
                continue  # the notice was lost
            payment_id = ids.new()
            at = START + timedelta(seconds=number % 86_400)
            yield (
                DAY, ids.new(), owners[number % OWNERS], payment_id, "vnpay",
                str(15_000_000 + number), f"VNP{number}", _amount(number), "in", "settled",
                f"Thanh toan {number}", "", "", payment_id.hex, "00/00", b"\0" * 16, at, at,
            )  # fmt: skip

    await connection.copy_records_to_table(
        "receipt", schema_name="payments", columns=columns, records=records()
    )
    await connection.execute("VACUUM ANALYZE payments.receipt")
    await connection.execute("CHECKPOINT")
    await connection.close()


def _amount(number: int) -> int:
    return 10_000 + number % 500 * 1_000


def _file(rows: int) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(COLUMNS)
    sums = [0, 0, 0, 0]
    for number in range(rows):
        amount = _amount(number) + (number < WRONG)
        fee = (amount * 90 + 5_000) // 10_000 + (WRONG <= number < 2 * WRONG)
        vat = (fee * 1_000 + 5_000) // 10_000
        if WRONG <= number < 2 * WRONG:
            vat = ((fee - 1) * 1_000 + 5_000) // 10_000
        values = (amount, fee, vat, amount - fee - vat)
        sums = [one + value for one, value in zip(sums, values, strict=True)]
        at = START + timedelta(seconds=number % 86_400, hours=7)
        writer.writerow((
            DAY.isoformat(), number + 1, "CHO4BNCH", f"{number:032x}", 15_000_000 + number,
            f"VNP{number}", "NCB", "PAYMENT", at.strftime("%Y%m%d%H%M%S"), *values, "VND", "00", "", "",
        ))  # fmt: skip
    body = text.getvalue().encode()
    trailer = ["TRAILER", rows, *sums, hashlib.sha256(body).hexdigest()]
    return body + ";".join(map(str, trailer)).encode() + b"\n"


def _pass(raw: bytes) -> float:
    """One pass of csv.reader over the same bytes."""
    began = time.perf_counter()
    for _ in csv.reader(io.TextIOWrapper(io.BytesIO(raw), "utf-8", newline=""), delimiter=";"):
        pass
    return time.perf_counter() - began


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _say(what: str) -> None:
    sys.stderr.write(f"{what} …\n")


if __name__ == "__main__":
    sys.exit(main())
