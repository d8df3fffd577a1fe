"""Integrators are told: signed, in order, until they have it, and never anywhere private."""

import asyncio
import base64
import hashlib
import hmac
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from market import ids, webhook_deliveries, webhook_sending, webhooks
from market.flows import Context, Event
from market.flows import webhooks as flow
from market.settings import Settings


class Integrator:
    """A server that keeps what it was sent and answers as it is told."""

    def __init__(self):
        self.got = []
        self.answers = []
        self.url = ""

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((first, headers, body))
        answer = self.answers.pop(0) if self.answers else b"HTTP/1.1 204 OK\r\n\r\n"
        writer.write(answer)
        await writer.drain()
        writer.close()

    def said(self):
        return [json.loads(body) for _, _, body in self.got]


@pytest.fixture
async def integrator():
    async with _listening() as one:
        yield one


@asynccontextmanager
async def _listening():
    one = Integrator()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    one.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook?shop=1"
    async with server:
        yield one


@pytest.fixture
def context(database, clock):
    return Context(database=database, settings=Settings(), now=clock)


@pytest.fixture
def send(context):
    async def run():
        await flow.send_webhooks(context, {})

    return run


@pytest.fixture
def endpoint_of(database, clock):
    async def added(url, **more):
        fields = {"owner_id": None, "kinds": (), "allow_private": True} | more
        made = webhooks.Endpoint(
            id=ids.new(), name="Phần mềm bán hàng", url=url, state="active", failed_count=0,
            failing_since=None, parked_at=None, parked_why="", created_at=clock(), **fields,
        )  # fmt: skip
        async with database.as_system() as db:
            secret, key = await webhooks.add(db, made)
        return made, secret, key

    return added


@pytest.fixture
def happens(database, clock):
    """A fact goes through the reaction, as in the relay."""

    async def fact(outcome="settled", owner_id=None, kind="receipt.recorded", **data):
        receipt_id = ids.new()
        told = {
            "receipt_id": str(receipt_id),
            "payment_id": None,
            "outcome": outcome,
            "amount_vnd": 45_000,
            "memo": "NGUYEN VAN A chuyen tien",
            "purpose": "sale",
            "occurred_at": clock().isoformat(),
        } | data
        event = Event(kind, owner_id, receipt_id, told, clock())
        async with database.as_system() as db:
            await flow.fan_out(db, event, clock())
        return receipt_id

    return fact


@pytest.fixture
def state_of(database):
    async def found(endpoint):
        async with database.as_system() as db:
            (one,) = [one for one in await webhooks.endpoints(db) if one.id == endpoint.id]
            rows = await db.execute(
                text("SELECT state, attempts FROM market.webhook_delivery ORDER BY position")
            )
            return one, [tuple(row) for row in rows]

    return found


async def test_a_fact_is_told_once_signed_and_without_a_name(
    integrator, endpoint_of, happens, send, state_of
):
    endpoint, secret, _ = await endpoint_of(integrator.url)
    await happens()

    await send()
    await send()

    ((first, headers, body),) = integrator.got
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert first.startswith("POST /hook?shop=1 ")
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert json.loads(body)["type"] == "payment.paid"
    assert b"NGUYEN" not in body
    assert (await state_of(endpoint))[1] == [("delivered", 1)]


async def test_a_try_that_fails_comes_again_with_the_same_id_when_it_is_due(
    integrator, endpoint_of, happens, send, state_of, clock
):
    endpoint, _, _ = await endpoint_of(integrator.url)
    integrator.answers = [b"HTTP/1.1 500 no\r\ncontent-length: 0\r\n\r\n"]
    await happens()

    await send()
    await send()
    before = len(integrator.got)
    clock.pass_by(seconds=7)
    await send()

    assert (before, len(integrator.got)) == (1, 2)
    assert len({headers["webhook-id"] for _, headers, _ in integrator.got}) == 1
    one, deliveries = await state_of(endpoint)
    assert (deliveries, one.failed_count) == ([("delivered", 2)], 0)


