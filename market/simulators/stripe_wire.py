"""How Stripe's API is written: bracketed forms in, parameters checked, its errors out. Pure."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

from market import ids

AMOUNT_MIN = {"vnd": 13_000, "usd": 50}
AMOUNT_MAX = 99_999_999
METADATA_KEYS_MAX, METADATA_NAME_MAX, METADATA_VALUE_MAX = 50, 40, 500

Json = dict[str, Any]


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


def new_id(prefix: str) -> str:
    """An id as Stripe makes them."""
    return f"{prefix}_{ids.new().hex}"


def table_of(value: object) -> Json:
    """A nested object; empty where there is none."""
    return dict(value) if isinstance(value, dict) else {}


def metadata_of(given: Json) -> dict[str, str]:
    """Raises: Refused for too many keys, or for texts that are too long."""
    found = {str(name): str(value) for name, value in table_of(given.get("metadata")).items()}
    if len(found) > METADATA_KEYS_MAX:
        raise Refused("At most 50 metadata keys.", "metadata_too_large", param="metadata")
    for name, value in found.items():
        if len(name) > METADATA_NAME_MAX or len(value) > METADATA_VALUE_MAX:
            raise Refused(
                "Metadata has keys of up to 40 characters and values of up to 500.",
                "parameter_invalid", param=f"metadata[{name[:METADATA_NAME_MAX]}]",
            )  # fmt: skip
    return found


def merged_metadata(known: dict[str, str], given: Json) -> dict[str, str]:
    """As it is after an update: what is empty is taken away, also all of it."""
    if given.get("metadata") == "":
        return {}
    return {name: text for name, text in {**known, **metadata_of(given)}.items() if text}


def one_of(allowed: Sequence[str], given: Json, name: str) -> str:
    """The first of them where nothing is said.

    Raises: Refused for a word that is none of them.
    """
    found = str(given.get(name) or allowed[0])
    if found not in allowed:
        raise Refused(f"Invalid {name}: {found}", "parameter_invalid", param=name)
    return found


def amount_of(given: Json, name: str = "amount") -> int:
    """Raises: Refused where it is missing or no whole number."""
    text = str(given.get(name, ""))
    if not text:
        raise Refused(f"Missing required param: {name}.", "parameter_missing", param=name)
    if not (text.isascii() and text.lstrip("-").isdigit()):
        raise Refused(f"Invalid integer: {text}", "parameter_invalid_integer", param=name)
    return int(text)


def currency_of(given: Json) -> str:
    """Raises: Refused for a currency that is not simulated."""
    currency = str(given.get("currency", "")).lower()
    if not currency:
        raise Refused("Missing required param: currency.", "parameter_missing", param="currency")
    if currency not in AMOUNT_MIN:
        raise Refused(f"Invalid currency: {currency}", "parameter_invalid", param="currency")
    return currency


def check_limits(amount: int, currency: str) -> None:
    """Raises: Refused below half a dollar or above eight digits."""
    if amount < AMOUNT_MIN[currency]:
        raise Refused(
            "Amount must convert to at least 50 cents.", "amount_too_small", param="amount"
        )
    if amount > AMOUNT_MAX:
        raise Refused("Amount must be at most 99999999.", "amount_too_large", param="amount")


def items_of(given: Json) -> tuple[int, str, str]:
    """Total, currency and name of a session's line items."""
    total, currency, names = 0, "", []
    for item in table_of(given.get("line_items")).values():
        price = table_of(table_of(item).get("price_data"))
        if currency not in ("", currency_of(price)):
            raise Refused(
                "All line items have one currency.", "parameter_invalid", param="currency"
            )
        currency = currency_of(price)
        if amount_of(table_of(item), "quantity") < 1 or amount_of(price, "unit_amount") < 0:
            raise Refused("Invalid line item.", "parameter_invalid_integer", param="line_items")
        total += amount_of(price, "unit_amount") * amount_of(table_of(item), "quantity")
        names.append(str(table_of(price.get("product_data")).get("name", "")))
    if not names:
        raise Refused("Missing: line_items.", "parameter_missing", param="line_items")
    return total, currency, ", ".join(names)


def unexpected_state(intent: Json) -> Refused:
    """The error of a move that the intent's status does not allow."""
    return Refused(
        f"This PaymentIntent's status is {intent['status']}.",
        "payment_intent_unexpected_state",
        payment_intent=intent,
    )
