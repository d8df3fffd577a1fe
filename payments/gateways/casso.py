"""Casso: notices of watched accounts, signed over their content (V2) or with a token (V1), and the list.

Source: Casso webhook V1 and V2 documentation, API v2 (list of transactions), state of November 2026.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

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
    NoticeMalformed,
    Page,
    Secrets,
    Verified,
    refused,
    require_fresh,
    require_sized,
)

NAME = "casso"
SIGNATURE_HEADER, TOKEN_HEADER = "x-casso-signature", "secure-token"
URL = "https://oauth.casso.vn"
LIST_PATH = "/v2/transactions"
LIST_LENGTH_MAX = 100
LOOK_BACK = timedelta(days=4)
"""How far back the list is looked through: what a bank may book late, and a day."""
THOROUGH_MINUTES = 30
"""How often all of those days are read, and not only what is newer than the position."""


class _Transaction(msgspec.Struct, frozen=True, rename="camel"):
    """One transaction of a V2 notice; money out is negative."""

    id: int
    amount: Any
    transaction_date_time: str
    account_number: str
    reference: str | None = None
    description: str | None = None
    bank_name: str | None = None
    virtual_account_number: str | None = None


class _Row(msgspec.Struct, frozen=True, rename="camel"):
    """The same as the list writes it."""

    id: int
    amount: Any
    when: str
    bank_sub_acc_id: str | int
    tid: str | None = None
    description: str | None = None
    bank_name: str | None = None
    virtual_account: str | None = None


class _OldRow(msgspec.Struct, frozen=True):
    """The same as V1 notices write it."""

    id: int
    amount: Any
    when: str
    bank_sub_acc_id: str | int
    tid: str | None = None
    description: str | None = None
    bank_name: str | None = msgspec.field(default=None, name="bankName")
    virtual_account: str | None = msgspec.field(default=None, name="virtualAccount")


class _Records(msgspec.Struct, frozen=True):
    records: list[msgspec.Raw]


class _List(msgspec.Struct, frozen=True):
    data: _Records


class _Key(msgspec.Struct, frozen=True):
    id: int


_LIST = msgspec.json.Decoder(_List)
_KEY = msgspec.json.Decoder(_Key)


def canonical(given: object) -> str:
    """The signed form: keys sorted at every depth, no spaces, letters as they are, as JavaScript writes."""
    return json.dumps(_plain(given), separators=(",", ":"), ensure_ascii=False, sort_keys=True)


def sign(secret: str, timestamp_ms: int, given: object) -> str:
    """The value of X-Casso-Signature (V2) for content sent at that unix millisecond."""
    return f"t={timestamp_ms},v1={_digest(secret, str(timestamp_ms), canonical(given))}"


@dataclass(frozen=True, slots=True)
class CassoGateway:
    """Notices of one Casso account: V2 with `secrets`, V1 with `tokens`; both while moving over."""

    secrets: Secrets | None = None
    tokens: Secrets | None = None
    name: str = NAME

    def __post_init__(self) -> None:
        assert self.secrets or self.tokens, "a hook without a secret would take anything"

    def verify(self, notice: Notice, now: datetime) -> Verified:
        """The transfers a notice tells of; none for the test button, which sends id 0."""
        require_sized(self.name, notice.body)
        if self.secrets is not None and SIGNATURE_HEADER in notice.headers:
            return self._told(self._verified(self.secrets, notice, now), now)
        if self.tokens is None or not self.tokens.equals(notice.headers.get(TOKEN_HEADER, "")):
            raise NoticeForged(self.name, "There is no signature, and no token of ours.")
        return self._told_in_v1(wire.parsed(self.name, notice.body), now)

    def answer(self, outcome: str) -> Answer:
        """Taken; Casso stops retrying."""
        return Answer(200, {"error": 0, "success": True})

    def refusal(self, error: GatewayError) -> Answer:
        """Anything but 200: Casso sends it again."""
        return refused(error, {"error": 1, "success": False})

    def _verified(self, secrets: Secrets, notice: Notice, now: datetime) -> Any:
        parts = dict(
            part.strip().partition("=")[::2]
            for part in notice.headers[SIGNATURE_HEADER].split(",")[:4]
        )
        timestamp = parts.get("t", "")
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 14):
            raise NoticeForged(self.name, "The time of the signature is missing.")
        given = wire.parsed(self.name, notice.body)
        try:
            content = canonical(given)
            genuine = secrets.matches(
                parts.get("v1", ""), lambda secret: _digest(secret, timestamp, content)
            )
        except (ValueError, RecursionError) as wrong:  # half a surrogate pair, endless depth
            raise NoticeForged(self.name, "Nobody can have signed this.") from wrong
        if not genuine:
            raise NoticeForged(self.name, "The signature does not fit the notice.")
        require_fresh(self.name, datetime.fromtimestamp(int(timestamp) / 1000, UTC), now)
        return given

    def _told(self, given: Any, now: datetime) -> Confirmation | None:
        told = wire.converted(self.name, _data(self.name, given), _Transaction)
        return _confirmation(self.name, told, now)

    def _told_in_v1(self, given: Any, now: datetime) -> Verified:
        rows = wire.converted(self.name, _data(self.name, given), list[_OldRow])
        told = [_confirmation(self.name, _as_notified(one), now) for one in rows]
        return tuple(one for one in told if one is not None)


@dataclass(frozen=True, slots=True)
class CassoList:
    """The list of one Casso account: by page and day, newest first; new rows have greater ids."""

    token: Secrets
    http: httpx.AsyncClient
    url: str = URL
    name: str = NAME
    length: int = field(default=LIST_LENGTH_MAX)

    @property
    def key(self) -> str:
        """The position is Casso's own id."""
        return f"{self.name}.list"

    async def page(self, position: int, now: datetime) -> Page:
        """Every transaction of the last days with a greater id, oldest first.

        Once and again all of the days are told, whatever their ids: what a bank books late stands
        among older rows. In between the reading ends at the first page of known rows.
        """
        after = 0 if now.minute % THOROUGH_MINUTES == 0 else position
        found: dict[int, bytes] = {}
        number = 1
        while True:
            rows = await self._rows(number, now)
            new = {one: raw for one, raw in rows if one > after and one not in found}
            found |= new
            if len(rows) < self.length or not new:
                break
            number += 1
        told = tuple(
            wire.listed(found[one], lambda raw: self._told(raw, now)) for one in sorted(found)
        )
        return Page(told, max(found, default=position))

    async def _rows(self, number: int, now: datetime) -> list[tuple[int, bytes]]:
        first = (now - LOOK_BACK).astimezone(VIETNAM)
        params: dict[str, str | int] = {
            "fromDate": f"{first:%Y-%m-%d}", "page": number, "pageSize": self.length, "sort": "DESC",
        }  # fmt: skip
        url, authorization = f"{self.url}{LIST_PATH}", f"Apikey {self.token.current}"
        body = await wire.list_body(self.name, self.http, url, params, authorization)
        return wire.list_rows(
            self.name,
            lambda: [
                (_KEY.decode(raw).id, raw) for raw in map(bytes, _LIST.decode(body).data.records)
            ],
        )

    def _told(self, raw: bytes, now: datetime) -> Confirmation | None:
        row = wire.converted(self.name, wire.parsed(self.name, raw), _Row)
        return _confirmation(self.name, _as_notified(row), now)


