"""VNPAY in small: payment page, return, IPN, querydr, refund, genqr, bank list, as version 2.1.0.

The paths are VNPAY's own, so that every client only needs another host.
"""

from collections.abc import Mapping
from datetime import date, datetime
from sqlite3 import Row
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import msgspec
from litestar import Litestar, Request, Response, get, post, route
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException
from litestar.params import FromQuery, JSONBody
from litestar.response import Redirect, Template

from market import clock, ids
from market.simulators import partner
from market.simulators.faults import Faults
from market.simulators.notifier import Answered, Delivery, Notifier
from market.simulators.state import Store
from market.simulators.vnpay_book import (
    CARDS,
    FAULTS,
    OTPS,
    SCHEMA,
    Book,
    PageError,
    PastPayment,
    VNPayConfig,
)
from market.simulators.vnpay_settlement import settlement_file
from payments import qr
from payments.gateways import NoticeMalformed, vnpay, vnpay_api

__all__ = ["VNPayConfig", "create_app"]

IPN_CALLS_MAX = 10
IPN_PAUSE_MINUTES = 5
BANKS = {
    "NCB": "Ngân hàng Quốc Dân",
    "VIETCOMBANK": "Ngân hàng Ngoại Thương",
    "AGRIBANK": "Ngân hàng Nông nghiệp",
    "BIDV": "Ngân hàng Đầu tư và Phát triển",
    "VIETINBANK": "Ngân hàng Công Thương",
    "MBBANK": "Ngân hàng Quân Đội",
    "VNPAYQR": "Quét mã VNPAY-QR",
    "INTCARD": "Thẻ quốc tế",
}
ERRORS = {
    "01": "Giao dịch đã tồn tại.",
    "03": "Dữ liệu gửi sang không đúng định dạng.",
    "15": "Giao dịch đã quá thời gian thanh toán.",
    "70": "Sai chữ ký.",
    "71": "Website chưa được phê duyệt.",
    "72": "Không tìm thấy website.",
    "99": "Có lỗi.",
}


class Misbehave(msgspec.Struct, frozen=True, omit_defaults=True):
    """What to do wrong with one payment's IPN."""

    bad_hash: bool = False
    """The first call carries a wrong hash, the next ones the right one."""
    wrong_amount: bool = False
    double: bool = False
    lost: bool = False
    delay_s: float = 0


class EndPayment(msgspec.Struct, frozen=True):
    """End an open payment as a test wants it."""

    txn_ref: str
    tmn_code: str = ""
    """Empty: the only terminal."""
    response_code: str = "00"
    misbehave: Misbehave = Misbehave()


class VNPay:
    """The book of payments and the IPNs owed."""

    def __init__(self, config: VNPayConfig) -> None:
        self.config = config
        self.store = Store(config.state_path, SCHEMA)
        self.faults = Faults(self.store, FAULTS, config.seed)
        self.book = Book(config, self.store, self.faults)
        waits_s = (IPN_PAUSE_MINUTES * config.minute_s,) * (IPN_CALLS_MAX - 1)
        self.notifier = Notifier(self.store, self._send, waits_s, clock.now)

    def end(self, row: Row, response: str, now: datetime, wrong: Misbehave) -> str:
        """End a payment, owe its IPN; the signed address to send the browser back to."""
        if row["response"] == "":
            row = self.book.complete(row, response, now)
            self._owe(row, wrong)
        back = self._signed(row["tmn"], self.book.told(row))
        joint = "&" if "?" in row["return_url"] else "?"
        return f"{row['return_url']}{joint}{back}"

    def _owe(self, row: Row, wrong: Misbehave) -> None:
        strikes = self.faults.strikes
        if wrong.lost or strikes("lost"):
            return
        told = self.book.told(row)
        if wrong.wrong_amount or strikes("wrong_amount"):
            told["vnp_Amount"] = str(int(told["vnp_Amount"]) + 1_000_000)
        delay_s = wrong.delay_s
        if strikes("delay"):
            delay_s = self.faults.seconds("delay_s") or 5.0
        flaw = "bad_hash" if wrong.bad_hash or strikes("bad_hash") else ""
        query, subject = self._signed(row["tmn"], told), str(row["number"])
        for _ in range(2 if wrong.double or strikes("double") else 1):
            self.notifier.owe("ipn", subject, query, delay_s=delay_s, flaw=flaw)

    def _signed(self, tmn: str, fields: Mapping[str, str]) -> str:
        return vnpay.signed_query(fields, self.config.terminals[tmn])

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> Answered:
        query = delivery.body
        if delivery.flaw == "bad_hash" and delivery.tries == 0:
            query = query[:-8] + "00000000"
        joint = "&" if "?" in self.config.ipn_url else "?"
        response = await client.get(f"{self.config.ipn_url}{joint}{query}")
        return Answered(_is_final(response), response.status_code, response.text)


