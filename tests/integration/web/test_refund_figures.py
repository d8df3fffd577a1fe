"""What went back is taken off: in the vendor's takings, in the ward's figures, and by the ledger too."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from market import adoption, clock, ids, periods
from market.adoption import Scope
from market.flows import adoption as flow
from market.flows.adoption import Sums


@pytest.fixture
def paid(open_sale, notify, follow):
    """A sale that a transfer, or several, paid."""

    async def sold(amount_vnd, *parts):
        sale = await open_sale(amount_vnd=amount_vnd)
        for part in parts or (amount_vnd,):
            await notify(sale["memo"], part)
        await follow()
        return sale

    return sold


@pytest.fixture
def give_back(as_, notify, follow, work):
    """So much goes back by hand, as the bank shows it."""

    async def given(sale, amount_vnd):
        answer = await as_("vendor").post(
            f"/api/sales/{sale['sale_id']}/refunds",
            json={"refund_id": str(ids.new()), "amount_vnd": amount_vnd},
        )
        assert answer.status_code == 201, answer.text
        await notify(answer.json()["code"], amount_vnd, transferType="out")
        await follow()
        await work("book_refunds")
        await follow()

    return given


@pytest.fixture
def seen(database, world, as_):
    """Today's takings of the stall, its figures, and what the ledger alone says."""

    async def look():
        day = periods.one_day(clock.local_day(clock.now()))
        scope = Scope("unit", world.unit_id)
        today = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/today")).json()
        async with database.as_system() as db:
            stalls = await adoption.stalls_of(db, scope, day)
            days = await adoption.days_of(db, scope, day)
            check = await flow.recompute(db, scope, day)
        figures = adoption.figures_of(stalls, day, seen_by_operator=True)
        return today, figures, days, check

    return look


async def test_a_part_that_went_back_is_taken_off_and_the_sale_still_counts(paid, give_back, seen):
    sale = await paid(64_000)
    await paid(30_000)

    await give_back(sale, 14_000)

    today, figures, (day,), check = await seen()
    assert (today["refund_count"], today["refund_vnd"], today["kept_vnd"]) == (1, 14_000, 80_000)
    assert (figures["B2"].value, figures["B3"].value) == (2, 80_000)
    assert (day.cashless_count, day.cashless_vnd) == (2, 80_000)
    assert check.differences == ()
    assert check.ledger == Sums(2, 94_000, 0, 0, 1, 14_000, 0)


async def test_a_sale_that_went_back_whole_in_two_parts_is_counted_no_more(paid, give_back, seen):
    sale = await paid(64_000)
    await paid(30_000)

    await give_back(sale, 14_000)
    await give_back(sale, 50_000)

    today, figures, _, check = await seen()
    assert (today["refund_count"], today["kept_vnd"]) == (2, 30_000)
    assert (figures["B1"].numerator, figures["B2"].value, figures["B3"].value) == (1, 1, 30_000)
    assert check.differences == ()
    assert check.ledger.reversed_count == 1


async def test_a_sale_that_was_paid_in_parts_goes_back_whole_only_with_all_of_them(
    paid, give_back, seen
):
    sale = await paid(64_000, 24_000, 40_000)

    await give_back(sale, 40_000)
    _, before, _, _ = await seen()
    await give_back(sale, 24_000)

    _, figures, _, check = await seen()
    assert (before["B2"].value, before["B3"].value) == (1, 24_000)
    assert (figures["B2"].value, figures["B3"].value) == (0, 0)
    assert figures["B4"].value is None
    assert check.differences == ()


async def test_too_much_that_is_given_back_was_never_takings(
    paid, seen, as_, world, notify, follow, work
):
    sale = await paid(64_000, 70_000)
    (case,) = (await as_("vendor").get(f"/api/stalls/{world.stall_id}/waiting-money")).json()
    await as_("vendor").post(
        f"/ban-hang/{world.stall_id}/tien-cho/{case['receipt_id']}",
        data={"version": "0", "what": "refund"}, headers={"accept": "text/html"},
    )  # fmt: skip
    await follow()
    [asked] = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}/refunds")).json()["refunds"]
    await notify(asked["code"], 6_000, transferType="out")
    await follow()
    await work("book_refunds")
    await follow()

    today, figures, _, check = await seen()
    assert (today["refund_count"], today["kept_vnd"]) == (0, 64_000)
    assert figures["B3"].value == 64_000
    assert check.differences == ()


