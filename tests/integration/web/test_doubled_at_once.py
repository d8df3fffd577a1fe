"""One notice twenty times at the same instant, by each provider; and money on no account."""

import asyncio
import time
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from market import clock
from market.db import Database
from market.gateways import DEMO_SECRETS
from market.settings import Settings
from market.simulators import bank_forms
from payments.gateways import stripe, vnpay
from tests.integration.web.conftest import ACCOUNT_NO, SEPAY_SECRET

AT_ONCE = 20
SECRETS = {"sepay": SEPAY_SECRET, "casso": DEMO_SECRETS["casso"], "payos": DEMO_SECRETS["payos"],
           "signed": DEMO_SECRETS["signed"]}  # fmt: skip


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, simulated=True)


@pytest.fixture
def send(client):
    """Sends a transfer's notice as a service does, or an acquirer's about a sale."""

    async def sent(form: str, sale: dict[str, Any], **more: Any) -> Any:
        if form == "vnpay":
            fields = {
                "vnp_TmnCode": "CHODEMO1", "vnp_Amount": str(sale["amount_vnd"] * 100),
                "vnp_ResponseCode": "00", "vnp_TransactionStatus": "00",
                "vnp_TransactionNo": "15000001", "vnp_TxnRef": f"{sale['payment_id']}.000001",
                "vnp_PayDate": vnpay.stamp(clock.now()),
            }  # fmt: skip
            return await client.get(f"/hooks/vnpay?{vnpay.signed_query(fields, 'VNPAYTESTSECRET')}")
        if form == "stripe":
            body = (
                f'{{"id":"evt_1","type":"payment_intent.succeeded","data":{{"object":{{"id":"pi_1",'
                f'"amount":{sale["amount_vnd"]},"currency":"vnd",'
                f'"metadata":{{"payment_ref":"{sale["payment_id"]}"}}}}}}}}'
            ).encode()
            signature = stripe.sign("whsec_stripe_test", int(time.time()), body)
            headers = {"stripe-signature": signature}
            return await client.post("/hooks/stripe", content=body, headers=headers)
        transfer = {
            "id": 100_001, "gateway": "Vietcombank", "accountNumber": ACCOUNT_NO,
            "subAccount": None, "code": None, "content": sale["memo"], "transferType": "in",
            "transactionDate": f"{clock.local(clock.now()):%Y-%m-%d %H:%M:%S}",
            "transferAmount": sale["amount_vnd"], "accumulated": 0,
            "referenceCode": "FT26327000001", "description": "", **more,
        }  # fmt: skip
        made = bank_forms.notice(form, transfer, SECRETS[form], clock.now())
        return await client.post(made.path, content=made.body, headers=made.headers)

    return sent


async def receipts(database: Database) -> list[tuple[str, int]]:
    async with database.as_system() as db:
        rows = await db.execute(text("SELECT outcome, amount_vnd FROM payments.receipt"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize("form", [*SECRETS, "vnpay", "stripe"])
async def test_twenty_at_once_are_one_receipt_and_every_one_hears_a_yes(
    open_sale, send, client, database, form: str
) -> None:
    sale = await open_sale(amount_vnd=85_000)
    client.cookies.clear()

    answers = await asyncio.gather(*(send(form, sale) for _ in range(AT_ONCE)))

    assert {one.status_code for one in answers} == {200}
    assert await receipts(database) == [("settled", 85_000)]
    if form == "vnpay":
        assert Counter(one.json()["RspCode"] for one in answers) == {"00": 1, "02": AT_ONCE - 1}


@pytest.mark.parametrize("form", SECRETS)
async def test_money_on_no_account_pays_nothing_whatever_its_memo_says(
    open_sale, send, client, database, form: str
) -> None:
    sale = await open_sale(amount_vnd=85_000)
    client.cookies.clear()

    answer = await send(form, sale, accountNumber="")

    assert (answer.status_code, answer.json()["code"]) == (400, "notice_malformed")
    assert await receipts(database) == []
