"""The bench's own reading of the journal and the balances: is everything as it was acknowledged?"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from psycopg import sql

from loadtests.bench.load import Array, in_order


class Book:
    """The journal and the balances from one moment on, read past the ledger."""

    def __init__(self, url: str) -> None:
        self._url = url

    def open(self) -> None:
        """From here on everything is this cell's."""
        self._connection = psycopg.connect(self._url)
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._position = self._value("SELECT payments.event_base()")
        self._bytes = self._journal_bytes()
        self._count = 0
        self._balances = self._read_balances()
        self._connection.commit()

    def wrong(
        self, acknowledged: Array | None, *, count: int = 0, unanswered_max: int = 0
    ) -> list[str]:
        """A sentence for every invariant that does not hold.

        Every acknowledged id stands there once, and nothing else does; every balance changed by
        what the entries say; all balances together are zero. Where the ids are not known: as many
        as `count`, and at most `unanswered_max` more whose answer nobody waited for.
        """
        problems = []
        ids = self._ids()
        self._count = len(ids)
        wanted = len(acknowledged) if acknowledged is not None else count
        if not 0 <= len(ids) - wanted <= unanswered_max or (
            acknowledged is not None and not np.array_equal(in_order(ids), in_order(acknowledged))
        ):
            problems.append(f"{wanted} were acknowledged, {len(ids)} stand in the journal")
        entries = dict(self._rows(_ENTRIES, (self._position, self._position)))
        balances = self._read_balances()
        differing = sum(
            vnd - self._balances.get(account_id, 0) != entries.pop(account_id, 0)
            for account_id, vnd in balances.items()
        )
        if differing or entries:
            problems.append(f"{differing + len(entries)} balances differ from their entries")
        total = sum(balances.values())
        if total:
            problems.append(f"balances sum to {total} đ")
        self._connection.rollback()
        return problems

    def disk_bytes(self) -> float | None:
        """Per transfer, with indexes; None where too few rows would round it away."""
        grown = self._journal_bytes() - self._bytes
        self._connection.rollback()
        return grown / self._count if self._count >= 20_000 else None

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()

    def _ids(self) -> Array:
        with (
            self._connection.cursor() as cursor,
            cursor.copy(sql.SQL(_IDS).format(sql.Literal(self._position))) as copy,
        ):
            sent = b"".join(copy)
        row = np.dtype([("head", "V6"), ("id", "V16")])
        body = sent[19:-2]  # without the header and the end
        return np.ascontiguousarray(np.frombuffer(body, row)["id"])

    def _read_balances(self) -> dict[UUID, int]:
        return dict(self._rows(_BALANCES, ()))

    def _journal_bytes(self) -> int:
        return int(
            self._value(
                "SELECT sum(pg_total_relation_size(relid))"
                " FROM pg_partition_tree('payments.transfer')"
            )
        )

    def _rows(self, query: str, arguments: tuple[object, ...]) -> Iterator[tuple[UUID, int]]:
        for account_id, vnd in self._connection.execute(query.encode(), arguments):
            yield account_id, int(vnd)

    def _value(self, query: str) -> Any:
        row = self._connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


_IDS = "COPY (SELECT id FROM payments.transfer WHERE position > {}) TO STDOUT (FORMAT binary)"
_BALANCES = """
SELECT id, balance_vnd * payments.debit_sign(kind) FROM payments.account
"""
_ENTRIES = """
SELECT id, sum(vnd) FROM (
    SELECT debit_id AS id, amount_vnd AS vnd FROM payments.transfer WHERE position > %s
    UNION ALL
    SELECT credit_id, -amount_vnd FROM payments.transfer WHERE position > %s
) entry GROUP BY id
"""
