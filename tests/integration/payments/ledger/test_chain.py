"""The chain grows over everything that was recorded, and whatever is changed behind it is named."""

import asyncio
import os
import re
import signal
import sys
from datetime import UTC, datetime
from itertools import pairwise

import asyncpg
import pytest

import payments
from market import ids
from payments.ledger.comparison import KEPT, LINKS, ROWS
from payments.ledger.links import ROUNDS

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
COLUMNS = {
    "position": "position = position - 1",
    "amount_vnd": "amount_vnd = amount_vnd + 1",
    "occurred_at": "occurred_at = occurred_at + interval '1 us'",
    "recorded_at": "recorded_at = recorded_at - interval '1 us'",
    "lane": "lane = 6",
    "kind": "kind = 1",
    "id": "id = translate(id::text, '01', '10')::uuid",
    "owner_id": "owner_id = gen_random_uuid()",
    "debit_id": "debit_id = gen_random_uuid()",
    "credit_id": "credit_id = gen_random_uuid()",
    "subject_id": "subject_id = gen_random_uuid()",
    "place_id": "place_id = gen_random_uuid()",
}
PUT_IN = """
INSERT INTO payments.transfer
SELECT {position}, amount_vnd, occurred_at, recorded_at, lane, kind, '{id}', owner_id, debit_id,
       credit_id, subject_id, place_id FROM payments.transfer WHERE id = '{like}'
"""
SEAL = "lane = 5 AND number = 2"
LAST = "number = (SELECT max(number) FROM payments.seal s WHERE s.lane = seal.lane)"


def said(report, check):
    return " ".join(problem.sentence for problem in report.problems if problem.check == check)


async def fetch(url, query, *arguments):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(query, *arguments)
    finally:
        await connection.close()


async def insert(connection, count=1, lane=9):
    """Bare rows of the journal, as a transaction writes them; the chain asks for no more."""
    await connection.execute(
        "INSERT INTO payments.transfer SELECT payments.event_base() | n, n, now(), now(), $2, 12,"
        " gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(),"
        " gen_random_uuid(), gen_random_uuid() FROM generate_series(1, $1::int) n",
        count,
        lane,
    )


@pytest.fixture
async def writer(database_url):
    """A connection of the owner of a fresh database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


# ── Sealing ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_chain_has_numbers_without_gaps_and_each_link_follows_the_one_before(books):
    links = await fetch(books.url, "SELECT * FROM payments.seal ORDER BY lane, number")

    ends = {}
    for link in links:
        number, head = ends.get(link["lane"], (0, bytes(32)))
        assert (link["number"], link["previous"]) == (number + 1, head)
        ends[link["lane"]] = (link["number"], link["hash"])
    assert set(ends) == {ROUNDS, 5, 6, 7}
    assert max(link["row_count"] for link in links if link["lane"] != ROUNDS) == 3


async def test_heads_are_the_last_links_and_the_last_round_stands_for_all(books, database):
    async with database.as_system() as db:
        assert await payments.chain_heads(db) == payments.ChainHeads()

    last = await fetch(books.url, f"SELECT * FROM payments.seal WHERE {LAST} ORDER BY lane")
    whole, *lanes = last
    assert (books.heads.number, books.heads.hash) == (whole["number"], whole["hash"].hex())
    assert [(head.lane, head.number, head.hash) for head in books.heads.lanes] == [
        (link["lane"], link["number"], link["hash"].hex()) for link in lanes
    ]


async def test_sealing_takes_what_is_new_and_then_nothing(database_url, writer):
    await insert(writer, 10, lane=3)
    await insert(writer, 5, lane=4)

    runs = [
        await payments.seal(database_url, now=NOW, role="market_system", row_count_max=4)
        for _ in range(2)
    ]
    await insert(writer)
    runs.append(await payments.seal(database_url, now=NOW, role="market_system"))

    assert runs == [
        payments.Sealed(row_count=15, seal_count=5, round_count=1),
        payments.Sealed(),
        payments.Sealed(row_count=1, seal_count=1, round_count=1),
    ]


async def test_a_long_journal_is_sealed_in_rounds_that_never_part_a_position(
    database_url, writer, monkeypatch
):
    monkeypatch.setattr("payments.ledger.chain.ROUND_ROW_COUNT_MAX", 100)
    await writer.execute("SET session_replication_role = replica")
    await insert(writer, 950)
    await writer.execute(
        "UPDATE payments.transfer SET position = position / 7 * 7"  # seven rows at each
    )

    sealed = await payments.seal(database_url, now=NOW, row_count_max=60)

    ends = await writer.fetch(
        f"SELECT position_first, position_last FROM payments.seal WHERE lane = {ROUNDS} ORDER BY 1"
    )
    assert (sealed.row_count, sealed.round_count) == (950, len(ends))
    assert len(ends) == 10
    assert all(a["position_last"] < b["position_first"] for a, b in pairwise(ends))
    assert said(await payments.audit(database_url), LINKS) == ""


async def test_rows_of_a_slow_transaction_are_never_skipped(database_url, writer):
    slow = await asyncpg.connect(database_url)
    await slow.execute("BEGIN")
    await insert(slow, lane=1)
    await insert(writer, lane=2)

    meanwhile = await payments.seal(database_url, now=NOW)
    await slow.execute("COMMIT")
    after = await payments.seal(database_url, now=NOW)
    await slow.close()

    assert (meanwhile.row_count, after.row_count) == (0, 2)
    assert said(await payments.audit(database_url), ROWS) == ""


async def test_sealing_goes_on_after_a_dump_was_restored_on_another_server(
    database_url, writer, db
):
    await writer.execute("UPDATE payments.event_epoch SET ahead = 10000000")
    await insert(writer, 3)
    await payments.seal(database_url, now=NOW)
    await writer.execute("UPDATE payments.event_epoch SET ahead = 0")  # a younger server

    await payments.continue_after_restore(db)
    await db.commit()
    await insert(writer, 2)
    sealed = await payments.seal(database_url, now=NOW)

    assert sealed.row_count == 2
    assert said(await payments.audit(database_url), ROWS) == ""


async def test_of_two_sealers_one_waits_for_another_turn(database_url, writer):
    await insert(writer, 20)
    await writer.execute("BEGIN; LOCK TABLE payments.watermark IN SHARE MODE")
    first = asyncio.create_task(payments.seal(database_url, now=NOW))
    await blocked(database_url)

    second = await payments.seal(database_url, now=NOW)
    await writer.execute("COMMIT")

    assert second == payments.Sealed(is_busy=True)
    assert (await first).row_count == 20


async def blocked(url) -> int:
    """Wait until a sealer waits for a lock; its server process."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'payments-seal'"
        " AND wait_event_type = 'Lock' AND datname = current_database()"
    )
    return (await until(url, waiting))[0]["pid"]


