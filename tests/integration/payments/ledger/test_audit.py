"""The audit finds what was tampered with, and names it."""

import re
from itertools import pairwise

import pytest

import payments
from payments.ledger.checks import CHECKS

CASH = "kind = 12 AND owner_id = (SELECT owner_id FROM payments.receipt WHERE outcome = 'short')"
ONE_ENTRY = "(lane, account_id, position) IN (SELECT lane, account_id, position FROM payments.entry ORDER BY 1, 2, 3 LIMIT 1)"
ONE_DAY = "(lane, account_id, day) IN (SELECT lane, account_id, day FROM payments.account_day ORDER BY 1, 2, 3 LIMIT 1)"
STATEMENTS, RUNNING = "statements equal the journal", "statements add up"
HOLDS, HELD = "holds ended as they should", "what is held equals the open holds"
REFUNDS, OVER = "refunds have their transfers", "no more is given back than came"
JOURNAL = "balances equal the journal"
UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


async def test_an_honest_database_is_clean_and_everything_was_looked_at(books):
    report = await payments.audit(books.url, heads=books.heads)

    assert report.problems == ()
    assert (report.receipt_count, report.payment_count) == (3, 1)
    assert (report.hold_count, report.hold_end_count, report.refund_count) == (4, 3, 3)
    assert report.heads == books.heads
    counts = [getattr(report, name) for name in report.__struct_fields__ if "count" in name]
    assert all(counts), "a check that looked at nothing proves nothing"


async def test_the_system_role_may_audit(books):
    assert (await payments.audit(books.url, role="market_system")).is_clean


async def test_progress_is_told_check_by_check_and_ends_with_all_rows(books):
    told: list[tuple[str, int, int]] = []

    await payments.audit(books.url, lambda *one: told.append(one))

    assert told[0][0] == CHECKS[0].name
    assert {name for name, _, _ in told} > {check.name for check in CHECKS}
    assert all(before <= after for (_, before, _), (_, after, _) in pairwise(told))
    assert told[-1] == ("", told[-1][2], told[0][2])


async def test_what_is_not_sealed_or_fed_yet_is_no_problem(books):
    report = await payments.audit(books.url)

    assert report.is_clean
    assert report.entry_count < 2 * report.transfer_count


