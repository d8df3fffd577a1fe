"""Eight connections that share accounts, ids, holds and originals: one order explains it all."""

import psycopg

import payments
from tests.property.payments.interleaving import Interleaving
from tests.property.payments.world import World

OPERATIONS_FOR_EVERY_OUTCOME = 6_000


async def test_one_order_explains_what_eight_connections_were_answered(
    database_url, ledger_seed, operation_count, record_property, problems_of
):
    world = World(1)
    with psycopg.connect(database_url) as connection:
        world.open(connection)
    interleaving = Interleaving(database_url, world, ledger_seed, operation_count)

    await interleaving.run()

    interleaving.explain()
    record_property("operations", sum(len(call.orders) for call in interleaving.calls))
    with psycopg.connect(database_url) as connection:
        assert world.differences(connection) == []
        assert world.expire(connection) == []
    assert await problems_of() == []
    told = {outcome for call in interleaving.calls for outcome in call.outcomes}
    if operation_count >= OPERATIONS_FOR_EVERY_OUTCOME:
        assert {one.value for one in payments.Outcome} - told == {"failed"}
