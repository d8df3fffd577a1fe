"""The door for banks and acquirers: durable, once, by name what is wrong, nobody's money but theirs."""

import asyncio
import json
import time
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

import payments
from market import clock, ids, integrators
from market.integrators import Integrator

ACCOUNT_NO = "9990001112223"
BIN = "970436"
PATH, BULK = "/api/confirmations", "/api/confirmations/bulk"


@pytest.fixture
async def app(settings, application):
    """The application in this test's own loop, so that its parts can be reached."""
    made = application(settings)
    is_open, may_close = asyncio.Event(), asyncio.Event()

    async def live():
        async with made.lifespan():  # opened and closed by one task
            is_open.set()
            await may_close.wait()

    living = asyncio.create_task(live())
    await is_open.wait()
    yield made
    may_close.set()
    await living


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver.local") as opened:
        yield opened


@pytest.fixture
def admit(database):
    """Admits a partner; its key."""

    async def admitted(gateway="bank_a", bank_bins=(BIN,), **more):
        made = Integrator(
            more.pop("id", ids.new()), "Đối tác", gateway, tuple(bank_bins), clock.now()
        )
        async with database.as_system() as db:
            return await integrators.add(db, made)

    return admitted


@pytest.fixture
async def key(admit, world):
    return await admit()


def credit(**more):
    return {
        "amount_vnd": 85_000,
        "occurred_at": clock.now().isoformat(),
        "account_no": ACCOUNT_NO,
        **more,
    }


@pytest.fixture
def send(client, key):
    """Posts one; the id is new unless one is given."""

    async def sent(told, id=None, *, key=key, path=PATH, **headers):  # noqa: A002 - theirs
        client.cookies.clear()
        return await client.post(
            path,
            json=told,
            headers={"authorization": f"Bearer {key}", "idempotency-key": id or str(ids.new())}
            | headers,
        )

    return sent


@pytest.fixture
def send_many(client, key):
    async def sent(items, **headers):
        client.cookies.clear()
        content = items if isinstance(items, bytes) else json.dumps(items).encode()
        kind = {"content-type": "application/json", "authorization": f"Bearer {key}"}
        return await client.post(BULK, content=content, headers=kind | headers)

    return sent


async def count(database, table):
    async with database.as_system() as db:
        return (await db.execute(text(f"SELECT count(*) FROM payments.{table}"))).scalar_one()


async def balance(db, owner_id, kind):
    return await payments.balance_vnd(db, payments.AccountName(owner_id, kind))


# ── One ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_credit_with_the_code_of_a_sale_settles_it(send, open_sale, world, db):
    sale = await open_sale(amount_vnd=85_000)

    answer = await send(credit(memo=f"CHO4 {sale['memo']}", reference="FT1"))

    assert answer.status_code == 201, answer.text
    told = answer.json()
    assert set(told) == {"outcome", "receipt_id", "payment_id", "amount_vnd"}
    assert (told["outcome"], told["amount_vnd"]) == ("settled", 85_000)
    assert told["payment_id"]
    assert await balance(db, world.vendor_id, payments.AccountKind.SALES) == 85_000


async def test_what_is_answered_is_in_the_database(send, database):
    answer = await send(credit(memo="không mã"))

    async with database.as_system() as db:
        row = (
            await db.execute(text("SELECT id::text, gateway, outcome, memo FROM payments.receipt"))
        ).one()
    assert tuple(row) == (answer.json()["receipt_id"], "bank_a", "unmatched", "không mã")


async def test_the_same_again_changes_nothing_and_hears_the_first_answer(send, database):
    told = credit(memo="một lần")
    first = await send(told, "BNK-1")

    again = [await send(told, "BNK-1") for _ in range(3)]

    assert first.status_code == 201
    assert {answer.status_code for answer in again} == {200}
    assert all(answer.json() == {**first.json(), "outcome": "already_seen"} for answer in again)
    assert await count(database, "transfer") == 1


async def test_twenty_at_once_under_one_key_are_one(send, database):
    told = credit(memo="một lần")

    answers = await asyncio.gather(*(send(told, "BNK-1") for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["receipt_id"] for answer in answers}) == 1
    assert await count(database, "transfer") == 1


async def test_the_same_key_with_other_content_is_a_conflict(send, database):
    told = credit(memo="một lần")
    first = await send(told, "BNK-1")

    others = [
        await send(told | change, "BNK-1")
        for change in ({"amount_vnd": 85_001}, {"memo": "khác"}, {"reference": "FT9"})
    ]

    for other in others:
        assert (other.status_code, other.json()["code"]) == (409, "reference_reused")
        assert other.json()["facts"]["receipt_id"] == first.json()["receipt_id"]
    assert await count(database, "transfer") == 1


