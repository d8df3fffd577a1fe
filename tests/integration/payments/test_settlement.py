"""Every outcome of a confirmation: what the answer, the accounts, the payment and the events say."""

import asyncio
from datetime import timedelta

import pytest

import payments
from market import ids
from payments.settlement import SettlementOutcome as Was


@pytest.fixture
async def clean(database_url):
    """After the test, everything in the database agrees with everything else."""
    yield
    report = await payments.audit(database_url)
    assert report.problems == ()


pytestmark = pytest.mark.usefixtures("clean")


async def state_of(db, payment_id):
    await db.commit()
    found = await payments.payment(db, payment_id)
    return found.state, found.received_vnd


async def test_the_asked_amount_settles_the_payment(db, vendor, open_payment, told, settle):
    payment = await open_payment()

    settled = await settle(told(payment.code))

    assert settled.outcome is Was.SETTLED
    assert (settled.payment_id, settled.owner_id) == (payment.id, vendor.id)
    assert (settled.asked_vnd, settled.received_vnd) == (45_000, 45_000)
    assert settled.place_id == vendor.place_id
    assert await state_of(db, payment.id) == ("settled", 45_000)
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}


async def test_short_money_waits_and_moves_with_the_rest(db, vendor, open_payment, told, settle):
    payment = await open_payment()

    first = await settle(told(payment.code, amount_vnd=20_000))
    between = await vendor.balances(db)
    second = await settle(told(payment.code, amount_vnd=25_000))

    assert (first.outcome, first.received_vnd) == (Was.SHORT, 20_000)
    assert between == {"bank": 20_000, "suspense": 20_000}
    assert (second.outcome, second.received_vnd) == (Was.SETTLED, 45_000)
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}


async def test_too_much_settles_and_the_excess_waits(db, vendor, open_payment, told, settle):
    payment = await open_payment()
    await settle(told(payment.code, amount_vnd=40_000))

    settled = await settle(told(payment.code, amount_vnd=15_000))

    assert (settled.outcome, settled.received_vnd) == (Was.OVER, 55_000)
    assert await state_of(db, payment.id) == ("settled", 55_000)
    assert await vendor.balances(db) == {"bank": 55_000, "sales": 45_000, "suspense": 10_000}


async def test_money_for_a_settled_payment_is_a_duplicate(db, vendor, open_payment, told, settle):
    payment = await open_payment()
    await settle(told(payment.code))

    settled = await settle(told(payment.code))

    assert settled.outcome is Was.DUPLICATE_PAYMENT
    assert settled.payment_id == payment.id
    assert await state_of(db, payment.id) == ("settled", 45_000)
    assert await vendor.balances(db) == {"bank": 90_000, "sales": 45_000, "suspense": 45_000}


async def test_money_for_a_cancelled_payment_is_late(db, vendor, open_payment, told, settle, now):
    payment = await open_payment()
    await payments.cancel_payment(db, payment.id, now=now)
    await db.commit()

    settled = await settle(told(payment.code))

    assert settled.outcome is Was.LATE
    assert await state_of(db, payment.id) == ("cancelled", 0)
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}


async def test_money_after_the_deadline_is_late(db, vendor, open_payment, told, settle, now):
    payment = await open_payment()

    settled = await settle(told(payment.code, occurred_at=now + timedelta(minutes=16)))

    assert settled.outcome is Was.LATE
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}


async def test_a_late_notice_of_money_in_time_settles(db, open_payment, told, settle, now):
    payment = await open_payment()
    await payments.expire_payments(db, now=payment.expires_at + timedelta(minutes=1))
    await db.commit()

    settled = await settle(told(payment.code, occurred_at=payment.expires_at))

    assert settled.outcome is Was.SETTLED


