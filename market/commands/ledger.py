"""Commands about the ledger: `market ledger post FILE`."""

import asyncio
import csv
import sys
from collections import Counter
from pathlib import Path

import msgspec

import payments
from market.commands.database import opened
from market.db import ROLE_SYSTEM
from market.settings import Settings

WELL = {payments.Outcome.POSTED, payments.Outcome.ALREADY_POSTED}
SHOWN_EVERY = 10_000


def post(settings: Settings, file: Path, answers: Path | None, *, as_json: bool) -> int:
    """Post a file of transfers; 1 if any line is not in the ledger afterwards."""
    with opened(settings) as url:
        try:
            counts = asyncio.run(_post(url, file, answers))
        except (OSError, UnicodeDecodeError, payments.PaymentError) as error:
            sys.stderr.write(f"market: {file}: {error}\n")
            return 1
    if as_json:
        sys.stdout.write(msgspec.json.encode(counts).decode() + "\n")
    else:
        for outcome, count in counts.items():
            sys.stdout.write(f"{outcome}: {count:,}\n")
    return 0 if set(counts) <= WELL else 1


async def _post(url: str, file: Path, answers: Path | None) -> Counter[str]:
    counts: Counter[str] = Counter()
    ledger = payments.Ledger(url, ROLE_SYSTEM)
    await ledger.start()
    try:
        with (
            file.open(encoding="utf-8-sig", newline="") as lines,
            (answers or Path("/dev/null")).open("w", encoding="utf-8", newline="") as told,
        ):
            writer = csv.writer(told)
            writer.writerow(("line", "id", "outcome", "reason"))
            async for line in payments.post_file(ledger, lines):
                counts[line.outcome.value] += 1
                writer.writerow((line.number, line.id or "", line.outcome.value, line.reason))
                if line.outcome not in WELL and answers is None:
                    about = line.id or line.reason
                    sys.stderr.write(f"line {line.number}: {line.outcome.value} ({about})\n")
                _show(counts.total())
    finally:
        await ledger.close()
    return counts


def _show(count: int) -> None:
    if sys.stderr.isatty() and count % SHOWN_EVERY == 0:
        sys.stderr.write(f"\r\x1b[2K{count:,} lines\r")
        sys.stderr.flush()