def _as_notified(row: _Row | _OldRow) -> _Transaction:
    return _Transaction(
        id=row.id,
        amount=row.amount,
        transaction_date_time=row.when,
        account_number=str(row.bank_sub_acc_id),
        reference=row.tid,
        description=row.description,
        bank_name=row.bank_name,
        virtual_account_number=row.virtual_account,
    )


def _confirmation(gateway: str, told: _Transaction, now: datetime) -> Confirmation | None:
    amount_vnd = wire.signed_vnd(gateway, told.amount)
    if told.id == 0 or amount_vnd == 0:
        return None
    return Confirmation(
        gateway=gateway,
        provider_id=str(told.id),
        amount_vnd=abs(amount_vnd),
        occurred_at=wire.instant(gateway, told.transaction_date_time, now),
        direction="out" if amount_vnd < 0 else "in",
        reference=(told.reference or "").strip(),
        memo=told.description or "",
        account_no=wire.account_no(gateway, told.virtual_account_number, told.account_number),
        bank_bin=wire.bin_of_brand(told.bank_name or ""),
        detail=told.bank_name or "",
    )


def _data(gateway: str, given: Any) -> Any:
    if not isinstance(given, Mapping) or given.get("error") not in (0, None):
        raise NoticeMalformed(gateway, "Casso reports an error instead of transactions.")
    return given.get("data")


def _plain(given: object) -> object:
    """Fractions as JavaScript writes them: 85000.0 is 85000."""
    if isinstance(given, Decimal):
        return wire.javascript_number(given)
    if isinstance(given, dict):
        return {key: _plain(one) for key, one in given.items()}
    if isinstance(given, list):
        return [_plain(one) for one in given]
    return given


def _digest(secret: str, timestamp: str, content: str) -> str:
    return hmac.new(secret.encode(), f"{timestamp}.{content}".encode(), hashlib.sha512).hexdigest()
