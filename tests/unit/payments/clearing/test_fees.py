"""What an acquirer keeps, by the worked example and by the dated contracts."""

from datetime import date

import pytest

from payments.clearing.fees import (
    FeeSchedule,
    FeeScheduleInvalid,
    FeeUnknown,
    all_schedules,
    fee_of,
    read_schedules,
    schedule_for,
    schedules_of,
)

DAY = date(2026, 11, 23)
PLAIN = FeeSchedule(
    acquirer="a", channel="c", bank_codes=("*",), basis_points=90, vat_basis_points=1_000
)


@pytest.mark.parametrize(
    ("txn_type", "amount_vnd", "fee_vnd", "vat_vnd", "net_vnd"),
    [
        ("PAYMENT", 85_000, 765, 77, 84_158),
        ("PAYMENT", 12_345, 111, 11, 12_223),
        ("REFUND", -30_000, 0, 0, -30_000),
    ],
)
def test_the_worked_example_comes_out_to_the_dong(txn_type, amount_vnd, fee_vnd, vat_vnd, net_vnd):
    fee = fee_of(PLAIN, amount_vnd, txn_type)

    assert (fee.fee_vnd, fee.vat_vnd) == (fee_vnd, vat_vnd)
    assert amount_vnd - fee.total_vnd == net_vnd


def test_the_shipped_contract_is_the_worked_example():
    schedule = schedule_for("vnpay", "NCB", DAY)

    assert fee_of(schedule, 85_000).total_vnd == 842


def test_the_fee_is_not_under_its_minimum_nor_over_its_maximum():
    schedule = FeeSchedule(
        acquirer="a", channel="c", bank_codes=("*",), basis_points=100, fixed_vnd=50, min_vnd=200,
        max_vnd=1_000,
    )  # fmt: skip

    assert [fee_of(schedule, amount).fee_vnd for amount in (1, 15_000, 15_100, 10**9)] == [
        200, 200, 201, 1_000,
    ]  # fmt: skip


def test_a_contract_that_returns_fees_returns_the_same_fee():
    schedule = FeeSchedule(
        acquirer="a", channel="c", bank_codes=("*",), basis_points=90, vat_basis_points=1_000,
        refund="returned",
    )  # fmt: skip

    paid, returned = fee_of(schedule, 85_000), fee_of(schedule, -85_000, "REFUND")

    assert (returned.fee_vnd, returned.vat_vnd) == (-paid.fee_vnd, -paid.vat_vnd)


def test_a_bank_with_a_price_of_its_own_goes_before_the_rest():
    assert schedule_for("vnpay", "VISA", DAY).channel == "international"
    assert schedule_for("vnpay", "ANY OTHER", DAY).channel == "bank"


def test_the_contract_that_became_known_last_is_right():
    old = FeeSchedule(acquirer="a", channel="old", bank_codes=("*",), basis_points=90)
    new = FeeSchedule(
        acquirer="a", channel="new", bank_codes=("*",), basis_points=80,
        valid_from=date(2026, 11, 1), known_from=date(2026, 11, 20),
    )  # fmt: skip

    def channel(day: date, known_on: date | None = None) -> str:
        return schedules_of("a", day, known_on, rows=[new, old])["*"].channel

    assert channel(date(2026, 10, 31)) == "old"
    assert channel(date(2026, 11, 1)) == "new"
    assert channel(date(2026, 11, 1), known_on=date(2026, 11, 19)) == "old"


def test_nothing_is_guessed_for_an_acquirer_without_a_contract():
    with pytest.raises(FeeUnknown):
        schedule_for("nobody", "NCB", DAY)


@pytest.mark.parametrize(
    "changes",
    [
        {"basis_points": -1},
        {"basis_points": 10_001},
        {"fixed_vnd": -1},
        {"min_vnd": 10, "max_vnd": 5},
        {"refund": "halved"},
    ],
)
def test_a_contract_that_cannot_be_is_refused(changes):
    fields = {"acquirer": "a", "channel": "c", "bank_codes": ("*",), "basis_points": 90}

    with pytest.raises(FeeScheduleInvalid):
        FeeSchedule(**(fields | changes))


def test_a_row_without_its_parts_is_refused():
    with pytest.raises(FeeScheduleInvalid):
        read_schedules('[[fee]]\nacquirer = "a"\n')


def test_every_shipped_row_names_its_source():
    assert all(one.source for one in all_schedules())
