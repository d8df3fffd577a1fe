"""Reading what providers write: JSON that says one thing, whole đồng, Vietnamese clocks. Pure."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeVar

import httpx
import msgspec

from payments import banks
from payments.confirmation import Confirmation
from payments.gateways.gateway import (
    AMOUNT_VND_MAX,
    VIETNAM,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    Listed,
    NoticeMalformed,
)
from payments.text import search_key

PAST_MAX, AHEAD_MAX = timedelta(days=400), timedelta(days=1)
"""When a movement may have happened: older ones are a statement's matter, later ones a wrong clock."""
LIST_SECONDS_MAX = 30
_AMOUNT = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,4})?")
_T = TypeVar("_T")


class _Ambiguous(ValueError):
    """A key stands twice: two readers could read two amounts."""


def parsed(gateway: str, body: bytes) -> Any:
    """The JSON of a body, its fractions as Decimal.

    Raises: NoticeMalformed where it is not UTF-8, not JSON, too deep, or says a thing twice.
    """
    try:
        found = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unambiguous,
            parse_float=Decimal,
            parse_constant=_no_number,
        )
        if b"\\u" in body:  # half a surrogate pair is no letter: nobody can store or sign it
            json.dumps(found, ensure_ascii=False, default=str).encode()
        return found
    except (ValueError, ArithmeticError, RecursionError) as wrong:
        raise NoticeMalformed(gateway, f"Not plain JSON: {wrong}") from wrong


def converted(gateway: str, given: object, kind: type[_T]) -> _T:
    """A parsed value as `kind`.

    Raises: NoticeMalformed.
    """
    try:
        return msgspec.convert(given, kind)
    except (msgspec.MsgspecError, RecursionError) as wrong:
        raise NoticeMalformed(gateway, f"Not as documented: {wrong}") from wrong


def whole_vnd(gateway: str, amount: object) -> int:
    """Whole đồng from a JSON number or its text; a fraction that is zero is read as none.

    Raises: NoticeMalformed for any other fraction, and for what is negative or beyond all money.
    """
    found = signed_vnd(gateway, amount)
    if found < 0:
        raise NoticeMalformed(gateway, "An amount is negative.")
    return found


def signed_vnd(gateway: str, amount: object) -> int:
    """As `whole_vnd`, for senders that write money out as a negative amount."""
    if isinstance(amount, str) and _AMOUNT.fullmatch(amount):
        amount = Decimal(amount)
    if isinstance(amount, bool) or not isinstance(amount, int | Decimal):
        raise NoticeMalformed(gateway, "An amount is no number.")
    if not -AMOUNT_VND_MAX <= amount <= AMOUNT_VND_MAX:
        raise NoticeMalformed(gateway, "An amount is beyond all money.")
    if amount != int(amount):
        raise NoticeMalformed(gateway, "An amount has a fraction of a đồng.")
    return int(amount)


def account_no(gateway: str, virtual: str | None, own: str) -> str:
    """The account that money came on: the virtual one if it was paid through one.

    Raises: NoticeMalformed where none is named: it would pass for money of an acquirer.
    """
    found = (virtual or "").strip() or own.strip()
    if not found or not found.isprintable():
        raise NoticeMalformed(gateway, "The account is missing.")
    return found


def is_credible(happened: datetime, now: datetime) -> bool:
    """Whether a movement may have happened then, if a clock somewhere is a little wrong."""
    return now - PAST_MAX <= happened <= now + AHEAD_MAX


def instant(gateway: str, text: str, now: datetime) -> datetime:
    """The UTC instant of "YYYY-MM-DD HH:mm:ss" (Vietnam's clock) or of RFC 3339.

    Raises: NoticeMalformed where it is no time, or not one of the last 400 days.
    """
    try:
        told = datetime.fromisoformat(text.strip())
        aware = told.replace(tzinfo=VIETNAM) if told.tzinfo is None else told
        happened = aware.astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise NoticeMalformed(gateway, "The time of the transaction cannot be read.") from wrong
    if not is_credible(happened, now):
        raise NoticeMalformed(gateway, "The time of the transaction cannot be true.")
    return happened


def javascript_number(number: Decimal) -> int | float:
    """As JavaScript writes it: without a fraction where that is zero."""
    if number.is_finite() and abs(number) < 10**21 and number == number.to_integral():
        return int(number)
    return float(number)


@lru_cache(maxsize=256)
def bin_of_brand(brand: str) -> str:
    """The BIN of a bank's brand name; empty where the name fits none exactly."""
    key = search_key(brand)
    for bank in banks.find(brand, limit=1):
        if key in {search_key(name) for name in (bank.short_name, bank.code)}:
            return bank.bin
    return ""


async def list_body(
    gateway: str,
    http: httpx.AsyncClient,
    url: str,
    params: dict[str, str | int],
    authorization: str,
) -> bytes:
    """What a provider's list answers.

    Raises: GatewayUnavailable (no answer, overloaded, too many calls), GatewayRefused.
    """
    headers = {"Authorization": authorization, "Accept": "application/json"}
    try:
        response = await http.get(url, params=params, headers=headers, timeout=LIST_SECONDS_MAX)
    except httpx.HTTPError as failed:
        raise GatewayUnavailable(gateway, "The list did not answer.") from failed
    if response.status_code >= 500 or response.status_code == 429:
        raise GatewayUnavailable(gateway, f"The list answered {response.status_code}.")
    if response.status_code != 200:
        raise GatewayRefused(gateway, "The list refused us.", reason=str(response.status_code))
    return response.content


def list_rows(gateway: str, read: Callable[[], list[_T]]) -> list[_T]:
    """The rows of a list, as far as their keys: `read` decodes them.

    Raises: NoticeMalformed where it is no list of this provider's.
    """
    try:
        return read()
    except (msgspec.MsgspecError, ValueError) as wrong:
        raise NoticeMalformed(gateway, f"Not a list of transfers: {wrong}") from wrong


def listed(raw: bytes, told: Callable[[bytes], Confirmation | None]) -> Listed:
    """One row as it came, with what it says; a row nobody can read says why and costs no other."""
    try:
        return Listed(raw, told(raw))
    except GatewayError as wrong:
        return Listed(raw, wrong)


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Ambiguous("a key stands twice")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")
