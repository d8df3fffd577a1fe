"""Commands about the database: `market db migrate`, `db check`, `audit`."""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import payments
from market import db
from market.embedded import Cluster
from market.settings import Settings, SettingsError

BAR_WIDTH = 30


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


def audit(
    settings: Settings,
    *,
    as_json: bool,
    quiet: bool,
    heads: Path | None = None,
    write_heads: Path | None = None,
) -> int:
    """Whether everything in the ledger agrees with everything else; 1 if anything does not.

    `heads` is a file of an earlier `write_heads`; a chain that no longer holds them was made anew.
    ChainHeads are written only of a ledger that agrees.
    """
    kept = None if heads is None else _read_heads(heads)
    with opened(settings) as url:
        report = asyncio.run(payments.audit(url, None if quiet else _Bar(), heads=kept))
    if as_json:
        _say(msgspec.json.encode(report).decode())
    else:
        _say_report(report)
    if write_heads is not None and report.is_clean:
        write_heads.write_bytes(msgspec.json.format(msgspec.json.encode(report.heads)) + b"\n")
    return 0 if report.is_clean else 1


def _read_heads(path: Path) -> payments.ChainHeads:
    try:
        return msgspec.json.decode(path.read_bytes(), type=payments.ChainHeads)
    except (OSError, msgspec.MsgspecError) as error:
        raise SettingsError(f"{path} has no heads of the hash chain: {error}") from error


def _say_report(report: payments.Report) -> None:
    _say(
        f"{report.transfer_count:,} transfers, {report.receipt_count:,} receipts,"
        f" {report.payment_count:,} payments, {report.account_count:,} accounts,"
        f" {report.event_count:,} events, {report.entry_count:,} statement lines,"
        f" {report.hold_count:,} holds, {report.refund_count:,} refunds."
    )
    heads = report.heads
    if heads.number:
        _say(f"Sealed up to position {heads.position} by round {heads.number}, {heads.hash}.")
    for problem in report.problems:
        _say(f"{problem.check}: {problem.sentence}")
    _say("Everything agrees." if report.is_clean else "Not everything agrees.")


class _Bar:
    """Tells of rows looked at: a bar in a terminal, a line per check elsewhere."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._said = ""

    def __call__(self, check: str, done: int, total: int) -> None:
        share = done / total if total else 1.0
        if not self._is_terminal:
            if check and check != self._said:
                sys.stderr.write(f"{share:4.0%} {check}\n")
            self._said = check
            return
        text = f"{'█' * int(BAR_WIDTH * share):░<{BAR_WIDTH}} {share:4.0%} {done:,} rows · {check}"
        if text != self._said:
            self._said = text
            sys.stderr.write(f"\r\x1b[2K{text}" if check else "\r\x1b[2K")
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
