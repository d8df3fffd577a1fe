"""Payments by VNPAY in the days before the demo opens: in the ledger, and in the simulated VNPAY's book.

Of each day the market never heard of one: its settlement file has a difference for the clerk.
"""

import random
from datetime import date, datetime, timedelta

import httpx
import msgspec

import payments
from market import clock, outbox
from market.db import Database
from market.demo.plan import Dealer, WorldPlan
from market.flows import sale as sale_flow
from market.flows.context import Context
from market.flows.ledgers import ledger_of
from market.sales import OpenSale
from market.settings import Settings

DAYS = 3
COUNT = 14
"""Payments of a day, of a handful of stalls."""
STALLS = 6
FIRST_NUMBER = 14_000_001
ROUND_VND = 1_000
BANKS = ("NCB", "VNPAYQR", "VIETCOMBANK", "AGRIBANK")
NOTE = "demo-vnpay.json"


class PastPayment(msgspec.Struct, frozen=True):
    """One payment as VNPAY has it."""

    number: int
    txn_ref: str
    amount_vnd: int
    bank_code: str
    at: datetime


async def prepare(database: Database, settings: Settings, plan: WorldPlan, seed: int) -> None:
    """The last days' payments stand, once for a data directory; what VNPAY knows is noted there."""
    note = settings.data / NOTE
    if note.exists():
        return
    now = clock.now()
    context = Context(database, settings, clock.now)
    past: list[PastPayment] = []
    for ago in range(DAYS, 0, -1):
        past += await _day(context, plan, seed, clock.local_day(now) - timedelta(ago), len(past))
    note.write_bytes(msgspec.json.encode(past))


async def _day(
    context: Context, plan: WorldPlan, seed: int, day: date, known: int
) -> list[PastPayment]:
    rng = random.Random(f"{seed}:vnpay:{day}")  # noqa: S311 - a repeatable demo, no secret
    dealer = Dealer(seed, datetime.fromtimestamp(0, clock.VIETNAM))
    dealer.rng = rng
    stalls = [one for one in plan.stalls() if one.vendor is not None and one.cashless_per_day > 0]
    begins = clock.day_bounds(day)[0] + timedelta(hours=6)
    made = []
    async with ledger_of(context) as ledger:
        for place in range(COUNT):
            at = begins + timedelta(seconds=rng.randrange(12 * 3600))
            stall = rng.choice(stalls[:STALLS])
            amount_vnd = (
                max(20, round(stall.median_vnd * rng.uniform(0.6, 3) / ROUND_VND)) * ROUND_VND
            )
            sale_id = dealer.id(at)
            command = OpenSale(sale_id, stall.id, amount_vnd, "vnpay", (), at)
            async with context.database.as_system() as db:
                row = await sale_flow.open_sale(db, command, None, now=at)
                reference = f"{row.payment_id}.{place:06d}"
            one = PastPayment(
                FIRST_NUMBER + known + place, reference, amount_vnd, rng.choice(BANKS), at
            )
            if place:  # of the first one no notice ever came
                await ledger.settle(_told(one), receipt_id=dealer.id(at), now=at)
            made.append(one)
    return made


def _told(one: PastPayment) -> payments.Confirmation:
    return payments.Confirmation(
        gateway="vnpay",
        provider_id=str(one.number),
        amount_vnd=one.amount_vnd,
        occurred_at=one.at,
        reference=f"VNP{one.number}",
        payment_ref=one.txn_ref.partition(".")[0],
        detail=f"00/00 {one.txn_ref}",
    )


async def tell_vnpay(settings: Settings) -> None:
    """The simulated VNPAY has those payments in its book. Repeatable."""
    past = _kept(settings)
    if not past:
        return
    async with httpx.AsyncClient(base_url=settings.vnpay_url, timeout=10, trust_env=False) as http:
        answer = await http.post("/control/past", content=msgspec.json.encode(past))
        answer.raise_for_status()


def _kept(settings: Settings) -> list[PastPayment]:
    note = settings.data / NOTE
    return msgspec.json.decode(note.read_bytes(), type=list[PastPayment]) if note.exists() else []


async def ask_for_files(database: Database) -> None:
    """The clerk's files of those days load now, not at the next tick."""
    async with database.as_system() as db:
        await outbox.enqueue(db, "load_settlement_files", {}, clock.now())
