"""A row's transfers: what they move, and ids that follow from the row."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from market import ids
from payments.clearing.payouts import Payout, payout_in, reference_of
from payments.clearing.posting import PayableRow, derived_id, transfers_of
from payments.ledger.accounts import AccountKind, AccountName

AT = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
OWNER, SESSION = ids.new(), ids.new()
FEES = AccountName(OWNER, AccountKind.FEES).id
OWED = AccountName(OWNER, AccountKind.ACQUIRER, "vnpay").id


def row(**changes: Any) -> PayableRow:
    fields: dict[str, Any] = {
        "session_id": SESSION, "seq": 1, "owner_id": OWNER, "receipt_id": None, "acquirer": "vnpay",
        "txn_type": "PAYMENT", "occurred_at": AT, "amount_vnd": 85_000, "fee_vnd": 765,
        "fee_vat_vnd": 77,
    }  # fmt: skip
    return PayableRow(**(fields | changes))


def test_a_payment_moves_its_fee_alone():
    (move,) = transfers_of(row())

    assert (move.debit_id, move.credit_id, move.amount_vnd) == (FEES, OWED, 842)


def test_a_returned_fee_moves_the_other_way():
    (move,) = transfers_of(
        row(txn_type="REFUND", amount_vnd=-85_000, fee_vnd=-765, fee_vat_vnd=-77)
    )

    assert (move.debit_id, move.credit_id, move.amount_vnd) == (OWED, FEES, 842)


@pytest.mark.parametrize("amount_vnd", [5_000, -5_000])
def test_an_adjustment_is_against_the_fees(amount_vnd):
    (move,) = transfers_of(row(txn_type="ADJUST", amount_vnd=amount_vnd, fee_vnd=0, fee_vat_vnd=0))

    assert (move.debit_id == OWED) == (amount_vnd > 0)
    assert move.amount_vnd == 5_000


def test_a_row_without_a_fee_moves_nothing():
    assert list(transfers_of(row(fee_vnd=0, fee_vat_vnd=0))) == []


def test_the_same_row_has_the_same_id_and_no_other_row_has():
    first, again = next(iter(transfers_of(row()))), next(iter(transfers_of(row())))
    others = {next(iter(transfers_of(row(seq=seq)))).id for seq in range(2, 100)}

    assert first == again
    assert first.id not in others
    assert len(others) == 98


def test_a_derived_id_carries_its_instant():
    made = derived_id(AT, "x")

    assert made.version == 7
    assert made.variant == UUID(int=ids.new().int).variant
    assert ids.made_at(made) == AT


def payout(**changes: Any) -> Payout:
    fields: dict[str, Any] = {
        "session_id": SESSION, "owner_id": OWNER, "acquirer": "vnpay", "day": AT.date(),
        "row_count": 1, "amount_vnd": 85_000, "fee_vnd": 765, "fee_vat_vnd": 77, "net_vnd": 84_158,
        "carried_in_vnd": 0, "pay_vnd": 84_158, "carried_out_vnd": 0,
        "reference": reference_of(SESSION, OWNER), "state": "instructed", "instructed_at": AT,
        "confirmed_at": None, "receipt_id": None,
    }  # fmt: skip
    return Payout(**(fields | changes))


def test_a_credit_is_known_by_its_reference_and_its_amount():
    waiting = payout()
    spaced = f"VNPAY TT {waiting.reference[:4]} {waiting.reference[4:].lower()}.CT"

    assert payout_in(spaced, 84_158, [waiting]) == waiting
    assert payout_in(spaced, 84_157, [waiting]) is None
    assert payout_in("VNPAY TT", 84_158, [waiting]) is None


def test_references_differ_by_session_and_vendor():
    later = derived_id(AT + timedelta(days=1), "session")

    assert len({reference_of(s, o) for s in (SESSION, later) for o in (OWNER, ids.new())}) == 4
