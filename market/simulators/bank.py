"""Ngân hàng Mô Phỏng: a bank app on the phone, and a watcher of accounts that writes as SePay does.

Money never comes from anywhere and goes nowhere; the notices are real: signed, repeated, and wrong
on demand.
"""

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException, NotAuthorizedException, NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Redirect, Template

from market import clock, ids
from market.simulators import partner
from market.simulators.faults import Faults
from market.simulators.notifier import Answered, Delivery, Notifier
from market.simulators.state import Store
from payments import amounts, banks, qr
from payments.gateways import sepay
from payments.text import fold

RETRY_MINUTES = (1, 1, 2, 3, 5, 8, 13)
"""SePay's pauses before each further try."""
FAULTS = ("drop", "double", "delay", "delay_s", "forge", "corrupt")
FIRST_ID = 100_001
LIST_LENGTH_MAX = 5_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    bank_bin TEXT NOT NULL, account_no TEXT NOT NULL, holder TEXT NOT NULL,
    PRIMARY KEY (bank_bin, account_no)
);
CREATE TABLE IF NOT EXISTS transfer (
    id INTEGER PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, direction TEXT NOT NULL,
    bank_bin TEXT NOT NULL, account_no TEXT NOT NULL, amount_vnd INTEGER NOT NULL,
    memo TEXT NOT NULL, from_name TEXT NOT NULL, at TEXT NOT NULL, notice TEXT NOT NULL
);
"""


@dataclass(frozen=True)
class BankConfig:
    """How the simulated bank runs."""

    state_path: Path
    """Its sqlite3 file."""
    market_url: str = "http://127.0.0.1:8000"
    """Where notices go: {market_url}/hooks/sepay."""
    secret: str = field(default="whsec_demo_sepay", repr=False)
    api_key: str = field(default="whsec_demo_sepay", repr=False)
    """The bearer key of the list API."""
    minute_s: float = 60.0
    """How long a minute of the retry pauses really lasts; a demo takes 1."""
    plain_memos: bool = False
    """True: the memo arrives as it was sent, without what banks write around it."""
    seed: int = 0


class SendMoney(msgspec.Struct, frozen=True, kw_only=True):
    """A transfer to make: to a code's receiver, or to an account; fields given win over the code."""

    qr_text: str = ""
    bank_bin: str = ""
    account_no: str = ""
    amount_vnd: int = 0
    memo: str | None = None
    from_name: str = "NGUYEN VAN A"
    request_id: str = ""
    """The same id twice makes one transfer."""
    direction: str = "in"
    """"out": the account pays somebody, as for a refund."""


class Account(msgspec.Struct, frozen=True):
    """An account that the name lookup knows."""

    bank_bin: str
    account_no: str
    holder: str


class TransferRefused(Exception):
    """The bank does not make this transfer; the text is for the payer."""


