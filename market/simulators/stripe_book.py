"""What the simulated Stripe knows: intents, checkout sessions, charges, refunds, events."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from market import ids
from market.simulators.state import Store

API_VERSION = "2026-10-28.endive"
FAULTS = ("drop", "double", "delay", "delay_s", "forge", "down", "lost_answer")
AMOUNT_MIN = {"vnd": 13_000, "usd": 50}
AMOUNT_MAX = 99_999_999
SESSION_SECONDS = 24 * 3600
METADATA_KEYS_MAX = 50
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

Json = dict[str, Any]


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


class Refused(Exception):
    """An error of the API: HTTP status and error object."""

    def __init__(
        self, message: str, code: str = "", *, status: int = 400, param: str = "", **more: Any
    ) -> None:
        super().__init__(message)
        kind = "card_error" if status == 402 else "invalid_request_error"
        facts = {"code": code, "param": param, **more}
        known = {name: value for name, value in facts.items() if value}
        self.status = status
        self.body: Json = {"error": {"type": kind, "message": message, **known}}


class Book:
    """Objects by id; every change that Stripe tells of is handed to `tell`."""

    def __init__(self, config: StripeConfig, store: Store, tell: Callable[[Json], None]) -> None:
        self._config, self._store, self._tell = config, store, tell

    # ── PaymentIntents ──────────────────────────────────────────────────────────────────────────

    def create_intent(self, given: Json, now: datetime) -> Json:
        """A PaymentIntent; with confirm=true it is charged at once."""
        amount, currency = _amount(given), _currency(given)
        _check_limits(amount, currency)
        number = _new("pi")
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
            "metadata": _metadata(given),
            "next_action": None,
            "payment_method": given.get("payment_method"),
            "payment_method_types": ["card"],
            "status": "requires_confirmation"
            if given.get("payment_method")
            else "requires_payment_method",
        }
        self._save(intent)
        self._event("payment_intent.created", intent, now)
        if str(given.get("confirm")) == "true":
            return self.confirm(number, given, now)
        return intent

    def confirm(self, number: str, given: Json, now: datetime) -> Json:
        """Charge the intent's card.

        Raises: Refused, with 402 where the card is declined.
        """
        intent = self.get(number, "payment_intent")
        if intent["status"] not in _CANCELLABLE:
            raise _unexpected_state(intent)
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
            self._save(intent)
            self._event("payment_intent.requires_action", intent, now)
            return intent
        if CARDS[method]:
            raise self._declined(intent, CARDS[method], now)
        return self._succeed(intent, now)

    def authenticate(self, number: str, *, passed: bool, now: datetime) -> Json:
        """The cardholder's answer to 3-D Secure."""
        intent = self.get(number, "payment_intent")
        if intent["status"] != "requires_action":
            raise _unexpected_state(intent)
        if passed:
            return self._succeed(intent, now)
        self._declined(intent, "payment_intent_authentication_failure", now)
        return intent

    def cancel(self, number: str, now: datetime) -> Json:
        """Stop an unpaid intent."""
        intent = self.get(number, "payment_intent")
        if intent["status"] not in _CANCELLABLE:
            raise _unexpected_state(intent)
        intent |= {"status": "canceled", "canceled_at": int(now.timestamp()), "next_action": None}
        self._save(intent)
        self._event("payment_intent.canceled", intent, now)
        return intent

    def _succeed(self, intent: Json, now: datetime) -> Json:
        charge: Json = {
            "id": _new("ch"),
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
        intent |= {
            "status": _SUCCEEDED,
            "amount_received": intent["amount"],
            "latest_charge": charge["id"],
            "last_payment_error": None,
            "next_action": None,
        }
        self._save(charge, intent["id"])
        self._save(intent)
        self._event("charge.succeeded", charge, now)
        self._event("payment_intent.succeeded", intent, now)
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
        self._save(intent)
        self._event("payment_intent.payment_failed", intent, now)
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
        total, currency, name = _items(given)
        _check_limits(total, currency)
        number = _new("cs_test")
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
            "metadata": _metadata(given),
            "mode": "payment",
            "payment_intent": None,
            "payment_status": "unpaid",
            "status": "open",
            "success_url": given["success_url"],
            "url": f"{self._config.url}/c/pay/{number}",
        }
        private = {"intent": _table(given.get("payment_intent_data")), "name": name}
        self._store.set_setting(f"session:{number}", private)
        self._save(session)
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
            self._save(session)
        intent = self.confirm(session["payment_intent"], {"payment_method": card}, now)
        if intent["status"] == _SUCCEEDED:
            self.complete_session(session, now)
        return session

    def complete_session(self, session: Json, now: datetime) -> None:
        """The session of a paid intent is complete, once."""
        if session["status"] == "open":
            session |= {"status": "complete", "payment_status": "paid", "url": None}
            self._save(session)
            self._event("checkout.session.completed", session, now)

    def expire_session(self, number: str, now: datetime) -> Json:
        """Close an open page."""
        session = self.get(number, "checkout.session")
        if session["status"] != "open":
            raise Refused("Only an open session can expire.", "checkout_session_closed")
        session |= {"status": "expired", "url": None}
        self._save(session)
        self._event("checkout.session.expired", session, now)
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
        amount = _amount(given) if "amount" in given else rest
        if rest == 0:
            raise Refused(f"Charge {charge['id']} is refunded.", "charge_already_refunded")
        if not 0 < amount <= rest:
            raise Refused(
                "Refund amount is greater than unrefunded amount.", "amount_too_large",
                param="amount",
            )  # fmt: skip
        refund: Json = {
            "id": _new("re"),
            "object": "refund",
            "amount": amount,
            "charge": charge["id"],
            "created": int(now.timestamp()),
            "currency": charge["currency"],
            "metadata": _metadata(given),
            "payment_intent": charge["payment_intent"],
            "reason": given.get("reason"),
            "status": _SUCCEEDED,
        }
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._save(refund, charge["payment_intent"])
        self._save(charge, charge["payment_intent"])
        self._event("refund.created", refund, now)
        self._event("charge.refunded", charge, now)
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

    # ── Objects and events ──────────────────────────────────────────────────────────────────────

    def get(self, number: str, kind: str) -> Json:
        """An object by id.

        Raises: Refused with 404.
        """
        found = self._store.row("SELECT body FROM object WHERE id = ? AND kind = ?", number, kind)
        if found is None:
            raise Refused(f"No such {kind}: '{number}'", "resource_missing", status=404, param="id")
        loaded: Json = json.loads(found["body"])
        return loaded

    def listed(self, kind: str, parent: str = "", limit: int = 10) -> Json:
        """A list object, newest first."""
        rows = self._store.rows(
            "SELECT body FROM object WHERE kind = ? AND (? = '' OR parent = ?)"
            " ORDER BY rowid DESC LIMIT ?",
            kind, parent, parent, limit + 1,
        )  # fmt: skip
        data = [json.loads(row["body"]) for row in rows[:limit]]
        return {"object": "list", "data": data, "has_more": len(rows) > limit, "url": "/v1"}

    def _save(self, thing: Mapping[str, Any], parent: str = "") -> None:
        self._store.run(
            "INSERT INTO object VALUES (?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            thing["id"], thing["object"], parent, json.dumps(thing, ensure_ascii=False),
        )  # fmt: skip

    def _event(self, kind: str, thing: Json, now: datetime) -> None:
        event: Json = {
            "id": _new("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": int(now.timestamp()),
            "data": {"object": dict(thing)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self._save(event, str(thing.get("payment_intent") or thing["id"]))
        self._tell(event)


def unflatten(body: str) -> Json:
    """A form body with bracketed names, as Stripe's clients send it, as nested objects.

    `line_items[0][quantity]=1` becomes {"line_items": {"0": {"quantity": "1"}}}.
    """
    root: Json = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        first, *rest = name.replace("]", "").split("[")
        at = root
        for index, part in enumerate([first, *rest]):
            if index == len(rest):
                at[part] = value
            else:
                inner = at.setdefault(part, {})
                at = inner if isinstance(inner, dict) else at
    return root


def _new(prefix: str) -> str:
    return f"{prefix}_{ids.new().hex}"


def _table(value: object) -> Json:
    return dict(value) if isinstance(value, dict) else {}


def _metadata(given: Json) -> dict[str, str]:
    metadata = _table(given.get("metadata"))
    if len(metadata) > METADATA_KEYS_MAX:
        raise Refused("At most 50 metadata keys.", "metadata_too_large", param="metadata")
    return {str(name): str(value) for name, value in metadata.items()}


def _amount(given: Json, name: str = "amount") -> int:
    text = str(given.get(name, ""))
    if not text:
        raise Refused(f"Missing required param: {name}.", "parameter_missing", param=name)
    if not (text.isascii() and text.lstrip("-").isdigit()):
        raise Refused(f"Invalid integer: {text}", "parameter_invalid_integer", param=name)
    return int(text)


def _currency(given: Json) -> str:
    currency = str(given.get("currency", "")).lower()
    if not currency:
        raise Refused("Missing required param: currency.", "parameter_missing", param="currency")
    if currency not in AMOUNT_MIN:
        raise Refused(f"Invalid currency: {currency}", "parameter_invalid", param="currency")
    return currency


def _check_limits(amount: int, currency: str) -> None:
    if amount < AMOUNT_MIN[currency]:
        raise Refused(
            "Amount must convert to at least 50 cents.", "amount_too_small", param="amount"
        )
    if amount > AMOUNT_MAX:
        raise Refused("Amount must be at most 99999999.", "amount_too_large", param="amount")


def _items(given: Json) -> tuple[int, str, str]:
    """Total, currency and name of a session's line items."""
    total, currency, names = 0, "", []
    for item in _table(given.get("line_items")).values():
        price = _table(_table(item).get("price_data"))
        currency = _currency(price)
        total += _amount(price, "unit_amount") * _amount(_table(item), "quantity")
        names.append(str(_table(price.get("product_data")).get("name", "")))
    if not names:
        raise Refused("Missing: line_items.", "parameter_missing", param="line_items")
    return total, currency, ", ".join(names)


def _unexpected_state(intent: Json) -> Refused:
    return Refused(
        f"This PaymentIntent's status is {intent['status']}.",
        "payment_intent_unexpected_state",
        payment_intent=intent,
    )
