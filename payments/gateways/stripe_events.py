"""Stripe's signed events: what they say of money that came, went back or is disputed. Pure.

Delivered at least once and in any order, so each kind of news has an id of its own. Source: Stripe
API documentation, webhooks.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from payments.confirmation import Confirmation
from payments.gateways import wire
from payments.gateways.gateway import (
    AMOUNT_VND_MAX,
    BODY_LENGTH_MAX,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    require_fresh,
)
from payments.refund import Answered, RefundAnswer

NAME = "stripe"
CURRENCY = "vnd"
SIGNATURE_HEADER = "stripe-signature"
PAYMENT_REF, REFUND_ID = "payment_ref", "refund_id"
"""The metadata keys under which our reference travels, and a refund's own id."""
_PAYMENTS = {
    "payment_intent.succeeded": True,
    "payment_intent.payment_failed": False,
    "payment_intent.canceled": False,
}
_REFUNDS = frozenset({"refund.created", "refund.updated", "refund.failed", "charge.refund.updated"})
_DISPUTES = {"charge.dispute.created": "opened", "charge.dispute.closed": ""}
_OF_REFUND_STATUS = {
    "pending": Answered.ACCEPTED,
    "requires_action": Answered.ACCEPTED,
    "succeeded": Answered.CONFIRMED,
    "failed": Answered.REFUSED,
    "canceled": Answered.REFUSED,
}


class _Object(msgspec.Struct, frozen=True):
    id: str
    amount: int = 0
    amount_received: int | None = None
    currency: str = ""
    status: str | None = None
    payment_intent: str | None = None
    metadata: dict[str, str] | None = None


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class Event(msgspec.Struct, frozen=True):
    """An event as far as we read it; of kinds that are not ours only what they are.

    Newer kinds write their time as text and have no object: they are taken, and say nothing.
    """

    id: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"null")
    created: int | str = 0
    livemode: bool = False


_EVENT = msgspec.json.Decoder(Event)
_DATA = msgspec.json.Decoder(_Data)
_OBJECT = msgspec.json.Decoder(_Object)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of Stripe-Signature for a body sent at that unix second."""
    return f"t={timestamp},v1={_digest(secret, str(timestamp), body)}"


def verified(notice: Notice, secrets: Secrets, now: datetime) -> Event:
    """The event of a rightly signed notice.

    Raises: NoticeForged, NoticeStale, NoticeMalformed.
    """
    if len(notice.body) > BODY_LENGTH_MAX:
        raise NoticeMalformed(NAME, "The event is larger than any of ours.")
    _verify_signature(secrets, notice, now)
    wire.parsed(NAME, notice.body)  # says nothing twice
    try:
        return _EVENT.decode(notice.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
        raise NoticeMalformed(NAME, f"Not an event of Stripe: {wrong}") from wrong


def confirmation_of(event: Event, now: datetime) -> Confirmation | None:
    """What an event says of money; None for every kind that says nothing new of it.

    Money that came is told by its PaymentIntent alone: Checkout's and the charge's events tell of
    the same. Refunds and disputes are money that goes out; `reference` is then the PaymentIntent,
    `payment_ref` the refund's own id, and `detail` ("refund.succeeded", "dispute.opened",
    "dispute.won", "dispute.lost", …) says how it stands.

    Raises: NoticeMalformed.
    """
    if event.type not in _PAYMENTS and event.type not in _REFUNDS and event.type not in _DISPUTES:
        return None
    try:
        thing = _OBJECT.decode(_DATA.decode(event.data).object)
        at = datetime.fromtimestamp(int(event.created), UTC) if event.created else now
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError, OSError) as wrong:
        raise NoticeMalformed(NAME, f"Not an object of Stripe: {wrong}") from wrong
    if thing.currency != CURRENCY and PAYMENT_REF not in (thing.metadata or {}):
        return None  # another shop's on the same account: after a no it would come for days
    amount_vnd = _came_vnd(event, thing)
    if thing.currency != CURRENCY or not 0 < amount_vnd <= AMOUNT_VND_MAX or not thing.id:
        raise NoticeMalformed(NAME, "The event is not about đồng.")
    if event.type in _PAYMENTS:
        return _paid(event, thing, amount_vnd, at)
    return _out(event, thing, at)


def refund_answer(refund_no: str, status: str) -> RefundAnswer:
    """What a refund's status says."""
    kind = _OF_REFUND_STATUS.get(status, Answered.UNCLEAR)
    return RefundAnswer(kind, refund_no, status)


def _came_vnd(event: Event, thing: _Object) -> int:
    """What was taken may be less than what was asked, where a capture was partial."""
    if not _PAYMENTS.get(event.type) or thing.amount_received is None:
        return thing.amount
    return thing.amount_received


def _paid(event: Event, intent: _Object, amount_vnd: int, at: datetime) -> Confirmation:
    succeeded = _PAYMENTS[event.type]
    return Confirmation(
        gateway=NAME,
        # One intent may fail and then succeed: only its success is the intent's own id.
        provider_id=intent.id if succeeded else f"{intent.id}:{event.id}",
        amount_vnd=amount_vnd,
        occurred_at=at,
        succeeded=succeeded,
        payment_ref=(intent.metadata or {}).get(PAYMENT_REF, ""),
        detail=event.type,
    )


def _out(event: Event, thing: _Object, at: datetime) -> Confirmation:
    is_dispute = event.type in _DISPUTES
    status = (_DISPUTES[event.type] if is_dispute else "") or thing.status or "unknown"
    return Confirmation(
        gateway=NAME,
        provider_id=f"{thing.id}:{status}",
        amount_vnd=thing.amount,
        occurred_at=at,
        direction="out",
        reference=thing.payment_intent or "",
        payment_ref=(thing.metadata or {}).get(REFUND_ID, ""),
        detail=f"{'dispute' if is_dispute else 'refund'}.{status}",
    )


def _verify_signature(secrets: Secrets, notice: Notice, now: datetime) -> None:
    timestamp, signatures = _header_parts(notice.headers)
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise NoticeForged(NAME, "The time of the signature is missing.")
    results = [
        secrets.matches(given, lambda secret: _digest(secret, timestamp, notice.body))
        for given in signatures[:10]
    ]
    if not any(results):
        raise NoticeForged(NAME, "The signature does not fit the event.")
    require_fresh(NAME, datetime.fromtimestamp(int(timestamp), UTC), now)


def _header_parts(headers: Mapping[str, str]) -> tuple[str, list[str]]:
    timestamp, signatures = "", []
    for part in headers.get(SIGNATURE_HEADER, "").split(","):
        scheme, _, value = part.strip().partition("=")
        if scheme == "t":
            timestamp = value
        elif scheme == "v1":
            signatures.append(value)
    return timestamp, signatures


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    message = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
