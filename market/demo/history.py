"""Weeks of trade before the demo opens, through the real ledger, many in one commit."""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

import payments
from market import clock, echo
from market.db import Database
from market.demo import rhythm
from market.demo.names import bank_name, full_name
from market.demo.plan import Dealer, StallPlan, WorldPlan
from market.flows.adoption import hour_of
from market.relay import CONSUMER
from market.tables import StandRow

CHUNK = 4_000
"""Sales handed to the ledger at once; a few commits each."""
ROUND_VND = 1_000
POISSON_MEAN_MAX = 600.0
"""Beyond it e to its negative power is no number any more."""
AMOUNT_VND_MIN, AMOUNT_VND_MAX = 3_000, 5_000_000
REST_DAY_SHARE = 0.06
"""Days on which a stall stays shut."""
LOST_SHARE = 0.006
"""Transfers whose payer deleted the code."""
FORGOTTEN_DAY_SHARE = 0.4
"""Days on which a vendor who is careless about it writes no cash down."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PastSale:
    """One sale that happened: at which stall, when, how much, how paid."""

    id: UUID
    stall: StallPlan
    at: datetime
    amount_vnd: int
    kind: Literal["stand", "cash", "lost"]
    """Lost: money whose transfer carried no code; it waits in suspense and is no sale."""
    memo: str
    reference: str


@dataclass(frozen=True)
class History:
    """What was written."""

    cashless_count: int
    cash_count: int
    vnd: int


def past_sales(
    plan: WorldPlan, seed: int, memos: dict[UUID, str], start: datetime, end: datetime
) -> Iterator[PastSale]:
    """Every sale of a time, day by day in order of time; the same for the same arguments."""
    day, last = clock.local_day(start), clock.local_day(end)
    while day <= last:
        sales = [
            sale
            for stall in plan.stalls()
            if stall.vendor is not None
            for sale in _day_of(stall, seed, day, memos)
            if start <= sale.at < end
        ]
        yield from sorted(sales, key=lambda sale: sale.id)
        day += timedelta(days=1)


def _day_of(stall: StallPlan, seed: int, day: date, memos: dict[UUID, str]) -> Iterator[PastSale]:
    rng = random.Random(f"{seed}:{day}:{stall.id}")  # noqa: S311 - a repeatable demo, no secret
    if rng.random() < REST_DAY_SHARE:
        return
    factor = rhythm.day_factor(day)
    writes_cash = stall.records_cash or rng.random() > FORGOTTEN_DAY_SHARE
    memo = memos.get(stall.id, "")
    cashless = _poisson(rng, stall.cashless_per_day * factor) if memo else 0
    cash = _poisson(rng, stall.cash_per_day * factor) if writes_cash else 0
    dealer = Dealer(0, datetime.fromtimestamp(0, UTC))
    dealer.rng = rng
    for index in range(cashless + cash):
        at = _instant(rng, day)
        identifier = dealer.id(at)
        is_lost = rng.random() < LOST_SHARE
        payer = bank_name(full_name(rng))
        yield PastSale(
            id=identifier,
            stall=stall,
            at=at,
            amount_vnd=_amount_vnd(rng, stall.median_vnd),
            kind="cash" if index >= cashless else "lost" if is_lost else "stand",
            memo=f"{payer} chuyen tien" if is_lost else f"{payer} chuyen tien {memo}",
            reference=f"FT{identifier.hex[-12:].upper()}",
        )


def _poisson(rng: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-min(mean, POISSON_MEAN_MAX)), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def _instant(rng: random.Random, day: date) -> datetime:
    hour = rng.choices(list(rhythm.HOUR_WEIGHTS), list(rhythm.HOUR_WEIGHTS.values()))[0]
    local = datetime.combine(day, time(hour), clock.VIETNAM) + timedelta(
        milliseconds=rng.randrange(3_600_000)
    )
    return local.astimezone(UTC)


def _amount_vnd(rng: random.Random, median_vnd: int) -> int:
    amount = median_vnd * rng.lognormvariate(0, 0.6)
    rounded = round(amount / ROUND_VND) * ROUND_VND
    return max(AMOUNT_VND_MIN, min(AMOUNT_VND_MAX, rounded))


async def memos_of(db: AsyncSession) -> dict[UUID, str]:
    """Stall → the code on its printed stand."""
    rows = await db.exec(select(StandRow.stall_id, StandRow.memo))
    return dict(rows.all())


async def write_history(
    database: Database, plan: WorldPlan, seed: int, start: datetime, now: datetime,
    say: Say = lambda line: None,
) -> History:  # fmt: skip
    """All trade from `start` until `now` is in the ledger, in the sales and in the roll-up.

    Run before a relay does: the events it leaves are stepped past, for their effects are written
    here. Broken off, it may be run again with the same arguments.
    """
    async with database.as_system() as db:
        memos = await memos_of(db)
    sales = list(past_sales(plan, seed, memos, start, now))
    ledger = payments.Ledger(database.url)
    await ledger.start()
    try:
        for begin in range(0, len(sales), CHUNK):
            chunk = sales[begin : begin + CHUNK]
            await asyncio.gather(*(_post(ledger, sale, now) for sale in chunk))
            say(f"{begin + len(chunk):,} / {len(sales):,}".replace(",", "."))
    finally:
        await ledger.close()
    await _write_effects(database.url, [one for one in sales if one.kind != "lost"], now)
    made = [one for one in sales if one.kind != "lost"]
    cash = sum(one.kind == "cash" for one in made)
    return History(len(made) - cash, cash, sum(one.amount_vnd for one in made))


async def _post(ledger: payments.Ledger, sale: PastSale, now: datetime) -> None:
    vendor = sale.stall.vendor
    assert vendor is not None
    if sale.kind == "cash":
        cash = payments.CashSale(
            id=sale.id,
            owner_id=vendor.id,
            place_id=sale.stall.id,
            amount_vnd=sale.amount_vnd,
            occurred_at=sale.at,
        )
        await ledger.record_cash(cash, now=now)
        return
    settled = await ledger.settle(told_by_bank(sale), receipt_id=sale.id, now=now)
    expected = "stand" if sale.kind == "stand" else "unmatched"
    assert settled.outcome in {expected, "already_seen"}, settled


def told_by_bank(sale: PastSale) -> payments.Confirmation:
    """The bank's word about a transfer, as a gateway would have verified it."""
    vendor = sale.stall.vendor
    assert vendor is not None
    return payments.Confirmation(
        gateway="sepay",
        provider_id=f"past-{sale.id.hex}",
        amount_vnd=sale.amount_vnd,
        occurred_at=sale.at,
        reference=sale.reference,
        memo=sale.memo,
        account_no=vendor.account_no,
        bank_bin=vendor.bank_bin,
    )


