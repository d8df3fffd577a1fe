"""A vendor with a bank account, a running ledger, and notices about money."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids
from payments.ledger.accounts import TEST

NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)
ACCOUNT_NO = "9990001112223"
BANK_BIN = "970436"
_numbers = count(1)

Opener = Callable[..., Awaitable[payments.Payment]]
Teller = Callable[..., payments.Confirmation]


class Vendor:
    """An owner, its bank account, a place, and its accounts by short names."""

    def __init__(self, account_no: str) -> None:
        self.id = ids.new()
        self.payee_id = ids.new()
        self.place_id = ids.new()
        self.account_no = account_no

    def account(self, kind: str, place: str = "") -> payments.AccountName:
        place = str(self.payee_id) if kind == "bank" else place
        return payments.AccountName(self.id, payments.AccountKind(kind), place)

    async def balances(self, db: AsyncSession) -> dict[str, int]:
        """What is not zero, by kind (and "test")."""
        await db.commit()  # a new snapshot
        views = await payments.accounts_of(db, self.id)
        return {
            TEST if view.place == TEST else str(view.kind): view.balance_vnd
            for view in views
            if view.balance_vnd
        }


def new_code() -> str:
    return payments.new_code(ids.new().bytes)


async def register(db: AsyncSession, vendor: Vendor) -> Vendor:
    payee = payments.Payee(
        id=vendor.payee_id, owner_id=vendor.id, bank_bin=BANK_BIN, account_no=vendor.account_no
    )
    await payments.register_payee(db, payee, now=NOW)
    await db.commit()
    return vendor


@pytest.fixture
async def vendor(db: AsyncSession) -> Vendor:
    return await register(db, Vendor(ACCOUNT_NO))


@pytest.fixture
async def other_vendor(db: AsyncSession) -> Vendor:
    return await register(db, Vendor("8880001112223"))


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[payments.Ledger]:
    opened = payments.Ledger(database_url, "market_system")
    await opened.start()
    yield opened
    await opened.close()


@pytest.fixture
def command_of(vendor: Vendor) -> Callable[..., payments.OpenPayment]:
    def command(**changes: Any) -> payments.OpenPayment:
        fields: dict[str, Any] = {
            "id": ids.new(),
            "owner_id": vendor.id,
            "place_id": vendor.place_id,
            "payee_id": vendor.payee_id,
            "amount_vnd": 45_000,
            "code": new_code(),
            "expires_at": NOW + timedelta(minutes=15),
        }
        return payments.OpenPayment(**(fields | changes))

    return command


@pytest.fixture
def open_payment(db: AsyncSession, command_of: Callable[..., payments.OpenPayment]) -> Opener:
    async def opened(**changes: Any) -> payments.Payment:
        payment = await payments.open_payment(db, command_of(**changes), now=NOW)
        await db.commit()
        return payment

    return opened


@pytest.fixture
def told() -> Teller:
    """Makes a verified notice of 45,000 đ to the vendor's account; never the same one twice."""

    def confirmation(memo: str = "", **changes: Any) -> payments.Confirmation:
        number = next(_numbers)
        fields: dict[str, Any] = {
            "gateway": "sepay",
            "provider_id": str(number),
            "amount_vnd": 45_000,
            "occurred_at": NOW + timedelta(seconds=number % 60),
            "reference": f"FT{number}",
            "memo": memo,
            "account_no": ACCOUNT_NO,
            "bank_bin": BANK_BIN,
        }
        return payments.Confirmation(**(fields | changes))

    return confirmation


@pytest.fixture
def settle(ledger: payments.Ledger) -> Callable[..., Awaitable[payments.Settled]]:
    async def settled(
        confirmation: payments.Confirmation, receipt_id: UUID | None = None
    ) -> payments.Settled:
        return await ledger.settle(confirmation, receipt_id=receipt_id or ids.new(), now=NOW)

    return settled


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def code() -> str:
    return new_code()
