"""Lines: one statement in one trip, under the viewer's rights, alive again after the server was away."""

import asyncio

import psycopg
import pytest

from market import ids
from market.db import Viewer
from payments.ledger import records

_SUM = "SELECT sum(x)::bigint FROM unnest($1) AS x"
_WHO = "SELECT current_user::text, current_setting('app.person_id', true)"


async def test_more_ask_than_there_are_lines(database):
    answers = await asyncio.gather(
        *(database.ask(_SUM, records.integers([one, 1])) for one in range(40))
    )

    assert [rows[0][0] for rows in answers] == [one + 1 for one in range(40)]


async def test_a_transaction_is_the_viewers_and_the_next_one_is_nobodys(database):
    person_id = ids.new()

    async with database.as_viewer_at_once(Viewer(person_id=person_id)) as line:
        within = await line.ask(_WHO)
    async with database.as_viewer_at_once(Viewer()) as line:
        after = await line.ask(_WHO)

    assert list(within) == [("market_web", str(person_id))]
    assert list(after) == [("market_web", "")]


async def test_what_is_refused_leaves_nothing_and_the_line_goes_on(database):
    with pytest.raises(psycopg.Error):
        async with database.as_viewer_at_once(Viewer()) as line:
            await line.ask("SELECT 1 / 0")

    async with database.as_viewer_at_once(Viewer()) as line:
        assert (await line.ask("SELECT 7"))[0][0] == 7


async def test_lines_that_the_server_cut_are_made_anew(database, database_url):
    await asyncio.gather(*(database.ask("SELECT pg_sleep(0.05)") for _ in range(4)))
    with psycopg.connect(database_url, autocommit=True) as owner:
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'payments-ledger'"
        )

    answers = await asyncio.gather(*(database.ask("SELECT 7") for _ in range(4)))

    assert [rows[0][0] for rows in answers] == [7] * 4
