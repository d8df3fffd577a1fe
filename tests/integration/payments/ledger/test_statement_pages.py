"""Pages of a statement: what they say and what they cost, for a vendor alone and for a large lane."""

import json
import re
from datetime import timedelta

import asyncpg
import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.util import await_only

import payments
from market import db as market_db
from market import ids
from payments.ledger import balances, bookkeeping, reading, statement_pages
from payments.ledger.accounts import lane_of

ROWS = 60_000


@pytest.fixture
def names(vendor):
    return [vendor.account(kind) for kind in ("bank", "sales", "suspense")]


@pytest.fixture
def transfer_of(vendor, now):
    def transfer(**changes):
        fields = {
            "id": ids.new(),
            "owner_id": vendor.id,
            "debit_id": vendor.account("bank").id,
            "credit_id": vendor.account("sales").id,
            "amount_vnd": 1_000,
            "kind": payments.TransferKind.OTHER,
            "occurred_at": now,
            "subject_id": vendor.place_id,
        }
        return payments.Transfer(**(fields | changes))

    return transfer


async def test_a_line_says_what_moved_and_against_which_account(
    db, ledger, transfer_of, names, vendor
):
    one = transfer_of(place_id=vendor.place_id)
    await ledger.post(one, opening=names)

    (line,) = await payments.statement(db, vendor.account("sales"))

    assert (line.transfer_id, line.amount_vnd, line.balance_vnd) == (one.id, 1_000, 1_000)
    assert (line.kind, line.other_id) == (payments.TransferKind.OTHER, vendor.account("bank").id)
    assert (line.subject_id, line.place_id) == (vendor.place_id, vendor.place_id)
    assert line.occurred_at == one.occurred_at


async def test_what_is_told_late_changes_the_past_by_time_and_not_by_record(
    db, ledger, transfer_of, names, vendor, now, database_url
):
    hour = timedelta(hours=1)
    sales = vendor.account("sales")
    await ledger.post(transfer_of(), opening=names)
    await payments.feed_statements(database_url, now=now)
    before = await payments.statement(db, sales)
    await ledger.post(transfer_of(amount_vnd=300, occurred_at=now - hour))
    await db.rollback()

    by_record = await payments.statement(db, sales)
    by_time = await payments.statement(db, sales, by="occurred")

    assert list(by_record[:1]) == list(before)
    assert [line.balance_vnd for line in by_record] == [1_000, 1_300]
    assert [(line.amount_vnd, line.balance_vnd) for line in by_time] == [(300, 300), (1_000, 1_300)]
    assert await payments.balance_vnd_at(db, sales, now - hour) == 300


async def test_a_cursor_by_time_must_be_one_of_the_account(db, vendor):
    with pytest.raises(payments.StatementCursorUnknown):
        await payments.statement(db, vendor.account("sales"), after=7, by="occurred")


async def test_a_vendor_sees_their_own_lines_alone(
    database, ledger, transfer_of, names, vendor, now, database_url
):
    await ledger.post(transfer_of(), opening=names)
    await payments.feed_statements(database_url, now=now)
    await ledger.post(transfer_of())  # in the journal alone
    seen = []

    for viewer in (
        market_db.Viewer(vendor_ids=(vendor.id,)),
        market_db.Viewer(vendor_ids=(ids.new(),)),
    ):
        async with database.as_viewer(viewer) as db:
            found = await payments.statement(db, vendor.account("sales"))
            at = await payments.balance_vnd_at(db, vendor.account("sales"), now)
            seen.append((len(found), at))

    assert seen == [(2, 2_000), (0, 0)]


async def test_books_thrown_away_between_two_looks_are_noticed(
    database_url, ledger, transfer_of, names, vendor, now
):
    await ledger.post(transfer_of(), opening=names)
    await payments.feed_statements(database_url, now=now)
    owner = await asyncpg.connect(database_url)
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"))
    looks = []

    async def forget() -> None:
        async with owner.transaction():
            await owner.execute(bookkeeping._FORGET)

    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def forget_before_the_second_look(connection, cursor, statement, *_):
        looks.append(statement)
        if len(looks) == 2:
            await_only(forget())

    async with market_db.Session(engine) as db:
        at = await payments.balance_vnd_at(db, vendor.account("sales"), now)
    await owner.close()
    await engine.dispose()

    assert at == 1_000
    assert len(looks) == 3


