"""A small market behind the real application: one hall, stalls, a vendor with a verified account."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import dramatiq
import httpx
import pytest
import uvloop
from dramatiq.brokers.stub import StubBroker
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy import text

import payments
from market import broker, clock, ids, sessions
from market.app import create_app
from market.db import Database
from market.flows import JOBS, Context
from market.relay import Relay
from market.settings import Settings, as_environment
from market.tables import (
    HallRow,
    MembershipRow,
    PayeeAccountRow,
    PersonRow,
    StallRow,
    UnitRow,
    VendorRow,
)
from payments.gateways import sepay

SEPAY_SECRET = "whsec_test"
ACCOUNT_NO = "9990001112223"
OPENED = date(2026, 1, 1)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the web, the worker and the relay run on."""
    return {"uvloop": uvloop.new_event_loop}


@dataclass
class World:
    """Ids of what stands there, and a session token per person."""

    unit_id: UUID = field(default_factory=ids.new)
    hall_id: UUID = field(default_factory=ids.new)
    stall_id: UUID = field(default_factory=ids.new)
    other_stall_id: UUID = field(default_factory=ids.new)
    vendor_id: UUID = field(default_factory=ids.new)
    other_vendor_id: UUID = field(default_factory=ids.new)
    payee_id: UUID = field(default_factory=ids.new)
    tokens: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        database_url=database_url,
        data=tmp_path,
        secret="test" * 8,
        sepay_secret=SEPAY_SECRET,
        vnpay_secret="VNPAYTESTSECRET",
        stripe_key="sk_test_of_a_test",
        stripe_webhook_secret="whsec_stripe_test",
    )


Start = Callable[..., str]


@pytest.fixture
def start(settings: Settings) -> Iterator[Start]:
    """Runs a command of the market as a process of its own on a free port; its address."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(*command: str, told: Settings = settings) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "market.cli", *command, "--port", str(port)],
                env=as_environment(told), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 120
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=2).status_code == 200:
                    return url
            except httpx.HTTPError:
                assert time.monotonic() < deadline, f"{command} did not start"
                time.sleep(0.1)

    yield begin
    for process in running:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def simulate(start: Start) -> Callable[[str], str]:
    """Runs one simulated partner as a process of its own; its address."""
    return lambda name: start("simulate", name)


@pytest.fixture
async def world(database: Database) -> World:
    return await _build_world(database)


@pytest.fixture(scope="session")
def build_world() -> Callable[[Database], Awaitable[World]]:
    return _build_world


async def _build_world(database: Database) -> World:
    built = World()
    now = clock.now()
    async with database.as_system() as db:
        db.add(UnitRow(id=built.unit_id, code="14797", name="Hạc Thành", kind="phuong"))
        await db.flush()
        db.add(HallRow(id=built.hall_id, name="Chợ Điện Biên", unit_id=built.unit_id))
        await db.flush()
        for person, vendor_id, stall_id, code in (
            ("vendor", built.vendor_id, built.stall_id, "A12"),
            ("other", built.other_vendor_id, built.other_stall_id, "A13"),
        ):
            person_id = await _person(db, person, now)
            vendor = VendorRow(
                id=vendor_id, person_id=person_id, name=f"Hộ kinh doanh {person}", created_at=now,
                tax_id="038190000123" if person == "vendor" else "",
            )  # fmt: skip
            db.add(vendor)
            await db.flush()
            db.add(
                StallRow(
                    id=stall_id, hall_id=built.hall_id, vendor_id=vendor_id, code=code,
                    trade="rau củ", opened_on=OPENED,
                )
            )  # fmt: skip
            db.add(_membership(person_id, "vendor", vendor_id))
            built.tokens[person] = await sessions.open_session(db, person_id, now=now)
        for role, scope in (("official", built.unit_id), ("operator", built.hall_id),
                            ("clerk", None), ("team", built.hall_id)):  # fmt: skip
            person_id = await _person(db, role, now)
            db.add(_membership(person_id, role, scope))
            built.tokens[role] = await sessions.open_session(db, person_id, now=now)
        db.add(
            PayeeAccountRow(
                id=built.payee_id, vendor_id=built.vendor_id, bank_bin="970436",
                account_no=ACCOUNT_NO, holder_name="CO LAN RAU SACH", name_check="match",
                verified_at=now, created_at=now,
            )
        )  # fmt: skip
        payee = payments.Payee(
            id=built.payee_id, owner_id=built.vendor_id, bank_bin="970436", account_no=ACCOUNT_NO
        )
        await payments.register_payee(db, payee, now=now)
    return built


async def _person(db: Any, name: str, now: Any) -> UUID:
    person_id = ids.new()
    phone = f"+8490{secrets.randbelow(10**7):07d}"
    db.add(PersonRow(id=person_id, phone=phone, name=f"Nguyễn {name}", created_at=now))
    await db.flush()
    return person_id


def _membership(person_id: UUID, role: str, scope_id: UUID | None) -> MembershipRow:
    return MembershipRow(
        id=ids.new(), person_id=person_id, role=role, scope_id=scope_id, valid_from=OPENED
    )


@pytest.fixture(scope="session")
def application() -> Callable[[Settings], Litestar]:
    """The application for given settings; its routes are laid once a run, which takes most of a second.

    Settings reach it by its state, which is fresh each time, save the secret: one application each.
    """
    built: dict[str, tuple[Litestar, dict[str, Any]]] = {}

    def with_settings(told: Settings) -> Litestar:
        assert told.secret
        if told.secret not in built:
            made = create_app(told)
            built[told.secret] = made, made.state.dict()
        app, state = built[told.secret]
        app.state.clear()
        app.state.update(state | {"settings": told})
        return app

    return with_settings


@pytest.fixture
async def client(
    settings: Settings, application: Callable[[Settings], Litestar]
) -> AsyncIterator[AsyncTestClient[Any]]:
    """The application, nobody signed in."""
    app = application(settings)
    async with AsyncTestClient(app, base_url="http://testserver.local") as opened:
        yield opened


class Browser:
    """A signed-in person's calls, with the CSRF header every page sends."""

    def __init__(self, client: AsyncTestClient[Any], token: str) -> None:
        self._client = client
        self._token = token
        self.locale = "vi"

    async def call(self, method: str, path: str, **more: Any) -> Any:
        cookie = f"cho_session={self._token}; cho_locale={self.locale}"
        headers = {"cookie": cookie, **more.pop("headers", {})}
        self._client.cookies.clear()
        if method != "GET":
            first = await self._client.get("/health", headers=headers)
            csrf = first.cookies["cho_csrf"]
            self._client.cookies.clear()
            headers["cookie"] += f"; cho_csrf={csrf}"
            headers["x-csrftoken"] = csrf
        answer = await self._client.request(
            method, path, headers=headers, follow_redirects=False, **more
        )
        self._client.cookies.clear()
        return answer

    async def get(self, path: str, **more: Any) -> Any:
        return await self.call("GET", path, **more)

    async def post(self, path: str, **more: Any) -> Any:
        return await self.call("POST", path, **more)


