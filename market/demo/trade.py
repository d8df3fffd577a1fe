"""The market while it is open: simulated shoppers and tills, through the public API, by the rhythm
of the day. A process of its own: `python -m market.demo.trade`."""

import argparse
import asyncio
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import structlog

from market import clock, ids, logs, sales, settings
from market.db import Database
from market.demo import rhythm, world
from market.demo.names import bank_name, full_name
from market.demo.plan import StallPlan, WorldPlan, world_plan
from market.settings import Settings

BASKET_SHARE = 0.4
"""Of sales by a dynamic code: tapped together from goods, the others only keyed as an amount."""
STAND_SHARE = 0.5
"""Of cashless sales: the shopper scans the printed code and keys the amount."""
SHORT_SHARE, OVER_SHARE, NO_MEMO_SHARE, GIVEN_UP_SHARE = 0.008, 0.005, 0.006, 0.02
PARTNER_FAULTS = {"double": 0.01, "forge": 0.004, "delay": 0.01, "delay_s": 4}
"""What the simulated bank does wrong now and then."""
HOUR_SHARE_MIN = 0.03
"""Even at night the demo shows some trade."""
AT_ONCE_MAX = 64
LOOK_SECONDS = (1.5, 6.0)
"""How long a shopper takes from the code to the transfer; shorter in faster time."""
RESTED_SECONDS = 2.0
ROUND_VND = 1_000

log = structlog.get_logger("market.demo.trade")


@dataclass
class Till:
    """One stall's vendor, signed in, with the sheet that hangs at the stall."""

    stall: StallPlan
    client: httpx.AsyncClient
    stand_qr: str = ""
    tiles: list[dict[str, Any]] = field(default_factory=list)
    """The goods of the stall, as its screen shows them."""
    is_ready: bool = False


