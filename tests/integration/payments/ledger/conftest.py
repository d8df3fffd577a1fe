"""A ledger with a bit of everything, sealed: built once, tampered with and rolled back by each test."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import db as market_db
from market import ids
from payments.ledger.audit import audit_snapshot

BEGAN = datetime(2026, 11, 20, 2, tzinfo=UTC)
SUPERUSER = (
    "SET LOCAL session_replication_role = replica",  # no triggers
    "ALTER TABLE payments.transfer DROP CONSTRAINT ck_transfer_amount_vnd",
    "ALTER TABLE payments.transfer DROP CONSTRAINT ck_transfer_legs",
    "ALTER TABLE payments.hold_end DROP CONSTRAINT ck_hold_end_outcome",
    "ALTER TABLE payments.seal DROP CONSTRAINT ck_seal_row_count",
)
"""What whoever owns the server may do before touching a row; undone with the rest."""
ROWS_OF_A_SEAL = 3

Tamper = Callable[..., Awaitable[payments.Report]]


class Books:
    """The audited database: what stands in it, by what it is."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.owners = [UUID(int=(ids.new().int >> 8 << 8) + lane) for lane in (5, 6, 7)]
        self.cash: list[UUID] = []
        """Transfers that nothing else speaks of, in lane 5, in their order."""
        self.heads = payments.ChainHeads()


def accounts(owner_id: UUID) -> dict[str, UUID]:
    """The ids of an owner's accounts, by kind."""
    return {kind: payments.account_id(owner_id, kind) for kind in payments.AccountKind}


async def _build(url: str) -> Books:
    books = Books(url)
    engine = create_async_engine(market_db.sqlalchemy_url(url, "asyncpg"))
    async with market_db.Session(engine, expire_on_commit=False) as db:
        for owner_id in books.owners:
            await payments.open_accounts(db, owner_id, now=BEGAN)
        payee = payments.Payee(
            id=ids.new(), owner_id=books.owners[0], bank_bin="970436", account_no="999"
        )
        await payments.register_payee(db, payee, now=BEGAN)
        asked = payments.OpenPayment(
            id=ids.new(),
            owner_id=books.owners[0],
            payee_id=payee.id,
            amount_vnd=45_000,
            code=payments.new_code(ids.new().bytes),
            expires_at=BEGAN + timedelta(minutes=15),
        )
        payment = await payments.open_payment(db, asked, now=BEGAN)
        await db.commit()
        ledger = payments.Ledger(url, "market_system")
        await ledger.start()
        await _trade(ledger, books, payment.code)
        await _hold(ledger, db, books)
        await payments.seal(url, now=BEGAN + timedelta(hours=1), row_count_max=ROWS_OF_A_SEAL)
        await payments.feed_statements(url, now=BEGAN + timedelta(hours=1))
        await _sell(ledger, books, 2)
        await payments.seal(url, now=BEGAN + timedelta(hours=2), row_count_max=ROWS_OF_A_SEAL)
        books.heads = await payments.chain_heads(db)
        await payments.feed_statements(url, now=BEGAN + timedelta(hours=2))
        await _sell(ledger, books, 1)  # the tail
        await ledger.close()
    await engine.dispose()
    return books


async def _trade(ledger: payments.Ledger, books: Books, code: str) -> None:
    """A payment in two parts, money nobody knows, cash, sales; some of it given back."""
    for number, (memo, amount_vnd) in enumerate(((code, 20_000), (code, 25_000), ("?", 7_000))):
        told = payments.Confirmation(
            gateway="sepay",
            provider_id=str(number),
            amount_vnd=amount_vnd,
            occurred_at=BEGAN + timedelta(minutes=number),
            reference=f"FT{number}",
            memo=memo,
            account_no="999",
            bank_bin="970436",
        )
        await ledger.settle(told, receipt_id=ids.new(), now=BEGAN)
    cash = payments.CashSale(
        id=ids.new(), owner_id=books.owners[0], amount_vnd=1_000, occurred_at=BEGAN
    )
    await ledger.record_cash(cash, now=BEGAN)
    await _sell(ledger, books, 4)
    owner_id, original_id = books.owners[0], books.cash[0]
    for amount_vnd in (300, 400):
        await _post(
            ledger,
            payments.Refund(
                id=ids.new(),
                owner_id=owner_id,
                original_id=original_id,
                amount_vnd=amount_vnd,
                occurred_at=BEGAN,
            ),
        )
    await _post(
        ledger,
        payments.Reversal(
            id=ids.new(), owner_id=owner_id, original_id=books.cash[1], occurred_at=BEGAN
        ),
    )


