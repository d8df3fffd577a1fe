"""The days before the demo opens, by acquirers: in the ledger, in their books, and one nobody told of."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from market import clock
from market.db import Database
from market.demo import acquired, world
from market.settings import Settings

BEGAN = datetime(2026, 1, 5, 17, tzinfo=UTC)


@pytest.mark.parametrize("acquirer", acquired.ACQUIRERS, ids=lambda one: one.name)
async def test_three_days_of_payments_stand_once_and_all_but_the_untold_are_settled(
    database: Database, tmp_path: Path, acquirer: acquired.Acquirer
) -> None:
    settings = Settings(database_url=database.url, data=tmp_path, demo=True)
    async with database.as_system() as db:
        plan = await world.demo_world(db, 7, BEGAN)

    for _ in range(2):
        await acquired.prepare(database, settings, plan, 7)

    past = json.loads((tmp_path / acquirer.note).read_text())
    days = {clock.local_day(datetime.fromisoformat(one["at"])) for one in past}
    async with database.as_system() as db:
        rows = await db.execute(
            text(
                "SELECT p.state, count(*), sum(r.amount_vnd) FROM payments.payment p"
                " LEFT JOIN payments.receipt r ON r.payment_id = p.id"
                " WHERE p.method = :name GROUP BY 1 ORDER BY 1"
            ),
            {"name": acquirer.name},
        )
        found = {row[0]: (row[1], row[2]) for row in rows}
    told = [one for at, one in enumerate(past) if at % acquirer.count >= acquirer.untold]
    assert len(past) == acquired.DAYS * acquirer.count
    assert len({one.get("number") or one["intent"] for one in past}) == len(past)
    assert len(days) == acquired.DAYS
    assert found["settled"] == (len(told), sum(one["amount_vnd"] for one in told))
    assert found.get("open", (0, None)) == (acquired.DAYS * acquirer.untold, None)