def _is_final(response: httpx.Response) -> bool:
    """VNPAY stops on RspCode 00 and 02 with HTTP 200, and on nothing else."""
    try:
        return response.status_code == 200 and response.json()["RspCode"] in ("00", "02")
    except (ValueError, KeyError, TypeError):
        return False


# ── The payer's browser ─────────────────────────────────────────────────────────────────────────


@route("/paymentv2/vpcpay.html", http_method=["GET", "POST"], status_code=200)
async def open_payment(
    request: Request[Any, Any, Any], partner_: NamedDependency[VNPay]
) -> Response[Any] | Redirect:
    """The pay address: checks it and shows the payment page; genqr answers with a code instead."""
    query = request.url.query or (await request.body()).decode("utf-8", "replace")
    try:
        row = partner_.book.open(query, ids.new(), clock.now())
    except PageError as wrong:
        if "vnp_Command=genqr" in query:
            return Response({"code": wrong.code, "message": ERRORS[wrong.code], "qrcontent": ""})
        return Redirect(f"/paymentv2/Payment/Error.html?code={wrong.code}", status_code=302)
    if "vnp_Command=genqr" in query:
        return Response({"code": "00", "message": "Success", "qrcontent": _qr_text(row)})
    return Redirect(
        f"/paymentv2/Transaction/PaymentMethod.html?token={row['token']}", status_code=302
    )


@get("/paymentv2/Payment/Error.html", sync_to_thread=False)
def error_page(code: FromQuery[str] = "99") -> Template:
    """Why a payment cannot be opened."""
    sentence = ERRORS.get(code, ERRORS["99"])
    return Template("vnpay_error.html", context={"code": code, "sentence": sentence})


@get("/paymentv2/Transaction/PaymentMethod.html", sync_to_thread=False)
def payment_page(
    token: FromQuery[str], partner_: NamedDependency[VNPay], wrong: FromQuery[str] = ""
) -> Template | Redirect:
    """Banks, a card form, the code, and buttons that end the payment as one likes."""
    try:
        row = partner_.book.by_token(token)
    except PageError as refused:
        return Redirect(f"/paymentv2/Payment/Error.html?code={refused.code}", status_code=302)
    code = qr.qr_svg(_qr_text(row), "Mã VNPAY-QR", fast=True)
    context = {
        "payment": row,
        "banks": BANKS,
        "responses": vnpay.RESPONSES,
        "wrong": wrong,
        "qr": code if row["bank_code"] in ("", "VNPAYQR") else "",
    }
    return Template("vnpay_pay.html", context=context)


@post("/paymentv2/Transaction/End.html", status_code=303)
async def end_payment(
    request: Request[Any, Any, Any], partner_: NamedDependency[VNPay]
) -> Redirect:
    """What the payer did on the page: a card, the code, a chosen end, or gave up."""
    form = await request.form()
    try:
        row = partner_.book.by_token(str(form.get("token") or ""))
    except PageError as refused:
        return Redirect(f"/paymentv2/Payment/Error.html?code={refused.code}", status_code=303)
    response = _response_of(form)
    if not response:
        query = urlencode({"token": row["token"], "wrong": "Số thẻ này không có ở đây."})
        return Redirect(f"/paymentv2/Transaction/PaymentMethod.html?{query}", status_code=303)
    misbehave = Misbehave(**{name: True for name in ("double", "lost", "bad_hash") if name in form})
    return Redirect(partner_.end(row, response, clock.now(), misbehave), status_code=303)


def _response_of(form: Mapping[str, Any]) -> str:
    action = str(form.get("action") or "")
    if action in vnpay.RESPONSES:
        return action
    card = "".join(str(form.get("card") or "").split())
    if str(form.get("otp") or "").strip() not in OTPS:
        return "13"
    return CARDS.get(card, "")


def _qr_text(row: Row) -> str:
    return qr.write_vnpayqr(
        row["tmn"], row["amount_vnd"], reference=str(row["number"]), merchant_name="CHO 4.0"
    )


# ── The merchant's server ───────────────────────────────────────────────────────────────────────


