"""VNPAY 2.1.0 by API: querydr, refund, genqr, bank list; their signed messages and a client.

Source: VNPAY sandbox documentation, querydr & refund. Values are signed raw, joined by pipes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import httpx
import msgspec

from payments.confirmation import Confirmation
from payments.gateways.gateway import (
    GatewayRefused,
    GatewayUnavailable,
    NoticeForged,
    NoticeMalformed,
    Secrets,
)
from payments.gateways.vnpay import (
    NAME,
    PAID,
    VERSION,
    VNPayConfig,
    VNPayOrder,
    confirmation_of,
    pay_url,
    plain_info,
    sign,
    signer,
    stamp,
    wire_vnd,
)

_T = TypeVar("_T")
TIMEOUT_SECONDS = 30
QUERY_WINDOW_SECONDS = 300
"""After one querydr the terminal hears 94 for about so long: queue lookups, never burst."""
_REQUEST_FIELDS = {
    "querydr": [
        "vnp_RequestId",
        "vnp_Version",
        "vnp_Command",
        "vnp_TmnCode",
        "vnp_TxnRef",
        "vnp_TransactionDate",
        "vnp_CreateDate",
        "vnp_IpAddr",
        "vnp_OrderInfo",
    ],
    "refund": [
        "vnp_RequestId",
        "vnp_Version",
        "vnp_Command",
        "vnp_TmnCode",
        "vnp_TransactionType",
        "vnp_TxnRef",
        "vnp_Amount",
        "vnp_TransactionNo",
        "vnp_TransactionDate",
        "vnp_CreateBy",
        "vnp_CreateDate",
        "vnp_IpAddr",
        "vnp_OrderInfo",
    ],
}
_ANSWER_FIELDS = [
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
]
_RESPONSE_OF_STATUS = {"00": "00", "07": "07", "08": "11", "11": "24"}
"""What an IPN would have said for a status; all else is an error."""
_PROMOTION_FIELDS = ["vnp_PromotionCode", "vnp_PromotionAmount"]


def request_data(fields: Mapping[str, str], *, number_zero: bool = False) -> str:
    """What the hash of a querydr or refund request covers.

    `number_zero` writes 0 for a missing TransactionNo, as some clients sign it.
    """
    names = _REQUEST_FIELDS[fields["vnp_Command"]]
    values = [fields.get(name, "") for name in names]
    if number_zero and "vnp_TransactionNo" in names:
        values[names.index("vnp_TransactionNo")] = fields.get("vnp_TransactionNo") or "0"
    return "|".join(values)


def answer_data(fields: Mapping[str, str], command: str) -> str:
    """What the hash of an answer covers: 15 fields for querydr, 13 for refund, absent ones empty."""
    names = _ANSWER_FIELDS + (_PROMOTION_FIELDS if command == "querydr" else [])
    return "|".join(fields.get(name, "") for name in names)


def signed_request(fields: Mapping[str, str], secret: str) -> dict[str, str]:
    """A request as it is sent."""
    return {**fields, "vnp_SecureHash": sign(secret, request_data(fields))}


def signed_answer(fields: Mapping[str, str], command: str, secret: str) -> dict[str, str]:
    """An answer as VNPAY sends it."""
    return {**fields, "vnp_SecureHash": sign(secret, answer_data(fields, command))}


def verify_request(fields: Mapping[str, str], secrets: Secrets) -> bool:
    """Whether a querydr or refund request was signed by the terminal."""
    given = fields.get("vnp_SecureHash", "")
    plain = secrets.matches(given, signer(request_data(fields)))
    with_zero = secrets.matches(given, signer(request_data(fields, number_zero=True)))
    return bool(given) and (plain or with_zero)


def verify_answer(fields: Mapping[str, str], command: str, secrets: Secrets) -> bool:
    """Whether an answer was signed by VNPAY."""
    given = fields.get("vnp_SecureHash", "")
    return bool(given) and secrets.matches(given, signer(answer_data(fields, command)))


def texts(body: bytes) -> dict[str, str]:
    """The fields of a JSON message, numbers as their digits (some clients send them so).

    Raises: NoticeMalformed.
    """
    try:
        loaded = json.loads(body, parse_float=str)
    except (ValueError, RecursionError) as wrong:
        raise NoticeMalformed(NAME, "The message is not JSON.") from wrong
    if not isinstance(loaded, dict):
        raise NoticeMalformed(NAME, "The message is not an object.")
    plain = {name: value for name, value in loaded.items() if value is not None}
    if not all(type(value) in (str, int) for value in plain.values()):
        raise NoticeMalformed(NAME, "A field is neither text nor a whole number.")
    return {name: str(value) for name, value in plain.items()}


@dataclass(frozen=True, slots=True)
class VNPayStatus:
    """What VNPAY says about a payment or a refund when asked."""

    response_code: str
    transaction_status: str
    """00 paid, 01 not completed, 02 error, 04 reversed, 05/06/09 refund, 07 fraud, 11 cancelled."""
    transaction_type: str
    transaction_no: str
    amount_vnd: int
    fields: Mapping[str, str]

    def confirmation(self, now: datetime) -> Confirmation | None:
        """The payment as an IPN would tell it; None while it is undecided or was a refund."""
        if self.transaction_type != "01" or self.transaction_status == "01":
            return None
        response = _RESPONSE_OF_STATUS.get(self.transaction_status, "99")
        return confirmation_of({**self.fields, "vnp_ResponseCode": response}, now)


class VNPayBank(msgspec.Struct, frozen=True):
    """A way to pay that a terminal can offer; its code goes into `VNPayOrder.bank_code`."""

    bank_code: str
    bank_name: str
    logo_link: str = ""
    bank_type: int | str = ""
    display_order: int = 0


class _QR(msgspec.Struct, frozen=True):
    code: str = "99"
    message: str = ""
    qrcontent: str = ""


_BANKS = msgspec.json.Decoder(list[VNPayBank])
_QR_ANSWER = msgspec.json.Decoder(_QR)


@dataclass(frozen=True, slots=True)
class VNPayClient:
    """Asks VNPAY, and asks it to give money back."""

    config: VNPayConfig
    http: httpx.AsyncClient
    ip: str = "127.0.0.1"
    """The server's own address."""

    async def query(
        self, request_id: str, txn_ref: str, created_at: datetime, now: datetime
    ) -> VNPayStatus:
        """How the payment stands; `created_at` is the vnp_CreateDate it was opened with.

        Raises: GatewayUnavailable; GatewayRefused with VNPAY's code as its reason (91 not found,
        94 asked too soon); NoticeForged for a wrong signature.
        """
        return await self._send(
            {
                "vnp_RequestId": request_id,
                "vnp_Version": VERSION,
                "vnp_Command": "querydr",
                "vnp_TmnCode": self.config.tmn_code,
                "vnp_TxnRef": txn_ref,
                "vnp_OrderInfo": plain_info(f"Truy van {txn_ref}"),
                "vnp_TransactionDate": stamp(created_at),
                "vnp_CreateDate": stamp(now),
                "vnp_IpAddr": self.ip,
            }
        )

    async def refund(
        self,
        request_id: str,
        txn_ref: str,
        amount_vnd: int,
        created_at: datetime,
        now: datetime,
        *,
        full: bool,
        by: str,
        transaction_no: str = "",
        reason: str = "",
    ) -> VNPayStatus:
        """Ask for money back; the answer means accepted, the money moves later (05, then 06 or 09).

        Raises: as `query`; 93 wrong amount, 94 already asked, 95 the original was not paid.
        """
        assert amount_vnd > 0
        fields = {
            "vnp_RequestId": request_id,
            "vnp_Version": VERSION,
            "vnp_Command": "refund",
            "vnp_TmnCode": self.config.tmn_code,
            "vnp_TransactionType": "02" if full else "03",
            "vnp_TxnRef": txn_ref,
            "vnp_Amount": str(amount_vnd * 100),
            "vnp_TransactionNo": transaction_no,
            "vnp_TransactionDate": stamp(created_at),
            "vnp_CreateBy": plain_info(by),
            "vnp_CreateDate": stamp(now),
            "vnp_IpAddr": self.ip,
            "vnp_OrderInfo": plain_info(reason or f"Hoan tien {txn_ref}"),
        }
        return await self._send(fields)

    async def qr(self, order: VNPayOrder, now: datetime) -> str:
        """The text of a VNPAY-QR for an order, to be drawn and scanned instead of a page.

        Raises: GatewayUnavailable; GatewayRefused with the page's error code as its reason.
        """
        answered = await self._answer("GET", pay_url(self.config, order, now, command="genqr"))
        told = _decoded(_QR_ANSWER, answered)
        if told.code != PAID or not told.qrcontent:
            raise GatewayRefused(NAME, f"VNPAY made no code: {told.code}.", reason=told.code)
        return told.qrcontent

    async def banks(self) -> list[VNPayBank]:
        """What the payer may choose from, in VNPAY's order.

        Raises: GatewayUnavailable; NoticeMalformed.
        """
        form = {"tmn_code": self.config.tmn_code}
        listed = _decoded(_BANKS, await self._answer("POST", self.config.banks_url, data=form))
        return sorted(listed, key=lambda bank: bank.display_order)

    async def _send(self, fields: dict[str, str]) -> VNPayStatus:
        message = signed_request(fields, self.config.secrets.current)
        answered = texts(await self._answer("POST", self.config.api_url, json=message))
        return _status(answered, fields, self.config.secrets)

    async def _answer(self, method: str, url: str, **sent: Any) -> bytes:
        try:
            response = await self.http.request(method, url, timeout=TIMEOUT_SECONDS, **sent)
        except httpx.HTTPError as failed:
            raise GatewayUnavailable(NAME, "VNPAY did not answer.") from failed
        if response.status_code != 200:
            raise GatewayUnavailable(NAME, f"VNPAY answered {response.status_code}.")
        return response.content


def _decoded(decoder: msgspec.json.Decoder[_T], body: bytes) -> _T:
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
        raise NoticeMalformed(NAME, f"Not an answer of VNPAY: {wrong}") from wrong


def _status(answered: Mapping[str, str], asked: Mapping[str, str], secrets: Secrets) -> VNPayStatus:
    code = answered.get("vnp_ResponseCode", "99")
    if code != PAID:  # error answers may lack fields and signature
        raise GatewayRefused(NAME, f"VNPAY refused: {code}.", reason=code)
    if not verify_answer(answered, asked["vnp_Command"], secrets):
        raise NoticeForged(NAME, "The answer is not signed by VNPAY.")
    if answered.get("vnp_TxnRef") != asked["vnp_TxnRef"]:
        raise NoticeForged(NAME, "The answer is about another payment.")
    return VNPayStatus(
        response_code=code,
        transaction_status=answered.get("vnp_TransactionStatus", ""),
        transaction_type=answered.get("vnp_TransactionType", ""),
        transaction_no=answered.get("vnp_TransactionNo", ""),
        amount_vnd=wire_vnd(answered.get("vnp_Amount", "")),
        fields=answered,
    )
