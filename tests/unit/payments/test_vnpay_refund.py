"""VNPAY's words about a refund: which are a yes, which a no, and which are neither."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from payments.gateways.vnpay_api import VNPayStatus
from payments.gateways.vnpay_refund import refund_answer, refund_found
from payments.refund import Answered, RefundRequest, RefundState

NOW = datetime(2026, 11, 23, 3, 17, tzinfo=UTC)
ID = UUID(int=1)


def request(amount_vnd=30_000, refund_no=""):
    return RefundRequest(
        id=ID, owner_id=ID, place_id=None, payment_id=ID, receipt_id=ID, original_id=ID,
        is_held=False, road="acquired", gateway="vnpay", provider_ref="HD000123",
        provider_no="15000001", captured_vnd=85_000, amount_vnd=amount_vnd, reason="",
        asked_by=None, state=RefundState.UNKNOWN, code="", to_bank_bin="", to_account_no="",
        to_name="", refund_no=refund_no, detail="", problem="", asked_at=NOW, sent_at=NOW,
        confirmed_at=None, ended_at=None, ask_from=NOW, asked_count=1,
    )  # fmt: skip


def status(kind="03", state="06", number="15000002", amount_vnd=30_000):
    return VNPayStatus("00", state, kind, number, amount_vnd, {})


@pytest.mark.parametrize("code", ["02", "03", "16", "91", "93", "95", "97"])
def test_these_codes_are_a_no(code):
    assert refund_answer(code).kind is Answered.REFUSED


@pytest.mark.parametrize("code", ["94", "08", "99", "", "12"])
def test_every_other_error_leaves_open_what_happened(code):
    assert refund_answer(code).kind is Answered.UNCLEAR


def test_a_repeat_was_not_answered_itself_so_it_may_stand():
    assert refund_answer("94").detail == ""


@pytest.mark.parametrize(
    ("state", "kind"),
    [("05", Answered.ACCEPTED), ("06", Answered.CONFIRMED), ("09", Answered.REFUSED),
     ("00", Answered.ACCEPTED)],
)  # fmt: skip
def test_an_accepted_refund_moves_later(state, kind):
    answer = refund_answer("00", status(state=state))

    assert (answer.kind, answer.refund_no) == (kind, "15000002")


def test_the_payment_itself_says_that_there_is_no_refund():
    answer, problem = refund_found(request(), status("01", "00", "15000001", 85_000), set())

    assert (answer.kind, problem) == (Answered.ABSENT, "")


def test_an_earlier_refund_of_the_same_amount_is_not_taken_for_this_one():
    answer, _ = refund_found(request(), status(), {"15000002"})

    assert answer.kind is Answered.ABSENT


def test_a_refund_that_nobody_here_asked_for_is_put_before_a_person():
    answer, problem = refund_found(request(), status(amount_vnd=10_000), set())

    assert answer.kind is Answered.UNCLEAR
    assert "15000002" in problem


def test_ours_is_known_by_its_number_once_we_have_it():
    found, _ = refund_found(request(refund_no="15000002"), status(state="05"), set())
    other, problem = refund_found(request(refund_no="15000003"), status(), set())

    assert found.kind is Answered.ACCEPTED
    assert (other.kind, bool(problem)) == (Answered.UNCLEAR, True)
