"""The writer dies, or its line is cut, at each point of a commit: nothing is lost, nothing doubled."""

import asyncio
import signal

import pytest

import payments
from market import ids
from tests.faults.payments.proxy import POINTS, Fault
from tests.faults.payments.till import PATIENCE_SECONDS, broken_laws

DAY = 120
"""Customers of a day that dies once or twice: a second of work."""
COMMITS = 5
"""There are more in a day, however many customers share one."""
SECOND = 0.5
"""Of stopping: as good as ten, for nothing in between has a shorter patience."""


# ── The process ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("point", POINTS)
async def test_a_writer_killed_around_its_commit_loses_and_doubles_nothing(
    database_url, open_day, till_of, proxy_of, draw, survived, point
):
    day, proxy = await open_day(database_url, DAY), await proxy_of(database_url)
    till = till_of(day, proxy.url)

    proxy.fault = fault = Fault(point, till.kill_now, draw.randrange(COMMITS))
    await till.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await fault.happened.wait()
    await till.kill()

    assert await broken_laws(database_url, till, finished=False) == []
    await till.finish()

    assert await broken_laws(database_url, till) == []
    survived(f"writer killed, {point}")


@pytest.mark.parametrize("acknowledged", [1, 60])
async def test_a_writer_killed_whenever_it_acknowledges_loses_nothing(
    database_url, open_day, till_of, survived, acknowledged
):
    day = await open_day(database_url, DAY)
    till = till_of(day, database_url)

    await till.start()
    await till.heard(acknowledged)
    await till.kill()

    assert await broken_laws(database_url, till, finished=False) == []
    assert len(till.acknowledged) >= acknowledged
    await till.finish()
    assert await broken_laws(database_url, till) == []
    survived("writer killed, anywhere")


async def test_two_writers_of_the_same_day_are_killed_in_turn(
    database_url, open_day, till_of, draw, survived
):
    day = await open_day(database_url, DAY)
    tills = [till_of(day, database_url) for _ in range(2)]
    for till in tills:
        await till.start()

    for round_number in range(4):
        till = tills[round_number % 2]
        await till.heard(len(till.acknowledged) + draw.randint(1, 30))
        await till.kill()
        survived("writer killed, one of two")
        if not till.is_done:
            await till.start()
    for till in tills:
        await till.finish()

    assert await broken_laws(database_url, *tills) == []


async def test_a_writer_that_stops_for_a_while_hinders_nobody_and_goes_on(
    database_url, open_day, till_of, draw, survived
):
    day = await open_day(database_url, DAY)
    stopped, other = (till_of(day, database_url) for _ in range(2))
    await stopped.start()
    await stopped.heard(draw.randint(1, 30))

    stopped.signal(signal.SIGSTOP)
    await other.start()
    await other.heard(30)
    await asyncio.sleep(SECOND)
    stopped.signal(signal.SIGCONT)
    for till in (stopped, other):
        await till.finish()

    assert await broken_laws(database_url, stopped, other) == []
    survived("writer SIGSTOP")


async def test_clocks_that_jump_by_days_and_months_change_nothing(
    database_url, open_day, till_of, draw, survived
):
    """The clocks of those who make ids and instants; PostgreSQL's own cannot be moved from here."""
    day = await open_day(database_url, DAY, jumps=True)
    till = till_of(day, database_url)

    await till.start()
    await till.heard(draw.randint(1, 60))
    await till.kill()
    await till.finish()

    assert await broken_laws(database_url, till) == []
    survived("clocks jumped")


