"""Stripe's report of a day as a settlement file: what each line becomes, and what is refused."""

import csv
import io

import pytest

from payments.reconciliation.errors import (
    RecordAmount,
    RecordColumns,
    RecordCurrency,
    RecordCut,
    RecordDay,
    RecordEmpty,
    RecordSum,
)
from payments.reconciliation.provider_file import layout_of, rows_of
from payments.reconciliation.stripe_report import NEEDED, REFERENCE, as_settlement_file

CHARGE = {
    "balance_transaction_id": "txn_1", "created_utc": "2026-11-22 03:17:22", "currency": "vnd",
    "gross": "85000", "fee": "4710", "net": "80290", "reporting_category": "charge",
    "source_id": "ch_1", "payment_intent_id": "pi_1", REFERENCE: "order-1",
}  # fmt: skip
REFUND = CHARGE | {
    "balance_transaction_id": "txn_2", "gross": "-30000.00", "fee": "0.00", "net": "-30000.00",
    "reporting_category": "refund", "source_id": "re_1",
}  # fmt: skip


def report(*lines, columns=(*NEEDED, REFERENCE)):
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue().encode()


def rows(*lines):
    raw = as_settlement_file("stripe", report(*lines))
    return list(rows_of(raw, layout_of(raw)))


def test_a_charge_is_a_payment_by_its_intent_and_vietnamese_time():
    (row,) = rows(CHARGE)

    assert (row.txn_type, row.provider_txn_no, row.txn_ref) == ("PAYMENT", "pi_1", "order-1")
    assert (row.amount, row.fee, row.net_amount) == (85_000, 4_710, 80_290)
    assert (row.settlement_date, row.txn_time) == ("2026-11-22", "20261122101722")


def test_the_day_is_vietnams_and_not_utcs():
    (row,) = rows(CHARGE | {"created_utc": "2026-11-22 17:00:00"})

    assert row.settlement_date == "2026-11-23"


def test_a_time_with_its_zone_is_that_instant():
    times = ("2026-11-22T03:17:22Z", "2026-11-22 10:17:22+07:00", "2026-11-22 03:17:22.500")

    assert {rows(CHARGE | {"created_utc": one})[0].txn_time for one in times} == {"20261122101722"}


def test_money_back_names_the_payment_it_is_of():
    lost = CHARGE | {
        "gross": "-85000", "fee": "0", "net": "-85000", "reporting_category": "dispute",
        "source_id": "dp_1",
    }  # fmt: skip

    refund, dispute = rows(REFUND, lost)

    assert (refund.txn_type, refund.provider_txn_no, refund.amount) == ("REFUND", "re_1", -30_000)
    assert (dispute.txn_type, dispute.provider_txn_no) == ("CHARGEBACK", "dp_1")
    assert {refund.original_provider_txn_no, dispute.original_provider_txn_no} == {"pi_1"}


def test_a_payout_is_no_row_and_a_bare_fee_is_an_adjustment():
    payout = CHARGE | {
        "gross": "-80290",
        "fee": "0",
        "net": "-80290",
        "reporting_category": "payout",
    }
    fee = CHARGE | {"gross": "0", "fee": "15000", "net": "-15000", "reporting_category": "fee"}

    found = rows(CHARGE, payout, fee)

    assert [one.txn_type for one in found] == ["PAYMENT", "ADJUST"]
    assert (found[1].amount, found[1].fee, found[1].provider_txn_no) == (-15_000, 0, "txn_1")


def test_a_file_of_the_common_form_and_other_acquirers_pass_as_they_came():
    common = b"seq;amount\nTRAILER;0\n"

    assert as_settlement_file("stripe", common) is common
    assert as_settlement_file("vnpay", report(CHARGE)) == report(CHARGE)


@pytest.mark.parametrize(
    ("lines", "kind", "line"),
    [
        ([CHARGE, CHARGE | {"currency": "usd"}], RecordCurrency, 3),
        ([CHARGE | {"gross": "85000.50"}], RecordAmount, 2),
        ([CHARGE | {"gross": "85.000"}], RecordAmount, 2),
        ([CHARGE | {"net": "80291"}], RecordSum, 2),
        ([CHARGE, CHARGE | {"created_utc": "2026-11-22 17:00:00"}], RecordDay, 3),
        ([], RecordEmpty, 0),
    ],
)
def test_what_cannot_be_trusted_is_refused_with_its_line(lines, kind, line):
    with pytest.raises(kind) as refused:
        as_settlement_file("stripe", report(*lines))

    assert refused.value.line == line


def test_a_report_without_a_needed_column_or_cut_off_is_refused():
    with pytest.raises(RecordColumns):
        as_settlement_file("stripe", report(CHARGE, columns=NEEDED[:-1]))
    with pytest.raises(RecordCut):
        as_settlement_file("stripe", report(CHARGE) + b"txn_2,2026-11")