async def test_a_repeat_past_midnight_with_the_time_of_the_repeat_is_still_a_repeat(send, database):
    now = clock.now()
    await send(credit(memo="nửa đêm", occurred_at=now.isoformat()), "BNK-1")

    again = await send(
        credit(memo="nửa đêm", occurred_at=(now + timedelta(hours=23)).isoformat()), "BNK-1"
    )

    assert (again.status_code, again.json()["outcome"]) == (200, "already_seen")
    assert await count(database, "transfer") == 1


async def test_what_another_source_told_before_is_not_counted_twice(send, notify, database):
    await notify("không mã", 85_000, number=100_777)

    answer = await send(credit(memo="không mã", reference="FT100777"))

    assert (answer.status_code, answer.json()["outcome"]) == (200, "already_seen")
    assert await count(database, "transfer") == 1


async def test_nothing_is_said_of_the_owner_or_the_sale(send, open_sale, world):
    sale = await open_sale(amount_vnd=85_000)

    answer = await send(credit(memo=sale["memo"]))

    for secret in (str(world.vendor_id), str(world.stall_id), str(world.payee_id), "echo", "sạp"):
        assert secret not in answer.text


async def test_an_account_nobody_has_here_is_recorded_as_unknown(send, database):
    answer = await send(credit(account_no="111"))

    assert (answer.status_code, answer.json()["outcome"]) == (201, "account_unknown")
    assert await count(database, "transfer") == 0
    assert await count(database, "receipt") == 1


async def test_the_long_way_through_the_router_says_the_same(send, client):
    first = await send(credit(memo="x"), "BNK-1", path=PATH + "/")
    again = await send(credit(memo="x"), "BNK-1", path=PATH + "/")
    wrong = await send({}, path=PATH + "/")

    assert (first.status_code, again.status_code, wrong.status_code) == (201, 200, 422)
    assert wrong.headers["content-type"] == "application/problem+json"
    assert (await client.get(PATH)).status_code == 405


# ── Acquirers ───────────────────────────────────────────────────────────────────────────────────


async def test_an_acquirer_settles_the_payment_it_names(
    send, admit, open_sale, database, db, world
):
    await open_sale(amount_vnd=85_000)
    async with database.as_system() as session:
        payment_id = str(
            (await session.execute(text("SELECT id FROM payments.payment"))).scalar_one()
        )
    cards = await admit("cards", ())
    told = {"amount_vnd": 85_000, "occurred_at": clock.now().isoformat(), "payment_ref": payment_id}

    answer = await send(told, key=cards)

    assert (answer.status_code, answer.json()["outcome"]) == (201, "settled")
    acquirer = payments.AccountName(world.vendor_id, payments.AccountKind.ACQUIRER, "cards")
    assert await payments.balance_vnd(db, acquirer) == 85_000


# ── Who may ─────────────────────────────────────────────────────────────────────────────────────


async def test_nobody_confirms_without_a_key(send, database):
    answers = [
        await send(credit(), authorization=wrong)
        for wrong in ("", "Bearer", "Bearer x", "Basic x", "cho_x", "bearer  ")
    ]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (401, "integrator_unknown")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert await count(database, "receipt") == 0


async def test_a_signed_in_vendor_is_no_integrator(as_, world):
    answer = await as_("vendor").post(PATH, json=credit(), headers={"idempotency-key": "x"})

    assert answer.status_code == 401


async def test_a_revoked_key_opens_nothing(send, database, app):
    await send(credit())
    async with database.as_system() as db:
        (made,) = await integrators.integrators(db)
        await integrators.revoke(db, made.id, now=clock.now())
    ten_seconds_later = time.monotonic() + 10
    app.state.door.keys._clock = lambda: ten_seconds_later

    answer = await send(credit())

    assert (answer.status_code, answer.json()["code"]) == (401, "integrator_unknown")


async def test_a_bank_cannot_report_for_another_bank(send, database):
    answer = await send(credit(bank_bin="970405"))

    assert (answer.status_code, answer.json()["code"]) == (403, "bank_not_yours")
    assert await count(database, "receipt") == 0


async def test_the_account_number_of_another_bank_is_not_credited(admit, send, db, world):
    other = await admit("bank_b", ("970405",))

    answer = await send(credit(), key=other)

    assert answer.json()["outcome"] == "account_unknown"
    assert await balance(db, world.vendor_id, payments.AccountKind.SUSPENSE) == 0


# ── What is wrong ───────────────────────────────────────────────────────────────────────────────

WRONG = [
    ({"amount_vnd": 0}, "amount_invalid"),
    ({"amount_vnd": -5}, "amount_invalid"),
    ({"amount_vnd": 10**30}, "amount_invalid"),
    ({"amount_vnd": 1.5}, "amount_invalid"),
    ({"amount_vnd": "85000"}, "amount_invalid"),
    ({"occurred_at": "2026-11-23T10:00:00"}, "time_invalid"),
    ({"occurred_at": "9999-12-31T23:59:59-12:00"}, "time_invalid"),
    ({"occurred_at": "0001-01-01T00:00:00+14:00"}, "time_invalid"),
    ({"memo": "a\x00b"}, "field_invalid"),
    ({"sale": "x"}, "field_invalid"),
]


