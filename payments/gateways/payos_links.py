"""payOS payment links: open one, ask how it stands, cancel it.

A link is a page and a QR code, often of a virtual account of its own. What is paid is told by the signed
notice (`payos`); what that missed, `look_up` tells, movement by movement, as the same confirmations.
Source: payOS API documentation (payment requests) and its official libraries, November 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import msgspec

from payments import qr
from payments.confirmation import Confirmation
from payments.gateways import wire
from payments.gateways.gateway import (
    GatewayRefused,
    GatewayUnavailable,
    NoticeForged,
    NoticeMalformed,
    Secrets,
)
from payments.gateways.payos import NAME, PAID, provider_id_of, sign, signed_text_fits

URL = "https://api-merchant.payos.vn"
PAGE_URL = "https://pay.payos.vn/web"
PATH = "/v2/payment-requests"
DESCRIPTION_LENGTH_MAX = 9
"""What survives in the memo of an account that is not linked through payOS; our codes are so long."""
ORDER_CODE_MAX = 9_007_199_254_740_991
"""The largest integer that JavaScript reads exactly: payOS's own limit."""
REQUEST_SECONDS_MAX = 30


@dataclass(frozen=True, slots=True)
class PayOSAccount:
    """One payOS channel."""

    client_id: str
    api_key: str = field(repr=False)
    secrets: Secrets
    """The checksum key: signs what is asked, verifies what is answered."""
    name: str = NAME
    """The gateway's name, as its notices have it."""
    url: str = URL
    page_url: str = PAGE_URL
    """Where a link's page is, before its id: for a link whose own answer was lost."""


