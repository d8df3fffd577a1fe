"""Stripe in small: enough of the API for the official library, a hosted page, signed webhooks."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Literal

import httpx
import msgspec
from litestar import Litestar, Request, Response, get, post, route
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Redirect, Template

from market import clock
from market.simulators import partner
from market.simulators.faults import Faults
from market.simulators.notifier import Answered, Delivery, Notifier
from market.simulators.state import Store
from market.simulators.stripe_book import FAULTS, SCHEMA, Book, StripeConfig
from market.simulators.stripe_calls import check_version, perform
from market.simulators.stripe_cards import CARDS
from market.simulators.stripe_checkout import (
    complete_session,
    pay_session,
    session_name,
    session_of_intent,
)
from market.simulators.stripe_days import PastCharge, record, report
from market.simulators.stripe_money import (
    NoSuchThing,
    close_dispute,
    end_refund,
    expanded,
    open_dispute,
)
from market.simulators.stripe_wire import Json, Refused, unflatten
from payments.gateways.stripe import sign

__all__ = ["StripeConfig", "create_app"]

RETRY_MINUTES = (1, 5, 10, 30, 60, 120)
KEY_LENGTH_MAX = 255
REORDER_S = 0.5
DECLINED = {
    "insufficient_funds": "Thẻ không đủ tiền.",
    "expired_card": "Thẻ đã hết hạn.",
    "incorrect_cvc": "Mã CVC không đúng.",
    "payment_intent_authentication_failure": "Chủ thẻ không xác nhận.",
}


class _RejectedError(Exception):
    """A call that fails validation: nothing of it is kept, not even under its key."""


class Stripe:
    """The book of objects and the events owed."""

    def __init__(self, config: StripeConfig) -> None:
        self.config = config
        self.store = Store(config.state_path, SCHEMA)
        self.faults = Faults(self.store, FAULTS, config.seed)
        pending = self._refund_waits
        self.book = Book(config, self.store, self._owe, pending)
        waits_s = tuple(minutes * config.minute_s for minutes in RETRY_MINUTES)
        self.notifier = Notifier(self.store, self._send, waits_s, clock.now)

    def call(
        self, method: str, path: str, given: Json, now: datetime, account: str = ""
    ) -> tuple[int, Json]:
        """One API call: its status and body. What it changes it changes wholly or not at all."""
        parts = tuple(part for part in path.split("/") if part)
        try:
            with self.on(account):
                answered = perform(self.book, method, parts, given, now)
            return 200, expanded(self.book, answered, given)
        except Refused as refused:
            return refused.status, refused.body

    @contextmanager
    def on(self, account: str) -> Iterator[None]:
        """What happens inside happens on a connected account."""
        self.book.account = account
        try:
            yield
        finally:
            self.book.account = ""

    def call_once(
        self, key: str, path: str, raw: str, now: datetime, account: str = ""
    ) -> tuple[int, Json, bool]:
        """A POST under an idempotency key: the first result again, and whether it is a replay."""
        request = f"{path}\n{account}\n{raw}"
        known = self.store.row("SELECT * FROM idempotency WHERE key = ?", key) if key else None
        if known is not None:
            if known["request"] != request:
                message = "Keys for idempotent requests can only be used with the same parameters."
                return 400, {"error": {"type": "idempotency_error", "message": message}}, False
            return known["status"], json.loads(known["body"]), True
        try:
            with self.store.transaction():
                status, body = self.call("POST", path, unflatten(raw), now, account)
                if status in (400, 404):
                    raise _RejectedError(status, body)
                if key:
                    self.store.run(
                        "INSERT INTO idempotency VALUES (?, ?, ?, ?)",
                        key, request, status, json.dumps(body),
                    )  # fmt: skip
        except _RejectedError as rejected:
            status, body = rejected.args
        return status, body, False

    def _refund_waits(self) -> bool:
        return self.faults.strikes("refund_pending")

    def _owe(self, event: Json) -> None:
        body, subject, delay_s = json.dumps(event, ensure_ascii=False), event["id"], 0.0
        strikes = self.faults.strikes
        if strikes("forge"):
            self.notifier.owe("event", subject, body, flaw="forge")
        if strikes("drop"):
            return
        if strikes("delay"):
            delay_s = self.faults.seconds("delay_s") or 5.0
        if strikes("reorder"):  # what comes after it overtakes it
            delay_s += REORDER_S
        for _ in range(2 if strikes("double") else 1):
            self.notifier.owe("event", subject, body, delay_s=delay_s)

    async def _send(self, client: httpx.AsyncClient, delivery: Delivery) -> Answered:
        body, timestamp = delivery.body.encode(), int(clock.now().timestamp())
        secret = "forged" if delivery.flaw == "forge" else self.config.webhook_secret
        headers = {
            "content-type": "application/json",
            "stripe-signature": sign(secret, timestamp, body),
        }
        response = await client.post(self.config.webhook_url, content=body, headers=headers)
        accepted = delivery.flaw == "forge" or response.is_success
        return Answered(accepted, response.status_code, response.text)


# ── The API ─────────────────────────────────────────────────────────────────────────────────────


@route("/v1/{path:path}", http_method=["GET", "POST", "DELETE"], status_code=200)
async def api(
    request: Request[Any, Any, Any], path: FromPath[str], stripe: NamedDependency[Stripe]
) -> Response[Json]:
    """Every call of the official library."""
    if not _key_is_known(_key_of(request.headers.get("authorization", "")), stripe.config):
        message = "Invalid API Key provided."
        return Response(
            {"error": {"type": "invalid_request_error", "message": message}}, status_code=401
        )
    if stripe.faults.strikes("down"):
        return _failed()
    account, once = (
        request.headers.get(name, "") for name in ("stripe-account", "idempotency-key")
    )
    try:
        check_version(request.headers.get("stripe-version", ""))
        if len(once) > KEY_LENGTH_MAX:
            raise Refused(f"Idempotency keys have at most {KEY_LENGTH_MAX} characters.")
    except Refused as refused:
        return Response(refused.body, status_code=refused.status)
    if request.method != "POST":
        given = unflatten(request.url.query)
        status, body = stripe.call(request.method, path, given, clock.now(), account)
        return Response(body, status_code=status)
    raw = (await request.body()).decode("utf-8", "replace")
    status, body, replayed = stripe.call_once(once, path, raw, clock.now(), account)
    if stripe.faults.strikes("lost_answer"):
        return _failed()
    headers = {"idempotent-replayed": "true"} if replayed else {}
    return Response(body, status_code=status, headers=headers)


def _failed() -> Response[Json]:
    return Response({"error": {"type": "api_error", "message": "Try again."}}, status_code=500)


def _key_of(authorization: str) -> str:
    """The key as a bearer, or as the user of Basic, as curl writes it."""
    scheme, _, given = authorization.partition(" ")
    if scheme != "Basic":
        return given if scheme == "Bearer" else ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[0]
    except ValueError:
        return ""


def _key_is_known(key: str, config: StripeConfig) -> bool:
    return key == config.key if config.key else key.startswith(("sk_test_", "rk_test_"))


# ── The payer's browser ─────────────────────────────────────────────────────────────────────────


@get("/c/pay/{number:str}", sync_to_thread=False)
def checkout_page(
    number: FromPath[str], stripe: NamedDependency[Stripe], wrong: FromQuery[str] = ""
) -> Template | Response[str]:
    """The hosted page of a Checkout session."""
    try:
        with stripe.on(stripe.book.account_of(number)):
            session = stripe.book.get(number, "checkout.session")
    except Refused:
        return Response("Không có trang này.", status_code=404, media_type="text/plain")
    context = {
        "session": session,
        "name": session_name(stripe.book, number),
        "cards": {card: why for card, why in CARDS.items() if card.isdigit()},
        "wrong": wrong,
    }
    return Template("stripe_pay.html", context=context)


@post("/c/pay/{number:str}", status_code=303)
async def pay(
    request: Request[Any, Any, Any], number: FromPath[str], stripe: NamedDependency[Stripe]
) -> Redirect:
    """The payer's card: paid and back to the shop, to 3-D Secure, or declined and again."""
    form = await request.form()
    card = "".join(str(form.get("card") or "").split())
    try:
        with stripe.on(stripe.book.account_of(number)):
            session = pay_session(stripe.book, number, card, clock.now())
    except Refused as refused:
        wrong = DECLINED.get(
            str(refused.body["error"].get("decline_code", "")), "Thẻ bị từ chối. Hãy dùng thẻ khác."
        )
        return Redirect(f"/c/pay/{number}", query_params={"wrong": wrong}, status_code=303)
    if session["status"] == "open":
        return Redirect(f"/authenticate/{session['payment_intent']}", status_code=303)
    return Redirect(_back(session), status_code=303)


