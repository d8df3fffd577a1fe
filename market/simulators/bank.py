"""Ngân hàng Mô Phỏng: a bank app on the phone, and watchers of accounts that write as real ones do.

Money never comes from anywhere and goes nowhere; the notices are real: signed, repeated, and wrong
on demand.
"""

import json
from datetime import datetime
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, FromQuery, JSONBody
from litestar.response import Redirect, Template

from market import clock, ids
from market.simulators import bank_forms, bank_links, bank_lists, partner
from market.simulators.bank_book import (
    Account,
    Bank,
    BankConfig,
    SendMoney,
    TransferRefused,
    sentence,
)
from payments import amounts, banks, qr

__all__ = ["BankConfig", "SendMoney", "create_app"]


# ── The phone ───────────────────────────────────────────────────────────────────────────────────


@get("/", sync_to_thread=False)
def home(bank: NamedDependency[Bank], wrong: FromQuery[str] = "") -> Template:
    """Scan, paste or upload a code; the last transfers."""
    last = bank.store.rows("SELECT * FROM transfer ORDER BY id DESC LIMIT 8")
    accounts = bank.store.rows("SELECT * FROM account ORDER BY rowid DESC LIMIT 5")
    return Template("bank_home.html", context={"last": last, "wrong": wrong, "accounts": accounts})


@post("/scan", status_code=303)
async def scan(request: Request[Any, Any, Any]) -> Redirect:
    """From pasted text or an uploaded picture to the page that pays."""
    form = await request.form()
    text = str(form.get("qr_text") or "").strip()
    picture = form.get("picture")
    if not text and picture is not None and not isinstance(picture, str):
        text, wrong = _decoded(await picture.read())
        if wrong:
            return Redirect("/", query_params={"wrong": wrong}, status_code=303)
    return Redirect("/pay", query_params={"qr": text}, status_code=303)


def _decoded(picture: bytes) -> tuple[str, str]:
    """The text of the code in a picture, or a sentence why there is none."""
    try:
        import zxingcpp
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        return "", "Máy này chưa đọc được ảnh. Hãy quét bằng máy ảnh hoặc dán nội dung mã."
    import io

    try:
        found = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture)).convert("L"))
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return "", "Tệp này không phải là ảnh."
    if not found:
        return "", "Không thấy mã QR trong ảnh. Hãy chụp gần và thẳng hơn."
    return found[0].text, ""


@get("/pay", sync_to_thread=False)
def pay_page(request: Request[Any, Any, Any], bank: NamedDependency[Bank]) -> Template | Redirect:
    """Who gets how much: the deep link of a payment code, /pay?qr=…"""
    return _pay_page(bank, request.query_params.get("qr", ""))


@post("/pay", status_code=200)
async def pay(request: Request[Any, Any, Any], bank: NamedDependency[Bank]) -> Template | Redirect:
    """Transfer as the form says; amount and memo may differ from the code, as with real payers."""
    form = await request.form()
    text = str(form.get("qr_text") or "")
    try:
        wanted = SendMoney(
            qr_text=text,
            amount_vnd=amounts.parse_vnd(str(form.get("amount") or "")),
            memo=str(form.get("memo") or ""),
            from_name=str(form.get("from_name") or "NGUYEN VAN A"),
            request_id=str(form.get("request_id") or ""),
        )
        made = bank.transfer(wanted, clock.now())
    except (TransferRefused, amounts.AmountError) as refused:
        wrong = str(refused) if isinstance(refused, TransferRefused) else "Số tiền chưa đúng."
        return _pay_page(bank, text, wrong)
    return Redirect(f"/done/{made['id']}", status_code=303)


@get("/done/{number:int}", sync_to_thread=False)
def done(number: FromPath[int], bank: NamedDependency[Bank]) -> Template:
    """The receipt on the payer's phone."""
    row = bank.store.row("SELECT * FROM transfer WHERE id = ?", number)
    if row is None:
        raise NotFoundException("Không có giao dịch này.")
    context = {
        "transfer": row,
        "notice": json.loads(row["notice"]),
        "bank": banks.bank(row["bank_bin"]),
        "holder": bank.holder(row["bank_bin"], row["account_no"]),
        "at": clock.local(datetime.fromisoformat(row["at"])),
    }
    return Template("bank_done.html", context=context)


def _pay_page(bank: Bank, text: str, wrong: str = "") -> Template | Redirect:
    try:
        payload = qr.read(text).require_transfer()
    except qr.QRError as refused:
        return Redirect("/", query_params={"wrong": sentence(refused)}, status_code=303)
    context = {
        "text": text,
        "code": payload,
        "bank": banks.bank(payload.bank_bin),
        "holder": bank.holder(payload.bank_bin, payload.account_no),
        "request_id": ids.new(),
        "wrong": wrong,
    }
    return Template("bank_pay.html", context=context)


class _Forms(msgspec.Struct, frozen=True):
    forms: tuple[str, ...]


# ── Inside, and the control of it ───────────────────────────────────────────────────────────────


