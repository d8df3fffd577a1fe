"""payOS's payment links beside the simulated bank: open, look up, cancel, and the page of one.

Each link has a virtual account of its own; what is transferred to it is told by payOS's notice.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from sqlite3 import Row
from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotAuthorizedException, NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect

from market import clock
from market.simulators.bank_book import Bank, virtual_account
from market.simulators.bank_forms import link_id
from payments import qr
from payments.gateways import payos
from payments.gateways.payos_links import ORDER_CODE_MAX, PATH
from payments.text import fold

DESCRIPTION_LENGTH_MAX = 25
PENDING, PAID, UNDERPAID = "PENDING", "PAID", "UNDERPAID"
EXPIRED, CANCELLED = "EXPIRED", "CANCELLED"
OK, MALFORMED, UNKNOWN, UNSIGNED, TAKEN, NOT_OPEN = "00", "20", "101", "201", "231", "14"
_DESCRIBED = {
    MALFORMED: "Thông tin gửi sang không đúng.",
    UNKNOWN: "Không có link thanh toán này.",
    UNSIGNED: "Sai chữ ký.",
    TAKEN: "Mã đơn hàng đã có.",
    NOT_OPEN: "Link không còn chờ tiền.",
}


class _Order(msgspec.Struct, frozen=True, rename="camel"):
    order_code: int
    amount: int
    description: str
    return_url: str
    cancel_url: str
    signature: str
    expired_at: int | None = None

    @property
    def signed(self) -> dict[str, Any]:
        """The five fields under the signature."""
        return {
            "amount": self.amount,
            "cancelUrl": self.cancel_url,
            "description": self.description,
            "orderCode": self.order_code,
            "returnUrl": self.return_url,
        }


class _Cancelling(msgspec.Struct, frozen=True, rename="camel"):
    cancellation_reason: str | None = None


@post(PATH, status_code=200)
async def open_link(
    request: Request[Any, Any, Any], bank: NamedDependency[Bank]
) -> Response[dict[str, Any]]:
    """A link for an order that has none yet."""
    _require_keys(request, bank)
    try:
        order = msgspec.json.decode(await request.body(), type=_Order)
    except msgspec.MsgspecError:
        return _refused(MALFORMED)
    in_range = 0 < order.order_code <= ORDER_CODE_MAX and 0 < order.amount <= qr.AMOUNT_VND_MAX
    if not in_range or not 0 < len(order.description) <= DESCRIPTION_LENGTH_MAX:
        return _refused(MALFORMED)
    if order.signature != payos.sign(bank.config.payos_secret, order.signed):
        return _refused(UNSIGNED)
    if _row(bank, order.order_code) is not None:
        return _refused(TAKEN)
    bank.store.run(
        "INSERT INTO link VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
        order.order_code, order.amount, order.description, order.return_url, order.cancel_url,
        order.expired_at, clock.now().isoformat(),
    )  # fmt: skip
    row = _row(bank, order.order_code)
    assert row is not None
    return _signed(bank, _opened(bank, row, f"{request.base_url}web/{order.order_code}"))


@get(PATH + "/{number:str}", sync_to_thread=False)
def look_up(
    request: Request[Any, Any, Any], number: FromPath[str], bank: NamedDependency[Bank]
) -> Response[dict[str, Any]]:
    """How a link stands, by its order's number or its id."""
    _require_keys(request, bank)
    row = _named(bank, number)
    return _refused(UNKNOWN) if row is None else _signed(bank, _status(bank, row))


@post(PATH + "/{number:str}/cancel", status_code=200)
async def cancel(
    request: Request[Any, Any, Any], number: FromPath[str], bank: NamedDependency[Bank]
) -> Response[dict[str, Any]]:
    """The link is closed, if it still waits for money."""
    _require_keys(request, bank)
    row = _named(bank, number)
    if row is None:
        return _refused(UNKNOWN)
    if _state(bank, row) not in (PENDING, UNDERPAID):
        return _refused(NOT_OPEN)
    try:
        given = msgspec.json.decode(await request.body() or b"{}", type=_Cancelling)
    except msgspec.MsgspecError:
        return _refused(MALFORMED)
    bank.store.run(
        "UPDATE link SET canceled_at = ?, reason = ? WHERE order_code = ?",
        clock.now().isoformat(), given.cancellation_reason, row["order_code"],
    )  # fmt: skip
    closed = _named(bank, number)
    assert closed is not None
    return _signed(bank, _status(bank, closed))