@get("/authenticate/{number:str}", sync_to_thread=False)
def authenticate_page(number: FromPath[str]) -> Template:
    """What the cardholder's bank asks."""
    return Template("stripe_authenticate.html", context={"number": number})


@post("/authenticate/{number:str}", status_code=303)
async def authenticate(
    request: Request[Any, Any, Any], number: FromPath[str], stripe: NamedDependency[Stripe]
) -> Redirect:
    """Confirmed or refused, and back to where the payer came from."""
    form = await request.form()
    try:
        with stripe.on(stripe.book.account_of(number)):
            passed = form.get("answer") == "yes"
            intent = stripe.book.authenticate(number, passed=passed, now=clock.now())
    except Refused:
        return Redirect("/inside", status_code=303)
    session = session_of_intent(stripe.book, number)
    if session is None:
        return Redirect("/inside", status_code=303)
    if intent["status"] != "succeeded":
        wrong = DECLINED["payment_intent_authentication_failure"]
        return Redirect(f"/c/pay/{session['id']}", query_params={"wrong": wrong}, status_code=303)
    complete_session(stripe.book, session, clock.now())
    return Redirect(_back(session), status_code=303)


def _back(session: Json) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


# ── Inside, and the control of it ───────────────────────────────────────────────────────────────


@get(["/", "/inside"], sync_to_thread=False)
def inside(stripe: NamedDependency[Stripe]) -> Template:
    """The last intents, each event with its tries and answers, and the faults."""
    intents = [
        {**intent, "events": _events(stripe, intent["id"])}
        for intent in stripe.book.newest("payment_intent", limit=30)
    ]
    context = {"intents": intents, "faults": stripe.faults.describe()}
    return Template("stripe_inside.html", context=context)