@dataclass(frozen=True, slots=True)
class LinkOrder:
    """What to collect. `order_code` is the caller's own number, never used twice for a channel."""

    order_code: int
    amount_vnd: int
    description: str
    """The code that the payer's transfer carries."""
    return_url: str
    cancel_url: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An open link: where to send the payer, or which code to show."""

    id: str
    order_code: int
    amount_vnd: int
    status: str
    checkout_url: str
    qr_text: str
    bank_bin: str
    account_no: str


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """How a link stands. `status`: PENDING, PROCESSING, PAID, UNDERPAID, EXPIRED, CANCELLED, FAILED."""

    id: str
    order_code: int
    status: str
    amount_vnd: int
    paid_vnd: int
    movements: tuple[Confirmation, ...]
    """Each transfer, with the id that its notice has: settled twice it is one."""


class _Answer(msgspec.Struct, frozen=True):
    code: str
    data: dict[str, Any] | None = None
    signature: str | None = None


class _Opened(msgspec.Struct, frozen=True, rename="camel"):
    bin: str
    account_number: str
    amount: Any
    order_code: int
    payment_link_id: str
    status: str
    checkout_url: str
    qr_code: str


class _Transfer(msgspec.Struct, frozen=True, rename="camel"):
    amount: Any
    account_number: str
    description: str
    transaction_date_time: str
    reference: str | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    order_code: int
    status: str
    amount: Any
    amount_paid: Any
    transactions: list[_Transfer]


class PayOSLinks:
    """The links of one channel.

    Every call raises GatewayUnavailable where nothing can be known of what happened (`look_up` tells),
    GatewayRefused with payOS's code as its reason, NoticeForged and NoticeMalformed for an answer that
    payOS did not sign or that does not fit what was asked.
    """

    def __init__(self, account: PayOSAccount, http: httpx.AsyncClient) -> None:
        self._account, self._http = account, http

    async def open(self, order: LinkOrder) -> Link:
        """A link that waits for the money. Its code was read back: it asks for this very amount."""
        data = await self._call("POST", "", order_fields(order, self._account.secrets.current))
        opened = wire.converted(self._account.name, data, _Opened)
        amount_vnd = wire.whole_vnd(self._account.name, opened.amount)
        asked = (order.order_code, order.amount_vnd)
        if (opened.order_code, amount_vnd) != asked or not _fits(opened, order.amount_vnd):
            raise NoticeMalformed(self._account.name, "The link is not for what was asked.")
        return Link(
            id=opened.payment_link_id,
            order_code=opened.order_code,
            amount_vnd=amount_vnd,
            status=opened.status,
            checkout_url=opened.checkout_url,
            qr_text=opened.qr_code,
            bank_bin=opened.bin,
            account_no=opened.account_number,
        )

    async def look_up(self, order_code: int, now: datetime) -> LinkStatus:
        """How the link of an order stands, and every transfer that came for it."""
        return self._status(await self._call("GET", f"/{order_code}"), now)

    async def cancel(self, order_code: int, reason: str, now: datetime) -> LinkStatus:
        """The link takes no money any more; what came before stands in its movements."""
        body = {"cancellationReason": reason}
        return self._status(await self._call("POST", f"/{order_code}/cancel", body), now)

    def _status(self, data: Mapping[str, Any], now: datetime) -> LinkStatus:
        name = self._account.name
        told = wire.converted(name, data, _Status)
        return LinkStatus(
            id=told.id,
            order_code=told.order_code,
            status=told.status,
            amount_vnd=wire.whole_vnd(name, told.amount),
            paid_vnd=wire.whole_vnd(name, told.amount_paid),
            movements=tuple(self._movement(told, one, now) for one in told.transactions),
        )

    def _movement(self, told: _Status, one: _Transfer, now: datetime) -> Confirmation:
        reference = (one.reference or "").strip()
        return Confirmation(
            gateway=self._account.name,
            provider_id=provider_id_of(told.id, reference, one.transaction_date_time),
            amount_vnd=wire.whole_vnd(self._account.name, one.amount),
            occurred_at=wire.instant(self._account.name, one.transaction_date_time, now),
            reference=reference,
            memo=one.description,
            account_no=one.account_number.strip(),
            detail=told.status,
        )

    async def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The signed data of an answer."""
        account = self._account
        headers = {"x-client-id": account.client_id, "x-api-key": account.api_key}
        try:
            response = await self._http.request(
                method, f"{account.url}{PATH}{path}", json=body, headers=headers,
                timeout=REQUEST_SECONDS_MAX,
            )  # fmt: skip
        except httpx.HTTPError as failed:
            raise GatewayUnavailable(account.name, "payOS did not answer.") from failed
        if response.status_code >= 500 or response.status_code == 429:
            raise GatewayUnavailable(account.name, f"payOS answered {response.status_code}.")
        told = wire.converted(account.name, wire.parsed(account.name, response.content), _Answer)
        if told.code != PAID or response.status_code != 200:
            raise GatewayRefused(account.name, "payOS refused.", reason=told.code)
        if told.data is None or not signed_text_fits(
            account.secrets, told.data, told.signature or ""
        ):
            raise NoticeForged(account.name, "The signature does not fit the answer.")
        return told.data


def order_fields(order: LinkOrder, secret: str) -> dict[str, Any]:
    """The body that opens a link, signed over five of its fields."""
    assert 0 < order.order_code <= ORDER_CODE_MAX
    assert order.amount_vnd > 0
    assert 0 < len(order.description) <= DESCRIPTION_LENGTH_MAX
    signed = {
        "amount": order.amount_vnd,
        "cancelUrl": order.cancel_url,
        "description": order.description,
        "orderCode": order.order_code,
        "returnUrl": order.return_url,
    }
    expires = {"expiredAt": int(order.expires_at.timestamp())} if order.expires_at else {}
    return {**signed, **expires, "signature": sign(secret, signed)}


def _fits(opened: _Opened, amount_vnd: int) -> bool:
    """Whether the code pays that amount into the account that the link names."""
    try:
        code = qr.read(opened.qr_code).require_transfer()
    except qr.QRError:
        return False
    return (code.bank_bin, code.account_no, code.amount_vnd) == (
        opened.bin,
        opened.account_number,
        amount_vnd,
    )