BUSY = b"HTTP/1.1 503 Busy\r\nretry-after: 600\r\ncontent-length: 0\r\n\r\n"


async def test_an_endpoint_that_asks_for_time_gets_it_for_all_that_waits(
    integrator, endpoint_of, happens, send, clock, state_of
):
    endpoint, *_ = await endpoint_of(integrator.url)
    payment_id = str(ids.new())
    await happens(payment_id=payment_id, outcome="short")
    await happens(payment_id=payment_id)
    integrator.answers = [BUSY]

    await send()
    clock.pass_by(seconds=590)
    await send()
    _, waiting = await state_of(endpoint)
    clock.pass_by(seconds=200)
    await send()

    assert waiting == [("pending", 1), ("pending", 0)]
    assert [one["type"] for one in integrator.said()] == [
        "payment.partial", "payment.partial", "payment.paid",
    ]  # fmt: skip


@pytest.mark.parametrize("what", ["asked", "unknown", "sent", "refused", "problem", "done"])
async def test_every_step_of_a_refund_is_told_without_its_reason(
    integrator, endpoint_of, happens, send, what
):
    await endpoint_of(integrator.url, kinds=(f"refund.{what}",))
    refund_id = str(ids.new())

    await happens(
        kind=f"refund.{what}", outcome="", refund_id=refund_id, road="direct",
        reason="Chị Hoa trả lại hàng", payment_id=str(ids.new()),
    )  # fmt: skip
    await send()

    (told,) = integrator.said()
    assert told["type"] == f"refund.{what}"
    assert told["data"]["refund_id"] == refund_id
    assert "Hoa" not in str(told)


async def test_what_is_told_of_one_payment_keeps_its_order_and_others_do_not_wait(
    integrator, endpoint_of, happens, send, clock
):
    await endpoint_of(integrator.url)
    integrator.answers = [b"HTTP/1.1 503 later\r\ncontent-length: 0\r\n\r\n"]
    payment_id = str(ids.new())
    await happens("short", payment_id=payment_id)
    await send()
    await happens("settled", payment_id=payment_id)
    await happens("cash")

    await send()
    meanwhile = [one["type"] for one in integrator.said()]
    clock.pass_by(seconds=7)
    await send()

    assert meanwhile == ["payment.partial", "sale.cash"]
    later = [one["type"] for one in integrator.said()][2:]
    assert later == ["payment.partial", "payment.paid"]


async def test_a_vendors_integrator_hears_its_own_kinds_of_its_own_vendor_only(
    integrator, endpoint_of, happens, send
):
    vendor_id, other_id = ids.new(), ids.new()
    await endpoint_of(integrator.url, owner_id=vendor_id, kinds=("payment.paid",))

    await happens(owner_id=other_id)
    await happens("short", owner_id=vendor_id)
    await happens(owner_id=vendor_id, purpose="test")
    await happens(owner_id=vendor_id)
    await send()

    assert [one["data"]["vendor_id"] for one in integrator.said()] == [str(vendor_id)]


async def test_with_nobody_listening_nothing_is_written(database, happens):
    await happens()

    async with database.as_system() as db:
        count = (await db.execute(text("SELECT count(*) FROM market.webhook_message"))).scalar_one()
    assert count == 0


async def test_an_endpoint_that_never_answers_is_parked_its_owner_told_and_nothing_lost(
    endpoint_of, happens, send, state_of, database, clock, integrator
):
    endpoint, _, _ = await endpoint_of("http://127.0.0.1:9/hook")
    await happens()

    for _ in range(webhooks.TRIES_MAX):
        await send()
        clock.pass_by(hours=13)
    one, deliveries = await state_of(endpoint)
    async with database.as_system() as db:
        announced = await db.execute(
            text("SELECT arguments ->> 'kind' FROM market.outbox WHERE job = 'react'")
        )
        kinds = [row[0] for row in announced]
        await db.execute(
            text("UPDATE market.webhook_endpoint SET url = :url"), {"url": integrator.url}
        )
        await webhooks.resume(db, endpoint.id, now=clock())
    await send()

    assert (one.state, deliveries) == ("parked", [("failed", webhooks.TRIES_MAX)])
    assert f"failed {webhooks.TRIES_MAX} times" in one.parked_why
    assert kinds == ["webhook.parked"]
    assert [said["type"] for said in integrator.said()] == ["payment.paid"]


