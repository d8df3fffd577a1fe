"""Holds, refunds, reversals and limits on a real database; arrays and files of transfers."""

import asyncio
from datetime import timedelta

import numpy as np
import pytest
from sqlalchemy import text

import payments
from market import ids
from payments import Outcome, TransferKind
from payments.ledger.records import pack

POSTED = Outcome.POSTED


@pytest.fixture
def names(vendor):
    return [vendor.account(kind) for kind in ("bank", "sales", "suspense", "refunds")]


@pytest.fixture
async def deadline(db):
    """A few minutes from now, by the database's clock: that one decides."""
    rows = await db.exec(text("SELECT now() + interval '5 minutes'"))
    return rows.one()[0]


@pytest.fixture
def hold_of(vendor, now, deadline):
    def hold(debit="suspense", credit="sales", **changes):
        fields = {
            "id": ids.new(),
            "owner_id": vendor.id,
            "debit_id": vendor.account(debit).id,
            "credit_id": vendor.account(credit).id,
            "amount_vnd": 600,
            "kind": TransferKind.OTHER,
            "occurred_at": now,
            "expires_at": deadline,
        }
        return payments.Hold(**(fields | changes))

    return hold


def order(kind, vendor, now, **fields):
    return kind(id=ids.new(), owner_id=vendor.id, occurred_at=now, **fields)


async def held(db, vendor):
    await db.commit()
    rows = await db.exec(
        text("SELECT kind, held_out_vnd + held_in_vnd FROM payments.account WHERE owner_id = :id"),
        params={"id": vendor.id},
    )
    return {kind: vnd for kind, vnd in rows if vnd}


async def test_a_hold_keeps_others_out_and_is_posted_in_part(
    db, vendor, ledger, transfer_of, hold_of, names, now
):
    await ledger.post(transfer_of(credit="suspense"), opening=names)
    one = hold_of()
    out = {"debit": "suspense", "credit": "sales"}

    first = await ledger.post(
        one, transfer_of(**out, amount_vnd=401), transfer_of(**out, amount_vnd=400)
    )
    set_aside = await held(db, vendor)
    part = order(payments.PostHold, vendor, now, hold_id=one.id, amount_vnd=250)
    then = [
        await ledger.post(each)
        for each in (part, part, order(payments.VoidHold, vendor, now, hold_id=one.id))
    ]

    assert first == [POSTED, Outcome.OVERDRAWN, POSTED]
    assert set_aside == {"suspense": 600, "sales": 600}
    assert then == [[POSTED], [Outcome.ALREADY_POSTED], [Outcome.HOLD_POSTED]]
    assert await held(db, vendor) == {}
    assert await vendor.balances(db) == {"bank": 1_000, "suspense": 350, "sales": 650}


async def test_a_voided_hold_is_free_again_and_stays_voided(
    db, vendor, ledger, transfer_of, hold_of, names, now
):
    one = hold_of()
    void = order(payments.VoidHold, vendor, now, hold_id=one.id)

    outcomes = await ledger.post(transfer_of(credit="suspense"), one, void, void, opening=names)
    late = await ledger.post(order(payments.PostHold, vendor, now, hold_id=one.id), one)

    assert outcomes == [POSTED, POSTED, POSTED, Outcome.ALREADY_POSTED]
    assert late == [Outcome.HOLD_VOIDED, Outcome.ALREADY_POSTED]
    assert await held(db, vendor) == {}


async def test_two_who_post_one_hold_at_once_move_it_once(
    db, database_url, vendor, ledger, transfer_of, hold_of, names, now
):
    one = hold_of()
    await ledger.post(transfer_of(credit="suspense"), one, opening=names)
    other = payments.Ledger(database_url)
    await other.start()

    answers = await asyncio.gather(
        *(
            each.post(order(payments.PostHold, vendor, now, hold_id=one.id))
            for each in (ledger, other) * 5
        )
    )
    await other.close()

    assert sorted(outcome for (outcome,) in answers) == [Outcome.HOLD_POSTED] * 9 + [POSTED]
    assert await vendor.balances(db) == {"bank": 1_000, "suspense": 400, "sales": 600}


