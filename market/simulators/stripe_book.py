"""What the simulated Stripe knows: intents, checkout sessions, charges, refunds, events."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from market import ids
from market.simulators.state import Store
from market.simulators.stripe_money import balance_transaction
from market.simulators.stripe_wire import (
    Json,
    Refused,
    amount_of,
    check_limits,
    currency_of,
    items_of,
    metadata_of,
    new_id,
    table_of,
    unexpected_state,
)

API_VERSION = "2026-10-28.endive"
FAULTS = (
    "drop", "double", "delay", "delay_s", "forge", "reorder", "down", "lost_answer",
    "refund_pending",
)  # fmt: skip
SESSION_SECONDS = 24 * 3600
SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL DEFAULT '', body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS object_parent ON object (parent, kind);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
"""
ACTION_REQUIRED = "authentication_required"
CARDS = {
    "4242424242424242": "",
    "5555555555554444": "",
    "4000000000000002": "generic_decline",
    "4000000000009995": "insufficient_funds",
    "4000000000000069": "expired_card",
    "4000000000000127": "incorrect_cvc",
    "4000002500003155": ACTION_REQUIRED,
    "pm_card_visa": "",
    "pm_card_mastercard": "",
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedExpiredCard": "expired_card",
    "pm_card_authenticationRequired": ACTION_REQUIRED,
}
"""Test cards and payment methods, and why each is declined; empty where it pays."""
_SUCCEEDED = "succeeded"
_CANCELLABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


@dataclass(frozen=True)
class StripeConfig:
    """How the simulated Stripe runs."""

    state_path: Path
    webhook_url: str = "http://127.0.0.1:8000/hooks/stripe"
    webhook_secret: str = field(default="whsec_demo_stripe", repr=False)
    key: str = field(default="", repr=False)
    """The only secret key taken; empty: every test key."""
    url: str = "http://127.0.0.1:8013"
    """How browsers reach it: the address of the hosted payment page."""
    minute_s: float = 60.0
    """How long a minute of the webhook's pauses really lasts."""
    seed: int = 0


