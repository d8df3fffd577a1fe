"""Stripe's report of a day: what stands in it, and that the market's own day agrees with it."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from market import clock
from market.db import Database
from market.demo import acquired, world
from market.flows.context import Context
from market.flows.settlement_files import load_settlement_files
from market.settings import Settings
from market.simulators.stripe import StripeConfig, create_app
from payments import clearing
from payments.gateways import Secrets
from payments.gateways.stripe import StripeClient
from payments.gateways.stripe import StripeConfig as Account

TODAY = clock.local_day(clock.now())


@pytest.fixture
async def sandbox(serving, free_port: int, hook, tmp_path: Path) -> AsyncIterator[str]:
    url = f"http://127.0.0.1:{free_port}"
    config = StripeConfig(tmp_path / "stripe.sqlite", f"{hook.url}/hooks/stripe", url=url)
    async with serving(create_app(config), free_port) as served:
        yield served


@pytest.fixture
async def client(sandbox: str) -> AsyncIterator[StripeClient]:
    opened = StripeClient(Account("sk_test_x", Secrets("whsec_demo_stripe"), url=sandbox))
    yield opened
    await opened.close()


@pytest.fixture
async def browser(sandbox: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox) as opened:
        yield opened


async def paid(client: StripeClient, browser: httpx.AsyncClient, account: str = "") -> str:
    """An intent that a test card paid."""
    opened = await client.open_intent(
        "ref-1", 85_000, "Rau", idempotency_key=f"pay:{account}", account=account
    )
    answer = await browser.post(
        f"/v1/payment_intents/{opened.id}/confirm",
        data={"payment_method": "pm_card_visa"},
        headers={"authorization": "Bearer sk_test_x", "stripe-account": account},
    )
    assert answer.status_code == 200, answer.text
    return opened.id


async def rows_of(browser: httpx.AsyncClient, day: date | None = None) -> list[dict[str, str]]:
    day = day or clock.local_day(clock.now())
    told = await browser.get("/control/settlement", params={"day": day.isoformat()})
    return list(csv.DictReader(io.StringIO(told.text)))


async def test_every_movement_of_our_own_balance_stands_in_the_report(client, browser) -> None:
    intent = await paid(client, browser)
    await paid(client, browser, account="acct_lan")
    await browser.post("/control", json={"refund_pending": 1})
    refund = await browser.post(
        "/v1/refunds", data={"payment_intent": intent, "amount": "30000"},
        headers={"authorization": "Bearer sk_test_x"},
    )  # fmt: skip
    await browser.post("/control/happen", json={"id": refund.json()["id"], "status": "failed"})
    dispute = await browser.post("/control/happen", json={"id": intent})
    await browser.post("/control/happen", json={"id": dispute.json()["id"], "status": "won"})

    rows = await rows_of(browser)

    found = [(one["reporting_category"], one["gross"], one["fee"], one["net"]) for one in rows]
    assert found == [
        ("charge", "85000", "4710", "80290"),
        ("refund", "-30000", "0", "-30000"),
        ("refund_failure", "30000", "0", "30000"),
        ("dispute", "-85000", "0", "-85000"),
        ("dispute_reversal", "85000", "0", "85000"),
    ]
    assert {one["payment_intent_id"] for one in rows} == {intent}
    assert {one["payment_metadata[payment_ref]"] for one in rows} == {"ref-1"}


async def test_a_day_is_vietnams_and_another_has_nothing_of_it(browser) -> None:
    begins, ends = clock.day_bounds(TODAY - timedelta(2))
    moments = {"first": begins, "last": ends - timedelta(seconds=1), "next": ends}
    past = [
        {"intent": f"pi_{name}", "payment_ref": name, "amount_vnd": 50_000, "at": at.isoformat()}
        for name, at in moments.items()
    ]
    for _ in range(2):
        await browser.post("/control/past", json=past)

    days = [await rows_of(browser, TODAY - timedelta(ago)) for ago in (3, 2, 1)]

    assert [[one["payment_intent_id"] for one in rows] for rows in days] == [
        [], ["pi_first", "pi_last"], ["pi_next"],
    ]  # fmt: skip


async def test_the_days_of_a_demo_reconcile_to_the_dong(
    sandbox: str, database: Database, tmp_path: Path
) -> None:
    settings = Settings(
        database_url=database.url, data=tmp_path, demo=True, stripe_url=sandbox,
        vnpay_url="http://127.0.0.1:9",
    )  # fmt: skip
    async with database.as_system() as db:
        plan = await world.demo_world(db, 7, datetime.fromisoformat("2026-01-05T17:00:00+00:00"))
    await acquired.prepare(database, settings, plan, 7)
    async with httpx.AsyncClient(base_url=sandbox) as http:
        note = (tmp_path / acquired.STRIPE.note).read_bytes()
        (await http.post("/control/past", content=note)).raise_for_status()

    for _ in range(2):
        await load_settlement_files(Context(database, settings, clock.now), {})

    async with database.as_system() as db:
        sessions = await clearing.sessions(db)
    count = acquired.STRIPE.count
    assert [
        (one.acquirer, one.row_count, one.matched_count, one.difference_count) for one in sessions
    ] == [("stripe", count, count, 0)] * acquired.DAYS
