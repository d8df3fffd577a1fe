"""Whatever byte of whatever sealed row is flipped: the audit sees it and names the row."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import psycopg
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

import payments
from payments.ledger.audit import audit_snapshot
from payments.ledger.comparison import ROWS
from payments.ledger.wire import COLUMNS, WIRE

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
ROW_COUNT = 12
START_BYTES = 19
VALUE_BYTES = [
    WIRE.fields[name][1] + byte
    for name in COLUMNS.split(", ")
    for byte in range(WIRE.fields[name][0].itemsize)
]
"""Where the values of a row lie on the wire, between the lengths of its fields."""
SUPERUSER = """
SET LOCAL session_replication_role = replica;
ALTER TABLE payments.transfer DROP CONSTRAINT ck_transfer_amount_vnd;
ALTER TABLE payments.transfer DROP CONSTRAINT ck_transfer_legs
"""
ROWS_OF_TWO_LANES = f"""
INSERT INTO payments.transfer
SELECT payments.event_base() | n, n * 1000, '2026-11-20', now(), n % 2 + 3, 12,
       ('019aa000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, md5('owner' || n)::uuid,
       md5('debit' || n)::uuid, md5('credit' || n)::uuid, md5('subject' || n)::uuid,
       md5('place' || n)::uuid
FROM generate_series(1, {ROW_COUNT}) n
"""


@pytest.fixture
def sealed_url(database_url: str) -> Iterator[str]:
    """A small journal in two lanes, sealed three rows at a time."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(ROWS_OF_TWO_LANES)
    asyncio.run(payments.seal(database_url, now=NOW, row_count_max=3))
    return database_url


@given(number=st.integers(0, ROW_COUNT - 1), at=st.sampled_from(VALUE_BYTES), bit=st.integers(0, 7))
@settings(
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_flipped_bit_of_any_row_is_found_and_the_row_named(
    sealed_url: str, number: int, at: int, bit: int
) -> None:
    row_id, sentences = asyncio.run(_flipped(sealed_url, number, at, bit))

    assert any(f"Transfer {row_id}, sealed as row" in sentence for sentence in sentences)


async def _flipped(url: str, number: int, at: int, bit: int) -> tuple[UUID, list[str]]:
    """The row as it was sealed, and what an audit says once a bit of it is another."""
    connection = await asyncpg.connect(url)
    change = connection.transaction()
    await change.start()
    try:
        await connection.execute(SUPERUSER)
        row_id = UUID(int=UUID("019aa000-0000-7000-8000-000000000001").int + number)
        wire = bytearray()
        query = f"SELECT {COLUMNS} FROM payments.transfer WHERE id = '{row_id}'"
        await connection.copy_from_query(query, output=_into(wire), format="binary")
        wire[START_BYTES + at] ^= 1 << bit
        await connection.execute("DELETE FROM payments.transfer WHERE id = $1", row_id)
        try:
            await connection.copy_to_table(
                "transfer",
                schema_name="payments",
                columns=COLUMNS.split(", "),
                source=_from(bytes(wire)),
                format="binary",
            )
        except asyncpg.PostgresError:
            reject()  # an instant beyond what PostgreSQL itself takes
        report = await audit_snapshot(connection)
        return row_id, [one.sentence for one in report.problems if one.check == ROWS]
    finally:
        await change.rollback()
        await connection.close()


def _into(wire: bytearray):
    async def take(piece: bytes) -> None:
        wire.extend(piece)

    return take


async def _from(wire: bytes):
    yield wire
