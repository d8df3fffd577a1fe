"""Payments by acquirers in the days before the demo opens: in the ledger, and in their simulators' books.

Of each day the market never heard of one of VNPAY's: its settlement file has a difference for the clerk.
Stripe's days agree to the đồng.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import httpx
import msgspec

import payments
from market import clock, outbox
from market.db import Database
from market.demo.plan import Dealer, StallPlan, WorldPlan
from market.flows import sale as sale_flow
from market.flows.context import Context
from market.flows.ledgers import ledger_of
from market.sales import OpenSale
from market.settings import Settings
from market.simulators.stripe_days import PastCharge

DAYS = 3
STALLS = 6
FIRST_NUMBER = 14_000_001
ROUND_VND = 1_000
BANKS = ("NCB", "VNPAYQR", "VIETCOMBANK", "AGRIBANK")


class PastPayment(msgspec.Struct, frozen=True):
    """One payment as VNPAY has it."""

    number: int
    txn_ref: str
    amount_vnd: int
    bank_code: str
    at: datetime


@dataclass(frozen=True)
class Acquirer:
    """One of them, and its share of a day."""

    name: Literal["vnpay", "stripe"]
    count: int
    """Payments of a day, of a handful of stalls."""
    untold: int
    """Of so many no notice ever came."""
    past: Callable[[UUID, int, int, datetime, random.Random], Any]
    """How it keeps a payment: of its id, its place among all, its amount and its time."""
    told: Callable[[Any], payments.Confirmation]

    @property
    def note(self) -> str:
        """Where the data directory keeps what its book shall have."""
        return f"demo-{self.name}.json"


def _past_vnpay(
    payment_id: UUID, place: int, amount_vnd: int, at: datetime, rng: random.Random
) -> PastPayment:
    reference = f"{payment_id}.{place % VNPAY.count:06d}"
    return PastPayment(FIRST_NUMBER + place, reference, amount_vnd, rng.choice(BANKS), at)


def _told_vnpay(one: PastPayment) -> payments.Confirmation:
    return payments.Confirmation(
        gateway="vnpay",
        provider_id=str(one.number),
        amount_vnd=one.amount_vnd,
        occurred_at=one.at,
        reference=f"VNP{one.number}",
        payment_ref=one.txn_ref.partition(".")[0],
        detail=f"00/00 {one.txn_ref}",
    )


def _past_stripe(
    payment_id: UUID, _: int, amount_vnd: int, at: datetime, __: random.Random
) -> PastCharge:
    return PastCharge(f"pi_{payment_id.hex}", str(payment_id), amount_vnd, at)


def _told_stripe(one: PastCharge) -> payments.Confirmation:
    return payments.Confirmation(
        gateway="stripe",
        provider_id=one.intent,
        amount_vnd=one.amount_vnd,
        occurred_at=one.at,
        payment_ref=one.payment_ref,
        detail="payment_intent.succeeded",
    )


VNPAY = Acquirer("vnpay", 14, 1, _past_vnpay, _told_vnpay)
STRIPE = Acquirer("stripe", 5, 0, _past_stripe, _told_stripe)
ACQUIRERS = (VNPAY, STRIPE)


async def prepare(database: Database, settings: Settings, plan: WorldPlan, seed: int) -> None:
    """The last days' payments stand, once for a data directory; what acquirers know is noted there."""
    now = clock.now()
    context = Context(database, settings, clock.now)
    stalls = [one for one in plan.stalls() if one.vendor is not None and one.cashless_per_day > 0]
    for acquirer in ACQUIRERS:
        note = settings.data / acquirer.note
        if note.exists():
            continue
        past: list[Any] = []
        for ago in range(DAYS, 0, -1):
            day = clock.local_day(now) - timedelta(ago)
            past += await _day(context, acquirer, stalls[:STALLS], seed, day, len(past))
        note.write_bytes(msgspec.json.encode(past))


async def _day(
    context: Context, acquirer: Acquirer, stalls: list[StallPlan], seed: int, day: date, known: int
) -> list[Any]:
    rng = random.Random(f"{seed}:{acquirer.name}:{day}")  # noqa: S311 - a repeatable demo, no secret
    dealer = Dealer(seed, datetime.fromtimestamp(0, clock.VIETNAM))
    dealer.rng = rng
    begins = clock.day_bounds(day)[0] + timedelta(hours=6)
    made = []
    async with ledger_of(context) as ledger:
        for place in range(acquirer.count):
            at = begins + timedelta(seconds=rng.randrange(12 * 3600))
            stall = rng.choice(stalls)
            amount_vnd = (
                max(20, round(stall.median_vnd * rng.uniform(0.6, 3) / ROUND_VND)) * ROUND_VND
            )
            command = OpenSale(dealer.id(at), stall.id, amount_vnd, acquirer.name, (), at)
            async with context.database.as_system() as db:
                row = await sale_flow.open_sale(db, command, None, now=at)
                payment_id = row.payment_id
            assert payment_id is not None
            one = acquirer.past(payment_id, known + place, amount_vnd, at, rng)
            if place >= acquirer.untold:
                await ledger.settle(acquirer.told(one), receipt_id=dealer.id(at), now=at)
            made.append(one)
    return made


async def tell_acquirers(settings: Settings) -> None:
    """Their simulators have those payments in their books. Repeatable."""
    urls = {"vnpay": settings.vnpay_url, "stripe": settings.stripe_url}
    for acquirer in ACQUIRERS:
        note = settings.data / acquirer.note
        if note.exists():
            async with httpx.AsyncClient(
                base_url=urls[acquirer.name], timeout=10, trust_env=False
            ) as http:
                answer = await http.post("/control/past", content=note.read_bytes())
                answer.raise_for_status()


async def ask_for_files(database: Database) -> None:
    """The clerk's files of those days load now, not at the next tick."""
    async with database.as_system() as db:
        await outbox.enqueue(db, "load_settlement_files", {}, clock.now())
