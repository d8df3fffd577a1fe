"""A person decides about waiting money: each đồng moves once, and all of it can be taken back."""

import asyncio
from datetime import timedelta

import pytest
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import ids
from market.db import sqlalchemy_url
from payments import suspense
from payments.errors import PaymentNotOpen, PaymentUnknown


async def test_money_without_a_code_waits_as_a_case_with_its_reason(db, vendor, settle, told):
    settled = await settle(told("NGUYEN VAN A chuyen tien"))

    (case,) = await suspense.cases(db, vendor.id)

    assert (case.receipt_id, case.amount_vnd) == (settled.receipt_id, 45_000)
    assert (case.outcome, case.state, case.version) == ("unmatched", "open", 0)
    assert await suspense.waiting(db, vendor.id) == suspense.Waiting(1, 45_000)


async def test_assigned_to_a_payment_it_is_takings_and_no_case_any_more(
    db, vendor, settle, told, open_payment, resolve, part_of, problems, events_named
):
    payment = await open_payment()
    settled = await settle(told("chuyen tien", amount_vnd=45_000))

    decision = await resolve(settled.receipt_id, part_of("payment", target_id=payment.id))

    assert decision.state == "posted"
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}
    assert await suspense.waiting(db, vendor.id) == suspense.Waiting(0, 0)
    assert (await payments.payment(db, payment.id)).state == "cancelled"
    (event,) = await events_named("suspense.resolved")
    assert event["parts"][0]["target_id"] == str(payment.id)
    assert await problems() == []


async def test_takings_count_an_assigned_sale_once_and_not_when_it_is_undone(
    db, vendor, settle, told, open_payment, resolve, undo, part_of, now
):
    payment = await open_payment()
    settled = await settle(told())
    hours = (now - timedelta(hours=2), now + timedelta(hours=2))

    await resolve(settled.receipt_id, part_of("payment", target_id=payment.id))
    (taken,) = await payments.takings(db, [vendor.place_id], *hours)
    await undo(settled.receipt_id)
    after = await payments.takings(db, [vendor.place_id], *hours)

    assert (taken.cashless_count, taken.cashless_vnd) == (1, 45_000)
    assert after == []


async def test_money_that_came_short_goes_with_the_rest_to_its_payment(
    db, vendor, settle, told, open_payment, resolve, undo, part_of, problems
):
    payment = await open_payment(amount_vnd=50_000)
    short = await settle(told(payment.code, amount_vnd=30_000))
    await payments.cancel_payment(db, payment.id, now=payment.opened_at)
    await db.commit()
    late = await settle(told(payment.code, amount_vnd=20_000))

    await resolve(late.receipt_id, part_of("payment", target_id=payment.id))

    assert await vendor.balances(db) == {"bank": 50_000, "sales": 50_000}
    assert (await suspense.case(db, short.receipt_id)).state == "resolved"
    await undo(short.receipt_id)
    assert await vendor.balances(db) == {"bank": 50_000, "suspense": 50_000}
    assert await suspense.waiting(db, vendor.id) == suspense.Waiting(2, 50_000)
    assert await problems() == []


async def test_money_is_split_over_a_sale_a_payment_and_what_is_to_be_given_back(
    db, vendor, settle, told, open_payment, resolve, part_of, problems
):
    payment = await open_payment(amount_vnd=45_000)
    settled = await settle(told(amount_vnd=100_000))

    decision = await resolve(
        settled.receipt_id,
        part_of("payment", target_id=payment.id),
        part_of("sale", 30_000, place_id=vendor.place_id),
        part_of("refund_due"),
    )

    assert [one.amount_vnd for one in decision.parts] == [45_000, 30_000, 25_000]
    refund_due = await payments.balance_vnd(db, vendor.account("suspense", "refund_due"))
    assert (refund_due, (await vendor.balances(db))["sales"]) == (25_000, 75_000)
    assert await payments.balance_vnd(db, vendor.account("suspense")) == 0
    assert await problems() == []


async def test_too_much_leaves_only_its_excess_to_decide(
    db, vendor, settle, told, open_payment, resolve, part_of
):
    payment = await open_payment(amount_vnd=45_000)
    over = await settle(told(payment.code, amount_vnd=50_000))

    await resolve(over.receipt_id, part_of("refund_due"))

    assert over.outcome == "over"
    refund_due = await payments.balance_vnd(db, vendor.account("suspense", "refund_due"))
    assert refund_due == 5_000


async def test_ignoring_needs_a_reason_and_keeps_the_money_out_of_takings(
    db, vendor, settle, told, resolve, part_of
):
    settled = await settle(told())

    with pytest.raises(suspense.CasePartsWrong):
        await resolve(settled.receipt_id, part_of("ignored"))
    await resolve(settled.receipt_id, part_of("ignored"), reason="tiền nhà gửi")

    assert await payments.balance_vnd(db, vendor.account("suspense", "ignored")) == 45_000
    (line,) = await suspense.history(db, settled.receipt_id)
    assert (line.action, line.reason, line.before["state"]) == ("resolved", "tiền nhà gửi", "open")


@pytest.mark.parametrize("given_vnd", [44_999, 45_001, -1])
async def test_parts_that_are_not_exactly_the_money_are_refused(
    db, vendor, settle, told, resolve, part_of, given_vnd
):
    settled = await settle(told())

    with pytest.raises(suspense.CasePartsWrong) as refused:
        await resolve(settled.receipt_id, part_of("sale", given_vnd, place_id=vendor.place_id))

    assert refused.value.has_vnd == 45_000
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}


