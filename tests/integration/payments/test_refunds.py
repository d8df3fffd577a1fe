"""Money back: reserved, sent at most once, in the ledger once it is known to have gone."""

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

import payments
from market import db as market_db
from market import ids
from payments import Answered, Outcome, RefundAnswer, RefundState, suspense

WAIT = timedelta(minutes=5)
NO = RefundAnswer(Answered.REFUSED, detail="93")
SENT = RefundAnswer(Answered.ACCEPTED, "15000002", "00/05")
GONE = RefundAnswer(Answered.CONFIRMED, "15000002", "00/06")
SILENCE = RefundAnswer(Answered.UNCLEAR)
ABSENT = RefundAnswer(Answered.ABSENT)


@pytest.fixture
def paid(open_payment, told, settle):
    """A sale of 45,000 đ, by an acquirer or straight to the bank; its receipt."""

    async def made(*, direct=False, number="15000001", **changes):
        payment = await open_payment(method="vietqr" if direct else "vnpay", **changes)
        acquired = {
            "gateway": "vnpay",
            "provider_id": number,
            "account_no": "",
            "bank_bin": "",
            "payment_ref": str(payment.id),
            "detail": f"00/00 {payment.id}.a1b2c3",
        }
        settled = await settle(told(payment.code, **({} if direct else acquired)))
        assert settled.outcome == "settled"
        return settled

    return made


@pytest.fixture
def ask(db, now):
    async def asked(receipt, amount_vnd, refund_id=None, **changes):
        command = payments.AskRefund(
            id=refund_id or ids.new(),
            owner_id=receipt.owner_id,
            receipt_id=receipt.receipt_id,
            amount_vnd=amount_vnd,
            **changes,
        )
        try:
            return await payments.ask_refund(db, command, now=now)
        finally:
            await db.commit()

    return asked


@pytest.fixture
def answer(db, now):
    async def answered(refund, said, **more):
        told = await payments.answer_refund(db, refund.id, said, now=now, ask_after=WAIT, **more)
        await db.commit()
        return told

    return answered


@pytest.fixture
def claim(db, now):
    async def claimed(at=None):
        found = await payments.claim_refunds(db, now=at or now, ask_after=WAIT)
        await db.commit()
        return list(found)

    return claimed


@pytest.fixture
def book(db, ledger, now):
    """What the job does: every refund that is known to have gone, into the ledger."""

    async def booked():
        outcomes = []
        for refund in await payments.unbooked_refunds(db):
            source_id = await payments.source_of(db, refund)
            outcomes.append(await payments.post_refund(ledger, refund, source_id))
            await payments.end_refund(db, refund.id, outcomes[-1], now=now)
        await db.commit()
        return outcomes

    return booked


async def test_a_refund_by_api_is_asked_sent_confirmed_and_booked(
    db, vendor, paid, ask, claim, answer, book
):
    receipt = await paid()

    asked = await ask(receipt, 20_000, reason="Trả lại hàng")
    [claimed] = await claim()
    sent = await answer(claimed, SENT)
    gone = await answer(sent, GONE)
    outcomes = await book()

    done = await payments.refund_request(db, asked.id)
    states = [one.state.value for one in (asked, claimed, sent, gone, done)]
    assert states == ["asked", "unknown", "sent", "sent", "done"]
    assert claimed.provider_ref.endswith(".a1b2c3")
    assert outcomes == [Outcome.POSTED]
    assert await vendor.balances(db) == {"acquirer": 25_000, "sales": 45_000, "refunds": 20_000}


async def test_a_refund_is_booked_once_however_often_the_job_is_cut_off(
    db, ledger, paid, ask, claim, answer, book, now
):
    asked = await ask(await paid(), 20_000)
    await claim()
    gone = await answer(asked, GONE)

    source_id = await payments.source_of(db, gone)
    cut_off = await payments.post_refund(ledger, gone, source_id)  # and the row was never told
    again = await book()

    events = [one.kind for one in await payments.events_after(db, 0, 100)]
    assert (cut_off, again) == (Outcome.POSTED, [Outcome.ALREADY_POSTED])
    assert events.count("refund.done") == 1
    assert (await payments.refund_request(db, asked.id)).state is RefundState.DONE


async def test_all_refunds_of_a_sale_together_never_exceed_it(paid, ask, answer):
    receipt = await paid()

    first = await ask(receipt, 30_000)
    with pytest.raises(payments.RefundTooLarge) as refused:
        await ask(receipt, 15_001)
    await answer(first, NO)
    whole = await ask(receipt, 45_000)

    assert refused.value.left_vnd == 15_000
    assert whole.state is RefundState.ASKED


