"""Stripe in VND: Checkout and PaymentIntents by the official library, and its signed events.

VND has no minor unit: 85,000 đ is 85000 on the wire. Source: Stripe API documentation.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import stripe

from payments.confirmation import Confirmation
from payments.gateways.gateway import (
    BODY_LENGTH_MAX,
    Answer,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    require_fresh,
)

NAME = "stripe"
CURRENCY = "vnd"
AMOUNT_VND_MIN = 13_000
"""About half a US dollar, the least Stripe takes; markets sell smaller things by other roads."""
AMOUNT_VND_MAX = 99_999_999
SIGNATURE_HEADER = "stripe-signature"
PAYMENT_REF = "payment_ref"
"""The metadata key under which our reference travels."""
TIMEOUT_SECONDS = 30
_T = TypeVar("_T")


class LiveKeyRefused(GatewayError):
    """A live key outside an explicit setting: real cards would be charged."""

    code = "live_key_refused"


class AmountUnsupported(GatewayError):
    """Below what Stripe takes, or above what it can write."""

    code = "amount_unsupported"

    def __init__(self, amount_vnd: int) -> None:
        super().__init__(
            NAME, f"Stripe takes {AMOUNT_VND_MIN:,} to {AMOUNT_VND_MAX:,} đ, not {amount_vnd:,}."
        )
        self.amount_vnd = amount_vnd


@dataclass(frozen=True, slots=True)
class StripeConfig:
    """One Stripe account."""

    key: str = field(repr=False)
    webhook_secrets: Secrets
    url: str = ""
    """Another address than Stripe's own: the sandbox."""
    live_allowed: bool = False

    def __post_init__(self) -> None:
        if not self.live_allowed and self.key.startswith(("sk_live_", "rk_live_")):
            raise LiveKeyRefused(NAME, "Live keys need an explicit setting.")


@dataclass(frozen=True, slots=True)
class Opened:
    """Something the payer can now pay."""

    id: str
    url: str = ""
    """Where to send the browser (Checkout)."""
    client_secret: str = field(default="", repr=False)
    """For the card form of our own page (PaymentIntent)."""
    status: str = ""


class _Object(msgspec.Struct, frozen=True):
    id: str
    object: str
    amount: int = 0
    amount_total: int = 0
    amount_refunded: int = 0
    currency: str = ""
    status: str = ""
    payment_status: str = ""
    created: int = 0
    payment_intent: str | None = None
    metadata: dict[str, str] = {}


class _Data(msgspec.Struct, frozen=True):
    object: msgspec.Raw


class _Event(msgspec.Struct, frozen=True):
    id: str
    type: str
    data: _Data
    created: int = 0
    livemode: bool = False


_EVENT = msgspec.json.Decoder(_Event)
_OBJECT = msgspec.json.Decoder(_Object)
_PAYMENT_EVENTS = {
    "payment_intent.succeeded": True,
    "payment_intent.payment_failed": False,
    "payment_intent.canceled": False,
}


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of Stripe-Signature for a body sent at that unix second."""
    return f"t={timestamp},v1={_digest(secret, str(timestamp), body)}"


@dataclass(frozen=True, slots=True)
class StripeGateway:
    """Events of one Stripe webhook endpoint."""

    config: StripeConfig
    name: str = NAME

    def verify(self, notice: Notice, now: datetime) -> Confirmation | None:
        """What an event says of a payment; None for every kind of event that moves no money in.

        Checkout's own event is among those: its PaymentIntent tells of the same money.
        """
        if len(notice.body) > BODY_LENGTH_MAX:
            raise NoticeMalformed(NAME, "The event is larger than any of ours.")
        _verify_signature(self.config.webhook_secrets, notice, now)
        try:
            event = _EVENT.decode(notice.body)
            if event.type not in _PAYMENT_EVENTS:
                return None
            intent = _OBJECT.decode(event.data.object)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
            raise NoticeMalformed(NAME, f"Not an event of Stripe: {wrong}") from wrong
        return self._confirmation(event, intent, now)

    def _confirmation(self, event: _Event, intent: _Object, now: datetime) -> Confirmation:
        if event.livemode and not self.config.live_allowed:
            raise NoticeForged(NAME, "A live event outside an explicit setting.")
        if intent.currency != CURRENCY or intent.amount <= 0:
            raise NoticeMalformed(NAME, "The event is not about đồng.")
        succeeded = _PAYMENT_EVENTS[event.type]
        return Confirmation(
            gateway=NAME,
            # One intent may fail and then succeed: only its success is the intent's own id.
            provider_id=intent.id if succeeded else f"{intent.id}:{event.id}",
            amount_vnd=intent.amount,
            occurred_at=datetime.fromtimestamp(event.created, UTC) if event.created else now,
            succeeded=succeeded,
            payment_ref=intent.metadata.get(PAYMENT_REF, ""),
            detail=event.type,
        )

    def answer(self, outcome: str) -> Answer:
        """Taken; Stripe stops retrying."""
        return Answer(200, {"received": True})

    def refusal(self, error: GatewayError) -> Answer:
        """400 for whatever was not taken; Stripe tries again for some days."""
        return Answer(400, {"received": False, "code": error.code})


class _Transport(stripe.HTTPXClient):
    """The library's transport, which hands httpx the body by a name httpx has deprecated."""

    def _get_request_args_kwargs(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any
    ) -> Any:
        args, named = super()._get_request_args_kwargs(method, url, headers, post_data)
        body = named.pop("data", None)
        return args, {**named, "content": body} if body else named