async def test_a_printed_code_takes_any_amount_as_a_sale(db, vendor, code, told, settle, now):
    stand_id = ids.new()
    await payments.register_stand(
        db, stand_id, owner_id=vendor.id, place_id=vendor.place_id, code=code, now=now
    )
    await db.commit()

    settled = [await settle(told(f"tien rau {code}", amount_vnd=vnd)) for vnd in (7_000, 8_000)]

    assert [one.outcome for one in settled] == [Was.STAND, Was.STAND]
    assert {one.stand_id for one in settled} == {stand_id}
    assert {one.place_id for one in settled} == {vendor.place_id}
    assert await vendor.balances(db) == {"bank": 15_000, "sales": 15_000}


async def test_money_of_unknown_meaning_waits(db, vendor, told, settle):
    settled = await settle(told("NGUYEN VAN A chuyen tien"))

    assert (settled.outcome, settled.owner_id) == (Was.UNMATCHED, vendor.id)
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}


def mistyped(code: str) -> str:
    return code[:-1] + ("3" if code[-1] == "2" else "2")


@pytest.mark.parametrize("damage", [lambda code: code[:-1], mistyped])
async def test_a_damaged_code_suggests_its_payment(db, open_payment, told, settle, damage):
    payment = await open_payment()

    settled = await settle(told(damage(payment.code), amount_vnd=44_000))

    assert (settled.outcome, settled.suggested_id) == (Was.SUGGESTED, payment.id)
    assert await state_of(db, payment.id) == ("open", 0)


async def test_a_unique_amount_suggests_its_payment(open_payment, told, settle):
    payment = await open_payment(amount_vnd=45_000)
    await open_payment(amount_vnd=46_000)

    settled = await settle(told("chuyen tien"))

    assert (settled.outcome, settled.suggested_id) == (Was.SUGGESTED, payment.id)


async def test_a_code_of_another_vendor_is_not_settled(
    db, vendor, other_vendor, command_of, told, settle, now
):
    foreign = command_of(owner_id=other_vendor.id, payee_id=other_vendor.payee_id)
    await payments.open_payment(db, foreign, now=now)
    await db.commit()

    settled = await settle(told(foreign.code))

    assert (settled.outcome, settled.owner_id) == (Was.FOREIGN_CODE, vendor.id)
    assert await state_of(db, foreign.id) == ("open", 0)
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}
    assert await other_vendor.balances(db) == {}


async def test_money_that_left_is_recorded_without_a_transfer(db, vendor, told, settle):
    settled = await settle(told("tra hang", direction="out"))

    assert (settled.outcome, settled.owner_id) == (Was.OUTGOING, vendor.id)
    assert await vendor.balances(db) == {}


async def test_an_unknown_account_is_recorded_without_an_owner(vendor, told, settle):
    settled = await settle(told(account_no="1110001112223"))

    assert (settled.outcome, settled.owner_id) == (Was.ACCOUNT_UNKNOWN, None)


async def test_the_same_number_at_another_bank_is_another_account(vendor, told, settle):
    settled = await settle(told(bank_bin="970422"))

    assert settled.outcome is Was.ACCOUNT_UNKNOWN


async def test_a_retired_account_still_receives_for_its_owner(db, vendor, told, settle, now):
    await payments.retire_payee(db, vendor.payee_id, now=now)
    await db.commit()

    settled = await settle(told(bank_bin=""))

    assert (settled.outcome, settled.owner_id) == (Was.UNMATCHED, vendor.id)


def acquired(told, payment_ref, **changes):
    return told(
        gateway="vnpay",
        account_no="",
        bank_bin="",
        reference="",
        payment_ref=payment_ref,
        **changes,
    )


@pytest.mark.parametrize("echo", [lambda p: p.id.hex, lambda p: str(p.id), lambda p: p.code])
async def test_an_acquirer_settles_by_our_own_reference(
    db, vendor, open_payment, told, settle, echo
):
    payment = await open_payment(method="vnpay", payee_id=None)

    settled = await settle(acquired(told, echo(payment)))

    assert settled.outcome is Was.SETTLED
    assert await vendor.balances(db) == {"acquirer": 45_000, "sales": 45_000}