async def _sell(ledger: payments.Ledger, books: Books, count: int) -> None:
    """Plain transfers of every owner, one after another and from one day to the next."""
    for number, owner_id in itertools.product(range(count), books.owners):
        own = accounts(owner_id)
        sale = payments.Transfer(
            id=ids.new(),
            owner_id=owner_id,
            debit_id=own["cash"],
            credit_id=own["sales"],
            amount_vnd=1_000 + number,
            kind=payments.TransferKind.OTHER,
            occurred_at=BEGAN + timedelta(hours=9 * number),
        )
        await _post(ledger, sale)
        if owner_id == books.owners[0]:
            books.cash.append(sale.id)


async def _hold(ledger: payments.Ledger, db: AsyncSession, books: Books) -> None:
    """One hold each that was posted in part, voided, has expired and is open."""
    owner_id, own = books.owners[1], accounts(books.owners[1])
    for fate in ("posted", "voided", "expired", "open"):
        hold = payments.Hold(
            id=ids.new(),
            owner_id=owner_id,
            debit_id=own["fees"],
            credit_id=own["cash"],
            amount_vnd=500,
            kind=payments.TransferKind.FEE,
            occurred_at=BEGAN,
            expires_at=FAR,
        )
        await _post(ledger, hold)
        end: dict[str, Any] = {"owner_id": owner_id, "hold_id": hold.id, "occurred_at": BEGAN}
        if fate == "posted":
            await _post(ledger, payments.PostHold(id=ids.new(), amount_vnd=200, **end))
        elif fate == "voided":
            await _post(ledger, payments.VoidHold(id=ids.new(), **end))
        elif fate == "expired":
            assert await payments.expire_holds(db, now=FAR) == 1
            await db.commit()


FAR = datetime(2126, 11, 20, tzinfo=UTC)


async def _post(ledger: payments.Ledger, order: payments.Order) -> None:
    assert await ledger.post(order) == [payments.Outcome.POSTED]


@pytest.fixture
def transfer_of(vendor, now):
    """A transfer of the vendor, from sales to its bank unless said otherwise."""

    def transfer(debit="bank", credit="sales", **changes):
        fields = {
            "id": ids.new(),
            "owner_id": vendor.id,
            "debit_id": vendor.account(debit).id,
            "credit_id": vendor.account(credit).id,
            "amount_vnd": 1_000,
            "kind": payments.TransferKind.OTHER,
            "occurred_at": now,
        }
        return payments.Transfer(**(fields | changes))

    return transfer


@pytest.fixture(scope="module")
def books(server_url: str, template: str, request: pytest.FixtureRequest) -> Iterator[Books]:
    """One ledger for all tests of a module; they leave it as they found it."""
    name = f"books_{os.getpid()}_{abs(hash(request.node.name)) % 10**6}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        url = make_url(server_url).set(database=name).render_as_string(hide_password=False)
        yield asyncio.run(_build(url))
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def superuser(books: Books) -> AsyncIterator[asyncpg.Connection]:
    """Somebody who may change anything; all of it is undone after the test."""
    connection = await asyncpg.connect(books.url)
    change = connection.transaction()
    await change.start()
    for statement in SUPERUSER:
        await connection.execute(statement)
    yield connection
    await change.rollback()
    await connection.close()


@pytest.fixture
def tampered(superuser: asyncpg.Connection) -> Tamper:
    """Does something, and gives what an audit says of it."""

    async def audited(
        *statements: str, heads: payments.ChainHeads | None = None
    ) -> payments.Report:
        for statement in statements:
            assert not (await superuser.execute(statement)).endswith(" 0"), "nothing was changed"
        return await audit_snapshot(superuser, heads=heads)

    return audited
