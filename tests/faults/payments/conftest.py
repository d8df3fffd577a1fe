"""An owner with accounts, and a database whose every row agrees after the test."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

import payments
from market import ids

NOW = datetime(2026, 11, 23, 3, 17, 22, tzinfo=UTC)


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def owner_id() -> UUID:
    return ids.new()


@pytest.fixture
async def payee(db, owner_id: UUID) -> payments.Payee:
    payee = payments.Payee(
        id=ids.new(), owner_id=owner_id, bank_bin="970436", account_no="9990001112223"
    )
    await payments.register_payee(db, payee, now=NOW)
    await db.commit()
    return payee


@pytest.fixture
async def clean(database_url: str) -> AsyncIterator[None]:
    yield
    assert (await payments.audit(database_url)).problems == ()


@pytest.fixture
def cash_of(owner_id: UUID):
    def cash(**changes) -> payments.CashSale:
        fields = {"id": ids.new(), "owner_id": owner_id, "amount_vnd": 1_000, "occurred_at": NOW}
        return payments.CashSale(**(fields | changes))

    return cash
