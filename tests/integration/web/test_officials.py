import csv
import io
import re
from dataclasses import replace

import msgspec
import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import text

import payments
from market import adoption, clock, periods, published
from market.adoption import Scope


@pytest.fixture
def database_url(demo_url):
    return demo_url


@pytest.fixture
def plan(demo_plan):
    return demo_plan


@pytest.fixture
async def client(settings, application):
    app = application(replace(settings, demo=True))
    async with AsyncTestClient(app, base_url="http://testserver.local") as opened:
        opened.headers["accept"] = "text/html"
        yield opened


@pytest.fixture
async def ward_id(database, plan):
    async with database.as_system() as db:
        found = await db.execute(
            text("SELECT h.unit_id FROM market.hall h GROUP BY 1 ORDER BY count(*) DESC LIMIT 1")
        )
        return found.scalar_one()


async def be(client, person):
    answer = await client.get(f"/demo/la/{person.id}", follow_redirects=False)
    assert answer.status_code == 303


@pytest.fixture
async def official(client, plan):
    await be(client, plan.official)
    return client


async def test_the_ward_answers_in_one_sentence_with_four_meanings(official, ward_id):
    answer = await official.get(f"/phuong/{ward_id}")

    assert answer.status_code == 200
    assert "đã nhận tiền không dùng tiền mặt trong kỳ" in answer.text
    for meaning in ("Phủ: điểm có thể nhận", "Phát sinh: điểm đã nhận", "Theo số lần bán"):
        assert meaning in answer.text
    assert answer.text.count('<svg class="chart"') == 3


async def test_the_page_needs_no_inline_script_or_style(official, ward_id):
    answer = await official.get(f"/phuong/{ward_id}")

    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]*\ssrc=)", answer.text)


@pytest.mark.parametrize("who", ["operator", "clerk", "team", "helper"])
async def test_nobody_else_sees_a_ward(client, plan, ward_id, who):
    await be(client, getattr(plan, who))

    answer = await client.get(f"/phuong/{ward_id}")

    assert answer.status_code == 403


async def test_who_is_not_signed_in_is_led_to_the_sign_in_page(client, ward_id):
    answer = await client.get(f"/phuong/{ward_id}", follow_redirects=False)

    assert answer.status_code in {302, 303}
    assert "/dang-nhap" in answer.headers["location"]


async def test_an_official_sees_no_other_ward(official, database):
    async with database.as_system() as db:
        other = await db.execute(
            text("SELECT id FROM market.unit WHERE name = 'Hàm Rồng' AND valid_to IS NULL")
        )
        other_id = other.scalar_one()

    answer = await official.get(f"/phuong/{other_id}")

    assert answer.status_code == 403


async def test_both_calendars_print_their_days(official, ward_id):
    administrative = await official.get(f"/phuong/{ward_id}?lich=hanh-chinh&thang=2026-02")
    statistical = await official.get(f"/phuong/{ward_id}?lich=thong-ke&thang=2026-02")

    assert "15/01/2026" in administrative.text
    assert "14/02/2026" in administrative.text
    assert "01/02/2026" in statistical.text
    assert "28/02/2026" in statistical.text


@pytest.mark.parametrize("month", ["2026-13", "abc", "2999-01", "2026-00"])
async def test_a_month_that_is_none_is_refused_in_a_sentence(official, ward_id, month):
    answer = await official.get(f"/phuong/{ward_id}?thang={month}")

    assert answer.status_code == 400
    assert "Kỳ báo cáo này không có" in answer.text


async def test_a_figure_opens_to_formula_terms_and_parts(official, ward_id):
    answer = await official.get(f"/phuong/{ward_id}/so-lieu/B1")

    assert answer.status_code == 200
    assert "÷" in answer.text
    assert "Chợ Điện Biên" in answer.text
    assert "Tính lại từ sổ cái" in answer.text


async def test_recomputing_from_the_ledger_agrees_to_the_dong(official, ward_id):
    page = await official.get(f"/phuong/{ward_id}/so-lieu/B3")
    token = re.search(r'name="_csrf_token" value="([^"]+)"', page.text)
    assert token is not None

    answer = await official.post(
        f"/phuong/{ward_id}/so-lieu/B3", data={"_csrf_token": token.group(1)}
    )

    assert answer.status_code == 200
    assert "Khớp đến từng đồng" in answer.text


async def test_a_difference_of_one_dong_is_shown_in_red(official, ward_id, database):
    async with database.as_system() as db:
        await db.execute(text("UPDATE market.takings_hour SET sale_vnd = sale_vnd + 1"))
    page = await official.get(f"/phuong/{ward_id}/so-lieu/B3")
    token = re.search(r'name="_csrf_token" value="([^"]+)"', page.text)
    assert token is not None

    answer = await official.post(
        f"/phuong/{ward_id}/so-lieu/B3", data={"_csrf_token": token.group(1)}
    )

    assert "Lệch với sổ cái" in answer.text