@get("/inside", sync_to_thread=False)
def inside(bank: NamedDependency[Bank]) -> Template:
    """The last transfers, each notice with its tries and answers, and the faults."""
    last = bank.store.rows("SELECT * FROM transfer ORDER BY id DESC LIMIT 30")
    transfers = [
        {**dict(row), "deliveries": partner.deliveries(bank.store, str(row["id"]))} for row in last
    ]
    context = {
        "transfers": transfers,
        "faults": bank.faults.describe(),
        "services": bank_forms.SERVICES,
        "forms": bank.forms,
    }
    return Template("bank_inside.html", context=context)


@post("/again/{number:int}", status_code=303, sync_to_thread=False)
def again(number: FromPath[int], bank: NamedDependency[Bank]) -> Redirect:
    """Send the notice of a transfer once more; one that was dropped is sent now."""
    try:
        bank.send_again(number)
    except TransferRefused as refused:
        raise NotFoundException(str(refused)) from refused
    return Redirect("/inside", status_code=303)


@post("/control", status_code=200)
async def control(
    request: Request[Any, Any, Any], bank: NamedDependency[Bank]
) -> dict[str, dict[str, float]] | Redirect:
    """Misbehave: drop, double, delay (delay_s seconds), forge, corrupt."""
    return await partner.control(request, bank.faults)


@post("/api/transfers", status_code=201, sync_to_thread=False)
def send_money(data: JSONBody[SendMoney], bank: NamedDependency[Bank]) -> Response[dict[str, Any]]:
    """Transfer at once, for robots."""
    try:
        return Response(bank.transfer(data, clock.now()), status_code=201)
    except TransferRefused as refused:
        return Response({"code": "transfer_refused", "detail": str(refused)}, status_code=422)


@post("/api/forms", status_code=200)
async def set_forms(
    request: Request[Any, Any, Any], bank: NamedDependency[Bank]
) -> Response[dict[str, Any]] | Redirect:
    """Which services tell of transfers from now on: {"forms": ["sepay", "casso", …]}."""
    is_json = request.headers.get("content-type", "").startswith("application/json")
    try:
        if is_json:
            forms = msgspec.json.decode(await request.body(), type=_Forms).forms
        else:
            forms = tuple(str(one) for one in (await request.form()).getall("forms", []))
        bank.watch(forms)
    except (msgspec.MsgspecError, TransferRefused) as refused:
        return Response({"code": "forms_refused", "detail": str(refused)}, status_code=422)
    return Response({"forms": bank.forms}) if is_json else Redirect("/inside", status_code=303)


@get("/api/accounts/{bank_bin:str}/{account_no:str}", sync_to_thread=False)
def account_holder(
    bank_bin: FromPath[str], account_no: FromPath[str], bank: NamedDependency[Bank]
) -> Account:
    """Whose account it is; 404 where nobody's."""
    holder = bank.holder(bank_bin, account_no)
    if holder is None:
        raise NotFoundException("Không có tài khoản này.")
    return Account(bank_bin, account_no, holder)


@post("/api/accounts", status_code=201)
async def open_accounts(
    request: Request[Any, Any, Any], bank: NamedDependency[Bank]
) -> Response[dict[str, Any]]:
    """Make one account known, or a list of them: {bank_bin, account_no, holder}."""
    raw = await request.body()
    try:
        given = msgspec.json.decode(raw, type=Account | list[Account])
        accounts = given if isinstance(given, list) else [given]
        bank.register(accounts)
    except (msgspec.MsgspecError, banks.BankUnknown, banks.AccountMalformed) as wrong:
        return Response({"code": "account_refused", "detail": str(wrong)}, status_code=422)
    return Response({"registered": len(accounts)}, status_code=201)


@post("/accounts", status_code=303)
async def open_account(request: Request[Any, Any, Any], bank: NamedDependency[Bank]) -> Redirect:
    """Open an account from the phone page, to onboard a stall with."""
    form = await request.form()
    try:
        found = banks.find(str(form.get("bank") or ""), limit=1)
        bank_bin = found[0].bin if found else ""
        account_no = banks.clean_account(str(form.get("account_no") or ""))
        bank.register([Account(bank_bin, account_no, str(form.get("holder") or ""))])
    except (banks.BankUnknown, banks.AccountMalformed):
        wrong = "Chưa mở được: xem lại tên ngân hàng và số tài khoản."
        return Redirect("/", query_params={"wrong": wrong}, status_code=303)
    return Redirect("/", status_code=303)


def create_app(config: BankConfig) -> Litestar:
    """The bank as an app; its notices go out while it runs."""
    bank = Bank(config)
    handlers = [
        home, scan, pay_page, pay, done, inside, again, control, set_forms, send_money,
        account_holder, open_accounts, open_account, *bank_lists.handlers,
        *bank_links.handlers,
    ]  # fmt: skip
    provided = {"bank": Provide(lambda: bank, sync_to_thread=False)}
    return partner.app(handlers, provided, bank.notifier, bank.store)
