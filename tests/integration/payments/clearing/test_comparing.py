"""An acquirer's file against the ledger, to the đồng."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from payments.reconciliation import staging
from payments.reconciliation.errors import ReconciliationBusy, RecordTrailer


@pytest.fixture(params=["careful", "fast"])
def both_ways(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "fast":
        monkeypatch.setattr(staging, "CAREFUL_BYTES", 0)
    return request.param


def classes_of(comparison: Any) -> list[tuple[str, str]]:
    return [(str(one.class_), one.reference) for one in comparison.differences]


async def test_a_day_that_agrees_has_no_differences(both_ways, vendor, other_vendor, day, compare):
    for amount_vnd in (85_000, 12_345, 30_000):
        await day.take(vendor.id, amount_vnd)
    first = await day.take(other_vendor.id, 30_000)
    await day.refund(first, other_vendor.id, 10_000)

    found = await compare(day.file())

    assert found.differences == ()
    assert found.matched_count == found.sums.row_count == 5
    assert found.sums.amount_vnd == 147_345


async def test_a_lost_notice_is_missing_here_and_its_vendor_is_known(
    both_ways, vendor, day, compare
):
    await day.take(vendor.id, 85_000)
    lost = await day.take(vendor.id, 12_345, told=False)

    found = await compare(day.file())

    assert classes_of(found) == [("missing_local", lost.provider_txn_no)]
    assert found.differences[0].owner_id == vendor.id
    assert found.held_vnd == 12_223


async def test_money_of_ours_that_the_file_lacks_is_missing_there(both_ways, vendor, day, compare):
    kept = await day.take(vendor.id, 85_000)
    left_out = await day.take(vendor.id, 12_345)

    found = await compare(day.file([kept]))

    assert classes_of(found) == [("missing_provider", left_out.provider_txn_no)]
    assert found.differences[0].ours_vnd == 12_345
    assert found.held_vnd == 0


async def test_one_dong_of_difference_is_found(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000)
    day.rows[0] = day.row(row.provider_txn_no, 84_999, row_at(row), seq=1, txn_ref=row.txn_ref)

    found = await compare(day.file())

    assert classes_of(found) == [("amount_mismatch", row.provider_txn_no)]
    assert (found.differences[0].theirs_vnd, found.differences[0].ours_vnd) == (84_999, 85_000)


async def test_a_fee_of_one_dong_too_much_is_found(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000, fee=766)

    found = await compare(day.file())

    assert classes_of(found) == [("fee_mismatch", row.provider_txn_no)]
    assert "766 đ + VAT 77 đ, the contract says 765 đ" in found.differences[0].sentence


async def test_paid_here_and_reversed_there_is_a_difference(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000, status="04")

    found = await compare(day.file())

    assert classes_of(found) == [("status_mismatch", row.provider_txn_no)]


async def test_a_row_that_stands_twice_is_held_once(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000)
    day.rows.append(replace(row, seq=2))

    found = await compare(day.file())

    assert classes_of(found) == [("duplicate", row.provider_txn_no)]
    assert found.differences[0].seq == 2
    assert found.matched_count == 1


async def test_an_unknown_row_that_stands_twice_is_missing_and_doubled(
    both_ways, vendor, day, compare
):
    row = await day.take(vendor.id, 85_000, told=False)
    day.rows.append(replace(row, seq=2))

    found = await compare(day.file())

    assert sorted(found.counts) == ["duplicate", "missing_local"]


async def test_another_number_with_our_reference_is_the_same_payment(
    both_ways, vendor, day, compare
):
    row = await day.take(vendor.id, 85_000)
    day.rows[0] = replace(row, provider_txn_no="99000001")

    found = await compare(day.file())

    assert found.differences == ()
    assert [one.owner_id for one in found.assigned] == [vendor.id]


async def test_a_payment_before_midnight_told_after_it_belongs_to_its_own_day(
    both_ways, vendor, day, compare
):
    late = datetime(2026, 11, 22, 16, 59, 58, tzinfo=UTC)
    await day.take(vendor.id, 85_000, at=late)
    early_next = await day.take(vendor.id, 12_345, at=late + timedelta(seconds=7))

    found = await compare(day.file(day.rows[:1]))
    both = await compare(day.file())

    assert found.differences == ()
    assert both.differences == ()
    assert [one.seq for one in both.assigned] == [early_next.seq]


async def test_a_refund_nobody_asked_for_is_missing_here(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000)
    given_back = day.refund_row(row, 30_000)

    found = await compare(day.file())

    assert classes_of(found) == [("missing_local", given_back.provider_txn_no)]


async def test_a_refund_of_another_amount_is_a_mismatch(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000)
    given_back = await day.refund(row, vendor.id, 30_000)
    day.rows[-1] = replace(given_back, amount=-30_001, net_amount=-30_001)

    found = await compare(day.file())

    assert classes_of(found) == [("amount_mismatch", given_back.provider_txn_no)]
    assert found.differences[0].ours_vnd == -30_000


async def test_a_chargeback_nobody_heard_of_is_missing_here(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000)
    taken = day.refund_row(row, 85_000, txn_type="CHARGEBACK")

    found = await compare(day.file())

    assert classes_of(found) == [("missing_local", taken.provider_txn_no)]
    assert found.differences[0].owner_id == vendor.id


async def test_an_adjustment_of_a_known_payment_needs_no_look(both_ways, vendor, day, compare):
    row = await day.take(vendor.id, 85_000)
    day.refund_row(row, 1_000, txn_type="ADJUST")

    found = await compare(day.file())

    assert found.differences == ()
    assert [one.owner_id for one in found.assigned] == [vendor.id]


async def test_two_files_are_not_compared_at_once(database_url, vendor, day, compare):
    await day.take(vendor.id, 85_000)
    other = await asyncpg.connect(database_url)
    await other.execute("SELECT pg_advisory_lock(20261126)")

    with pytest.raises(ReconciliationBusy):
        await compare(day.file())

    await other.close()


async def test_a_refused_file_leaves_nothing_behind(both_ways, vendor, day, compare, database_url):
    await day.take(vendor.id, 85_000)
    spoilt = day.file().replace(b"85000", b"85001")

    with pytest.raises(RecordTrailer):
        await compare(spoilt.replace(b"84158", b"84159"))

    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM payments.staging") == 0
    await connection.close()


def row_at(row: Any) -> datetime:
    return datetime.strptime(row.txn_time, "%Y%m%d%H%M%S").replace(tzinfo=UTC) - timedelta(hours=7)
