"""What is made behind the hot path: how fast it is sealed and booked, and how fast it is audited.

    python -m loadtests.bench.behind [--rows 1000000] [--seed 1] [--json FILE]

Makes its own PostgreSQL in a scratch folder and fills the journal; then seals all of it, makes the
statements of all accounts, and audits the whole. Exits 1 where the audit does not agree.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

import payments
from loadtests.bench import fill, ours
from loadtests.bench.load import Load
from market import clock
from market.embedded import Cluster

T = TypeVar("T")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cho-bench-") as folder:
        cluster = Cluster(Path(folder))
        try:
            figures = asyncio.run(_measure(cluster.start(), options.rows, Load(options.seed)))
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name}: {value:,}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")
    return 0 if figures["problems"] == 0 else 1


async def _measure(url: str, rows: int, load: Load) -> dict[str, float]:
    await ours.prepare(url, load)
    _say(f"filling {rows:,} rows")
    fill.fill(url, load, rows, lambda _: None)
    now = clock.now()
    _say("sealing")
    sealed, seal_s = await _timed(payments.seal(url, now=now))
    _say("statements")
    _, feed_s = await _timed(payments.feed_statements(url, now=now, seconds_max=None))
    _say("auditing")
    report, audit_s = await _timed(payments.audit(url))
    return {
        "rows": sealed.row_count,
        "sealed_per_s": round(sealed.row_count / seal_s),
        "stated_per_s": round(sealed.row_count / feed_s),
        "audit_s": round(audit_s, 1),
        "problems": len(report.problems),
    }


async def _timed(doing: Awaitable[T]) -> tuple[T, float]:
    began = time.perf_counter()
    done = await doing
    return done, time.perf_counter() - began


def _say(what: str) -> None:
    sys.stderr.write(f"{what}\n")


if __name__ == "__main__":
    raise SystemExit(main())
