"""Commands about the database: `market db migrate`, `db check`, `audit`."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