async def test_another_amount_of_an_acquirer_does_not_settle(
    db, vendor, open_payment, told, settle
):
    payment = await open_payment(method="vnpay", payee_id=None)

    settled = await settle(acquired(told, payment.id.hex, amount_vnd=45_001))

    assert settled.outcome is Was.AMOUNT_MISMATCH
    assert await state_of(db, payment.id) == ("open", 0)
    assert await vendor.balances(db) == {"acquirer": 45_001, "suspense": 45_001}


async def test_what_was_asked_of_one_acquirer_no_other_confirms(
    db, vendor, open_payment, told, settle
):
    payment = await open_payment(method="stripe", payee_id=None)

    settled = await settle(acquired(told, payment.id.hex))

    assert settled.outcome is Was.ACCOUNT_UNKNOWN
    assert await state_of(db, payment.id) == ("open", 0)
    assert await vendor.balances(db) == {}


async def test_a_failed_attempt_moves_nothing_and_a_later_success_settles(
    db, vendor, open_payment, told, settle
):
    payment = await open_payment(method="vnpay", payee_id=None)
    failed = acquired(told, payment.id.hex, provider_id="pi_1", succeeded=False)
    paid = acquired(told, payment.id.hex, provider_id="pi_1")

    outcomes = [(await settle(one)).outcome for one in (failed, failed, paid, paid)]

    assert outcomes == [Was.FAILED, Was.ALREADY_SEEN, Was.SETTLED, Was.ALREADY_SEEN]
    assert await vendor.balances(db) == {"acquirer": 45_000, "sales": 45_000}


async def test_an_unknown_reference_of_an_acquirer_has_no_owner(told, settle):
    settled = await settle(acquired(told, ids.new().hex))

    assert settled.outcome is Was.ACCOUNT_UNKNOWN


async def test_test_payments_never_become_takings(db, vendor, open_payment, told, settle, now):
    payment = await open_payment(purpose="test", amount_vnd=1_000)

    settled = await settle(told(payment.code, amount_vnd=1_000))

    assert settled.outcome is Was.SETTLED
    assert await vendor.balances(db) == {"bank": 1_000, "test": 1_000}
    day = timedelta(days=1)
    assert await payments.takings(db, [vendor.place_id], now - day, now + day) == []


async def test_a_charge_of_the_hall_is_the_operators_revenue(
    db, vendor, open_payment, told, settle
):
    payment = await open_payment(purpose="charge")

    await settle(told(payment.code, amount_vnd=5_000))
    await settle(told(payment.code, amount_vnd=40_000))

    assert await vendor.balances(db) == {"bank": 45_000, "charges": 45_000}


async def test_a_doubled_notice_settles_once(db, vendor, open_payment, told, settle):
    payment = await open_payment()
    notice = told(payment.code)

    outcomes = [await settle(notice) for _ in range(2)]

    assert [one.outcome for one in outcomes] == [Was.SETTLED, Was.ALREADY_SEEN]
    assert outcomes[0].receipt_id == outcomes[1].receipt_id
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}


async def test_a_repeat_under_the_same_receipt_id_is_still_a_repeat(db, open_payment, told, settle):
    payment = await open_payment()
    notice, receipt_id = told(payment.code), ids.new()

    outcomes = [(await settle(notice, receipt_id)).outcome for _ in range(2)]

    assert outcomes == [Was.SETTLED, Was.ALREADY_SEEN]


async def test_the_same_notice_from_eight_tasks_settles_once(
    db, vendor, ledger, open_payment, told, settle
):
    payment = await open_payment()
    notice = told(payment.code)

    outcomes = await asyncio.gather(*[settle(notice) for _ in range(8)])

    assert sorted(one.outcome for one in outcomes) == [Was.ALREADY_SEEN] * 7 + [Was.SETTLED]
    assert ledger.batch_count == 1
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}


