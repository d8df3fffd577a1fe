"""One transfer, as each service tells of it that watches a bank's accounts: notices and lists.

Every form is made from SePay's, which names the most.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from payments.gateways import casso, payos, sepay, signed

SERVICES = {
    "sepay": "sepay",
    "sepay_key": "sepay",
    "casso": "casso",
    "casso_v1": "casso",
    "payos": "payos",
    "signed": "signed",
}
"""Each form of notice, and the service whose hook it goes to and in whose list the transfer stands."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A notice, ready to be sent."""

    path: str
    headers: dict[str, str]
    body: bytes


def notice(form: str, told: Mapping[str, Any], secret: str, now: datetime) -> Sent:
    """The notice of a transfer, signed this moment."""
    path, second = f"/hooks/{SERVICES[form]}", int(now.timestamp())
    if form == "sepay":
        body = _compact(told)
        signature = sepay.sign(secret, second, body)
        stamp = {sepay.TIMESTAMP_HEADER: str(second), sepay.SIGNATURE_HEADER: signature}
        return Sent(path, stamp, body)
    if form == "sepay_key":
        return Sent(path, {"authorization": f"Apikey {secret}"}, _compact(told))
    if form == "casso":
        content = {"error": 0, "data": casso_data(told)}
        header = {casso.SIGNATURE_HEADER: casso.sign(secret, second * 1000, content)}
        return Sent(path, header, _compact(content))
    if form == "casso_v1":
        content = {"error": 0, "messages": "success", "data": [casso_row(told, old=True)]}
        return Sent(path, {casso.TOKEN_HEADER: secret}, _compact(content))
    if form == "payos":
        return Sent(path, {}, _compact(payos_notice(told, secret)))
    body, message_id = _compact(signed_transfer(told)), f"msg_{told['id']}"
    headers = {
        signed.ID_HEADER: message_id,
        signed.TIMESTAMP_HEADER: str(second),
        signed.SIGNATURE_HEADER: signed.sign(secret, message_id, second, body),
    }
    return Sent(path, headers, body)


def is_yes(form: str, response: httpx.Response) -> bool:
    """Whether the service takes an answer for a yes, and stops."""
    if SERVICES[form] != "sepay":
        return response.is_success
    try:
        return response.status_code in (200, 201) and response.json().get("success") is True
    except (ValueError, AttributeError):
        return False


def sepay_row(told: Mapping[str, Any]) -> dict[str, Any]:
    """As SePay's list writes it."""
    amount, is_out = f"{told['transferAmount']}.00", told["transferType"] == "out"
    return {
        "id": str(told["id"]),
        "bank_brand_name": told["gateway"],
        "account_number": told["accountNumber"],
        "transaction_date": told["transactionDate"],
        "amount_out": amount if is_out else "0.00",
        "amount_in": "0.00" if is_out else amount,
        "accumulated": "0.00",
        "transaction_content": told["content"],
        "reference_number": told["referenceCode"],
        "code": None,
        "sub_account": told["subAccount"],
        "bank_account_id": "1",
    }


def casso_row(told: Mapping[str, Any], *, old: bool = False) -> dict[str, Any]:
    """As Casso's list writes it, and its V1 notices."""
    return {
        "id": _casso_id(told),
        "tid": told["referenceCode"],
        "description": told["content"],
        "amount": _signed_amount(told),
        "cusum_balance" if old else "cusumBalance": 0,
        "when": told["transactionDate"],
        "bank_sub_acc_id" if old else "bankSubAccId": told["accountNumber"],
        "bankName": told["gateway"],
        "virtualAccount": "",
    }


def casso_data(told: Mapping[str, Any]) -> dict[str, Any]:
    """As the data of Casso's V2 notices."""
    return {
        "id": _casso_id(told),
        "reference": told["referenceCode"],
        "description": told["content"],
        "amount": _signed_amount(told),
        "runningBalance": 0,
        "transactionDateTime": told["transactionDate"],
        "accountNumber": told["accountNumber"],
        "bankName": told["gateway"],
        "bankAbbreviation": "",
        "virtualAccountNumber": "",
        "virtualAccountName": "",
        "counterAccountName": "",
        "counterAccountNumber": "",
        "counterAccountBankId": "",
        "counterAccountBankName": "",
    }


def payos_notice(told: Mapping[str, Any], secret: str) -> dict[str, Any]:
    """As payOS writes it; it tells of money in alone. A link's virtual account ends with its order."""
    virtual = told["subAccount"] or ""
    order_code = int("".join(filter(str.isdigit, virtual[2:])) or told["id"])
    data = {
        "orderCode": order_code,
        "amount": told["transferAmount"],
        "description": told["content"],
        "accountNumber": told["accountNumber"],
        "reference": told["referenceCode"],
        "transactionDateTime": told["transactionDate"],
        "currency": "VND",
        "paymentLinkId": link_id(order_code),
        "code": "00",
        "desc": "success",
        "counterAccountBankId": None,
        "counterAccountBankName": None,
        "counterAccountName": None,
        "counterAccountNumber": None,
        "virtualAccountName": "",
        "virtualAccountNumber": virtual,
    }
    signature = payos.sign(secret, data)
    return {"code": "00", "desc": "success", "success": True, "data": data, "signature": signature}


def link_id(order_code: int) -> str:
    """The id of an order's payment link."""
    return f"{order_code:032x}"


def signed_transfer(told: Mapping[str, Any]) -> dict[str, Any]:
    """As a bank partner writes it, by our own form."""
    return {
        "id": f"BNK-{told['id']}",
        "amount_vnd": told["transferAmount"],
        "account_no": told["accountNumber"],
        "occurred_at": told["transactionDate"].replace(" ", "T") + "+07:00",
        "reference": told["referenceCode"],
        "memo": told["content"],
        "direction": told["transferType"],
    }


def _casso_id(told: Mapping[str, Any]) -> int:
    return int(told["id"]) + 7_000_000


def _signed_amount(told: Mapping[str, Any]) -> int:
    amount = int(told["transferAmount"])
    return -amount if told["transferType"] == "out" else amount


def _compact(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