async def test_another_owners_payment_and_a_settled_one_are_no_targets(
    db, vendor, other_vendor, settle, told, open_payment, resolve, part_of
):
    paid = await open_payment()
    await settle(told(paid.code))
    foreign = await open_payment(
        owner_id=other_vendor.id, payee_id=other_vendor.payee_id, place_id=other_vendor.place_id
    )
    settled = await settle(told())

    with pytest.raises(PaymentNotOpen):
        await resolve(settled.receipt_id, part_of("payment", target_id=paid.id))
    with pytest.raises(PaymentUnknown):
        await resolve(settled.receipt_id, part_of("payment", target_id=foreign.id))

    assert (await suspense.case(db, settled.receipt_id)).state == "open"
    assert (await payments.payment(db, foreign.id)).state == "open"


async def test_a_payment_gets_its_waiting_money_once(
    settle, told, open_payment, resolve, undo, part_of
):
    payment = await open_payment()
    first, second = await settle(told()), await settle(told())
    await resolve(first.receipt_id, part_of("payment", target_id=payment.id))

    with pytest.raises(suspense.PaymentAssigned):
        await resolve(second.receipt_id, part_of("payment", target_id=payment.id))
    await undo(first.receipt_id)
    again = await resolve(second.receipt_id, part_of("payment", target_id=payment.id))

    assert again.state == "posted"


async def test_money_that_still_waits_for_its_rest_is_not_yet_to_decide(
    db, vendor, settle, told, open_payment, resolve, part_of
):
    payment = await open_payment(amount_vnd=50_000)
    short = await settle(told(payment.code, amount_vnd=200))

    with pytest.raises(suspense.CaseMoved) as refused:
        await resolve(short.receipt_id, part_of("refund_due"))

    assert refused.value.state == "waiting"
    await settle(told(payment.code, amount_vnd=49_800))
    assert await suspense.case(db, short.receipt_id) is None
    assert await vendor.balances(db) == {"bank": 50_000, "sales": 50_000}


async def test_what_a_frozen_account_refuses_leaves_the_case_open_and_the_refusal_in_writing(
    db, vendor, settle, told, resolve, part_of, now
):
    settled = await settle(told())
    await payments.freeze_account(db, vendor.account("suspense"), now=now)
    await db.commit()

    refused = await resolve(settled.receipt_id, part_of("refund_due"))
    case = await suspense.case(db, settled.receipt_id)
    await payments.unfreeze_account(db, vendor.account("suspense"), now=now)
    await db.commit()
    done = await resolve(settled.receipt_id, part_of("refund_due"))

    assert (refused.state, refused.outcome, case.state) == ("refused", "account_frozen", "open")
    assert done.state == "posted"
    actions = [one.action for one in await suspense.history(db, settled.receipt_id)]
    assert actions == ["refused", "resolved"]


async def test_a_plan_that_was_cut_off_is_carried_out_by_whoever_sees_it(
    db, vendor, ledger, settle, told, part_of, now
):
    settled = await settle(told())
    command = suspense.Resolve(
        decision_id=ids.new(),
        receipt_id=settled.receipt_id,
        version=0,
        parts=(part_of("sale", place_id=vendor.place_id),),
        decided_by=ids.new(),
    )
    await suspense.plan(db, command, now=now)
    await db.commit()

    (left,) = await suspense.planned(db, before=now + timedelta(seconds=1))
    told_twice = [await suspense.carry_out(ledger, left) for _ in range(2)]
    for outcomes in told_twice:
        await suspense.finish(db, left.id, outcomes, now=now)
        await db.commit()

    assert told_twice == [["posted"], ["already_posted"]]
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}
    assert len(await suspense.history(db, settled.receipt_id)) == 1


async def test_of_eight_who_decide_at_once_one_decision_stands(
    database_url, db, vendor, ledger, settle, told, open_payment, part_of, now, problems
):
    from sqlalchemy.ext.asyncio import create_async_engine

    payment = await open_payment()
    settled = await settle(told())
    engine = create_async_engine(sqlalchemy_url(database_url, "asyncpg"), pool_size=8)
    choices = [
        part_of("payment", target_id=payment.id),
        part_of("refund_due"),
        part_of("sale", place_id=vendor.place_id),
        part_of("ignored"),
    ] * 2

    async def decide(number: int, part: suspense.Part) -> str:
        command = suspense.Resolve(
            decision_id=ids.new(),
            receipt_id=settled.receipt_id,
            version=0,
            parts=(part,),
            decided_by=ids.new(),
            reason=f"lần {number}",
        )
        try:
            async with AsyncSession(engine) as own, own.begin():
                decision = await suspense.plan(own, command, now=now)
        except suspense.CaseMoved as moved:
            return moved.code
        outcomes = await suspense.carry_out(ledger, decision)
        async with AsyncSession(engine) as own, own.begin():
            return (await suspense.finish(own, decision.id, outcomes, now=now)).state

    answers = await asyncio.gather(*(decide(*one) for one in enumerate(choices)))
    await engine.dispose()

    assert sorted(answers) == ["case_moved"] * 7 + ["posted"]
    assert await payments.balance_vnd(db, vendor.account("suspense")) == 0
    assert await problems() == []


async def test_one_person_who_taps_twice_decides_once(
    db, vendor, ledger, settle, told, part_of, now
):
    settled = await settle(told())

    async def tap() -> suspense.Decision:
        command = suspense.Resolve(
            decision_id=ids.new(),
            receipt_id=settled.receipt_id,
            version=0,
            parts=(part_of("sale", place_id=vendor.place_id),),
            decided_by=vendor.id,
        )
        decision = await suspense.plan(db, command, now=now)
        await db.commit()
        outcomes = await suspense.carry_out(ledger, decision)
        finished = await suspense.finish(db, decision.id, outcomes, now=now)
        await db.commit()
        return finished

    first, second = await tap(), await tap()

    assert first.id == second.id
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}