class Bank:
    """Accounts, transfers, and the notices of them."""

    def __init__(self, config: BankConfig) -> None:
        self.config = config
        self.store = Store(config.state_path, _SCHEMA)
        self.faults = Faults(self.store, FAULTS, config.seed)
        waits_s = tuple(minutes * config.minute_s for minutes in RETRY_MINUTES)
        self.notifier = Notifier(self.store, self._send, waits_s, clock.now)
        self._random = random.Random(config.seed)  # noqa: S311 - shapes of memos

    def register(self, accounts: list[Account]) -> None:
        """Make accounts known to the name lookup; again with another name renames."""
        for one in accounts:
            banks.bank(one.bank_bin)
            banks.check_account(one.account_no)
        with self.store.transaction():
            for one in accounts:
                self.store.run(
                    "INSERT OR REPLACE INTO account VALUES (?, ?, ?)",
                    one.bank_bin, one.account_no, fold(one.holder).upper(),
                )  # fmt: skip

    def holder(self, bank_bin: str, account_no: str) -> str | None:
        """Whose account it is, in unaccented capitals as banks show it."""
        row = self.store.row(
            "SELECT holder FROM account WHERE bank_bin = ? AND account_no = ?", bank_bin, account_no
        )
        return None if row is None else row["holder"]

    def transfer(self, wanted: SendMoney, now: datetime) -> dict[str, Any]:
        """Make a transfer and owe the notice of it; the transfer as the list API shows it.

        Raises: TransferRefused.
        """
        made = self._filled(wanted)
        request_id = wanted.request_id or str(ids.new())
        known = self.store.row("SELECT notice FROM transfer WHERE request_id = ?", request_id)
        if known is not None:
            return dict(json.loads(known["notice"]))
        with self.store.transaction():
            row = self.store.row("SELECT max(id) AS id FROM transfer")
            number = max((row["id"] if row and row["id"] else 0) + 1, FIRST_ID)
            notice = self._notice(number, made, now)
            self.store.run(
                "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                number, request_id, made.direction, made.bank_bin, made.account_no,
                made.amount_vnd, made.memo or "", made.from_name, now.isoformat(),
                _compact(notice),
            )  # fmt: skip
            self._owe(number, notice)
        return notice

    def transactions(self, since_id: int, limit: int) -> list[dict[str, Any]]:
        """What the list API shows: transfers with a greater id, oldest first."""
        rows = self.store.rows(
            "SELECT notice FROM transfer WHERE id > ? ORDER BY id LIMIT ?", since_id, limit
        )
        return [json.loads(row["notice"]) for row in rows]

    def _filled(self, wanted: SendMoney) -> SendMoney:
        """The transfer with what the code says filled in, and checked as a bank would."""
        if wanted.qr_text:
            wanted = _from_code(wanted)
        if not banks.is_known(wanted.bank_bin):
            raise TransferRefused("Không có ngân hàng này.")
        try:
            banks.check_account(wanted.account_no)
        except banks.AccountMalformed as wrong:
            raise TransferRefused("Số tài khoản không đúng.") from wrong
        if not 0 < wanted.amount_vnd <= qr.AMOUNT_VND_MAX:
            raise TransferRefused("Số tiền phải từ 1 đến 499.999.999 đồng.")
        if wanted.direction not in ("in", "out"):
            raise TransferRefused("Chiều chuyển tiền chỉ là in hoặc out.")
        return wanted

    def _notice(self, number: int, made: SendMoney, now: datetime) -> dict[str, Any]:
        local = clock.local(now)
        reference = f"FT{local:%y%j}{number:09d}"
        content = fold(made.memo or f"{made.from_name} chuyen tien")
        if not self.config.plain_memos:
            content = _as_reported(self._random.randrange(4), content, made, reference, local)
        return {
            "id": number,
            "gateway": banks.bank(made.bank_bin).short_name,
            "transactionDate": f"{local:%Y-%m-%d %H:%M:%S}",
            "accountNumber": made.account_no,
            "subAccount": None,
            "code": None,
            "content": content,
            "transferType": made.direction,
            "transferAmount": made.amount_vnd,
            "accumulated": 0,
            "referenceCode": reference,
            "description": f"BankAPINotify {content}",
        }

    def _owe(self, number: int, notice: Mapping[str, Any]) -> None:
        body = _compact(notice)
        subject, delay_s = str(number), 0.0
        if self.faults.strikes("forge"):
            forged = json.dumps({**notice, "id": number + 900_000_000, "transferAmount": 5_000_000})
            self.notifier.owe("notice", subject, forged, flaw="forge")
        if self.faults.strikes("drop"):
            return
        if self.faults.strikes("delay"):
            delay_s = self.faults.seconds("delay_s") or 5.0
        flaw = "corrupt" if self.faults.strikes("corrupt") else ""
        for _ in range(2 if self.faults.strikes("double") else 1):
            self.notifier.owe("notice", subject, body, delay_s=delay_s, flaw=flaw)

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> Answered:
        body, timestamp = delivery.body.encode(), int(clock.now().timestamp())
        secret = "forged" if delivery.flaw == "forge" else self.config.secret
        headers = {
            "content-type": "application/json",
            "x-sepay-timestamp": str(timestamp),
            "x-sepay-signature": sepay.sign(secret, timestamp, body),
        }
        if delivery.flaw == "corrupt" and delivery.tries == 0:
            body = body.replace(b'"transferAmount":', b'"transferAmount":9')
        response = await client.post(
            f"{self.config.market_url}/hooks/sepay", content=body, headers=headers
        )
        # Somebody who forges does not try for half an hour.
        accepted = delivery.flaw == "forge" or _is_yes(response)
        return Answered(accepted, response.status_code, response.text)


