"""What one writes first: a transaction per transfer, on plain tables of the bench's own.

All three do the same: the transfer, two entries, two balances. Accounts are locked in the order
of their ids, so that they wait for each other and never deadlock.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import psycopg
from sqlalchemy import BigInteger, DateTime, MetaData, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from loadtests.bench.cell import Tally, Variant, closed_loop
from loadtests.bench.load import Array, Load, in_order

CONNECTIONS = 8
COUNT_MAX = 100_000

TABLES = """
CREATE SCHEMA bench;
CREATE TABLE bench.account (
    id uuid PRIMARY KEY,
    balance_vnd bigint NOT NULL
) WITH (fillfactor = 50);
CREATE TABLE bench.transfer (
    id uuid PRIMARY KEY,
    debit_id uuid NOT NULL,
    credit_id uuid NOT NULL,
    amount_vnd bigint NOT NULL CHECK (amount_vnd > 0),
    occurred_at timestamptz NOT NULL
);
CREATE TABLE bench.entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    transfer_id uuid NOT NULL,
    account_id uuid NOT NULL,
    amount_vnd bigint NOT NULL
);
CREATE FUNCTION bench.post(the_id uuid, debit uuid, credit uuid, vnd bigint, at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO bench.transfer VALUES (the_id, debit, credit, vnd, at) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM FROM bench.account WHERE id IN (debit, credit) ORDER BY id FOR UPDATE;
    UPDATE bench.account SET balance_vnd = balance_vnd + vnd WHERE id = debit;
    UPDATE bench.account SET balance_vnd = balance_vnd - vnd WHERE id = credit;
    INSERT INTO bench.entry (transfer_id, account_id, amount_vnd)
    VALUES (the_id, debit, vnd), (the_id, credit, -vnd);
    RETURN true;
END $$;
"""

Row = tuple[UUID, UUID, UUID, int, datetime]
"""Id, debit, credit, amount, when."""


class _Base(SQLModel, registry=registry(metadata=MetaData(schema="bench"))):
    pass


class AccountRow(_Base, table=True):
    """An account; a debit makes it larger."""

    __tablename__ = "account"
    id: UUID = Field(primary_key=True)
    balance_vnd: int = Field(sa_type=BigInteger)


class TransferRow(_Base, table=True):
    """A transfer."""

    __tablename__ = "transfer"
    id: UUID = Field(primary_key=True)
    debit_id: UUID
    credit_id: UUID
    amount_vnd: int = Field(sa_type=BigInteger)
    occurred_at: datetime = Field(sa_type=DateTime(timezone=True))


class EntryRow(_Base, table=True):
    """One of a transfer's two sides."""

    __tablename__ = "entry"
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    transfer_id: UUID
    account_id: UUID
    amount_vnd: int = Field(sa_type=BigInteger)


def lay_out(url: str, load: Load) -> None:
    """The tables, and an account of each kind for every owner."""
    with psycopg.connect(url) as connection:
        connection.execute(TABLES.encode())
        accounts = [one for owner in load.owners for one in (owner.bank_id, owner.sales_id)]
        connection.execute(
            "INSERT INTO bench.account SELECT x, 0 FROM unnest(%s::uuid[]) x", (accounts,)
        )


class Naive(Variant):
    """A transaction for each transfer, over some connections at once."""

    has_transfers_max = COUNT_MAX

    def __init__(self, url: str, load: Load, shape: str, *, connections: int = CONNECTIONS) -> None:
        super().__init__(url, load, shape)
        self.connections = connections
        self._acknowledged: list[bytes] = []

    async def make(self, count: int) -> Sequence[Row]:
        """Rows of plain values."""
        now = datetime.fromtimestamp(0, UTC)
        return [
            (UUID(bytes=one[0]), UUID(bytes=one[2]), UUID(bytes=one[3]), one[6], now)
            for one in self.load.records(self.shape, count).tolist()
        ]

    async def run(self, made: Sequence[Row], seconds: float) -> Tally:
        """As many as there are connections, at once."""
        free: asyncio.Queue[Any] = asyncio.Queue()
        for connection in await self.connect():
            free.put_nowait(connection)

        async def send(row: Row) -> bool:
            connection = free.get_nowait()
            is_posted = await self.post(connection, row)
            free.put_nowait(connection)
            return is_posted

        sends = [lambda row=row: send(row) for row in made]
        results, took, elapsed = await closed_loop(sends, self.connections, seconds)
        self._acknowledged += [row[0].bytes for row in made[: len(results)]]
        refused = sum(result is not True for result in results)
        problems = [f"{refused} transfers were not posted"] if refused else []
        return Tally(len(results) - refused, elapsed, took, problems)

    async def check(self) -> list[str]:
        """Every acknowledged id is there once, nothing else is, and the sums agree."""
        return wrong_in(self.url, np.frombuffer(b"".join(self._acknowledged), "V16"))

    @abstractmethod
    async def connect(self) -> Sequence[Any]:
        """What `post` takes first, one for each connection; the same at every call."""

    @abstractmethod
    async def post(self, connection: Any, row: Row) -> bool:
        """Move the money of one transfer, durably."""


def wrong_in(url: str, acknowledged: Array) -> list[str]:
    """A sentence for every invariant that does not hold in the bench's own tables."""
    with psycopg.connect(url) as connection:
        stored = connection.execute("SELECT id FROM bench.transfer", binary=True).fetchall()
        ids = np.frombuffer(b"".join(row[0].bytes for row in stored), "V16")
        row = connection.execute(
            "SELECT (SELECT COALESCE(sum(balance_vnd), 0) FROM bench.account), count(*)"
            " FROM (SELECT a.id FROM bench.account a LEFT JOIN bench.entry e ON e.account_id = a.id"
            " GROUP BY a.id HAVING a.balance_vnd <> COALESCE(sum(e.amount_vnd), 0)) differing"
        ).fetchone()
    assert row is not None
    problems = []
    if not np.array_equal(in_order(ids), in_order(acknowledged)):
        problems.append(f"{len(acknowledged)} were acknowledged, {len(ids)} are there")
    if row[0] != 0:
        problems.append(f"balances sum to {row[0]} đ")
    if row[1] != 0:
        problems.append(f"{row[1]} balances differ from their entries")
    return problems


class Statements(Naive):
    """asyncpg: BEGIN, five statements, COMMIT."""

    _pool: Sequence[Any] = ()

    async def open(self) -> None:
        """Connect."""
        self._pool = [await asyncpg.connect(self.url) for _ in range(self.connections)]

    async def connect(self) -> Sequence[Any]:
        """The connections."""
        return self._pool

    async def post(self, connection: Any, row: Row) -> bool:
        """Seven round trips."""
        the_id, debit_id, credit_id, amount_vnd, _ = row
        async with connection.transaction():
            new = await connection.fetchval(
                "INSERT INTO bench.transfer VALUES ($1, $2, $3, $4, $5)"
                " ON CONFLICT DO NOTHING RETURNING true",
                *row,
            )
            if not new:
                return False
            await connection.fetch(
                "SELECT id, balance_vnd FROM bench.account WHERE id IN ($1, $2)"
                " ORDER BY id FOR UPDATE",
                debit_id,
                credit_id,
            )
            await connection.execute(
                "UPDATE bench.account SET balance_vnd = balance_vnd + $2 WHERE id = $1",
                debit_id,
                amount_vnd,
            )
            await connection.execute(
                "UPDATE bench.account SET balance_vnd = balance_vnd - $2 WHERE id = $1",
                credit_id,
                amount_vnd,
            )
            await connection.execute(
                "INSERT INTO bench.entry (transfer_id, account_id, amount_vnd)"
                " VALUES ($1, $2, $4), ($1, $3, -$4::bigint)",
                the_id,
                debit_id,
                credit_id,
                amount_vnd,
            )
        return True

    async def close(self) -> None:
        """Disconnect."""
        for connection in self._pool:
            await connection.close()


class Function(Statements):
    """asyncpg: one call of a PL/pgSQL function, its own transaction."""

    async def post(self, connection: Any, row: Row) -> bool:
        """One round trip."""
        return bool(await connection.fetchval("SELECT bench.post($1, $2, $3, $4, $5)", *row))


class Session(Naive):
    """SQLModel: a session, the accounts locked and changed as objects."""

    _engine: AsyncEngine

    async def open(self) -> None:
        """A pool of as many connections."""
        self._engine = create_async_engine(
            make_url(self.url).set(drivername="postgresql+asyncpg"),
            pool_size=self.connections,
            max_overflow=0,
        )
        self._sessions = async_sessionmaker(
            self._engine, class_=AsyncSession, expire_on_commit=False
        )

    async def connect(self) -> Sequence[Any]:
        """The pool hands out connections itself."""
        return [self._sessions] * self.connections

    async def post(self, connection: Any, row: Row) -> bool:
        """A unit of work."""
        the_id, debit_id, credit_id, amount_vnd, at = row
        async with connection() as session, session.begin():
            if await session.get(TransferRow, the_id) is not None:
                return False
            found = await session.exec(
                select(AccountRow)
                .where(col(AccountRow.id).in_([debit_id, credit_id]))
                .order_by(col(AccountRow.id))
                .with_for_update()
            )
            accounts = {account.id: account for account in found.all()}
            accounts[debit_id].balance_vnd += amount_vnd
            accounts[credit_id].balance_vnd -= amount_vnd
            session.add(
                TransferRow(
                    id=the_id,
                    debit_id=debit_id,
                    credit_id=credit_id,
                    amount_vnd=amount_vnd,
                    occurred_at=at,
                )
            )
            session.add(EntryRow(transfer_id=the_id, account_id=debit_id, amount_vnd=amount_vnd))
            session.add(EntryRow(transfer_id=the_id, account_id=credit_id, amount_vnd=-amount_vnd))
        return True

    async def close(self) -> None:
        """Disconnect."""
        await self._engine.dispose()
