"""`market db upkeep`: what the ledger needs done from time to time, once, with progress; old raw notices go."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

import msgspec

import payments
from market import clock
from market.commands.database import opened
from market.db import Database
from market.settings import Settings

Tell = Callable[[str], None]


def run(settings: Settings, *, as_json: bool, anew: bool) -> int:
    """Do all of it; `anew` makes every statement once more. What another process is doing this
    moment is left to it: then 1, else 0.
    """
    tell = _tell if sys.stderr.isatty() and not as_json else _say_nothing
    with opened(settings) as url:
        did = asyncio.run(_upkeep(url, anew, tell))
    if sys.stderr.isatty() and not as_json:
        sys.stderr.write("\r\x1b[2K")
    if as_json:
        sys.stdout.write(json.dumps(did) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in _sentences(did))
    return 1 if did["busy"] else 0


async def _upkeep(url: str, anew: bool, tell: Tell) -> dict[str, Any]:
    now = clock.now()
    kept = await payments.keep_partitions(
        url, today=clock.local_day(now), progress=lambda name: tell(f"months: {name}")
    )
    expired = await _expire_holds(url, tell)

    def told(count: int) -> None:
        tell(f"statements: {count:,} transfers")

    if anew:
        fed = await payments.rebuild_statements(url, now=now, progress=told)
    else:
        fed = await payments.feed_statements(url, now=now, seconds_max=None, progress=told)
    tell("sealing")
    sealed = await payments.seal(url, now=now)
    forgotten = await _forget_notices(url, tell)
    busy = [
        what
        for what, is_free in (
            ("months", kept.is_complete),
            ("statements", fed.is_complete),
            ("seals", not sealed.is_busy),
        )
        if not is_free
    ]
    return {
        "made": list(kept.made),
        "closed": list(kept.closed),
        "holds_expired": expired,
        "statements": msgspec.to_builtins(fed),
        "sealed": msgspec.to_builtins(sealed),
        "notices_forgotten": forgotten,
        "busy": busy,
    }


async def _expire_holds(url: str, tell: Tell) -> int:
    database = Database(url, pool_size=1)
    try:
        count = 0
        while True:
            tell(f"holds: {count:,} expired")
            async with database.as_system() as db:
                expired = await payments.expire_holds(db, now=clock.now())
            if not expired:
                return count
            count += expired
    finally:
        await database.close()


async def _forget_notices(url: str, tell: Tell) -> int:
    count = 0
    while forgotten := await payments.forget_notices(url, now=clock.now()):
        count += forgotten
        tell(f"old notices: {count:,} forgotten")
    return count


def _sentences(did: dict[str, Any]) -> list[str]:
    made, closed = ", ".join(did["made"]) or "none", ", ".join(did["closed"]) or "none"
    lines = [
        f"Months made: {made}; closed: {closed}.",
        f"Holds expired: {did['holds_expired']:,}.",
        f"Statements: {did['statements']['transfer_count']:,} transfers.",
        f"Sealed: {did['sealed']['row_count']:,} transfers.",
        f"Old raw notices forgotten: {did['notices_forgotten']:,}.",
    ]
    if did["busy"]:
        lines.append(f"Left to another process that is at it: {', '.join(did['busy'])}.")
    return lines


def _tell(what: str) -> None:
    sys.stderr.write(f"\r\x1b[2K{what}")
    sys.stderr.flush()


def _say_nothing(what: str) -> None:
    """Nobody looks on."""