def _events(stripe: Stripe, intent_id: str) -> list[Json]:
    events = stripe.book.newest("event", intent_id, 20)
    return [
        {**event, "deliveries": partner.deliveries(stripe.store, event["id"])}
        for event in reversed(events)
    ]


@post("/control", status_code=200)
async def control(
    request: Request[Any, Any, Any], stripe: NamedDependency[Stripe]
) -> dict[str, dict[str, float]] | Redirect:
    """Misbehave: drop, double, delay (delay_s), reorder, forge, down, lost_answer, refund_pending."""
    return await partner.control(request, stripe.faults)


class Happening(msgspec.Struct, frozen=True):
    """Something that the payer's bank does later."""

    id: str
    """The intent to dispute, the dispute to close, or the pending refund to end."""
    status: str = ""
    """How it ends; empty opens a dispute."""
    amount: int = 0


@post("/control/happen", status_code=200, sync_to_thread=False)
def control_happen(data: JSONBody[Happening], stripe: NamedDependency[Stripe]) -> Json:
    """Open a dispute (`id` an intent), close one (won, lost), end a pending refund (succeeded, failed)."""
    book, now = stripe.book, clock.now()
    try:
        with stripe.on(book.account_of(data.id)):
            if data.id.startswith("re_"):
                return end_refund(book, data.id, data.status, now)
            if data.id.startswith("dp_"):
                return close_dispute(book, data.id, data.status, now)
            return open_dispute(book, data.id, data.amount, now)
    except (NoSuchThing, Refused) as wrong:
        raise ClientException(str(wrong)) from wrong


@post("/control/past", status_code=200)
async def control_past(
    data: JSONBody[list[PastCharge]], stripe: NamedDependency[Stripe]
) -> dict[Literal["known"], int]:
    """Payments of earlier days, as if they had been made here then."""
    with stripe.store.transaction():
        record(stripe.book, data)
    return {"known": len(data)}


@get("/control/settlement", sync_to_thread=False)
def control_settlement(stripe: NamedDependency[Stripe], day: FromQuery[date]) -> Response[str]:
    """The itemised report of a Vietnamese day, as of now."""
    return Response(report(stripe.book, day), media_type="text/csv")


def create_app(config: StripeConfig) -> Litestar:
    """Stripe as an app; its events go out while it runs."""
    simulated = Stripe(config)
    handlers = [
        api, checkout_page, pay, authenticate_page, authenticate, inside, control,
        control_happen, control_past, control_settlement,
    ]  # fmt: skip
    provided = {"stripe": Provide(lambda: simulated, sync_to_thread=False)}
    return partner.app(handlers, provided, simulated.notifier, simulated.store)
