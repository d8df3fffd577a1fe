"""Cơ quan thuế Mô Phỏng: takes e-invoice messages, checks them as the authority would, answers later.

Wire: POST /messages (one TDiep, answered by its 999) and GET /replies?after= (notices that are out,
in the order they came out). With `push` every notice is also sent to {market_url}/hooks/tax.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
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

from einvoice import checks, demands, envelope, keys, memory, rules
from einvoice.errors import TaxIdInvalid
from einvoice.identifiers import AUTHORITY, message_code, tax_id_of
from market import clock, ids
from market.simulators import partner
from market.simulators.faults import Faults
from market.simulators.notifier import Answered, Delivery, Notifier
from market.simulators.state import Store
from market.simulators.tax_memory import SCHEMA, Memory

AUTHORITY_TAX_ID = "0100000000"
AUTHORITY_NAME = "CỤC THUẾ (MÔ PHỎNG)"
PUSH_WAITS_S = (1.0, 5.0, 30.0)
REPLIES_MAX = 200
FAULTS = ("down", "lose", "silent", "drop", "double", "delay", "delay_s", "reorder")
"""down: 503 · lose: taken in, but the connection gives no 999 · silent: the 999 comes with the
notices · drop: the notices are never sent · double: sent twice · delay: late · reorder: notices in
reverse order."""


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
    now: Callable[[], datetime] = clock.now
    """Its clock; tests move it."""


class AskReview(msgspec.Struct):
    """An invoice the authority wants reviewed."""

    tax_id: str
    template: int
    symbol: str
    number: int
    issued_on: date | None = None
    """Of the invoice; today if left out."""
    why: str = "Số tiền trên hóa đơn khác số tiền người mua đã kê khai."
    days: int = 2


class EndService(msgspec.Struct):
    """The free period of a seller ends, or it may not use this kind."""

    tax_id: str
    reason: int = demands.FREE_PERIOD_OVER


class NewSeller(msgspec.Struct):
    """A seller admitted without a registration message."""

    tax_id: str
    name: str


class Tax:
    """The authority: its memory, its key, what it does wrong on purpose."""

    def __init__(self, config: TaxConfig) -> None:
        self.config = config
        self.store = Store(config.state_path, SCHEMA)
        self.memory = Memory(self.store)
        self.faults = Faults(self.store, FAULTS, config.seed)
        self.notifier = Notifier(self.store, self._push, PUSH_WAITS_S, config.now)
        folder = keys.KeyFolder(config.state_path.parent / f"{config.state_path.stem}-key")
        self.signer = folder.signer(AUTHORITY_TAX_ID, AUTHORITY_NAME, config.now())

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

    def header_of(self, kind: int, tax_id: str, now: datetime) -> envelope.Header:
        """The header of something nobody asked for."""
        return envelope.Header(
            version=rules.phrase("format_version", clock.local_day(now)),
            sender=AUTHORITY,
            receiver=f"V{AUTHORITY_TAX_ID}",
            kind=kind,
            code=message_code(AUTHORITY, ids.new()),
            tax_id=tax_id,
            count=1,
        )

    def say(self, code: str, notice: bytes, now: datetime) -> None:
        """Put a notice among those that come out."""
        self.store.run(
            "INSERT INTO queued (code, xml, due) VALUES (?, ?, ?)", code, notice, now.timestamp()
        )

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
    reply = tax.take(body, tax.config.now())
    return Response(reply, media_type="application/xml")


@get("/replies", sync_to_thread=False)
def pull_replies(tax: NamedDependency[Tax], after: FromQuery[int] = 0) -> Response[Any]:
    """Notices after a position."""
    if tax.faults.strikes("down"):
        return Response(b"", status_code=503)
    return Response({"replies": tax.replies(after, tax.config.now())})


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


@post("/reviews", status_code=201, sync_to_thread=False)
def ask_review(data: JSONBody[AskReview], tax: NamedDependency[Tax]) -> dict[str, str]:
    """Ask a seller to review one of its invoices (302); it comes with the next replies."""
    key = (data.tax_id, data.template, data.symbol, data.number)
    known, seller = tax.memory.invoice(key), tax.memory.seller(data.tax_id)
    if known is None or seller is None:
        raise NotFoundException("Không có hóa đơn này.")
    now = tax.config.now()
    asked = demands.AskedInvoice(
        template=str(data.template), symbol=data.symbol, number=str(data.number),
        issued_on=data.issued_on or clock.local_day(now), why=data.why, code=known.code,
    )  # fmt: skip
    header = tax.header_of(envelope.REVIEW, data.tax_id, now)
    notice = demands.review_message(header, seller.name, [asked], data.days, tax.signer, now)
    tax.say(header.code, notice, now)
    return {"code": header.code}


@post("/services/end", status_code=201, sync_to_thread=False)
def end_service(data: JSONBody[EndService], tax: NamedDependency[Tax]) -> dict[str, str]:
    """Tell a seller that its free period is over (105)."""
    seller = tax.memory.seller(data.tax_id)
    if seller is None:
        raise NotFoundException("Không có người bán này.")
    now = tax.config.now()
    header = tax.header_of(envelope.SERVICE_ENDS, data.tax_id, now)
    notice = demands.service_message(
        header, seller.name, data.reason, clock.local_day(now), tax.signer, now
    )
    tax.say(header.code, notice, now)
    return {"code": header.code}


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
        take_message, pull_replies, certificate, admit_seller, suspend_seller, ask_review, end_service,
        inside, inside_too,
        message_xml, control,
    ]  # fmt: skip
    provided = {"tax": Provide(lambda: tax, sync_to_thread=False)}
    return partner.app(handlers, provided, tax.notifier, tax.store)
