"""The test cards of the simulated Stripe, by number and by name; payment methods. No number is kept."""

from datetime import datetime

from market.simulators.stripe_wire import Json, Refused, metadata_of, new_id, table_of

ACTION_REQUIRED = "authentication_required"
CARDS = {
    "4242424242424242": "",
    "5555555555554444": "",
    "4000000000000002": "generic_decline",
    "4000000000000341": "generic_decline",
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


def payment_method(given: Json, now: datetime) -> Json:
    """A card as a payment method: what its number does is kept, not the number.

    Raises: Refused for anything but one of the test cards.
    """
    card = table_of(given.get("card"))
    number = "".join(str(card.get("number", "")).split())
    if given.get("type") != "card" or number not in CARDS:
        raise Refused("Only the test cards are simulated.", "parameter_invalid", param="card")
    return {
        "id": new_id("pm"),
        "object": "payment_method",
        "billing_details": {},
        "card": {"brand": "visa", "last4": number[-4:]},
        "created": int(now.timestamp()),
        "customer": None,
        "livemode": False,
        "metadata": metadata_of(given),
        "type": "card",
        "simulated_decline": CARDS[number],
    }
