"""What the simulated bank keeps: accounts, transfers, who watches them, and the notices it owes."""

import json
import random
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec

from market import clock, ids
from market.gateways import DEMO_SECRETS
from market.simulators import bank_forms
from market.simulators.faults import Faults
from market.simulators.notifier import Answered, Delivery, Notifier
from market.simulators.state import Store
from payments import banks, qr
from payments.text import fold

RETRY_MINUTES = (1, 1, 2, 3, 5, 8, 13)
"""SePay's pauses before each further try."""
FAULTS = ("drop", "double", "delay", "delay_s", "forge", "corrupt")
FIRST_ID = 100_001
AGO_S_MAX = 30 * 86_400
_AMOUNT = re.compile(rb'("(?:transferAmount|amount|amount_vnd)":-?)')
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
CREATE TABLE IF NOT EXISTS told (
    form TEXT NOT NULL, transfer_id INTEGER NOT NULL, PRIMARY KEY (form, transfer_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS link (
    order_code INTEGER PRIMARY KEY, amount_vnd INTEGER NOT NULL, description TEXT NOT NULL,
    return_url TEXT NOT NULL, cancel_url TEXT NOT NULL, expired_at INTEGER,
    created_at TEXT NOT NULL, canceled_at TEXT, reason TEXT
);
"""
LINK_PREFIX = "V3CHO"
"""Virtual accounts of payment links: the prefix and the order's number."""
LINK_DIGITS_MAX = 14
"""Longer numbers stand in hex: payOS's largest has fourteen digits so."""


def virtual_account(order_code: int) -> str:
    """The account of a link alone, in the nineteen places that an account has."""
    digits = str(order_code)
    return LINK_PREFIX + (digits if len(digits) <= LINK_DIGITS_MAX else f"{order_code:014X}")


@dataclass(frozen=True)
class BankConfig:
    """How the simulated bank runs."""

    state_path: Path
    """Its sqlite3 file."""
    market_url: str = "http://127.0.0.1:8000"
    """Where notices go: {market_url}/hooks/sepay, /hooks/casso, …"""
    secret: str = field(default="whsec_demo_sepay", repr=False)
    api_key: str = field(default="whsec_demo_sepay", repr=False)
    """The bearer key of SePay's list, and of its notices in the form sepay_key."""
    casso_secret: str = field(default=DEMO_SECRETS["casso"], repr=False)
    payos_secret: str = field(default=DEMO_SECRETS["payos"], repr=False)
    payos_client_id: str = "demo_payos_client"
    payos_api_key: str = field(default="demo_payos_key", repr=False)
    payos_account: tuple[str, str, str] = ("970436", "9990001112223", "CHO 4.0")
    """Bank, number and holder of the account that the payOS channel is linked to."""
    signed_secret: str = field(default=DEMO_SECRETS["signed"], repr=False)
    """Each signs notices and opens the list."""
    forms: tuple[str, ...] = ("sepay",)
    """Which services watch the accounts; POST /api/forms sets others."""
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
    forms: tuple[str, ...] = ()
    """Which services tell of it, and how; none: those that are set."""
    ago_s: float = 0
    """How long ago it was booked: its notice is so late."""


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
        self._secrets = {
            "sepay": config.secret, "sepay_key": config.api_key, "casso": config.casso_secret,
            "casso_v1": config.casso_secret, "payos": config.payos_secret,
            "signed": config.signed_secret,
        }  # fmt: skip

    @property
    def forms(self) -> tuple[str, ...]:
        """How transfers are told of that do not say it themselves."""
        return tuple(self.store.setting("forms", list(self.config.forms)))

    def watch(self, forms: tuple[str, ...]) -> None:
        """From now on these tell. Raises: TransferRefused for a form there is not."""
        _require_forms(forms)
        self.store.set_setting("forms", list(forms))

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
            notice = self._notice(number, made, now - timedelta(seconds=wanted.ago_s))
            self.store.run(
                "INSERT INTO transfer VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                number, request_id, made.direction, made.bank_bin, made.account_no,
                made.amount_vnd, made.memo or "", made.from_name, now.isoformat(),
                _compact(notice),
            )  # fmt: skip
            forms = ("payos",) if notice["subAccount"] else self.forms
            for form in wanted.forms or forms:
                self._owe(form, number, notice)
        return notice

    def told(self, service: str, after: int = 0) -> list[dict[str, Any]]:
        """The transfers that a service tells of, by id."""
        rows = self.store.rows(
            "SELECT notice FROM transfer WHERE id > ? AND id IN"
            " (SELECT transfer_id FROM told WHERE form IN (?, ?, ?)) ORDER BY id",
            after, service, f"{service}_key", f"{service}_v1",
        )  # fmt: skip
        return [json.loads(row["notice"]) for row in rows]

    def send_again(self, number: int) -> None:
        """Owe every notice of a transfer once more. Raises: TransferRefused where there is none."""
        row = self.store.row("SELECT notice FROM transfer WHERE id = ?", number)
        if row is None:
            raise TransferRefused("Không có giao dịch này.")
        told = self.store.rows("SELECT form FROM told WHERE transfer_id = ?", number)
        for one in told:
            self.notifier.owe(one["form"], str(number), row["notice"])

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
        _require_forms(wanted.forms)
        if not 0 <= wanted.ago_s <= AGO_S_MAX:
            raise TransferRefused("Chỉ ghi sổ trễ tối đa 30 ngày.")
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
            "accountNumber": self._main_account(made.account_no),
            "subAccount": made.account_no if self.is_of_link(made.account_no) else None,
            "code": None,
            "content": content,
            "transferType": made.direction,
            "transferAmount": made.amount_vnd,
            "accumulated": 0,
            "referenceCode": reference,
            "description": f"BankAPINotify {content}",
        }

    def is_of_link(self, account_no: str) -> bool:
        """Whether this is the virtual account of a payment link."""
        if not account_no.startswith(LINK_PREFIX):
            return False
        number, codes = account_no.removeprefix(LINK_PREFIX), []
        for base in (10, 16):
            with suppress(ValueError):
                codes.append(int(number, base))
        return any(
            virtual_account(code) == account_no
            and self.store.row("SELECT 1 FROM link WHERE order_code = ?", code)
            for code in codes
        )

    def _main_account(self, account_no: str) -> str:
        return self.config.payos_account[1] if self.is_of_link(account_no) else account_no

    def _owe(self, form: str, number: int, notice: Mapping[str, Any]) -> None:
        body = _compact(notice)
        self.store.run("INSERT OR IGNORE INTO told VALUES (?, ?)", form, number)
        subject, delay_s = str(number), 0.0
        if self.faults.strikes("forge"):
            forged = json.dumps({**notice, "id": number + 900_000_000, "transferAmount": 5_000_000})
            self.notifier.owe(form, subject, forged, flaw="forge")
        if self.faults.strikes("drop"):
            return
        if self.faults.strikes("delay"):
            delay_s = self.faults.seconds("delay_s") or 5.0
        flaw = "corrupt" if self.faults.strikes("corrupt") else ""
        for _ in range(2 if self.faults.strikes("double") else 1):
            self.notifier.owe(form, subject, body, delay_s=delay_s, flaw=flaw)

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> Answered:
        form = delivery.topic if delivery.topic in self._secrets else "sepay"
        secret = "forged" if delivery.flaw == "forge" else self._secrets[form]
        sent = bank_forms.notice(form, json.loads(delivery.body), secret, clock.now())
        body = sent.body
        if delivery.flaw == "corrupt" and delivery.tries == 0:
            body = _AMOUNT.sub(rb"\g<1>9", body, count=1)
        response = await client.post(
            self.config.market_url + sent.path,
            content=body,
            headers={"content-type": "application/json", **sent.headers},
        )
        # Somebody who forges does not try for half an hour.
        accepted = delivery.flaw == "forge" or bank_forms.is_yes(form, response)
        return Answered(accepted, response.status_code, response.text)


def _compact(notice: Mapping[str, Any]) -> str:
    return json.dumps(notice, ensure_ascii=False, separators=(",", ":"))


def _require_forms(forms: tuple[str, ...]) -> None:
    unknown = sorted(set(forms) - bank_forms.SERVICES.keys())
    if unknown:
        raise TransferRefused(f"Không có dịch vụ báo tin “{unknown[0]}”.")


def _from_code(wanted: SendMoney) -> SendMoney:
    try:
        payload = qr.read(wanted.qr_text).require_transfer()
    except qr.QRError as wrong:
        raise TransferRefused(sentence(wrong)) from wrong
    return msgspec.structs.replace(
        wanted,
        bank_bin=wanted.bank_bin or payload.bank_bin,
        account_no=wanted.account_no or payload.account_no,
        amount_vnd=wanted.amount_vnd or payload.amount_vnd or 0,
        memo=payload.memo if wanted.memo is None else wanted.memo,
    )


def sentence(wrong: qr.QRError) -> str:
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
