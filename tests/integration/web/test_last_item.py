"""The last item, several buyers, a slow provider, through the market's own flows on PostgreSQL.

Buyers open sales of one counted good at once; some pay in time, some after the deadline, some never;
notices are slow and doubled; payments expire, the relay follows, the vendor decides about late money
and now and then takes that back, all on eight connections in a drawn order. `--races N` runs more.
"""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from random import Random, SystemRandom
from uuid import UUID

import pytest
from sqlalchemy import text

import catalog
import payments
from market import clock, ids
from market.db import Database, Viewer
from market.flows import sale as sale_flow
from market.flows import suspense as suspense_flow
from market.flows.quick_sale import QuickSales
from market.sales import OpenSale, SaleLine
from payments import suspense
from payments.ledger.accounts import AccountKind, AccountName

PRICE_VND = 45_000
AT_ONCE = 25
"""Races that run through each other in one batch."""
BATCH_COUNT = 20
"""Batches in one database, and one test: `-n 2` gives each core its share of them."""
WORKERS = 8
SEEN_IN = 200
"""In so many races, everything that can happen does."""
ACCOUNT_NO = "9990001112223"
pytestmark = pytest.mark.timeout(1_200)
"""A share takes a minute on two cores that do nothing else."""


@dataclass
class Buyer:
    """One who wants the item, and how that goes."""

    product_id: UUID
    sale_id: UUID = field(default_factory=ids.new)
    opened: "asyncio.Future[bool] | None" = None


@dataclass(order=True)
class Step:
    """Something that happens at a drawn minute."""

    minute: float
    number: int
    what: str = field(compare=False)
    buyer: Buyer | None = field(default=None, compare=False)
    draw: float = field(default=0, compare=False)


