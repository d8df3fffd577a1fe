"""payOS: notices of its payment links, signed over their data.

payOS has no list of an account's transfers; what its notices miss is found by asking about the link
(`payos_links`), or in another source that watches the account. Source: payOS webhook documentation and its official libraries, November 2026.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from payments.confirmation import Confirmation
from payments.gateways import wire
from payments.gateways.gateway import (
    Answer,
    GatewayError,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    refused,
    require_sized,
)

NAME = "payos"
PAID = "00"
PING = (123, "TF230204212323", "124c33293c43417ab7879e14c8d9eb18")
"""Order, reference and link of the sample that payOS sends, rightly signed, when a hook is registered."""


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    order_code: int
    amount: Any
    description: str
    account_number: str
    transaction_date_time: str
    currency: str
    payment_link_id: str
    code: str
    reference: str | None = None
    desc: str | None = None


class _Notice(msgspec.Struct, frozen=True):
    data: dict[str, Any]
    signature: str


def signed_text(data: Mapping[str, Any]) -> str:
    """What is signed: k=v by sorted keys, joined by &, nothing encoded, what is null left empty.

    Lists and objects are compact JSON with sorted keys.
    """
    return "&".join(f"{key}={_text(data[key])}" for key in sorted(data))


def sign(secret: str, data: Mapping[str, Any]) -> str:
    """The `signature` of a notice with this data."""
    return _digest(secret, signed_text(data))


def signed_text_fits(secrets: Secrets, data: Mapping[str, Any], signature: str) -> bool:
    """Whether one of the secrets signed this data; False also where nobody can have signed it."""
    try:
        text = signed_text(data)
        return secrets.matches(signature, lambda secret: _digest(secret, text))
    except (ValueError, RecursionError):  # half a surrogate pair, endless depth
        return False


def provider_id_of(link_id: str, reference: str, occurred: str) -> str:
    """A movement's id: one link may be paid in parts, so its own id does not name one."""
    return f"{link_id}:{reference or occurred}"


@dataclass(frozen=True, slots=True)
class PayOSGateway:
    """Notices of one payOS channel. The signature has no time: a repeat is known by its ids."""

    secrets: Secrets
    name: str = NAME

    def verify(self, notice: Notice, now: datetime) -> Confirmation | None:
        """The transfer a notice tells of; None for the sample sent when a hook is registered."""
        require_sized(self.name, notice.body)
        given = wire.parsed(self.name, notice.body)
        if not isinstance(given, dict) or not given.get("signature"):
            raise NoticeForged(self.name, "There is no signature.")
        told = wire.converted(self.name, given, _Notice)
        self._verify_signature(told)
        data = wire.converted(self.name, told.data, _Data)
        if (data.order_code, data.reference, data.payment_link_id) == PING:
            return None
        return self._confirmation(data, now)

    def answer(self, outcome: str) -> Answer:
        """Any 2xx is a yes; also for a payment nobody here knows."""
        return Answer(200, {"code": PAID, "desc": "success", "success": True})

    def refusal(self, error: GatewayError) -> Answer:
        """Anything but 2xx: payOS sends it again, and refuses to register the hook."""
        return refused(error, {"success": False})

    def _verify_signature(self, told: _Notice) -> None:
        if not signed_text_fits(self.secrets, told.data, told.signature):
            raise NoticeForged(self.name, "The signature does not fit the data.")

    def _confirmation(self, data: _Data, now: datetime) -> Confirmation:
        amount_vnd = wire.whole_vnd(self.name, data.amount)
        if data.currency != "VND" or amount_vnd == 0:
            raise NoticeMalformed(self.name, "The notice is not about đồng.")
        reference = (data.reference or "").strip()
        return Confirmation(
            gateway=self.name,
            provider_id=provider_id_of(data.payment_link_id, reference, data.transaction_date_time),
            amount_vnd=amount_vnd,
            occurred_at=wire.instant(self.name, data.transaction_date_time, now),
            succeeded=data.code == PAID,
            reference=reference,
            memo=data.description,
            account_no=wire.account_no(self.name, None, data.account_number),
            detail=f"{data.code} {data.desc or ''}".strip(),
        )


def _text(value: object) -> str:
    if value is None or value in ("null", "undefined"):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(
            value, separators=(",", ":"), ensure_ascii=False, sort_keys=True, default=_number
        )
    return str(wire.javascript_number(value) if isinstance(value, Decimal) else value)


def _number(value: object) -> int | float:
    assert isinstance(value, Decimal), "only numbers with a fraction are not JSON's own"
    return wire.javascript_number(value)


def _digest(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