@dataclass
class Trade:
    """Everything that walks about in the market."""

    plan: WorldPlan
    market_url: str
    bank_url: str
    speed: float
    rng: random.Random
    counts: dict[str, int] = field(default_factory=dict)
    _tills: dict[Any, Till] = field(default_factory=dict)
    _bank: httpx.AsyncClient | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Trade until told to stop."""
        stalls = [one for one in self.plan.stalls() if one.vendor is not None]
        weights = [self._per_day(one) for one in stalls]
        limit = asyncio.Semaphore(AT_ONCE_MAX)
        running: set[asyncio.Task[None]] = set()
        async with httpx.AsyncClient(base_url=self.bank_url, timeout=10) as bank:
            self._bank = bank
            while not stop.is_set():
                await self._pause(stop, sum(weights))
                await limit.acquire()
                stall = self.rng.choices(stalls, weights)[0]
                task = asyncio.create_task(self._one(stall))
                running.add(task)
                task.add_done_callback(running.discard)
                task.add_done_callback(lambda _: limit.release())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
        for till in self._tills.values():
            await till.client.aclose()

    async def _pause(self, stop: asyncio.Event, per_day: float) -> None:
        per_second = per_day * self._rush() / 3600 * self.speed
        wait = min(self.rng.expovariate(per_second), 30.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait)

    def _rush(self) -> float:
        now = clock.local(clock.now())
        share = max(rhythm.per_hour(now.hour), HOUR_SHARE_MIN)
        return share * rhythm.day_factor(now.date())

    @staticmethod
    def _per_day(stall: StallPlan) -> float:
        cash = stall.cash_per_day if stall.records_cash else stall.cash_per_day / 2
        return stall.cashless_per_day + cash

    async def _one(self, stall: StallPlan) -> None:
        """One customer at one stall; whatever goes wrong, the next one comes."""
        try:
            till = await self._till(stall)
            if not till.is_ready:
                return
            is_cash = self.rng.random() * self._per_day(stall) >= stall.cashless_per_day
            if is_cash:
                await self._cash(till)
            elif till.stand_qr and self.rng.random() < STAND_SHARE:
                await self._by_stand(till)
            else:
                await self._by_dynamic_code(till)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            self._count("failed")
            log.warning("a sale went wrong", stall=stall.code, error=repr(error)[:200])
            await asyncio.sleep(RESTED_SECONDS)

    async def _till(self, stall: StallPlan) -> Till:
        known = self._tills.get(stall.id)
        if known is not None and known.is_ready:
            return known
        assert stall.vendor is not None
        till = known or Till(
            stall, httpx.AsyncClient(base_url=self.market_url, timeout=10, trust_env=False)
        )
        self._tills[stall.id] = till
        signed_in = await till.client.get(
            f"/demo/la/{stall.vendor.person.id}", params={"tiep": "/toi"}
        )
        if signed_in.status_code != 303:
            raise ValueError(f"sign-in answered {signed_in.status_code}")
        seen = await till.client.get(f"/api/stalls/{stall.id}")
        seen.raise_for_status()
        till.stand_qr = (seen.json().get("stand") or {}).get("qr_text", "")
        tiles = await till.client.get(f"/api/stalls/{stall.id}/goods")
        tiles.raise_for_status()
        till.tiles = tiles.json()
        till.is_ready = True
        return till

    async def _cash(self, till: Till) -> None:
        await self._open(till, "cash", self._amount_vnd(till.stall))
        self._count("cash")

    async def _by_stand(self, till: Till) -> None:
        await self._transfer(till.stand_qr, self._amount_vnd(till.stall))
        self._count("stand")

    async def _by_dynamic_code(self, till: Till) -> None:
        lines = self._basket(till) if self.rng.random() < BASKET_SHARE else []
        asked_vnd = sum(line["amount_vnd"] for line in lines) or self._amount_vnd(till.stall)
        sale = await self._open(till, "vietqr", asked_vnd, lines)
        await asyncio.sleep(self.rng.uniform(*LOOK_SECONDS) / max(1.0, self.speed / 10))
        dice = self.rng.random()
        if dice < GIVEN_UP_SHARE:
            await self._post(till, f"/api/sales/{sale['sale_id']}/cancel", {})
            self._count("cancelled")
            return
        dice -= GIVEN_UP_SHARE
        paid_vnd, memo = asked_vnd, None
        if dice < SHORT_SHARE:
            paid_vnd = max(1, asked_vnd // 1000 if asked_vnd >= 100_000 else asked_vnd - 5_000)
        elif dice < SHORT_SHARE + OVER_SHARE:
            paid_vnd = asked_vnd + 10_000
        elif dice < SHORT_SHARE + OVER_SHARE + NO_MEMO_SHARE:
            memo = "mua hang"
        await self._transfer(sale["qr_text"], paid_vnd, memo)
        self._count("vietqr")

    def _basket(self, till: Till) -> list[dict[str, Any]]:
        """One to three of the stall's goods, by weight or by piece."""
        lines = []
        for tile in self.rng.sample(till.tiles, min(len(till.tiles), self.rng.randint(1, 3))):
            step = Decimal(tile["step"])
            quantity = step * self.rng.randint(3, 15) if step < 1 else step * self.rng.randint(1, 3)
            price_vnd = tile["price_vnd"]
            lines.append(
                {
                    "product_id": tile["product_id"],
                    "name": tile["name"],
                    "unit": tile["unit"],
                    "quantity": str(quantity),
                    "unit_price_vnd": price_vnd,
                    "amount_vnd": sales.line_vnd(quantity, price_vnd, 1),
                }
            )
        return lines

    async def _open(
        self, till: Till, method: str, amount_vnd: int, lines: Sequence[dict[str, Any]] = ()
    ) -> dict[str, Any]:
        now = clock.now()
        sale = {
            "sale_id": str(ids.new()),
            "amount_vnd": amount_vnd,
            "method": method,
            "lines": list(lines),
            "sold_at": now.isoformat(),
        }
        return await self._post(till, f"/api/stalls/{till.stall.id}/sales", sale)

    async def _post(self, till: Till, path: str, body: dict[str, Any]) -> dict[str, Any]:
        token = till.client.cookies.get("cho_csrf") or ""
        answer = await till.client.post(path, json=body, headers={"x-csrftoken": token})
        if answer.status_code in {401, 403}:
            till.is_ready = False
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def _transfer(self, qr_text: str, amount_vnd: int, memo: str | None = None) -> None:
        assert self._bank is not None
        body: dict[str, Any] = {
            "qr_text": qr_text,
            "amount_vnd": amount_vnd,
            "from_name": bank_name(full_name(self.rng)),
            "request_id": str(ids.new()),
        }
        if memo is not None:
            body["memo"] = memo
        answer = await self._bank.post("/api/transfers", json=body)
        answer.raise_for_status()

    def _amount_vnd(self, stall: StallPlan) -> int:
        amount = stall.median_vnd * self.rng.lognormvariate(0, 0.6)
        return max(3 * ROUND_VND, round(amount / ROUND_VND) * ROUND_VND)

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


async def prepare_bank(plan: WorldPlan, bank_url: str) -> None:
    """The simulated bank knows every vendor's account, and misbehaves a little."""
    accounts = [
        {"bank_bin": one.bank_bin, "account_no": one.account_no, "holder": one.holder_name}
        for one in plan.vendors()
    ]
    async with httpx.AsyncClient(base_url=bank_url, timeout=10, trust_env=False) as bank:
        (await bank.post("/api/accounts", json=accounts)).raise_for_status()
        (await bank.post("/control", json=PARTNER_FAULTS)).raise_for_status()


async def trade(given: Settings, seed: int, speed: float) -> None:
    """Trade in the demo's world until SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    plan = await _plan(given, seed)
    rng = random.Random(f"{seed}:{clock.now():%Y%m%d%H%M}")  # noqa: S311 - a demo's dice
    market_url = f"http://{given.host}:{given.port}"
    walking = Trade(plan, market_url, given.bank_url, speed, rng)
    await walking.run(stop)
    log.info("the market closes", **walking.counts)


async def _plan(given: Settings, seed: int) -> WorldPlan:
    database = Database(given.database_url, pool_size=1)
    try:
        async with database.as_system() as db:
            begun: datetime | None = await world.begun_at(db)
    finally:
        await database.close()
    if begun is None:
        raise SystemExit("There is no demo world in this database.")
    return world_plan(seed, begun)


def main(arguments: Sequence[str]) -> int:
    """Run the trade of a market that is open."""
    parser = argparse.ArgumentParser(prog="market.demo.trade", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0)
    options = parser.parse_args(arguments)
    logs.configure("trade")
    asyncio.run(trade(settings.from_environment(), options.seed, options.speed))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
