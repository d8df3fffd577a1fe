"""Numbers at the end of a series, and the package alone in a database of its own."""

import psycopg
import pytest
from sqlalchemy import text

import einvoice
from einvoice import errors, series
from market import ids
from tests.conftest import url_of
from tests.integration.einvoice.conftest import NOW, OWNER_ID, TAX_ID, command


async def fill(db, statement: str) -> None:
    await (await db.connection()).execute(text(statement))


async def test_after_the_last_number_the_series_is_exhausted(registered):
    await einvoice.issue(registered, command(), now=NOW)
    await fill(registered, "UPDATE einvoice.series SET last_number = 99999999")

    with pytest.raises(errors.SeriesExhausted):
        await einvoice.issue(registered, command(), now=NOW)

    other_till = await einvoice.issue(registered, command(letters="AB"), now=NOW)
    assert (other_till.invoice.symbol, other_till.invoice.number) == ("C26MAB", 1)


async def test_an_exhausted_code_counter_takes_no_number(registered):
    await einvoice.issue(registered, command(), now=NOW)
    await fill(registered, "UPDATE einvoice.code_counter SET last_serial = 99999999999")

    with pytest.raises(errors.SeriesExhausted):
        await einvoice.issue(registered, command(), now=NOW)

    number = await series.next_number(registered, OWNER_ID, TAX_ID, 2, "C26MAA")
    assert number == 2


async def test_a_series_and_a_prefix_are_counted_by_one_owner(registered):
    await einvoice.issue(registered, command(), now=NOW)

    with pytest.raises(errors.SellerOfAnother):
        await series.next_number(registered, ids.new(), TAX_ID, 2, "C26MAA")
    with pytest.raises(errors.SeriesExhausted):
        await series.next_serial(registered, ids.new(), "M2-26-A1B2C")


async def test_two_tills_of_one_seller_share_codes_and_not_numbers(registered):
    first = await einvoice.issue(registered, command(letters="AB"), now=NOW)
    second = await einvoice.issue(registered, command(letters="AC"), now=NOW)

    assert (first.invoice.number, second.invoice.number) == (1, 1)
    assert first.invoice.code != second.invoice.code


def test_the_package_makes_its_schema_alone_and_twice(server_url):
    name = "einvoice_alone"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        for _ in range(2):
            einvoice.migrate(url_of(server_url, name))
        with psycopg.connect(url_of(server_url, name)) as connection:
            found = connection.execute("SELECT count(*) FROM einvoice.invoice").fetchone()
        assert found == (0,)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
