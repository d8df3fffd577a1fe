"""Signing in as a person does it: forms, cookies, guards, and what is said when it does not work."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import text

from market import clock, people, sessions
from market.db import Database

PIN = "2580"
HTML = {"accept": "text/html"}


@pytest.fixture
async def phone(database: Database, world: Any) -> str:
    """The vendor of the world has a PIN."""
    pin_hash = people.hash_pin(PIN)
    async with database.as_system() as db:
        person_id = (
            await db.execute(
                text("SELECT person_id FROM market.vendor WHERE id = :id"), {"id": world.vendor_id}
            )
        ).scalar_one()
        await people.set_pin(db, person_id, pin_hash)
        person = await people.person(db, person_id)
    return people.shown_phone(person.phone)


Send = Callable[..., Awaitable[Any]]


@pytest.fixture
def send(client: AsyncTestClient[Any]) -> Send:
    """Fill a form in and send it, with the hidden field of its page."""

    async def sent(path: str, **fields: str) -> Any:
        page = await client.get("/dang-nhap", headers=HTML)
        token = client.cookies.get("cho_csrf") or page.cookies["cho_csrf"]
        return await client.post(
            path, data={"_csrf_token": token, **fields}, headers=HTML, follow_redirects=False
        )

    return sent


async def test_phone_and_pin_open_the_till(send: Send, client: Any, phone: str, world: Any) -> None:
    answer = await send("/dang-nhap", phone=phone, pin=PIN)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/ban-hang/{world.stall_id}")
    cookie = answer.headers["set-cookie"].lower()
    assert "cho_session=" in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await client.get(f"/api/stalls/{world.stall_id}/today")).status_code == 200


async def test_one_comes_back_to_where_one_was(send: Send, phone: str) -> None:
    answer = await send("/dang-nhap", phone=phone, pin=PIN, tiep="/toi?x=1")

    assert answer.headers["location"] == "/toi?x=1"


@pytest.mark.parametrize(
    "evil", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x"]
)
async def test_signing_in_never_leads_to_another_site(send: Send, phone: str, evil: str) -> None:
    answer = await send("/dang-nhap", phone=phone, pin=PIN, tiep=evil)

    assert answer.headers["location"] == "/"


async def test_a_wrong_pin_and_an_unknown_phone_are_told_the_same(send: Send, phone: str) -> None:
    wrong = await send("/dang-nhap", phone=phone, pin="9999")
    unknown = await send("/dang-nhap", phone="0399999999", pin="9999")

    assert wrong.status_code == unknown.status_code == 403
    said = "Số điện thoại hoặc mã PIN chưa đúng."
    assert said in wrong.text
    assert said in unknown.text
    assert "cho_session" not in wrong.headers.get("set-cookie", "")


async def test_after_five_wrong_pins_the_right_one_waits_too(send: Send, phone: str) -> None:
    for _ in range(sessions.PHONE_ATTEMPTS_MAX):
        assert (await send("/dang-nhap", phone=phone, pin="9999")).status_code == 403

    answer = await send("/dang-nhap", phone=phone, pin=PIN)

    assert answer.status_code == 429
    assert "Thử lại sau" in answer.text


async def test_many_guesses_at_once_are_counted_as_many(
    send: Send, client: Any, phone: str
) -> None:
    answers = await asyncio.gather(
        *(send("/dang-nhap", phone=phone, pin=f"90{n}1") for n in range(9))
    )

    assert sorted(answer.status_code for answer in answers) == [403] * 5 + [429] * 4


async def test_who_knows_the_pin_is_not_counted(send: Send, phone: str) -> None:
    for _ in range(sessions.PHONE_ATTEMPTS_MAX + 2):
        assert (await send("/dang-nhap", phone=phone, pin=PIN)).status_code == 303


@pytest.mark.parametrize("typed", ["", "091", "0237385123", "không có"])
async def test_what_is_no_phone_number_is_said_plainly(send: Send, typed: str) -> None:
    answer = await send("/dang-nhap", phone=typed, pin=PIN)

    assert answer.status_code == 422
    assert "Số điện thoại cần 10 chữ số" in answer.text


async def test_a_form_from_elsewhere_is_refused(client: Any, phone: str) -> None:
    answer = await client.post("/dang-nhap", data={"phone": phone, "pin": PIN})

    assert answer.status_code == 403


async def test_an_api_call_without_a_session_is_a_problem(client: Any, world: Any) -> None:
    answer = await client.get(f"/api/stalls/{world.stall_id}/today")

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == "not_signed_in"


async def test_a_page_without_a_session_leads_to_signing_in_and_back(
    client: Any, world: Any
) -> None:
    path = f"/ban-hang/{world.stall_id}"

    answer = await client.get(path, headers=HTML, follow_redirects=False)

    assert answer.status_code in {302, 303}
    target = urlsplit(answer.headers["location"])
    assert (target.path, parse_qs(target.query)) == ("/dang-nhap", {"tiep": [path]})


async def test_an_expired_session_says_so_and_leads_back(
    client: Any, as_: Any, database: Database, world: Any
) -> None:
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.session SET expires_at = now() - interval '1 minute'"))

    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}", headers=HTML)
    api = await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")
    shown = await client.get(page.headers["location"], headers=HTML)

    assert api.json()["code"] == "session_expired"
    assert "Phiên làm việc đã hết hạn" in shown.text
    assert f'value="/ban-hang/{world.stall_id}"' in shown.text


async def test_a_used_session_is_prolonged(as_: Any, database: Database, world: Any) -> None:
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE market.session SET seen_at = now() - interval '2 hours',"
                 " expires_at = now() + interval '1 day'")
        )  # fmt: skip

    answer = await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")

    assert "cho_session=" in answer.headers["set-cookie"]
    async with database.as_system() as db:
        row = await db.execute(
            text("SELECT expires_at FROM market.session WHERE token_hash = :h"),
            {"h": sessions.token_hash(world.tokens["vendor"])},
        )
    assert row.scalar_one() > clock.now() + timedelta(days=29)


async def test_signing_out_ends_the_session(as_: Any, world: Any) -> None:
    vendor = as_("vendor")

    answer = await vendor.post("/dang-xuat")

    assert answer.status_code == 303
    assert (await vendor.get(f"/api/stalls/{world.stall_id}/today")).status_code == 401


async def test_only_the_hash_of_a_token_is_stored(database: Database, world: Any) -> None:
    async with database.as_system() as db:
        rows = (await db.execute(text("SELECT token_hash FROM market.session"))).scalars().all()

    assert sessions.token_hash(world.tokens["vendor"]) in rows
    assert world.tokens["vendor"].encode() not in rows


GUARDED = {
    "vendor": "/ban-hang/{stall_id}",
    "operator": "/quan-ly/{hall_id}",
    "official": "/phuong/{unit_id}",
    "team": "/to-cong-nghe",
    "clerk": "/doi-soat",
}


@pytest.mark.parametrize("who", [*GUARDED, "other"])
async def test_a_page_opens_to_its_role_alone(as_: Any, world: Any, who: str) -> None:
    opened = set()
    for role, path in GUARDED.items():
        target = path.format(stall_id=world.stall_id, hall_id=world.hall_id, unit_id=world.unit_id)
        answer = await as_(who).get(target, headers=HTML)
        assert answer.status_code in {200, 403}
        if answer.status_code == 200:
            opened.add(role)

    assert opened == {who} & set(GUARDED)


async def test_being_anybody_is_for_demos_only(client: Any, database: Database, world: Any) -> None:
    async with database.as_system() as db:
        person = (await db.execute(text("SELECT id FROM market.person LIMIT 1"))).scalar_one()

    answer = await client.get(f"/demo/la/{person}", follow_redirects=False)

    assert answer.status_code == 404


async def test_a_role_that_ended_yesterday_opens_nothing(
    as_: Any, database: Database, world: Any
) -> None:
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE market.membership SET valid_to = current_date - 2 WHERE role = 'vendor'")
        )

    answer = await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")

    assert answer.status_code == 403


# ── One's own page ──────────────────────────────────────────────────────────────────────────────


async def give_consents(database: Database, vendor_id: UUID) -> None:
    from market import consents

    async with database.as_system() as db:
        person_id = (
            await db.execute(
                text("SELECT person_id FROM market.vendor WHERE id = :id"), {"id": vendor_id}
            )
        ).scalar_one()
        await consents.give(
            db, person_id, ["payments", "invoices"], day=clock.local_day(clock.now()), now=clock.now(),
            channel="team", assisted_by=None,
        )  # fmt: skip


async def test_withdrawing_a_consent_stops_what_rested_on_it(
    as_: Any, database: Database, world: Any
) -> None:
    await give_consents(database, world.vendor_id)
    async with database.as_system() as db:
        found = (await db.execute(text("SELECT purpose, id FROM market.consent"))).all()
        by_purpose = {purpose: str(one) for purpose, one in found}

    for purpose in ("invoices", "payments"):
        answer = await as_("vendor").post(
            "/toi/rut-dong-y", data={"consent_id": by_purpose[purpose]}
        )
        assert answer.status_code == 303

    async with database.as_system() as db:
        stall = (
            await db.execute(
                text("SELECT invoice_mode, status FROM market.stall WHERE id = :id"),
                {"id": world.stall_id},
            )
        ).one()
    assert tuple(stall) == ("off", "paused")
    page = await as_("vendor").get("/toi", headers=HTML)
    assert page.text.count("đã rút ngày") == 2


async def test_the_way_to_ones_stall_speaks_the_readers_language(as_: Any) -> None:
    vendor = as_("vendor")
    said = {}

    for locale in ("vi", "en"):
        vendor.locale = locale
        said[locale] = (await vendor.get("/toi", headers=HTML)).text

    assert ">Sạp A12<" in said["vi"]
    assert ">Stall A12<" in said["en"]


async def test_nobody_withdraws_for_somebody_else(as_: Any, database: Database, world: Any) -> None:
    await give_consents(database, world.vendor_id)
    async with database.as_system() as db:
        consent_id = (await db.execute(text("SELECT id FROM market.consent LIMIT 1"))).scalar_one()

    answer = await as_("other").post("/toi/rut-dong-y", data={"consent_id": str(consent_id)})

    assert answer.status_code == 404


async def test_a_new_pin_signs_every_other_browser_out(
    as_: Any, send: Send, client: Any, database: Database, phone: str, world: Any
) -> None:
    answer = await as_("vendor").post("/toi/ma-pin", data={"pin": PIN, "pin_new": "8401"})

    assert answer.status_code == 303
    assert (await as_("vendor").get("/toi")).status_code == 401
    client.cookies.clear()
    assert (await send("/dang-nhap", phone=phone, pin="8401")).status_code == 303


async def test_a_weak_new_pin_changes_nothing(as_: Any, phone: str) -> None:
    answer = await as_("vendor").post(
        "/toi/ma-pin", data={"pin": PIN, "pin_new": "1234"}, headers=HTML
    )

    assert answer.status_code == 422
    assert "không quá dễ đoán" in answer.text
