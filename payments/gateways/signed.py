"""Signed notices of a bank partner: our own form, after Standard Webhooks, and the list beside it.

    POST /hooks/{account}
    webhook-id: msg_1                    webhook-timestamp: 1795403842
    webhook-signature: v1,<base64 of HMAC-SHA256(secret, id + "." + timestamp + "." + body)>
    {"id":"BNK-1","amount_vnd":85000,"account_no":"9990001112223","occurred_at":"2026-11-23T10:17:22+07:00",
     "reference":"FT26327000001","memo":"CHOK7M2QX","bank_bin":"970436","direction":"in"}

Source: Standard Webhooks specification 1.0 (signature, header names, secrets); docs/notices.md.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import httpx
import msgspec

from payments import banks
from payments.confirmation import Confirmation
from payments.gateways import wire
from payments.gateways.gateway import (
    Answer,
    GatewayError,
    Notice,
    NoticeForged,
    NoticeMalformed,
    Page,
    Secrets,
    refused,
    require_fresh,
    require_sized,
)

NAME = "signed"
ID_HEADER, TIMESTAMP_HEADER = "webhook-id", "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105 - what every secret begins with
SIGNATURE_COUNT_MAX = 5
"""A sender that changes its secret signs with both; nobody needs more."""
ID_LENGTH_MAX = 128
LIST_LENGTH_MAX = 500


class SignedTransfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One movement on a watched account. A field that is not here is refused, not lost."""

    id: str
    """The bank's own id of the movement: a repeat has the same."""
    amount_vnd: int
    account_no: str
    occurred_at: str
    """RFC 3339 with its zone; without one, Vietnam's."""
    reference: str = ""
    memo: str = ""
    bank_bin: str = ""
    direction: Literal["in", "out"] = "in"
    currency: Literal["VND"] = "VND"
    is_test: bool = False
    """True: nothing moved, the sender tries the road."""


class _Row(msgspec.Struct, frozen=True):
    seq: int
    transfer: msgspec.Raw


class _List(msgspec.Struct, frozen=True):
    transfers: list[_Row]


_LIST = msgspec.json.Decoder(_List)


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One signature as it stands in webhook-signature; several are joined by a space."""
    return "v1," + _digest(secret, message_id, str(timestamp), body)


@dataclass(frozen=True, slots=True)
class SignedGateway:
    """Notices of one bank partner."""

    secrets: Secrets
    name: str = NAME

    def __post_init__(self) -> None:
        assert all(map(_key, self.secrets.valid)), "an empty key would let everybody in"

    def verify(self, notice: Notice, now: datetime) -> Confirmation | None:
        """The movement a notice tells of; None where it says that it is a test."""
        require_sized(self.name, notice.body)
        self._verify_signature(notice, now)
        return self.told(notice.body, now)

    def answer(self, outcome: str) -> Answer:
        """Recorded. The outcome is for the partner's people."""
        return Answer(200, {"recorded": True, "outcome": outcome})

    def refusal(self, error: GatewayError) -> Answer:
        """401 and 400 say that a repeat will not help, 503 that it will."""
        return refused(error, {"recorded": False})

    def _verify_signature(self, notice: Notice, now: datetime) -> None:
        message_id = notice.headers.get(ID_HEADER, "")
        timestamp = notice.headers.get(TIMESTAMP_HEADER, "").strip()
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 11):
            raise NoticeForged(self.name, "The time of the signature is missing.")
        if not 0 < len(message_id) <= ID_LENGTH_MAX or not message_id.isascii():
            raise NoticeForged(self.name, "The id of the message is missing.")
        given = notice.headers.get(SIGNATURE_HEADER, "").split()[:SIGNATURE_COUNT_MAX]
        right = [
            "v1," + _digest(secret, message_id, timestamp, notice.body)
            for secret in self.secrets.valid
        ]
        results = [
            hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())
            for one in given
            for other in right
        ]
        if not any(results):
            raise NoticeForged(self.name, "The signature does not fit the notice.")
        require_fresh(self.name, datetime.fromtimestamp(int(timestamp), UTC), now)

    def told(self, body: bytes, now: datetime) -> Confirmation | None:
        """What a transfer in this form says, wherever it came from; None for a test.

        Raises: NoticeMalformed.
        """
        told = wire.converted(self.name, wire.parsed(self.name, body), SignedTransfer)
        if told.is_test:
            return None
        amount_vnd = wire.whole_vnd(self.name, told.amount_vnd)
        if amount_vnd == 0 or not told.id.strip():
            raise NoticeMalformed(self.name, "A movement has an amount and an id.")
        if told.bank_bin and not banks.is_known(told.bank_bin):
            raise NoticeMalformed(self.name, "There is no bank with this BIN.")
        return Confirmation(
            gateway=self.name,
            provider_id=told.id.strip(),
            amount_vnd=amount_vnd,
            occurred_at=wire.instant(self.name, told.occurred_at, now),
            direction=told.direction,
            reference=told.reference.strip(),
            memo=told.memo,
            account_no=_account(self.name, told.account_no),
            bank_bin=told.bank_bin,
        )


@dataclass(frozen=True, slots=True)
class SignedList:
    """The partner's list: {"transfers":[{"seq":7,"transfer":{…}}, …]}, in the order of `seq`."""

    token: Secrets
    http: httpx.AsyncClient
    url: str
    name: str = NAME
    length: int = field(default=LIST_LENGTH_MAX)

    @property
    def key(self) -> str:
        """The position is the partner's `seq`."""
        return f"{self.name}.list"

    async def page(self, position: int, now: datetime) -> Page:
        """The next transfers after the position, at most `length`."""
        params: dict[str, str | int] = {"after": position, "limit": self.length}
        authorization = f"Bearer {self.token.current}"
        body = await wire.list_body(self.name, self.http, self.url, params, authorization)
        told_all = wire.list_rows(self.name, lambda: _LIST.decode(body).transfers)
        rows = [one for one in told_all if one.seq > position]
        rows.sort(key=lambda one: one.seq)
        gateway = SignedGateway(self.token, self.name)
        told = tuple(
            wire.listed(bytes(one.transfer), lambda raw: gateway.told(raw, now)) for one in rows
        )
        reached = rows[-1].seq if rows else position
        return Page(told, reached, is_last=len(rows) < self.length)


def _account(gateway: str, text: str) -> str:
    try:
        banks.check_account(text)
    except banks.AccountMalformed as wrong:
        raise NoticeMalformed(gateway, "There is no such account.") from wrong
    return text


def _digest(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    message = f"{message_id}.{timestamp}.".encode() + body
    made = hmac.new(_key(secret), message, hashlib.sha256).digest()
    return base64.b64encode(made).decode()


def _key(secret: str) -> bytes:
    """whsec_… is base64 of the key, as the specification has it; any other text is the key itself."""
    if secret.startswith(SECRET_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
