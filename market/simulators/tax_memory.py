"""What the simulated tax authority remembers: `memory.Known` on its sqlite3 file."""

import base64
import hashlib
import json
from datetime import date, datetime

from einvoice import envelope, findings, memory
from einvoice.invoice import Method
from market.simulators.state import Store

PREFIX_LETTERS = "ABCDEGHKLMNPQRSTUVXY0123456789"
SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    code TEXT PRIMARY KEY, digest TEXT NOT NULL, kind INTEGER NOT NULL, tax_id TEXT NOT NULL,
    count INTEGER NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    result TEXT NOT NULL, body BLOB NOT NULL, replies TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS seller (
    tax_id TEXT PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL UNIQUE,
    suspended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS seller_forms (tax_id TEXT PRIMARY KEY, forms TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delegation (
    tax_id TEXT NOT NULL, delegate_tax_id TEXT NOT NULL, name TEXT NOT NULL,
    template INTEGER NOT NULL, letters TEXT NOT NULL, valid_from TEXT NOT NULL,
    valid_to TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS invoice (
    tax_id TEXT NOT NULL, template INTEGER NOT NULL, symbol TEXT NOT NULL, number INTEGER NOT NULL,
    digest TEXT NOT NULL, code TEXT NOT NULL UNIQUE, payable_vnd INTEGER NOT NULL,
    corrects TEXT NOT NULL, method INTEGER NOT NULL, late INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (tax_id, template, symbol, number)
);
CREATE TABLE IF NOT EXISTS listed (corrects TEXT PRIMARY KEY, method INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS invoice_corrects ON invoice (corrects) WHERE corrects <> '';
CREATE TABLE IF NOT EXISTS queued (
    id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, xml BLOB NOT NULL, due REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS reply (
    position INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, xml BLOB NOT NULL
);
"""


class Memory:
    """What the authority remembers: `memory.Known` on its sqlite3 file."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def answer_to(self, code: str) -> tuple[str, tuple[bytes, ...]] | None:
        """See memory.Known."""
        row = self._store.row("SELECT digest, replies FROM message WHERE code = ?", code)
        if row is None:
            return None
        return row["digest"], tuple(base64.b64decode(one) for one in json.loads(row["replies"]))

    def seller(self, tax_id: str) -> memory.KnownSeller | None:
        """See memory.Known."""
        row = self._store.row(
            "SELECT s.*, coalesce(f.forms, '') AS forms FROM seller s"
            " LEFT JOIN seller_forms f ON f.tax_id = s.tax_id WHERE s.tax_id = ?",
            tax_id,
        )
        if row is None:
            return None
        forms = tuple(row["forms"].split())
        return memory.KnownSeller(tax_id, row["name"], row["prefix"], bool(row["suspended"]), forms)

    def delegations(self, tax_id: str, delegate_tax_id: str) -> list[memory.KnownDelegation]:
        """See memory.Known."""
        rows = self._store.rows(
            "SELECT * FROM delegation WHERE tax_id = ? AND delegate_tax_id = ?",
            tax_id, delegate_tax_id,
        )  # fmt: skip
        return [
            memory.KnownDelegation(
                tax_id, row["name"], delegate_tax_id, row["template"], row["letters"],
                date.fromisoformat(row["valid_from"]), date.fromisoformat(row["valid_to"]),
            )
            for row in rows
        ]  # fmt: skip

    def fresh_prefix(self, tax_id: str) -> str:
        """See memory.Known; the same for the same tax id unless somebody has it."""
        for attempt in range(1_000):
            number = int.from_bytes(hashlib.sha256(f"{tax_id}/{attempt}".encode()).digest()[:8])
            base = len(PREFIX_LETTERS)
            prefix = "".join(PREFIX_LETTERS[number // base**place % base] for place in range(5))
            if self._store.row("SELECT 1 FROM seller WHERE prefix = ?", prefix) is None:
                return prefix
        raise AssertionError("no prefix is free")

    def invoice(self, key: memory.InvoiceKey) -> memory.KnownInvoice | None:
        """See memory.Known."""
        row = self._store.row(
            "SELECT * FROM invoice WHERE tax_id = ? AND template = ? AND symbol = ? AND number = ?",
            *key,
        )
        if row is None:
            return None
        return memory.KnownInvoice(key, row["digest"], row["code"], row["payable_vnd"])

    def holder_of_code(self, code: str) -> memory.InvoiceKey | None:
        """See memory.Known."""
        row = self._store.row("SELECT * FROM invoice WHERE code = ?", code)
        if row is None:
            return None
        return row["tax_id"], row["template"], row["symbol"], row["number"]

    def correction_of(self, key: memory.InvoiceKey) -> Method | None:
        """See memory.Known."""
        row = self._store.row(
            "SELECT method FROM invoice WHERE corrects = ?1"
            " UNION ALL SELECT method FROM listed WHERE corrects = ?1",
            json.dumps(key),
        )
        return None if row is None else Method(row["method"])

    def remember(self, answer: memory.Answer, body: bytes, now: datetime) -> None:
        """Keep the message, its answer and what was accepted by it, or count its repetition."""
        with self._store.transaction():
            if answer.seller is not None:
                self.admit(answer.seller)
            for contract in answer.delegations:
                self._agree(contract)
            for one in answer.invoices:
                self._keep(one, now)
            if answer.is_repeat:
                self._store.run("UPDATE message SET times = times + 1 WHERE code = ?", answer.code)
            elif answer.code:
                self._keep_message(answer, body, now)

    def admit(self, seller: memory.KnownSeller) -> None:
        """Make a seller known; again with another name renames."""
        self._store.run(
            "INSERT INTO seller (tax_id, name, prefix, suspended) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (tax_id) DO UPDATE SET name = excluded.name, prefix = excluded.prefix",
            seller.tax_id, seller.name, seller.code_prefix, int(seller.suspended),
        )  # fmt: skip
        self._store.run(
            "INSERT INTO seller_forms VALUES (?, ?)"
            " ON CONFLICT (tax_id) DO UPDATE SET forms = excluded.forms",
            seller.tax_id, " ".join(seller.forms),
        )  # fmt: skip

    def _agree(self, one: memory.KnownDelegation) -> None:
        if self.seller(one.tax_id) is None:
            self.admit(one.seller)
        self._store.run(
            "INSERT INTO delegation VALUES (?, ?, ?, ?, ?, ?, ?)", one.tax_id, one.delegate_tax_id,
            one.name, one.template, one.letters, one.valid_from.isoformat(),
            one.valid_to.isoformat(),
        )  # fmt: skip

    def _keep(self, one: memory.KnownInvoice, now: datetime) -> None:
        self._store.run(
            "INSERT INTO invoice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *one.key, one.digest, one.code or _no_code(one.key), one.payable_vnd,
            json.dumps(one.corrects) if one.corrects else "", int(one.method or 0),
            int(one.is_late), now.isoformat(),
        )  # fmt: skip
        for other in one.beside:
            self._store.run(
                "INSERT INTO listed VALUES (?, ?) ON CONFLICT DO NOTHING",
                json.dumps(other), int(one.method or 0),
            )  # fmt: skip

    def _keep_message(self, answer: memory.Answer, body: bytes, now: datetime) -> None:
        header = envelope.read_message(body).header
        found = [findings.finding_in(envelope.read_message(one)) for one in answer.later]
        results = [
            "nhận" if one.accepted else "từ chối" for one in found if one.accepted is not None
        ]
        replies = [base64.b64encode(one).decode() for one in (answer.immediate, *answer.later)]
        self._store.run(
            "INSERT INTO message (code, digest, kind, tax_id, count, at, result, body, replies)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            answer.code, answer.digest, header.kind, header.tax_id, header.count, now.isoformat(),
            ", ".join(results), body, json.dumps(replies),
        )  # fmt: skip


def _no_code(key: memory.InvoiceKey) -> str:
    """What stands in the column of codes for an invoice without one: no code looks like it."""
    return "-" + "/".join(map(str, key))
