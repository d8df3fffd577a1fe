"""SePay: notices of transfers into a watched bank account, and the list to catch up from.

Source: SePay webhook documentation (HMAC and API key), user API v1 (list of transactions), state of
November 2026.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import httpx
import msgspec

from payments.confirmation import Confirmation
from payments.gateways import wire
from payments.gateways.gateway import (
    VIETNAM,
    Answer,
    GatewayError,
    Notice,
    NoticeForged,
    Page,
    Secrets,
    refused,
    require_fresh,
    require_sized,
)

NAME = "sepay"
SIGNATURE_HEADER, TIMESTAMP_HEADER = "x-sepay-signature", "x-sepay-timestamp"
URL = "https://my.sepay.vn"
LIST_PATH = "/userapi/transactions/list"
LIST_LENGTH_MAX = 5_000
FIRST_READ = timedelta(days=4)
"""How far back a list is read that was never read: what a webhook may still tell, and a day."""


class SePayTransaction(msgspec.Struct, frozen=True, rename="camel"):
    """One transaction as SePay's notices write it."""

    id: int
    transfer_type: Literal["in", "out"]
    transfer_amount: Any
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
    description: str | None = None


class _ListedRow(msgspec.Struct, frozen=True):
    """The same transaction as the list writes it: numbers as texts, in and out apart."""

    id: str
    account_number: str
    transaction_date: str
    amount_in: Any
    amount_out: Any
    bank_brand_name: str = ""
    transaction_content: str | None = None
    reference_number: str | None = None
    sub_account: str | None = None


class _List(msgspec.Struct, frozen=True):
    transactions: list[msgspec.Raw]


class _Key(msgspec.Struct, frozen=True):
    id: str
    transaction_date: str = ""


_LIST = msgspec.json.Decoder(_List)
_KEY = msgspec.json.Decoder(_Key)


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
        require_sized(self.name, notice.body)
        if self.secrets is not None and SIGNATURE_HEADER in notice.headers:
            self._verify_signature(self.secrets, notice, now)
        elif self.api_keys is not None:
            self._verify_key(self.api_keys, notice)
        else:
            raise NoticeForged(self.name, "There is no signature.")
        given = wire.parsed(self.name, notice.body)
        transaction = wire.converted(self.name, given, SePayTransaction)
        return confirmation_of(transaction, now, gateway=self.name)

    def answer(self, outcome: str) -> Answer:
        """Taken: SePay stops retrying. Every outcome of a kept notice is a yes."""
        return Answer(200, {"success": True})

    def refusal(self, error: GatewayError) -> Answer:
        """Anything but 200 or 201 with a success: SePay sends it again up to seven times."""
        return refused(error, {"success": False})

    def _verify_signature(self, secrets: Secrets, notice: Notice, now: datetime) -> None:
        timestamp = notice.headers.get(TIMESTAMP_HEADER, "").strip()
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
            raise NoticeForged(self.name, "The time of the signature is missing.")
        scheme, _, given = notice.headers[SIGNATURE_HEADER].strip().partition("=")
        if scheme != "sha256" or not secrets.matches(
            given, lambda secret: _digest(secret, timestamp, notice.body)
        ):
            raise NoticeForged(self.name, "The signature does not fit the notice.")
        require_fresh(self.name, datetime.fromtimestamp(int(timestamp), UTC), now)

    def _verify_key(self, keys: Secrets, notice: Notice) -> None:
        scheme, _, given = notice.headers.get("authorization", "").strip().partition(" ")
        if scheme.lower() != "apikey" or not keys.equals(given.strip()):
            raise NoticeForged(self.name, "The API key is missing or wrong.")


def confirmation_of(
    transaction: SePayTransaction, now: datetime, *, gateway: str = NAME
) -> Confirmation | None:
    """What a transaction says; None for a test ping.

    Raises: NoticeMalformed.
    """
    amount_vnd = wire.whole_vnd(gateway, transaction.transfer_amount)
    if transaction.id == 0 or amount_vnd == 0:
        return None
    return Confirmation(
        gateway=gateway,
        provider_id=str(transaction.id),
        amount_vnd=amount_vnd,
        occurred_at=wire.instant(gateway, transaction.transaction_date, now),
        direction=transaction.transfer_type,
        reference=(transaction.reference_code or "").strip(),
        memo=transaction.content or transaction.description or transaction.code or "",
        account_no=wire.account_no(gateway, transaction.sub_account, transaction.account_number),
        bank_bin=wire.bin_of_brand(transaction.gateway),
        detail=transaction.gateway,
    )


@dataclass(frozen=True, slots=True)
class SePayList:
    """The list of one SePay account, by its ids, which only grow. Newest first, so read backwards."""

    token: Secrets
    http: httpx.AsyncClient
    url: str = URL
    name: str = NAME
    length: int = field(default=LIST_LENGTH_MAX)

    @property
    def key(self) -> str:
        """The position is SePay's own id."""
        return f"{self.name}.list"

    async def page(self, position: int, now: datetime) -> Page:
        """Every transaction with a greater id, oldest first."""
        found: dict[int, bytes] = {}
        until = ""
        while True:
            rows = await self._rows(position, until, now)
            new = {number: raw for number, _, raw in rows if number > position}
            is_known = new.keys() <= found.keys()
            found |= new
            if len(rows) < self.length or is_known or len(new) < len(rows):
                break
            until = min(date for _, date, _ in rows)
        told = tuple(
            wire.listed(found[number], lambda raw: self._told(raw, now)) for number in sorted(found)
        )
        return Page(told, max(found, default=position))

    async def _rows(self, position: int, until: str, now: datetime) -> list[tuple[int, str, bytes]]:
        params: dict[str, str | int] = {"limit": self.length, "since_id": position}
        if position == 0:
            first = (now - FIRST_READ).astimezone(VIETNAM)
            params["transaction_date_min"] = f"{first:%Y-%m-%d %H:%M:%S}"
        if until:
            params["transaction_date_max"] = until
        url, authorization = f"{self.url}{LIST_PATH}", f"Bearer {self.token.current}"
        body = await wire.list_body(self.name, self.http, url, params, authorization)
        return wire.list_rows(
            self.name,
            lambda: [
                (int(key.id), key.transaction_date, raw)
                for raw in map(bytes, _LIST.decode(body).transactions)
                for key in [_KEY.decode(raw)]
            ],
        )

    def _told(self, raw: bytes, now: datetime) -> Confirmation | None:
        row = wire.converted(self.name, wire.parsed(self.name, raw), _ListedRow)
        return confirmation_of(self._as_notified(row), now, gateway=self.name)

    def _as_notified(self, row: _ListedRow) -> SePayTransaction:
        out_vnd = wire.whole_vnd(self.name, row.amount_out)
        return SePayTransaction(
            id=int(row.id),
            transfer_type="out" if out_vnd else "in",
            transfer_amount=out_vnd or row.amount_in,
            account_number=row.account_number,
            transaction_date=row.transaction_date,
            gateway=row.bank_brand_name,
            content=row.transaction_content,
            reference_code=row.reference_number,
            sub_account=row.sub_account,
        )


def _digest(secret: str, timestamp: str, body: bytes) -> str:
    message = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