# ── The line ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("point", POINTS)
async def test_a_line_cut_around_the_commit_settles_once(
    proxy_of, database_url, payee, cash_of, now, survived, point
):
    proxy = await proxy_of(database_url)
    ledger = payments.Ledger(proxy.url, "market_system")
    await ledger.start()
    first, second = cash_of(), cash_of()
    notice = payments.Confirmation("sepay", "1", 45_000, now, account_no=payee.account_no)
    await ledger.record_cash(first, now=now)

    proxy.fault = fault = Fault(point, _nothing)
    outcome, settled = await asyncio.gather(
        ledger.record_cash(second, now=now),
        ledger.settle(notice, receipt_id=ids.new(), now=now),
    )
    again = await ledger.settle(notice, receipt_id=ids.new(), now=now)
    await ledger.close()

    assert fault.happened.is_set()
    assert outcome == ("already_posted" if point == "unanswered" else "posted")
    assert settled.outcome == "unmatched"  # its own answer, not "already seen"
    assert (again.outcome, again.receipt_id) == ("already_seen", settled.receipt_id)
    assert (await payments.audit(database_url)).problems == ()
    survived(f"line cut, {point}")


@pytest.mark.parametrize("point", POINTS)
async def test_a_line_cut_around_the_commit_of_plain_transfers_posts_once(
    proxy_of, database_url, open_day, survived, point
):
    """A batch without doubts is one call of one function: its commit has no word of its own."""
    proxy, day = await proxy_of(database_url), await open_day(database_url, DAY)
    plain = [ask.orders[0] for ask in day.asks().values() if len(ask.rows) == 1 and _is_plain(ask)]
    ledger = payments.Ledger(proxy.url, "market_system")
    await ledger.start()
    await ledger.post(plain[0])

    proxy.fault = fault = Fault(point, _nothing)
    outcomes = await ledger.post(*plain[1:])
    again = await ledger.post(*plain)
    await ledger.close()

    assert fault.happened.is_set()
    assert set(outcomes) == {"already_posted" if point == "unanswered" else "posted"}
    assert set(again) == {"already_posted"}
    assert (await payments.audit(database_url)).problems == ()
    survived(f"line cut, {point}")


async def test_an_answer_that_comes_late_is_still_the_answer(
    proxy_of, database_url, payee, cash_of, now, survived
):
    proxy = await proxy_of(database_url)
    ledger = payments.Ledger(proxy.url, "market_system")
    await ledger.start()
    await ledger.record_cash(cash_of(), now=now)

    outcomes = []
    for point in POINTS:
        proxy.fault = Fault(point, _pause)
        outcomes.append(await ledger.record_cash(cash_of(), now=now))
        survived(f"line delayed, {point}")
    await ledger.close()

    assert outcomes == ["posted"] * len(POINTS)
    assert (await payments.audit(database_url)).problems == ()


async def test_a_writer_that_hangs_before_its_commit_holds_rows_for_a_moment_only(
    proxy_of, database_url, payee, now, survived
):
    proxy, woken = await proxy_of(database_url), asyncio.Event()
    hanging, other = (payments.Ledger(url, "market_system") for url in (proxy.url, database_url))
    first, second, third = (
        payments.Confirmation("sepay", number, 45_000, now, account_no=payee.account_no)
        for number in "123"
    )
    await hanging.start()
    await other.start()
    await hanging.settle(first, receipt_id=ids.new(), now=now)

    async def hang() -> bool:
        return await woken.wait()

    proxy.fault = Fault("unsent", hang)
    late = asyncio.ensure_future(hanging.settle(second, receipt_id=ids.new(), now=now))
    async with asyncio.timeout(PATIENCE_SECONDS):
        settled = await other.settle(third, receipt_id=ids.new(), now=now)
    woken.set()

    assert (settled.outcome, (await late).outcome) == ("unmatched", "unmatched")
    for ledger in (hanging, other):
        await ledger.close()
    assert (await payments.audit(database_url)).problems == ()
    survived("writer hangs")


async def _nothing() -> None:
    return


async def _pause() -> bool:
    await asyncio.sleep(SECOND)
    return True


def _is_plain(ask) -> bool:
    return bool(ask.orders) and isinstance(ask.orders[0], payments.Transfer)
