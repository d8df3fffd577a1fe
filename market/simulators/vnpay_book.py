"""What the simulated VNPAY knows: payments, refunds, and the rules it holds them to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from sqlite3 import Row
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec

from market import clock
from market.simulators.faults import Faults
from market.simulators.state import Store
from payments.gateways import GatewayError, Secrets, vnpay, vnpay_api

FAULTS = (
    "bad_hash", "wrong_amount", "double", "lost", "delay", "delay_s", "refund_reject",
    "refund_off", "refund_busy", "refund_s", "window_s", "lost_answer", "down",
)  # fmt: skip
"""`refund_off` answers 99, as for terminals without refunds; `refund_s` and `window_s`, once set, win
over the configuration; `lost_answer` does what it was asked and then fails."""
FIRST_NUMBER = 15_000_001
PAGE_MINUTES = 15
"""How long the payment page waits, and how old a CreateDate may be."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS payment (
    number INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, tmn TEXT NOT NULL,
    txn_ref TEXT NOT NULL, day TEXT NOT NULL, amount_vnd INTEGER NOT NULL, info TEXT NOT NULL,
    bank_code TEXT NOT NULL, created TEXT NOT NULL, expires TEXT NOT NULL,
    return_url TEXT NOT NULL, status TEXT NOT NULL DEFAULT '01', response TEXT NOT NULL DEFAULT '',
    pay_date TEXT NOT NULL DEFAULT '',
    UNIQUE (tmn, txn_ref, day)
);
CREATE TABLE IF NOT EXISTS refund (
    number INTEGER PRIMARY KEY, payment INTEGER NOT NULL, kind TEXT NOT NULL,
    amount_vnd INTEGER NOT NULL, at TEXT NOT NULL, ready REAL NOT NULL, rejected INTEGER NOT NULL,
    info TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS request (
    tmn TEXT NOT NULL, day TEXT NOT NULL, request_id TEXT NOT NULL,
    PRIMARY KEY (tmn, day, request_id)
);
"""
MANDATORY = (
    "vnp_Version", "vnp_Command", "vnp_TmnCode", "vnp_Amount", "vnp_CreateDate", "vnp_CurrCode",
    "vnp_IpAddr", "vnp_Locale", "vnp_OrderInfo", "vnp_OrderType", "vnp_ReturnUrl",
    "vnp_ExpireDate", "vnp_TxnRef",
)  # fmt: skip
STATUS_OF_RESPONSE = {"00": "00", "07": "07", "11": "08", "24": "11"}
"""vnp_TransactionStatus by vnp_ResponseCode; all else is 02, an error."""
_CODE = re.compile(r"[A-Za-z0-9]{3,20}")
CARDS = {
    "9704198526191432198": "00",
    "9704195798459170488": "51",
    "9704192181368742": "09",
    "9704193370791314": "12",
    "9704194841945513": "99",
    "9704000000000018": "00",
    "9704020000000016": "00",
    "9704310005819191": "00",
    "4456530000001005": "00",
    "4456530000001096": "00",
    "5200000000001005": "00",
    "5200000000001096": "00",
    "3337000000000008": "00",
    "3337000000200004": "00",
}
"""Card numbers of the sandbox and the code each ends with."""
OTPS = frozenset({"123456", "otp", ""})
MESSAGES = {
    "00": "Success",
    "02": "Invalid TmnCode",
    "03": "Invalid data format",
    "08": "System is busy",
    "91": "Transaction not found",
    "93": "Invalid refund amount",
    "94": "Request is duplicate",
    "95": "Transaction was not successful, refund refused",
    "97": "Invalid checksum",
    "99": "Unknown error",
}


@dataclass(frozen=True)
class VNPayConfig:
    """How the simulated VNPAY runs."""

    state_path: Path
    terminals: Mapping[str, str] = field(repr=False)
    """Hash secret by TmnCode."""
    ipn_url: str = "http://127.0.0.1:8000/hooks/vnpay"
    minute_s: float = 60.0
    """How long a minute of the IPN's pauses really lasts."""
    query_window_s: float = 300.0
    """After a querydr the terminal hears 94 for so long."""
    refund_s: float = 5.0
    """How long a refund stays 05 before it is 06 or 09."""
    seed: int = 0


class PastPayment(msgspec.Struct, frozen=True):
    """A paid payment of an earlier day, to begin with."""

    number: int
    txn_ref: str
    amount_vnd: int
    bank_code: str
    at: datetime


class PageError(Exception):
    """The payment page refuses; the code is what its error page shows."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Refused(Exception):
    """The API refuses; the code is the vnp_ResponseCode of its answer."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Book:
    """Payments and refunds of all terminals."""

    def __init__(self, config: VNPayConfig, store: Store, faults: Faults) -> None:
        self._config, self._store, self._faults = config, store, faults

    def open(self, query: str, token: UUID, now: datetime) -> Row:
        """Take a pay request as the browser brought it.

        Raises: PageError with 03, 72, 70, 15 or 01, in this order.
        """
        sent = dict(parse_qsl(query, keep_blank_values=True))
        if not _is_well_formed(sent):
            raise PageError("03")
        secret = self._config.terminals.get(sent["vnp_TmnCode"])
        if secret is None:
            raise PageError("72")
        try:
            fields = vnpay.verify_query(query, Secrets(secret))
        except GatewayError as wrong:
            raise PageError("70") from wrong
        _check_times(fields, now)
        day = f"{clock.local(now):%Y%m%d}"
        if self.payment(fields["vnp_TmnCode"], fields["vnp_TxnRef"], day):
            raise PageError("01")
        self._store.run(
            "INSERT INTO payment (number, token, tmn, txn_ref, day, amount_vnd, info, bank_code,"
            " created, expires, return_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._next_number(), str(token), fields["vnp_TmnCode"], fields["vnp_TxnRef"], day,
            int(fields["vnp_Amount"]) // 100, fields["vnp_OrderInfo"],
            fields.get("vnp_BankCode", ""), fields["vnp_CreateDate"], fields["vnp_ExpireDate"],
            fields["vnp_ReturnUrl"],
        )  # fmt: skip
        return self.by_token(str(token))

    def record(self, tmn: str, past: PastPayment) -> None:
        """A payment that was made long ago; known already, nothing changes."""
        stamp = vnpay.stamp(past.at)
        self._store.run(
            "INSERT OR IGNORE INTO payment (number, token, tmn, txn_ref, day, amount_vnd, info,"
            " bank_code, created, expires, return_url, status, response, pay_date)"
            " VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?, '', '00', '00', ?)",
            past.number, f"past-{past.number}", tmn, past.txn_ref, stamp[:8], past.amount_vnd,
            past.bank_code, stamp, stamp, stamp,
        )  # fmt: skip

    def by_token(self, token: str) -> Row:
        """The payment behind a page.

        Raises: PageError.
        """
        row = self._store.row("SELECT * FROM payment WHERE token = ?", token)
        if row is None:
            raise PageError("99")
        return row

    def payment(self, tmn: str, txn_ref: str, day: str = "") -> Row | None:
        """The terminal's latest payment with this reference, or the one of that day."""
        return self._store.row(
            "SELECT * FROM payment WHERE tmn = ? AND txn_ref = ? AND (? = '' OR day = ?)"
            " ORDER BY number DESC",
            tmn, txn_ref, day, day,
        )  # fmt: skip

    def complete(self, row: Row, response: str, now: datetime) -> Row:
        """End an open payment with a response code; one that has ended stays as it was."""
        expires = vnpay.instant(row["expires"])
        if response == "00" and expires is not None and now > expires:
            response = "11"
        status = STATUS_OF_RESPONSE.get(response, "02")
        paid_at = vnpay.stamp(now) if response in ("00", "07") else ""
        self._store.run(
            "UPDATE payment SET response = ?, status = ?, pay_date = ?"
            " WHERE number = ? AND response = ''",
            response, status, paid_at, row["number"],
        )  # fmt: skip
        return self.by_token(row["token"])

    def told(self, row: Row) -> dict[str, str]:
        """The fields of the return and the IPN, not signed yet."""
        paid = row["response"] in ("00", "07")
        return {
            "vnp_TmnCode": row["tmn"],
            "vnp_Amount": str(row["amount_vnd"] * 100),
            "vnp_BankCode": row["bank_code"] or "NCB",
            "vnp_BankTranNo": f"VNP{row['number']}" if paid else "",
            "vnp_CardType": "QRCODE" if row["bank_code"] == "VNPAYQR" else "ATM",
            "vnp_PayDate": row["pay_date"],
            "vnp_OrderInfo": row["info"],
            "vnp_TransactionNo": "0" if row["response"] == "24" else str(row["number"]),
            "vnp_ResponseCode": row["response"],
            "vnp_TransactionStatus": row["status"],
            "vnp_TxnRef": row["txn_ref"],
        }

    def answer(self, fields: Mapping[str, str], response_id: UUID, now: datetime) -> dict[str, str]:
        """The signed answer to a querydr or refund request."""
        command = fields.get("vnp_Command", "")
        answered = {"vnp_ResponseId": response_id.hex, "vnp_Command": command}
        secret = self._config.terminals.get(fields.get("vnp_TmnCode", ""), "")
        try:
            answered |= self._answered(fields, secret, now)
        except Refused as refused:
            answered |= {"vnp_ResponseCode": refused.code, "vnp_Message": MESSAGES[refused.code]}
        if not secret:
            return answered
        return vnpay_api.signed_answer(answered, command, secret)

    def _answered(self, fields: Mapping[str, str], secret: str, now: datetime) -> dict[str, str]:
        if not _is_request(fields):
            raise Refused("03")
        if not secret:
            raise Refused("02")
        if not vnpay_api.verify_request(fields, Secrets(secret)):
            raise Refused("97")
        self._take_request(fields, now)
        row = self.payment(fields["vnp_TmnCode"], fields["vnp_TxnRef"])
        if row is None or row["created"] != fields["vnp_TransactionDate"]:
            raise Refused("91")
        if fields["vnp_Command"] == "refund":
            return self._refund(row, fields, now)
        return self._state(row, now)

    def _take_request(self, fields: Mapping[str, str], now: datetime) -> None:
        """A request id counts once a day; lookups are a window apart."""
        tmn, day = fields["vnp_TmnCode"], f"{clock.local(now):%Y%m%d}"
        key = (tmn, day, fields["vnp_RequestId"])
        if self._store.row("SELECT 1 FROM request WHERE (tmn, day, request_id) = (?, ?, ?)", *key):
            raise Refused("94")
        if fields["vnp_Command"] == "querydr":
            last = self._store.setting(f"query:{tmn}", 0)
            if now.timestamp() - last < self._seconds("window_s", self._config.query_window_s):
                raise Refused("94")
            self._store.set_setting(f"query:{tmn}", now.timestamp())
        self._store.run("INSERT INTO request VALUES (?, ?, ?)", *key)

    def _state(self, row: Row, now: datetime) -> dict[str, str]:
        refunds = self.refunds(row, now)
        if refunds:
            return self._described(row, refunds[-1], "QueryDR Success")
        payment = {
            "kind": "01",
            "status": row["status"],
            "number": "0" if row["response"] == "24" else str(row["number"]),
            "amount_vnd": row["amount_vnd"],
            "at": row["pay_date"],
            "info": row["info"],
        }
        return self._described(row, payment, "QueryDR Success")

    def _described(self, row: Row, what: Mapping[str, object], message: str) -> dict[str, str]:
        return {
            "vnp_ResponseCode": "00",
            "vnp_Message": message,
            "vnp_TmnCode": row["tmn"],
            "vnp_TxnRef": row["txn_ref"],
            "vnp_Amount": f"{what['amount_vnd']}00",
            "vnp_BankCode": row["bank_code"] or "NCB",
            "vnp_PayDate": str(what["at"]),
            "vnp_TransactionNo": str(what["number"]),
            "vnp_TransactionType": str(what["kind"]),
            "vnp_TransactionStatus": str(what["status"]),
            "vnp_OrderInfo": str(what["info"]),
        }

    def refunds(self, row: Row, now: datetime) -> list[dict[str, object]]:
        """The refunds of a payment in order, each with its status of now."""
        found = self._store.rows(
            "SELECT * FROM refund WHERE payment = ? ORDER BY number", row["number"]
        )
        return [{**dict(one), "status": _refund_status(one, now)} for one in found]

    def _refund(self, row: Row, fields: Mapping[str, str], now: datetime) -> dict[str, str]:
        for fault, code in (("refund_off", "99"), ("refund_busy", "08")):
            if self._faults.strikes(fault):
                raise Refused(code)
        if row["status"] != "00":
            raise Refused("95")
        refunds = self.refunds(row, now)
        if any(one["status"] == "05" for one in refunds):
            raise Refused("94")
        given = sum(int(str(one["amount_vnd"])) for one in refunds if one["status"] == "06")
        amount_vnd = _refund_amount(fields)
        full = fields["vnp_TransactionType"] == "02"
        if not 0 < amount_vnd <= row["amount_vnd"] - given:
            raise Refused("93")
        if full and amount_vnd != row["amount_vnd"]:
            raise Refused("93")
        number = self._next_number()
        ready = now.timestamp() + self._seconds("refund_s", self._config.refund_s)
        rejected = int(self._faults.strikes("refund_reject"))
        self._store.run(
            "INSERT INTO refund VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            number, row["number"], fields["vnp_TransactionType"], amount_vnd, vnpay.stamp(now),
            ready, rejected, fields["vnp_OrderInfo"],
        )  # fmt: skip
        accepted = {
            **self.refunds(row, now)[-1],
            "status": "05",
        }  # it moves later, if only a moment
        return self._described(row, accepted, "Refund success")

    def _seconds(self, kind: str, configured: float) -> float:
        return self._faults.describe()[kind].get("seconds", configured)

    def _next_number(self) -> int:
        number = int(self._store.setting("number", FIRST_NUMBER))
        self._store.set_setting("number", number + 1)
        return number


def _is_well_formed(sent: Mapping[str, str]) -> bool:
    if not all(sent.get(name) for name in MANDATORY):
        return False
    amount = sent["vnp_Amount"]
    rules = (
        sent["vnp_Version"] == vnpay.VERSION,
        sent["vnp_Command"] in ("pay", "genqr"),
        sent["vnp_CurrCode"] == "VND",
        sent["vnp_Locale"] in ("vn", "en"),
        amount.isascii() and amount.isdigit() and len(amount) <= 12 and int(amount) >= 100,
        amount.endswith("00"),  # of a đồng there is no part
        _CODE.fullmatch(sent.get("vnp_BankCode") or "NCB") is not None,
        len(sent["vnp_TxnRef"]) <= 100,
        len(sent["vnp_OrderInfo"]) <= 255,
        10 <= len(sent["vnp_ReturnUrl"]) <= 255
        and sent["vnp_ReturnUrl"].startswith(("http://", "https://")),
        7 <= len(sent["vnp_IpAddr"]) <= 45,
        vnpay.instant(sent["vnp_CreateDate"]) is not None,
        vnpay.instant(sent["vnp_ExpireDate"]) is not None,
    )
    return all(rules)


def _check_times(fields: Mapping[str, str], now: datetime) -> None:
    created = vnpay.instant(fields["vnp_CreateDate"])
    expires = vnpay.instant(fields["vnp_ExpireDate"])
    assert created is not None
    assert expires is not None
    if expires < now or created < now - timedelta(minutes=PAGE_MINUTES):
        raise PageError("15")


def _is_request(fields: Mapping[str, str]) -> bool:
    names = ["vnp_RequestId", "vnp_Version", "vnp_TmnCode", "vnp_TxnRef", "vnp_OrderInfo",
             "vnp_TransactionDate", "vnp_CreateDate", "vnp_IpAddr", "vnp_SecureHash"]  # fmt: skip
    if fields.get("vnp_Command") == "refund":
        names += ["vnp_TransactionType", "vnp_Amount", "vnp_CreateBy"]
        if fields.get("vnp_TransactionType") not in ("02", "03"):
            return False
    elif fields.get("vnp_Command") != "querydr":
        return False
    if not all(fields.get(name) for name in names):
        return False
    dates = (fields["vnp_TransactionDate"], fields["vnp_CreateDate"])
    return (
        fields["vnp_Version"] == vnpay.VERSION
        and len(fields["vnp_RequestId"]) <= 32
        and all(vnpay.instant(one) is not None for one in dates)
    )


def _refund_amount(fields: Mapping[str, str]) -> int:
    text = fields["vnp_Amount"]
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and text.endswith("00")):
        raise Refused("93")
    return int(text) // 100


def _refund_status(row: Row, now: datetime) -> str:
    if now.timestamp() < row["ready"]:
        return "05"
    return "09" if row["rejected"] else "06"
