"""The market of the road test: everything real, with the simulated bank, tax office and portal.

python tests/browser/road_opened.py DATA — runs until SIGTERM; DATA/world.json says who is who.
"""

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from market import clock, serve
from market.db import Database
from market.demo import command, world
from market.demo.plan import HallPlan, StallPlan, WorldPlan
from market.settings import Settings, from_environment
from payments import banks

SEED = 11
NOBODY = "http://127.0.0.1:9"
WARD = "14797"
TRADED_STALLS = 6
"""One more than the vendors below whom a ward's figure is withheld."""
STAND_VND = 20_000
NEWCOMER = {
    "newcomer_name": "Lê Thị Hoài",
    "newcomer_holder": "LE THI HOAI",
    "newcomer_phone": "0912345678",
    "newcomer_account_no": "1903456789012",
    "newcomer_tax_id": "038185012345",
}
"""Who will sell at the empty stall."""

_UNIT = text("SELECT unit_id FROM market.hall WHERE id = :hall_id")
_STANDS = text("SELECT stall_id, qr_text FROM market.stand WHERE stall_id = ANY(:ids)")


class Opened:
    """Prepares the world, makes the first trade of the day, then says who is who."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.facts: dict[str, str] = {}
        self.plan: WorldPlan | None = None
        self.stands: dict[Any, str] = {}

    async def prepare(self, settings: Settings) -> None:
        database = Database(settings.database_url, pool_size=4)
        try:
            self.plan = await command.prepare_world(database, SEED, clock.now(), 0)
            hall, empty = _empty_stall(self.plan)
            stall = world.star_stall(self.plan)
            used = [one.id for one in _used_in(self.plan, but=stall)]
            async with database.as_system() as db:
                unit_id = (await db.execute(_UNIT, {"hall_id": hall.id})).scalar_one()
                rows = await db.execute(_STANDS, {"ids": used})
                self.stands = {row[0]: row[1] for row in rows}
        finally:
            await database.close()
        assert stall.vendor is not None
        bank = banks.bank(stall.vendor.bank_bin)
        assert bank is not None
        self.facts = {
            **NEWCOMER,
            "sepay_secret": settings.sepay_secret,
            "stall_id": str(stall.id),
            "vendor_person_id": str(stall.vendor.person.id),
            "holder_name": stall.vendor.holder_name,
            "account_no": stall.vendor.account_no,
            "bank": bank.short_name,
            "empty_stall_id": str(empty.id),
            "empty_stall_code": empty.code,
            "empty_stall_hall": hall.site.name,
            "unit_id": str(unit_id),
            "team_person_id": str(self.plan.team.id),
            "official_person_id": str(self.plan.official.id),
            "clerk_person_id": str(self.plan.clerk.id),
        }

    async def open(self, running: serve.Running) -> None:
        assert self.plan is not None
        bank_url = running.settings.bank_url
        accounts = [
            {"bank_bin": one.bank_bin, "account_no": one.account_no, "holder": one.holder_name}
            for one in self.plan.vendors()
        ]
        counted = await _cashless_count(running.url)
        async with httpx.AsyncClient(base_url=bank_url, trust_env=False, timeout=30) as bank:
            await _answering(bank)
            (await bank.post("/api/accounts", json=accounts)).raise_for_status()
            for qr_text in self.stands.values():
                sent = {"qr_text": qr_text, "amount_vnd": STAND_VND}
                (await bank.post("/api/transfers", json=sent)).raise_for_status()
        await _counting(running.url, counted + len(self.stands))
        fresh = self.data / "world.json.new"
        fresh.write_text(json.dumps({"url": running.url, "bank_url": bank_url, **self.facts}))
        fresh.replace(self.data / "world.json")


async def _counting(url: str, count: int) -> None:
    """Until the figures have counted so many; else the ward's would move by themselves later."""
    for _ in range(600):
        if await _cashless_count(url) >= count:
            return
        await asyncio.sleep(0.2)
    raise AssertionError("the first payments of the day were not counted")


async def _cashless_count(url: str) -> int:
    """How many cashless payments the figures have counted today."""
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as web:
        return int((await web.get("/api/alive")).json()["cashless_count"])


async def _answering(bank: httpx.AsyncClient) -> None:
    """The web may be up before the bank is."""
    for _ in range(600):
        try:
            (await bank.get("/health")).raise_for_status()
        except httpx.HTTPError:
            await asyncio.sleep(0.1)
        else:
            return
    raise AssertionError("the simulated bank does not answer")


def _empty_stall(plan: WorldPlan) -> tuple[HallPlan, StallPlan]:
    """A stall of the ward whose vendor nobody has met yet."""
    return next(
        (hall, stall)
        for hall in plan.halls
        if hall.site.unit_code == WARD
        for stall in hall.stalls
        if stall.vendor is None
    )


def _used_in(plan: WorldPlan, *, but: StallPlan) -> list[StallPlan]:
    """Stalls with a code in the ward, each of another vendor."""
    found: dict[Any, StallPlan] = {}
    for hall in plan.halls:
        for stall in hall.stalls:
            if hall.site.unit_code == WARD and stall.stand_id and stall.vendor:
                found.setdefault(stall.vendor.id, stall)
    return [one for one in found.values() if one.vendor != but.vendor][:TRADED_STALLS]


def main(data: Path) -> int:
    """Run the market until asked to stop."""
    opened = Opened(data)
    partners = dict.fromkeys(("vnpay_url", "stripe_url"), NOBODY)
    settings = replace(
        from_environment(), data=data, demo=True, host="127.0.0.1", port=0, **partners
    )
    return serve.run(
        serve.Plan(
            settings,
            simulators=("bank", "tax", "portal"),
            prepare=opened.prepare,
            on_ready=opened.open,
        )
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
