from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from market import adoption, periods
from market.adoption import Scope
from market.flows import adoption as flow
from market.flows.context import Event
from market.periods import Period

DAY = date(2026, 11, 14)
LAST_SECOND = datetime(2026, 11, 14, 16, 59, 59, tzinfo=UTC)
"""23:59:59 of that day in Vietnam."""


@pytest.fixture
def database_url(world_url):
    return world_url


@pytest.fixture
def plan(world_plan):
    return world_plan


@pytest.fixture
def used(plan):
    return [one for one in plan.halls[0].stalls if one.cashless_per_day > 0]


@pytest.fixture
def hall(plan):
    return Scope("hall", plan.halls[0].id)


def receipt(stall, *, outcome="settled", booked_vnd=50_000, at=LAST_SECOND, **others):
    data = {
        "receipt_id": "01a1fd03-14c0-74d7-96fc-08e0a40085d3",
        "place_id": str(stall.id),
        "gateway": "sepay",
        "outcome": outcome,
        "amount_vnd": 60_000,
        "booked_vnd": booked_vnd,
        "purpose": "sale",
        "occurred_at": at.isoformat(),
        **others,
    }
    return Event("receipt.recorded", None, None, data, at)


async def rolled(db):
    rows = await db.execute(
        text("SELECT stall_id, hour, method, sale_count, sale_vnd FROM market.takings_hour")
    )
    return sorted(tuple(row) for row in rows)


async def test_booked_money_is_added_to_its_stall_hour_and_method(database, used):
    async with database.as_system() as db:
        for _ in range(2):
            await flow.takings_rolled_up(db, receipt(used[0]), LAST_SECOND)
        found = await rolled(db)

    hour = datetime(2026, 11, 14, 16, tzinfo=UTC)
    assert found == [(used[0].id, hour, "vietqr", 2, 100_000)]


@pytest.mark.parametrize(
    "outcome", ["short", "late", "unmatched", "suggested", "foreign_code", "duplicate_payment"]
)
async def test_money_in_suspense_is_no_takings(database, used, outcome):
    event = receipt(used[0], outcome=outcome, booked_vnd=0)

    async with database.as_system() as db:
        await flow.takings_rolled_up(db, event, LAST_SECOND)

        assert await rolled(db) == []


async def test_a_test_payment_is_no_takings(database, used):
    event = receipt(used[0], purpose="test", booked_vnd=0)

    async with database.as_system() as db:
        await flow.takings_rolled_up(db, event, LAST_SECOND)

        assert await rolled(db) == []


@pytest.mark.parametrize(
    ("outcome", "gateway", "method"),
    [
        ("stand", "sepay", "stand"),
        ("cash", "cash", "cash"),
        ("settled", "vnpay", "vnpay"),
        ("over", "stripe", "stripe"),
        ("settled", "casso", "vietqr"),
    ],
)
async def test_each_road_is_counted_by_itself(database, used, outcome, gateway, method):
    event = receipt(used[0], outcome=outcome, gateway=gateway)

    async with database.as_system() as db:
        await flow.takings_rolled_up(db, event, LAST_SECOND)

        assert [row[2] for row in await rolled(db)] == [method]


async def test_a_sale_belongs_to_the_vietnamese_day_the_bank_credited_it(database, used, hall):
    following = receipt(used[0], at=LAST_SECOND + timedelta(seconds=1))

    async with database.as_system() as db:
        await flow.takings_rolled_up(db, receipt(used[0]), LAST_SECOND)
        await flow.takings_rolled_up(db, following, LAST_SECOND)
        days = await adoption.days_of(db, hall, Period(DAY, DAY + timedelta(days=1)))

    assert [(one.day, one.cashless_count) for one in days] == [
        (DAY, 1),
        (DAY + timedelta(days=1), 1),
    ]


async def test_selling_days_and_cash_days_are_local_days(database, used, hall):
    cash = {"outcome": "cash", "gateway": "cash"}

    async with database.as_system() as db:
        await flow.takings_rolled_up(db, receipt(used[0], **cash), LAST_SECOND)
        morning = receipt(used[0], at=LAST_SECOND - timedelta(hours=23), **cash)
        await flow.takings_rolled_up(db, morning, LAST_SECOND)
        stalls = await adoption.stalls_of(db, hall, Period(DAY - timedelta(days=5), DAY))

    seller = next(one for one in stalls if one.stall_id == used[0].id)
    assert (seller.selling_days, seller.cash_days, seller.cash_count) == (1, 1, 2)


async def test_a_code_counts_while_it_is_issued_verified_and_not_retired(database, used, hall):
    async def has_code(db, day):
        stalls = await adoption.stalls_of(db, hall, periods.one_day(day))
        return next(one.has_code for one in stalls if one.stall_id == used[0].id)

    async with database.as_system() as db:
        await db.execute(
            text("UPDATE market.stand SET retired_at = :at WHERE stall_id = :stall"),
            {"at": LAST_SECOND, "stall": used[0].id},
        )

        assert not await has_code(db, date(2026, 10, 13))
        assert await has_code(db, date(2026, 10, 15))
        assert not await has_code(db, DAY)


async def test_a_stall_that_ended_or_was_not_yet_open_is_not_active(database, used, hall):
    async def active(db, day):
        stalls = await adoption.stalls_of(db, hall, periods.one_day(day))
        return next(one.is_active for one in stalls if one.stall_id == used[0].id)

    async with database.as_system() as db:
        await db.execute(
            text("UPDATE market.stall SET ended_on = :day WHERE id = :stall"),
            {"day": DAY, "stall": used[0].id},
        )

        assert not await active(db, date(2026, 10, 14))
        assert await active(db, DAY - timedelta(days=1))
        assert not await active(db, DAY)


async def test_row_level_security_shows_an_official_the_coverage_without_an_account(
    database, plan, hall
):
    from market import people

    async with database.as_system() as db:
        official = await people.viewer_of(db, plan.official.id, DAY)
        truth = await adoption.stalls_of(db, hall, periods.one_day(DAY))
    assert official is not None

    async with database.as_viewer(official.viewer) as db:
        seen = await adoption.stalls_of(db, hall, periods.one_day(DAY))
        accounts = (
            await db.execute(text("SELECT count(*) FROM market.payee_account"))
        ).scalar_one()

    assert seen == truth
    assert any(one.has_code for one in seen)
    assert accounts == 0
