"""The tables in code are the migrated database."""

from market import db as market_db


def test_the_tables_equal_the_migrations(database_url):
    assert market_db.differences(database_url).get("payments", []) == []
