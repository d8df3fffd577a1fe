"""The audit finds what was tampered with, and names it."""

import asyncpg
import pytest

import payments
from market import ids


@pytest.fixture
async def trade(ledger, vendor, open_payment, told, settle, now):
    """A payment in two parts, money nobody knows, and cash."""
    payment = await open_payment()
    await settle(told(payment.code, amount_vnd=20_000))
    await settle(told(payment.code, amount_vnd=25_000))
    await settle(told("?"))
    cash = payments.CashSale(id=ids.new(), owner_id=vendor.id, amount_vnd=1_000, occurred_at=now)
    await ledger.record_cash(cash, now=now)


async def test_an_honest_database_is_clean_and_progress_is_told(database_url, trade):
    told_progress = []

    report = await payments.audit(database_url, lambda *told: told_progress.append(told))

    assert report.is_clean
    assert (report.transfer_count, report.receipt_count) == (5, 3)
    assert (report.payment_count, report.event_count, report.account_count) == (1, 4, 4)
    assert told_progress[0][1] == 0
    assert told_progress[-1][1] == told_progress[-1][2]


async def test_the_system_role_may_audit(database_url, trade):
    assert (await payments.audit(database_url, role="market_system")).is_clean


@pytest.mark.parametrize(
    ("tampering", "checks"),
    [
        (
            "UPDATE payments.account SET balance_vnd = balance_vnd + 1 WHERE kind = 'cash'",
            {"balances sum to zero", "balances equal entries"},
        ),
        (
            "UPDATE payments.transfer SET amount_vnd = amount_vnd + 1 WHERE kind = 4",
            {"balances equal entries"},
        ),
        (
            "DELETE FROM payments.transfer WHERE kind = 4",
            {"balances equal entries"},
        ),
        (
            "UPDATE payments.transfer SET amount_vnd = amount_vnd + 1 WHERE kind = 1",
            {"balances equal entries", "receipts equal their transfers"},
        ),
        (
            "UPDATE payments.transfer SET owner_id = gen_random_uuid() WHERE kind = 4",
            {"transfers stay with their owner", "rows lie in their lane"},
        ),
        (
            "UPDATE payments.transfer SET lane = (lane + 1) % 64 WHERE kind = 4",
            {
                "balances equal entries",
                "transfers stay with their owner",
                "rows lie in their lane",
            },
        ),
        (
            "UPDATE payments.payment SET received_vnd = received_vnd + 1",
            {"payments equal their receipts"},
        ),
        (
            "DELETE FROM payments.receipt WHERE outcome = 'short'",
            {"receipts equal their transfers", "payments equal their receipts"},
        ),
        ("DELETE FROM payments.event WHERE data->>'outcome' = 'short'", {"receipts have events"}),
        ("DELETE FROM payments.event WHERE data->>'outcome' = 'cash'", {"cash sales have events"}),
    ],
)
async def test_every_tampering_is_found_and_named(database_url, trade, tampering, checks):
    owner = await asyncpg.connect(database_url)
    await owner.execute("SET session_replication_role = replica")  # no triggers: a superuser
    await owner.execute(tampering)
    await owner.close()

    report = await payments.audit(database_url)

    found = {problem.check for problem in report.problems}
    assert checks - {"rows lie in their lane"} <= found <= checks
    assert all(problem.sentence.endswith(".") for problem in report.problems)
