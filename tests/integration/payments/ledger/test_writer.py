"""The writer on a real database: many in one commit, each with its own outcome."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

import payments
from market import ids
from payments import Outcome
from payments.settlement import SettlementOutcome as Was


@pytest.fixture
def names(vendor):
    return [vendor.account(kind) for kind in ("bank", "sales", "suspense")]


@pytest.fixture
async def poison(db):
    """The database refuses a transfer of 666 đ, as it would an item nobody thought of."""
    connection = await db.connection()
    await connection.exec_driver_sql(
        "ALTER TABLE payments.transfer ADD CONSTRAINT poison CHECK (amount_vnd <> 666)"
    )
    await db.commit()


async def test_what_is_posted_moves_the_balances(db, vendor, ledger, transfer_of, names):
    outcomes = await ledger.post(transfer_of(), transfer_of(amount_vnd=500), opening=names)

    assert outcomes == [Outcome.POSTED, Outcome.POSTED]
    assert await vendor.balances(db) == {"bank": 1_500, "sales": 1_500}


async def test_a_retry_is_already_posted_and_other_content_is_told_apart(
    db, vendor, ledger, transfer_of, names
):
    one = transfer_of()
    await ledger.post(one, opening=names)

    outcomes = await ledger.post(one, transfer_of(id=one.id, amount_vnd=2_000), one)

    assert outcomes == [Outcome.ALREADY_POSTED, Outcome.ID_REUSED, Outcome.ALREADY_POSTED]
    assert await vendor.balances(db) == {"bank": 1_000, "sales": 1_000}


async def test_duplicates_of_one_batch_are_posted_once(db, vendor, ledger, transfer_of, names):
    one = transfer_of()

    answers = await asyncio.gather(*[ledger.post(one, opening=names) for _ in range(20)])

    assert sorted(outcome for (outcome,) in answers) == ["already_posted"] * 19 + ["posted"]
    assert await vendor.balances(db) == {"bank": 1_000, "sales": 1_000}


async def test_unknown_and_foreign_accounts_are_told_apart(
    vendor, other_vendor, ledger, transfer_of, names
):
    await ledger.post(transfer_of(), opening=[*names, other_vendor.account("sales")])

    outcomes = await ledger.post(
        transfer_of(credit_id=ids.new()), transfer_of(credit_id=other_vendor.account("sales").id)
    )

    assert outcomes == [Outcome.ACCOUNT_UNKNOWN, Outcome.OWNER_MISMATCH]


async def test_nothing_is_overdrawn(db, vendor, ledger, transfer_of, names):
    outcomes = await ledger.post(
        transfer_of(debit="suspense", credit="bank"),
        transfer_of(debit="bank", credit="suspense"),
        transfer_of(debit="suspense", credit="bank"),
        opening=names,
    )

    assert outcomes == [Outcome.OVERDRAWN, Outcome.POSTED, Outcome.POSTED]
    assert await vendor.balances(db) == {}


async def test_a_linked_set_is_posted_whole_or_not_at_all(db, vendor, ledger, transfer_of, names):
    bad = [transfer_of(), transfer_of(debit="suspense", credit="bank")]
    good = [transfer_of(credit="suspense"), transfer_of(debit="suspense", credit="sales")]

    refused = await ledger.post(*bad, linked=True, opening=names)
    posted = await ledger.post(*good, linked=True)

    assert refused == [Outcome.LINKED_FAILED, Outcome.OVERDRAWN]
    assert posted == [Outcome.POSTED, Outcome.POSTED]
    assert await vendor.balances(db) == {"bank": 1_000, "sales": 1_000}


async def test_many_waiting_callers_share_few_commits(db, vendor, ledger, transfer_of, names):
    answers = await asyncio.gather(*[ledger.post(transfer_of(), opening=names) for _ in range(500)])

    assert {outcome for (outcome,) in answers} == {Outcome.POSTED}
    assert ledger.batch_count <= 5
    assert await vendor.balances(db) == {"bank": 500_000, "sales": 500_000}


async def test_a_poisonous_item_fails_alone(db, vendor, ledger, transfer_of, names, poison):
    calls = [ledger.post(transfer_of(), opening=names) for _ in range(10)]
    calls.insert(4, ledger.post(transfer_of(amount_vnd=666), opening=names))

    answers = await asyncio.gather(*calls)

    assert answers.pop(4) == [Outcome.FAILED]
    assert answers == [[Outcome.POSTED]] * 10
    assert await vendor.balances(db) == {"bank": 10_000, "sales": 10_000}


async def test_a_poisonous_transfer_of_one_call_fails_alone(
    db, vendor, ledger, transfer_of, names, poison
):
    transfers = [transfer_of(amount_vnd=666 if index == 5 else 1_000) for index in range(9)]

    outcomes = await ledger.post(*transfers, opening=names)

    assert outcomes == [Outcome.FAILED if one.amount_vnd == 666 else "posted" for one in transfers]
    assert await vendor.balances(db) == {"bank": 8_000, "sales": 8_000}


async def test_a_poisonous_confirmation_raises_and_the_others_settle(
    db, vendor, ledger, told, settle, poison
):
    answers = await asyncio.gather(
        settle(told()), settle(told(amount_vnd=666)), settle(told()), return_exceptions=True
    )

    assert [type(one) for one in answers] == [
        payments.Settled,
        payments.SettlementFailed,
        payments.Settled,
    ]
    assert await vendor.balances(db) == {"bank": 90_000, "suspense": 90_000}


async def test_a_full_queue_refuses_and_nothing_is_half_done(
    db, vendor, database_url, transfer_of, names
):
    small = payments.Ledger(database_url, queue_max=3)
    await small.start()

    answers = await asyncio.gather(
        *[small.post(transfer_of(), opening=names) for _ in range(5)], return_exceptions=True
    )
    await small.close()

    assert [type(one) for one in answers[3:]] == [payments.LedgerBusy] * 2
    assert answers[3].retry_after_s >= 1
    assert await vendor.balances(db) == {"bank": 3_000, "sales": 3_000}


async def test_more_than_a_commit_holds_is_refused(database_url, transfer_of):
    small = payments.Ledger(database_url, batch_max=2)
    await small.start()

    with pytest.raises(payments.PostTooLarge):
        await small.post(*[transfer_of() for _ in range(3)])

    await small.close()


async def test_closing_commits_what_waits_and_takes_nothing_more(
    db, vendor, database_url, transfer_of, names
):
    ledger = payments.Ledger(database_url)
    await ledger.start()
    waiting = [asyncio.ensure_future(ledger.post(transfer_of(), opening=names)) for _ in range(5)]
    await asyncio.sleep(0)  # they are in the queue

    await ledger.close()

    assert [one.result() for one in waiting] == [[Outcome.POSTED]] * 5
    with pytest.raises(payments.LedgerClosed):
        await ledger.post(transfer_of())


async def test_a_caller_who_left_costs_the_others_nothing(db, vendor, ledger, transfer_of, names):
    gone = asyncio.ensure_future(ledger.post(transfer_of(), opening=names))
    stays = asyncio.ensure_future(ledger.post(transfer_of(), opening=names))
    await asyncio.sleep(0)
    gone.cancel()

    assert await stays == [Outcome.POSTED]
    assert await vendor.balances(db) == {"bank": 2_000, "sales": 2_000}


@pytest.mark.parametrize("setting", ["synchronous_commit"])
async def test_a_database_that_forgets_is_refused(db, database_url, setting):
    connection = await db.connection()
    await connection.exec_driver_sql(
        f"DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {setting} = off', "
        "current_database()); END $$"
    )
    await db.commit()

    with pytest.raises(payments.NotDurable) as raised:
        await payments.Ledger(database_url).start()

    assert raised.value.setting == setting


async def test_two_writers_share_accounts_without_deadlock_or_loss(
    db, vendor, database_url, told, open_payment, transfer_of, names, now
):
    writers = [payments.Ledger(database_url, "market_system") for _ in range(2)]
    for writer in writers:
        await writer.start()
    one_payment = await open_payment()
    notice = told(one_payment.code)
    shared = [transfer_of() for _ in range(60)]

    async def load(writer, order):
        for start in range(0, 60, 6):
            await asyncio.gather(
                *[writer.post(one, opening=order) for one in shared[start : start + 6]],
                writer.post(transfer_of(), opening=order),
                writer.settle(notice, receipt_id=ids.new(), now=now),
                writer.settle(told(), receipt_id=ids.new(), now=now),
            )

    await asyncio.gather(load(writers[0], names), load(writers[1], names[::-1]))
    for writer in writers:
        await writer.close()

    unmatched_vnd = 20 * 45_000
    assert await vendor.balances(db) == {
        "bank": 80_000 + 45_000 + unmatched_vnd,
        "sales": 80_000 + 45_000,
        "suspense": unmatched_vnd,
    }
    assert (await payments.audit(database_url)).is_clean


async def test_cash_is_recorded_once_with_one_event(db, vendor, ledger, now):
    sale = payments.CashSale(
        id=ids.new(),
        owner_id=vendor.id,
        place_id=vendor.place_id,
        amount_vnd=30_000,
        occurred_at=now,
    )

    outcomes = [await ledger.record_cash(sale, now=now) for _ in range(2)]

    assert outcomes == [Outcome.POSTED, Outcome.ALREADY_POSTED]
    assert await vendor.balances(db) == {"cash": 30_000, "sales": 30_000}
    (event,) = await payments.events_after(db, 0, 10)
    assert (event.kind, event.data["outcome"]) == ("receipt.recorded", "cash")
    other = payments.CashSale(id=sale.id, owner_id=vendor.id, amount_vnd=1, occurred_at=now)
    with pytest.raises(payments.CashRefused):
        await ledger.record_cash(other, now=now)


async def test_the_journal_cannot_be_changed(database_url, ledger, transfer_of, names):
    await ledger.post(transfer_of(), opening=names)
    owner = await asyncpg.connect(database_url)
    system = await asyncpg.connect(database_url, server_settings={"role": "market_system"})

    for statement in (
        "UPDATE payments.transfer SET amount_vnd = 1",
        "DELETE FROM payments.transfer",
        "TRUNCATE payments.transfer",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await owner.execute(statement)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await system.execute(statement)

    await owner.close()
    await system.close()


async def test_accounts_known_to_exist_are_not_believed_after_a_restore(
    db, vendor, ledger, told, settle, database_url
):
    await settle(told())
    owner = await asyncpg.connect(database_url)
    await owner.execute("ALTER TABLE payments.transfer DISABLE TRIGGER refuse_change")
    await owner.execute("ALTER TABLE payments.receipt DISABLE TRIGGER refuse_change")
    await owner.execute("ALTER TABLE payments.event DISABLE TRIGGER refuse_change")
    await owner.execute("DELETE FROM payments.account")
    await owner.execute("DELETE FROM payments.transfer")
    await owner.execute("DELETE FROM payments.receipt")
    await owner.execute("DELETE FROM payments.event")
    await owner.close()

    settled = await settle(told())

    assert settled.outcome is Was.UNMATCHED
    assert await vendor.balances(db) == {"bank": 45_000, "suspense": 45_000}


async def test_balances_at_past_instants_and_statements_come_from_the_journal(
    db, vendor, ledger, transfer_of, names, now
):
    hour = timedelta(hours=1)
    first, second = transfer_of(), transfer_of(amount_vnd=500, occurred_at=now + hour)
    back = transfer_of(debit="sales", credit="bank", amount_vnd=200, occurred_at=now + 2 * hour)
    await ledger.post(first, second, back, opening=names)
    sales = vendor.account("sales")

    past = [await payments.balance_vnd_at(db, sales, now + step * hour) for step in (-1, 0, 1, 2)]
    page = await payments.statement(db, sales, limit=2)
    rest = await payments.statement(db, sales, after=page[-1].position)

    assert past == [0, 1_000, 1_500, 1_300]
    assert await payments.balance_vnd_at(db, sales, now - hour, by="recorded") in {0, 1_300}
    assert await payments.balance_vnd(db, sales) == 1_300
    assert [entry.amount_vnd for entry in (*page, *rest)] == [1_000, 500, -200]


async def test_nobody_waits_for_ever_when_the_writer_itself_ends(
    database_url, vendor, transfer_of, names
):
    ledger = payments.Ledger(database_url)
    await ledger.start()
    waiting = asyncio.ensure_future(ledger.post(transfer_of(), opening=names))
    await asyncio.sleep(0)

    (writer,) = [one for one in asyncio.all_tasks() if one.get_name() == "ledger"]
    writer.cancel()

    with pytest.raises(payments.LedgerUnavailable):
        await waiting
    with pytest.raises(payments.LedgerClosed):
        await ledger.post(transfer_of())
    await ledger.close()