async def test_a_code_of_another_refund_is_refused_and_nothing_is_reserved(paid, ask, db):
    first, second = await paid(direct=True), await paid(direct=True)
    await ask(first, 10_000, code="CHOK7M2QX")

    with pytest.raises(payments.CodeTaken):
        await ask(second, 45_000, code="CHOK7M2QX")
    whole = await ask(second, 45_000, code="CHOM2K7QX")

    assert (whole.state, whole.amount_vnd) == (RefundState.ASKED, 45_000)


async def test_eight_who_ask_at_once_get_no_more_than_was_paid(database_url, db, paid, vendor, now):
    receipt = await paid()
    database = market_db.Database(database_url, pool_size=8)

    async def ask_for(amount_vnd):
        command = payments.AskRefund(
            id=ids.new(),
            owner_id=vendor.id,
            receipt_id=receipt.receipt_id,
            amount_vnd=amount_vnd,
        )
        async with database.as_system() as session:
            return await payments.ask_refund(session, command, now=now)

    answers = await asyncio.gather(*[ask_for(10_000) for _ in range(8)], return_exceptions=True)
    await database.close()

    kinds = Counter(type(one).__name__ for one in answers)
    assert kinds == {"RefundRequest": 4, "RefundTooLarge": 4}
    asked = await payments.refunds_of(db, receipt_id=receipt.receipt_id)
    assert sum(one.amount_vnd for one in asked) == 40_000


async def test_the_same_refund_asked_by_eight_at_once_is_one(database_url, db, paid, vendor, now):
    receipt = await paid()
    database = market_db.Database(database_url, pool_size=8)
    command = payments.AskRefund(
        id=ids.new(), owner_id=vendor.id, receipt_id=receipt.receipt_id, amount_vnd=30_000
    )

    async def ask_once():
        async with database.as_system() as session:
            return await payments.ask_refund(session, command, now=now)

    async def claim_once():
        async with database.as_system() as session:
            return await payments.claim_refunds(session, now=now, ask_after=WAIT)

    answers = await asyncio.gather(*[ask_once() for _ in range(8)])
    claims = await asyncio.gather(*[claim_once() for _ in range(8)])
    await database.close()

    assert {one.id for one in answers} == {command.id}
    assert [one.id for claim in claims for one in claim] == [command.id]


async def test_an_id_stands_for_one_refund(paid, ask):
    receipt = await paid()
    asked = await ask(receipt, 20_000)

    again = await ask(receipt, 20_000, asked.id)
    with pytest.raises(payments.RefundIdReused):
        await ask(receipt, 10_000, asked.id)

    assert again.id == asked.id


async def test_of_one_payment_one_refund_is_under_way_at_a_time(paid, ask, claim, answer, book):
    receipt, other = await paid(), await paid(number="15000009")
    first, second = await ask(receipt, 10_000), await ask(receipt, 20_000)
    third = await ask(other, 5_000)

    before = [one.id for one in await claim()]
    await answer(first, GONE)
    meanwhile = await claim()
    await book()
    after = [one.id for one in await claim()]

    assert before == [first.id, third.id]
    assert meanwhile == []
    assert after == [second.id]


async def test_a_request_that_nobody_answered_is_asked_about_and_only_then_sent_again(
    db, paid, ask, claim, answer, now
):
    asked = await ask(await paid(), 20_000)
    await claim()

    unknown = await answer(asked, SILENCE)
    meanwhile = await claim()
    early = await payments.refunds_in_doubt(db, now=now)
    due = await payments.refunds_in_doubt(db, now=now + WAIT)
    absent = await answer(asked, ABSENT)
    again = await claim()

    assert unknown.state is RefundState.UNKNOWN
    assert (meanwhile, list(early)) == ([], [])
    assert [one.id for one in due] == [asked.id]
    assert absent.state is RefundState.ASKED
    assert [(one.id, one.asked_count) for one in again] == [(asked.id, 2)]


async def test_a_request_answered_with_an_error_and_then_not_found_was_refused(
    paid, ask, claim, answer
):
    receipt = await paid()
    asked = await ask(receipt, 45_000)
    await claim()

    await answer(asked, RefundAnswer(Answered.UNCLEAR, detail="99"))
    refused = await answer(asked, ABSENT)

    assert (refused.state, refused.detail) == (RefundState.REFUSED, "99")
    assert (await ask(receipt, 45_000)).state is RefundState.ASKED


