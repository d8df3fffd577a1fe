"""A session from its file to the vendor's credit, and every đồng of it in the ledger."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

import payments
from market import ids
from market.db import Database
from market.flows import clearing as flow
from market.flows.context import Context
from market.settings import Settings
from payments import clearing
from payments.clearing import SamePerson, SessionExists, SessionNotReady, SessionState
from payments.reconciliation import RecordDoubled, Resolution, kept
from tests.integration.payments.clearing.conftest import DAY, LOADED_AT, NOON

ANNA, BINH = ids.new(), ids.new()


@pytest.fixture
def context(database: Database, database_url: str, tmp_path: Any) -> Context:
    settings = Settings(database_url=database_url, data=tmp_path, secret="t" * 32)
    return Context(database=database, settings=settings, now=lambda: LOADED_AT)


@pytest.fixture
def approved(database: Database, context: Context, load: Any) -> Any:
    """A loaded, twice approved and instructed session of these bytes."""

    async def made(raw: bytes, **more: Any) -> UUID:
        session_id = (await load(raw, **more)).session_id
        for person in (ANNA, BINH):
            async with database.as_system() as db:
                await flow.approve(db, session_id, by=person, now=LOADED_AT)
        await flow.instruct_session(context, {"session_id": str(session_id)})
        return UUID(str(session_id))

    return made


async def session_of(database: Database, session_id: UUID) -> clearing.Session:
    async with database.as_system() as db:
        return await clearing.session(db, session_id)


async def payouts_of(database: Database, session_id: UUID) -> list[clearing.Payout]:
    async with database.as_system() as db:
        return list(await clearing.payouts(db, session_id))


async def differences_of(database: Database, session_id: UUID) -> list[Any]:
    async with database.as_system() as db:
        return list(await kept.differences(db, session_id=session_id))


async def test_a_day_is_paid_out_to_the_dong(database, db, ledger, vendor, day, approved):
    await day.take(vendor.id, 85_000)
    second = await day.take(vendor.id, 12_345)
    await day.take(vendor.id, 30_000)
    await day.refund(second, vendor.id, 12_345)

    session_id = await approved(day.file())
    (payout,) = await payouts_of(database, session_id)
    await flow.confirm(
        database, ledger, session_id, vendor.id, receipt_id=None, by=ANNA, now=LOADED_AT
    )

    fees_vnd = 765 + 77 + 111 + 11 + 270 + 27
    assert payout.pay_vnd == 115_000 - fees_vnd
    assert await vendor.balances(db) == {
        "bank": payout.pay_vnd,
        "sales": 127_345,
        "refunds": 12_345,
        "fees": fees_vnd,
    }
    assert (await session_of(database, session_id)).state is SessionState.CONFIRMED


async def test_the_credit_on_the_bank_account_confirms_the_session_by_itself(
    database, db, ledger, vendor, day, approved, context, told
):
    await day.take(vendor.id, 85_000)
    session_id = await approved(day.file())
    (payout,) = await payouts_of(database, session_id)
    credit = told(memo=f"VNPAY tt {payout.reference.lower()} ngay 22", amount_vnd=payout.pay_vnd)
    settled = await ledger.settle(credit, receipt_id=ids.new(), now=LOADED_AT)

    arguments = {
        "session_id": str(session_id),
        "owner_id": str(vendor.id),
        "receipt_id": str(settled.receipt_id),
    }
    for _ in range(2):
        await flow.confirm_payout(context, arguments)

    assert (await session_of(database, session_id)).state is SessionState.CONFIRMED
    assert await vendor.balances(db) == {
        "bank": payout.pay_vnd,
        "sales": 85_000,
        "fees": 85_000 - payout.pay_vnd,
    }


async def test_the_same_file_again_changes_nothing(database, vendor, day, load):
    await day.take(vendor.id, 85_000)
    first = await load(day.file())

    again = await load(day.file())

    assert (again.session_id, again.is_new) == (first.session_id, False)
    async with database.as_system() as db:
        assert len(await clearing.sessions(db)) == 1
        count = await db.execute(text("SELECT count(*) FROM payments.settlement_row"))
        assert count.scalar_one() == 1


async def test_two_loads_of_one_file_at_once_make_one_session(database, vendor, day, load):
    await day.take(vendor.id, 85_000)

    told = await asyncio.gather(*(load(day.file()) for _ in range(3)), return_exceptions=True)

    assert sum(isinstance(one, payments.Loaded) and one.is_new for one in told) == 1
    async with database.as_system() as db:
        assert len(await clearing.sessions(db)) == 1


async def test_another_file_of_the_day_waits_until_the_first_is_withdrawn(
    database, vendor, day, load
):
    await day.take(vendor.id, 85_000)
    first = await load(day.file())
    await day.take(vendor.id, 12_345)
    with pytest.raises(SessionExists):
        await load(day.file())

    async with database.as_system() as db:
        await clearing.withdraw(db, first.session_id, by=ANNA, reason="sai tệp", now=LOADED_AT)
    second = await load(day.file())

    assert second.is_new
    assert second.comparison.differences == ()


async def test_one_person_cannot_approve_twice(database, vendor, day, load):
    await day.take(vendor.id, 85_000)
    session_id = (await load(day.file())).session_id
    async with database.as_system() as db:
        await clearing.approve(db, session_id, by=ANNA, now=LOADED_AT)

    with pytest.raises(SamePerson):
        async with database.as_system() as db:
            await clearing.approve(db, session_id, by=ANNA, now=LOADED_AT)

    assert (await session_of(database, session_id)).state is SessionState.RECONCILED


async def test_two_persons_at_the_same_instant_are_two_approvals(database, vendor, day, load):
    await day.take(vendor.id, 85_000)
    session_id = (await load(day.file())).session_id

    async def approve(person: UUID) -> None:
        async with database.as_system() as db:
            await clearing.approve(db, session_id, by=person, now=LOADED_AT)

    await asyncio.gather(approve(ANNA), approve(BINH))

    found = await session_of(database, session_id)
    assert found.state is SessionState.APPROVED
    assert {found.first_by, found.approved_by} == {ANNA, BINH}


async def test_an_approved_session_cannot_be_withdrawn(database, vendor, day, approved):
    await day.take(vendor.id, 85_000)
    session_id = await approved(day.file())

    with pytest.raises(SessionNotReady):
        async with database.as_system() as db:
            await clearing.withdraw(db, session_id, by=ANNA, reason="", now=LOADED_AT)


async def test_fees_are_posted_once_however_often_it_is_instructed(
    database, db, ledger, vendor, day, approved, context
):
    await day.take(vendor.id, 85_000)
    session_id = await approved(day.file())

    await flow.post_fees(database, ledger, session_id)
    await flow.instruct_session(context, {"session_id": str(session_id)})

    assert (await vendor.balances(db))["fees"] == 842
    assert len(await payouts_of(database, session_id)) == 1


async def test_a_held_row_is_paid_with_the_next_session_once_it_is_released(
    database, db, ledger, vendor, day, approved
):
    await day.take(vendor.id, 85_000)
    await day.take(vendor.id, 12_345, told=False)
    session_id = await approved(day.file())
    (payout,) = await payouts_of(database, session_id)
    (lost,) = await differences_of(database, session_id)

    await flow.resolve(
        database, ledger, lost.id, Resolution.RECORD, by=ANNA, reason="", now=LOADED_AT
    )
    next_day = [replace(await day.take(vendor.id, 30_000, at=NOON + timedelta(days=1)),
                        settlement_date="2026-11-23", seq=1)]  # fmt: skip
    next_id = await approved(day.file(next_day))

    assert payout.pay_vnd == 84_158
    (second,) = await payouts_of(database, next_id)
    assert second.net_vnd == 29_703 + 12_223
    assert second.row_count == 2
    async with database.as_system() as system:
        statement = await clearing.statement_of(system, next_id, vendor.id)
    assert [row.day.isoformat() for row in statement.rows] == ["2026-11-22", "2026-11-23"]


async def test_a_held_row_stands_in_the_vendors_statement_with_reason_and_date(
    database, vendor, day, approved
):
    await day.take(vendor.id, 85_000)
    await day.take(vendor.id, 12_345, fee=112)
    session_id = await approved(day.file())

    async with database.as_system() as db:
        statement = await clearing.statement_of(db, session_id, vendor.id)

    (held,) = statement.held
    assert (held.class_, held.day, held.held_vnd) == ("fee_mismatch", DAY, 12_222)
    assert held.opened_at == LOADED_AT
    assert sum(row.net_vnd for row in statement.rows) == statement.payout.pay_vnd == 84_158


async def test_refunds_over_payments_are_carried_to_the_next_session(
    database, vendor, day, approved
):
    first = await day.take(vendor.id, 85_000)
    second = await day.take(vendor.id, 12_345)
    refund = await day.refund(first, vendor.id, 85_000)
    rows = [replace(second, seq=1), replace(refund, seq=2)]
    session_id = await approved(day.file(rows))

    (payout,) = await payouts_of(database, session_id)
    later = await day.take(vendor.id, 100_000, at=NOON + timedelta(days=1))
    next_id = await approved(day.file([replace(later, settlement_date="2026-11-23", seq=1)]))
    (next_payout,) = await payouts_of(database, next_id)

    assert (payout.pay_vnd, payout.state) == (0, "nothing")
    assert payout.carried_out_vnd == 12_223 - 85_000
    assert next_payout.pay_vnd == next_payout.net_vnd + payout.carried_out_vnd
    assert (await session_of(database, session_id)).state is SessionState.CONFIRMED


async def test_accepting_their_amount_moves_the_ledger_and_undoing_moves_it_back(
    database, db, ledger, vendor, day, load
):
    row = await day.take(vendor.id, 85_000)
    day.rows[0] = day.row(row.provider_txn_no, 84_000, NOON, seq=1, txn_ref=row.txn_ref)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)
    before = await vendor.balances(db)

    def decided(**more: Any) -> Any:
        return {"by": ANNA, "reason": "cổng thanh toán đúng", "now": LOADED_AT, **more}

    for _ in range(2):
        await flow.resolve(database, ledger, wrong.id, Resolution.ACCEPT, **decided())
    accepted = await vendor.balances(db)
    await flow.undo(database, ledger, wrong.id, **decided())
    undone = await vendor.balances(db)
    await flow.resolve(database, ledger, wrong.id, Resolution.ACCEPT, **decided(by=BINH))

    assert accepted == {"acquirer": 84_000, "sales": 85_000, "fees": 1_000}
    assert undone == before
    assert await vendor.balances(db) == accepted
    async with database.as_system() as system:
        changes = await kept.history(system, wrong.id)
    assert [(one.action, one.by) for one in changes] == [
        ("accept", ANNA), ("undo", ANNA), ("accept", BINH),
    ]  # fmt: skip


async def test_what_is_paid_out_cannot_be_undone(database, ledger, vendor, day, load, approved):
    row = await day.take(vendor.id, 85_000, fee=766)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)
    await flow.resolve(
        database, ledger, wrong.id, Resolution.ACCEPT, by=ANNA, reason="đã hỏi", now=LOADED_AT
    )
    await approved(day.file())

    with pytest.raises(clearing.ResolutionRefused):
        await flow.undo(database, ledger, wrong.id, by=ANNA, reason="", now=LOADED_AT)

    (payout,) = await payouts_of(database, session_id)
    assert payout.fee_vnd == row.fee == 766


async def test_a_resolution_needs_a_reason_and_must_fit_the_class(
    database, ledger, vendor, day, load
):
    await day.take(vendor.id, 85_000, fee=766)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)

    for resolution, reason in ((Resolution.ACCEPT, " "), (Resolution.RECORD, "vì sao")):
        with pytest.raises(clearing.ResolutionRefused):
            await flow.resolve(
                database, ledger, wrong.id, resolution, by=ANNA, reason=reason, now=LOADED_AT
            )

    assert (await differences_of(database, session_id))[0].state == "open"


async def test_money_that_comes_in_a_later_file_no_longer_waits(database, vendor, day, load):
    first = await day.take(vendor.id, 85_000)
    late = await day.take(vendor.id, 12_345)
    session_id = (await load(day.file([first]))).session_id

    found = await load(day.file([replace(late, settlement_date="2026-11-23", seq=1)]))

    assert found.comparison.differences == ()
    (waited,) = await differences_of(database, session_id)
    assert (waited.state, waited.resolution) == ("resolved", "came_later")


async def test_a_row_settled_before_is_a_duplicate(database, vendor, day, load):
    row = await day.take(vendor.id, 85_000)
    await load(day.file())

    again = await load(day.file([replace(row, settlement_date="2026-11-23")]))

    (wrong,) = again.comparison.differences
    assert str(wrong.class_) == "duplicate"
    assert "first on 2026-11-22" in wrong.sentence


async def test_a_row_number_that_stands_twice_is_named_and_nothing_is_loaded(
    database, vendor, day, load, monkeypatch
):
    monkeypatch.setattr("payments.reconciliation.staging.CAREFUL_BYTES", 0)
    await day.take(vendor.id, 85_000)
    await day.take(vendor.id, 12_345, seq=1)

    with pytest.raises(RecordDoubled) as raised:
        await load(day.file())

    assert raised.value.line == 3
    async with database.as_system() as db:
        assert await clearing.sessions(db) == []


async def test_vendors_see_their_own_part_alone(database, vendor, other_vendor, day, approved):
    from market.db import Viewer

    await day.take(vendor.id, 85_000)
    await day.take(other_vendor.id, 30_000, fee=271)
    session_id = await approved(day.file())

    async with database.as_viewer(Viewer(vendor_ids=(vendor.id,))) as db:
        mine = await clearing.payouts_of(db, vendor.id)
        others = await clearing.payouts_of(db, other_vendor.id)
        held = await clearing.held_of(db, other_vendor.id)
        statement = await clearing.statement_of(db, session_id, vendor.id)
        seen = await clearing.sessions(db)

    assert [one.pay_vnd for one in mine] == [84_158]
    assert (others, held, seen) == ([], [], [])
    assert len(statement.rows) == 1


async def test_the_file_answers_a_refund_that_nobody_heard_the_end_of(
    database, db, ledger, vendor, day, load
):
    row = await day.take(vendor.id, 85_000)
    asked = payments.AskRefund(
        id=ids.new(), owner_id=vendor.id, receipt_id=day.receipts[row.provider_txn_no],
        amount_vnd=30_000, reason="hàng hỏng", road="acquired",
    )  # fmt: skip
    async with database.as_system() as system:
        await payments.ask_refund(system, asked, now=LOADED_AT)
    day.refund_row(row, 30_000)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)

    for _ in range(2):
        await flow.resolve(
            database, ledger, wrong.id, Resolution.RECORD, by=ANNA, reason="", now=LOADED_AT
        )

    assert await vendor.balances(db) == {"acquirer": 55_000, "sales": 85_000, "refunds": 30_000}
    async with database.as_system() as system:
        state = await system.execute(text("SELECT state FROM payments.refund_request"))
        assert state.scalar_one() == "done"


async def test_a_refund_nobody_asked_for_is_recorded_once(database, db, ledger, vendor, day, load):
    row = await day.take(vendor.id, 85_000)
    day.refund_row(row, 30_000)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)
    told = {"by": ANNA, "reason": "", "now": LOADED_AT}

    await flow.resolve(database, ledger, wrong.id, Resolution.RECORD, **told)
    await flow.undo(database, ledger, wrong.id, **told)
    await flow.resolve(database, ledger, wrong.id, Resolution.RECORD, **told)

    assert await vendor.balances(db) == {"acquirer": 55_000, "sales": 85_000, "refunds": 30_000}
    async with database.as_system() as system:
        kinds = (await system.execute(text("SELECT kind FROM payments.event"))).scalars().all()
        request = (await system.execute(text("SELECT * FROM payments.refund_request"))).one()
    assert kinds.count("refund.done") == 1
    assert (request.state, request.road, request.amount_vnd) == ("done", "acquired", 30_000)


async def test_a_refund_of_more_than_is_left_leaves_its_difference_open(
    database, db, ledger, vendor, day, load
):
    row = await day.take(vendor.id, 85_000)
    day.refund_row(row, 90_000)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)

    with pytest.raises(clearing.PostingRefused):
        await flow.resolve(
            database, ledger, wrong.id, Resolution.RECORD, by=ANNA, reason="", now=LOADED_AT
        )

    (same,) = await differences_of(database, session_id)
    assert same.state == "open"
    assert await vendor.balances(db) == {"acquirer": 85_000, "sales": 85_000}


async def test_a_session_whose_decisions_moved_money_is_withdrawn_only_when_they_are_taken_back(
    database, ledger, vendor, day, load
):
    row = await day.take(vendor.id, 85_000)
    day.rows[0] = day.row(row.provider_txn_no, 84_000, NOON, seq=1, txn_ref=row.txn_ref)
    session_id = (await load(day.file())).session_id
    (wrong,) = await differences_of(database, session_id)
    told = {"by": ANNA, "reason": "đã hỏi", "now": LOADED_AT}
    await flow.resolve(database, ledger, wrong.id, Resolution.ACCEPT, **told)

    with pytest.raises(SessionNotReady):
        async with database.as_system() as db:
            await clearing.withdraw(db, session_id, **told)
    await flow.undo(database, ledger, wrong.id, **told)
    async with database.as_system() as db:
        await clearing.withdraw(db, session_id, **told)

    with pytest.raises(clearing.ResolutionRefused):
        await flow.resolve(database, ledger, wrong.id, Resolution.ACCEPT, **told)
