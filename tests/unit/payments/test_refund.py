"""What a refund becomes by what is said of it, and who a memo says has paid."""

import itertools

import pytest

from payments.refund import FINAL, Answered, RefundState, after, payer_in

ASKED, UNKNOWN, SENT = RefundState.ASKED, RefundState.UNKNOWN, RefundState.SENT
DONE, REFUSED = RefundState.DONE, RefundState.REFUSED


@pytest.mark.parametrize(
    ("state", "answer", "was_answered", "becomes"),
    [
        (UNKNOWN, Answered.ACCEPTED, False, SENT),
        (UNKNOWN, Answered.CONFIRMED, False, SENT),
        (UNKNOWN, Answered.REFUSED, False, REFUSED),
        (UNKNOWN, Answered.UNCLEAR, False, UNKNOWN),
        (UNKNOWN, Answered.ABSENT, False, ASKED),
        (UNKNOWN, Answered.ABSENT, True, REFUSED),
        (SENT, Answered.ABSENT, True, SENT),
        (SENT, Answered.UNCLEAR, True, SENT),
        (SENT, Answered.REFUSED, True, REFUSED),
        (ASKED, Answered.UNCLEAR, False, UNKNOWN),
    ],
)
def test_a_refund_moves_by_what_is_said_and_by_nothing_else(state, answer, was_answered, becomes):
    assert after(state, answer, was_answered=was_answered) is becomes


@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_has_ended_moves_no_more(state):
    moved = {
        after(state, answer, was_answered=told)
        for answer, told in itertools.product(Answered, (True, False))
    }

    assert moved == {state}


def test_only_an_answer_that_it_is_absent_lets_a_request_leave_again():
    again = {
        answer
        for state, answer, told in itertools.product((UNKNOWN, SENT), Answered, (True, False))
        if after(state, answer, was_answered=told) is ASKED
    }

    assert again == {Answered.ABSENT}


@pytest.mark.parametrize(
    ("memo", "account_no", "name"),
    [
        (
            "MBVCB.1234567890.123456.CHOK7M2QX.CT tu 0123456789 NGUYEN VAN A toi 9990001112223 CO LAN",
            "0123456789",
            "NGUYEN VAN A",
        ),
        ("CT tu 99MM24011M LE THI B toi 1 X", "99MM24011M", "LE THI B"),
    ],
)
def test_some_banks_name_the_payer(memo, account_no, name):
    payer = payer_in(memo)

    assert payer is not None
    assert (payer.account_no, payer.name) == (account_no, name)


@pytest.mark.parametrize("memo", ["", "CHOK7M2QX", "NGUYEN VAN A chuyen tien", "CT tu toi 1"])
def test_most_do_not(memo):
    assert payer_in(memo) is None
