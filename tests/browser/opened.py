"""A real market for the browser tests: the demo's world without its robots.

python tests/browser/opened.py DATA — runs until SIGTERM; DATA/run.json and DATA/world.json say where.
"""

import ctypes
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path

from market import clock, serve
from market.db import Database
from market.demo import command, world
from market.demo.plan import WorldPlan
from market.settings import Settings, from_environment
from payments import banks

SEED = 7
PR_SET_PDEATHSIG = 1
NOBODY = "http://127.0.0.1:9"
"""Where no partner answers; the tests send the bank's notices themselves."""


class Opened:
    """Prepares the world, then says who is who in it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.plan: WorldPlan | None = None

    async def prepare(self, settings: Settings) -> None:
        database = Database(settings.database_url, pool_size=4)
        try:
            self.plan = await command.prepare_world(database, SEED, clock.now(), 0)
        finally:
            await database.close()

    async def open(self, running: serve.Running) -> None:
        assert self.plan is not None
        stall = world.star_stall(self.plan)
        assert stall.vendor is not None
        bank = banks.bank(stall.vendor.bank_bin)
        assert bank is not None
        facts = {
            "url": running.url,
            "sepay_secret": running.settings.sepay_secret,
            "stall_id": str(stall.id),
            "stall_code": stall.code,
            "vendor_person_id": str(stall.vendor.person.id),
            "hall_id": str(next(h.id for h in self.plan.halls if stall in h.stalls)),
            "operator_person_id": str(self.plan.operator.id),
            "clerk_person_id": str(self.plan.clerk.id),
            "second_clerk_person_id": str(self.plan.second_clerk.id),
            "vendor_id": str(stall.vendor.id),
            "vnpay_secret": running.settings.vnpay_secret,
            "vnpay_tmn_code": running.settings.vnpay_tmn_code,
            "holder_name": stall.vendor.holder_name,
            "account_no": stall.vendor.account_no,
            "bank": bank.short_name,
        }
        fresh = self.data / "world.json.new"
        fresh.write_text(json.dumps(facts))
        fresh.replace(self.data / "world.json")


def main(data: Path) -> int:
    """Run the market until asked to stop."""
    if sys.platform == "linux":  # a killed test run leaves no market behind
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    opened = Opened(data)
    partners = dict.fromkeys(
        ("bank_url", "tax_url", "portal_url", "vnpay_url", "stripe_url"), NOBODY
    )
    settings = replace(
        from_environment(), data=data, demo=True, host="127.0.0.1", port=0, **partners
    )
    return serve.run(
        serve.Plan(
            settings,
            simulators=(),
            prepare=opened.prepare,
            on_ready=opened.open,
        )
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
