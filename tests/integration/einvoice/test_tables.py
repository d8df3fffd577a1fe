"""The rows in code against the migrated database."""

from market import db as market_db


def test_the_tables_in_code_are_the_migrated_ones(database_url):
    assert "einvoice" not in market_db.differences(database_url)
