"""Checkout in the simulated Stripe: the hosted page of a session, from open to paid or expired."""

import json
from datetime import datetime

from market.simulators.stripe_book import Book
from market.simulators.stripe_wire import (
    Json,
    Refused,
    amount_of,
    check_limits,
    items_of,
    metadata_of,
    new_id,
    table_of,
)

SESSION_SECONDS_MIN, SESSION_SECONDS = 30 * 60, 24 * 3600


def create_session(book: Book, given: Json, now: datetime) -> Json:
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
        "expires_at": _expires_at(given, int(now.timestamp())),
        "livemode": False,
        "metadata": metadata_of(given),
        "mode": "payment",
        "payment_intent": None,
        "payment_status": "unpaid",
        "status": "open",
        "success_url": given["success_url"],
        "url": f"{book.config.url}/c/pay/{number}",
    }
    private = {"intent": table_of(given.get("payment_intent_data")), "name": name}
    book.store.set_setting(f"session:{number}", private)
    book.save(session)
    return session


def _expires_at(given: Json, now: int) -> int:
    """Half an hour to a day from now; a day where nothing is said."""
    asked = amount_of(given, "expires_at") if "expires_at" in given else now + SESSION_SECONDS
    if not now + SESSION_SECONDS_MIN - 60 <= asked <= now + SESSION_SECONDS:
        raise Refused(
            "expires_at is 30 minutes to 24 hours from now.", "parameter_invalid",
            param="expires_at",
        )  # fmt: skip
    return asked


def session_name(book: Book, number: str) -> str:
    """What the page says is bought."""
    return str(book.store.setting(f"session:{number}", {}).get("name", ""))


def pay_session(book: Book, number: str, card: str, now: datetime) -> Json:
    """The payer's card on the hosted page; the session afterwards.

    Raises: Refused where the card is declined or the page is closed.
    """
    session = book.get(number, "checkout.session")
    if session["status"] != "open" or now.timestamp() > session["expires_at"]:
        raise Refused("This page is closed.", "checkout_session_closed")
    if session["payment_intent"] is None:
        data = book.store.setting(f"session:{number}", {}).get("intent", {})
        wanted = {"amount": session["amount_total"], "currency": session["currency"], **data}
        session["payment_intent"] = book.create_intent(wanted, now)["id"]
        book.save(session)
    intent = book.confirm(session["payment_intent"], {"payment_method": card}, now)
    if intent["status"] == "succeeded":
        complete_session(book, session, now)
    return session


def complete_session(book: Book, session: Json, now: datetime) -> None:
    """The session of a paid intent is complete, once."""
    if session["status"] == "open":
        session |= {"status": "complete", "payment_status": "paid", "url": None}
        book.save(session)
        book.event("checkout.session.completed", session, now)


def expire_session(book: Book, number: str, now: datetime) -> Json:
    """Close an open page."""
    session = book.get(number, "checkout.session")
    if session["status"] != "open":
        raise Refused("Only an open session can expire.", "checkout_session_closed")
    session |= {"status": "expired", "url": None}
    book.save(session)
    book.event("checkout.session.expired", session, now)
    return session


def session_of_intent(book: Book, number: str) -> Json | None:
    """The Checkout session that an intent belongs to."""
    found = book.store.row(
        "SELECT body FROM object WHERE kind = 'checkout.session'"
        " AND json_extract(body, '$.payment_intent') = ?",
        number,
    )
    return None if found is None else json.loads(found["body"])