class Book:
    """Objects by id; every change that Stripe tells of is handed to `tell`."""

    def __init__(
        self,
        config: StripeConfig,
        store: Store,
        tell: Callable[[Json], None],
        pending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._config, self._store, self._tell, self._pending = config, store, tell, pending
        self.account = ""
        """On whose connected account the present call is; empty: our own."""

    # ── PaymentIntents ──────────────────────────────────────────────────────────────────────────

    def create_intent(self, given: Json, now: datetime) -> Json:
        """A PaymentIntent; with confirm=true it is charged at once."""
        amount, currency = amount_of(given), currency_of(given)
        check_limits(amount, currency)
        number = new_id("pi")
        intent: Json = {
            "id": number,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "capture_method": "automatic",
            "client_secret": f"{number}_secret_{ids.new().hex[-12:]}",
            "created": int(now.timestamp()),
            "currency": currency,
            "description": given.get("description"),
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata_of(given),
            "next_action": None,
            "payment_method": given.get("payment_method"),
            "payment_method_types": ["card"],
            "status": "requires_confirmation"
            if given.get("payment_method")
            else "requires_payment_method",
        }
        self.save(intent)
        self.event("payment_intent.created", intent, now)
        if str(given.get("confirm")) == "true":
            return self.confirm(number, given, now)
        return intent

    def confirm(self, number: str, given: Json, now: datetime) -> Json:
        """Charge the intent's card.

        Raises: Refused, with 402 where the card is declined.
        """
        intent = self.get(number, "payment_intent")
        if intent["status"] not in _CANCELLABLE:
            raise unexpected_state(intent)
        method = str(given.get("payment_method") or intent["payment_method"] or "")
        if not method:
            raise Refused(
                "A payment method is needed.", "parameter_missing", param="payment_method"
            )
        if method not in CARDS:
            raise Refused(
                f"No such PaymentMethod: '{method}'", "resource_missing", param="payment_method"
            )
        intent["payment_method"] = method
        if CARDS[method] == ACTION_REQUIRED:
            intent["status"] = "requires_action"
            url = f"{self._config.url}/authenticate/{number}"
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": url}}
            self.save(intent)
            self.event("payment_intent.requires_action", intent, now)
            return intent
        if CARDS[method]:
            raise self._declined(intent, CARDS[method], now)
        return self._succeed(intent, now)

    def authenticate(self, number: str, *, passed: bool, now: datetime) -> Json:
        """The cardholder's answer to 3-D Secure."""
        intent = self.get(number, "payment_intent")
        if intent["status"] != "requires_action":
            raise unexpected_state(intent)
        if passed:
            return self._succeed(intent, now)
        self._declined(intent, "payment_intent_authentication_failure", now)
        return intent

    def cancel(self, number: str, now: datetime) -> Json:
        """Stop an unpaid intent."""
        intent = self.get(number, "payment_intent")
        if intent["status"] not in _CANCELLABLE:
            raise unexpected_state(intent)
        intent |= {"status": "canceled", "canceled_at": int(now.timestamp()), "next_action": None}
        self.save(intent)
        self.event("payment_intent.canceled", intent, now)
        return intent

    def _succeed(self, intent: Json, now: datetime) -> Json:
        charge: Json = {
            "id": new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"],
            "amount_refunded": 0,
            "captured": True,
            "created": int(now.timestamp()),
            "currency": intent["currency"],
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": _SUCCEEDED,
        }
        self.book_money(charge, now)
        intent |= {
            "status": _SUCCEEDED,
            "amount_received": intent["amount"],
            "latest_charge": charge["id"],
            "last_payment_error": None,
            "next_action": None,
        }
        self.save(charge, intent["id"])
        self.save(intent)
        self.event("charge.succeeded", charge, now)
        self.event("payment_intent.succeeded", intent, now)
        return intent

    def _declined(self, intent: Json, reason: str, now: datetime) -> Refused:
        message = "Your card was declined."
        error = {"type": "card_error", "code": "card_declined", "decline_code": reason,
                 "message": message}  # fmt: skip
        intent |= {
            "status": "requires_payment_method",
            "last_payment_error": error,
            "next_action": None,
        }
        self.save(intent)
        self.event("payment_intent.payment_failed", intent, now)
        return Refused(
            message, "card_declined", status=402, decline_code=reason, payment_intent=intent
        )

    # ── Checkout ────────────────────────────────────────────────────────────────────────────────

    def create_session(self, given: Json, now: datetime) -> Json:
        """A Checkout page for line items with inline prices."""
        if given.get("mode") != "payment":
            raise Refused("Only mode=payment is simulated.", "parameter_invalid", param="mode")
        if not given.get("success_url"):
            raise Refused("Missing: success_url.", "parameter_missing", param="success_url")
        total, currency, name = items_of(given)
        check_limits(total, currency)
        number = new_id("cs_test")
        session: Json = {
            "id": number,
            "object": "checkout.session",
            "amount_subtotal": total,
            "amount_total": total,
            "cancel_url": given.get("cancel_url"),
            "client_reference_id": given.get("client_reference_id"),
            "created": int(now.timestamp()),
            "currency": currency,
            "expires_at": int(now.timestamp()) + SESSION_SECONDS,
            "livemode": False,
            "metadata": metadata_of(given),
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": given["success_url"],
            "url": f"{self._config.url}/c/pay/{number}",
        }
        private = {"intent": table_of(given.get("payment_intent_data")), "name": name}
        self._store.set_setting(f"session:{number}", private)
        self.save(session)
        return session

    def session_name(self, number: str) -> str:
        """What the page says is bought."""
        return str(self._store.setting(f"session:{number}", {}).get("name", ""))

    def pay_session(self, number: str, card: str, now: datetime) -> Json:
        """The payer's card on the hosted page; the session afterwards.

        Raises: Refused where the card is declined or the page is closed.
        """
        session = self.get(number, "checkout.session")
        if session["status"] != "open" or now.timestamp() > session["expires_at"]:
            raise Refused("This page is closed.", "checkout_session_closed")
        if session["payment_intent"] is None:
            data = self._store.setting(f"session:{number}", {}).get("intent", {})
            wanted = {"amount": session["amount_total"], "currency": session["currency"], **data}
            session["payment_intent"] = self.create_intent(wanted, now)["id"]
            self.save(session)
        intent = self.confirm(session["payment_intent"], {"payment_method": card}, now)
        if intent["status"] == _SUCCEEDED:
            self.complete_session(session, now)
        return session

    def complete_session(self, session: Json, now: datetime) -> None:
        """The session of a paid intent is complete, once."""
        if session["status"] == "open":
            session |= {"status": "complete", "payment_status": "paid", "url": None}
            self.save(session)
            self.event("checkout.session.completed", session, now)

    def expire_session(self, number: str, now: datetime) -> Json:
        """Close an open page."""
        session = self.get(number, "checkout.session")
        if session["status"] != "open":
            raise Refused("Only an open session can expire.", "checkout_session_closed")
        session |= {"status": "expired", "url": None}
        self.save(session)
        self.event("checkout.session.expired", session, now)
        return session

    def session_of_intent(self, number: str) -> Json | None:
        """The Checkout session that an intent belongs to."""
        found = self._store.row(
            "SELECT body FROM object WHERE kind = 'checkout.session'"
            " AND json_extract(body, '$.payment_intent') = ?",
            number,
        )
        return None if found is None else json.loads(found["body"])

    # ── Refunds ─────────────────────────────────────────────────────────────────────────────────

    def create_refund(self, given: Json, now: datetime) -> Json:
        """Give back part or all of a paid intent, never more than was taken."""
        charge = self._charge_of(given)
        rest = charge["amount"] - charge["amount_refunded"]
        amount = amount_of(given) if "amount" in given else rest
        if rest == 0:
            raise Refused(f"Charge {charge['id']} is refunded.", "charge_already_refunded")
        if not 0 < amount <= rest:
            raise Refused(
                "Refund amount is greater than unrefunded amount.", "amount_too_large",
                param="amount",
            )  # fmt: skip
        refund: Json = {
            "id": new_id("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(now.timestamp()),
            "currency": charge["currency"],
            "metadata": metadata_of(given),
            "payment_intent": charge["payment_intent"],
            "reason": given.get("reason"),
            "status": "pending" if self._pending() else _SUCCEEDED,
        }
        self.book_money(refund, now)
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self.save(refund, charge["payment_intent"])
        self.save(charge, charge["payment_intent"])
        self.event("refund.created", refund, now)
        self.event("charge.refunded", charge, now)
        return refund

    def _charge_of(self, given: Json) -> Json:
        if given.get("charge"):
            return self.get(str(given["charge"]), "charge")
        if not given.get("payment_intent"):
            raise Refused("One of charge, payment_intent is needed.", "parameter_missing")
        intent = self.get(str(given["payment_intent"]), "payment_intent")
        if intent["latest_charge"] is None:
            raise Refused("This PaymentIntent has no successful charge.", "charge_missing")
        return self.get(intent["latest_charge"], "charge")

    def book_money(self, thing: Json, now: datetime) -> None:
        """The account's books have it, with its fee."""
        booked = balance_transaction(thing, now)
        thing["balance_transaction"] = booked["id"]
        self.save(booked, thing["payment_intent"])

    # ── Objects and events ──────────────────────────────────────────────────────────────────────

    def get(self, number: str, kind: str) -> Json:
        """An object by id.

        Raises: Refused with 404.
        """
        found = self._store.row("SELECT body FROM object WHERE id = ? AND kind = ?", number, kind)
        if found is None or self.account_of(number) != self.account:
            raise Refused(f"No such {kind}: '{number}'", "resource_missing", status=404, param="id")
        loaded: Json = json.loads(found["body"])
        return loaded

    def anything(self, number: str) -> Json:
        """An object of whatever kind."""
        found = self._store.row("SELECT body FROM object WHERE id = ?", number)
        loaded: Json = {} if found is None else json.loads(found["body"])
        return loaded

    def account_of(self, number: str) -> str:
        """The connected account an object was made on; empty where it is our own."""
        return str(self._store.setting(f"account:{number}", ""))

    def listed(self, kind: str, parent: str = "", limit: int = 10) -> Json:
        """A list object, newest first."""
        rows = self._store.rows(
            "SELECT body FROM object WHERE kind = ? AND (? = '' OR parent = ?)"
            " ORDER BY rowid DESC LIMIT ?",
            kind, parent, parent, limit + 1,
        )  # fmt: skip
        data = [json.loads(row["body"]) for row in rows[:limit]]
        return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": "/v1"}

    def save(self, thing: Mapping[str, Any], parent: str = "") -> None:
        if self.account:
            self._store.set_setting(f"account:{thing['id']}", self.account)
        self._store.run(
            "INSERT INTO object VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            thing["id"], thing["object"], parent, json.dumps(thing, ensure_ascii=False),
        )  # fmt: skip

    def event(self, kind: str, thing: Json, now: datetime) -> None:
        event: Json = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(now.timestamp()),
            "data": {"object": dict(thing)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
            **({"account": self.account} if self.account else {}),
        }
        self.save(event, str(thing.get("payment_intent") or thing["id"]))
        self._tell(event)
