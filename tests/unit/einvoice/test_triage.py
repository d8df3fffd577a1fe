"""What to do about a wrong invoice: the situations of Circular 91/2026, Art. 10."""

from datetime import date

import pytest

from einvoice import complaints, triage
from einvoice.errors import NotPossible
from einvoice.invoice import Buyer, Method
from einvoice.triage import Action, BuyerKind, Case, Fault, Need, Standing, TaxPeriod, advise
from tests.unit.einvoice.conftest import food_stall_invoice

BOTH = (Action.REPLACE, Action.ADJUST)


def case(*faults: Fault, **more: object) -> Case:
    return Case(faults=frozenset(faults), **more)


@pytest.mark.parametrize(
    ("given", "choices"),
    [
        (case(Fault.BUYER_NAME), (Action.NOTIFY,)),
        (case(Fault.BUYER_ADDRESS, Fault.WORDS), (Action.NOTIFY,)),
        (case(Fault.OTHER_TEXT), (Action.NOTIFY,)),
        (case(Fault.BUYER_NAME, is_cash_register=True), (Action.NOTIFY,)),
        (case(Fault.TAX_ID), BOTH),
        (case(Fault.GOODS), BOTH),
        (case(Fault.AMOUNT), BOTH),
        (case(Fault.RATE, Fault.VAT), BOTH),
        (case(Fault.MANDATORY), BOTH),
        (case(Fault.BUYER_NAME, Fault.TAX_ID), BOTH),
        (case(Fault.AMOUNT, is_cash_register=True), (Action.REPLACE,)),
        (case(Fault.AMOUNT, is_registrable_asset=True), (Action.REPLACE,)),
        (case(Fault.RETURNED), (Action.ADJUST,)),
        (case(Fault.RETURNED, is_cash_register=True), (Action.ADJUST,)),
        (case(Fault.RETURNED, is_registrable_asset=True), (Action.ADJUST,)),
        (case(Fault.RETURNED, buyer_invoices_return=True), (Action.BUYER_INVOICES,)),
        (case(Fault.SERVICE_CANCELLED), (Action.ADJUST,)),
        (case(Fault.REBATE), (Action.NET_ON_NEXT, Action.ADJUST)),
        (case(Fault.NO_SYMBOL), (Action.ADJUST,)),
        (case(Fault.AMOUNT, earlier=Method.ADJUSTS), (Action.ADJUST,)),
        (case(Fault.AMOUNT, earlier=Method.REPLACES), (Action.REPLACE,)),
        (case(Fault.AMOUNT, state="rejected"), (Action.CORRECT_AND_RESEND,)),
        (case(Fault.AMOUNT, state="numbered"), BOTH),
        (case(Fault.AMOUNT, earlier=Method.ADJUSTS, is_cash_register=True), (Action.ADJUST,)),
        (case(asked_by_authority=True), (Action.EXPLAIN,)),
    ],
)
def test_the_situation_decides_what_may_be_done(given, choices):
    advice = advise(given)

    assert advice.choices == choices
    assert advice.is_locked == (len(choices) == 1 and choices != (Action.CORRECT_AND_RESEND,))


@pytest.mark.parametrize(
    ("given", "need"),
    [
        (case(Fault.AMOUNT, buyer=BuyerKind.BUSINESS), Need.AGREEMENT),
        (case(Fault.AMOUNT, buyer=BuyerKind.INDIVIDUAL), Need.NOTICE_TO_BUYER),
        (case(Fault.AMOUNT, buyer=BuyerKind.CONSUMER), Need.NOTICE_TO_BUYER),
        (case(Fault.BUYER_NAME, buyer=BuyerKind.BUSINESS), Need.NOTICE_TO_BUYER),
        (case(Fault.BUYER_NAME), Need.ERROR_NOTICE),
        (case(Fault.RETURNED), Need.RETURN_PAPERS),
        (case(Fault.REBATE), Need.REBATE_LIST),
        (case(Fault.AMOUNT, invoice_count=3), Need.LIST),
    ],
)
def test_the_buyer_decides_what_it_needs(given, need):
    assert need in advise(given).needs


@pytest.mark.parametrize("kind", ["is_platform_sale", "is_summary_table"])
def test_platform_sales_and_summary_tables_need_no_agreement(kind):
    given = case(Fault.AMOUNT, buyer=BuyerKind.BUSINESS, **{kind: True})

    assert Need.AGREEMENT not in advise(given).needs


def test_the_error_notice_of_a_cash_register_is_another_message():
    assert advise(case(Fault.WORDS)).message_kind == 300
    assert advise(case(Fault.WORDS, is_cash_register=True)).message_kind == 303


def test_errors_belong_to_the_old_period_and_returns_to_the_new_one():
    """C91 10.6.d."""
    assert advise(case(Fault.AMOUNT)).tax_period is TaxPeriod.OF_WRONG_INVOICE
    assert advise(case(Fault.RETURNED)).tax_period is TaxPeriod.OF_NEW_INVOICE


def test_the_authority_s_day_is_kept():
    asked = case(Fault.AMOUNT, asked_by_authority=True, answer_by=date(2026, 12, 1))

    assert advise(asked).answer_by == date(2026, 12, 1)
    assert any("01/12/2026" in one for one in advise(asked).sentences())


def test_nothing_wrong_is_no_case():
    with pytest.raises(NotPossible):
        advise(case())


# ── Where an invoice stands ─────────────────────────────────────────────────────────────────────

ACCEPTED = Standing(state="accepted")


def test_an_invoice_goes_its_way():
    standing = Standing()
    for move, state in (("number", "numbered"), ("send", "sent"), ("reject", "rejected"),
                        ("send", "sent"), ("accept", "accepted")):  # fmt: skip
        standing = triage.moved(standing, move)
        assert standing.state == state