def _compact(notice: Mapping[str, Any]) -> str:
    return json.dumps(notice, ensure_ascii=False, separators=(",", ":"))


def _is_yes(response: httpx.Response) -> bool:
    try:
        return response.status_code in (200, 201) and response.json().get("success") is True
    except (ValueError, AttributeError):
        return False


def _from_code(wanted: SendMoney) -> SendMoney:
    try:
        payload = qr.read(wanted.qr_text).require_transfer()
    except qr.QRError as wrong:
        raise TransferRefused(_sentence(wrong)) from wrong
    return msgspec.structs.replace(
        wanted,
        bank_bin=wanted.bank_bin or payload.bank_bin,
        account_no=wanted.account_no or payload.account_no,
        amount_vnd=wanted.amount_vnd or payload.amount_vnd or 0,
        memo=payload.memo if wanted.memo is None else wanted.memo,
    )


def _sentence(wrong: qr.QRError) -> str:
    return {
        "qr_empty": "Chưa có nội dung mã QR.",
        "qr_not_payment": "Đây không phải mã QR thanh toán.",
        "qr_checksum_wrong": "Mã QR bị hỏng hoặc đã bị sửa.",
        "qr_foreign": "Mã QR của nước ngoài, chưa trả được.",
        "qr_bank_unknown": "Mã QR ghi một ngân hàng không có.",
    }.get(wrong.code, f"Mã QR không dùng được ({wrong.code}).")


def _as_reported(shape: int, memo: str, made: SendMoney, reference: str, local: datetime) -> str:
    """The memo with what a sending bank writes around it."""
    trace = reference[-6:]
    name = fold(made.from_name).upper()
    return (
        memo,
        f"MBVCB.{reference[2:]}.{trace}.{memo}.CT tu 0000000000 {name} toi {made.account_no}",
        f"{trace}.{local:%d%m%y}.{local:%H%M%S}.{memo}",
        f"{memo}- Ma giao dich/ Trace {trace}",
    )[shape]


# ── The phone ───────────────────────────────────────────────────────────────────────────────────


@get("/", sync_to_thread=False)
def home(bank: NamedDependency[Bank], wrong: FromQuery[str] = "") -> Template:
    """Scan, paste or upload a code; the last transfers."""
    last = bank.store.rows("SELECT * FROM transfer ORDER BY id DESC LIMIT 8")
    accounts = bank.store.rows("SELECT * FROM account ORDER BY rowid DESC LIMIT 5")
    return Template("bank_home.html", context={"last": last, "wrong": wrong, "accounts": accounts})


@post("/scan", status_code=303)
async def scan(request: Request[Any, Any, Any]) -> Redirect:
    """From pasted text or an uploaded picture to the page that pays."""
    form = await request.form()
    text = str(form.get("qr_text") or "").strip()
    picture = form.get("picture")
    if not text and picture is not None and not isinstance(picture, str):
        text, wrong = _decoded(await picture.read())
        if wrong:
            return Redirect("/", query_params={"wrong": wrong}, status_code=303)
    return Redirect("/pay", query_params={"qr": text}, status_code=303)