@pytest.fixture
async def large(database_url, now):
    """A lane of two vendors with 60,000 transfers in the books and a few beyond; one is small."""
    busy, small = ids.new(), None
    while small is None or lane_of(small) != lane_of(busy):
        small = ids.new()
    owner = await asyncpg.connect(database_url)
    for owner_id in (busy, small):
        for kind in ("bank", "sales"):
            name = payments.AccountName(owner_id, payments.AccountKind(kind))
            await owner.execute(
                "INSERT INTO payments.account (lane, id, owner_id, kind, place, balance_vnd, opened_at)"
                " VALUES ($1, $2, $3, $4, '', 0, $5)", lane_of(owner_id), name.id, owner_id, kind, now,
            )  # fmt: skip

    async def fill(owner_id, count):
        names = [
            payments.AccountName(owner_id, payments.AccountKind(kind)).id
            for kind in ("bank", "sales")
        ]
        await owner.execute(
            "INSERT INTO payments.transfer SELECT payments.event_base() | i, 1000,"
            " $1::timestamptz - interval '1 minute' * ($6::int - i), now(), $2::smallint, 12,"
            " (lpad(to_hex((extract(epoch FROM $1::timestamptz) * 1000)::bigint + i), 12, '0')"
            " || '7' || substr(md5($3::uuid::text || i || random()), 1, 19))::uuid, $3, $4, $5, $3, $3"
            " FROM generate_series(1, $6) i",
            now, lane_of(owner_id), owner_id, *names, count,
        )  # fmt: skip

    await fill(busy, ROWS)
    await fill(small, 50)
    await payments.feed_statements(database_url, now=now, row_count_max=100_000)
    for table in ("transfer", "entry", "account_day"):
        await owner.execute(f"VACUUM ANALYZE payments.{table}")
    await fill(small, 3)
    yield busy, small
    await owner.close()


async def touched(db, asked, name, **facts):
    """How many rows of the journal and of the books a query went over, thrown away ones too."""
    connection = await db.connection()
    fed_to = (await connection.execute(reading._FED_TO)).scalar_one()
    facts |= {"lane": lane_of(name.owner_id), "account_id": name.id, "sign": -1, "fed_to": fed_to}
    explained = reading.query(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked.text}")
    answer = (await connection.execute(explained, facts)).scalar_one()
    plan = answer if isinstance(answer, list) else json.loads(answer)

    def rows_of(node):
        rows = sum(rows_of(child) for child in node.get("Plans", ()))
        if re.match("transfer|entry|account_day", node.get("Relation Name", "")):
            removed = sum(value for key, value in node.items() if key.startswith("Rows Removed by"))
            rows += (node["Actual Rows"] + removed) * node["Actual Loops"]
        return rows

    return rows_of(plan[0]["Plan"])


async def test_a_page_reads_the_page_and_the_tail_and_never_the_lane(db, large, now):
    busy, small = large
    page = {"after": 0, "limit": 20, "since": None, "until": None}
    late = now - timedelta(days=2)
    cost = {}

    for owner_id, who in ((busy, "busy"), (small, "small")):
        sales = payments.AccountName(owner_id, payments.AccountKind.SALES)
        cost |= {
            (who, "by record"): await touched(db, statement_pages._BY_RECORD, sales, **page),
            (who, "by time"): await touched(
                db, statement_pages._BY_OCCURRENCE, sales, **(page | {"since": late})
            ),
            (who, "at, by time"): await touched(db, balances._AT_OCCURRED, sales, at=late),
        }

    # 128 pages of the journal are what its index by position tells apart: about 9,000 rows.
    assert {what: rows for what, rows in cost.items() if rows > 12_000} == {}


async def test_the_lane_is_as_large_as_the_test_believes(db, large):
    connection = await db.connection()

    count = (await connection.execute(text("SELECT count(*) FROM payments.transfer"))).scalar_one()

    assert count == ROWS + 53
