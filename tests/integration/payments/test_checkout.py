"""Asking for money: what stands after each call, and what is refused with nothing half done."""

import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

import payments
from market import ids


async def test_the_same_request_again_returns_what_stands(db, command_of, now):
    command = command_of()
    first = await payments.open_payment(db, command, now=now)

    again = await payments.open_payment(
        db,
        replace(command, code=payments.new_code(b"another code")),
        now=now + timedelta(minutes=1),
    )

    assert again == first
    assert (first.state, first.received_vnd, first.missing_vnd) == ("open", 0, 45_000)


async def test_an_id_with_other_content_is_refused(db, command_of, now):
    command = command_of()
    await payments.open_payment(db, command, now=now)

    with pytest.raises(payments.PaymentIdReused):
        await payments.open_payment(db, replace(command, amount_vnd=1), now=now)


@pytest.mark.parametrize("amount_vnd", [0, -1, 500_000_000])
async def test_an_impossible_amount_is_refused(db, command_of, now, amount_vnd):
    with pytest.raises(payments.AmountOutOfRange):
        await payments.open_payment(db, command_of(amount_vnd=amount_vnd), now=now)


async def test_a_taken_or_malformed_code_is_refused_and_nothing_stands(db, command_of, now):
    first = await payments.open_payment(db, command_of(), now=now)
    second = command_of(code=first.code)

    with pytest.raises(payments.CodeTaken):
        await payments.open_payment(db, second, now=now)
    with pytest.raises(payments.CodeInvalid):
        await payments.open_payment(db, replace(second, code="CHO123456"), now=now)

    assert await payments.payment(db, second.id) is None


async def test_two_vendors_may_have_the_same_code(db, other_vendor, command_of, told, settle, now):
    mine = await payments.open_payment(db, command_of(), now=now)
    theirs = await payments.open_payment(
        db,
        command_of(owner_id=other_vendor.id, payee_id=other_vendor.payee_id, code=mine.code),
        now=now,
    )
    await db.commit()

    settled = [
        await settle(told(mine.code)),
        await settle(told(mine.code, account_no=other_vendor.account_no)),
    ]

    assert [one.payment_id for one in settled] == [mine.id, theirs.id]


async def test_only_an_own_account_in_use_may_receive(db, vendor, other_vendor, command_of, now):
    with pytest.raises(payments.PayeeUnknown):
        await payments.open_payment(db, command_of(payee_id=other_vendor.payee_id), now=now)
    with pytest.raises(payments.PayeeUnknown):
        await payments.open_payment(db, command_of(payee_id=None), now=now)

    await payments.retire_payee(db, vendor.payee_id, now=now)

    with pytest.raises(payments.PayeeRetired):
        await payments.open_payment(db, command_of(), now=now)


async def test_a_payment_cannot_end_before_it_begins(db, command_of, now):
    with pytest.raises(payments.PaymentExpiryInvalid):
        await payments.open_payment(db, command_of(expires_at=now), now=now)


async def test_the_same_payment_opened_twice_at_once_stands_once(database, vendor, command_of, now):
    command = command_of()

    async def opened():
        async with database.as_system() as db:
            return await payments.open_payment(db, command, now=now)

    both = await asyncio.gather(opened(), opened())

    assert both[0] == both[1]


async def test_cancelling_is_repeatable_and_says_so_once(db, open_payment, now):
    payment = await open_payment()

    states = [(await payments.cancel_payment(db, payment.id, now=now)).state for _ in range(2)]
    await db.commit()

    assert states == ["cancelled", "cancelled"]
    events = await payments.events_after(db, 0, 10)
    assert [(one.kind, one.data["payment_id"]) for one in events] == [
        ("payment.cancelled", str(payment.id))
    ]


async def test_a_settled_payment_cannot_be_cancelled(db, open_payment, told, settle, now):
    payment = await open_payment()
    await settle(told(payment.code))

    with pytest.raises(payments.PaymentNotOpen) as raised:
        await payments.cancel_payment(db, payment.id, now=now)
    with pytest.raises(payments.PaymentUnknown):
        await payments.cancel_payment(db, ids.new(), now=now)

    assert raised.value.state == "settled"


async def test_payments_expire_after_deadline_and_grace(db, open_payment, now):
    soon = await open_payment(expires_at=now + timedelta(minutes=1))
    later = await open_payment(expires_at=now + timedelta(minutes=10))

    early = await payments.expire_payments(db, now=now + timedelta(minutes=2))
    ended = await payments.expire_payments(db, now=now + timedelta(minutes=4))
    await db.commit()

    assert early == []
    assert [(one.id, one.state) for one in ended] == [(soon.id, "expired")]
    assert (await payments.payment(db, later.id)).state == "open"
    (event,) = await payments.events_after(db, 0, 10)
    assert event.kind == "payment.expired"


async def test_a_bank_account_receives_for_one_owner(db, vendor, other_vendor, now):
    mine = payments.Payee(
        id=vendor.payee_id, owner_id=vendor.id, bank_bin="970436", account_no=vendor.account_no
    )
    await payments.register_payee(db, mine, now=now)  # a repeat

    with pytest.raises(payments.PayeeTaken):
        await payments.register_payee(
            db, replace(mine, id=ids.new(), owner_id=other_vendor.id), now=now
        )

    await payments.retire_payee(db, vendor.payee_id, now=now)
    await payments.register_payee(
        db, replace(mine, id=ids.new(), owner_id=other_vendor.id), now=now
    )


async def test_a_stand_keeps_its_code(db, vendor, code, now):
    stand = {"owner_id": vendor.id, "place_id": vendor.place_id, "now": now}
    stand_id = ids.new()
    for _ in range(2):
        await payments.register_stand(db, stand_id, code=code, **stand)

    with pytest.raises(payments.StandIdReused):
        await payments.register_stand(db, stand_id, code=payments.new_code(b"12345678"), **stand)
    with pytest.raises(payments.CodeTaken):
        await payments.register_stand(db, ids.new(), code=code, **stand)
    with pytest.raises(payments.CodeInvalid):
        await payments.register_stand(db, ids.new(), code="CHO", **stand)