async def test_what_is_wrong_is_said_by_name_and_leaves_nothing(send, database):
    answers = [await send(credit(**wrong)) for wrong, _ in WRONG]

    assert {answer.status_code for answer in answers} == {422}
    assert {answer.headers["content-type"] for answer in answers} == {"application/problem+json"}
    assert [answer.json()["code"] for answer in answers] == [code for _, code in WRONG]
    assert all(answer.json()["title"] for answer in answers)
    assert await count(database, "receipt") == 0


async def test_the_day_after_tomorrow_has_not_come(send):
    answer = await send(credit(occurred_at=(clock.now() + timedelta(days=2)).isoformat()))

    assert (answer.status_code, answer.json()["code"]) == (422, "time_invalid")


NOT_UNDERSTOOD = [
    ({"idempotency-key": ""}, b"{}", 400, "idempotency_key_missing"),
    ({"idempotency-key": "a b"}, b"{}", 400, "idempotency_key_invalid"),
    ({"content-type": "text/plain"}, b"{}", 415, "media_type"),
    ({"content-type": "application/json; charset=utf-8"}, b"{", 400, "json_invalid"),
    ({}, b"", 400, "json_invalid"),
    ({}, b'{"memo":"\\ud800"}', 400, "json_invalid"),
    ({}, b"\xff", 400, "json_invalid"),
    ({}, b"[]", 422, "field_invalid"),
    ({}, b" " * 20_000, 413, "too_large"),
    ({"content-length": "x"}, b"{}", 413, "too_large"),
]


async def test_a_request_that_cannot_be_understood_is_refused_by_name(client, key):
    usual = {
        "authorization": f"Bearer {key}",
        "idempotency-key": "k",
        "content-type": "application/json",
    }

    answers = [
        await client.post(PATH, content=content, headers=usual | headers)
        for headers, content, _, _ in NOT_UNDERSTOOD
    ]

    said = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert said == [(status, code) for _, _, status, code in NOT_UNDERSTOOD]


async def test_a_body_without_a_length_is_cut_off_too(app, key):
    part = {"type": "http.request", "body": b" " * 1_000, "more_body": True}

    status, answer = await asked(app, key, [part] * 100)

    assert (status, answer["code"]) == (413, "too_large")


async def test_a_body_in_parts_is_put_together(app, key):
    whole = json.dumps(credit()).encode()
    parts = [
        {"type": "http.request", "body": whole[:20], "more_body": True},
        {"type": "http.request", "body": whole[20:], "more_body": False},
    ]

    status, answer = await asked(app, key, parts)

    assert (status, answer["outcome"]) == (201, "unmatched")


async def test_who_leaves_in_the_middle_leaves_nothing(app, key, database):
    parts = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]

    await asked(app, key, parts)

    assert await count(database, "receipt") == 0


async def asked(app, key, parts):
    """The answer to a body that arrives in these parts."""
    said = []
    messages = iter(parts)

    async def receive():
        return next(messages)

    async def send(message):
        said.append(message)

    headers = {"authorization": f"Bearer {key}", "idempotency-key": "k", "content-type": "application/json"}  # fmt: skip
    scope = {"type": "http", "method": "POST", "path": PATH,
             "headers": [(name.encode(), value.encode()) for name, value in headers.items()]}  # fmt: skip
    await app(scope, receive, send)
    return said[0]["status"], json.loads(said[1]["body"] or b"null")


# ── Many ────────────────────────────────────────────────────────────────────────────────────────


async def test_each_of_many_has_its_own_outcome_in_order(send_many, send, database):
    await send(credit(memo="cũ"), "old")
    items = [
        {**credit(memo="mới"), "id": "new"},
        {**credit(memo="cũ"), "id": "old"},
        {**credit(memo="khác", amount_vnd=7), "id": "old"},
        {**credit(amount_vnd=0), "id": "zero"},
        {**credit(bank_bin="970405"), "id": "theirs"},
        {**credit(), "id": "b d"},
        {**credit(memo="mới"), "id": "new"},
        "x",
    ]

    answer = await send_many(items)

    assert answer.status_code == 200
    told = answer.json()
    assert (told["taken_count"], told["seen_count"], told["refused_count"]) == (1, 2, 5)
    said = [one.get("outcome") or one["problem"]["code"] for one in told["results"]]
    assert said == [
        "unmatched", "already_seen", "reference_reused", "amount_invalid", "bank_not_yours",
        "idempotency_key_invalid", "already_seen", "field_invalid",
    ]  # fmt: skip
    assert [one["id"] for one in told["results"]][:5] == ["new", "old", "old", "zero", "theirs"]
    assert await count(database, "transfer") == 2


