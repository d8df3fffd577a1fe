"""`market demo`: prepare the world, open the market, let people in, say what to do."""

import argparse
import asyncio
import json
import sys
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import text

from market import clock, outbox, serve
from market.children import Child
from market.db import Database
from market.demo import acquired, history, invoicing, shelves, world
from market.demo.plan import WorldPlan
from market.demo.trade import prepare_bank
from market.settings import Settings, from_environment

HISTORY_DAYS = 36
"""The administrative month before the running one lies within them on most days."""
SPEED_MAX = 1_000.0
INVOICES_AFTER = timedelta(seconds=45)
"""By then the tax authority has answered the vendors' registrations."""
TICK_SECONDS = 2.0
QUIET_TICK_SECONDS = 60.0
"""Where nobody looks at a terminal, a line a minute is enough."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    settings: Settings
    seed: int
    speed: float
    is_quiet: bool
    opens_browser: bool
    days: int


def run(arguments: Sequence[str]) -> int:
    """Run the demo until Ctrl-C.

    Raises: ServeError, EmbeddedError, NoPortFree.
    """
    options = _options(arguments)
    return serve.run(_plan_of(options))


def _options(arguments: Sequence[str]) -> Options:
    parser = argparse.ArgumentParser(
        prog="market demo", description="A living market with simulated people and partners."
    )
    parser.add_argument("--data", type=Path, help="where everything is kept (.market)")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (8000; taken: the next free)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed, the same world (1)")
    parser.add_argument("--speed", type=float, default=60.0, help="times real trade (60)")
    parser.add_argument("--days", type=int, default=HISTORY_DAYS, help="days of history (36)")
    parser.add_argument("--quiet", action="store_true", help="only the address, no ticker")
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    given = parser.parse_args(arguments)
    if not 0 < given.speed <= SPEED_MAX:
        parser.error(f"--speed is a number above 0, at most {SPEED_MAX:.0f}")
    if not 0 <= given.days <= 400:
        parser.error("--days is from 0 to 400")
    changed = {
        name: getattr(given, name)
        for name in ("data", "host", "port")
        if getattr(given, name) is not None
    }
    settings = replace(from_environment(), demo=True, **changed)
    opens = not given.no_browser and not given.quiet and sys.stdout.isatty()
    return Options(settings, given.seed, given.speed, given.quiet, opens, given.days)


def _plan_of(options: Options) -> serve.Plan:
    demo = _Demo(options)
    return serve.Plan(
        options.settings,
        simulators=tuple(serve.SIMULATORS),
        prepare=demo.prepare,
        on_ready=demo.open,
    )


class _Demo:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._world: WorldPlan | None = None
        self._seed = options.seed
        self._ticker: asyncio.Task[None] | None = None

    async def prepare(self, settings: Settings) -> None:
        """The world stands and has its past. Safe to break off and to repeat."""
        self._seed = _kept_seed(settings.data, self._options.seed, _say)
        database = Database(settings.database_url, pool_size=4)
        try:
            self._world = await prepare_world(
                database, self._seed, clock.now(), self._options.days, _say
            )
            await acquired.prepare(database, settings, self._world, self._seed)
            if await invoicing.register(database, settings, clock.now()):
                await ask_for_invoices(database, clock.now())
        finally:
            await database.close()

    async def open(self, running: serve.Running) -> None:
        """Let the shoppers in and say what a person can do."""
        assert self._world is not None
        await prepare_bank(self._world, running.settings.bank_url)
        await self._settle_past(running.settings)
        running.start(
            Child(
                "trade",
                (
                    sys.executable, "-m", "market.demo.trade",
                    "--seed", str(self._seed), "--speed", str(self._options.speed),
                ),
            )
        )  # fmt: skip
        if self._options.opens_browser:
            await asyncio.to_thread(webbrowser.open, running.url)
        if self._options.is_quiet:
            return
        _say(f"  Start page, one card per role:  {running.url}")
        _say(f"  The simulated bank app:         {running.settings.bank_url}")
        _say("  Be the vendor, key in an amount, pay its QR with the bank app, hear the money.")
        self._ticker = asyncio.create_task(_tick(running.url))

    async def _settle_past(self, settings: Settings) -> None:
        """The acquirer's files of the days before are on their way to the clerk."""
        await acquired.tell_acquirers(settings)
        database = Database(settings.database_url, pool_size=1)
        try:
            await acquired.ask_for_files(database)
        finally:
            await database.close()


