"""What posting a transfer would do, in the order of precedence; linked sets; the batch's book."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from payments.ledger.accounts import Account, AccountKind, lane_of
from payments.ledger.transfer import TRANSFER_VND_MAX, Book, Outcome, Transfer, TransferKind, judge

OWNER, OTHER = UUID(int=1), UUID(int=2)
BANK, SALES, SUSPENSE, FOREIGN = (UUID(int=number) for number in (10, 11, 12, 13))


def accounts():
    return {
        account.id: account
        for account in (
            Account(BANK, OWNER, AccountKind.BANK, 0),
            Account(SALES, OWNER, AccountKind.SALES, 0, balance_vnd_min=0, balance_vnd_max=100),
            Account(SUSPENSE, OWNER, AccountKind.SUSPENSE, 0, balance_vnd_min=0),
            Account(FOREIGN, OTHER, AccountKind.BANK, 0),
        )
    }


def transfer(**changes):
    fields = {
        "id": UUID(int=100),
        "owner_id": OWNER,
        "debit_id": BANK,
        "credit_id": SALES,
        "amount_vnd": 50,
        "kind": TransferKind.OTHER,
        "occurred_at": datetime(2026, 11, 23, tzinfo=UTC),
    }
    return Transfer(**(fields | changes))


def judged(one, *, seen=None, elsewhere=(), closed=()):
    known = accounts()
    for account_id in closed:
        known[account_id].is_closed = True
    return judge(one, one.digest, seen, known, elsewhere)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.POSTED),
        ({"amount_vnd": 0}, Outcome.INVALID),
        ({"amount_vnd": -5}, Outcome.INVALID),
        ({"amount_vnd": TRANSFER_VND_MAX + 1}, Outcome.INVALID),
        ({"credit_id": BANK}, Outcome.INVALID),
        ({"credit_id": UUID(int=99)}, Outcome.ACCOUNT_UNKNOWN),
        ({"credit_id": FOREIGN}, Outcome.OWNER_MISMATCH),
        ({"owner_id": OTHER}, Outcome.OWNER_MISMATCH),
        ({"debit_id": SUSPENSE, "credit_id": BANK}, Outcome.OVERDRAWN),
        ({"debit_id": SUSPENSE, "amount_vnd": 101}, Outcome.OVERDRAWN),
        ({"amount_vnd": 100}, Outcome.POSTED),
        ({"amount_vnd": 101}, Outcome.LIMIT),
    ],
)
def test_every_reason_to_refuse_has_its_outcome(changes, outcome):
    assert judged(transfer(**changes)) is outcome


def test_an_account_of_another_lane_is_another_owners():
    one = transfer(credit_id=UUID(int=99))

    assert judged(one, elsewhere={UUID(int=99)}) is Outcome.OWNER_MISMATCH


def test_a_closed_account_takes_nothing():
    assert judged(transfer(), closed=[SALES]) is Outcome.ACCOUNT_CLOSED


def test_what_stands_already_is_said_before_anything_about_accounts():
    one = transfer()
    other = transfer(amount_vnd=51)

    assert judged(one, seen=one.digest, closed=[BANK]) is Outcome.ALREADY_POSTED
    assert judged(one, seen=other.digest, closed=[BANK]) is Outcome.ID_REUSED


@pytest.mark.parametrize(
    "changes",
    [
        {"owner_id": OTHER},
        {"debit_id": SUSPENSE},
        {"credit_id": SUSPENSE},
        {"amount_vnd": 51},
        {"kind": TransferKind.FEE},
        {"occurred_at": datetime(2026, 11, 24, tzinfo=UTC)},
        {"subject_id": UUID(int=5)},
        {"place_id": UUID(int=5)},
    ],
)
def test_the_digest_stands_for_every_field(changes):
    assert transfer().digest != transfer(**changes).digest


def test_a_book_sees_what_it_posted():
    book = Book(accounts().values(), {})

    first = book.post(transfer())
    again = book.post(transfer())
    reused = book.post(transfer(amount_vnd=1))

    assert [first, again, reused] == [Outcome.POSTED, Outcome.ALREADY_POSTED, Outcome.ID_REUSED]
    assert book.deltas() == [(lane_of(OWNER), BANK, 50), (lane_of(OWNER), SALES, 50)]


def test_a_linked_set_is_all():
    book = Book(accounts().values(), {})
    chain = [
        transfer(id=UUID(int=1), credit_id=SUSPENSE),
        transfer(id=UUID(int=2), debit_id=SUSPENSE, credit_id=SALES),
    ]

    outcomes = book.post_linked(chain)

    assert outcomes == [Outcome.POSTED, Outcome.POSTED]
    assert {key: vnd for _, key, vnd in book.deltas()} == {BANK: 50, SALES: 50}


def test_a_linked_set_is_none():
    book = Book(accounts().values(), {})
    good, bad = transfer(id=UUID(int=1)), transfer(id=UUID(int=2), amount_vnd=51)

    outcomes = book.post_linked([good, bad])

    assert outcomes == [Outcome.LINKED_FAILED, Outcome.LIMIT]
    assert book.deltas() == []
    assert book.posted == []
    assert book.post(good) is Outcome.POSTED  # its id is free


def test_a_linked_set_again_stands_already_and_a_part_of_it_is_another_set():
    pair = [transfer(id=UUID(int=1), amount_vnd=10), transfer(id=UUID(int=2), amount_vnd=10)]
    book = Book(accounts().values(), {})
    book.post_linked(pair)

    again = book.post_linked(pair)
    mixed = book.post_linked([pair[0], transfer(id=UUID(int=3), amount_vnd=10)])

    assert again == [Outcome.ALREADY_POSTED] * 2
    assert mixed == [Outcome.ALREADY_POSTED, Outcome.LINKED_FAILED]


def test_a_linked_set_holds_one_owner_and_each_transfer_once():
    book = Book(accounts().values(), {})
    one = transfer()

    assert book.post_linked([one, replace(one, owner_id=OTHER)])[1] is Outcome.OWNER_MISMATCH
    assert book.post_linked([one, one]) == [Outcome.LINKED_FAILED, Outcome.INVALID]
    assert book.deltas() == []


def test_an_account_beyond_its_limit_may_come_back():
    known = accounts()
    known[SUSPENSE].balance_vnd = -80

    book = Book(known.values(), {})

    assert book.post(transfer(credit_id=SUSPENSE)) is Outcome.POSTED
    assert known[SUSPENSE].balance_vnd == -30