def _decoded(picture: bytes) -> tuple[str, str]:
    """The text of the code in a picture, or a sentence why there is none."""
    try:
        import zxingcpp
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return "", "Máy này chưa đọc được ảnh. Hãy quét bằng máy ảnh hoặc dán nội dung mã."
    import io

    try:
        found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return "", "Tệp này không phải là ảnh."
    if not found:
        return "", "Không thấy mã QR trong ảnh. Hãy chụp gần và thẳng hơn."
    return found[0].text, ""


@get("/pay", sync_to_thread=False)
def pay_page(request: Request[Any, Any, Any], bank: NamedDependency[Bank]) -> Template | Redirect:
    """Who gets how much: the deep link of a payment code, /pay?qr=…"""
    return _pay_page(bank, request.query_params.get("qr", ""))


@post("/pay", status_code=200)
async def pay(request: Request[Any, Any, Any], bank: NamedDependency[Bank]) -> Template | Redirect:
    """Transfer as the form says; amount and memo may differ from the code, as with real payers."""
    form = await request.form()
    text = str(form.get("qr_text") or "")
    try:
        wanted = SendMoney(
            qr_text=text,
            amount_vnd=amounts.parse_vnd(str(form.get("amount") or "")),
            memo=str(form.get("memo") or ""),
            from_name=str(form.get("from_name") or "NGUYEN VAN A"),
            request_id=str(form.get("request_id") or ""),
        )
        made = bank.transfer(wanted, clock.now())
    except (TransferRefused, amounts.AmountError) as refused:
        wrong = str(refused) if isinstance(refused, TransferRefused) else "Số tiền chưa đúng."
        return _pay_page(bank, text, wrong)
    return Redirect(f"/done/{made['id']}", status_code=303)


@get("/done/{number:int}", sync_to_thread=False)
def done(number: FromPath[int], bank: NamedDependency[Bank]) -> Template:
    """The receipt on the payer's phone."""
    row = bank.store.row("SELECT * FROM transfer WHERE id = ?", number)
    if row is None:
        raise NotFoundException("Không có giao dịch này.")
    context = {
        "transfer": row,
        "notice": json.loads(row["notice"]),
        "bank": banks.bank(row["bank_bin"]),
        "holder": bank.holder(row["bank_bin"], row["account_no"]),
        "at": clock.local(datetime.fromisoformat(row["at"])),
    }
    return Template("bank_done.html", context=context)


def _pay_page(bank: Bank, text: str, wrong: str = "") -> Template | Redirect:
    try:
        payload = qr.read(text).require_transfer()
    except qr.QRError as refused:
        return Redirect("/", query_params={"wrong": _sentence(refused)}, status_code=303)
    context = {
        "text": text,
        "code": payload,
        "bank": banks.bank(payload.bank_bin),
        "holder": bank.holder(payload.bank_bin, payload.account_no),
        "request_id": ids.new(),
        "wrong": wrong,
    }
    return Template("bank_pay.html", context=context)


# ── Inside, and the control of it ───────────────────────────────────────────────────────────────


@get("/inside", sync_to_thread=False)
def inside(bank: NamedDependency[Bank]) -> Template:
    """The last transfers, each notice with its tries and answers, and the faults."""
    last = bank.store.rows("SELECT * FROM transfer ORDER BY id DESC LIMIT 30")
    transfers = [
        {**dict(row), "deliveries": partner.deliveries(bank.store, str(row["id"]))} for row in last
    ]
    context = {"transfers": transfers, "faults": bank.faults.describe()}
    return Template("bank_inside.html", context=context)


@post("/again/{number:int}", status_code=303, sync_to_thread=False)
def again(number: FromPath[int], bank: NamedDependency[Bank]) -> Redirect:
    """Send the notice of a transfer once more; one that was dropped is sent now."""
    row = bank.store.row("SELECT notice FROM transfer WHERE id = ?", number)
    if row is None:
        raise NotFoundException("Không có giao dịch này.")
    bank.notifier.owe("notice", str(number), row["notice"])
    return Redirect("/inside", status_code=303)


