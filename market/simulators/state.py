"""What a simulated partner remembers: one sqlite3 file, written through."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SHARED = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
    flaw TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'waiting',
    tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due) WHERE state = 'waiting';
CREATE INDEX IF NOT EXISTS delivery_subject ON delivery (subject);
CREATE TABLE IF NOT EXISTS attempt (
    delivery_id INTEGER NOT NULL, at TEXT NOT NULL, status INTEGER NOT NULL, answer TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS attempt_delivery ON attempt (delivery_id);
"""


class Store:
    """A sqlite3 file with the tables every partner needs and those of one partner."""

    def __init__(self, path: Path, schema: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        self._db.executescript(_SHARED + schema)

    def run(self, statement: str, *values: Any) -> int:
        """Execute one statement; the id of the row it inserted."""
        return self._db.execute(statement, values).lastrowid or 0

    def rows(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        return self._db.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        found: sqlite3.Row | None = self._db.execute(statement, values).fetchone()
        return found

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements inside, or none of them."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def setting(self, name: str, default: Any) -> Any:
        """A remembered value, from JSON."""
        found = self.row("SELECT value FROM setting WHERE name = ?", name)
        return default if found is None else json.loads(found["value"])

    def set_setting(self, name: str, value: Any) -> None:
        """Remember a value as JSON."""
        self.run("INSERT OR REPLACE INTO setting VALUES (?, ?)", name, json.dumps(value))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