async def test_what_is_done_stays_done_and_a_contradiction_is_put_before_a_person(
    db, paid, ask, claim, answer, book
):
    asked = await ask(await paid(), 45_000)
    await claim()
    await answer(asked, GONE)
    await book()

    contradicted = await answer(asked, RefundAnswer(Answered.REFUSED, detail="failed"))

    assert contradicted.state is RefundState.DONE
    assert "failed" in contradicted.problem
    assert [one.id for one in await payments.refunds_open(db)] == [asked.id]


async def test_a_guided_transfer_is_done_when_the_banks_notice_shows_its_code(
    db, vendor, paid, ask, book, now, code
):
    asked = await ask(await paid(direct=True), 20_000, code=code, to_account_no="0123456789")

    said = await payments.say_sent(db, asked.id, now=now)
    nobodys = await payments.match_outgoing(db, vendor.id, ["CHO234567"], 20_000, "FT1", now=now)
    found = await payments.match_outgoing(db, vendor.id, [code], 20_000, "FT2", now=now)
    await db.commit()
    await book()

    done = await payments.refund_request(db, asked.id)
    assert (said.state, nobodys) == (RefundState.SENT, None)
    assert (found.refund_no, done.state) == ("FT2", RefundState.DONE)
    assert await vendor.balances(db) == {"bank": 25_000, "sales": 45_000, "refunds": 20_000}


async def test_a_transfer_of_another_amount_is_a_problem_and_no_refund(
    db, vendor, paid, ask, book, now, code
):
    asked = await ask(await paid(direct=True), 20_000, code=code)

    found = await payments.match_outgoing(db, vendor.id, [code], 200_000, "FT2", now=now)
    outcomes = await book()

    assert found.id == asked.id
    assert "200000" in found.problem
    assert outcomes == []


@pytest.fixture
def paid_twice(paid, told, settle):
    """Money that came again for a sale that was paid; it waits in suspense."""

    async def made():
        first = await paid()
        again = await settle(
            told(
                "", gateway="vnpay", provider_id="15000007", account_no="", bank_bin="",
                payment_ref=str(first.payment_id), detail=f"00/00 {first.payment_id}.ffffff",
            )
        )  # fmt: skip
        assert again.outcome == "duplicate_payment"
        return again

    return made


@pytest.fixture
def decide(db, ledger, now):
    """A person says what waiting money was for."""

    async def decided(receipt, kind="", amount_vnd=45_000, *, parts=(), **more):
        case = await suspense.case(db, receipt.receipt_id)
        place = {"place_id": ids.new()} if kind == "sale" else more
        command = suspense.Resolve(
            decision_id=ids.new(),
            receipt_id=receipt.receipt_id,
            version=case.version,
            parts=tuple(parts or [suspense.Part(kind=kind, amount_vnd=amount_vnd, **place)]),
            decided_by=ids.new(),
            reason="Khách trả hai lần",
        )
        planned = await suspense.plan(db, command, now=now)
        await db.commit()
        outcomes = await suspense.carry_out(ledger, planned)
        await suspense.finish(db, planned.id, outcomes, now=now)
        await db.commit()
        return planned

    return decided


async def test_money_that_came_twice_goes_back_out_of_suspense_once_a_person_said_so(
    db, vendor, paid_twice, ask, decide, claim, answer, book
):
    again = await paid_twice()
    with pytest.raises(payments.RefundTooLarge):
        await ask(again, 45_000)

    await decide(again, "refund_due")
    asked = await ask(again, 45_000)
    await claim()
    await answer(asked, GONE)
    outcomes = await book()

    assert asked.is_held
    assert outcomes == [Outcome.POSTED]
    assert await vendor.balances(db) == {"acquirer": 45_000, "sales": 45_000}


async def test_money_that_was_assigned_to_a_sale_goes_back_as_a_refund_of_takings(
    db, vendor, paid_twice, ask, decide, claim, answer, book
):
    again = await paid_twice()

    await decide(again, "sale")
    asked = await ask(again, 20_000)
    await claim()
    await answer(asked, GONE)
    await book()

    assert not asked.is_held
    assert await vendor.balances(db) == {
        "acquirer": 70_000,
        "sales": 90_000,
        "refunds": 20_000,
    }


