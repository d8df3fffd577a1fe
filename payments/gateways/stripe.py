"""Stripe in VND: Checkout and PaymentIntents by the official library, and its signed events.

VND has no minor unit: 85,000 đ is 85000 on the wire. Source: Stripe API documentation.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

import stripe

from payments.confirmation import Confirmation
from payments.gateways import stripe_events
from payments.gateways.gateway import (
    Answer,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    Notice,
    NoticeForged,
    Secrets,
)
from payments.gateways.stripe_events import (
    CURRENCY,
    NAME,
    PAYMENT_REF,
    REFUND_ID,
    refund_answer,
    sign,
)
from payments.refund import Answered, RefundAnswer

__all__ = [
    "AMOUNT_VND_MAX",
    "AMOUNT_VND_MIN",
    "AmountUnsupported",
    "LiveKeyRefused",
    "Opened",
    "Settlement",
    "StripeClient",
    "StripeConfig",
    "StripeGateway",
    "sign",
]

AMOUNT_VND_MIN = 13_000
"""About half a US dollar, the least Stripe takes; markets sell smaller things by other roads."""
AMOUNT_VND_MAX = 99_999_999
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


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a payment is worth to whoever it is settled to, by Stripe's own books."""

    amount_vnd: int
    fee_vnd: int
    net_vnd: int
    available_at: datetime
    """From then on it may be paid out."""
    balance_no: str
    """Stripe's balance transaction, as its reports name it."""


@dataclass(frozen=True, slots=True)
class StripeGateway:
    """Events of one Stripe webhook endpoint."""

    config: StripeConfig
    name: str = NAME

    def verify(self, notice: Notice, now: datetime) -> Confirmation | None:
        """What an event says of money that came, went back or is disputed; None for all others."""
        event = stripe_events.verified(notice, self.config.webhook_secrets, now)
        if event.livemode and not self.config.live_allowed:
            raise NoticeForged(NAME, "A live event outside an explicit setting.")
        return stripe_events.confirmation_of(event, now)

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
        account: str = "",
    ) -> Opened:
        """A hosted page to pay on; its PaymentIntent carries `payment_ref`.

        `account`: the seller's own connected account. The charge is then made on it directly: what
        comes is the seller's and never passes through the platform's balance.
        """
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
                _options(idempotency_key, account),
            )
        )
        return Opened(session.id, url=session.url or "", status=session.status or "")

    async def open_intent(
        self,
        payment_ref: str,
        amount_vnd: int,
        description: str,
        *,
        idempotency_key: str,
        account: str = "",
    ) -> Opened:
        """A PaymentIntent to confirm from a card form; `account` as for a Checkout page."""
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
                _options(idempotency_key, account),
            )
        )
        return Opened(intent.id, client_secret=intent.client_secret or "", status=intent.status)

    async def payment(
        self, intent_id: str, now: datetime, *, account: str = ""
    ) -> Confirmation | None:
        """How an intent stands, asked; None while it is undecided."""
        intent = await _answered(
            self._v1.payment_intents.retrieve_async(intent_id, {}, _options("", account))
        )
        if intent.status not in ("succeeded", "canceled"):
            return None
        succeeded = intent.status == "succeeded"
        received = intent.to_dict().get("amount_received")  # a stand-in may leave it out
        return Confirmation(
            gateway=NAME,
            provider_id=intent.id if succeeded else f"{intent.id}:canceled",
            amount_vnd=int(received) if succeeded and received is not None else intent.amount,
            occurred_at=now,
            succeeded=succeeded,
            payment_ref=dict(intent.metadata.to_dict()).get(PAYMENT_REF, ""),
            detail=intent.status,
        )

    async def settlement(self, intent_id: str, *, account: str = "") -> Settlement | None:
        """What a paid intent is worth after fees, and when; None while Stripe has not booked it.

        Raises: GatewayRefused where the account settles in another currency than đồng.
        """
        intent = await _answered(
            self._v1.payment_intents.retrieve_async(
                intent_id,
                {"expand": ["latest_charge.balance_transaction"]},
                _options("", account),
            )
        )
        charge = intent.latest_charge
        booked = None if charge is None or isinstance(charge, str) else charge.balance_transaction
        if booked is None or isinstance(booked, str):
            return None
        if booked.currency != CURRENCY:
            raise GatewayRefused(NAME, f"Settled in {booked.currency}.", reason="other_currency")
        return Settlement(
            amount_vnd=booked.amount,
            fee_vnd=booked.fee,
            net_vnd=booked.net,
            available_at=datetime.fromtimestamp(booked.available_on, UTC),
            balance_no=booked.id,
        )

    async def intent_of_checkout(self, session_id: str) -> str:
        """The id of the PaymentIntent behind a Checkout page; empty until there is one."""
        session = await _answered(self._v1.checkout.sessions.retrieve_async(session_id))
        intent = session.payment_intent
        return intent if isinstance(intent, str) else intent.id if intent else ""

    async def cancel(self, intent_id: str) -> str:
        """Stop an unpaid intent; its status afterwards."""
        return (await _answered(self._v1.payment_intents.cancel_async(intent_id))).status

    async def give_back(self, refund_id: UUID, intent_id: str, amount_vnd: int) -> RefundAnswer:
        """Ask for a refund under its own id; asked again, it is the same one.

        Raises: GatewayUnavailable, GatewayRefused.
        """
        assert amount_vnd > 0
        made = await _answered(
            self._v1.refunds.create_async(
                {
                    "payment_intent": intent_id,
                    "amount": amount_vnd,
                    "metadata": {REFUND_ID: str(refund_id)},
                },
                {"idempotency_key": f"refund:{refund_id}"},
            )
        )
        return refund_answer(made.id, made.status or "")

    async def given_back(self, refund_id: UUID, intent_id: str) -> RefundAnswer:
        """How a refund stands, asked; ABSENT where Stripe has none with this id.

        Raises: GatewayUnavailable, GatewayRefused.
        """
        page = await _answered(
            self._v1.refunds.list_async({"payment_intent": intent_id, "limit": 100})
        )
        for one in page.data:
            named = one.metadata.to_dict() if one.metadata else {}
            if named.get(REFUND_ID) == str(refund_id):
                return refund_answer(one.id, one.status or "")
        return RefundAnswer(Answered.ABSENT)

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


def _options(idempotency_key: str, account: str) -> stripe.RequestOptions:
    """What goes along with a call: who repeats it, and on whose account it is."""
    options: stripe.RequestOptions = {}
    if idempotency_key:
        options["idempotency_key"] = idempotency_key
    if account:
        options["stripe_account"] = account
    return options


def _require_supported(amount_vnd: int) -> None:
    if not AMOUNT_VND_MIN <= amount_vnd <= AMOUNT_VND_MAX:
        raise AmountUnsupported(amount_vnd)
