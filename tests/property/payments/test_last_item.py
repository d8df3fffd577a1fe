"""The last item, several buyers, a slow provider: nobody pays for what is gone, nothing goes twice.

An item is reserved before anybody is shown a code, by one atomic step, and is free again only when
its payment ended unpaid. Paid and ended exclude each other: that is what these races try to break.

MARKET_TEST_RACES=100000 and MARKET_TEST_RACES_DATABASE=2000 run more of them.
"""

import asyncio
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

import payments
from market import db as market_db
from market import ids
from payments import settlement, suspense
from payments.ledger.accounts import AccountKind, AccountName
from payments.payment import EXPIRY_GRACE, WAITING, Payment, PaymentState

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
PRICE_VND = 45_000
WAITS = timedelta(minutes=15)
RACES = int(os.environ.get("MARKET_TEST_RACES", "3000"))  # noqa: TID251 - how much is tried
RACES_DATABASE = int(os.environ.get("MARKET_TEST_RACES_DATABASE", "25"))  # noqa: TID251
OWNER, PAYEE = ids.new(), ids.new()


class Race:
    """One last item in memory, with the engine's own rules; what happens when is drawn."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)
        self.left = self.stock = self.draw.randint(1, 2)
        self.asked: dict[int, Payment] = {}
        self.turned_away = 0
        self.said: Counter[str] = Counter()
        self.money: Counter[str] = Counter()
        self.seen: set[int] = set()

    def run(self) -> None:
        """Buyers come, pay, are late or go away, in any order, while the clock runs on."""
        buyers = self.draw.randint(2, 8)
        happenings = [(self.draw.uniform(0, 40), "buy", one) for one in range(buyers)]
        happenings += [(self.draw.uniform(0, 80), "expire", 0) for _ in range(6)]
        happenings.sort()
        while happenings:
            minute, what, buyer = happenings.pop(0)
            at = NOW + timedelta(minutes=minute)
            if what == "buy" and self.reserve(buyer, at) and self.draw.random() < 0.85:
                paid = minute + self.draw.expovariate(1 / 8)  # some only after the deadline
                for _ in range(self.draw.randint(1, 3)):
                    told = paid + self.draw.expovariate(1 / 2)  # the provider is slow, or doubles
                    happenings.append((told, f"told {paid}", buyer))
                happenings.sort()
            elif what == "expire":
                self.expire(at)
            elif what.startswith("told"):
                self.tell(buyer, NOW + timedelta(minutes=float(what.split()[1])))
        self.expire(NOW + timedelta(days=1))

    def reserve(self, buyer: int, at: datetime) -> bool:
        if not self.left:
            self.turned_away += 1
            return False
        self.left -= 1
        self.asked[buyer] = Payment(
            id=ids.new(), owner_id=OWNER, place_id=None, payee_id=PAYEE, amount_vnd=PRICE_VND,
            received_vnd=0, method="vietqr", purpose="sale", code="", state=PaymentState.OPEN,
            opened_at=at, expires_at=at + WAITS, ended_at=None,
        )  # fmt: skip
        return True

    def expire(self, at: datetime) -> None:
        for buyer, one in self.asked.items():
            if one.state in WAITING and one.expires_at < at - EXPIRY_GRACE:
                self.asked[buyer] = msgspec.structs.replace(one, state=PaymentState.EXPIRED)
                self.left += 1

    def tell(self, buyer: int, paid_at: datetime) -> None:
        if buyer in self.seen:
            return  # the receipt's key
        self.seen.add(buyer)
        told = payments.Confirmation(
            "sepay", str(buyer), PRICE_VND, paid_at, account_no="999", bank_bin="970436"
        )
        routed = settlement.Route(OWNER, PAYEE, self.asked[buyer].id)
        decided = settlement.decide(settlement.read(told), routed, self.asked[buyer], (), 0)
        self.said[decided.outcome.value] += 1
        for move in decided.moves:
            self.money[move.credit.kind.value] += move.amount_vnd
        if decided.payment is not None:
            self.asked[buyer] = decided.payment


def test_in_memory_nothing_is_oversold_and_no_money_is_without_an_order():
    said: Counter[str] = Counter()
    for seed in range(RACES):
        race = Race(seed)

        race.run()

        sold = [one for one in race.asked.values() if one.state is PaymentState.SETTLED]
        assert len(sold) <= race.stock, f"seed {seed}: oversold"
        assert len(sold) + race.left == race.stock, f"seed {seed}: an item is lost"
        assert race.money["sales"] == PRICE_VND * len(sold), f"seed {seed}: paid without an order"
        assert race.money["suspense"] == PRICE_VND * race.said["late"], f"seed {seed}: money lost"
        said += race.said
        said["turned away"] += race.turned_away
    assert min(said["settled"], said["late"], said["turned away"]) > RACES / 20, said


@pytest.fixture
async def shop(database_url):
    """A running ledger, connections, one payee, and a shelf in the database."""
    ledger = payments.Ledger(database_url, "market_system")
    await ledger.start()
    engine = create_async_engine(
        market_db.sqlalchemy_url(database_url, "asyncpg"), pool_size=8, max_overflow=0
    )
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE shelf (id int PRIMARY KEY, left_count int)"))
    async with market_db.Session(engine) as db, db.begin():
        payee = payments.Payee(id=PAYEE, owner_id=OWNER, bank_bin="970436", account_no="999")
        await payments.register_payee(db, payee, now=NOW)
    yield ledger, engine
    await ledger.close()
    await engine.dispose()


async def test_on_eight_connections_nothing_is_oversold_and_every_loser_is_due_a_refund(
    shop, database_url
):
    ledger, engine = shop
    settled = late = turned_away = 0
    for seed in range(RACES_DATABASE):
        race = DatabaseRace(seed, ledger, engine)

        await race.run()

        async with market_db.Session(engine) as db:
            stands = [await payments.payment(db, one) for one in race.asked]
        sold = sum(one.state is PaymentState.SETTLED for one in stands)
        assert sold + await race.left() == race.stock, f"seed {seed}"
        settled, late = settled + sold, late + race.late
        turned_away += race.turned_away
    async with market_db.Session(engine) as db:
        sales = await payments.balance_vnd(db, AccountName(OWNER, AccountKind.SALES))
        waits = await payments.balance_vnd(db, AccountName(OWNER, AccountKind.SUSPENSE))
        due = await payments.balance_vnd(db, AccountName(OWNER, AccountKind.SUSPENSE, "refund_due"))
    assert (sales, waits, due) == (settled * PRICE_VND, 0, late * PRICE_VND)
    assert min(settled, late, turned_away) > 0
    report = await payments.audit(database_url)
    assert [str(one) for one in report.problems] == []


class DatabaseRace:
    """The same on real connections, all at once: reserving, paying, expiring, deciding."""

    def __init__(self, seed, ledger, engine):
        self.draw, self.seed = Random(seed), seed
        self.ledger, self.engine = ledger, engine
        self.stock = self.draw.randint(1, 2)
        self.asked = []
        self.late = self.turned_away = 0

    async def run(self):
        async with self.engine.begin() as connection:
            put = text("INSERT INTO shelf VALUES (:id, :count)")
            await connection.execute(put, {"id": self.seed, "count": self.stock})
        for _ in range(2):  # who was turned away comes again once an item is free
            buyers = [self.buy(self.draw.random()) for _ in range(self.draw.randint(2, 6))]
            await asyncio.gather(*buyers, self.expire(), self.expire())
        await self.expire()

    async def left(self):
        async with self.engine.begin() as connection:
            query = text("SELECT left_count FROM shelf WHERE id = :id")
            return (await connection.execute(query, {"id": self.seed})).scalar_one()

    async def buy(self, luck):
        payment = await self.reserve()
        if payment is None:
            self.turned_away += 1
            return
        if luck < 0.2:
            return  # goes away without paying
        in_time = luck < 0.6
        paid_at = NOW if in_time else NOW + WAITS + timedelta(seconds=1)
        told = payments.Confirmation(
            "sepay", str(payment.id), PRICE_VND, paid_at, memo=payment.code, account_no="999",
            bank_bin="970436", reference=str(payment.id),
        )  # fmt: skip
        twice = [
            self.ledger.settle(told, receipt_id=ids.new(), now=NOW)
            for _ in range(self.draw.randint(1, 2))
        ]
        answers = await asyncio.gather(*twice)
        if answers[0].outcome == "late":
            self.late += 1
            await self.give_back(answers[0].receipt_id)

    async def reserve(self):
        """The item and the payment for it in one transaction, or neither."""
        take = text(
            "UPDATE shelf SET left_count = left_count - 1 WHERE id = :id AND left_count > 0"
            " RETURNING 1"
        )
        async with market_db.Session(self.engine) as db, db.begin():
            if (await db.execute(take, {"id": self.seed})).scalar_one_or_none() is None:
                return None
            opened = await payments.open_payment(
                db,
                payments.OpenPayment(
                    id=ids.new(), owner_id=OWNER, payee_id=PAYEE, amount_vnd=PRICE_VND,
                    code=payments.new_code(ids.new().bytes), expires_at=NOW + WAITS,
                ),
                now=NOW,
            )  # fmt: skip
        self.asked.append(opened.id)
        return opened

    async def expire(self):
        """What ended unpaid is free again, in the transaction that ends it."""
        free = text("UPDATE shelf SET left_count = left_count + 1 WHERE id = :id")
        async with market_db.Session(self.engine) as db, db.begin():
            for _ in await payments.expire_payments(db, now=NOW + timedelta(hours=1)):
                await db.execute(free, {"id": self.seed})

    async def give_back(self, receipt_id):
        async with market_db.Session(self.engine) as db, db.begin():
            known = await suspense.case(db, receipt_id)
            command = suspense.Resolve(
                decision_id=ids.new(),
                receipt_id=receipt_id,
                version=known.version,
                parts=(suspense.Part(kind="refund_due", amount_vnd=0),),
                decided_by=OWNER,
            )
            decision = await suspense.plan(db, command, now=NOW)
        outcomes = await suspense.carry_out(self.ledger, decision)
        async with market_db.Session(self.engine) as db, db.begin():
            await suspense.finish(db, decision.id, outcomes, now=NOW)