async def test_a_second_source_of_the_same_transfer_is_no_second_payment(
    db, vendor, open_payment, told, settle, now
):
    payment = await open_payment()
    before_midnight = now.replace(hour=16, minute=59, second=58)
    first = told(payment.code, occurred_at=before_midnight)
    second = told(
        payment.code,
        gateway="casso",
        reference=first.reference,
        occurred_at=before_midnight + timedelta(seconds=7),  # another business date
    )

    outcomes = [(await settle(one)).outcome for one in (first, second)]

    assert outcomes == [Was.LATE, Was.ALREADY_SEEN]
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}


async def test_an_id_told_again_with_other_content_keeps_the_first_and_alerts(
    db, vendor, open_payment, told, settle
):
    payment = await open_payment()
    first = told(payment.code, provider_id="same")
    forged = told(payment.code, provider_id="same", amount_vnd=450_000)

    outcomes = [(await settle(one)).outcome for one in (first, forged)]

    assert outcomes == [Was.SETTLED, Was.REFERENCE_REUSED]
    assert await vendor.balances(db) == {"bank": 45_000, "sales": 45_000}
    events = await payments.events_after(db, 0, 10)
    assert [event.kind for event in events] == ["receipt.recorded", "receipt.conflict"]
    assert events[1].data["told_vnd"] == 450_000


async def test_a_bank_reference_with_another_amount_keeps_the_first(vendor, told, settle):
    first = told(reference="FT1")
    other = told(reference="FT1", amount_vnd=1, gateway="casso")

    outcomes = [(await settle(one)).outcome for one in (first, other)]

    assert outcomes == [Was.UNMATCHED, Was.REFERENCE_REUSED]


async def test_the_event_says_everything_a_till_needs(db, vendor, open_payment, told, settle):
    payment = await open_payment()
    notice = told(f"MBVCB.1.2.{payment.code}.CT tu 0 NGUYEN VAN A", amount_vnd=50_000)

    settled = await settle(notice)

    (event,) = await payments.events_after(db, 0, 10)
    assert (event.kind, event.owner_id) == ("receipt.recorded", vendor.id)
    assert event.data == {
        "receipt_id": str(settled.receipt_id),
        "payment_id": str(payment.id),
        "suggested_id": None,
        "stand_id": None,
        "owner_id": str(vendor.id),
        "place_id": str(vendor.place_id),
        "gateway": "sepay",
        "outcome": "over",
        "amount_vnd": 50_000,
        "asked_vnd": 45_000,
        "received_vnd": 50_000,
        "booked_vnd": 45_000,
        "memo": notice.memo,
        "occurred_at": notice.occurred_at.isoformat(),
        "purpose": "sale",
    }


async def test_text_that_no_database_takes_is_settled_all_the_same(vendor, told, settle):
    settled = await settle(told("chuyen\x00tien \ud83d 🐟 Điện"))

    assert settled.outcome is Was.UNMATCHED


@pytest.mark.parametrize("amount_vnd", [0, -1, 10**14 + 1])
async def test_what_is_no_movement_is_refused_at_the_door(vendor, told, settle, amount_vnd):
    with pytest.raises(payments.ConfirmationInvalid):
        await settle(told(amount_vnd=amount_vnd))


async def test_when_the_waiting_money_was_taken_a_person_decides(
    db, vendor, ledger, open_payment, told, settle, now
):
    payment = await open_payment()
    await settle(told(payment.code, amount_vnd=20_000))
    taken = payments.Transfer(
        id=ids.new(),
        owner_id=vendor.id,
        debit_id=vendor.account("suspense").id,
        credit_id=vendor.account("bank").id,
        amount_vnd=20_000,
        kind=payments.TransferKind.OTHER,
        occurred_at=now,
    )
    await ledger.post(taken)

    settled = await settle(told(payment.code, amount_vnd=25_000))

    assert (settled.outcome, settled.suggested_id) == (Was.SUGGESTED, payment.id)
    assert await vendor.balances(db) == {"bank": 25_000, "suspense": 25_000}