class Batch:
    """Races of one seed, their steps in one line; whoever is free takes the next one."""

    def __init__(self, shop, seed, number):
        self.shop, self.draw = shop, Random(f"{seed}:{number}")
        self.name = f"--ledger-seed {seed}, batch {number}"
        self.base = clock.now()
        self.steps = []
        self.said = Counter()
        self.stock = {}
        self.late = deque()

    def add(self, what, minute, buyer=None):
        step = Step(minute, len(self.steps), what, buyer, self.draw.random())
        self.steps.append(step)

    async def run(self):
        counts = [self.draw.choice((1, 1, 2)) for _ in range(AT_ONCE)]
        self.stock = await self.shop.put(counts)
        for product_id in self.stock:
            self.race(product_id)
        for _ in range(AT_ONCE):
            self.add("expire", self.draw.uniform(0, 120))
            self.add("follow", self.draw.uniform(0, 120))
        line = deque(sorted(self.steps))
        await asyncio.gather(*(self.work(line) for _ in range(WORKERS)))
        await self.do(Step(60 * 24, 0, "expire"))
        await self.do(Step(60 * 24, 0, "follow"))

    def race(self, product_id):
        """The buyers of one good with one or two left; of every other one they all come at once."""
        rush, minutes = self.draw.uniform(0, 70), self.draw.choice((0, 40))
        for _ in range(self.draw.randint(3, 9)):
            buyer = Buyer(product_id)
            begun = rush + self.draw.uniform(0, minutes)
            self.add("buy", begun, buyer)
            if self.draw.random() < 0.85:
                paid = begun + self.draw.expovariate(1 / 15)  # some only after the deadline
                for _ in range(self.draw.randint(1, 2)):  # the provider is slow, and doubles
                    told = paid + self.draw.expovariate(1 / 12)
                    self.add(f"told {paid}", told, buyer)

    async def work(self, line):
        while line:
            step = line.popleft()
            if step.buyer is not None and step.what == "buy":
                step.buyer.opened = asyncio.get_running_loop().create_future()
            await self.do(step)

    async def do(self, step):
        at = self.base + timedelta(minutes=step.minute)
        if step.what == "buy":
            step.buyer.opened.set_result(await self.buy(step.buyer, at))
        elif step.what == "expire":
            async with self.shop.database.as_system() as db:
                await payments.expire_payments(db, now=at)
        elif step.what == "follow":
            await self.shop.follow()
            await self.shop.work("settle_stock")
            assert await self.shop.promised_twice(self.stock) == [], self.name
        elif await step.buyer.opened:
            paid_at = self.base + timedelta(minutes=float(step.what.split()[1]))
            await self.tell(step.buyer, paid_at, at, step.draw)

    async def buy(self, buyer, at):
        line = SaleLine("Cá chép", "con", Decimal(1), PRICE_VND, PRICE_VND, buyer.product_id)
        command = OpenSale(
            buyer.sale_id, self.shop.stall_id, PRICE_VND, "vietqr", (line,), sold_at=at
        )
        try:
            await self.open(command, at)
        except catalog.OutOfStock:
            self.said["turned away"] += 1
            return False
        self.said["opened"] += 1
        return True

    async def open(self, command, at):
        """As the till's request does, in one of two web processes; of every other good all in the
        exact way, which would lose to the quick one.
        """
        is_exact = command.lines[0].product_id.int % 2
        quick = None if is_exact else self.shop.quick[command.sale_id.int % 2]
        if quick and await quick.open(command, self.shop.viewer, now=at):
            return
        async with self.shop.database.as_viewer(self.shop.viewer) as db:
            await sale_flow.open_sale(db, command, None, now=at)

    async def tell(self, buyer, paid_at, at, luck):
        told = payments.Confirmation(
            "sepay", str(buyer.sale_id), PRICE_VND, paid_at, memo="chuyen tien",
            account_no=ACCOUNT_NO, bank_bin="970436", reference=str(buyer.sale_id),
            payment_ref=str(buyer.sale_id),
        )  # fmt: skip
        answer = await self.shop.ledger.settle(told, receipt_id=ids.new(), now=at)
        self.said[answer.outcome.value] += 1
        if answer.outcome == "late":
            await self.decide(answer.receipt_id, buyer, at, luck)

    async def decide(self, receipt_id, buyer, at, luck):
        """The vendor tries to give the late payer the goods, or gives the money back."""
        if luck < 0.6:
            paid = suspense.Part(kind="payment", amount_vnd=0, target_id=buyer.sale_id)
            try:
                decision = await self.resolve(receipt_id, at, paid)
            except catalog.OutOfStock:
                self.said["late and gone"] += 1
            else:
                self.said["late and sold"] += 1
                if luck > 0.2:
                    return
                await self.undo(receipt_id, at, decision)
                self.said["taken back"] += 1
        await self.resolve(receipt_id, at)
        self.said["refund due"] += 1

    async def resolve(self, receipt_id, at, *parts):
        async with self.shop.database.as_system() as db:
            known = await suspense.case(db, receipt_id)
        command = suspense.Resolve(
            decision_id=ids.new(),
            receipt_id=receipt_id,
            version=known.version,
            parts=(*parts, suspense.Part(kind="refund_due", amount_vnd=0)),
            decided_by=self.shop.vendor_id,
        )
        return await suspense_flow.resolve(
            self.shop.database, self.shop.ledger, self.shop.viewer, command, now=at
        )

    async def undo(self, receipt_id, at, decision):
        command = suspense.Undo(
            decision_id=ids.new(),
            receipt_id=receipt_id,
            version=decision.shares[0].version + 1,
            decided_by=self.shop.vendor_id,
        )
        await suspense_flow.undo(
            self.shop.database, self.shop.ledger, self.shop.viewer, command, now=at
        )


@dataclass
class Shop:
    """A stall with an account, a running ledger, eight connections."""

    database: Database
    ledger: payments.Ledger
    viewer: Viewer
    vendor_id: UUID
    stall_id: UUID
    follow: object
    work: object
    quick: tuple[QuickSales, ...]
    """Of several processes: who asks one of them at the same moment shares a transaction."""

    async def put(self, counts):
        """Goods with so many left each; how many, by id."""
        stock = {ids.new(): count for count in counts}
        products = [
            catalog.Product(
                id=product_id, owner_id=self.vendor_id, sku=catalog.sku_of(product_id),
                name_vi="Cá chép", category="thuy-san", unit="con", price_vnd=PRICE_VND,
                stock_qty=Decimal(count),
            )
            for product_id, count in stock.items()
        ]  # fmt: skip
        async with self.database.as_viewer(self.viewer) as db:
            await catalog.put_new_products(db, products, now=clock.now())
        return stock

    async def promised_twice(self, stock):
        """Goods that more buyers have at this moment than there are."""
        async with self.database.as_system() as db:
            return (await db.execute(_PROMISED_TWICE, {"ids": list(stock)})).all()