async def test_one_that_says_it_is_gone_is_parked_at_once(
    integrator, endpoint_of, happens, send, state_of, clock
):
    endpoint, _, _ = await endpoint_of(integrator.url)
    integrator.answers = [b"HTTP/1.1 410 gone\r\ncontent-length: 0\r\n\r\n"]
    await happens()

    await send()
    clock.pass_by(hours=1)
    await happens()
    await send()

    assert (await state_of(endpoint))[0].state == "parked"
    assert len(integrator.got) == 1


async def test_no_redirect_is_followed(integrator, endpoint_of, happens, send, state_of):
    async with _listening() as elsewhere:
        answer = f"HTTP/1.1 307 there\r\nlocation: {elsewhere.url}\r\ncontent-length: 0\r\n\r\n"
        integrator.answers = [answer.encode()]
        endpoint, _, _ = await endpoint_of(integrator.url)
        await happens()

        await send()

        assert elsewhere.got == []
    assert (await state_of(endpoint))[1] == [("pending", 1)]


async def test_a_private_address_is_never_connected_to(
    integrator, endpoint_of, happens, send, database
):
    port = integrator.url.split(":")[2].split("/")[0]
    endpoint, _, _ = await endpoint_of(f"https://localhost:{port}/", allow_private=False)
    await happens()

    await send()

    async with database.as_system() as db:
        (line,) = await webhook_deliveries.attempts(db, endpoint.id, limit=10)
    assert integrator.got == []
    assert "not a public address" in line.error


async def test_the_connection_goes_to_the_address_that_was_looked_at(integrator, clock):
    """A name that answers otherwise the second time gains nothing: it is asked once."""
    asked = []
    port = integrator.url.split(":")[2].split("/")[0]

    async def resolve(host, number):
        asked.append((host, number))
        return ["127.0.0.1"]

    async with webhook_sending.client() as http:
        answer = await webhook_sending.send(
            http, f"http://shop.example:{port}/x", {}, "{}",
            allow_private=True, now=clock(), resolve=resolve,
        )  # fmt: skip

    assert answer.status == 204
    assert asked == [("shop.example", int(port))]
    assert integrator.got[0][1]["host"] == f"shop.example:{port}"


