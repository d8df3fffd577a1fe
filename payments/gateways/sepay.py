"""SePay: notices of transfers into a watched bank account, and the list to catch up from.

Source: SePay webhook documentation (HMAC and API key), state of November 2026.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Literal

import httpx
import msgspec

from payments import banks
from payments.confirmation import Confirmation
from payments.gateways.gateway import (
    AMOUNT_VND_MAX,
    BODY_LENGTH_MAX,
    VIETNAM,
    Answer,
    GatewayError,
    GatewayRefused,
    GatewayUnavailable,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Secrets,
    require_fresh,
)
from payments.text import search_key

NAME = "sepay"
SIGNATURE_HEADER, TIMESTAMP_HEADER = "x-sepay-signature", "x-sepay-timestamp"
LIST_LENGTH_MAX = 5000
_UNTAKEN = Answer(503, {"success": False})


class SePayTransaction(msgspec.Struct, frozen=True, rename="camel"):
    """One transaction as SePay writes it, in notices and in lists."""

    id: int
    transfer_type: Literal["in", "out"]
    transfer_amount: int | Decimal
    """Whole đồng; some senders write a string with decimals, which must be zeros."""
    account_number: str
    transaction_date: str
    """YYYY-MM-DD HH:mm:ss in Vietnam, without a zone."""
    gateway: str = ""
    """The bank's brand."""
    content: str | None = None
    reference_code: str | None = None
    sub_account: str | None = None
    code: str | None = None
    accumulated: int | Decimal | None = None
    description: str | None = None


class _Listed(msgspec.Struct, frozen=True):
    transactions: list[SePayTransaction]


_NOTICE = msgspec.json.Decoder(SePayTransaction)
_LIST = msgspec.json.Decoder(_Listed)


def sign(secret: str, timestamp: int, body: bytes) -> str:
    """The value of X-SePay-Signature for a body sent at that unix second."""
    return "sha256=" + _digest(secret, str(timestamp), body)


@dataclass(frozen=True, slots=True)
class SePayGateway:
    """Notices of one SePay account; signed by HMAC, or by an API key if one is given."""

    secrets: Secrets | None = None
    api_keys: Secrets | None = None
    name: str = NAME

    def __post_init__(self) -> None:
        assert self.secrets or self.api_keys, "a hook without a secret would take anything"

    def verify(self, notice: Notice, now: datetime) -> Confirmation | None:
        """The transfer a notice tells of; None for a test ping (id 0 or no money)."""
        if len(notice.body) > BODY_LENGTH_MAX:
            raise NoticeMalformed(NAME, "The notice is larger than any transfer's.")
        if self.secrets is not None and SIGNATURE_HEADER in notice.headers:
            _verify_signature(self.secrets, notice, now)
        elif self.api_keys is not None:
            _verify_key(self.api_keys, notice)
        else:
            raise NoticeForged(NAME, "There is no signature.")
        try:
            transaction = _NOTICE.decode(notice.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as wrong:
            raise NoticeMalformed(NAME, f"Not a transaction of SePay: {wrong}") from wrong
        return confirmation_of(transaction)

    def answer(self, outcome: str) -> Answer:
        """Taken: SePay stops retrying. Every outcome of a kept notice is a yes."""
        return Answer(200, {"success": True})

    def refusal(self, error: GatewayError) -> Answer:
        """Forged ones get 401, unreadable ones 400; nothing says why in detail."""
        if isinstance(error, NoticeForged):
            return Answer(401, {"success": False, "code": error.code})
        if isinstance(error, NoticeMalformed):
            return Answer(400, {"success": False, "code": error.code})
        return _UNTAKEN


def confirmation_of(transaction: SePayTransaction) -> Confirmation | None:
    """What a listed or notified transaction says; None for a test ping.

    Raises: NoticeMalformed.
    """
    amount_vnd = _whole_vnd(transaction.transfer_amount)
    if transaction.id == 0 or amount_vnd == 0:
        return None
    return Confirmation(
        gateway=NAME,
        provider_id=str(transaction.id),
        amount_vnd=amount_vnd,
        occurred_at=_instant(transaction.transaction_date),
        direction=transaction.transfer_type,
        reference=(transaction.reference_code or "").strip(),
        memo=transaction.content or "",
        account_no=(transaction.sub_account or transaction.account_number).strip(),
        bank_bin=_bank_bin(transaction.gateway),
        detail=transaction.gateway,
    )


@dataclass(frozen=True, slots=True)
class SePayClient:
    """The list API: what the notices missed is pulled."""

    base_url: str
    key: Secrets
    http: httpx.AsyncClient

    async def transactions_since(self, since_id: int, limit: int = 500) -> list[SePayTransaction]:
        """Transactions with a greater id, oldest first; the last id is the next `since_id`.

        Raises: GatewayUnavailable, GatewayRefused, NoticeMalformed.
        """
        assert 1 <= limit <= LIST_LENGTH_MAX
        try:
            response = await self.http.get(
                f"{self.base_url}/api/transactions",
                params={"since_id": since_id, "limit": limit},
                headers={"Authorization": f"Bearer {self.key.current}"},
                timeout=30,
            )
        except httpx.HTTPError as failed:
            raise GatewayUnavailable(NAME, "SePay's list did not answer.") from failed
        if response.status_code >= 500 or response.status_code == 429:
            raise GatewayUnavailable(NAME, f"SePay's list answered {response.status_code}.")
        if response.status_code != 200:
            raise GatewayRefused(NAME, "SePay's list refused us.", reason=str(response.status_code))
        try:
            listed = _LIST.decode(response.content).transactions
        except (msgspec.MsgspecError, UnicodeDecodeError) as wrong:
            raise NoticeMalformed(NAME, f"Not a list of SePay: {wrong}") from wrong
        return sorted(listed, key=lambda one: one.id)


def _verify_signature(secrets: Secrets, notice: Notice, now: datetime) -> None:
    timestamp = notice.headers.get(TIMESTAMP_HEADER, "").strip()
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
        raise NoticeForged(NAME, "The time of the signature is missing.")
    scheme, _, given = notice.headers[SIGNATURE_HEADER].strip().partition("=")
    if scheme != "sha256" or not secrets.matches(
        given, lambda secret: _digest(secret, timestamp, notice.body)
    ):
        raise NoticeForged(NAME, "The signature does not fit the notice.")
    require_fresh(NAME, datetime.fromtimestamp(int(timestamp), UTC), now)


def _verify_key(keys: Secrets, notice: Notice) -> None:
    scheme, _, given = notice.headers.get("authorization", "").strip().partition(" ")
    if scheme.lower() != "apikey" or not keys.equals(given.strip()):
        raise NoticeForged(NAME, "The API key is missing or wrong.")


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    message = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def _whole_vnd(amount: int | Decimal) -> int:
    if isinstance(amount, Decimal) and not (amount.is_finite() and amount == amount.to_integral()):
        raise NoticeMalformed(NAME, "An amount has a fraction of a đồng.")
    if not 0 <= amount <= AMOUNT_VND_MAX:
        raise NoticeMalformed(NAME, "An amount is negative or beyond all money.")
    return int(amount)


def _instant(text: str) -> datetime:
    try:
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=VIETNAM)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise NoticeMalformed(NAME, "The time of the transaction cannot be read.") from wrong


@lru_cache(maxsize=256)
def _bank_bin(brand: str) -> str:
    """The BIN of a bank's brand name; empty where the name fits none exactly."""
    key = search_key(brand)
    for bank in banks.find(brand, limit=1):
        if key in {search_key(name) for name in (bank.short_name, bank.code)}:
            return bank.bin
    return ""