SALE_COLUMNS = (
    "id", "stall_id", "vendor_id", "amount_vnd", "received_vnd", "method", "state", "payment_id",
    "memo", "qr_text", "sold_by", "sold_at", "recorded_at", "paid_at", "echo_word", "invoice_id",
    "digest",
)  # fmt: skip


async def _write_effects(url: str, sales: Sequence[PastSale], now: datetime) -> None:
    """Sales, roll-up and the relay's position in one transaction: there as a whole or not."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.copy_records_to_table(
                "sale", schema_name="market", columns=SALE_COLUMNS, records=map(_sale_record, sales)
            )
            await connection.copy_records_to_table(
                "takings_hour",
                schema_name="market",
                columns=("stall_id", "hour", "method", "sale_count", "sale_vnd"),
                records=_rolled_up(sales),
            )
            await connection.execute(_STEP_PAST, CONSUMER, now)
    finally:
        await connection.close()


_STEP_PAST = (
    "INSERT INTO market.relay_position (consumer, position, moved_at)"
    " SELECT $1, coalesce(max(position), 0), $2 FROM payments.event"
    " ON CONFLICT (consumer) DO UPDATE"
    " SET position = excluded.position, moved_at = excluded.moved_at"
)


def _sale_record(sale: PastSale) -> tuple[Any, ...]:
    vendor = sale.stall.vendor
    assert vendor is not None
    word = "" if sale.kind == "cash" else echo.echo_of(sale.id)[0]
    return (
        sale.id, sale.stall.id, vendor.id, sale.amount_vnd, sale.amount_vnd, sale.kind, "paid", None,
        sale.memo[:25], "", None, sale.at, sale.at, sale.at, word, None, b"past" + sale.id.bytes,
    )  # fmt: skip


def _rolled_up(sales: Sequence[PastSale]) -> list[tuple[UUID, datetime, str, int, int]]:
    sums: defaultdict[tuple[UUID, datetime, str], list[int]] = defaultdict(lambda: [0, 0])
    for sale in sales:
        key = sale.stall.id, hour_of(sale.at), sale.kind
        sums[key][0] += 1
        sums[key][1] += sale.amount_vnd
    return [(*key, count, vnd) for key, (count, vnd) in sums.items()]


async def is_there(database: Database) -> bool:
    """Whether this database has a past already."""
    async with database.as_system() as db:
        found = await db.execute(text("SELECT EXISTS (SELECT FROM market.takings_hour)"))
    return bool(found.scalar_one())
