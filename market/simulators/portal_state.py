"""What the simulated provincial portal remembers: listings, answers by key, faults to come, a log."""

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

LOG_ROWS_MAX = 2_000
PAGE_SIZE = 100

_TABLES = """
CREATE TABLE IF NOT EXISTS listing (
    sku TEXT PRIMARY KEY, remote_id TEXT UNIQUE NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '', received_at TEXT NOT NULL, changed_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS answered (key TEXT PRIMARY KEY, status INTEGER, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fault (
    id INTEGER PRIMARY KEY, kind TEXT NOT NULL, left_count INTEGER NOT NULL, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    key TEXT NOT NULL, status INTEGER NOT NULL, fault TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A listing as the portal has it; `body` is what the seller sent last."""

    sku: str
    remote_id: str
    body: dict[str, Any]
    state: str
    reason: str
    received_at: datetime
    changed_at: datetime


class PortalState:
    """A file that survives restarts. One process, one thread."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode = WAL;" + _TABLES)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def listing(self, sku: str) -> Shown | None:
        """The listing of a seller's SKU."""
        return next(iter(self._read("WHERE sku = ?", (sku,))), None)

    def by_remote_id(self, remote_id: str) -> Shown | None:
        """The listing with the portal's own number."""
        return next(iter(self._read("WHERE remote_id = ?", (remote_id,))), None)

    def listings(self, *, after: str = "", states: tuple[str, ...] = ()) -> list[Shown]:
        """A page of listings by SKU, of some states or all."""
        marks = ", ".join("?" * len(states))
        where = f"WHERE sku > ? AND state IN ({marks})" if states else "WHERE sku > ?"
        return self._read(f"{where} ORDER BY sku LIMIT {PAGE_SIZE}", (after, *states))

    def newest(self, states: tuple[str, ...], *, words: str = "", limit: int = 60) -> list[Shown]:
        """The latest changed first."""
        marks = ", ".join("?" * len(states))
        like = "%" + words.replace("%", "").replace("_", "") + "%"
        return self._read(
            f"WHERE state IN ({marks}) AND json_extract(body, '$.ten') LIKE ?"
            f" ORDER BY changed_at DESC, sku LIMIT {limit:d}",
            (*states, like),
        )

    def counts(self) -> dict[str, int]:
        """How many listings are in each state."""
        return dict(self._db.execute("SELECT state, count(*) FROM listing GROUP BY state"))

    def put(self, sku: str, body: dict[str, Any], state: str, now: datetime) -> Shown:
        """Store what a seller sent; a new listing gets the next number."""
        number = self._db.execute("SELECT count(*) + 1 FROM listing").fetchone()[0]
        at = now.isoformat()
        self._db.execute(
            "INSERT INTO listing (sku, remote_id, body, state, received_at, changed_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sku) DO UPDATE SET body = excluded.body,"
            " state = excluded.state, reason = '', received_at = excluded.received_at,"
            " changed_at = excluded.changed_at",
            (sku, f"TH{number:06d}", json.dumps(body, ensure_ascii=False), state, at, at),
        )
        shown = self.listing(sku)
        assert shown is not None
        return shown

    def change(
        self,
        sku: str,
        now: datetime,
        *,
        body: dict[str, Any] | None = None,
        state: str = "",
        reason: str = "",
    ) -> None:
        """Change what is given; the rest stays."""
        known = self.listing(sku)
        assert known is not None
        self._db.execute(
            "UPDATE listing SET body = ?, state = ?, reason = ?, changed_at = ? WHERE sku = ?",
            (
                json.dumps(known.body if body is None else body, ensure_ascii=False),
                state or known.state,
                reason if state else known.reason,
                now.isoformat(),
                sku,
            ),
        )

    def approve_older(self, than: timedelta, now: datetime) -> None:
        """The moderator who never sleeps: what waited long enough is shown."""
        self._db.execute(
            "UPDATE listing SET state = 'dang_hien' WHERE state = 'cho_duyet' AND received_at <= ?",
            ((now - than).isoformat(),),
        )

    def answer(self, key: str) -> tuple[int, str] | None:
        """What was answered to an idempotency key."""
        found = self._db.execute("SELECT status, body FROM answered WHERE key = ?", (key,))
        row = found.fetchone()
        return None if row is None else (row[0], row[1])

    def keep_answer(self, key: str, status: int, body: str) -> None:
        """Remember an answer, so that the same key has no second effect."""
        self._db.execute("INSERT OR IGNORE INTO answered VALUES (?, ?, ?)", (key, status, body))

    def add_fault(self, kind: str, count: int, value: str) -> None:
        """Misbehave on the next `count` calls."""
        self._db.execute(
            "INSERT INTO fault (kind, left_count, value) VALUES (?, ?, ?)", (kind, count, value)
        )

    def take_fault(self) -> tuple[str, str]:
        """The fault of this call, used up by it; (“”, “”) when all is well."""
        row = self._db.execute("SELECT id, kind, value FROM fault ORDER BY id LIMIT 1").fetchone()
        if row is None:
            return "", ""
        self._db.execute("UPDATE fault SET left_count = left_count - 1 WHERE id = ?", (row[0],))
        self._db.execute("DELETE FROM fault WHERE left_count <= 0")
        return row[1], row[2]

    def faults(self) -> list[tuple[str, int, str]]:
        """Faults to come, as (kind, how often, value)."""
        return self._db.execute("SELECT kind, left_count, value FROM fault ORDER BY id").fetchall()

    def clear_faults(self) -> None:
        """Behave from now on."""
        self._db.execute("DELETE FROM fault")

    def write_log(
        self, now: datetime, method: str, path: str, key: str, status: int, fault: str
    ) -> None:
        """One line of the log; the oldest ones go."""
        self._db.execute(
            "INSERT INTO log (at, method, path, key, status, fault) VALUES (?, ?, ?, ?, ?, ?)",
            (now.isoformat(), method, path, key, status, fault),
        )
        self._db.execute(
            "DELETE FROM log WHERE id <= (SELECT max(id) FROM log) - ?", (LOG_ROWS_MAX,)
        )

    def log(self, limit: int = 30) -> list[tuple[str, str, str, str, int, str]]:
        """The latest calls first: at, method, path, key, status, fault."""
        return self._db.execute(
            "SELECT at, method, path, key, status, fault FROM log ORDER BY id DESC LIMIT ?",
            (limit,),
        ).fetchall()

    def _read(self, tail: str, values: tuple[object, ...]) -> list[Shown]:
        rows = self._db.execute(
            "SELECT sku, remote_id, body, state, reason, received_at, changed_at FROM listing "  # noqa: S608 - tails are written in this file
            + tail,
            values,
        )
        return [
            Shown(
                sku,
                remote_id,
                json.loads(body),
                state,
                reason,
                datetime.fromisoformat(received),
                datetime.fromisoformat(changed),
            )
            for sku, remote_id, body, state, reason, received, changed in rows
        ]
