"""What the simulated Stripe does with money once it has it: fees, refunds that wait, disputes."""

from datetime import datetime
from typing import Any

from market import ids
from market.simulators.stripe_balances import FEE_FIXED
from market.simulators.stripe_book import Book
from market.simulators.stripe_wire import Refused

Json = dict[str, Any]
REFUND_ENDS = ("succeeded", "failed", "canceled")
DISPUTE_ENDS = ("won", "lost")


class NoSuchThing(Exception):
    """The control API names something that is not there, or has ended."""


def end_refund(book: Book, number: str, status: str, now: datetime) -> Json:
    """A pending refund succeeds, fails or is cancelled; what failed is the charge's again."""
    refund = book.get(number, "refund")
    if refund["status"] != "pending" or status not in REFUND_ENDS:
        raise NoSuchThing(f"No pending refund {number}.")
    refund["status"] = status
    if status != "succeeded":
        charge = book.get(refund["charge"], "charge")
        charge["amount_refunded"] -= refund["amount"]
        charge["refunded"] = False
        book.book_money(refund, now, is_back=True)
        book.save(charge, charge["payment_intent"])
    book.save(refund, refund["payment_intent"])
    book.event("refund.failed" if status == "failed" else "refund.updated", refund, now)
    return refund


def open_dispute(book: Book, intent_id: str, amount: int, now: datetime) -> Json:
    """The cardholder's bank takes the money of a paid intent back for now."""
    intent = book.get(intent_id, "payment_intent")
    if intent["latest_charge"] is None:
        raise NoSuchThing(f"Intent {intent_id} was not paid.")
    charge = book.get(intent["latest_charge"], "charge")
    dispute: Json = {
        "id": f"dp_{ids.new().hex}",
        "object": "dispute",
        "amount": amount or charge["amount"],
        "charge": charge["id"],
        "created": int(now.timestamp()),
        "currency": charge["currency"],
        "evidence_details": {"due_by": int(now.timestamp()) + 7 * 24 * 3600},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": intent_id,
        "reason": "fraudulent",
        "status": "needs_response",
    }
    charge["disputed"] = True
    book.book_money(dispute, now)
    book.save(charge, intent_id)
    book.save(dispute, intent_id)
    book.event("charge.dispute.created", dispute, now)
    book.event("charge.dispute.funds_withdrawn", dispute, now)
    return dispute


def close_dispute(book: Book, number: str, status: str, now: datetime) -> Json:
    """The bank decides: won, the money comes back; lost, it stays away."""
    dispute = book.get(number, "dispute")
    if dispute["status"] in DISPUTE_ENDS or status not in DISPUTE_ENDS:
        raise NoSuchThing(f"No open dispute {number}.")
    dispute["status"] = status
    if status == "won":
        book.book_money(dispute, now, is_back=True)
    book.save(dispute, dispute["payment_intent"])
    if status == "won":
        book.event("charge.dispute.funds_reinstated", dispute, now)
    book.event("charge.dispute.closed", dispute, now)
    return dispute


def cancel_refund(book: Book, number: str, now: datetime) -> Json:
    """A refund that has not gone yet stays here.

    Raises: Refused.
    """
    try:
        return end_refund(book, number, "canceled", now)
    except NoSuchThing as wrong:
        message = f"Refund {number} can no longer be canceled."
        raise Refused(message, "refund_not_cancelable") from wrong


def balance(book: Book, now: datetime) -> Json:
    """What the account has, and what will be its own in a while."""
    sums = {"available": dict.fromkeys(FEE_FIXED, 0), "pending": dict.fromkeys(FEE_FIXED, 0)}
    for one in book.booked(0, 1 << 40):
        if book.account_of(one["id"]) == book.account:
            when = "available" if one["available_on"] <= now.timestamp() else "pending"
            sums[when][one["currency"]] += one["net"]
    return {
        "object": "balance", "livemode": False,
        **{
            when: [{"amount": amount, "currency": currency} for currency, amount in one.items()]
            for when, one in sums.items()
        },
    }  # fmt: skip


def expanded(book: Book, thing: Json, given: Json) -> Json:
    """The object, or each of a list, with the ids that `expand` names replaced by what they are of."""
    wanted = given.get("expand")
    for path in wanted.values() if isinstance(wanted, dict) else ():
        _expand(book, thing, str(path).split("."))
    return thing


def _expand(book: Book, at: Any, names: list[str]) -> None:
    if isinstance(at, list):
        for one in at:
            _expand(book, one, names)
    elif names and isinstance(at, dict) and at.get(names[0]) is not None:
        if isinstance(at[names[0]], str):
            at[names[0]] = book.anything(at[names[0]])
        _expand(book, at[names[0]], names[1:])
