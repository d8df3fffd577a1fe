"""Commands about the database: `market db migrate`, `db check`, `audit`."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from market import db
from market.embedded import Cluster
from market.settings import Settings


def migrate(settings: Settings) -> int:
    """Bring every schema up to date."""
    with opened(settings) as url:
        db.migrate(url)
    return 0


def check(settings: Settings, *, scratch: bool, as_json: bool) -> int:
    """Whether the migrated database is what the code expects; 1 if it is not."""
    with _scratch() if scratch else opened(settings) as url:
        if scratch:
            db.migrate(url)
        found = db.differences(url)
    if as_json:
        _say(json.dumps({schema: [str(one) for one in wrong] for schema, wrong in found.items()}))
    elif found:
        for schema, wrong in found.items():
            _say("\n".join(f"{schema}: {one}" for one in wrong))
        _say("The tables in code differ from the migrations: write one with `make migration`.")
    else:
        _say("The database is what the code expects.")
    return 1 if found else 0


def audit(settings: Settings, *, as_json: bool, quiet: bool) -> int:
    """Whether everything in the ledger agrees with everything else; 1 if anything does not."""
    import payments

    progress = None if quiet or not sys.stderr.isatty() else _progress
    with opened(settings) as url:
        report = asyncio.run(payments.audit(url, progress))
    if progress is not None:
        sys.stderr.write("\r\x1b[2K")
    if as_json:
        _say(msgspec.json.encode(report).decode())
    else:
        _say(
            f"{report.transfer_count:,} transfers, {report.receipt_count:,} receipts,"
            f" {report.payment_count:,} payments, {report.account_count:,} accounts,"
            f" {report.event_count:,} events."
        )
        for problem in report.problems:
            _say(f"{problem.check}: {problem.sentence}")
        _say("Everything agrees." if report.is_clean else "Not everything agrees.")
    return 0 if report.is_clean else 1


def _progress(check: str, done: int, count: int) -> None:
    sys.stderr.write(f"\r\x1b[2K{done}/{count} {check}")
    sys.stderr.flush()


@contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """The market's database for one command; an embedded one is stopped again if we started it."""
    if settings.database_url:
        yield settings.database_url
        return
    cluster = Cluster(settings.data.resolve())
    was_running = cluster.pid() is not None
    url = cluster.start()
    try:
        yield url
    finally:
        if not was_running:
            cluster.stop()


@contextmanager
def _scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="cho-scratch-") as folder:
        cluster = Cluster(Path(folder))
        try:
            yield cluster.start()
        finally:
            cluster.stop()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
