"""The vendor says who may sell; a helper comes, signs in, sells, and goes at once."""

import re

import pytest
from sqlalchemy import text

from market import ids
from tests.integration.web.conftest import Browser

PHONE = "0987 654 321"


@pytest.fixture
def page(world):
    return f"/ban-hang/{world.stall_id}/nguoi-ban-giup"


def named(name="Trần Thị Bé", phone=PHONE):
    return {"name": name, "phone": phone}


async def signed_in(client, phone, code, pin="2580"):
    client.cookies.clear()
    first = await client.get("/health")
    answer = await client.post(
        "/dang-nhap/lan-dau",
        data={"phone": phone, "code": code, "pin": pin},
        headers={"x-csrftoken": first.cookies["cho_csrf"]},
        follow_redirects=False,
    )
    token = answer.cookies.get("cho_session")
    client.cookies.clear()
    return Browser(client, token)


def person_ids(text):
    return re.findall(r"nguoi-ban-giup/([0-9a-f-]{36})/thoi", text)


async def test_a_helper_is_added_signs_in_with_the_code_sells_and_is_let_go(
    as_, client, world, page
):
    vendor = as_("vendor")
    added = await vendor.post(page, data=named())
    shown = await vendor.get(page)
    (person_id,) = person_ids(shown.text)

    coded = await vendor.post(f"{page}/{person_id}/ma", data={})
    code = re.findall(r"\b\d{6}\b", coded.text.split("amount middle num")[1])[0]
    helper = await signed_in(client, PHONE, code)
    selling = await helper.get(f"/ban-hang/{world.stall_id}")
    meddling = await helper.get(page)
    gone = await vendor.post(f"{page}/{person_id}/thoi", data={})
    afterwards = await helper.get(f"/ban-hang/{world.stall_id}")

    assert added.status_code == gone.status_code == 303
    assert "Chưa có mã PIN" in shown.text
    assert (selling.status_code, meddling.status_code) == (200, 403)
    assert afterwards.status_code == 403
    assert person_ids((await vendor.get(page)).text) == []


async def test_added_twice_a_helper_is_there_once_and_comes_back_after_going(as_, page):
    vendor = as_("vendor")
    for _ in range(2):
        await vendor.post(page, data=named())
    (person_id,) = person_ids((await vendor.get(page)).text)
    await vendor.post(f"{page}/{person_id}/thoi", data={})

    await vendor.post(page, data=named("trần thị bé"))

    assert person_ids((await vendor.get(page)).text) == [person_id]


async def test_a_strangers_number_tells_no_name_and_adds_nobody(as_, page):
    await as_("vendor").post(page, data=named())

    guessed = await as_("vendor").post(page, data=named("Lê Văn Khác"))

    assert guessed.status_code == 409
    assert "đã có người dùng với tên khác" in guessed.text
    assert 'value="Lê Văn Khác"' in guessed.text
    assert len(person_ids(guessed.text)) == 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (named(phone="123"), "10 chữ số"),
        (named(name="A1"), "Tên chỉ gồm chữ cái"),
        (named(name=""), "Tên chỉ gồm chữ cái"),
    ],
)
async def test_what_is_wrong_is_said_above_the_form(as_, page, typed, said):
    answer = await as_("vendor").post(page, data=typed)

    assert answer.status_code == 422
    assert said in answer.text


async def test_a_vendor_is_not_their_own_helper(as_, page, world, database):
    from market import people
    from market.tables import VendorRow

    async with database.as_system() as db:
        vendor = await db.get(VendorRow, world.vendor_id)
        person = await people.person(db, vendor.person_id)

    answer = await as_("vendor").post(page, data=named(person.name, person.phone))

    assert answer.status_code == 409
    assert "số của chính bạn" in answer.text


async def test_nobody_gets_a_code_for_somebody_who_is_more_than_their_helper(
    as_, page, world, database
):
    """Else a vendor could choose the PIN of another vendor who has none yet."""
    from market import people
    from market.tables import VendorRow

    async with database.as_system() as db:
        other = await db.get(VendorRow, world.other_vendor_id)
        person = await people.person(db, other.person_id)
    await as_("vendor").post(page, data=named(person.name, person.phone))

    answer = await as_("vendor").post(f"{page}/{person.id}/ma", data={})

    assert "amount middle num" not in answer.text
    assert "nhờ tổ công nghệ số" in answer.text


async def test_ten_helpers_are_enough(as_, page):
    answers = [
        await as_("vendor").post(page, data=named(f"Người Thứ {name}", f"09876543{n:02d}"))
        for n, name in enumerate("abcdefghijk")
    ]

    assert [one.status_code for one in answers] == [303] * 10 + [409]
    assert "đã đủ mười người" in answers[-1].text


async def test_somebody_elses_helpers_are_nobodys_business(as_, page):
    for who in ("other", "operator", "official", "team"):
        seen = await as_(who).get(page)
        added = await as_(who).post(page, data=named())

        assert (seen.status_code, added.status_code) == (403, 403)


async def test_a_code_for_nobody_is_not_found(as_, page, world):
    answer = await as_("vendor").post(f"{page}/{world.hall_id}/ma", data={})

    assert answer.status_code == 404


async def test_a_helper_who_becomes_a_vendor_chooses_another_pin(
    as_, client, world, page, database
):
    vendor = as_("vendor")
    await vendor.post(page, data=named())
    (person_id,) = person_ids((await vendor.get(page)).text)
    coded = await vendor.post(f"{page}/{person_id}/ma", data={})
    code = re.findall(r"\b\d{6}\b", coded.text.split("amount middle num")[1])[0]
    chosen_by_the_vendor = await signed_in(client, PHONE, code)
    before = await chosen_by_the_vendor.get(f"/ban-hang/{world.stall_id}")

    await onboarded(as_("team"), database, world)

    after = await chosen_by_the_vendor.get(f"/ban-hang/{world.stall_id}")
    async with database.as_system() as db:
        query = text("SELECT pin_hash FROM market.person WHERE id = :id")
        pin_hash = (await db.execute(query, {"id": person_id})).scalar_one()
    assert before.status_code == 200
    assert after.status_code == 401
    assert pin_hash == ""


async def onboarded(team, database, world):
    """The helper agrees to sell in their own name, at a stall of theirs."""
    stall_id = ids.new()
    async with database.as_system() as db:
        await db.execute(
            text(
                "INSERT INTO market.stall (id, hall_id, code, trade, status, invoice_mode, round_vnd,"
                " opened_on) VALUES (:id, :hall, 'B8', 'cá', 'active', 'on_request', 1, '2026-01-01')"
            ),
            {"id": stall_id, "hall": world.hall_id},
        )
    path = f"/to-cong-nghe/sap/{stall_id}"
    for step, fields in (
        ("nguoi", {**named(), "is_same": "1"}),
        ("dong-y", {"payments": "1"}),
    ):
        shown = (await team.get(path, headers={"accept": "text/html"})).text
        carried = {
            name: re.search(rf'name="{name}" value="([^"]*)"', shown)[1]
            for name in ("onboarding_id", "version")
        }
        answer = await team.post(f"{path}/{step}", data={**carried, **fields})
        assert answer.status_code == 303, answer.text
