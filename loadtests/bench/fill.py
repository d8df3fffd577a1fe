"""Rows that are there already: a journal of millions, in minutes, that is right to the đồng."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import psycopg

import payments
from loadtests.bench.load import Array, Load

CHUNK = 500_000
"""Rows a transaction; a position counts to 2^20 within one."""
_EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL counts instants from 2000."""
_COLUMNS = (
    ("position", ">i8"),
    ("amount_vnd", ">i8"),
    ("occurred_at", ">i8"),
    ("recorded_at", ">i8"),
    ("lane", ">i2"),
    ("kind", ">i2"),
    ("id", "V16"),
    ("owner_id", "V16"),
    ("debit_id", "V16"),
    ("credit_id", "V16"),
    ("subject_id", "V16"),
    ("place_id", "V16"),
)
_ROW = np.dtype(
    [("columns", ">i2")]
    + [part for name, form in _COLUMNS for part in ((f"{name}_bytes", ">i4"), (name, form))]
)
_HEADER, _END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_COPY = (
    f"COPY payments.transfer ({', '.join(name for name, _ in _COLUMNS)}) FROM STDIN (FORMAT binary)"
)
# Both accounts of an owner count on their normal side, which a sale makes larger.
_BALANCES = """
UPDATE payments.account a SET balance_vnd = a.balance_vnd + x.vnd
FROM unnest(%s::smallint[], %s::uuid[], %s::uuid[], %s::bigint[])
    AS x (lane, bank_id, sales_id, vnd)
WHERE a.lane = x.lane AND a.id IN (x.bank_id, x.sales_id)
"""


def fill(url: str, load: Load, rows: int, progress: Callable[[int], None]) -> None:
    """The journal holds `rows` more transfers of the load's owners, vacuumed and analysed.

    Their ids grow from the month's first moment to now, so all lie in the partition that is being
    written: the worst case, for the partition of a month that is over is touched no more.
    """
    now = datetime.fromtimestamp(time.time(), UTC)
    month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    instants_ms = np.linspace(month.timestamp() * 1_000, now.timestamp() * 1_000, rows, False)
    with psycopg.connect(url, autocommit=True) as connection:
        for low in range(0, rows, CHUNK):
            ms = instants_ms[low : low + CHUNK].astype(np.int64)
            with connection.transaction():
                _append(connection, load, ms)
            progress(low + len(ms))
        connection.execute("VACUUM (ANALYZE) payments.transfer")
        connection.execute("VACUUM (ANALYZE) payments.account")
        connection.execute("CHECKPOINT")


def _append(connection: "psycopg.Connection[tuple[object, ...]]", load: Load, ms: Array) -> None:
    chosen = load.choose("uniform", len(ms))
    base = connection.execute("SELECT payments.event_base()").fetchone()
    assert base is not None
    records = load.records_of(chosen)
    made = np.zeros(len(ms), _ROW)
    made["columns"] = len(_COLUMNS)
    for name, form in _COLUMNS:
        made[f"{name}_bytes"] = np.dtype(form).itemsize
    for name in ("owner_id", "debit_id", "credit_id", "place_id", "amount_vnd"):
        made[name] = records[name]
    made["id"] = made["subject_id"] = load.ids_at(ms)
    made["occurred_at"] = made["recorded_at"] = ms * 1_000 - _EPOCH_2000_US
    made["kind"] = int(payments.TransferKind.OTHER)
    lanes = np.array([owner.lane for owner in load.owners])
    made["lane"] = lanes[chosen]
    made["position"] = int(str(base[0])) + 1 + np.arange(len(ms))
    with connection.cursor().copy(_COPY.encode()) as copy:
        copy.write(_HEADER + made.tobytes() + _END)
    sums = np.zeros(len(load.owners), np.int64)
    np.add.at(sums, chosen, records["amount_vnd"].astype(np.int64))
    connection.execute(
        _BALANCES,
        (
            lanes.tolist(),
            [owner.bank_id for owner in load.owners],
            [owner.sales_id for owner in load.owners],
            sums.tolist(),
        ),
    )