async def until(url, query):
    """Ask until there is an answer."""
    while not (found := await fetch(url, query)):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)
    return found


@pytest.mark.parametrize("before", ["seal", "watermark"])
async def test_a_sealer_killed_between_statements_leaves_the_whole_round_or_nothing(
    database_url, writer, before
):
    await insert(writer, 20)
    await payments.seal(database_url, now=NOW)
    await insert(writer, 20)
    await writer.execute(f"BEGIN; LOCK TABLE payments.{before} IN SHARE MODE")
    sealer = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "import asyncio, datetime, sys, payments;"
        "asyncio.run(payments.seal(sys.argv[1], now=datetime.datetime(2026, 11, 23,"
        " tzinfo=datetime.UTC)))",
        database_url,
    )
    server = await blocked(database_url)

    os.kill(sealer.pid, signal.SIGKILL)
    await sealer.wait()
    await writer.execute("COMMIT")
    await until(
        database_url,
        "SELECT 1 WHERE NOT EXISTS"
        f" (SELECT FROM pg_stat_activity WHERE pid = {server} AND application_name <> '')",
    )

    left = await writer.fetchval(f"SELECT count(*) FROM payments.seal WHERE lane = {ROUNDS}")
    again = await payments.seal(database_url, now=NOW)
    sealed = await writer.fetchval("SELECT sum(row_count) FROM payments.seal WHERE lane = 9")
    assert left + again.round_count == 2
    assert sealed == 40
    assert said(await payments.audit(database_url), LINKS) == ""


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE payments.watermark SET position = position - 1",
        "DELETE FROM payments.watermark",
        f"DELETE FROM payments.seal WHERE lane = {ROUNDS}",
    ],
)
async def test_nothing_is_sealed_upon_a_broken_chain(database_url, writer, tampering):
    await insert(writer, 3)
    await payments.seal(database_url, now=NOW)
    await insert(writer, 3)
    await writer.execute("SET session_replication_role = replica")
    await writer.execute(tampering)

    with pytest.raises(payments.ChainBroken) as caught:
        await payments.seal(database_url, now=NOW)

    assert caught.value.position != caught.value.watermark
    assert "audit" in str(caught.value)