async def test_a_thousand_lines_are_taken_once(send_many, database, db, world):
    lines = b"\n".join(
        json.dumps({**credit(memo=f"tiền {n}", amount_vnd=1_000), "id": f"L{n}"}).encode()
        for n in range(1_000)
    )

    first = await send_many(lines, **{"content-type": "application/x-ndjson"})
    again = await send_many(lines, **{"content-type": "application/x-ndjson"})

    assert (first.json()["taken_count"], again.json()["seen_count"]) == (1_000, 1_000)
    assert await count(database, "transfer") == 1_000
    assert await balance(db, world.vendor_id, payments.AccountKind.SUSPENSE) == 1_000_000


async def test_a_single_and_a_bulk_share_their_ids(send, send_many):
    told = credit(memo="x")
    await send(told, "one")

    answer = await send_many([{**told, "id": "one"}])

    assert answer.json()["results"][0]["outcome"] == "already_seen"


async def test_what_is_no_list_is_refused_as_a_whole(send_many, database):
    wrong = {
        b"[{": (400, "json_invalid"),
        b"{}": (422, "field_invalid"),
        b"": (400, "json_invalid"),
        b"[" + b"1," * 1_000 + b"1]": (413, "too_many_items"),
        b" " * 1_000_001: (413, "too_large"),
    }

    answers = [await send_many(content) for content in wrong]

    said = [(answer.status_code, answer.json()["code"]) for answer in answers]
    assert said == list(wrong.values())
    assert await count(database, "receipt") == 0


async def test_nothing_to_confirm_is_nothing_done(send_many):
    answer = await send_many([])

    assert answer.json() == {"taken_count": 0, "seen_count": 0, "refused_count": 0, "results": []}


# ── Too much, or nothing to write to ────────────────────────────────────────────────────────────


async def test_when_too_many_wait_the_next_is_sent_away_before_its_body_is_read(send, app):
    app.state.door.admission.waiting = 100_000

    answers = [await send("no confirmation at all") for _ in range(8)]

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["code"] for answer in answers} == {"ledger_busy"}
    assert {answer.headers["retry-after"] for answer in answers} == {"1", "2", "3"}


async def test_too_many_large_bodies_at_once_are_sent_away(send_many, app):
    app.state.door.bulk_count = 8

    answer = await send_many([])

    assert (answer.status_code, answer.json()["code"]) == (503, "ledger_busy")
    assert app.state.door.bulk_count == 8


async def test_a_closing_ledger_says_come_back(send, send_many, app):
    await send(credit())
    await app.state.ledger.close()

    one, many = await send(credit()), await send_many([{**credit(), "id": "a"}])

    for answer in (one, many):
        assert (answer.status_code, answer.json()["code"]) == (503, "ledger_closed")
        assert int(answer.headers["retry-after"]) >= 1
    assert app.state.door.admission.waiting == 0


async def test_a_full_queue_is_told_to_each_that_did_not_fit(send_many, app, settings):
    small = payments.Ledger(settings.database_url, queue_max=3)
    await small.start()
    app.state.door.ledger = small

    answer = await send_many([{**credit(memo=str(n)), "id": str(n)} for n in range(5)])

    await small.close()
    told = answer.json()
    assert (told["taken_count"], told["refused_count"]) == (3, 2)
    assert [one["problem"]["code"] for one in told["results"][3:]] == ["ledger_busy"] * 2


# ── The document ────────────────────────────────────────────────────────────────────────────────


async def test_both_stand_in_the_document_with_examples_and_the_key(client):
    document = (await client.get("/schema/openapi.json")).json()

    one, many = (document["paths"][path]["post"] for path in (PATH, BULK))
    assert document["components"]["securitySchemes"]["integrator"]["scheme"] == "bearer"
    assert one["security"] == many["security"] == [{"integrator": []}]
    assert [(one["parameters"][0]["name"], one["parameters"][0]["required"])] == [("Idempotency-Key", True)]  # fmt: skip
    said = one["requestBody"]["content"]["application/json"]
    assert set(said["examples"]) == {"bank", "acquirer"}
    assert set(said["schema"]["required"]) == {"amount_vnd", "occurred_at"}
    assert set(many["requestBody"]["content"]) == {"application/json", "application/x-ndjson"}
    assert {"200", "201", "401", "409", "503"} <= set(one["responses"])


async def test_the_example_of_the_document_works(client, send):
    document = (await client.get("/schema/openapi.json")).json()
    body = document["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]
    told = body["examples"]["bank"]["value"] | {"occurred_at": clock.now().isoformat()}

    assert (await send(told)).status_code == 201
