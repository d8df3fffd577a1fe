"""The writer's line: one trip for many statements, wholly done or not at all."""

import psycopg
import pytest

from payments.ledger import records
from payments.ledger.connection import connect
from payments.ledger.line import Line

ECHO = "SELECT x FROM unnest($1) x"
DIVIDE = "SELECT 1 / x FROM unnest($1) x"
LONG = "x" * 100_000


@pytest.fixture
async def line(database_url):
    opened = await connect(database_url, None)
    await opened.ask("CREATE TEMP TABLE kept (x bigint)")
    yield opened
    await opened.close()


def numbers(*values: int) -> records.Raw:
    return records.integers(values)


async def kept(line: Line) -> list[int]:
    return [x for (x,) in await line.ask("SELECT x FROM kept ORDER BY x")]


KEEP = "INSERT INTO kept SELECT * FROM unnest($1)"


async def test_each_statement_of_a_trip_has_its_own_rows(line):
    first, second = line.put(ECHO, numbers(1, 2)), line.put(ECHO, numbers(3))

    await line.go()

    assert (first.rows, second.rows) == ([(1,), (2,)], [(3,)])


async def test_what_is_larger_than_any_buffer_goes_both_ways(line):
    many = records.texts([LONG] * 200)

    rows = await line.ask("SELECT x FROM unnest($1) x CROSS JOIN generate_series(1, 2)", many)

    assert len(rows) == 400
    assert {x for (x,) in rows} == {LONG}


async def test_nothing_of_a_refused_transaction_stands_and_the_line_goes_on(line):
    with pytest.raises(psycopg.errors.DivisionByZero):  # noqa: PT012 - a whole transaction
        async with line.transaction():
            line.put(KEEP, numbers(1))
            line.put(DIVIDE, numbers(0))
            line.put(KEEP, numbers(2))

    assert await kept(line) == []
    assert await line.ask(DIVIDE, numbers(1)) == [(1,)]
    assert await line.ask(KEEP, numbers(3)) == ()
    assert await kept(line) == [3]


async def test_a_bug_between_two_trips_leaves_nothing(line):
    with pytest.raises(ZeroDivisionError):  # noqa: PT012 - a whole transaction
        async with line.transaction():
            line.put(KEEP, numbers(1))
            await line.go()
            line.put(KEEP, numbers(2))
            raise ZeroDivisionError

    assert await kept(line) == []


async def test_a_statement_prepared_in_a_transaction_that_failed_is_prepared_for_the_next(line):
    with pytest.raises(psycopg.errors.UndefinedTable):  # noqa: PT012 - a whole transaction
        async with line.transaction():
            line.put(KEEP, numbers(1))
            line.put("SELECT * FROM nowhere")
            line.put(ECHO, numbers(1))

    assert await line.ask(ECHO, numbers(5)) == [(5,)]


async def test_a_lost_line_says_so_and_stays_lost(line, database_url):
    ((pid,),) = await line.ask("SELECT pg_backend_pid()")
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    with pytest.raises(psycopg.OperationalError):
        await line.ask(ECHO, numbers(1))
    with pytest.raises(psycopg.OperationalError):
        await line.ask(ECHO, numbers(1))