@pytest.fixture
async def shop(database_url, world, follow, work):
    database = Database(database_url, pool_size=8)
    ledger = payments.Ledger(database_url, "market_system")
    await ledger.start()
    viewer = Viewer(vendor_ids=(world.vendor_id,))
    yield Shop(
        database,
        ledger,
        viewer,
        world.vendor_id,
        world.stall_id,
        follow,
        work,
        tuple(QuickSales(database) for _ in range(3)),
    )
    await ledger.close()
    await database.close()


@pytest.fixture
def seed(request):
    given = request.config.getoption("--ledger-seed")
    return SystemRandom().randrange(2**32) if given is None else given


def pytest_generate_tests(metafunc):
    if "batches" in metafunc.fixturenames:
        last = -(-metafunc.config.getoption("--races") // AT_ONCE)
        shares = [
            range(first, min(first + BATCH_COUNT, last)) for first in range(0, last, BATCH_COUNT)
        ]
        metafunc.parametrize("batches", shares, ids=lambda one: f"{one.start}-{one.stop}")


async def test_nothing_is_oversold_no_money_is_without_an_order_and_every_loser_is_due_a_refund(
    shop, seed, batches, database_url
):
    said = Counter()
    for number in batches:
        batch = Batch(shop, seed, number)

        await batch.run()

        said += batch.said
        assert await _oversold(shop, batch.stock) == [], batch.name
    paid = said["settled"] + said["late and sold"] - said["taken back"]
    assert await _money(shop) == (paid, 0, said["refund due"]), f"--ledger-seed {seed}"
    assert await _paid_sales(shop) == paid
    report = await payments.audit(database_url)
    assert [str(one) for one in report.problems] == []
    often = ("settled", "late", "turned away", "refund due")
    seldom = (
        ("late and gone", "late and sold", "taken back")
        if len(batches) * AT_ONCE >= SEEN_IN
        else ()
    )
    for what in (*often, *seldom):
        assert said[what] > 0, (what, said, f"--ledger-seed {seed}")


async def _oversold(shop, stock):
    """Goods of which the shelf, the paid sales and what was there do not agree."""
    async with shop.database.as_system() as db:
        rows = await db.execute(_SHELF, {"ids": list(stock)})
        found = {row[0]: (int(row[1]), int(row[2]), int(row[3])) for row in rows}
        free = await catalog.free_stock(db, stock)
    return [
        (product_id, left, paid, sold, free[product_id])
        for product_id, (left, paid, sold) in found.items()
        if not (left == free[product_id] and paid == sold and left + paid == stock[product_id])
    ]


async def _money(shop):
    """Prices in sales, in suspense, and in suspense to be given back."""
    async with shop.database.as_system() as db:
        found = [
            await payments.balance_vnd(db, AccountName(shop.vendor_id, *name))
            for name in (
                (AccountKind.SALES,),
                (AccountKind.SUSPENSE,),
                (AccountKind.SUSPENSE, "refund_due"),
            )
        ]
    return tuple(vnd / PRICE_VND for vnd in found)


async def _paid_sales(shop):
    async with shop.database.as_system() as db:
        query = "SELECT count(*) FROM market.sale WHERE state = 'paid'"
        return (await db.execute(text(query))).scalar_one()


_PROMISED_TWICE = text("""
SELECT p.id FROM catalog.product p JOIN catalog.stock_hold h ON h.product_id = p.id
WHERE p.id = ANY(:ids) AND h.state IN ('held', 'paid')
GROUP BY p.id HAVING sum(h.quantity) > p.stock_qty
""")
_SHELF = text("""
SELECT p.id, p.stock_qty,
       (SELECT count(*) FROM market.sale_line l JOIN market.sale s ON s.id = l.sale_id
        WHERE l.product_id = p.id AND s.state = 'paid'),
       (SELECT count(*) FROM catalog.stock_hold h WHERE h.product_id = p.id AND h.state = 'sold')
FROM catalog.product p WHERE p.id = ANY(:ids)
""")