@pytest.mark.parametrize("direct", [False, True])
async def test_a_sale_paid_by_assigned_money_is_refundable_as_that_sale_on_both_roads(
    db,
    vendor,
    open_payment,
    told,
    settle,
    paid_twice,
    ask,
    decide,
    claim,
    answer,
    book,
    now,
    direct,
):
    wanted = await open_payment()
    came = await settle(told("CHUYEN TIEN")) if direct else await paid_twice()
    await decide(came, "payment", target_id=wanted.id)

    [what] = await payments.refundable(db, payment_id=wanted.id)
    asked = await ask(came, 20_000, payment_id=wanted.id, code="HT7K2M")
    if direct:
        gone = await payments.match_outgoing(db, vendor.id, [asked.code], 20_000, "FT9", now=now)
        await db.commit()
        assert gone is not None
    else:
        await claim()
        await answer(asked, GONE)
    outcomes = await book()

    [after] = await payments.refundable(db, payment_id=wanted.id)
    [listed] = await payments.refunds_of(db, payment_id=wanted.id)
    assert (what.road, what.left_vnd) == ("direct" if direct else "acquired", 45_000)
    assert (asked.payment_id, asked.is_held) == (wanted.id, False)
    assert outcomes == [Outcome.POSTED]
    assert (after.left_vnd, listed.state) == (25_000, RefundState.DONE)


async def test_money_that_was_for_two_sales_goes_back_of_each_no_more_than_its_part(
    db, paid_twice, decide, ask
):
    again = await paid_twice()
    parts = [
        suspense.Part(kind="sale", amount_vnd=vnd, place_id=ids.new()) for vnd in (30_000, 15_000)
    ]
    decision = await decide(again, parts=parts)
    first, second = (part.target_id for part in decision.parts)

    await ask(again, 20_000, payment_id=first)
    with pytest.raises(payments.RefundTooLarge):
        await ask(again, 11_000, payment_id=first)
    await ask(again, 15_000, payment_id=second)

    left = [(await payments.refundable(db, payment_id=one))[0].left_vnd for one in (first, second)]
    assert left == [10_000, 0]


async def test_the_books_agree_after_every_kind_of_refund(
    database_url, paid, paid_twice, ask, decide, claim, answer, book
):
    first, again = await paid(number="15000009"), await paid_twice()
    await decide(again, "refund_due")
    for receipt, amount_vnd in ((first, 20_000), (first, 25_000), (again, 45_000)):
        asked = await ask(receipt, amount_vnd)
        await claim()
        await answer(asked, GONE)
        await book()

    report = await payments.audit(database_url)

    assert report.problems == ()


async def test_another_owner_gets_nothing_back(db, paid, other_vendor, now):
    receipt = await paid()
    command = payments.AskRefund(
        id=ids.new(), owner_id=other_vendor.id, receipt_id=receipt.receipt_id, amount_vnd=1_000
    )

    with pytest.raises(payments.NotRefundable):
        await payments.ask_refund(db, command, now=now)


async def test_a_refund_that_nobody_wants_any_more_frees_its_money_until_it_has_left(
    db, paid, ask, claim, now
):
    receipt = await paid()
    asked = await ask(receipt, 45_000)

    withdrawn = await payments.withdraw_refund(db, asked.id, now=now)
    await db.commit()
    another = await ask(receipt, 45_000)
    await claim()

    assert withdrawn.state is RefundState.REFUSED
    with pytest.raises(payments.RefundFinal):
        await payments.withdraw_refund(db, another.id, now=now)


@pytest.fixture
def dispute(db, now):
    async def said(receipt, status, amount_vnd=45_000):
        told = await payments.dispute_told(
            db, receipt.receipt_id, "dp_1", status, amount_vnd, dispute_id=ids.new(), now=now
        )
        await db.commit()
        return told

    return said


@pytest.mark.parametrize("order", [("opened", "lost"), ("lost", "opened"), ("lost", "lost")])
async def test_a_lost_dispute_takes_the_money_once_in_whatever_order_it_is_told(
    db, vendor, paid, dispute, book, order
):
    receipt = await paid()

    for status in order:
        await dispute(receipt, status)
        await book()

    assert await vendor.balances(db) == {"sales": 45_000, "refunds": 45_000}
    assert len(await payments.refunds_of(db, receipt_id=receipt.receipt_id)) == 1


async def test_an_open_dispute_reserves_its_money_and_a_won_one_frees_it(
    db, vendor, paid, ask, dispute
):
    receipt = await paid()
    await dispute(receipt, "opened")

    with pytest.raises(payments.RefundTooLarge):
        await ask(receipt, 1_000)
    await dispute(receipt, "won")

    assert (await ask(receipt, 45_000)).state is RefundState.ASKED
    assert await vendor.balances(db) == {"acquirer": 45_000, "sales": 45_000}