async def test_the_page_drills_down_to_areas_halls_and_stalls(official, ward_id, plan):
    page = await official.get(f"/phuong/{ward_id}")
    area = re.search(rf"/phuong/{ward_id}/khu-vuc/[0-9a-f-]+", page.text)
    assert area is not None

    in_area = await official.get(area.group(0))
    in_hall = await official.get(f"/phuong/{ward_id}/cho/{plan.halls[0].id}")

    assert in_area.status_code == 200
    assert "khu vực" in in_area.text
    assert in_hall.status_code == 200
    assert "A01" in in_hall.text


async def test_a_hall_of_another_ward_is_not_found_under_this_one(official, ward_id, plan):
    elsewhere = next(hall for hall in plan.halls if hall.site.unit_code == "16522")

    answer = await official.get(f"/phuong/{ward_id}/cho/{elsewhere.id}")

    assert answer.status_code == 404


async def test_the_spreadsheet_holds_every_level_with_its_terms(official, ward_id):
    answer = await official.get(f"/phuong/{ward_id}/so-lieu.csv")

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    places = {row["Nơi"] for row in rows}
    coverage = next(row for row in rows if row["Mã"] == "A3")

    assert answer.headers["content-type"].startswith("text/csv")
    assert "Chợ Điện Biên" in places
    assert "khu vực Điện Biên" in places
    assert 0 < int(coverage["Tử số"]) <= int(coverage["Mẫu số"])


async def test_today_so_far_is_a_fragment_of_its_own(official, ward_id):
    answer = await official.get(f"/phuong/{ward_id}/luc-nay")

    assert answer.status_code == 200
    assert 'id="now"' in answer.text
    assert "<html" not in answer.text


async def test_english_is_complete_on_the_page(official, ward_id):
    official.cookies.set("cho_locale", "en")

    answer = await official.get(f"/phuong/{ward_id}")

    assert answer.status_code == 200
    assert "of the points of sale took cashless money" in answer.text


async def test_the_operator_sees_the_register_with_the_state_of_each_stall(client, plan):
    await be(client, plan.operator)

    answer = await client.get(f"/quan-ly/{plan.halls[0].id}")
    sheet = await client.get(f"/quan-ly/{plan.halls[0].id}/so-quay.csv")

    assert answer.status_code == 200
    assert "Đang dùng" in answer.text
    assert "chưa được quét kiểm tra" in answer.text
    assert len(sheet.content.decode("utf-8-sig").splitlines()) == 1 + len(plan.halls[0].stalls)


async def test_an_official_is_no_operator(official, plan):
    answer = await official.get(f"/quan-ly/{plan.halls[0].id}")

    assert answer.status_code == 403


async def test_a_figure_shows_the_ledgers_seal_and_gives_it_away_to_be_kept(
    official, ward_id, database_url, database
):
    await payments.seal(database_url, now=clock.now())

    page = await official.get(f"/phuong/{ward_id}/so-lieu/B3")
    kept = await official.get(f"/phuong/{ward_id}/dau-so-cai.json")

    async with database.as_system() as db:
        heads = await payments.chain_heads(db)
    assert heads.number > 0
    assert heads.hash in page.text
    assert msgspec.json.decode(kept.content, type=payments.ChainHeads) == heads
    assert (await payments.audit(database_url, heads=heads)).is_clean


async def test_days_of_few_vendors_are_left_empty_beside_one_that_covers_them(
    official, ward_id, database
):
    async with database.as_system() as db:
        unit = Scope("unit", ward_id)
        period = periods.month_of("administrative", clock.local_day(clock.now())).until(
            clock.local_day(clock.now())
        )
        stalls = await adoption.stalls_of(db, unit, period)
        told = published.published(stalls, period)
        series = {
            hall: await published.days_published(
                db, ward_id, Scope("hall", hall), period, stalls, told
            )
            for hall in told.halls
            if hall
        }
        whole = await published.days_published(db, ward_id, unit, period, stalls, told)
        raw = {hall: await adoption.days_of(db, Scope("hall", hall), period) for hall in series}

    hidden = 0
    for index, day in enumerate(whole):
        away = [one for one in series if sums(series[one][index]) != sums(raw[one][index])]
        hidden += len(away)
        assert len(away) != 1 or not day.vendor_count
    assert hidden


def sums(day):
    return day.cashless_vnd, day.cash_vnd
