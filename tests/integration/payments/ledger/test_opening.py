"""Accounts are opened, limited, frozen and closed, never in the middle of a writer's batch."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

import payments
from market import db as market_db
from market import ids
from payments import Limits, Outcome

DEADLINE = datetime(2100, 1, 1, tzinfo=UTC)
LIMITED = Limits(balance_vnd_min=0, balance_vnd_max=5_000, out_vnd_max=1_000)


@pytest.fixture
def bank(vendor):
    return vendor.account("bank")


@pytest.fixture
def sales(vendor):
    return vendor.account("sales")


@pytest.fixture
def transfer(vendor, bank, sales, now):
    def made(amount_vnd=1_000, *, back=False, **changes):
        debit, credit = (sales, bank) if back else (bank, sales)
        fields = {
            "id": ids.new(),
            "owner_id": vendor.id,
            "debit_id": debit.id,
            "credit_id": credit.id,
            "amount_vnd": amount_vnd,
            "kind": payments.TransferKind.OTHER,
            "occurred_at": now,
        }
        return payments.Transfer(**(fields | changes))

    return made


@pytest.fixture
async def opened(db, bank, sales, now):
    """Both accounts, with the limits of their kinds."""
    await payments.open_account(db, bank, now=now)
    await payments.open_account(db, sales, now=now)
    await db.commit()


@pytest.fixture
def facts(db, vendor):
    """What the event log says of the vendor's accounts since the last time asked."""
    position = 0

    async def read():
        nonlocal position
        await db.rollback()
        found = await payments.events_after(db, position, 100)
        position = found[-1].position if found else position
        return [(one.kind, one.subject_id, one.data) for one in found if one.owner_id == vendor.id]

    return read


async def view(db, name):
    await db.rollback()
    (found,) = [one for one in await payments.accounts_of(db, name.owner_id) if one.id == name.id]
    return found


async def test_an_opened_account_has_the_limits_of_its_kind_or_its_own(db, bank, sales, now, facts):
    usual = await payments.open_account(db, sales, now=now)
    own = await payments.open_account(db, bank, limits=LIMITED, now=now)
    await db.commit()

    assert (usual.balance_vnd_min, usual.balance_vnd_max, usual.out_vnd_max) == (0, None, None)
    assert (own.balance_vnd_min, own.balance_vnd_max, own.out_vnd_max) == (0, 5_000, 1_000)
    assert [(kind, subject) for kind, subject, _ in await facts()] == [
        ("account.opened", sales.id), ("account.opened", bank.id)
    ]  # fmt: skip


async def test_opening_again_returns_what_stands_and_says_nothing(db, bank, now, facts):
    first = await payments.open_account(db, bank, limits=LIMITED, now=now)
    await db.commit()
    await facts()

    again = await payments.open_account(db, bank, now=now + timedelta(hours=1))
    await db.commit()

    assert again == first
    assert await facts() == []


async def test_all_of_an_owner_are_opened_once(db, vendor, now, facts):
    for _ in range(2):
        await payments.open_accounts(db, vendor.id, now=now)
        await db.commit()

    opened = await facts()
    assert len(opened) == len(await payments.accounts_of(db, vendor.id)) == 7
    assert {kind for kind, _, _ in opened} == {"account.opened"}


async def test_a_closed_account_takes_nothing_and_stays_closed(
    db, ledger, opened, bank, transfer, now, facts
):
    await facts()
    for hour in range(2):
        await payments.close_account(db, bank, now=now + timedelta(hours=hour))
        await db.commit()

    assert await ledger.post(transfer()) == [Outcome.ACCOUNT_CLOSED]
    assert (await view(db, bank)).closed_at == now
    assert [kind for kind, _, _ in await facts()] == ["account.closed"]
    for change in (payments.freeze_account, payments.unfreeze_account, payments.open_account):
        with pytest.raises(payments.AccountClosed):
            await change(db, bank, now=now)
    with pytest.raises(payments.AccountClosed):
        await payments.limit_account(db, bank, LIMITED, now=now)


