"""The gateways that the contract is held against, each with its provider's own way to sign.

A new gateway joins by one `Subject` in `SUBJECTS`; everything in `test_gateways.py` then asks it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from payments.gateways import Gateway, Notice, Secrets, casso, payos, sepay, signed, stripe, vnpay

NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)
LOCAL = "2026-11-23 10:17:22"
SECRET = "of-this-market-alone-7f3a"
AMOUNT = "85000"


@dataclass(frozen=True)
class Subject:
    """One gateway, and how its provider writes and signs.

    A payload is what is signed over, before it is signed: a JSON body, or a query. Amounts are given
    as the provider's literal, whatever nonsense it says.
    """

    name: str
    gateway: Callable[[Secrets], Gateway]
    payload: Callable[[str, Mapping[str, Any]], bytes]
    """From an amount's literal and fields that are other than usual; None leaves a field out."""
    sign: Callable[[bytes, str, datetime], Notice]
    """The notice of any payload, signed with that secret at that instant, as the provider would."""
    required: tuple[str, ...]
    """Fields without which a notice is nothing."""
    currency: str = ""
    """The field that says đồng, where there is one."""
    account: str = ""
    """The field that names the account, where money comes on one."""
    is_json: bool = True
    has_clock: bool = True
    """Whether the signature carries its time, so that an old one is refused."""
    proves_content: bool = True
    """False: a key shows who sent it, and nothing shows that it came unchanged."""
    signs_every_byte: bool = True
    """False: the content is signed, not its spelling, and not what stands around it."""
    knows_amount: str = AMOUNT
    """The literal of 85,000 đ."""

    def notice(self, *, amount: str | None = None, secret: str = SECRET, at: datetime = NOW,
               **other: Any) -> Notice:  # fmt: skip
        return self.sign(
            self.payload(self.knows_amount if amount is None else amount, other), secret, at
        )


def body_of(fields: Mapping[str, Any], amount_field: str, amount: str) -> bytes:
    """Compact JSON with the amount's literal as it is given."""
    marked = {**fields, amount_field: "@amount@"}
    text = json.dumps(marked, ensure_ascii=False, separators=(",", ":"))
    return text.replace('"@amount@"', amount).encode()


def without_none(fields: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in {**fields, **other}.items() if value is not None}


def lenient(payload: bytes) -> Any:
    """What a signer that works on content makes of a payload; nothing where it is no JSON."""
    try:
        found = json.loads(payload)
        json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError):
        return {}


# ── SePay ───────────────────────────────────────────────────────────────────────────────────────

SEPAY = {
    "id": 100_001, "gateway": "Vietcombank", "transactionDate": LOCAL,
    "accountNumber": "9990001112223", "subAccount": "", "code": "", "content": "CHOK7M2QX",
    "transferType": "in", "accumulated": 0, "referenceCode": "FT26327000001", "description": "",
}  # fmt: skip


def sepay_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    fields = without_none(SEPAY, other)
    if "transferAmount" in other:
        return json.dumps(fields, separators=(",", ":")).encode()
    return body_of(fields, "transferAmount", amount)


def sepay_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    second = int(at.timestamp())
    headers = {
        sepay.TIMESTAMP_HEADER: str(second),
        sepay.SIGNATURE_HEADER: sepay.sign(secret, second, payload),
    }
    return Notice(payload, headers)


def sepay_key_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    return Notice(payload, {"authorization": f"Apikey {secret}"})


# ── Casso ───────────────────────────────────────────────────────────────────────────────────────

CASSO = {
    "id": 7_700_001, "reference": "FT26327000001", "description": "CHOK7M2QX",
    "runningBalance": 0, "transactionDateTime": LOCAL, "accountNumber": "9990001112223",
    "bankName": "Vietcombank", "virtualAccountNumber": "",
}  # fmt: skip
CASSO_V1 = {
    "id": 7_700_001, "tid": "FT26327000001", "description": "CHOK7M2QX", "when": LOCAL,
    "bank_sub_acc_id": "9990001112223", "bankName": "Vietcombank",
}  # fmt: skip


def casso_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    return b'{"data":' + body_of(without_none(CASSO, other), "amount", amount) + b',"error":0}'


def casso_v1_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    return b'{"error":0,"data":[' + body_of(without_none(CASSO_V1, other), "amount", amount) + b"]}"


def casso_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    signature = casso.sign(secret, int(at.timestamp() * 1000), lenient(payload))
    return Notice(payload, {casso.SIGNATURE_HEADER: signature})


def casso_v1_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    return Notice(payload, {casso.TOKEN_HEADER: secret})


# ── payOS ───────────────────────────────────────────────────────────────────────────────────────

PAYOS = {
    "orderCode": 1023, "description": "CHOK7M2QX", "accountNumber": "9990001112223",
    "reference": "FT26327000001", "transactionDateTime": LOCAL, "currency": "VND",
    "paymentLinkId": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "code": "00", "desc": "success",
    "counterAccountName": "", "virtualAccountNumber": "V3CHO0001",
}  # fmt: skip


def payos_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    return body_of(without_none(PAYOS, other), "amount", amount)