@pytest.mark.parametrize(
    ("tampering", "check"),
    [
        ("UPDATE payments.account SET balance_vnd = balance_vnd + 1 WHERE kind = 'cash'", JOURNAL),
        (
            "UPDATE payments.account SET balance_vnd = balance_vnd + 1 WHERE kind = 'cash'",
            "balances sum to zero",
        ),
        (f"UPDATE payments.transfer SET amount_vnd = amount_vnd + 1 WHERE {CASH}", JOURNAL),
        (f"UPDATE payments.transfer SET amount_vnd = amount_vnd + 1 WHERE {CASH}", STATEMENTS),
        (f"DELETE FROM payments.transfer WHERE {CASH}", JOURNAL),
        (f"DELETE FROM payments.transfer WHERE {CASH}", STATEMENTS),
        (
            "UPDATE payments.transfer SET amount_vnd = amount_vnd + 1 WHERE kind = 1",
            "receipts equal their transfers",
        ),
        (
            f"UPDATE payments.transfer SET owner_id = gen_random_uuid() WHERE {CASH}",
            "transfers stay with their owner",
        ),
        (
            f"UPDATE payments.transfer SET lane = (lane + 1) % 64 WHERE {CASH}",
            "rows lie in their lane",
        ),
        (
            "UPDATE payments.payment SET received_vnd = received_vnd + 1",
            "payments equal their receipts",
        ),
        (
            "DELETE FROM payments.receipt WHERE outcome = 'short'",
            "payments equal their receipts",
        ),
        (
            "DELETE FROM payments.receipt WHERE outcome = 'short'",
            "receipts equal their transfers",
        ),
        ("DELETE FROM payments.event WHERE data->>'outcome' = 'short'", "receipts have events"),
        ("DELETE FROM payments.event WHERE data->>'outcome' = 'cash'", "cash sales have events"),
        # Statements and day sums.
        (f"UPDATE payments.entry SET amount_vnd = amount_vnd + 1 WHERE {ONE_ENTRY}", STATEMENTS),
        (f"UPDATE payments.entry SET amount_vnd = amount_vnd + 1 WHERE {ONE_ENTRY}", RUNNING),
        (f"UPDATE payments.entry SET balance_vnd = balance_vnd + 1 WHERE {ONE_ENTRY}", RUNNING),
        (
            f"UPDATE payments.entry SET occurred_at = occurred_at + '1 us' WHERE {ONE_ENTRY}",
            STATEMENTS,
        ),
        (
            f"UPDATE payments.entry SET recorded_at = recorded_at + '1 us' WHERE {ONE_ENTRY}",
            STATEMENTS,
        ),
        (
            f"UPDATE payments.entry SET transfer_id = gen_random_uuid() WHERE {ONE_ENTRY}",
            STATEMENTS,
        ),
        (f"UPDATE payments.entry SET owner_id = gen_random_uuid() WHERE {ONE_ENTRY}", STATEMENTS),
        (f"UPDATE payments.entry SET lane = lane + 1 WHERE {ONE_ENTRY}", STATEMENTS),
        (f"UPDATE payments.entry SET position = position - 1 WHERE {ONE_ENTRY}", STATEMENTS),
        (f"DELETE FROM payments.entry WHERE {ONE_ENTRY}", STATEMENTS),
        (
            "INSERT INTO payments.entry SELECT lane, account_id, 7, 1, 1, occurred_at, recorded_at,"
            f" transfer_id, owner_id FROM payments.entry WHERE {ONE_ENTRY}",
            STATEMENTS,
        ),
        ("UPDATE payments.watermark SET position = 1 WHERE name = 'statements'", STATEMENTS),
        (
            f"UPDATE payments.account_day SET debit_vnd = debit_vnd + 1 WHERE {ONE_DAY}",
            "days equal the journal",
        ),
        (
            f"UPDATE payments.account_day SET credit_vnd = credit_vnd + 1 WHERE {ONE_DAY}",
            "days equal the journal",
        ),
        (
            f"UPDATE payments.account_day SET entry_count = 9 WHERE {ONE_DAY}",
            "days equal the journal",
        ),
        (
            f"UPDATE payments.account_day SET day = day + 9 WHERE {ONE_DAY}",
            "days equal the journal",
        ),
        (
            f"UPDATE payments.account_day SET owner_id = gen_random_uuid() WHERE {ONE_DAY}",
            "days equal the journal",
        ),
        (f"DELETE FROM payments.account_day WHERE {ONE_DAY}", "days equal the journal"),
        # Holds.
        ("UPDATE payments.account SET held_out_vnd = held_out_vnd + 1 WHERE kind = 'cash'", HELD),
        ("UPDATE payments.account SET held_in_vnd = 0 WHERE held_in_vnd > 0", HELD),
        ("UPDATE payments.hold SET amount_vnd = amount_vnd + 1", HELD),
        ("DELETE FROM payments.hold", HOLDS),
        ("DELETE FROM payments.hold_end WHERE outcome = 'voided'", HELD),
        ("UPDATE payments.hold_end SET amount_vnd = 600 WHERE outcome = 'posted'", HOLDS),
        ("UPDATE payments.hold_end SET amount_vnd = 199 WHERE outcome = 'posted'", HOLDS),
        ("UPDATE payments.hold_end SET amount_vnd = 1 WHERE outcome = 'expired'", HOLDS),
        ("UPDATE payments.hold_end SET outcome = 'voided' WHERE outcome = 'posted'", HOLDS),
        ("UPDATE payments.hold_end SET id = gen_random_uuid() WHERE outcome = 'posted'", HOLDS),
        ("UPDATE payments.hold_end SET hold_id = gen_random_uuid()", HOLDS),
        (
            "UPDATE payments.hold SET expires_at = now() - interval '8 days'",
            "no hold outlives its deadline",
        ),
        # What was given back.
        ("UPDATE payments.refund SET amount_vnd = amount_vnd + 1", REFUNDS),
        ("UPDATE payments.refund SET id = gen_random_uuid()", REFUNDS),
        ("UPDATE payments.refund SET original_id = gen_random_uuid()", REFUNDS),
        ("UPDATE payments.refund SET owner_id = gen_random_uuid()", REFUNDS),
        ("DELETE FROM payments.refund", "what gives back has its refund"),
        ("UPDATE payments.refund SET amount_vnd = 700", OVER),
        ("UPDATE payments.transfer SET kind = 12 WHERE kind = 8", REFUNDS),
        ("UPDATE payments.transfer SET amount_vnd = amount_vnd - 1 WHERE kind = 11", REFUNDS),
    ],
)
async def test_every_tampering_is_found_and_named(tampered, tampering, check):
    report = await tampered(tampering)

    said = [problem.sentence for problem in report.problems if problem.check == check]
    assert said
    assert all(re.search(UUID, one) and one.endswith(".") for one in said)


async def test_a_transfer_with_an_empty_field_is_named_and_the_rest_still_audited(books, tampered):
    report = await tampered(
        "ALTER TABLE payments.transfer ALTER place_id DROP NOT NULL",
        f"UPDATE payments.transfer SET place_id = NULL WHERE id = '{books.cash[2]}'",
        "UPDATE payments.account_day SET debit_vnd = debit_vnd + 1",
    )

    named = {problem.check for problem in report.problems if str(books.cash[2]) in problem.sentence}
    assert named == {"transfers are whole", "transfers are as they were sealed"}
    assert any(problem.check == "days equal the journal" for problem in report.problems)


async def test_of_many_disagreements_a_hundred_are_named(tampered):
    report = await tampered(
        "INSERT INTO payments.refund SELECT 0, gen_random_uuid(), gen_random_uuid(),"
        " gen_random_uuid(), 1 FROM generate_series(1, 300)"
    )

    assert sum(problem.check == REFUNDS for problem in report.problems) == 100


async def test_parts_of_a_long_check_say_the_same_as_the_whole(tampered, monkeypatch):
    tampering = "UPDATE payments.account SET balance_vnd = balance_vnd + 1"
    whole = await tampered(tampering)

    monkeypatch.setattr("payments.ledger.audit.PART_ROW_COUNT", 1)
    parts = await tampered("SELECT 1")

    assert set(parts.problems) == set(whole.problems)
