"""What may be called at the simulated Stripe: each path, and the parameters it takes."""

import re
from collections.abc import Callable
from datetime import datetime
from functools import partial

from stripe.params import (
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentModifyParams,
    RefundCreateParams,
)
from stripe.params.checkout import SessionCreateParams

from market.simulators.stripe_book import API_VERSION, Book
from market.simulators.stripe_checkout import create_session, expire_session
from market.simulators.stripe_lists import PATHS, listed, search
from market.simulators.stripe_money import balance, cancel_refund
from market.simulators.stripe_wire import Json, Refused

Action = Callable[[Book, tuple[str, ...], Json, datetime], Json]
Parts = tuple[str, ...]
FIRST_VERSION = "2011-01-01"
_VERSION = re.compile(r"(\d{4}-\d{2}-\d{2})(\.[a-z]+)?")


def _get(kind: str, book: Book, parts: Parts, _: Json, __: datetime) -> Json:
    return book.get(parts[-1], kind)


def _list(kind: str, book: Book, _: Parts, given: Json, __: datetime) -> Json:
    return listed(book, kind, given)


def _search(kind: str, book: Book, _: Parts, given: Json, __: datetime) -> Json:
    return search(book, kind, given)


_POST: dict[Parts, Action] = {
    ("payment_intents",): lambda book, _, given, now: book.create_intent(given, now),
    ("payment_intents", "*"): lambda book, p, given, _: book.update_intent(p[1], given),
    ("payment_intents", "*", "confirm"): lambda book, p, given, now: book.confirm(p[1], given, now),
    ("payment_intents", "*", "capture"): lambda book, p, given, now: book.capture(p[1], given, now),
    ("payment_intents", "*", "cancel"): lambda book, p, _, now: book.cancel(p[1], now),
    ("checkout", "sessions"): lambda book, _, given, now: create_session(book, given, now),
    ("checkout", "sessions", "*", "expire"): lambda book, p, _, now: expire_session(
        book, p[2], now
    ),
    ("refunds",): lambda book, _, given, now: book.create_refund(given, now),
    ("refunds", "*"): lambda book, p, given, _: book.update_metadata(p[1], "refund", given),
    ("refunds", "*", "cancel"): lambda book, p, _, now: cancel_refund(book, p[1], now),
    ("charges", "*"): lambda book, p, given, _: book.update_metadata(p[1], "charge", given),
    ("payment_methods",): lambda book, _, given, now: book.create_method(given, now),
}
_GET: dict[Parts, Action] = {
    ("payment_intents", "search"): partial(_search, "payment_intent"),
    ("charges", "search"): partial(_search, "charge"),
    ("balance",): lambda book, _, __, now: balance(book, now),
    ("payment_methods", "*"): partial(_get, "payment_method"),
    **{tuple(path.split("/")): partial(_list, kind) for kind, path in PATHS.items()},
    **{(*path.split("/"), "*"): partial(_get, kind) for kind, path in PATHS.items()},
}
_PARAMS: dict[Parts, frozenset[str]] = {
    ("payment_intents",): frozenset(PaymentIntentCreateParams.__annotations__),
    ("payment_intents", "*"): frozenset(PaymentIntentModifyParams.__annotations__),
    ("payment_intents", "*", "confirm"): frozenset(PaymentIntentConfirmParams.__annotations__),
    ("checkout", "sessions"): frozenset(SessionCreateParams.__annotations__),
    ("refunds",): frozenset(RefundCreateParams.__annotations__),
}
"""What the official library knows of each; another parameter is a mistake."""
_OLDER = frozenset({"payment_method_types", "source", "save_payment_method", "shipping_rates"})
"""What clients of older versions of the API say."""


def perform(book: Book, method: str, parts: Parts, given: Json, now: datetime) -> Json:
    """What a call answers.

    Raises: Refused.
    """
    actions = _POST if method == "POST" else _GET if method == "GET" else {}
    for pattern, action in actions.items():
        if _fits(pattern, parts):
            if method == "POST" and pattern in _PARAMS:
                _check_params(_PARAMS[pattern], given)
            return action(book, parts, given, now)
    raise Refused(f"Unrecognized request URL ({method}: /v1/{'/'.join(parts)}).", status=404)


def check_version(version: str) -> None:
    """Raises: Refused for a version of the API that there never was."""
    found = _VERSION.fullmatch(version)
    if version and not (found and FIRST_VERSION <= found[1] <= API_VERSION):
        raise Refused(f"Invalid Stripe API version: {version}")


def _fits(pattern: Parts, parts: Parts) -> bool:
    return len(pattern) == len(parts) and all(
        wanted in ("*", given) for wanted, given in zip(pattern, parts, strict=True)
    )


def _check_params(known: frozenset[str], given: Json) -> None:
    for name in given:
        if name not in known | _OLDER:
            raise Refused(f"Received unknown parameter: {name}", "parameter_unknown", param=name)