async def test_a_refund_is_of_its_own_day_and_the_day_it_was_sold_stays_as_it_was_told(
    paid, give_back, database, world
):
    sale = await paid(64_000)
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.takings_hour SET hour = hour - INTERVAL '1 day'"))

    await give_back(sale, 64_000)

    today = clock.local_day(clock.now())
    async with database.as_system() as db:
        days = await adoption.days_of(
            db, Scope("stall", world.stall_id), periods.Period(today - timedelta(days=1), today)
        )
        stalls = await adoption.stalls_of(
            db, Scope("stall", world.stall_id), periods.one_day(today)
        )
    figures = adoption.figures_of(stalls, periods.one_day(today), seen_by_operator=True)
    assert [one.cashless_vnd for one in days] == [64_000, -64_000]
    assert (figures["B3"].value, figures["B4"].value, figures["B7"].value) == (-64_000, None, None)


async def test_a_figure_that_was_changed_is_told_apart_from_the_ledger(paid, give_back, seen, db):
    await give_back(await paid(64_000), 14_000)
    await db.execute(text("UPDATE market.refund_hour SET refund_vnd = refund_vnd + 1"))
    await db.commit()

    *_, check = await seen()

    (one,) = check.differences
    assert (one.rolled.refund_vnd, one.ledger.refund_vnd) == (14_001, 14_000)


async def test_the_days_page_shows_what_went_back(paid, give_back, as_, world):
    await give_back(await paid(64_000), 14_000)

    page = await as_("vendor").get(
        f"/ban-hang/{world.stall_id}/tien-ve", headers={"accept": "text/html"}
    )

    assert "Đã hoàn cho khách" in page.text
    assert "50.000" in page.text


@pytest.fixture
def assign(as_, world, notify, follow, database):
    """Money that named no sale, and what the vendor said it was for; the sale."""

    async def assigned(amount_vnd, **said):
        await notify("NGUYEN VAN A chuyen tien", amount_vnd)
        await follow()
        listed = await as_("vendor").get(f"/api/stalls/{world.stall_id}/waiting-money")
        (case,) = listed.json()
        answer = await as_("vendor").post(
            f"/ban-hang/{world.stall_id}/tien-cho/{case['receipt_id']}",
            data={"version": "0", **said},
        )
        assert answer.status_code == 303, answer.text
        await follow()
        async with database.as_system() as db:
            found = await db.execute(text("SELECT id FROM market.sale WHERE state = 'paid'"))
            return {"sale_id": str(found.scalar_one())}

    return assigned


@pytest.mark.parametrize("what", ["its sale", "a new one"])
async def test_a_sale_paid_by_assigned_money_is_given_back_from_its_page_and_counted(
    open_sale, assign, give_back, seen, as_, world, what
):
    waiting = await open_sale(amount_vnd=50_000)
    said = (
        {"what": "refund", "payment": waiting["payment_id"]}
        if what == "its sale"
        else {"what": "new"}
    )
    sale = await assign(50_000, **said)
    page = await as_("vendor").get(f"/ban-hang/{world.stall_id}/hoan-tien/{sale['sale_id']}")

    await give_back(sale, 20_000)
    _, part, _, _ = await seen()
    await give_back(sale, 30_000)

    today, whole, _, check = await seen()
    listed = (await as_("vendor").get(f"/api/sales/{sale['sale_id']}/refunds")).json()
    assert "50.000" in page.text
    assert (part["B2"].value, part["B3"].value) == (1, 30_000)
    assert (whole["B2"].value, whole["B3"].value) == (0, 0)
    assert (today["refund_count"], today["refund_vnd"]) == (2, 50_000)
    assert check.differences == ()
    assert listed["left_vnd"] == 0
    assert [one["state"] for one in listed["refunds"]] == ["done", "done"]


async def test_the_operators_today_is_what_was_kept_with_what_came_behind_a_tap(
    paid, give_back, as_, world
):
    sale = await paid(64_000)
    await paid(30_000)
    await give_back(sale, 14_000)

    page = await as_("operator").get(f"/quan-ly/{world.hall_id}", headers={"accept": "text/html"})

    first, _, behind = page.text.partition("<details")
    assert "80.000" in first
    assert "94.000" not in first
    assert "94.000" in behind
    assert "-14.000" in behind
