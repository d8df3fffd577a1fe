"""A market for the roads of invoices: the browser tests' world, a tax office that answers, a registered vendor.

python tests/browser/invoices_opened.py DATA — runs until SIGTERM; DATA/world.json says who is who.
"""

import asyncio
import ctypes
import signal
import sys
from dataclasses import replace
from pathlib import Path

import einvoice
from market import clock, serve
from market.db import Database
from market.demo import world
from market.flows import invoice
from market.settings import Settings, from_environment
from market.tables import VendorRow
from tests.browser.opened import NOBODY, PR_SET_PDEATHSIG, Opened

TAX_ID = "038185000111"


class OpenedWithTax(Opened):
    """The star stall's vendor is registered by the simulated tax authority itself."""

    async def prepare(self, settings: Settings) -> None:
        await super().prepare(settings)
        assert self.plan is not None
        stall = world.star_stall(self.plan)
        assert stall.vendor is not None
        database = Database(settings.database_url, pool_size=2)
        try:
            async with database.as_system() as db:
                vendor = await db.get(VendorRow, stall.vendor.id)
                assert vendor is not None
                vendor.tax_id = TAX_ID
                db.add(vendor)
                await db.flush()
                await invoice.register_seller(db, settings, vendor.id, now=clock.now())
        finally:
            await database.close()

    async def open(self, running: serve.Running) -> None:
        database = Database(running.settings.database_url, pool_size=2)
        try:
            await _accepted(database)
        finally:
            await database.close()
        await super().open(running)


async def _accepted(database: Database) -> None:
    for _ in range(1_200):
        async with database.as_system() as db:
            found = await einvoice.registration_of(db, TAX_ID)
        if found is not None and found.state == "accepted":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("the tax authority did not accept the registration")


def main(data: Path) -> int:
    """Run the market until asked to stop."""
    if sys.platform == "linux":  # a killed test run leaves no market behind
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    opened = OpenedWithTax(data)
    partners = dict.fromkeys(("bank_url", "portal_url", "vnpay_url", "stripe_url"), NOBODY)
    settings = replace(
        from_environment(), data=data, demo=True, host="127.0.0.1", port=0, **partners
    )
    return serve.run(
        serve.Plan(settings, simulators=("tax",), prepare=opened.prepare, on_ready=opened.open)
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
