"""A vendor says which sale waiting money was for: the sale is paid as any other, and back again."""

import re
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text

from market import clock, ids
from market.flows.adoption import Sums
from payments import suspense

HTML = {"accept": "text/html"}


async def wait_for(as_, world, who="vendor"):
    answer = await as_(who).get(f"/api/stalls/{world.stall_id}/waiting-money")
    return answer.json()


async def state_of(as_, sale):
    return (await as_("vendor").get(f"/api/sales/{sale['sale_id']}")).json()


def page_of(world, case):
    return f"/ban-hang/{world.stall_id}/tien-cho/{case['receipt_id']}"


async def test_one_tap_makes_the_sale_paid_told_counted_and_gone_from_the_list(
    open_sale, notify, follow, as_, client, world, database
):
    sale = await open_sale(amount_vnd=50_000)
    await notify("NGUYEN VAN A chuyen tien", 50_000)
    await follow()
    (case,) = await wait_for(as_, world)
    page = await as_("vendor").get(page_of(world, case), headers=HTML)

    answer = await as_("vendor").post(
        page_of(world, case),
        data={"version": "0", "what": "refund", "payment": sale["payment_id"]},
        headers=HTML,
    )
    await follow()

    assert "Đây là tiền của đơn nào?" in page.text
    assert "Năm mươi nghìn đồng" in page.text
    assert sale["payment_id"] in page.text
    assert answer.status_code == 303
    paid = await state_of(as_, sale)
    assert (paid["state"], paid["received_vnd"]) == ("paid", 50_000)
    assert paid["echo_word"]
    shopper = (await client.get(f"/api/payments/{sale['payment_id']}")).json()
    assert shopper["state"] == "paid"
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (1, 50_000)
    assert await wait_for(as_, world) == []
    async with database.as_system() as db:
        rolled = (
            await db.execute(text("SELECT sale_count, sale_vnd FROM market.takings_hour"))
        ).all()
        told = await db.execute(
            text("SELECT data ->> 'state' FROM market.live_event WHERE kind = 'sale'")
        )
        states = [row[0] for row in told]
    assert rolled == [(1, 50_000)]
    assert states[-1] == "paid"


async def test_taken_back_the_sale_is_unpaid_and_no_figure_counts_it(
    open_sale, notify, follow, as_, world, database
):
    sale = await open_sale(amount_vnd=50_000)
    await notify("chuyen tien", 50_000)
    await follow()
    (case,) = await wait_for(as_, world)
    form = {"version": "0", "what": "refund", "payment": sale["payment_id"]}
    await as_("vendor").post(page_of(world, case), data=form, headers=HTML)
    await follow()

    answer = await as_("vendor").post(
        page_of(world, case) + "/lam-lai", data={"version": "1"}, headers=HTML
    )
    await follow()

    assert answer.status_code == 303
    assert (await state_of(as_, sale))["state"] == "cancelled"
    (again,) = await wait_for(as_, world)
    assert again["state"] == "open"
    async with database.as_system() as db:
        rolled = (
            await db.execute(text("SELECT sale_count, sale_vnd FROM market.takings_hour"))
        ).all()
    assert [Sums(*row) for row in rolled] == [Sums()]


async def test_money_of_no_sale_becomes_one_of_its_own(notify, follow, as_, world):
    await notify("chuyen tien", 30_000)
    await follow()
    (case,) = await wait_for(as_, world)

    await as_("vendor").post(
        page_of(world, case), data={"version": "0", "what": "new"}, headers=HTML
    )
    await follow()

    day = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/sales")).json()
    assert [(one["state"], one["amount_vnd"]) for one in day["sales"]] == [("paid", 30_000)]


async def test_more_money_than_the_sale_leaves_the_rest_to_be_given_back(
    open_sale, notify, follow, as_, world
):
    sale = await open_sale(amount_vnd=45_000)
    await notify("chuyen tien", 50_000)
    await follow()
    (case,) = await wait_for(as_, world)

    form = {"version": "0", "what": "refund", "payment": sale["payment_id"]}
    await as_("vendor").post(page_of(world, case), data=form, headers=HTML)
    await follow()
    page = await as_("vendor").get(page_of(world, case), headers=HTML)

    assert (await state_of(as_, sale))["received_vnd"] == 45_000
    assert "Phải trả lại khách" in page.text
    assert re.search(r"5\.000.₫", page.text)


async def test_two_people_with_the_same_page_open_decide_once(notify, follow, as_, world):
    await notify("chuyen tien", 30_000)
    await follow()
    (case,) = await wait_for(as_, world)
    await as_("vendor").post(
        page_of(world, case), data={"version": "0", "what": "new"}, headers=HTML
    )

    answer = await as_("vendor").post(
        page_of(world, case), data={"version": "0", "what": "refund"}, headers=HTML
    )

    assert answer.status_code == 409
    assert "vừa có thay đổi" in answer.text


