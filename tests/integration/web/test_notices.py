"""Notices over real HTTP into real PostgreSQL: doubled, shuffled, lost, late, forged; one effect each."""

import asyncio
import dataclasses
import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
import structlog

import payments
from market import clock, logs
from market.flows import JOBS, Context, notices
from market.flows.acquired import ask_acquirers
from market.flows.ledgers import ledger_of
from market.gateways import DEMO_SECRETS, gateways_of
from market.settings import Settings
from market.simulators import bank_forms
from payments.gateways import Secrets, payos, stripe, vnpay
from payments.gateways.signed import SignedList
from tests.integration.web.conftest import ACCOUNT_NO

TRANSFERS = 40
SECRETS = {
    "sepay": "whsec_demo_sepay", "casso": DEMO_SECRETS["casso"], "casso_v1": DEMO_SECRETS["casso"],
    "payos": DEMO_SECRETS["payos"], "signed": DEMO_SECRETS["signed"],
}  # fmt: skip
FORMS = ("sepay", "casso", "payos", "signed")
LATE_S = (0, 0, 0, 600, 7_200, 86_400, 71 * 3_600)
HEADERS = {"content-type": "application/json"}


@dataclass(frozen=True)
class Sending:
    """One request of the storm, and whether a yes to it may be believed."""

    path: str
    headers: dict[str, str]
    body: bytes
    is_hostile: bool = False


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Partners are simulators: every form's demo secret is taken; and two more accounts of a file."""
    folder = settings.data
    (folder / "old").write_text("the-former-key-0002\n")
    (folder / "new").write_text("the-second-key-0002\n")
    (folder / "accounts.toml").write_text(
        f'[sepay-2]\nsecret = "file:{folder}/new"\nsecret_old = "file:{folder}/old"\n'
        f'[casso-2]\ntoken = "file:{folder}/new"\n'
    )
    return replace(
        settings, simulated=True, sepay_secret=SECRETS["sepay"],
        gateways_file=str(folder / "accounts.toml"),
    )  # fmt: skip


@pytest.fixture
def transfer() -> dict[str, Any]:
    """A transfer of this minute, as the bank keeps it."""
    return {
        "id": 100_001, "gateway": "Vietcombank", "accountNumber": ACCOUNT_NO, "subAccount": None,
        "transactionDate": f"{clock.local(clock.now()):%Y-%m-%d %H:%M:%S}", "code": None,
        "content": "NGUYEN VAN A chuyen tien", "transferType": "in", "transferAmount": 45_000,
        "accumulated": 0, "referenceCode": "FT26327000001", "description": "",
    }  # fmt: skip


@pytest.fixture
def tell(client):
    """Sends a transfer's notice in a form to the market in this process."""

    async def send(form: str, told: dict[str, Any], secret: str = "", path: str = "") -> Any:
        sent = bank_forms.notice(form, told, secret or SECRETS[form], clock.now())
        client.cookies.clear()
        return await client.post(
            path or sent.path, content=sent.body, headers={**HEADERS, **sent.headers}
        )

    return send