class StripeClient:
    """Opens, looks up and gives back, with the official library and our own idempotency keys.

    Every call raises GatewayUnavailable where nothing can be known of what happened (ask again
    with the same key), and GatewayRefused with Stripe's code as its reason.
    """

    def __init__(self, config: StripeConfig) -> None:
        self._transport = _Transport(timeout=TIMEOUT_SECONDS)
        self._v1 = stripe.StripeClient(
            config.key,
            base_addresses={"api": config.url} if config.url else None,
            http_client=self._transport,
            max_network_retries=2,
        ).v1

    async def open_checkout(
        self,
        payment_ref: str,
        amount_vnd: int,
        description: str,
        *,
        success_url: str,
        cancel_url: str,
        idempotency_key: str,
    ) -> Opened:
        """A hosted page to pay on; its PaymentIntent carries `payment_ref`."""
        _require_supported(amount_vnd)
        metadata = {PAYMENT_REF: payment_ref}
        session = await _answered(
            self._v1.checkout.sessions.create_async(
                {
                    "mode": "payment",
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": CURRENCY,
                                "unit_amount": amount_vnd,
                                "product_data": {"name": description},
                            },
                        }
                    ],
                    "client_reference_id": payment_ref,
                    "metadata": metadata,
                    "payment_intent_data": {"metadata": metadata, "description": description},
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                },
                {"idempotency_key": idempotency_key},
            )
        )
        return Opened(session.id, url=session.url or "", status=session.status or "")

    async def open_intent(
        self, payment_ref: str, amount_vnd: int, description: str, *, idempotency_key: str
    ) -> Opened:
        """A PaymentIntent to confirm from a card form."""
        _require_supported(amount_vnd)
        intent = await _answered(
            self._v1.payment_intents.create_async(
                {
                    "amount": amount_vnd,
                    "currency": CURRENCY,
                    "description": description,
                    "metadata": {PAYMENT_REF: payment_ref},
                    "automatic_payment_methods": {"enabled": True},
                },
                {"idempotency_key": idempotency_key},
            )
        )
        return Opened(intent.id, client_secret=intent.client_secret or "", status=intent.status)

    async def payment(self, intent_id: str, now: datetime) -> Confirmation | None:
        """How an intent stands, asked; None while it is undecided."""
        intent = await _answered(self._v1.payment_intents.retrieve_async(intent_id))
        if intent.status not in ("succeeded", "canceled"):
            return None
        return Confirmation(
            gateway=NAME,
            provider_id=intent.id if intent.status == "succeeded" else f"{intent.id}:canceled",
            amount_vnd=intent.amount,
            occurred_at=now,
            succeeded=intent.status == "succeeded",
            payment_ref=dict(intent.metadata.to_dict()).get(PAYMENT_REF, ""),
            detail=intent.status,
        )

    async def intent_of_checkout(self, session_id: str) -> str:
        """The id of the PaymentIntent behind a Checkout page; empty until there is one."""
        session = await _answered(self._v1.checkout.sessions.retrieve_async(session_id))
        intent = session.payment_intent
        return intent if isinstance(intent, str) else intent.id if intent else ""

    async def cancel(self, intent_id: str) -> str:
        """Stop an unpaid intent; its status afterwards."""
        return (await _answered(self._v1.payment_intents.cancel_async(intent_id))).status

    async def refund(self, intent_id: str, amount_vnd: int, *, idempotency_key: str) -> str:
        """Give back part or all of a paid intent; the refund's id."""
        assert amount_vnd > 0
        refund = await _answered(
            self._v1.refunds.create_async(
                {"payment_intent": intent_id, "amount": amount_vnd},
                {"idempotency_key": idempotency_key},
            )
        )
        return refund.id

    async def close(self) -> None:
        """Give the connections back."""
        await self._transport.close_async()  # type: ignore[no-untyped-call]  # the library's own


async def _answered(call: Awaitable[_T]) -> _T:
    """The call's result, the library's errors as ours."""
    try:
        return await call
    except stripe.APIConnectionError as failed:
        raise GatewayUnavailable(NAME, "Stripe did not answer.") from failed
    except (stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError) as refused:
        reason = refused.code or type(refused).__name__
        raise GatewayRefused(NAME, "Stripe refused.", reason=reason) from refused
    except (stripe.AuthenticationError, stripe.PermissionError) as refused:
        raise GatewayRefused(NAME, "Stripe refused our key.", reason="key") from refused
    except stripe.StripeError as failed:
        raise GatewayUnavailable(NAME, "Stripe failed.") from failed


def _require_supported(amount_vnd: int) -> None:
    if not AMOUNT_VND_MIN <= amount_vnd <= AMOUNT_VND_MAX:
        raise AmountUnsupported(amount_vnd)


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
