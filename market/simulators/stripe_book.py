"""What the simulated Stripe knows: intents, checkout sessions, charges, refunds, events."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from market import ids
from market.simulators.state import Store
from market.simulators.stripe_balances import balance_transaction
from market.simulators.stripe_cards import ACTION_REQUIRED, CARDS, payment_method
from market.simulators.stripe_wire import (
    Json,
    Refused,
    amount_of,
    check_limits,
    currency_of,
    merged_metadata,
    metadata_of,
    new_id,
    one_of,
    unexpected_state,
)

API_VERSION = "2026-10-28.endive"
FAULTS = (
    "drop", "double", "delay", "delay_s", "forge", "reorder", "down", "lost_answer",
    "refund_pending",
)  # fmt: skip
SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, parent TEXT NOT NULL DEFAULT '', body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS object_parent ON object (parent, kind);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
"""
REASONS = ("duplicate", "fraudulent", "requested_by_customer")
_SUCCEEDED = "succeeded"
_UNPAID = ("requires_payment_method", "requires_confirmation", "requires_action")
_CANCELLABLE = (*_UNPAID, "requires_capture")
_CAPTURES = ("automatic", "automatic_async", "manual")


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
        self.config, self.store, self._tell, self._pending = config, store, tell, pending
        self.account = ""
        """On whose connected account the present call is; empty: our own."""

    # ── PaymentIntents ──────────────────────────────────────────────────────────────────────────

    def create_intent(self, given: Json, now: datetime, number: str = "") -> Json:
        """A PaymentIntent; with confirm=true it is charged at once."""
        amount, currency = amount_of(given), currency_of(given)
        check_limits(amount, currency)
        number = number or new_id("pi")
        intent: Json = {
            "id": number,
            "object": "payment_intent",
            "amount": amount,
            "amount_received": 0,
            "amount_capturable": 0,
            "capture_method": one_of(_CAPTURES, given, "capture_method"),
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
        if intent["status"] not in _UNPAID:
            raise unexpected_state(intent)
        method = str(given.get("payment_method") or intent["payment_method"] or "")
        if not method:
            raise Refused(
                "A payment method is needed.", "parameter_missing", param="payment_method"
            )
        decline = self._decline_of(method)
        intent["payment_method"] = method
        if decline == ACTION_REQUIRED:
            intent["status"] = "requires_action"
            url = f"{self.config.url}/authenticate/{number}"
            intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": {"url": url}}
            self.save(intent)
            self.event("payment_intent.requires_action", intent, now)
            return intent
        if decline:
            raise self._declined(intent, decline, now)
        return self._succeed(intent, now)

    def create_method(self, given: Json, now: datetime) -> Json:
        """A payment method made of a test card."""
        made = payment_method(given, now)
        self.save(made)
        return made

    def _decline_of(self, method: str) -> str:
        """Why this card or payment method is declined; empty where it pays."""
        if method in CARDS:
            return CARDS[method]
        known = self.anything(method)
        if known.get("object") != "payment_method":
            raise Refused(
                f"No such PaymentMethod: '{method}'", "resource_missing", param="payment_method"
            )
        return str(known["simulated_decline"])

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

    def update_intent(self, number: str, given: Json) -> Json:
        """Its metadata at any time; what it asks for, and by what card, while it is unpaid."""
        intent = self.get(number, "payment_intent")
        asked: Json = {name: given[name] for name in ("amount", "currency") if name in given}
        if (asked or "payment_method" in given) and intent["status"] not in _UNPAID:
            raise unexpected_state(intent)
        if asked:
            wanted: Json = {**intent, **asked}
            intent |= {"amount": amount_of(wanted), "currency": currency_of(wanted)}
            check_limits(intent["amount"], intent["currency"])
        intent |= {name: given[name] for name in ("description", "payment_method") if name in given}
        intent["metadata"] = merged_metadata(intent["metadata"], given)
        self.save(intent)
        return intent

    def update_metadata(self, number: str, kind: str, given: Json) -> Json:
        """What an object of ours says about our side."""
        thing = self.get(number, kind)
        thing["metadata"] = merged_metadata(thing["metadata"], given)
        self.save(thing)
        return thing

    def _succeed(self, intent: Json, now: datetime) -> Json:
        is_manual = intent["capture_method"] == "manual"
        charge: Json = {
            "id": new_id("ch"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "captured": False,
            "created": int(now.timestamp()),
            "currency": intent["currency"],
            "livemode": False,
            "metadata": intent["metadata"],
            "paid": True,
            "payment_intent": intent["id"],
            "refunded": False,
            "status": _SUCCEEDED,
        }
        intent |= {"latest_charge": charge["id"], "last_payment_error": None, "next_action": None}
        if not is_manual:
            return self._captured(intent, charge, intent["amount"], now, "charge.succeeded")
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        self.save(charge, intent["id"])
        self.save(intent)
        self.event("charge.succeeded", charge, now)
        self.event("payment_intent.amount_capturable_updated", intent, now)
        return intent

    def capture(self, number: str, given: Json, now: datetime) -> Json:
        """Take what was only held, or a part of it; the rest is the cardholder's again."""
        intent = self.get(number, "payment_intent")
        if intent["status"] != "requires_capture":
            raise unexpected_state(intent)
        held = intent["amount_capturable"]
        amount = amount_of(given, "amount_to_capture") if "amount_to_capture" in given else held
        if not 0 < amount <= held:
            raise Refused(
                "The amount is not what was held, or a part of it.", "amount_too_large",
                param="amount_to_capture",
            )  # fmt: skip
        charge = self.get(intent["latest_charge"], "charge")
        return self._captured(intent, charge, amount, now, "charge.captured")

    def _captured(self, intent: Json, charge: Json, amount: int, now: datetime, news: str) -> Json:
        charge |= {"captured": True, "amount_captured": amount}
        self.book_money(charge, now)
        intent |= {"status": _SUCCEEDED, "amount_received": amount, "amount_capturable": 0}
        self.save(charge, intent["id"])
        self.save(intent)
        self.event(news, charge, now)
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

    # ── Refunds ─────────────────────────────────────────────────────────────────────────────────

    def create_refund(self, given: Json, now: datetime) -> Json:
        """Give back part or all of a paid intent, never more than was taken."""
        charge = self._charge_of(given)
        rest = charge["amount_captured"] - charge["amount_refunded"]
        amount = amount_of(given) if "amount" in given else rest
        reason = given.get("reason")
        if reason and reason not in REASONS:
            raise Refused(f"Invalid reason: {reason}", "parameter_invalid", param="reason")
        if amount < 1 and "amount" in given:
            raise Refused(
                "This value must be greater than or equal to 1.", "parameter_invalid_integer",
                param="amount",
            )  # fmt: skip
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
            "reason": reason,
            "status": "pending" if self._pending() else _SUCCEEDED,
        }
        self.book_money(refund, now)
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
        self.save(refund, charge["payment_intent"])
        self.save(charge, charge["payment_intent"])
        self.event("refund.created", refund, now)
        self.event("charge.refunded", charge, now)
        return refund

    def _charge_of(self, given: Json) -> Json:
        if given.get("charge"):
            return self.get(str(given["charge"]), "charge", "charge")
        if not given.get("payment_intent"):
            raise Refused("One of charge, payment_intent is needed.", "parameter_missing")
        intent = self.get(str(given["payment_intent"]), "payment_intent", "payment_intent")
        if intent["latest_charge"] is None:
            raise Refused("This PaymentIntent has no successful charge.", "charge_missing")
        return self.get(intent["latest_charge"], "charge")

    def book_money(self, thing: Json, now: datetime, *, is_back: bool = False) -> None:
        """The account's books have it, with its fee; or have it back."""
        booked = balance_transaction(thing, now, is_back=is_back)
        if thing["object"] == "dispute":
            thing.setdefault("balance_transactions", []).append(booked)
        else:
            name = "failure_balance_transaction" if is_back else "balance_transaction"
            thing[name] = booked["id"]
        self.save(booked, thing["payment_intent"])

    # ── Objects and events ──────────────────────────────────────────────────────────────────────

    def get(self, number: str, kind: str, param: str = "id") -> Json:
        """An object by id; `param` is where the id was given.

        Raises: Refused with 404.
        """
        found = self.store.row("SELECT body FROM object WHERE id = ? AND kind = ?", number, kind)
        if found is None or self.account_of(number) != self.account:
            message = f"No such {kind}: '{number}'"
            raise Refused(message, "resource_missing", status=404, param=param)
        loaded: Json = json.loads(found["body"])
        return loaded

    def anything(self, number: str) -> Json:
        """An object of whatever kind."""
        found = self.store.row("SELECT body FROM object WHERE id = ?", number)
        loaded: Json = {} if found is None else json.loads(found["body"])
        return loaded

    def account_of(self, number: str) -> str:
        """The connected account an object was made on; empty where it is our own."""
        return str(self.store.setting(f"account:{number}", ""))

    def newest(self, kind: str, parent: str = "", limit: int = 10) -> list[Json]:
        """The last ones, on whatever account."""
        rows = self.store.rows(
            "SELECT body FROM object WHERE kind = ? AND (? = '' OR parent = ?)"
            " ORDER BY rowid DESC LIMIT ?",
            kind, parent, parent, limit,
        )  # fmt: skip
        return [json.loads(row["body"]) for row in rows]

    def booked(self, begins: int, ends: int) -> list[Json]:
        """Balance transactions from one unix second until before another, oldest first."""
        rows = self.store.rows(
            "SELECT body FROM object WHERE kind = 'balance_transaction'"
            " AND json_extract(body, '$.created') >= ? AND json_extract(body, '$.created') < ?"
            " ORDER BY json_extract(body, '$.created'), rowid",
            begins, ends,
        )  # fmt: skip
        return [json.loads(row["body"]) for row in rows]

    def save(self, thing: Mapping[str, Any], parent: str = "") -> None:
        """The object as it stands now."""
        if self.account:
            self.store.set_setting(f"account:{thing['id']}", self.account)
        self.store.run(
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
