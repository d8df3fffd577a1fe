"""Cơ quan thuế Mô Phỏng: takes e-invoice messages, checks them as the authority would, answers later.

Wire: POST /messages (one TDiep, answered by its 999) and GET /replies?after= (notices that are out,
in the order they came out). With `push` every notice is also sent to {market_url}/hooks/tax.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding
from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException, NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Redirect, Template

from einvoice import checks, envelope, findings, keys, memory
from einvoice.errors import TaxIdInvalid
from einvoice.identifiers import tax_id_of
from einvoice.invoice import Method
from market import clock, ids
from market.simulators import partner
from market.simulators.faults import Faults
from market.simulators.notifier import Answered, Delivery, Notifier
from market.simulators.state import Store

AUTHORITY_TAX_ID = "0100000000"
AUTHORITY_NAME = "CỤC THUẾ (MÔ PHỎNG)"
PUSH_WAITS_S = (1.0, 5.0, 30.0)
REPLIES_MAX = 200
FAULTS = ("down", "lose", "silent", "drop", "double", "delay", "delay_s", "reorder")
"""down: 503 · lose: taken in, but the connection gives no 999 · silent: the 999 comes with the
notices · drop: the notices are never sent · double: sent twice · delay: late · reorder: notices in
reverse order."""
PREFIX_LETTERS = "ABCDEGHKLMNPQRSTUVXY0123456789"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
    code TEXT PRIMARY KEY, digest TEXT NOT NULL, kind INTEGER NOT NULL, tax_id TEXT NOT NULL,
    count INTEGER NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL DEFAULT 1,
    result TEXT NOT NULL, body BLOB NOT NULL, replies TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS seller (
    tax_id TEXT PRIMARY KEY, name TEXT NOT NULL, prefix TEXT NOT NULL UNIQUE,
    suspended INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS invoice (
    tax_id TEXT NOT NULL, template INTEGER NOT NULL, symbol TEXT NOT NULL, number INTEGER NOT NULL,
    digest TEXT NOT NULL, code TEXT NOT NULL UNIQUE, payable_vnd INTEGER NOT NULL,
    corrects TEXT NOT NULL, method INTEGER NOT NULL, late INTEGER NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (tax_id, template, symbol, number)
);
CREATE INDEX IF NOT EXISTS invoice_corrects ON invoice (corrects) WHERE corrects <> '';
CREATE TABLE IF NOT EXISTS queued (
    id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, xml BLOB NOT NULL, due REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS reply (
    position INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT NOT NULL, xml BLOB NOT NULL
);
"""


@dataclass(frozen=True)
class TaxConfig:
    """How the simulated authority runs."""

    state_path: Path
    """Its sqlite3 file; its key lies beside it."""
    market_url: str = "http://127.0.0.1:8000"
    push: bool = False
    """Also POST every notice to {market_url}/hooks/tax."""
    delay_s: float = 0.5
    """How long a check takes."""
    seed: int = 0