async def test_nothing_is_sealed_while_a_row_cannot_be_read(database_url, writer):
    await writer.execute("ALTER TABLE payments.transfer ALTER place_id DROP NOT NULL")
    await insert(writer, 3)
    await writer.execute("SET session_replication_role = replica")
    await writer.execute("UPDATE payments.transfer SET place_id = NULL WHERE amount_vnd = 2")

    with pytest.raises(payments.JournalUnreadable):
        await payments.seal(database_url, now=NOW)

    assert await writer.fetchval("SELECT count(*) FROM payments.seal") == 0


# ── Tampering with rows ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("row", [0, 2, -2], ids=["first", "middle", "last sealed"])
async def test_a_change_of_any_column_of_a_row_is_named(books, tampered, column, row):
    row_id = books.cash[row]

    report = await tampered(f"UPDATE payments.transfer SET {COLUMNS[column]} WHERE id = '{row_id}'")

    found = said(report, ROWS)
    if column == "id":
        assert f"Transfer {row_id}, sealed as row" in found
        assert "no seal knows it" in found
    else:
        assert found.count("was changed; now it says") == 1
        assert f"Transfer {row_id}, sealed as row" in found
    assert said(report, LINKS) == ""


@pytest.mark.parametrize("row", [0, 2, -2], ids=["first", "middle", "last sealed"])
async def test_a_removed_row_is_named_with_what_is_still_known_of_it(books, tampered, row):
    row_id = books.cash[row]

    report = await tampered(f"DELETE FROM payments.transfer WHERE id = '{row_id}'")

    assert re.fullmatch(
        rf"Transfer {row_id}, sealed as row \d of seal \d of lane 5, is gone\."
        r" Statements still say 100\d đ on account \S+, happened .* and 100\d đ on account .*\.",
        said(report, ROWS),
    )


@pytest.mark.parametrize("position", ["position", "position + 1", "1", "position - (1 << 20)"])
async def test_a_row_put_in_behind_the_seals_is_named(books, tampered, position):
    row_id = ids.new()

    report = await tampered(PUT_IN.format(position=position, id=row_id, like=books.cash[1]))

    assert re.match(
        f"Transfer {row_id} lies where everything is sealed, but no seal knows it: 1,001 đ from",
        said(report, ROWS),
    )
    assert said(report, LINKS) == ""


async def test_a_row_put_into_a_lane_without_seals_is_named(books, tampered):
    row_id = ids.new()
    put_in = PUT_IN.format(position=2, id=row_id, like=books.cash[1])

    report = await tampered(put_in, f"UPDATE payments.transfer SET lane = 60 WHERE id = '{row_id}'")

    assert f"Transfer {row_id} lies where everything is sealed" in said(report, ROWS)


async def test_two_rows_that_changed_places_are_both_named(books, tampered):
    first, second = books.cash[1], books.cash[2]
    swap = f"""
    UPDATE payments.transfer t SET position = o.position FROM payments.transfer o
    WHERE (t.id, o.id) IN (('{first}', '{second}'), ('{second}', '{first}'))
    """

    found = said(await tampered(swap), ROWS)

    assert f"Transfer {first}, sealed" in found
    assert f"Transfer {second}, sealed" in found
    assert found.count("was changed") == 2


async def test_a_row_of_the_tail_that_moves_behind_the_seals_is_named(books, tampered):
    report = await tampered(
        f"UPDATE payments.transfer SET position = 5 WHERE id = '{books.cash[-1]}'"
    )

    assert f"Transfer {books.cash[-1]} lies where everything is sealed" in said(report, ROWS)


async def test_a_sealed_row_that_moves_into_the_tail_is_named(books, tampered):
    report = await tampered(
        f"UPDATE payments.transfer SET position = 1::bigint << 60 WHERE id = '{books.cash[2]}'"
    )

    assert f"Transfer {books.cash[2]}, sealed as row" in said(report, ROWS)


async def test_a_journal_that_was_emptied_is_named_row_by_row(books, tampered):
    report = await tampered("DELETE FROM payments.transfer")

    for row_id in books.cash[:-1]:
        assert f"Transfer {row_id}, sealed as row" in said(report, ROWS)


async def test_of_rows_gone_in_masses_a_hundred_are_named_and_the_rest_counted(
    database_url, writer
):
    await insert(writer, 500)
    await payments.seal(database_url, now=NOW)
    await writer.execute("SET session_replication_role = replica")
    await writer.execute("DELETE FROM payments.transfer WHERE amount_vnd > 100")

    report = await payments.audit(database_url)

    found = [problem.sentence for problem in report.problems if problem.check == ROWS]
    assert len(found) == 100
    assert found[0] == "400 transfers are not where they were sealed."


