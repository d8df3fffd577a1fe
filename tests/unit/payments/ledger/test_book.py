"""What posting would do, in the order of precedence; holds; giving back; linked sets."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from payments.ledger.accounts import AccountKind, account_id
from payments.ledger.book import Account, Book, Read
from payments.ledger.orders import Hold, PostHold, Refund, Reversal, VoidHold
from payments.ledger.records import microseconds, record_of
from payments.ledger.transfer import TRANSFER_VND_MAX, Outcome, Transfer, TransferKind

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OWNER, OTHER = UUID(int=1), UUID(int=2)
BANK, SALES, SUSPENSE, FOREIGN = (UUID(int=number) for number in (10, 11, 12, 13))
REFUNDS = account_id(OWNER, AccountKind.REFUNDS)


def read(**changes):
    accounts = {
        BANK: Account.of_kind(OWNER.bytes, "bank", 0),
        SALES: Account.of_kind(OWNER.bytes, "sales", 0, 0, 100),
        SUSPENSE: Account.of_kind(OWNER.bytes, "suspense", 0, 0),
        REFUNDS: Account.of_kind(OWNER.bytes, "refunds", 0),
        FOREIGN: Account.of_kind(OTHER.bytes, "bank", 0),
    }
    known = {one.bytes: account for one, account in accounts.items()}
    return Read(accounts=known, now_us=microseconds(NOW), **changes)


def balances(book):
    return {
        UUID(bytes=one): account.balance_vnd
        for one, account in book.accounts.items()
        if account.balance_vnd
    }


def moved(book):
    return {
        UUID(bytes=one): (sums.debit_vnd, sums.credit_vnd)
        for one, sums in book.sums.items()
        if sums.debit_vnd or sums.credit_vnd
    }


def hold(**changes):
    fields = {
        "id": UUID(int=200),
        "owner_id": OWNER,
        "debit_id": BANK,
        "credit_id": SALES,
        "amount_vnd": 60,
        "kind": TransferKind.OTHER,
        "occurred_at": NOW,
        "expires_at": NOW + timedelta(minutes=5),
    }
    return Hold(**(fields | changes))


def post_hold(**changes):
    fields = {"id": UUID(int=201), "owner_id": OWNER, "hold_id": UUID(int=200), "occurred_at": NOW}
    return PostHold(**(fields | changes))


def void_hold(**changes):
    fields = {"id": UUID(int=202), "owner_id": OWNER, "hold_id": UUID(int=200), "occurred_at": NOW}
    return VoidHold(**(fields | changes))


def refund(**changes):
    fields = {
        "id": UUID(int=300),
        "owner_id": OWNER,
        "original_id": UUID(int=100),
        "amount_vnd": 20,
        "occurred_at": NOW,
    }
    return Refund(**(fields | changes))


def reversal(**changes):
    fields = {
        "id": UUID(int=301),
        "owner_id": OWNER,
        "original_id": UUID(int=100),
        "occurred_at": NOW,
    }
    return Reversal(**(fields | changes))


def transfer(**changes):
    fields = {
        "id": UUID(int=100),
        "owner_id": OWNER,
        "debit_id": BANK,
        "credit_id": SALES,
        "amount_vnd": 50,
        "kind": TransferKind.OTHER,
        "occurred_at": NOW,
    }
    return Transfer(**(fields | changes))


def judged(one, *, seen=None, elsewhere=(), closed=(), frozen=()):
    transfers = {} if seen is None else {(1, one.id.bytes): record_of(seen)}
    known = read(transfers=transfers, elsewhere=elsewhere)
    for account in closed:
        known.accounts[account.bytes].is_closed = True
    for account in frozen:
        known.accounts[account.bytes].is_frozen = True
    return Book(known).post(one)


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

    assert judged(one, elsewhere={UUID(int=99).bytes}) is Outcome.OWNER_MISMATCH


def test_a_closed_or_frozen_account_takes_nothing():
    assert judged(transfer(), closed=[SALES], frozen=[BANK]) is Outcome.ACCOUNT_CLOSED
    assert judged(transfer(), frozen=[SALES]) is Outcome.ACCOUNT_FROZEN


def test_what_stands_already_is_said_before_anything_about_accounts():
    one = transfer()
    other = transfer(amount_vnd=51)

    assert judged(one, seen=one, closed=[BANK]) is Outcome.ALREADY_POSTED
    assert judged(one, seen=other, closed=[BANK]) is Outcome.ID_REUSED


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
def test_the_same_id_with_any_other_content_is_told_apart(changes):
    outcome = judged(transfer(**changes), seen=transfer())

    assert outcome is (Outcome.OWNER_MISMATCH if "owner_id" in changes else Outcome.ID_REUSED)


def test_a_book_sees_what_it_posted():
    book = Book(read())

    first = book.post(transfer())
    again = book.post(transfer())
    reused = book.post(transfer(amount_vnd=1))

    assert [first, again, reused] == [Outcome.POSTED, Outcome.ALREADY_POSTED, Outcome.ID_REUSED]
    assert balances(book) == {BANK: 50, SALES: 50}
    assert moved(book) == {BANK: (50, 0), SALES: (0, 50)}


def test_a_linked_set_is_all():
    book = Book(read())
    chain = [
        transfer(id=UUID(int=1), credit_id=SUSPENSE),
        transfer(id=UUID(int=2), debit_id=SUSPENSE, credit_id=SALES),
    ]

    outcomes = book.post_linked(chain)

    assert outcomes == [Outcome.POSTED, Outcome.POSTED]
    assert balances(book) == {BANK: 50, SALES: 50}


def test_a_linked_set_is_none():
    book = Book(read())
    good, bad = transfer(id=UUID(int=1)), transfer(id=UUID(int=2), amount_vnd=51)

    outcomes = book.post_linked([good, bad])

    assert outcomes == [Outcome.LINKED_FAILED, Outcome.LIMIT]
    assert balances(book) == moved(book) == {}
    assert book.posted == []
    assert book.post(good) is Outcome.POSTED  # its id is free


def test_a_linked_set_again_stands_already_and_a_part_of_it_is_another_set():
    pair = [transfer(id=UUID(int=1), amount_vnd=10), transfer(id=UUID(int=2), amount_vnd=10)]
    book = Book(read())
    book.post_linked(pair)

    again = book.post_linked(pair)
    mixed = book.post_linked([pair[0], transfer(id=UUID(int=3), amount_vnd=10)])

    assert again == [Outcome.ALREADY_POSTED] * 2
    assert mixed == [Outcome.ALREADY_POSTED, Outcome.LINKED_FAILED]


def test_a_linked_set_holds_one_owner_and_each_transfer_once():
    book = Book(read())
    one = transfer()

    assert book.post_linked([one, replace(one, owner_id=OTHER)])[1] is Outcome.OWNER_MISMATCH
    assert book.post_linked([one, one]) == [Outcome.LINKED_FAILED, Outcome.INVALID]
    assert balances(book) == moved(book) == {}


def test_an_account_beyond_its_limit_may_come_back():
    known = read()
    known.accounts[SUSPENSE.bytes].balance_vnd = -80
    book = Book(known)

    assert book.post(transfer(credit_id=SUSPENSE)) is Outcome.POSTED
    assert balances(book) == {BANK: 50, SUSPENSE: -30}


def test_no_more_leaves_an_account_on_a_day_than_its_cap():
    known = read()
    bank = known.accounts[BANK.bytes]
    bank.out_vnd, bank.out_vnd_max = 40, 100
    book = Book(known)
    out = {"debit_id": REFUNDS, "credit_id": BANK}

    assert book.post(transfer(id=UUID(int=1), amount_vnd=61, **out)) is Outcome.DAILY_LIMIT
    assert book.post(transfer(id=UUID(int=2), amount_vnd=60, **out)) is Outcome.POSTED
    assert book.post(transfer(id=UUID(int=3), amount_vnd=1, **out)) is Outcome.DAILY_LIMIT
    assert book.post(transfer(id=UUID(int=4), amount_vnd=90)) is Outcome.POSTED  # in, not out


# ── Holds ───────────────────────────────────────────────────────────────────────────────────────


def test_what_is_held_is_out_of_reach_and_nobodys_yet():
    book = Book(read())
    book.post(transfer(credit_id=SUSPENSE, amount_vnd=80))
    out = {"debit_id": SUSPENSE, "credit_id": SALES}

    assert book.post(hold(**out)) is Outcome.POSTED
    assert book.post(transfer(id=UUID(int=1), amount_vnd=21, **out)) is Outcome.OVERDRAWN
    assert book.post(transfer(id=UUID(int=2), amount_vnd=20, **out)) is Outcome.POSTED
    assert book.post(transfer(id=UUID(int=3), amount_vnd=21)) is Outcome.LIMIT  # 20 + 60 + 21
    assert balances(book) == {BANK: 80, SUSPENSE: 60, SALES: 20}


def test_a_hold_is_posted_in_part_once_and_the_rest_is_free():
    book = Book(read())
    book.post(hold())

    assert book.post(post_hold(amount_vnd=61)) is Outcome.OVER_HOLD
    assert book.post(post_hold(amount_vnd=25)) is Outcome.POSTED
    assert book.post(post_hold(amount_vnd=25)) is Outcome.ALREADY_POSTED
    assert book.post(post_hold(amount_vnd=24)) is Outcome.ID_REUSED
    assert book.post(post_hold(id=UUID(int=209))) is Outcome.HOLD_POSTED
    assert book.post(void_hold()) is Outcome.HOLD_POSTED
    assert balances(book) == {BANK: 25, SALES: 25}
    assert book.accounts[BANK.bytes].held_in_vnd == book.accounts[SALES.bytes].held_in_vnd == 0
    assert book.post(transfer(amount_vnd=75)) is Outcome.POSTED


def test_a_voided_hold_moves_nothing_and_is_voided_once():
    book = Book(read())
    book.post(hold())

    assert book.post(void_hold()) is Outcome.POSTED
    assert book.post(void_hold()) is Outcome.ALREADY_POSTED
    assert book.post(void_hold(hold_id=UUID(int=9))) is Outcome.ID_REUSED
    assert book.post(post_hold()) is Outcome.HOLD_VOIDED
    assert moved(book) == {}


def test_a_hold_past_its_deadline_is_expired_whether_or_not_a_job_has_seen_it():
    known = read()
    book = Book(known)
    book.post(hold())
    known.now_us = microseconds(NOW + timedelta(minutes=5))

    assert book.post(post_hold()) is Outcome.HOLD_EXPIRED
    assert book.post(void_hold()) is Outcome.HOLD_EXPIRED
    assert book.post(hold(id=UUID(int=9))) is Outcome.INVALID  # taken with its deadline past


def test_a_hold_again_stands_already_and_with_other_content_is_another():
    book = Book(read())
    book.post(hold())

    assert book.post(hold()) is Outcome.ALREADY_POSTED
    assert book.post(hold(amount_vnd=1)) is Outcome.ID_REUSED
    assert book.post(hold(expires_at=NOW + timedelta(hours=1))) is Outcome.ID_REUSED
    assert book.post(post_hold(hold_id=UUID(int=7))) is Outcome.HOLD_UNKNOWN
    assert book.post(void_hold(owner_id=OTHER)) is Outcome.HOLD_UNKNOWN


def test_a_frozen_account_lets_a_hold_go_but_not_through():
    known = read()
    book = Book(known)
    book.post(hold())
    known.accounts[SALES.bytes].is_frozen = True

    assert book.post(post_hold()) is Outcome.ACCOUNT_FROZEN
    assert book.post(void_hold()) is Outcome.POSTED


# ── Giving back ─────────────────────────────────────────────────────────────────────────────────


def test_all_that_is_given_back_is_never_more_than_its_original():
    book = Book(read())
    book.post(transfer())

    assert book.post(refund()) is Outcome.POSTED
    assert book.post(refund()) is Outcome.ALREADY_POSTED
    assert book.post(refund(amount_vnd=21)) is Outcome.ID_REUSED
    assert book.post(refund(id=UUID(int=1), amount_vnd=31)) is Outcome.OVER_ORIGINAL
    assert book.post(reversal()) is Outcome.OVER_ORIGINAL
    assert book.post(refund(id=UUID(int=1), amount_vnd=30)) is Outcome.POSTED
    assert balances(book) == {SALES: 50, REFUNDS: 50}


def test_a_reversal_is_the_mirror_of_all_of_it():
    book = Book(read())
    book.post(transfer())

    assert book.post(reversal()) is Outcome.POSTED
    assert book.post(reversal()) is Outcome.ALREADY_POSTED
    assert book.post(refund(amount_vnd=1)) is Outcome.OVER_ORIGINAL
    assert balances(book) == {}


def test_what_is_unknown_or_gives_back_itself_is_no_original():
    book = Book(read())
    book.post(transfer())
    book.post(refund())

    assert book.post(refund(id=UUID(int=1), original_id=UUID(int=9))) is Outcome.ORIGINAL_UNKNOWN
    assert book.post(reversal(original_id=UUID(int=300))) is Outcome.ORIGINAL_UNKNOWN
    assert book.post(reversal(owner_id=OTHER)) is Outcome.ORIGINAL_UNKNOWN


def test_a_failed_set_takes_back_holds_and_refunds_too():
    book = Book(read())
    book.post(transfer())
    before = balances(book)

    outcomes = book.post_linked(
        [hold(amount_vnd=10), refund(), void_hold(), refund(id=UUID(int=9), amount_vnd=40)]
    )

    assert outcomes == [Outcome.LINKED_FAILED] * 3 + [Outcome.OVER_ORIGINAL]
    assert balances(book) == before
    assert (book.held, book.ended, book.refunds) == ([], [], [])
    assert book.post(refund(id=UUID(int=9), amount_vnd=50)) is Outcome.POSTED
    assert book.post(hold(amount_vnd=10)) is Outcome.POSTED