async def prepare_world(
    database: Database, seed: int, now: datetime, days: int, say: Say = lambda line: None
) -> WorldPlan:
    """The demo's world, its goods and its past are in the database; what is there is left alone."""
    start = clock.day_bounds(clock.local_day(now - timedelta(days=days)))[0]
    async with database.as_system() as db:
        is_fresh = not await world.is_there(db)
        plan = await world.demo_world(db, seed, start)
        if not await world.fits(db, plan):
            raise serve.ServeError(
                "This data directory holds another demo world, or one of an older version."
                " Choose another --data, or delete it."
            )
        goods_count = await shelves.fill(db, plan, seed, start) if is_fresh else 0
    if is_fresh:
        say(
            f"  {len(plan.stalls())} stalls in {len(plan.halls)} halls and streets stand,"
            f" with {goods_count} goods on their shelves."
        )
    if not await history.is_there(database):
        begun = await _begun(database)
        written = await history.write_history(
            database, plan, seed, begun, now, lambda line: _progress(f"  past sales: {line}")
        )
        _progress("")
        say(
            f"  {written.cashless_count:,} cashless and {written.cash_count:,} cash sales lie"
            f" behind them, since {clock.local_day(begun):%d/%m/%Y}."
        )
    return plan


async def ask_for_invoices(database: Database, now: datetime) -> int:
    """The latest past sales of vendors who issue e-invoices wait for one; how many they are."""
    async with database.as_system() as db:
        latest = (await db.execute(_LATEST)).scalars().all()
        for sale_id in latest:
            arguments = {"sale_id": str(sale_id)}
            await outbox.enqueue(db, "issue_invoice", arguments, now, INVOICES_AFTER)
    return len(latest)


_LATEST = text(
    "SELECT s.id FROM market.sale s JOIN einvoice.registration r ON r.owner_id = s.vendor_id"
    " WHERE s.method = 'stand' AND s.state = 'paid' ORDER BY s.sold_at DESC LIMIT 60"
)


async def _begun(database: Database) -> datetime:
    async with database.as_system() as db:
        begun = await world.begun_at(db)
    assert begun is not None
    return begun


def _kept_seed(data: Path, wanted: int, say: Say) -> int:
    """The seed this data directory was begun with; a new one is remembered."""
    note = data / "demo.json"
    with suppress(OSError, ValueError, KeyError):
        kept = int(json.loads(note.read_text())["seed"])
        if kept != wanted:
            say(f"  This data directory holds the market of --seed {kept}; it stays so.")
        return kept
    data.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"seed": wanted}))
    return wanted


async def _tick(url: str) -> None:
    """One calm line: what the market did today."""
    is_terminal = sys.stdout.isatty()
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        while True:
            await asyncio.sleep(TICK_SECONDS if is_terminal else QUIET_TICK_SECONDS)
            try:
                alive = (await client.get("/api/alive")).json()
                line = (
                    f"  {clock.local(clock.now()):%H:%M}  today: {alive['cashless_count']:,}"
                    f" cashless, {alive['cashless_vnd']:,} đ, {alive['cash_count']:,} cash"
                )
            except (httpx.HTTPError, ValueError, KeyError):
                continue
            if is_terminal:
                _progress(line)
            else:
                _say(line)


def _progress(line: str) -> None:
    if sys.stdout.isatty():
        sys.stdout.write(f"\r\x1b[2K{line}")
        sys.stdout.flush()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