class NewSeller(msgspec.Struct):
    """A seller admitted without a registration message."""

    tax_id: str
    name: str


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
        row = self._store.row("SELECT * FROM seller WHERE tax_id = ?", tax_id)
        if row is None:
            return None
        return memory.KnownSeller(row["tax_id"], row["name"], row["prefix"], bool(row["suspended"]))

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
        row = self._store.row("SELECT method FROM invoice WHERE corrects = ?", json.dumps(key))
        return None if row is None else Method(row["method"])

    def remember(self, answer: memory.Answer, body: bytes, now: datetime) -> None:
        """Keep the message, its answer and what was accepted by it, or count its repetition."""
        with self._store.transaction():
            if answer.seller is not None:
                self.admit(answer.seller)
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
            " ON CONFLICT (tax_id) DO UPDATE SET name = excluded.name",
            seller.tax_id, seller.name, seller.code_prefix, int(seller.suspended),
        )  # fmt: skip

    def _keep(self, one: memory.KnownInvoice, now: datetime) -> None:
        self._store.run(
            "INSERT INTO invoice VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *one.key, one.digest, one.code or _no_code(one.key), one.payable_vnd,
            json.dumps(one.corrects) if one.corrects else "", int(one.method or 0),
            int(one.is_late), now.isoformat(),
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


class Tax:
    """The authority: its memory, its key, what it does wrong on purpose."""

    def __init__(self, config: TaxConfig) -> None:
        self.config = config
        self.store = Store(config.state_path, _SCHEMA)
        self.memory = Memory(self.store)
        self.faults = Faults(self.store, FAULTS, config.seed)
        self.notifier = Notifier(self.store, self._push, PUSH_WAITS_S, clock.now)
        folder = keys.KeyFolder(config.state_path.parent / f"{config.state_path.stem}-key")
        self.signer = folder.signer(AUTHORITY_TAX_ID, AUTHORITY_NAME, clock.now())

    def take(self, body: bytes, now: datetime) -> bytes:
        """Check a message, queue its notices; the 999, or nothing where it comes later."""
        office = memory.Office(self.signer, ids.new, now)
        answer = checks.check_message(body, self.memory, office)
        self.memory.remember(answer, body, now)
        silent = self.faults.strikes("silent")
        self._queue(answer, now, with_immediate=silent)
        return b"" if silent or self.faults.strikes("lose") else answer.immediate

    def replies(self, after: int, now: datetime) -> list[dict[str, Any]]:
        """What is out by now, in the order it came out."""
        with self.store.transaction():
            for row in self.store.rows(
                "SELECT * FROM queued WHERE due <= ? ORDER BY due, id", now.timestamp()
            ):
                self.store.run(
                    "INSERT INTO reply (code, xml) VALUES (?, ?)", row["code"], row["xml"]
                )
                self.store.run("DELETE FROM queued WHERE id = ?", row["id"])
        rows = self.store.rows(
            "SELECT position, xml FROM reply WHERE position > ? ORDER BY position LIMIT ?",
            after, REPLIES_MAX,
        )  # fmt: skip
        return [
            {"position": row["position"], "xml": base64.b64encode(row["xml"]).decode()}
            for row in rows
        ]

    def _queue(self, answer: memory.Answer, now: datetime, *, with_immediate: bool) -> None:
        notices = list(answer.later)
        if self.faults.strikes("drop"):
            notices = []
        if with_immediate:
            notices.insert(0, answer.immediate)
        if self.faults.strikes("reorder"):
            notices.reverse()
        if self.faults.strikes("double"):
            notices += notices
        wait_s = self.config.delay_s
        if self.faults.strikes("delay"):
            wait_s += self.faults.seconds("delay_s") or 30.0
        for index, one in enumerate(notices):
            due = now.timestamp() + wait_s + index / 1_000
            self.store.run(
                "INSERT INTO queued (code, xml, due) VALUES (?, ?, ?)", answer.code, one, due
            )
            if self.config.push:
                self.notifier.owe("notice", answer.code, one.decode(), delay_s=wait_s)

    async def _push(self, client: httpx.AsyncClient, delivery: Delivery) -> Answered:
        response = await client.post(
            f"{self.config.market_url}/hooks/tax",
            content=delivery.body.encode(),
            headers={"content-type": "application/xml"},
        )
        return Answered(response.status_code < 300, response.status_code, response.text)


# ── The wire ────────────────────────────────────────────────────────────────────────────────────


@post("/messages", status_code=200)
async def take_message(
    request: Request[Any, Any, Any], tax: NamedDependency[Tax]
) -> Response[bytes]:
    """One message; answered by its 999, or by nothing on demand."""
    if tax.faults.strikes("down"):
        return Response(b"", status_code=503)
    body = await request.body()
    reply = tax.take(body, clock.now())
    return Response(reply, media_type="application/xml")


@get("/replies", sync_to_thread=False)
def pull_replies(tax: NamedDependency[Tax], after: FromQuery[int] = 0) -> Response[Any]:
    """Notices after a position."""
    if tax.faults.strikes("down"):
        return Response(b"", status_code=503)
    return Response({"replies": tax.replies(after, clock.now())})


@get("/certificate", sync_to_thread=False)
def certificate(tax: NamedDependency[Tax]) -> Response[bytes]:
    """The certificate that notices are signed with, as PEM."""
    return Response(
        tax.signer.certificate.public_bytes(Encoding.PEM), media_type="application/x-pem-file"
    )


# ── Inside, and the control of it ───────────────────────────────────────────────────────────────


@post("/sellers", status_code=201, sync_to_thread=False)
def admit_seller(data: JSONBody[NewSeller], tax: NamedDependency[Tax]) -> dict[str, str]:
    """Register a seller by hand; its code prefix."""
    try:
        tax_id = tax_id_of(data.tax_id)
    except TaxIdInvalid as wrong:
        raise ClientException(str(wrong)) from wrong
    known = tax.memory.seller(tax_id)
    prefix = known.code_prefix if known else tax.memory.fresh_prefix(tax_id)
    tax.memory.admit(memory.KnownSeller(tax_id, data.name, prefix))
    return {"tax_id": tax_id, "code_prefix": prefix}


@post("/sellers/{tax_id:str}/suspend", status_code=303, sync_to_thread=False)
def suspend_seller(tax_id: FromPath[str], tax: NamedDependency[Tax]) -> Redirect:
    """Suspend a seller, or let it go on."""
    tax.store.run("UPDATE seller SET suspended = 1 - suspended WHERE tax_id = ?", tax_id)
    return Redirect("/", status_code=303)


@get("/", sync_to_thread=False)
def inside(tax: NamedDependency[Tax], code: FromQuery[str] = "") -> Template:
    """Look up an invoice by its code; the last messages, sellers, invoices, and the faults."""
    store = tax.store
    found = store.row("SELECT * FROM invoice WHERE code = ?", code.strip()) if code else None
    context = {
        "code": code,
        "found": found,
        "seller": found and store.row("SELECT * FROM seller WHERE tax_id = ?", found["tax_id"]),
        "messages": store.rows("SELECT * FROM message ORDER BY at DESC LIMIT 30"),
        "sellers": store.rows("SELECT * FROM seller ORDER BY rowid DESC LIMIT 30"),
        "invoices": store.rows("SELECT * FROM invoice ORDER BY at DESC, number DESC LIMIT 30"),
        "counts": _counts(store),
        "faults": {kind: rule for kind, rule in tax.faults.describe().items() if rule},
        "local": lambda text: f"{clock.local(datetime.fromisoformat(text)):%d/%m/%Y %H:%M:%S}",
    }
    return Template("tax_inside.html", context=context)


@get("/inside", sync_to_thread=False)
def inside_too() -> Redirect:
    """The same page, where the other partners have theirs."""
    return Redirect("/")


@get("/messages/{code:str}", sync_to_thread=False)
def message_xml(code: FromPath[str], tax: NamedDependency[Tax]) -> Response[bytes]:
    """A message as it came."""
    row = tax.store.row("SELECT body FROM message WHERE code = ?", code)
    if row is None:
        raise NotFoundException("Không có thông điệp này.")
    return Response(row["body"], media_type="application/xml")


@post("/control", status_code=200)
async def control(
    request: Request[Any, Any, Any], tax: NamedDependency[Tax]
) -> Mapping[str, Any] | Redirect:
    """Misbehave: down, lose, silent, drop, double, delay (delay_s seconds), reorder."""
    changed = await partner.change_faults(request, tax.faults)
    if request.headers.get("content-type", "").startswith("application/json"):
        return changed
    return Redirect("/", status_code=303)


def _counts(store: Store) -> dict[str, int]:
    row = store.row(
        "SELECT (SELECT count(*) FROM seller) AS sellers, (SELECT count(*) FROM message) AS messages,"
        " (SELECT count(*) FROM invoice) AS invoices, (SELECT count(*) FROM queued) AS queued,"
        " (SELECT coalesce(sum(payable_vnd), 0) FROM invoice) AS payable_vnd"
    )
    assert row is not None
    return dict(row)


def create_app(config: TaxConfig) -> Litestar:
    """The authority as an app."""
    tax = Tax(config)
    handlers = [
        take_message, pull_replies, certificate, admit_seller, suspend_seller, inside, inside_too,
        message_xml, control,
    ]  # fmt: skip
    provided = {"tax": Provide(lambda: tax, sync_to_thread=False)}
    return partner.app(handlers, provided, tax.notifier, tax.store)