@pytest.fixture
def as_(client: AsyncTestClient[Any], world: World) -> Callable[[str], Browser]:
    return lambda who: Browser(client, world.tokens[who])


@pytest.fixture
def sale_command() -> Callable[..., dict[str, Any]]:
    return _sale_command


def _sale_command(amount_vnd: int = 85_000, **more: Any) -> dict[str, Any]:
    return {
        "sale_id": str(ids.new()),
        "amount_vnd": amount_vnd,
        "method": "vietqr",
        "sold_at": clock.now().isoformat(),
        **more,
    }


@pytest.fixture
def open_sale(as_: Callable[[str], Browser], world: World) -> Callable[..., Awaitable[Any]]:
    async def opened(**more: Any) -> Any:
        answer = await as_("vendor").post(
            f"/api/stalls/{world.stall_id}/sales", json=_sale_command(**more)
        )
        assert answer.status_code == 201, answer.text
        return answer.json()

    return opened


Notify = Callable[..., Awaitable[Any]]


@pytest.fixture
def notify(client: AsyncTestClient[Any]) -> Notify:
    """Sends a SePay notice, rightly signed unless a secret is given."""
    numbers = iter(range(100_001, 200_000))

    async def send(
        memo: str, amount_vnd: int, *, secret: str = SEPAY_SECRET, number: int | None = None,
        account_no: str = ACCOUNT_NO, **more: Any,
    ) -> Any:  # fmt: skip
        number = number or next(numbers)
        body = json.dumps(
            {
                "id": number,
                "gateway": "Vietcombank",
                "transactionDate": clock.local(clock.now()).strftime("%Y-%m-%d %H:%M:%S"),
                "accountNumber": account_no,
                "subAccount": None,
                "code": None,
                "content": memo,
                "transferType": "in",
                "transferAmount": amount_vnd,
                "accumulated": 0,
                "referenceCode": f"FT{number}",
                "description": memo,
                **more,
            }
        ).encode()
        stamp = int(time.time())
        client.cookies.clear()
        return await client.post(
            "/hooks/sepay",
            content=body,
            headers={
                "content-type": "application/json",
                "x-sepay-timestamp": str(stamp),
                "x-sepay-signature": sepay.sign(secret, stamp, body),
            },
        )

    return send


@pytest.fixture
def follow(database: Database) -> Callable[[], Awaitable[None]]:
    """The relay catches up."""
    stub: dramatiq.Broker = StubBroker(middleware=[])
    stub.declare_queue(broker.QUEUE)
    relay = Relay(database, stub, periodic={})

    async def step() -> None:
        while await relay.step():
            pass

    return step


@pytest.fixture
def work(database: Database, settings: Settings) -> Callable[..., Awaitable[None]]:
    """Runs a job as the worker would."""

    async def run(job: str, **arguments: Any) -> None:
        await JOBS[job](Context(database=database, settings=settings, now=clock.now), arguments)

    return run


@pytest.fixture
def work_off(database: Database, work: Callable[..., Awaitable[None]]) -> Callable[..., Any]:
    """Runs what waits of a job, as it was asked for; how many rows that were."""

    async def run(job: str) -> int:
        async with database.as_system() as db:
            found = await db.execute(
                text(
                    "UPDATE market.outbox SET done_at = now()"
                    " WHERE job = :job AND done_at IS NULL RETURNING arguments"
                ),
                {"job": job},
            )
            rows = list(found.scalars())
        for arguments in rows:
            await work(job, **arguments)
        return len(rows)

    return run