async def test_refunds_race_for_their_original_and_never_exceed_it(
    db, database_url, vendor, ledger, transfer_of, names, now
):
    sale = transfer_of()
    await ledger.post(sale, opening=names)
    other = payments.Ledger(database_url)
    await other.start()

    answers = await asyncio.gather(
        *(
            each.post(order(payments.Refund, vendor, now, original_id=sale.id, amount_vnd=300))
            for each in (ledger, other) * 4
        )
    )
    await other.close()
    whole = await ledger.post(order(payments.Reversal, vendor, now, original_id=sale.id))

    assert sorted(outcome for (outcome,) in answers) == [Outcome.OVER_ORIGINAL] * 5 + [POSTED] * 3
    assert whole == [Outcome.OVER_ORIGINAL]
    assert await vendor.balances(db) == {"bank": 100, "sales": 1_000, "refunds": 900}
    assert (await payments.audit(database_url)).problems == ()


async def test_a_reversal_undoes_a_transfer_once(db, vendor, ledger, transfer_of, names, now):
    sale = transfer_of()
    back = order(payments.Reversal, vendor, now, original_id=sale.id)

    outcomes = await ledger.post(sale, back, back, opening=names)
    again = await ledger.post(back, order(payments.Reversal, vendor, now, original_id=sale.id))

    assert outcomes == [POSTED, POSTED, Outcome.ALREADY_POSTED]
    assert again == [Outcome.ALREADY_POSTED, Outcome.OVER_ORIGINAL]
    assert await vendor.balances(db) == {}


async def test_a_linked_set_of_different_orders_is_all_or_none(
    db, vendor, ledger, transfer_of, hold_of, names, now
):
    sale, one = transfer_of(credit="suspense"), hold_of()
    refund = order(payments.Refund, vendor, now, original_id=sale.id, amount_vnd=1_001)

    none = await ledger.post(sale, one, refund, linked=True, opening=names)
    stands = await vendor.balances(db), await held(db, vendor)
    good = payments.Refund(
        id=refund.id, owner_id=vendor.id, original_id=sale.id, amount_vnd=400, occurred_at=now
    )
    whole = await ledger.post(sale, one, good, linked=True)

    assert none == [Outcome.LINKED_FAILED, Outcome.LINKED_FAILED, Outcome.OVER_ORIGINAL]
    assert stands == ({}, {})
    assert whole == [POSTED] * 3
    assert await held(db, vendor) == {"suspense": 600, "sales": 600}


async def test_a_daily_cap_stops_what_leaves_whichever_way_a_batch_goes(
    db, vendor, ledger, transfer_of, names
):
    await ledger.post(transfer_of(amount_vnd=5_000), opening=names)
    await db.exec(
        text("UPDATE payments.account SET out_vnd_max = 1000 WHERE id = :id"),
        params={"id": vendor.account("bank").id},
    )
    await db.commit()
    out = {"debit": "refunds", "credit": "bank", "kind": TransferKind.OTHER}

    fast = await ledger.post(transfer_of(**out, amount_vnd=600))
    exact = await ledger.post(
        transfer_of(**out, amount_vnd=401), transfer_of(**out, amount_vnd=400)
    )
    after = await ledger.post(transfer_of(**out, amount_vnd=1), transfer_of(amount_vnd=9))

    assert (fast, exact, after) == (
        [POSTED],
        [Outcome.DAILY_LIMIT, POSTED],
        [Outcome.DAILY_LIMIT, POSTED],
    )