@post("/merchant_webapi/api/transaction", status_code=200)
async def api(
    request: Request[Any, Any, Any], partner_: NamedDependency[VNPay]
) -> Response[dict[str, str]]:
    """querydr and refund, signed both ways."""
    if partner_.faults.strikes("down"):
        return Response({}, status_code=500)
    try:
        fields = vnpay_api.texts(await request.body())
    except NoticeMalformed:
        return Response({"vnp_ResponseCode": "03", "vnp_Message": "Invalid data format"})
    answered = partner_.book.answer(fields, ids.new(), clock.now())
    if partner_.faults.strikes("lost_answer"):
        return Response({}, status_code=504)
    return Response(answered)


@post("/qrpayauth/api/merchant/get_bank_list", status_code=200)
async def bank_list(
    request: Request[Any, Any, Any], partner_: NamedDependency[VNPay]
) -> list[dict[str, Any]]:
    """The banks a terminal can offer."""
    form = await request.form()
    if form.get("tmn_code") not in partner_.config.terminals:
        return []
    return [
        {
            "bank_code": code, "bank_name": name, "logo_link": "", "bank_type": 1,
            "display_order": order,
        }
        for order, (code, name) in enumerate(BANKS.items(), 1)
    ]  # fmt: skip


# ── Inside, and the control of it ───────────────────────────────────────────────────────────────


@get(["/", "/inside"], sync_to_thread=False)
def inside(partner_: NamedDependency[VNPay]) -> Template:
    """The last payments, each IPN with its tries and answers, and the faults."""
    last = partner_.store.rows("SELECT * FROM payment ORDER BY number DESC LIMIT 30")
    payments = [
        {
            **dict(row),
            "deliveries": partner.deliveries(partner_.store, str(row["number"])),
            "refunds": partner_.book.refunds(row, clock.now()),
        }
        for row in last
    ]
    context = {"payments": payments, "faults": partner_.faults.describe()}
    return Template("vnpay_inside.html", context=context)


@post("/control", status_code=200)
async def control(
    request: Request[Any, Any, Any], partner_: NamedDependency[VNPay]
) -> dict[str, dict[str, float]] | Redirect:
    """Misbehave: bad_hash, wrong_amount, double, lost, delay (delay_s), lost_answer, down,
    refund_reject, refund_off, refund_busy; refund_s and window_s set how long things take.
    """
    return await partner.control(request, partner_.faults)


@post("/control/end", status_code=200, sync_to_thread=False)
def control_end(
    data: JSONBody[EndPayment], partner_: NamedDependency[VNPay]
) -> dict[Literal["return_url"], str]:
    """End an open payment without a browser; where the browser would have gone."""
    tmn = data.tmn_code or next(iter(partner_.config.terminals))
    row = partner_.book.payment(tmn, data.txn_ref)
    if row is None or data.response_code not in vnpay.RESPONSES:
        raise ClientException("No such payment or response code.")
    ended = partner_.end(row, data.response_code, clock.now(), data.misbehave)
    return {"return_url": ended}


@post("/control/past", status_code=200, sync_to_thread=False)
def control_past(
    data: JSONBody[list[PastPayment]],
    partner_: NamedDependency[VNPay],
    tmn_code: FromQuery[str] = "",
) -> dict[Literal["known"], int]:
    """Payments of earlier days, as if they had been made here then."""
    tmn = tmn_code or next(iter(partner_.config.terminals))
    with partner_.store.transaction():
        for one in data:
            partner_.book.record(tmn, one)
    return {"known": len(data)}


@get("/control/settlement", sync_to_thread=False)
def control_settlement(
    partner_: NamedDependency[VNPay], day: FromQuery[date], tmn_code: FromQuery[str] = ""
) -> Response[str]:
    """The settlement file of a Vietnamese day, as of now."""
    tmn = tmn_code or next(iter(partner_.config.terminals))
    now = clock.now().timestamp()
    made = settlement_file(partner_.store, tmn, f"{day:%Y%m%d}", at=now)
    return Response(made, media_type="text/csv")


def create_app(config: VNPayConfig) -> Litestar:
    """VNPAY as an app; its IPNs go out while it runs."""
    simulated = VNPay(config)
    handlers = [
        open_payment, error_page, payment_page, end_payment, api, bank_list, inside, control,
        control_end, control_past, control_settlement,
    ]  # fmt: skip
    provided = {"partner_": Provide(lambda: simulated, sync_to_thread=False)}
    return partner.app(handlers, provided, simulated.notifier, simulated.store)