@post("/control", status_code=200)
async def control(
    request: Request[Any, Any, Any], bank: NamedDependency[Bank]
) -> dict[str, dict[str, float]] | Redirect:
    """Misbehave: drop, double, delay (delay_s seconds), forge, corrupt."""
    return await partner.control(request, bank.faults)


@post("/api/transfers", status_code=201, sync_to_thread=False)
def send_money(data: JSONBody[SendMoney], bank: NamedDependency[Bank]) -> Response[dict[str, Any]]:
    """Transfer at once, for robots."""
    try:
        return Response(bank.transfer(data, clock.now()), status_code=201)
    except TransferRefused as refused:
        return Response({"code": "transfer_refused", "detail": str(refused)}, status_code=422)


@get("/api/transactions", sync_to_thread=False)
def transactions(
    request: Request[Any, Any, Any],
    bank: NamedDependency[Bank],
    since_id: FromQuery[int] = 0,
    limit: FromQuery[int] = 500,
) -> dict[str, Any]:
    """What the notices tell, to catch up from; with the bearer key."""
    if request.headers.get("authorization") != f"Bearer {bank.config.api_key}":
        raise NotAuthorizedException("A bearer key is needed.")
    if not 1 <= limit <= LIST_LENGTH_MAX:
        raise ClientException(f"A list has 1 to {LIST_LENGTH_MAX} rows.")
    return {"status": 200, "transactions": bank.transactions(since_id, limit)}


@get("/api/accounts/{bank_bin:str}/{account_no:str}", sync_to_thread=False)
def account_holder(
    bank_bin: FromPath[str], account_no: FromPath[str], bank: NamedDependency[Bank]
) -> Account:
    """Whose account it is; 404 where nobody's."""
    holder = bank.holder(bank_bin, account_no)
    if holder is None:
        raise NotFoundException("Không có tài khoản này.")
    return Account(bank_bin, account_no, holder)


@post("/api/accounts", status_code=201)
async def open_accounts(
    request: Request[Any, Any, Any], bank: NamedDependency[Bank]
) -> Response[dict[str, Any]]:
    """Make one account known, or a list of them: {bank_bin, account_no, holder}."""
    raw = await request.body()
    try:
        given = msgspec.json.decode(raw, type=Account | list[Account])
        accounts = given if isinstance(given, list) else [given]
        bank.register(accounts)
    except (msgspec.MsgspecError, banks.BankUnknown, banks.AccountMalformed) as wrong:
        return Response({"code": "account_refused", "detail": str(wrong)}, status_code=422)
    return Response({"registered": len(accounts)}, status_code=201)


@post("/accounts", status_code=303)
async def open_account(request: Request[Any, Any, Any], bank: NamedDependency[Bank]) -> Redirect:
    """Open an account from the phone page, to onboard a stall with."""
    form = await request.form()
    try:
        found = banks.find(str(form.get("bank") or ""), limit=1)
        bank_bin = found[0].bin if found else ""
        account_no = banks.clean_account(str(form.get("account_no") or ""))
        bank.register([Account(bank_bin, account_no, str(form.get("holder") or ""))])
    except (banks.BankUnknown, banks.AccountMalformed):
        wrong = "Chưa mở được: xem lại tên ngân hàng và số tài khoản."
        return Redirect("/", query_params={"wrong": wrong}, status_code=303)
    return Redirect("/", status_code=303)


def create_app(config: BankConfig) -> Litestar:
    """The bank as an app; its notices go out while it runs."""
    bank = Bank(config)
    handlers = [
        home, scan, pay_page, pay, done, inside, again, control, send_money, transactions,
        account_holder, open_accounts, open_account,
    ]  # fmt: skip
    provided = {"bank": Provide(lambda: bank, sync_to_thread=False)}
    return partner.app(handlers, provided, bank.notifier, bank.store)