async def test_a_frozen_account_stops_the_fast_way_too(db, vendor, ledger, transfer_of, names):
    await ledger.post(transfer_of(), opening=names)
    await db.exec(
        text("UPDATE payments.account SET frozen_at = now() WHERE id = :id"),
        params={"id": vendor.account("sales").id},
    )
    await db.commit()

    outcomes = await ledger.post(transfer_of(), transfer_of(credit="suspense"))

    assert outcomes == [Outcome.ACCOUNT_FROZEN, POSTED]


async def test_an_expired_hold_is_given_back_by_the_job_alone_or_refused_before_it(
    db, vendor, ledger, transfer_of, hold_of, names, deadline
):
    one = hold_of()
    await ledger.post(transfer_of(credit="suspense"), one, opening=names)

    early = (await db.exec(text("SELECT payments.expire_holds(now(), 100)"))).one()[0]
    ended = await db.exec(
        text("SELECT payments.expire_holds(:at, 100)"),
        params={"at": deadline + timedelta(seconds=1)},
    )
    counts = early, ended.one()[0]

    assert counts == (0, 1)
    assert await held(db, vendor) == {}
    late = payments.PostHold(id=ids.new(), owner_id=vendor.id, hold_id=one.id, occurred_at=deadline)
    assert await ledger.post(late) == [Outcome.HOLD_EXPIRED]


# ── Arrays and files ────────────────────────────────────────────────────────────────────────────


async def test_an_array_is_posted_in_batches_with_an_outcome_each(
    db, database_url, vendor, ledger, transfer_of, names
):
    await ledger.post(transfer_of(), opening=names)
    listed = [transfer_of() for _ in range(25)]
    listed[7] = transfer_of(debit="suspense", credit="bank")  # overdrawn
    listed[20] = listed[3]
    small = payments.Ledger(database_url, batch_max=10)
    await small.start()

    outcomes = await small.post_array(np.frombuffer(pack(listed), payments.TRANSFER_DTYPE))
    await small.close()

    said = [payments.OUTCOMES[number] for number in outcomes]
    assert (said[7], said[20]) == (Outcome.OVERDRAWN, Outcome.ALREADY_POSTED)
    assert said.count(POSTED) == 23
    assert await vendor.balances(db) == {"bank": 24_000, "sales": 24_000}


async def test_a_file_may_be_posted_twice_and_a_bad_line_costs_nobody_else(
    db, vendor, ledger, transfer_of, names, now
):
    await ledger.post(transfer_of(), opening=names)
    bank = vendor.account("bank").id
    lines = [
        "id,owner_id,debit,credit,amount_vnd,kind,occurred_at",
        f"{ids.new()},{vendor.id},{bank},sales,500,sale,{now.isoformat()}",
        f"{ids.new()},{vendor.id},{bank},sales,1.5,sale,{now.isoformat()}",
        f"{ids.new()},{vendor.id},{bank},sales,500,sale,2026-11-23T10:00:00",
        f"{ids.new()},{vendor.id},suspense,bank:nowhere,500,other,{now.isoformat()}",
        f"{ids.new()},{vendor.id},bank:{vendor.payee_id},sales,700,Sale,{now.isoformat()}",
    ]

    told = [line async for line in payments.post_file(ledger, lines)]
    again = [line.outcome async for line in payments.post_file(ledger, lines)]

    assert [line.number for line in told] == [2, 3, 4, 5, 6]
    assert [line.outcome for line in told] == [
        POSTED, Outcome.INVALID, Outcome.INVALID, Outcome.ACCOUNT_UNKNOWN, POSTED,
    ]  # fmt: skip
    assert "zone" in told[2].reason
    assert again[0] == again[4] == Outcome.ALREADY_POSTED
    assert await vendor.balances(db) == {"bank": 2_200, "sales": 2_200}


async def test_a_file_without_its_columns_is_refused_whole(ledger):
    with pytest.raises(payments.FileUnreadable) as raised:
        [line async for line in payments.post_file(ledger, ["id,amount", "1,2"])]

    assert "owner_id" in raised.value.missing
