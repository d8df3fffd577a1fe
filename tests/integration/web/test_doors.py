"""What a door takes is answered as the router answers it; what it does not know it leaves to the router."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

import catalog
from market import clock, ids, sessions
from market.flows.quick_sale import QuickSales
from market.web import doors, hooks

VARIES = {"sale_id", "payment_id", "memo", "qr_text", "pay_url", "sold_at", "expires_at"}
"""What belongs to each sale alone."""


@pytest.fixture
def vendor(as_):
    return as_("vendor")


@pytest.fixture
def router_only(monkeypatch):
    """From now on there is no door."""

    def close():
        monkeypatch.setattr(doors, "_door", lambda _: None)

    return close


@pytest.fixture
def taken(monkeypatch):
    """How many answers came from a door."""
    sent = []
    real = doors.send_reply

    async def counted(reply, send):
        sent.append(reply)
        await real(reply, send)

    monkeypatch.setattr(doors, "send_reply", counted)
    return sent


@pytest.fixture
def goods(database, world):
    """The line of a basket with one of goods of which so many are left."""

    async def line(*, left):
        product_id = ids.new()
        product = catalog.Product(
            id=product_id, owner_id=world.vendor_id, sku=catalog.sku_of(product_id),
            name_vi="Cá chép", category="thuy-san", unit="con", price_vnd=45_000,
            stock_qty=Decimal(left),
        )  # fmt: skip
        async with database.as_system() as db:
            await catalog.put_product(db, product, now=clock.now())
        return {
            "name": "Cá chép", "unit": "con", "unit_price_vnd": 45_000, "amount_vnd": 45_000,
            "product_id": str(product_id),
        }  # fmt: skip

    return line


def sale(**more):
    asked = {
        "sale_id": str(ids.new()), "amount_vnd": 45_000, "method": "vietqr", "lines": [],
        "sold_at": clock.now().isoformat(),
    }  # fmt: skip
    return asked | more


def alike(answer):
    """Status, headers and body, without what differs from sale to sale."""
    body = answer.json()
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in VARIES}
    return answer.status_code, dict(answer.headers) | {"content-length": "?"}, body


async def test_a_sale_is_answered_as_by_the_router(vendor, world, taken, router_only):
    path = f"/api/stalls/{world.stall_id}/sales"

    by_door = await vendor.post(path, json=sale())
    assert len(taken) == 1
    router_only()
    by_router = await vendor.post(path, json=sale())

    assert by_door.status_code == 201
    assert alike(by_door) == alike(by_router)
    assert set(by_door.json()) == set(by_router.json())


WRONG = {
    "no amount": {"amount_vnd": 0},
    "a fraction": {"amount_vnd": 1.5},
    "too much": {"amount_vnd": 10**12},
    "an unknown method": {"method": "gold"},
    "a field nobody knows": {"tip": 1},
    "an id that is none": {"sale_id": "7"},
    "an instant without a zone": {"sold_at": "2026-01-01T00:00:00"},
    "lines that do not add up": {"lines": [{"name": "Rau", "amount_vnd": 1}]},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
async def test_a_wrong_sale_is_refused_as_by_the_router(vendor, world, wrong, router_only):
    path = f"/api/stalls/{world.stall_id}/sales"
    asked = sale(**wrong)

    first = await vendor.post(path, json=asked)
    router_only()
    second = await vendor.post(path, json=asked)

    assert first.status_code >= 400
    assert alike(first) == alike(second)


async def test_what_is_no_json_is_refused_as_by_the_router(vendor, world, router_only):
    path = f"/api/stalls/{world.stall_id}/sales"
    headers = {"content-type": "application/json"}
    bodies = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"x" * 5_000)

    first = [alike(await vendor.post(path, content=one, headers=headers)) for one in bodies]
    router_only()
    second = [alike(await vendor.post(path, content=one, headers=headers)) for one in bodies]

    assert first == second
    assert all(status >= 400 for status, _, _ in first)


async def test_cash_goes_through_the_router(vendor, world, taken):
    answer = await vendor.post(f"/api/stalls/{world.stall_id}/sales", json=sale(method="cash"))

    assert (answer.status_code, taken) == (201, [])


async def test_a_basket_is_answered_as_by_the_router(vendor, world, taken, router_only, goods):
    path, lines = f"/api/stalls/{world.stall_id}/sales", [await goods(left=2)]

    by_door = await vendor.post(path, json=sale(lines=lines))
    assert len(taken) == 1
    router_only()
    by_router = await vendor.post(path, json=sale(lines=lines))

    assert by_door.status_code == 201
    assert alike(by_door) == alike(by_router)


async def test_who_comes_too_late_for_the_last_one_is_told_so_by_the_router(
    vendor, world, taken, goods
):
    path, lines = f"/api/stalls/{world.stall_id}/sales", [await goods(left=1)]

    answers = [await vendor.post(path, json=sale(lines=lines)) for _ in range(2)]

    assert [one.status_code for one in answers] == [201, 409]
    assert answers[1].json()["code"] == "out_of_stock"
    assert len(taken) == 1


async def test_the_same_sale_told_again_is_the_same_and_told_otherwise_is_refused(vendor, world):
    path, asked = f"/api/stalls/{world.stall_id}/sales", sale()

    answers = [
        await vendor.post(path, json=one) for one in (asked, asked, asked | {"amount_vnd": 1_000})
    ]

    assert [one.status_code for one in answers] == [201, 200, 409]
    assert answers[0].json() == answers[1].json()


async def test_without_the_forms_token_nothing_is_sold(client, world, taken):
    path, session = f"/api/stalls/{world.stall_id}/sales", f"cho_session={world.tokens['vendor']}"
    token = (await client.get("/health")).cookies["cho_csrf"]
    forged = "f" * len(token)
    wrong = token[:-1] + ("0" if token[-1] != "0" else "1")

    for cookie, told in (
        (token, ""),
        (token, wrong),
        (forged, forged),
        (token, forged),
        ("", token),
    ):
        client.cookies.clear()
        headers = {"cookie": f"{session}; cho_csrf={cookie}", "x-csrftoken": told}
        answer = await client.post(path, json=sale(), headers=headers)
        assert answer.status_code == 403

    assert taken == []


async def test_nobody_sells_at_anothers_stall(vendor, world, taken):
    answer = await vendor.post(f"/api/stalls/{world.other_stall_id}/sales", json=sale())

    assert answer.status_code == 403
    assert taken == []


async def test_nobody_sells_without_a_session(client, world, as_):
    nobody = as_("vendor")
    nobody._token = "nobody"

    answer = await nobody.post(f"/api/stalls/{world.stall_id}/sales", json=sale())

    assert answer.status_code == 401


async def test_a_session_that_is_used_is_prolonged(client, world, database, taken):
    session, csrf = world.tokens["vendor"], (await client.get("/health")).cookies["cho_csrf"]
    old = clock.now() - timedelta(hours=2)
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.session SET seen_at = :old"), {"old": old})

    client.cookies.clear()
    headers = {"cookie": f"cho_session={session}; cho_csrf={csrf}", "x-csrftoken": csrf}
    answer = await client.post(f"/api/stalls/{world.stall_id}/sales", json=sale(), headers=headers)

    assert len(taken) == 1
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("cho_session=")
    assert f"Max-Age={int(sessions.LIFETIME.total_seconds())}" in cookie
    assert "HttpOnly" in cookie


async def test_a_notice_is_answered_as_by_the_router(client, taken, router_only):
    path = "/hooks/sepay"

    first = await client.post(path, content=b"{}")
    assert len(taken) == 1
    router_only()
    second = await client.post(path, content=b"{}")

    assert alike(first) == alike(second)
    assert first.status_code == 401


async def test_a_notice_of_nobody_we_know_is_left_to_the_router(client, taken):
    answer = await client.post("/hooks/nobody", content=b"{}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert taken == []


async def test_a_session_somebody_else_is_changing_holds_up_nobody(database, world):
    now, tokens = clock.now(), [world.tokens["vendor"], world.tokens["clerk"]]
    later = now + sessions.RENEW_AFTER * 2

    async with database.as_system() as db:
        held = {"hash": sessions.token_hash(tokens[0])}
        await db.execute(
            text("SELECT FROM market.session WHERE token_hash = :hash FOR UPDATE"), held
        )
        found = await asyncio.wait_for(sessions.load(database, tokens, now=later), 10)

    assert all(one is not None and one.is_renewed for one in found)
    seen = [one.is_renewed for one in await sessions.load(database, tokens, now=later)]
    assert seen == [True, False]


@pytest.mark.parametrize("path", ["/hooks/sepay", "/api/stalls/{}/sales"])
async def test_what_nobody_foresaw_is_told_by_the_router(vendor, world, taken, path, monkeypatch):
    async def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr(hooks, "_taken", broken)
    monkeypatch.setattr(QuickSales, "open", broken)

    answer = await vendor.post(path.format(world.stall_id), json=sale())

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert taken == []
