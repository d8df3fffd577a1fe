"""Rows that are there already: a journal of millions, in minutes, that is right to the đồng."""

from collections.abc import Callable

import psycopg

from loadtests.bench.load import Load

CHUNK = 500_000
"""Rows a transaction; a position counts to 2^20 within one."""

_OWNERS = """
CREATE TEMP TABLE bench_owner AS
SELECT number - 1 AS number, owner_id, bank_id, sales_id, payments.lane_of(owner_id) AS lane
FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) WITH ORDINALITY
    AS x (owner_id, bank_id, sales_id, number)
"""
# Ids of version 7 that grow from the month's first moment to now, so all lie in the live partition.
_ROWS = """
WITH posted AS (
    INSERT INTO payments.transfer
        (position, amount_vnd, occurred_at, recorded_at, lane, kind, id, owner_id, debit_id,
         credit_id, subject_id, place_id)
    SELECT base.position | (g - %(low)s + 1), 1000 + g %% 100000, at, at, o.lane, 1, made.id,
           o.owner_id, o.bank_id, o.sales_id, made.id, o.owner_id
    FROM (SELECT payments.event_base() AS position) base
    CROSS JOIN generate_series(%(low)s::bigint, %(high)s::bigint) g
    CROSS JOIN LATERAL (
        SELECT md5(%(seed)s || ':' || g) AS random,
               date_trunc('month', now()) + (now() - date_trunc('month', now()))
                   * (g::float8 / %(rows)s) AS at
    ) drawn
    CROSS JOIN LATERAL (
        SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0')
                || '7' || substr(random, 1, 3) || '8' || substr(random, 4, 15))::uuid AS id
    ) made
    JOIN bench_owner o ON o.number = ('x' || substr(random, 20, 7))::bit(28)::int %% %(owners)s
    RETURNING debit_id, credit_id, amount_vnd
), changed AS (
    SELECT id, sum(vnd)::bigint AS vnd FROM (
        SELECT debit_id AS id, amount_vnd AS vnd FROM posted
        UNION ALL
        SELECT credit_id, -amount_vnd FROM posted
    ) entry GROUP BY id
)
UPDATE payments.account a SET balance_vnd = a.balance_vnd + payments.debit_sign(a.kind) * c.vnd
FROM changed c, bench_owner o
WHERE a.lane = o.lane AND a.id = c.id AND c.id IN (o.bank_id, o.sales_id)
"""


def fill(url: str, load: Load, rows: int, progress: Callable[[int], None]) -> None:
    """The journal holds `rows` more transfers of the load's owners, vacuumed and analysed.

    All lie in the partition of the month that is being written: the worst case, for a partition
    that is over is touched no more.
    """
    owners = load.owners
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            _OWNERS,
            (
                [one.id for one in owners],
                [one.bank_id for one in owners],
                [one.sales_id for one in owners],
            ),
        )
        connection.execute("ANALYZE bench_owner")
        for low in range(1, rows + 1, CHUNK):
            high = min(low + CHUNK - 1, rows)
            connection.execute(
                _ROWS,
                {
                    "low": low, "high": high, "rows": rows, "seed": str(load.seed),
                    "owners": len(owners),
                },
            )  # fmt: skip
            progress(high)
        connection.execute("VACUUM (ANALYZE) payments.transfer")
        connection.execute("VACUUM (ANALYZE) payments.account")
        connection.execute("CHECKPOINT")