# ── Tampering with seals ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ids = set_byte(ids, 20, 255 - get_byte(ids, 20))", "Seal 2 of lane 5 was changed: ids."),
        ("ids = substr(ids, 2)", "Seal 2 of lane 5 was changed: ids."),
        ("ids = ''", "Seal 2 of lane 5 was changed: ids."),
        (
            "leaves = set_byte(leaves, 9, 255 - get_byte(leaves, 9))",
            "Seal 2 of lane 5 was changed: leaves",
        ),
        ("leaves = ''", "Seal 2 of lane 5 was changed: leaves."),
        ("hash = sha256(hash)", "Seal 2 of lane 5 has another hash than round 1 closes over."),
        ("hash = sha256(hash)", "Seal 2 of lane 5 was changed: hash or sealed_at."),
        ("previous = sha256(hash)", "Seal 2 of lane 5 was changed: previous."),
        ("sealed_at = sealed_at + '1 us'", "Seal 2 of lane 5 was changed: hash or sealed_at."),
        ("position_first = position_first - 1", "Seal 2 of lane 5 was changed: position_first."),
        ("position_last = position_last + 1", "Seal 2 of lane 5 was changed: position_last."),
        ("position_last = 1::bigint << 60", "Seal 2 of lane 5 was changed: position_last."),
        ("row_count = 2", "Seal 2 of lane 5 was changed: row_count."),
        ("row_count = -5", "Seal 2 of lane 5 was changed: row_count."),
        ("amount_vnd = 9223372036854775807", "Seal 2 of lane 5 was changed: amount_vnd."),
        ("number = 77", "Seal 2 of lane 5 is gone"),
        ("number = 0", "Seal 0 of lane 5 has a number no seal was ever given."),
        ("lane = 64", "Seal 2 of lane 64 has a number no seal was ever given."),
        ("lane = 33", "Seal 2 of lane 33 belongs to no round."),
    ],
)
async def test_a_changed_seal_is_named_and_its_rows_are_not_accused(books, tampered, change, named):
    report = await tampered(f"UPDATE payments.seal SET {change} WHERE {SEAL}")

    assert named in said(report, LINKS)
    if not change.startswith(("number", "lane")):
        assert said(report, ROWS) == ""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ids = overlay(ids PLACING '\\x07' FROM 16)", "Round 1"),
        ("ids = overlay(ids PLACING '\\x7fffffff' FROM 9)", "Round 1"),
        ("ids = ''", "Round 1 was changed: ids."),
        ("leaves = set_byte(leaves, 9, 255 - get_byte(leaves, 9))", "Round 1 was changed: leaves."),
        ("hash = sha256(hash)", "Round 1 was changed: hash or sealed_at."),
        ("hash = sha256(hash)", "Round 2 does not follow the hash of the one before it."),
        ("previous = sha256(hash)", "Round 1 was changed: previous."),
        ("sealed_at = sealed_at + '1 us'", "Round 1 was changed: hash or sealed_at."),
        ("position_first = position_first - 1", "Round 1 was changed: position_first."),
        ("position_last = 1::bigint << 60", "Round 1 was changed: position_last."),
        ("position_last = 1", "Round 1 was changed: position_last."),
        ("row_count = row_count + 1", "Round 1 was changed: row_count."),
        ("amount_vnd = amount_vnd + 1", "Round 1 was changed: amount_vnd."),
        ("number = 77", "Round 1 is gone."),
    ],
)
async def test_a_changed_round_is_named_and_no_row_is_accused(books, tampered, change, named):
    report = await tampered(
        f"UPDATE payments.seal SET {change} WHERE lane = {ROUNDS} AND number = 1"
    )

    assert named in said(report, LINKS) or "round 1" in said(report, LINKS)
    assert said(report, ROWS) == ""


@pytest.mark.parametrize("end", ["position_first", "1", "position_first + 2", "1::bigint << 60"])
async def test_rows_are_found_again_where_a_round_lies_about_its_end(tampered, monkeypatch, end):
    monkeypatch.setattr("payments.ledger.proof.WINDOW_ROW_COUNT", 1)

    report = await tampered(
        f"UPDATE payments.seal SET position_last = {end}, hash = sha256(hash)"
        f" WHERE lane = {ROUNDS} AND number = 1"
    )

    assert "Round 1 was changed: position_last." in said(report, LINKS)
    assert said(report, ROWS) == ""


async def test_a_seal_dropped_from_the_middle_is_named_with_the_rows_it_knew(books, tampered):
    report = await tampered(f"DELETE FROM payments.seal WHERE {SEAL}")

    assert "Seal 2 of lane 5 is gone" in said(report, LINKS)
    assert said(report, ROWS).count("no seal knows it") == 3


