from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

import payments
from market import adoption, clock
from market.adoption import Scope
from market.demo import command, history, invoicing, rhythm, roles, world
from market.demo import main as demo
from market.demo.plan import Dealer, world_plan
from market.flows import adoption as flow
from market.periods import Period
from market.settings import Settings

BEGAN = datetime(2026, 11, 20, 17, tzinfo=UTC)


@pytest.fixture
def database_url(demo_url):
    return demo_url


@pytest.fixture
def plan(demo_plan):
    return demo_plan


@pytest.fixture
def period(demo_began, demo_now):
    return Period(clock.local_day(demo_began), clock.local_day(demo_now))


@pytest.fixture
async def unit(database):
    async with database.as_system() as db:
        found = await db.execute(
            text("SELECT h.unit_id FROM market.hall h GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        )
        return found.scalar_one()


def test_the_same_seed_makes_the_same_world():
    assert world_plan(7, BEGAN) == world_plan(7, BEGAN)
    assert world_plan(7, BEGAN) != world_plan(8, BEGAN)


def test_dealt_ids_are_uuids_of_version_7_that_grow_with_time():
    dealer = Dealer(1, BEGAN)

    dealt = [dealer.id(BEGAN + timedelta(seconds=second)) for second in range(50)]

    assert {one.version for one in dealt} == {7}
    assert dealt == sorted(dealt)


async def test_the_world_has_halls_streets_stalls_and_somebody_for_every_role(database, plan):
    async with database.as_system() as db:
        halls = (await db.execute(text("SELECT kind, count(*) FROM market.hall GROUP BY 1"))).all()
        stalls = (await db.execute(text("SELECT count(*) FROM market.stall"))).scalar_one()
        cards = await roles.start_page_roles(db)

    assert dict(tuple(row) for row in halls) == {"hall": 7, "street": 1}
    assert stalls >= 60
    assert {
        "vendor",
        "shopper",
        "official",
        "helper",
        "team",
        "operator",
        "clerk",
        "second_clerk",
    } == {one.role for one in cards}


async def test_a_world_that_stands_is_left_as_it_is(database, plan):
    async with database.as_system() as db:
        again = await world.demo_world(db, 7, BEGAN)

    assert again == plan


async def test_the_history_is_in_the_ledger_and_the_roll_up_agrees_to_the_dong(
    database, unit, period
):
    async with database.as_system() as db:
        found = await flow.recompute(db, Scope("unit", unit), period)
        stalls = await adoption.stalls_of(db, Scope("unit", unit), period)

    assert found.ledger.cashless_count > 100
    assert found.differences == ()
    assert found.ledger == found.rolled
    assert found.ledger.cashless_vnd == sum(one.cashless_vnd for one in stalls) > 0


async def test_the_ledger_of_the_history_adds_up(database):
    report = await payments.audit(database.url)

    assert report.problems == ()


async def test_coverage_and_activation_are_believable(database, unit, period):
    async with database.as_system() as db:
        stalls = await adoption.stalls_of(db, Scope("unit", unit), period)
    found = adoption.figures_of(stalls, period)

    assert 72 <= found["A3"].value <= 98
    assert 40 <= found["B1"].value <= 85
    assert 25 <= found["B6"].value <= 60


async def test_a_difference_of_one_dong_is_found(database, unit, period):
    async with database.as_system() as db:
        await db.execute(
            text(
                "UPDATE market.takings_hour SET sale_vnd = sale_vnd + 1"
                " WHERE (stall_id, hour, method) ="
                " (SELECT stall_id, hour, method FROM market.takings_hour t"
                "  JOIN market.stall s ON s.id = t.stall_id JOIN market.hall h ON h.id = s.hall_id"
                "  WHERE h.unit_id = :unit LIMIT 1)"
            ),
            {"unit": unit},
        )
        found = await flow.recompute(db, Scope("unit", unit), period)

    assert len(found.differences) == 1
    assert found.rolled != found.ledger


async def test_another_seeds_world_is_told_apart_from_the_one_that_stands(database, plan):
    async with database.as_system() as db:
        assert await world.fits(db, plan)
        assert not await world.fits(db, world_plan(8, BEGAN))


def test_the_same_day_is_traded_the_same_way_again(plan):
    memos = {one.id: "CHOABC123" for one in plan.stalls() if one.stand_id}
    end = BEGAN + timedelta(days=1)

    once = list(history.past_sales(plan, 7, memos, BEGAN, end))
    again = list(history.past_sales(plan, 7, memos, BEGAN, end))

    assert once == again
    assert len({one.id for one in once}) == len(once) > 300
    assert all(BEGAN <= one.at < end for one in once)


def test_busy_hours_are_busier_and_feasts_busiest():
    assert rhythm.per_hour(7) > rhythm.per_hour(12) > rhythm.per_hour(2) > 0
    assert rhythm.lunar_day(date(2026, 11, 9)) == 1
    assert rhythm.lunar_day(date(2026, 11, 23)) == 15
    assert rhythm.day_factor(date(2026, 11, 9)) == 1.5
    assert rhythm.day_factor(date(2027, 2, 1)) > 2


def test_a_demo_says_plainly_what_it_cannot_be_asked(capsys):
    with pytest.raises(SystemExit) as stopped:
        demo(["--speed", "0"])

    assert stopped.value.code == 2
    assert "--speed" in capsys.readouterr().err


async def test_vendors_who_issue_invoices_are_registered_once_and_their_sales_wait(
    database, tmp_path
):
    settings = Settings(database_url=database.url, data=tmp_path)

    first = await invoicing.register(database, settings, clock.now())
    again = await invoicing.register(database, settings, clock.now())
    waiting = await command.ask_for_invoices(database, clock.now())

    assert first > 1
    assert again == 0
    assert waiting == 60
