"""Integrators pull what they missed, read their log, and ask to be told again: by their key alone."""

import json

import pytest

from market import clock, ids, webhooks

HTML = {"accept": "text/html"}


@pytest.fixture
async def listening(database, world):
    """An endpoint of the vendor where nobody answers, and its key."""
    made = webhooks.Endpoint(
        id=ids.new(), owner_id=world.vendor_id, name="Phần mềm", url="http://127.0.0.1:9/", kinds=(),
        allow_private=True, state="active", failed_count=0, failing_since=None, parked_at=None,
        parked_why="", created_at=clock.now(),
    )  # fmt: skip
    async with database.as_system() as db:
        _, key = await webhooks.add(db, made)
    return made, {"authorization": f"Bearer {key}"}


async def test_what_happened_is_pulled_with_a_cursor_and_without_names(
    listening, open_sale, notify, follow, client
):
    _, key = listening
    sale = await open_sale(amount_vnd=85_000)
    await notify(f"{sale['memo']} NGUYEN VAN A", 85_000)
    await notify("NGUYEN VAN B chuyen tien", 30_000)
    await follow()

    first = (await client.get("/api/webhooks/events?limit=1", headers=key)).json()
    rest = (
        await client.get(f"/api/webhooks/events?after={first['next_after']}", headers=key)
    ).json()
    end = (await client.get(f"/api/webhooks/events?after={rest['next_after']}", headers=key)).json()

    told = [one["body"]["type"] for one in (*first["events"], *rest["events"])]
    assert told == ["payment.paid", "money.waiting"]
    assert first["events"][0]["body"]["data"]["payment_id"] == sale["payment_id"]
    assert "NGUYEN" not in json.dumps([first, rest])
    assert end == {"events": [], "next_after": rest["next_after"]}


async def test_the_log_says_how_each_try_went_and_a_replay_tells_again(
    listening, notify, follow, work, client
):
    _, key = listening
    await notify("chuyen tien", 30_000)
    await follow()
    await work("send_webhooks")

    (line,) = (await client.get("/api/webhooks/deliveries", headers=key)).json()
    again = await client.post("/api/webhooks/replay", headers=key, json={"id": line["id"]})
    wrong = await client.post("/api/webhooks/replay", headers=key, json={"id": "msg_1"})
    nothing = await client.post("/api/webhooks/replay", headers=key, json={})

    assert (line["status"], line["delivery"], line["number"]) == (None, "pending", 1)
    assert (again.status_code, again.json()) == (200, {"count": 1})
    assert (wrong.status_code, nothing.status_code) == (404, 404)


async def test_without_the_key_nothing_is_said(listening, client):
    for headers in ({}, {"authorization": "Bearer cho_pull_x"}, {"authorization": "Basic x"}):
        for path in ("events", "deliveries", "endpoint"):
            answer = await client.get(f"/api/webhooks/{path}", headers=headers)
            assert answer.status_code == 401
        answer = await client.post("/api/webhooks/replay", headers=headers, json={})
        assert answer.status_code == 401


async def test_a_parked_endpoint_is_shown_to_its_owner_who_has_it_sent_again(
    listening, database, as_, world, client
):
    made, key = listening
    async with database.as_system() as db:
        await webhooks.park(db, made.id, "nobody answers", now=clock.now())
    place = f"/ban-hang/{world.stall_id}/ket-noi"

    page = await as_("vendor").get(place, headers=HTML)
    told = (await client.get("/api/webhooks/endpoint", headers=key)).json()
    foreign = await as_("other").post(
        f"/ban-hang/{world.other_stall_id}/ket-noi/{made.id}/gui-lai", headers={"accept": "*/*"}
    )
    resumed = await as_("vendor").post(f"{place}/{made.id}/gui-lai", headers=HTML)
    after = (await client.get("/api/webhooks/endpoint", headers=key)).json()

    assert "Đã ngừng gửi" in page.text
    assert (told["state"], told["parked_why"]) == ("parked", "nobody answers")
    assert (foreign.status_code, resumed.status_code) == (404, 303)
    assert after["state"] == "active"


async def test_every_stall_of_the_owner_hears_that_nothing_is_sent_any_more(
    listening, database, follow, work, notify
):
    from sqlalchemy import text

    await notify("chuyen tien", 30_000)
    await follow()
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.webhook_delivery SET attempts = 11"))
    await work("send_webhooks")
    await follow()

    async with database.as_system() as db:
        rows = await db.execute(text("SELECT kind FROM market.live_event"))
    assert "webhook_parked" in [row[0] for row in rows]