async def made(bank: httpx.AsyncClient, dice: random.Random, amount_vnd: int, **more: Any) -> Any:
    """A transfer nobody was told of, and the forms it is to be told in."""
    forms = dice.sample(FORMS, dice.choice((1, 1, 2, 3)))
    if forms == ["payos"]:
        forms.append("sepay")  # payOS has no list
    body = {
        "bank_bin": "970436", "account_no": ACCOUNT_NO, "amount_vnd": amount_vnd, "forms": forms,
        "ago_s": dice.choice(LATE_S), **more,
    }  # fmt: skip
    answer = await bank.post("/api/transfers", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json(), forms


def genuine(dice: random.Random, transfer: dict[str, Any], forms: list[str]) -> list[Sending]:
    """Three in ten are lost; the others come one to five times, each signed anew."""
    told = []
    for form in forms:
        if dice.random() < 0.3:
            continue
        for _ in range(dice.randint(1, 5)):
            sent = bank_forms.notice(form, transfer, SECRETS[form], clock.now())
            told.append(Sending(sent.path, {**HEADERS, **sent.headers}, sent.body))
    return told


def hostile(dice: random.Random, transfer: dict[str, Any]) -> list[Sending]:
    """Forged, by another key, stale, early, changed on the road, huge, and no notice at all."""
    form = dice.choice(FORMS)
    larger = {**transfer, "transferAmount": 9_000_000, "id": transfer["id"] + 500_000}
    old, early = clock.now() - timedelta(minutes=6), clock.now() + timedelta(minutes=6)
    sent = [
        bank_forms.notice(form, larger, "nobody's key", clock.now()),
        bank_forms.notice(form, larger, SECRETS["signed" if form != "signed" else "casso"], clock.now()),
        bank_forms.notice("sepay", larger, SECRETS["sepay"], old),
        bank_forms.notice("signed", larger, SECRETS["signed"], early),
    ]  # fmt: skip
    right = bank_forms.notice(form, transfer, SECRETS[form], clock.now())
    amount = str(transfer["transferAmount"]).encode()
    sent.append(replace(right, body=right.body.replace(b":" + amount, b":9" + amount, 1)))
    sent.append(replace(right, body=b'{"id":"' + b"x" * 300_000 + b'"}'))
    sent.append(replace(right, body=b""))
    return [Sending(one.path, {**HEADERS, **one.headers}, one.body, True) for one in sent]


async def storm(url: str, sendings: list[Sending]) -> Counter[tuple[bool, int]]:
    """All of them, a dozen at a time; how many of each kind got which status."""
    gate, heard = asyncio.Semaphore(12), Counter[tuple[bool, int]]()
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:

        async def send(one: Sending) -> None:
            async with gate:
                answer = await client.post(one.path, content=one.body, headers=one.headers)
            heard[one.is_hostile, answer.status_code] += 1

        await asyncio.gather(*(send(one) for one in sendings))
    return heard


async def receipts(database_url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch("SELECT * FROM payments.receipt")
    finally:
        await connection.close()


@pytest.mark.slow
async def test_a_hostile_storm_of_notices_has_one_effect_each(
    start, settings, database, database_url, open_sale, world
):
    dice = random.Random(40)
    bank_url = start("simulate", "bank", told=settings)
    market_url = start("web", told=settings)
    transfers, sendings, sales = [], [], []
    async with httpx.AsyncClient(base_url=bank_url, timeout=30) as bank:
        await bank.post("/control", json={"drop": 1.0})
        for number in range(TRANSFERS):
            amount_vnd = dice.randrange(1_000, 900_000)
            more = {}
            if number % 2:
                sale = await open_sale(amount_vnd=amount_vnd)
                sales.append(UUID(sale["payment_id"]))
                more = {"qr_text": sale["qr_text"], "ago_s": 0}
            transfer, forms = await made(bank, dice, amount_vnd, **more)
            transfers.append(transfer)
            sendings += genuine(dice, transfer, forms) + hostile(dice, transfer)
    dice.shuffle(sendings)

    heard = await storm(market_url, sendings)
    context = Context(database, replace(settings, bank_url=bank_url), clock.now)
    for _ in range(2):
        await JOBS["pull_missed_notices"](context, {})
    again = await storm(market_url, [one for one in sendings if not one.is_hostile][:50])

    assert {status for is_hostile, status in heard if not is_hostile} == {200}
    assert {status for is_hostile, status in heard if is_hostile} <= {400, 401}
    assert again.keys() == {(False, 200)}
    kept = await receipts(database_url)
    assert sorted(one["reference"] for one in kept) == sorted(
        one["referenceCode"] for one in transfers
    )
    assert sum(one["amount_vnd"] for one in kept) == sum(one["transferAmount"] for one in transfers)
    async with database.as_system() as db:
        accounts = await payments.accounts_of(db, world.vendor_id)
        paid = [await payments.payment(db, one) for one in sales]
    assert {one.state for one in paid} == {payments.PaymentState.SETTLED}
    assert all(one.received_vnd == one.amount_vnd for one in paid)
    held = {one.kind: one.balance_vnd for one in accounts}
    assert held[payments.AccountKind.BANK] == sum(one["transferAmount"] for one in transfers)
    report = await payments.audit(database_url)
    assert not report.problems


async def test_four_services_telling_of_one_transfer_are_one_receipt(
    tell, transfer, database_url, database, world
):
    answers = [await tell(form, transfer) for form in (*FORMS, "casso_v1", "sepay")]

    assert [one.status_code for one in answers] == [200] * 6
    (kept,) = await receipts(database_url)
    assert (kept["gateway"], kept["amount_vnd"], kept["outcome"]) == ("sepay", 45_000, "unmatched")
    async with database.as_system() as db:
        accounts = await payments.accounts_of(db, world.vendor_id)
        raw = await payments.notices(db)
    assert {one.balance_vnd for one in accounts} == {45_000}
    assert [one.gateway for one in raw[::-1]] == [*FORMS, "casso", "sepay"]


async def test_services_that_disagree_on_an_amount_leave_the_first_and_raise_an_alarm(
    tell, transfer, database_url
):
    first = await tell("sepay", transfer)
    second = await tell("signed", {**transfer, "transferAmount": 450_000})

    assert (first.status_code, second.json()["outcome"]) == (200, "reference_reused")
    (kept,) = await receipts(database_url)
    assert kept["amount_vnd"] == 45_000


@pytest.mark.parametrize("form", [*FORMS, "casso_v1"])
async def test_money_of_nobody_here_gets_a_yes_and_is_recorded(tell, transfer, database_url, form):
    answer = await tell(form, {**transfer, "accountNumber": "1112223334445"})

    assert answer.status_code == 200
    (kept,) = await receipts(database_url)
    assert (kept["outcome"], kept["owner_id"]) == ("account_unknown", None)


@pytest.mark.parametrize("form", ["sepay", "casso", "casso_v1", "signed"])
async def test_money_out_gets_a_yes_and_moves_nothing(tell, transfer, database_url, form):
    answer = await tell(form, {**transfer, "transferType": "out"})

    assert answer.status_code == 200
    (kept,) = await receipts(database_url)
    assert (kept["outcome"], kept["direction"], kept["amount_vnd"]) == ("outgoing", "out", 45_000)


async def test_test_pings_get_a_yes_and_leave_a_raw_notice_alone(
    tell, transfer, client, database, database_url
):
    sample = {
        "orderCode": 123, "amount": 3_000, "description": "VQRIO123", "accountNumber": "12345678",
        "reference": "TF230204212323", "transactionDateTime": "2023-02-04 18:25:00",
        "currency": "VND", "paymentLinkId": "124c33293c43417ab7879e14c8d9eb18", "code": "00",
        "desc": "Thành công",
    }  # fmt: skip
    signature = payos.sign(SECRETS["payos"], sample)
    answers = [await tell("sepay", {**transfer, "id": 0}),
               await tell("casso", {**transfer, "id": -7_000_000})]  # fmt: skip
    answers.append(await client.post("/hooks/payos", json={"data": sample, "signature": signature}))

    assert [one.status_code for one in answers] == [200] * 3
    assert await receipts(database_url) == []
    async with database.as_system() as db:
        assert {one.reason for one in await payments.notices(db)} == {"no money"}


async def test_each_account_has_its_own_two_secrets(tell, transfer, database_url):
    road = {"path": "/hooks/sepay-2"}
    taken = [
        await tell("sepay", {**transfer, "id": number}, secret, **road)
        for number, secret in ((1, "the-second-key-0002"), (2, "the-former-key-0002"))
    ]
    others = [
        await tell("sepay", {**transfer, "id": 3}, SECRETS["sepay"], **road),
        await tell("sepay", {**transfer, "id": 4}, "the-second-key-0002"),
        await tell("casso_v1", {**transfer, "id": 5}, SECRETS["casso"], path="/hooks/casso-2"),
    ]
    nobody = await tell("sepay", transfer, path="/hooks/sepay-3")

    assert [one.status_code for one in taken] == [200, 200]
    assert [one.status_code for one in others] == [401] * 3
    assert nobody.status_code == 404
    assert [one["gateway"] for one in await receipts(database_url)] == ["sepay-2"]


async def test_a_ledger_that_cannot_write_is_told_in_the_providers_words(
    tell, transfer, client, database_url
):
    state = client.app.state
    services = state.services
    state.services = dataclasses.replace(
        services, ledger=payments.Ledger(database_url)
    )  # not started

    answers = [await tell(form, transfer) for form in FORMS]

    state.services = services
    assert [one.status_code for one in answers] == [503] * 4
    assert answers[0].json() == {"success": False, "code": "gateway_unavailable"}


@pytest.fixture
def logging_all() -> Iterator[None]:
    """Everything is logged as a web process would, for this test alone."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("web", level=logging.DEBUG)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


IPN = {
    "vnp_Amount": "8500000", "vnp_BankCode": "NCB", "vnp_OrderInfo": "Thanh toan",
    "vnp_PayDate": "20261123101722", "vnp_ResponseCode": "00", "vnp_TmnCode": "CHODEMO1",
    "vnp_TransactionNo": "15000001", "vnp_TransactionStatus": "00", "vnp_TxnRef": "CHOK7M2QX",
}  # fmt: skip
EVENT = (
    b'{"id":"evt_1","object":"event","type":"payment_intent.succeeded","data":{"object":{"id":"pi_1",'
    b'"object":"payment_intent","amount":85000,"currency":"vnd","metadata":{}}}}'
)


@pytest.mark.usefixtures("logging_all")
async def test_no_secret_stands_in_the_log_or_the_database(
    tell, client, transfer, settings, capfd, caplog, database, database_url
):
    for form in (*FORMS, "casso_v1"):
        await tell(form, transfer)
        await tell(form, transfer, "wrong-" + SECRETS[form])
    await tell("sepay", transfer, "the-second-key-0002", path="/hooks/sepay-2")
    await tell("casso_v1", transfer, "the-second-key-0002", path="/hooks/casso-2")

    for secret in (settings.vnpay_secret, "wrong-" + settings.vnpay_secret):
        query = vnpay.signed_query(IPN, secret)
        await client.get(f"/hooks/vnpay?{query}")
        await client.get(f"/tra/vnpay?{query}", follow_redirects=False)
    for secret in (settings.stripe_webhook_secret, "wrong-" + settings.stripe_webhook_secret):
        signature = stripe.sign(secret, int(clock.now().timestamp()), EVENT)
        await client.post("/hooks/stripe", content=EVENT, headers={"stripe-signature": signature})
    await notices.pull_missed_notices(Context(database, settings, clock.now), {})
    await ask_acquirers(Context(database, settings, clock.now), {})

    structlog.get_logger("test").warning("made", gateways=repr(gateways_of(settings)))

    said = "".join(capfd.readouterr()) + caplog.text
    connection = await asyncpg.connect(database_url)
    rows = await connection.fetch("SELECT headers, reason, body FROM payments.notice")
    await connection.close()
    said += repr([tuple(row) for row in rows])
    held = {*SECRETS.values(), "the-second-key-0002", "the-former-key-0002"}
    held |= {settings.vnpay_secret, settings.stripe_key, settings.stripe_webhook_secret}
    assert "made" in said
    assert not [one for one in held if one in said]


# ── Lists ───────────────────────────────────────────────────────────────────────────────────────


async def test_what_every_webhook_missed_is_pulled_from_each_list(
    start, settings, database, database_url
):
    bank_url = start("simulate", "bank", told=settings)
    context = Context(database, replace(settings, bank_url=bank_url), clock.now)
    body = {"bank_bin": "970436", "account_no": ACCOUNT_NO}
    async with httpx.AsyncClient(base_url=bank_url, timeout=30) as bank:
        await bank.post("/control", json={"drop": 1.0})
        for number, form in enumerate(("sepay", "casso", "signed", "sepay"), 1):
            more = {"amount_vnd": number * 1_000, "forms": [form], "ago_s": 86_400 * (number % 3)}
            answer = await bank.post("/api/transfers", json={**body, **more})
            assert answer.status_code == 201
        await bank.post("/api/transfers", json={**body, "amount_vnd": 7, "direction": "out"})

        for _ in range(2):
            await JOBS["pull_missed_notices"](context, {})

    kept = {one["amount_vnd"]: one["gateway"] for one in await receipts(database_url)}
    assert kept == {1_000: "sepay", 2_000: "casso", 3_000: "signed", 4_000: "sepay", 7: "sepay"}
    async with database.as_system() as db:
        raw = await payments.notices(db)
    assert [one.reason for one in raw] == ["listed"] * 5


async def test_a_row_nobody_can_read_stops_no_other_and_is_kept(database, database_url, settings):
    good = {"seq": 3, "transfer": _SIGNED}
    rows = [{"seq": 1, "transfer": {"nonsense": True}}, {"seq": 2, "transfer": [1]}, good]
    listed = SignedList(Secrets("k"), _answering({"transfers": rows}), "http://bank.test/list")
    context = Context(database, settings, clock.now)

    async with ledger_of(context) as ledger:
        await notices._pull(context, ledger, listed)

    assert [one["provider_id"] for one in await receipts(database_url)] == ["BNK-1"]
    async with database.as_system() as db:
        raw = await payments.notices(db, verdict="malformed")
        position = await db.execute(notices._POSITION, {"consumer": "signed.list"})
    assert (len(raw), position.scalar_one()) == (2, 3)


async def test_a_list_that_fails_keeps_its_position(database, database_url, settings):
    context = Context(database, settings, clock.now)
    async with ledger_of(context) as ledger:
        for answer in (500, 429, 401, 200):
            http = _answering({"transfers": "no list"}, answer)
            listed = SignedList(Secrets("k"), http, "http://bank.test/list")
            await notices._pull(context, ledger, listed)

    assert await receipts(database_url) == []
    async with database.as_system() as db:
        position = await db.execute(notices._POSITION, {"consumer": "signed.list"})
    assert position.scalar_one() == 0


_SIGNED = {
    "id": "BNK-1", "amount_vnd": 45_000, "account_no": ACCOUNT_NO,
    "occurred_at": clock.now().isoformat(), "reference": "FT1",
}  # fmt: skip


def _answering(content: Any, status: int = 200) -> httpx.AsyncClient:
    """A client whose every call is answered so."""
    answered = httpx.MockTransport(lambda request: httpx.Response(status, json=content))
    return httpx.AsyncClient(transport=answered)