@pytest.mark.parametrize(
    ("state", "move"),
    [("draft", "send"), ("draft", "accept"), ("accepted", "reject"), ("accepted", "send"),
     ("accepted", "cancel"), ("numbered", "number")],
)  # fmt: skip
def test_there_is_no_other_way_and_no_cancelling(state, move):
    with pytest.raises(NotPossible):
        triage.moved(Standing(state=state), move)


def test_adjusted_any_number_of_times_but_never_replaced_then():
    once = triage.corrected(ACCEPTED, Method.ADJUSTS, "2C26MAA124")
    twice = triage.corrected(once, Method.ADJUSTS, "2C26MAA125")

    assert twice.corrected_by == ("2C26MAA124", "2C26MAA125")
    with pytest.raises(NotPossible):
        triage.corrected(once, Method.REPLACES, "2C26MAA126")


def test_a_replaced_invoice_is_left_alone_and_its_successor_is_corrected():
    replaced = triage.corrected(ACCEPTED, Method.REPLACES, "2C26MAA124")

    with pytest.raises(NotPossible, match="2C26MAA124"):
        triage.corrected(replaced, Method.REPLACES, "2C26MAA125")
    with pytest.raises(NotPossible):
        triage.notified(replaced)


def test_notices_do_not_fix_a_method_and_wait_for_the_verdict():
    notified = triage.notified(triage.notified(ACCEPTED))

    assert (notified.notice_count, notified.corrected) == (2, None)
    assert triage.corrected(notified, Method.REPLACES, "x").corrected is Method.REPLACES
    with pytest.raises(NotPossible):
        triage.notified(Standing(state="sent"))


# ── Plain words ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Sai tên người mua", {Fault.BUYER_NAME}),
        ("sai ten nguoi mua", {Fault.BUYER_NAME}),
        ("Ghi nhầm địa chỉ công ty", {Fault.BUYER_ADDRESS}),
        ("số tiền bằng chữ viết sai", {Fault.WORDS}),
        ("Tiền bằng chữ sai", {Fault.WORDS}),
        ("Sai mã số thuế người mua", {Fault.TAX_ID}),
        ("Nhầm mặt hàng", {Fault.GOODS}),
        ("Sai tên hàng", {Fault.GOODS}),
        ("Sai số tiền", {Fault.AMOUNT}),
        ("ghi nhầm đơn giá và số lượng", {Fault.AMOUNT}),
        ("sai thuế suất", {Fault.RATE}),
        ("Khách trả lại hàng", {Fault.RETURNED}),
        ("khách đổi hàng", {Fault.RETURNED}),
        ("Hủy tiệc", {Fault.SERVICE_CANCELLED}),
        ("chiết khấu cuối tháng", {Fault.REBATE}),
        ("sai ngày lập", {Fault.MANDATORY}),
        ("sai tên và sai mã số thuế", {Fault.BUYER_NAME, Fault.TAX_ID}),
        ("trời hôm nay đẹp", set()),
    ],
)
def test_plain_words_are_understood(text, faults):
    assert complaints.faults_in(text) == faults


def test_who_bought_is_read_off_the_invoice():
    def kind(**buyer: str) -> BuyerKind:
        return triage.buyer_kind(food_stall_invoice(buyer=Buyer(**buyer)))

    assert kind(name="Bán cho người tiêu dùng") is BuyerKind.CONSUMER
    assert kind(name="Nguyễn Thị Hoa") is BuyerKind.INDIVIDUAL
    assert kind(name="Bán cho người tiêu dùng", phone="0912345678") is BuyerKind.INDIVIDUAL
    assert kind(name="Hộ Ví Dụ", tax_id="038190000123") is BuyerKind.INDIVIDUAL
    assert kind(name="Công ty Ví Dụ", tax_id="0107001729") is BuyerKind.BUSINESS


def test_a_case_is_read_off_the_invoice_and_its_earlier_correction():
    invoice = food_stall_invoice()

    fresh = triage.case_of(invoice, [Fault.AMOUNT], state="accepted")
    adjusted = triage.case_of(invoice, [Fault.AMOUNT], state="accepted", correction="adjusted")

    assert advise(fresh).choices == (Action.REPLACE,)  # a cash-register invoice
    assert advise(adjusted).choices == (Action.ADJUST,)
    with pytest.raises(NotPossible):
        triage.case_of(invoice, [Fault.AMOUNT], state="accepted", correction="replaced")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("khách đổi size", Fault.RETURNED),
        ("khách không mua nữa", Fault.RETURNED),
        ("sai căn cước người mua", Fault.TAX_ID),
        ("sai 8% thành 10%", Fault.RATE),
        ("tính thừa 10.000đ", Fault.AMOUNT),
        ("ghi thiếu một món", Fault.AMOUNT),
        ("sai tổng tiền", Fault.AMOUNT),
    ],
)
def test_how_a_seller_says_it_at_the_stall_is_understood(text, fault):
    assert complaints.faults_in(text) == {fault}


@pytest.mark.parametrize(
    ("text", "is_meant"),
    [
        ("hủy hóa đơn", True),
        ("xóa cái hóa đơn này đi", True),
        ("HUY HOA DON", True),
        ("hủy nó đi", True),
        ("hủy tiệc", False),
        ("sai số tiền", False),
        ("hoa đơn ghi nhầm", False),
    ],
)
def test_who_wants_it_cancelled_hears_that_nothing_is_by_circular_91_2026_art_10(text, is_meant):
    assert complaints.wants_cancelling(text) is is_meant