async def test_an_account_with_money_is_not_closed(db, ledger, opened, bank, transfer, now):
    await ledger.post(transfer())

    with pytest.raises(payments.AccountNotEmpty) as refused:
        await payments.close_account(db, bank, now=now)
    await db.rollback()

    assert refused.value.balance_vnd == 1_000
    assert (await view(db, bank)).closed_at is None


async def test_an_account_that_a_hold_waits_for_is_not_closed(
    db, ledger, opened, bank, vendor, sales, now
):
    hold = payments.Hold(
        id=ids.new(), owner_id=vendor.id, debit_id=bank.id, credit_id=sales.id, amount_vnd=700,
        kind=payments.TransferKind.OTHER, occurred_at=now, expires_at=DEADLINE,
    )  # fmt: skip
    assert await ledger.post(hold) == [Outcome.POSTED]

    with pytest.raises(payments.AccountNotEmpty) as refused:
        await payments.close_account(db, bank, now=now)
    await db.rollback()
    shown = await view(db, bank)
    freed = await payments.expire_holds(db, now=DEADLINE + timedelta(days=1))
    await db.commit()
    await payments.close_account(db, bank, now=now)
    await db.commit()

    assert (refused.value.held_in_vnd, shown.held_in_vnd, freed) == (700, 700, 1)


async def test_nothing_moves_on_a_frozen_account_until_it_is_thawed(
    db, ledger, opened, bank, transfer, now, facts
):
    await facts()
    for hour in range(2):
        await payments.freeze_account(db, bank, now=now + timedelta(hours=hour))
        await db.commit()
    frozen = await view(db, bank)
    refused = await ledger.post(transfer())

    for _ in range(2):
        await payments.unfreeze_account(db, bank, now=now)
        await db.commit()
    posted = await ledger.post(transfer())

    assert frozen.frozen_at == now
    assert (refused, posted) == ([Outcome.ACCOUNT_FROZEN], [Outcome.POSTED])
    assert [kind for kind, _, _ in await facts()] == ["account.frozen", "account.unfrozen"]


async def test_limits_hold_from_the_next_transfer_on(
    db, ledger, opened, bank, transfer, now, facts
):
    await ledger.post(transfer(2_000))
    await facts()
    for _ in range(2):
        await payments.limit_account(db, bank, Limits(balance_vnd_max=2_500), now=now)
        await db.commit()

    assert await ledger.post(transfer(600), transfer(500)) == [Outcome.LIMIT, Outcome.POSTED]
    ((kind, subject, data),) = await facts()
    assert (kind, subject, data["balance_vnd_max"]) == ("account.limited", bank.id, 2_500)


async def test_what_left_today_counts_against_a_new_daily_cap(
    db, ledger, opened, bank, transfer, now, database_url
):
    await ledger.post(transfer(5_000), transfer(300, back=True))
    await payments.feed_statements(database_url, now=now)
    await ledger.post(transfer(400, back=True))  # in the journal alone

    await payments.limit_account(db, bank, Limits(out_vnd_max=1_000), now=now)
    await db.commit()
    outcomes = await ledger.post(transfer(301, back=True), transfer(300, back=True))

    assert outcomes == [Outcome.DAILY_LIMIT, Outcome.POSTED]
    assert (await view(db, bank)).out_vnd == 1_000


async def test_a_cap_that_is_taken_away_and_set_again_still_counts_the_day(
    db, ledger, opened, bank, transfer, now
):
    await ledger.post(transfer(5_000))
    for limits in (Limits(out_vnd_max=1_000), Limits(), Limits(out_vnd_max=1_000)):
        await payments.limit_account(db, bank, limits, now=now)
        await db.commit()
        await ledger.post(transfer(400, back=True))

    assert (await view(db, bank)).out_vnd == 800  # the third would have been 1,200