async def test_the_last_seal_of_a_lane_dropped_without_its_rows_is_named(books, tampered):
    report = await tampered(f"DELETE FROM payments.seal WHERE lane = 5 AND {LAST}")

    assert re.search(r"Seal \d of lane 5 is gone; round 2 closes over it\.", said(report, LINKS))
    assert f"Transfer {books.cash[-2]} lies where everything is sealed" in said(report, ROWS)


async def test_the_last_seal_of_a_lane_dropped_with_its_rows_is_named(books, tampered):
    report = await tampered(
        "DELETE FROM payments.transfer t USING payments.seal"
        f" WHERE seal.lane = 5 AND t.lane = 5 AND {LAST}"
        " AND t.position BETWEEN position_first AND position_last",
        f"DELETE FROM payments.seal WHERE lane = 5 AND {LAST}",
    )

    assert re.search(r"Seal \d of lane 5 is gone; round 2 closes over it\.", said(report, LINKS))


async def test_a_whole_round_dropped_with_its_seals_is_named_by_its_rows_and_the_watermark(
    books, tampered
):
    report = await tampered(
        "DELETE FROM payments.seal USING payments.seal r WHERE seal.lane <> r.lane"
        f" AND r.lane = {ROUNDS} AND r.number = 2 AND seal.position_first >= r.position_first",
        f"DELETE FROM payments.seal WHERE lane = {ROUNDS} AND number = 2",
    )

    assert "Round 1 is the last" in said(report, LINKS)
    assert f"Transfer {books.cash[-2]} lies where everything is sealed" in said(report, ROWS)


@pytest.mark.parametrize(
    ("number", "named"), [(1, "Round 1 is gone."), (2, "Round 1 is the last and ends at")]
)
async def test_a_round_dropped_alone_leaves_seals_that_belong_to_none(tampered, number, named):
    report = await tampered(
        f"DELETE FROM payments.seal WHERE lane = {ROUNDS} AND number = {number}"
    )

    assert "belongs to no round." in said(report, LINKS)
    assert named in said(report, LINKS)
    assert said(report, ROWS) == ""


async def test_a_watermark_that_was_moved_is_named(books, tampered):
    for change in ("position = position - 1", "position = 1", "position = 1::bigint << 60"):
        report = await tampered(f"UPDATE payments.watermark SET {change} WHERE name = 'seals'")

        assert "Round 2 is the last and ends at position" in said(report, LINKS)


# ── Heads kept elsewhere ────────────────────────────────────────────────────────────────────────


async def test_a_chain_made_anew_over_changed_rows_is_caught_by_kept_heads_alone(
    database_url, writer
):
    await insert(writer, 3, lane=1)
    await insert(writer, 3, lane=2)
    await payments.seal(database_url, now=NOW)
    kept = (await payments.audit(database_url)).heads
    await writer.execute("SET session_replication_role = replica")
    await writer.execute(
        "UPDATE payments.transfer SET place_id = gen_random_uuid() WHERE lane = 2 AND amount_vnd = 2"
    )
    await writer.execute("DELETE FROM payments.seal; DELETE FROM payments.watermark")
    await payments.seal(database_url, now=NOW)

    without, with_heads = [
        [
            problem.sentence
            for problem in (await payments.audit(database_url, heads=heads)).problems
            if problem.check in {ROWS, LINKS, KEPT}
        ]
        for heads in (None, kept)
    ]

    assert without == []
    assert [sentence[:17] for sentence in with_heads] == [
        "Seal 1 of lane 2 ",
        "Round 1 was " + kept.hash[:5],
    ]


async def test_kept_heads_of_a_chain_that_went_on_still_hold(database_url, writer):
    await insert(writer, 3)
    await payments.seal(database_url, now=NOW)
    kept = (await payments.audit(database_url)).heads
    await insert(writer, 3)
    await payments.seal(database_url, now=NOW)

    report = await payments.audit(database_url, heads=kept)

    assert said(report, KEPT) == ""
    assert report.heads.number == kept.number + 1


async def test_kept_heads_name_a_lane_whose_chain_was_cut_off(books, tampered):
    report = await tampered(
        "DELETE FROM payments.seal", "DELETE FROM payments.watermark", heads=books.heads
    )

    found = said(report, KEPT)
    assert re.search(r"Seal \d of lane 5 was [0-9a-f]{16}… when kept, now it is gone\.", found)
    assert re.search(r"Round 2 was [0-9a-f]{16}… when kept, now it is gone\.", found)
