"""Each process of a market killed with -9 while money comes in: what was acknowledged is there once."""

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

import payments
from market import clock, ids
from market.db import Database
from market.settings import Settings
from market.tables import HallRow, PersonRow, StallRow, UnitRow, VendorRow
from payments.gateways import sepay

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

BANK_BIN, BANK, ACCOUNT_NO = "970436", "Vietcombank", "0123456789"
TILLS = 8
NOTICES_BEFORE, NOTICES_AFTER = 40, 40
_numbers = itertools.count(1)


@dataclass
class Stall:
    """Where the money of these tests goes: a printed code that takes any amount."""

    stall_id: UUID
    vendor_id: UUID
    code: str
    acknowledged: dict[str, int] = field(default_factory=dict)
    """Amount by provider's id, of every notice that was answered with success."""


@pytest.fixture(scope="module")
def stall(running: Any) -> Stall:
    return asyncio.run(_build(running.state()["database_url"]))


@pytest.fixture
def ledger_url(running: Any) -> str:
    return str(running.state()["database_url"])


async def _build(url: str) -> Stall:
    database, now = Database(url, pool_size=1), clock.now()
    code = payments.new_code(ids.new().bytes)
    unit_id, hall_id, person_id = ids.new(), ids.new(), ids.new()
    vendor_id, stall_id, payee_id = ids.new(), ids.new(), ids.new()
    rows = (
        UnitRow(id=unit_id, code="14797", name="Hạc Thành", kind="phuong"),
        HallRow(id=hall_id, name="Chợ Điện Biên", unit_id=unit_id),
        PersonRow(id=person_id, phone="+84900000001", name="Lê Thị Lan", created_at=now),
        VendorRow(id=vendor_id, person_id=person_id, name="Cô Lan", created_at=now),
        StallRow(
            id=stall_id, hall_id=hall_id, vendor_id=vendor_id, code="A12",
            opened_on=date(2026, 1, 1), invoice_mode="off",
        ),
    )  # fmt: skip
    async with database.as_system() as db:
        for row in rows:
            db.add(row)
            await db.flush()
        payee = payments.Payee(
            id=payee_id, owner_id=vendor_id, bank_bin=BANK_BIN, account_no=ACCOUNT_NO
        )
        await payments.register_payee(db, payee, now=now)
        await payments.register_stand(
            db, ids.new(), owner_id=vendor_id, place_id=stall_id, code=code, now=now
        )
    await database.close()
    return Stall(stall_id, vendor_id, code)


async def pay(client: httpx.AsyncClient, stall: Stall, number: int) -> None:
    """Tell of one transfer as SePay does: the same notice again until it is taken."""
    amount_vnd = 1_000 + number
    notice = {
        "id": number, "gateway": BANK, "accountNumber": ACCOUNT_NO, "transferType": "in",
        "transferAmount": amount_vnd, "content": f"MBVCB {stall.code} mua rau",
        "transactionDate": f"{clock.local(clock.now()):%Y-%m-%d %H:%M:%S}",
        "referenceCode": f"FT{number:010d}",
    }  # fmt: skip
    body = json.dumps(notice).encode()
    while True:
        second = int(clock.now().timestamp())
        signed = {
            "content-type": "application/json",
            sepay.TIMESTAMP_HEADER: str(second),
            sepay.SIGNATURE_HEADER: sepay.sign(Settings().sepay_secret, second, body),
        }
        try:
            answer = await client.post("/hooks/sepay", content=body, headers=signed)
        except httpx.HTTPError:
            await asyncio.sleep(0.1)
            continue
        if answer.status_code == 200 and answer.json() == {"success": True}:
            stall.acknowledged[str(number)] = amount_vnd
            return
        assert answer.status_code >= 500 or answer.status_code == 429, answer.text
        await asyncio.sleep(0.1)


async def trade(url: str, stall: Stall, interrupt: Callable[[], Any]) -> None:
    """Money keeps coming from several phones; half-way through, something happens."""
    numbers = iter([next(_numbers) for _ in range(NOTICES_BEFORE + NOTICES_AFTER)])
    half_way = len(stall.acknowledged) + NOTICES_BEFORE

    async def till(client: httpx.AsyncClient) -> None:
        for number in numbers:
            await pay(client, stall, number)

    async def accident() -> None:
        while len(stall.acknowledged) < half_way:  # noqa: ASYNC110 - it counts what others did
            await asyncio.sleep(0.001)
        interrupt()

    async with httpx.AsyncClient(base_url=url, timeout=20, trust_env=False) as client:
        await asyncio.gather(accident(), *(till(client) for _ in range(TILLS)))


def value(url: str, statement: str) -> Any:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]


def effects(url: str, stall: Stall) -> tuple[int, int, int]:
    """What the relay made of it: sales, what they come to, and what the till was told."""
    sales = f"FROM market.sale WHERE stall_id = '{stall.stall_id}'"
    return (
        value(url, f"SELECT count(*) {sales}"),
        int(value(url, f"SELECT coalesce(sum(received_vnd), 0) {sales}")),
        value(
            url,
            "SELECT count(DISTINCT data ->> 'receipt_id') FROM market.live_event"
            f" WHERE channel = 'stall:{stall.stall_id}' AND kind = 'money'",
        ),
    )


@pytest.mark.parametrize("victim", ["web", "server", "worker", "relay", "postgres"])
def test_what_was_acknowledged_is_in_the_ledger_once_and_the_till_heard_it(
    victim, running, stall, ledger_url, until
):
    killed: list[int] = []

    asyncio.run(trade(running.url, stall, lambda: killed.append(running.kill(victim))))
    until(lambda: running.is_back(victim, killed[0]))
    count, total_vnd = len(stall.acknowledged), sum(stall.acknowledged.values())
    until(lambda: effects(ledger_url, stall) == (count, total_vnd, count))

    report = asyncio.run(payments.audit(ledger_url))
    receipts = value(ledger_url, "SELECT count(*) FROM payments.receipt")
    told = value(ledger_url, "SELECT count(*) FROM market.live_event WHERE kind = 'money'")
    assert report.problems == ()
    assert receipts == count
    assert told == count


def test_a_stop_with_open_streams_takes_at_most_six_seconds(running, until):
    with (
        httpx.Client(base_url=running.url, timeout=10, trust_env=False) as client,
        client.stream("GET", f"/api/payments/{ids.new()}/events") as stream,
    ):
        first = next(stream.iter_lines())
        took = running.stop()

    assert first
    assert took <= 6