async def test_a_tiny_transfer_shown_as_a_large_one_is_said_in_words_and_in_red(
    notify, follow, as_, world
):
    await notify("chuyen tien", 200)
    await follow()
    (case,) = await wait_for(as_, world)

    page = await as_("vendor").get(page_of(world, case), headers=HTML)

    assert "Hai trăm đồng" in page.text
    assert "Số tiền rất nhỏ" in page.text
    assert "note-brick" in page.text


async def test_nobody_else_sees_or_decides_about_it(notify, follow, as_, world):
    await notify("chuyen tien", 30_000)
    await follow()
    (case,) = await wait_for(as_, world)
    theirs = f"/ban-hang/{world.other_stall_id}/tien-cho/{case['receipt_id']}"

    by_stall = await as_("other").get(page_of(world, case), headers={"accept": "*/*"})
    by_own_stall = await as_("other").get(theirs)
    decided = await as_("other").post(theirs, data={"version": "0", "what": "new"})
    listed = await as_("other").get(f"/api/stalls/{world.other_stall_id}/waiting-money")

    assert (by_stall.status_code, by_own_stall.status_code) == (403, 404)
    assert (decided.status_code, listed.json()) == (404, [])


async def test_a_wrong_form_changes_nothing(notify, follow, as_, world):
    await notify("chuyen tien", 30_000)
    await follow()
    (case,) = await wait_for(as_, world)
    forms = [
        {},
        {"version": "x", "what": "new"},
        {"version": "0", "what": "mine"},
        {"version": "0", "what": "refund", "payment": "1"},
        {"version": "0", "what": "refund", "payment": str(ids.new())},
        {"version": "0", "what": "ignore"},
    ]

    answers = [await as_("vendor").post(page_of(world, case), data=form) for form in forms]

    assert [one.status_code for one in answers] == [400, 400, 400, 400, 404, 422]
    assert (await wait_for(as_, world))[0]["version"] == 0


async def test_the_list_shows_what_waits_and_what_was_decided(notify, follow, as_, world):
    empty = await as_("vendor").get(f"/ban-hang/{world.stall_id}/tien-cho", headers=HTML)
    for amount_vnd in (30_000, 40_000):
        await notify("chuyen tien", amount_vnd)
    await follow()
    case = (await wait_for(as_, world))[0]
    form = {"version": "0", "what": "ignore", "reason": "Trả nợ cũ"}
    await as_("vendor").post(page_of(world, case), data=form, headers=HTML)

    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/tien-cho", headers=HTML)
    takings = await as_("vendor").get(f"/ban-hang/{world.stall_id}/tien-ve", headers=HTML)
    clerk = await as_("clerk").get("/doi-soat", headers=HTML)

    assert "Không có khoản nào chưa rõ" in empty.text
    assert "Không phải bán hàng" in page.text
    assert re.search(r"40\.000.₫", page.text)
    assert "Tiền chưa rõ của đơn nào" in takings.text
    assert re.search(r"40\.000.₫", clerk.text)
    assert not re.search(r"30\.000.₫", clerk.text)


async def test_an_invoiced_sale_is_not_taken_back(open_sale, notify, follow, as_, world, database):
    sale = await open_sale(amount_vnd=50_000)
    await notify("chuyen tien", 50_000)
    await follow()
    (case,) = await wait_for(as_, world)
    form = {"version": "0", "what": "refund", "payment": sale["payment_id"]}
    await as_("vendor").post(page_of(world, case), data=form, headers=HTML)
    await follow()
    async with database.as_system() as db:
        await db.execute(
            text("UPDATE market.sale SET invoice_id = :id WHERE id = :id"), {"id": sale["sale_id"]}
        )

    answer = await as_("vendor").post(
        page_of(world, case) + "/lam-lai", data={"version": "1"}, headers=HTML
    )

    assert answer.status_code == 409
    assert (await state_of(as_, sale))["state"] == "paid"


async def test_a_decision_whose_request_was_cut_off_is_carried_out_by_the_job(
    notify, follow, work, as_, world, database
):
    await notify("chuyen tien", 30_000)
    await follow()
    (case,) = await wait_for(as_, world)
    command = suspense.Resolve(
        decision_id=ids.new(),
        receipt_id=UUID(case["receipt_id"]),
        version=0,
        parts=(suspense.Part(kind="sale", amount_vnd=0, place_id=world.stall_id),),
        decided_by=ids.new(),
    )
    async with database.as_system() as db:
        await suspense.plan(db, command, now=clock.now() - timedelta(minutes=1))
    (planned,) = await wait_for(as_, world)

    await work("finish_decisions")
    await work("finish_decisions")
    await follow()

    assert planned["state"] == "planned"
    assert await wait_for(as_, world) == []
    today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
    assert (today["cashless_count"], today["cashless_vnd"]) == (1, 30_000)