async def test_a_smallest_balance_above_what_is_free_is_refused(
    db, ledger, opened, bank, sales, vendor, transfer, now
):
    await ledger.post(transfer(1_000))
    hold = payments.Hold(
        id=ids.new(), owner_id=vendor.id, debit_id=sales.id, credit_id=bank.id, amount_vnd=300,
        kind=payments.TransferKind.OTHER, occurred_at=now, expires_at=DEADLINE,
    )  # fmt: skip
    assert await ledger.post(hold) == [Outcome.POSTED]

    with pytest.raises(payments.LimitRefused) as refused:
        await payments.limit_account(db, bank, Limits(balance_vnd_min=701), now=now)
    await db.rollback()
    await payments.limit_account(db, bank, Limits(balance_vnd_min=700), now=now)
    await db.commit()

    assert refused.value.free_vnd == 700


@pytest.mark.parametrize(
    "limits",
    [
        Limits(balance_vnd_min=2, balance_vnd_max=1),
        Limits(out_vnd_max=-1),
        Limits(balance_vnd_max=10**18),
        Limits(balance_vnd_min=-(10**19)),
    ],
)
async def test_limits_no_account_could_keep_are_refused(db, opened, bank, limits, now):
    with pytest.raises(payments.LimitsInvalid):
        await payments.limit_account(db, bank, limits, now=now)


async def test_a_new_account_cannot_need_money_it_does_not_have(db, bank, now):
    with pytest.raises(payments.LimitsInvalid):
        await payments.open_account(db, bank, limits=Limits(balance_vnd_min=1), now=now)


async def test_an_account_nobody_opened_is_unknown(db, bank, now):
    for change in (payments.close_account, payments.freeze_account, payments.unfreeze_account):
        with pytest.raises(payments.AccountUnknown):
            await change(db, bank, now=now)


async def test_a_change_waits_for_the_batch_and_the_next_batch_for_the_change(
    db, ledger, opened, bank, transfer, now, database_url
):
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"))
    async with market_db.Session(engine) as other:
        await payments.freeze_account(db, bank, now=now)  # holds the lane
        posting = asyncio.create_task(ledger.post(transfer()))
        connection = await other.connection()
        waiting = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        )
        async with asyncio.timeout(20):
            while True:
                if (await connection.execute(waiting)).scalar_one():
                    break
                await asyncio.sleep(0.005)
        was_done = posting.done()
        await db.commit()

        assert (was_done, await posting) == (False, [Outcome.ACCOUNT_FROZEN])
    await engine.dispose()


async def test_closing_in_a_race_with_posting_never_closes_money_in(
    database_url, db, ledger, vendor, now
):
    """Empties the account and fills it again, while others try to close it."""
    other = payments.Ledger(database_url, "market_system")
    await other.start()
    engine = create_async_engine(market_db.sqlalchemy_url(database_url, "asyncpg"), pool_size=4)
    names = [
        vendor.account("bank", ""),
        *(vendor.account("suspense", f"box {n}") for n in range(6)),
    ]
    for name in names:
        await payments.open_account(db, name, now=now)
    await db.commit()
    bank, *boxes = names

    async def close(name):
        async with market_db.Session(engine) as session:
            try:
                await payments.close_account(session, name, now=now)
                await session.commit()
            except payments.AccountNotEmpty:
                return False
            return True

    async def fill(writer, name):
        return await writer.post(
            payments.Transfer(
                id=ids.new(),
                owner_id=vendor.id,
                debit_id=bank.id,
                credit_id=name.id,
                amount_vnd=10,
                kind=payments.TransferKind.OTHER,
                occurred_at=now,
            )
        )

    results = []
    for name in boxes:
        closed, *posted = await asyncio.gather(
            close(name), fill(ledger, name), fill(other, name), fill(ledger, name)
        )
        results.append((closed, [outcome for (outcome,) in posted]))
    await other.close()
    await engine.dispose()

    for name, (closed, outcomes) in zip(boxes, results, strict=True):
        shown = await view(db, name)
        assert (shown.closed_at is not None) == closed
        assert shown.balance_vnd == 10 * outcomes.count(Outcome.POSTED)
        if closed:
            assert set(outcomes) == {Outcome.ACCOUNT_CLOSED}