@get("/web/{number:str}", sync_to_thread=False)
def page(number: FromPath[str], bank: NamedDependency[Bank]) -> Redirect:
    """The link's own page: straight to the bank app that pays its code, or back to the shop."""
    row = _named(bank, number)
    if row is None:
        raise NotFoundException("Không có link thanh toán này.")
    state = _state(bank, row)
    if state == PAID:
        return Redirect(row["return_url"], status_code=303)
    if state in (EXPIRED, CANCELLED):
        return Redirect(row["cancel_url"], status_code=303)
    return Redirect("/pay", query_params={"qr": _code(bank, row)}, status_code=303)


def _require_keys(request: Request[Any, Any, Any], bank: Bank) -> None:
    given = (request.headers.get("x-client-id"), request.headers.get("x-api-key"))
    if given != (bank.config.payos_client_id, bank.config.payos_api_key):
        raise NotAuthorizedException("The client id or the key is missing or wrong.")


def _row(bank: Bank, order_code: int) -> Row | None:
    return bank.store.row("SELECT * FROM link WHERE order_code = ?", order_code)


def _named(bank: Bank, number: str) -> Row | None:
    try:
        order_code = int(number, 16) if len(number) == 32 else int(number)
    except ValueError:
        return None
    return _row(bank, order_code) if 0 < order_code <= ORDER_CODE_MAX else None


def _transfers(bank: Bank, row: Row) -> list[dict[str, Any]]:
    found = bank.store.rows(
        "SELECT notice FROM transfer WHERE account_no = ? AND direction = 'in' ORDER BY id",
        _virtual(row),
    )
    return [json.loads(one["notice"]) for one in found]


def _state(bank: Bank, row: Row) -> str:
    paid_vnd = sum(one["transferAmount"] for one in _transfers(bank, row))
    if paid_vnd >= row["amount_vnd"]:
        return PAID
    if row["canceled_at"]:
        return CANCELLED
    if row["expired_at"] and clock.now().timestamp() > row["expired_at"]:
        return EXPIRED
    return UNDERPAID if paid_vnd else PENDING


def _virtual(row: Row) -> str:
    return virtual_account(row["order_code"])


def _code(bank: Bank, row: Row) -> str:
    bank_bin, _, holder = bank.config.payos_account
    return qr.write_vietqr(
        bank_bin, _virtual(row), row["amount_vnd"], memo=row["description"],
        merchant_name=fold(holder),
    )  # fmt: skip


def _opened(bank: Bank, row: Row, url: str) -> dict[str, Any]:
    bank_bin, _, holder = bank.config.payos_account
    return {
        "bin": bank_bin,
        "accountNumber": _virtual(row),
        "accountName": holder,
        "amount": row["amount_vnd"],
        "description": row["description"],
        "orderCode": row["order_code"],
        "currency": "VND",
        "paymentLinkId": link_id(row["order_code"]),
        "status": PENDING,
        "checkoutUrl": url,
        "qrCode": _code(bank, row),
    }


def _status(bank: Bank, row: Row) -> dict[str, Any]:
    told = _transfers(bank, row)
    paid_vnd = sum(one["transferAmount"] for one in told)
    return {
        "id": link_id(row["order_code"]),
        "orderCode": row["order_code"],
        "amount": row["amount_vnd"],
        "amountPaid": paid_vnd,
        "amountRemaining": max(0, row["amount_vnd"] - paid_vnd),
        "status": _state(bank, row),
        "createdAt": _local(row["created_at"]),
        "transactions": [_transfer(one) for one in told],
        "cancellationReason": row["reason"],
        "canceledAt": _local(row["canceled_at"]) if row["canceled_at"] else None,
    }


def _transfer(told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "reference": told["referenceCode"],
        "amount": told["transferAmount"],
        "accountNumber": told["accountNumber"],
        "description": told["content"],
        "transactionDateTime": told["transactionDate"],
        "virtualAccountName": None,
        "virtualAccountNumber": told["subAccount"],
        "counterAccountBankId": None,
        "counterAccountBankName": None,
        "counterAccountName": None,
        "counterAccountNumber": None,
    }


def _local(at: str) -> str:
    return clock.local(datetime.fromisoformat(at)).isoformat()


def _signed(bank: Bank, data: dict[str, Any]) -> Response[dict[str, Any]]:
    signature = payos.sign(bank.config.payos_secret, data)
    return Response({"code": OK, "desc": "success", "data": data, "signature": signature})


def _refused(code: str) -> Response[dict[str, Any]]:
    return Response({"code": code, "desc": _DESCRIBED[code], "data": None, "signature": None})


handlers = [open_link, look_up, cancel, page]