async def test_an_endless_answer_is_cut_off(integrator, clock):
    async def endless(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65_536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, webhook_sending.client() as http:
        answer = await webhook_sending.send(
            http, f"http://127.0.0.1:{port}/", {}, "{}", allow_private=True, now=clock()
        )

    assert answer.is_taken


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsl", 200),
        (b"HTTP/1.1 204 X\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n", 204),
        (b"HTTP/1.1 429 X\r\nretry-after: Fri, 31 Dec 9999999999999999999 00:00:00 GMT\r\n\r\n", 429),
        (b"SSH-2.0 nobody\r\n", None),
        (b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000, None),
    ],
    ids=["slow body", "broken body", "impossible wait", "not HTTP", "endless header"],
)  # fmt: skip
async def test_whatever_a_receiver_says_the_try_has_an_answer(clock, monkeypatch, said, status):
    monkeypatch.setattr(webhook_sending, "BODY_SECONDS_MAX", 0.2)
    monkeypatch.setattr(webhook_sending, "SECONDS_MAX", 5.0)
    done = asyncio.Event()

    async def hostile(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(said)
        await writer.drain()
        if status == 200:
            await done.wait()
        writer.close()

    server = await asyncio.start_server(hostile, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, webhook_sending.client() as http:
        answer = await webhook_sending.send(
            http, f"http://127.0.0.1:{port}/", {}, "{}", allow_private=True, now=clock()
        )
        done.set()

    assert (answer.status, answer.retry_after) == (status, None)


async def test_a_name_that_cannot_be_looked_up_is_an_answer_and_costs_no_other_endpoint(clock):
    async def refuses(host, port):
        raise UnicodeError("label empty or too long")

    async with webhook_sending.client() as http:
        answer = await webhook_sending.send(
            http,
            "https://shop.example/",
            {},
            "{}",
            allow_private=False,
            now=clock(),
            resolve=refuses,
        )

    assert (answer.status, answer.error) == (None, "UnicodeError: label empty or too long")


async def test_two_workers_never_make_the_same_try(integrator, endpoint_of, happens, context):
    await endpoint_of(integrator.url)
    for _ in range(10):
        await happens()

    await asyncio.gather(*(flow.send_webhooks(context, {}) for _ in range(3)))

    got = [headers["webhook-id"] for _, headers, _ in integrator.got]
    assert len(got) == len(set(got)) == 10


async def test_who_pulls_gets_everything_in_order_also_while_parked(
    endpoint_of, happens, database, clock
):
    vendor_id = ids.new()
    endpoint, _, key = await endpoint_of("http://127.0.0.1:9/", owner_id=vendor_id)
    async with database.as_system() as db:
        await webhooks.park(db, endpoint.id, "by hand", now=clock())
    for outcome in ("short", "settled", "late"):
        await happens(outcome, owner_id=vendor_id)
    await happens(owner_id=ids.new())

    async with database.as_system() as db:
        found = await webhooks.by_key(db, key)
        first = await webhooks.pull(db, found, 0, 2)
        rest = await webhooks.pull(db, found, first[-1].position, 2)
        nobody = await webhooks.by_key(db, key + "x")

    kinds = [one.kind for one in (*first, *rest)]
    assert kinds == ["payment.partial", "payment.paid", "money.waiting"]
    assert nobody is None


async def test_a_replay_tells_again_under_the_same_id(
    integrator, endpoint_of, happens, send, database, clock
):
    endpoint, _, _ = await endpoint_of(integrator.url)
    await happens()
    await happens()
    await send()

    async with database.as_system() as db:
        all_again = await webhooks.replay(
            db, endpoint.id, now=clock(), since=clock() - timedelta(hours=1)
        )
    await send()

    got = [headers["webhook-id"] for _, headers, _ in integrator.got]
    assert all_again == 2
    assert sorted(got[:2]) == sorted(got[2:])  # several are told at once


async def test_rotated_both_secrets_sign_for_a_day(
    integrator, endpoint_of, happens, send, database, clock
):
    endpoint, _, _ = await endpoint_of(integrator.url)
    async with database.as_system() as db:
        await webhooks.rotate(db, endpoint.id, now=clock())
    await happens()
    await send()
    clock.pass_by(hours=25)
    await happens()
    await send()

    counts = [len(headers["webhook-signature"].split(" ")) for _, headers, _ in integrator.got]
    assert counts == [2, 1]


async def test_messages_are_forgotten_after_a_month(happens, endpoint_of, context, database, clock):
    await endpoint_of("http://127.0.0.1:9/")
    await happens()
    later = replace(context, now=lambda: clock() + timedelta(days=31))

    await flow.forget_webhooks(later, {})

    async with database.as_system() as db:
        count = (
            await db.execute(text("SELECT count(*) FROM market.webhook_delivery"))
        ).scalar_one()
    assert count == 0


async def test_nobody_who_signs_in_reads_a_secret(endpoint_of, database):
    from market.db import Viewer

    vendor_id = ids.new()
    await endpoint_of("http://127.0.0.1:9/", owner_id=vendor_id)

    async with database.as_viewer(Viewer(vendor_ids=(vendor_id,), roles=("vendor", "admin"))) as db:
        rows = (await db.execute(text("SELECT secret FROM market.webhook_endpoint"))).all()
    assert rows == []