def payos_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    data = lenient(payload)
    signature = payos.sign(secret, data if isinstance(data, dict) else {})
    head = b'{"code":"00","desc":"success","success":true,"data":'
    return Notice(head + payload + f',"signature":"{signature}"}}'.encode(), {})


# ── A bank partner ──────────────────────────────────────────────────────────────────────────────

SIGNED = {
    "id": "BNK-1", "account_no": "9990001112223", "occurred_at": "2026-11-23T10:17:22+07:00",
    "reference": "FT26327000001", "memo": "CHOK7M2QX", "direction": "in", "currency": "VND",
}  # fmt: skip


def signed_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    return body_of(without_none(SIGNED, other), "amount_vnd", amount)


def signed_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    second = int(at.timestamp())
    headers = {
        signed.ID_HEADER: "msg_1",
        signed.TIMESTAMP_HEADER: str(second),
        signed.SIGNATURE_HEADER: signed.sign(secret, "msg_1", second, payload),
    }
    return Notice(payload, headers)


# ── VNPAY ───────────────────────────────────────────────────────────────────────────────────────

VNPAY = {
    "vnp_TmnCode": "CHODEMO1", "vnp_BankCode": "NCB", "vnp_BankTranNo": "VNP15000001",
    "vnp_CardType": "ATM", "vnp_OrderInfo": "Thanh toan CHOK7M2QX", "vnp_PayDate": "20261123101722",
    "vnp_ResponseCode": "00", "vnp_TransactionStatus": "00", "vnp_TransactionNo": "15000001",
    "vnp_TxnRef": "CHOK7M2QX",
}  # fmt: skip


def vnpay_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    fields = without_none(VNPAY, other) | {"vnp_Amount": amount}
    return "&".join(f"{key}={quote_plus(str(fields[key]))}" for key in sorted(fields)).encode()


def vnpay_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    text = payload.decode("utf-8", "replace")
    return Notice(query=f"{text}&vnp_SecureHash={vnpay.sign(secret, text)}")


def vnpay_gateway(secrets: Secrets) -> Gateway:
    return vnpay.VNPayGateway(vnpay.VNPayConfig("CHODEMO1", secrets, "https://vnpay.test"))


# ── Stripe ──────────────────────────────────────────────────────────────────────────────────────

STRIPE = {
    "id": "pi_1", "object": "payment_intent", "currency": "vnd", "status": "succeeded",
    "metadata": {"payment_ref": "CHOK7M2QX"},
}  # fmt: skip


def stripe_payload(amount: str, other: Mapping[str, Any]) -> bytes:
    created = int(NOW.timestamp())
    head = (
        f'{{"id":"evt_1","type":"payment_intent.succeeded","created":{created},"data":{{"object":'
    )
    return head.encode() + body_of(without_none(STRIPE, other), "amount", amount) + b"}}"


def stripe_sign(payload: bytes, secret: str, at: datetime) -> Notice:
    signature = stripe.sign(secret, int(at.timestamp()), payload)
    return Notice(payload, {"stripe-signature": signature})


def stripe_gateway(secrets: Secrets) -> Gateway:
    return stripe.StripeGateway(stripe.StripeConfig("sk_test_contract", secrets))


SUBJECTS = (
    Subject(
        "sepay", sepay.SePayGateway, sepay_payload, sepay_sign,
        ("id", "transactionDate", "accountNumber", "transferType"), account="accountNumber",
    ),
    Subject(
        "sepay_key", lambda secrets: sepay.SePayGateway(api_keys=secrets), sepay_payload,
        sepay_key_sign, ("id", "transactionDate", "accountNumber", "transferType"),
        account="accountNumber", has_clock=False, proves_content=False,
    ),
    Subject(
        "casso", casso.CassoGateway, casso_payload, casso_sign,
        ("id", "transactionDateTime", "accountNumber"), account="accountNumber", signs_every_byte=False,
    ),
    Subject(
        "casso_v1", lambda secrets: casso.CassoGateway(tokens=secrets), casso_v1_payload,
        casso_v1_sign, ("id", "when", "bank_sub_acc_id"), account="bank_sub_acc_id", has_clock=False, proves_content=False,
    ),
    Subject(
        "payos", payos.PayOSGateway, payos_payload, payos_sign,
        ("orderCode", "transactionDateTime", "accountNumber", "currency", "paymentLinkId", "code"),
        currency="currency", account="accountNumber", has_clock=False, signs_every_byte=False,
    ),
    Subject(
        "signed", signed.SignedGateway, signed_payload, signed_sign,
        ("id", "account_no", "occurred_at"), currency="currency", account="account_no",
    ),
    Subject(
        "vnpay", vnpay_gateway, vnpay_payload, vnpay_sign, ("vnp_TxnRef", "vnp_ResponseCode"),
        is_json=False, has_clock=False, signs_every_byte=False, knows_amount="8500000",
    ),
    Subject(
        "stripe", stripe_gateway, stripe_payload, stripe_sign, ("id",), currency="currency",
    ),
)  # fmt: skip
STALE = (timedelta(seconds=301), timedelta(hours=72), timedelta(seconds=-301))
