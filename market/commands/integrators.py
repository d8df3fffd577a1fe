"""Commands about banks and acquirers that confirm to us: `market integrator add|list|revoke`."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from market import clock, ids, integrators
from market.commands.database import opened
from market.db import Database
from market.errors import MarketError
from market.integrators import Integrator
from market.settings import Settings, SettingsError
from payments.banks import BankUnknown

Answer = TypeVar("Answer")


def add(settings: Settings, name: str, gateway: str, bank_bins: list[str], *, as_json: bool) -> int:
    """Admit one and print its key, which is shown this once."""
    made = Integrator(
        id=ids.new(),
        name=name.strip(),
        gateway=gateway,
        bank_bins=integrators.sorted_bins(bank_bins),
        created_at=clock.now(),
    )
    key = _run(settings, lambda db: integrators.add(db, made))
    if as_json:
        _say(json.dumps({**_plain(made), "key": key}, ensure_ascii=False))
    else:
        _say(f"{made.name} confirms as “{made.gateway}” {_for(made)}. Its id is {made.id}.")
        _say(f"Its key, shown only now: {key}")
    return 0


def listed(settings: Settings, *, as_json: bool) -> int:
    """All there ever were."""
    found = _run(settings, integrators.integrators)
    if as_json:
        _say(json.dumps([_plain(one) for one in found], ensure_ascii=False))
        return 0
    for one in found:
        ended = f", revoked {one.revoked_at:%Y-%m-%d %H:%M} UTC" if one.revoked_at else ""
        _say(f"{one.id}  {one.gateway:<12} {one.name} {_for(one)}{ended}")
    if not found:
        _say("There are none yet: market integrator add NAME --gateway NAME --bank BIN")
    return 0


def revoke(settings: Settings, integrator_id: str) -> int:
    """End a key; at the latest ten seconds later it opens nothing."""
    try:
        wanted = UUID(integrator_id)
    except ValueError:
        raise SettingsError(
            f"“{integrator_id}” is not an id; see `market integrator list`."
        ) from None
    _run(settings, lambda db: integrators.revoke(db, wanted, now=clock.now()))
    _say(f"The key of {wanted} opens nothing more within ten seconds.")
    return 0


def _run(settings: Settings, work: Callable[[AsyncSession], Awaitable[Answer]]) -> Answer:
    """One transaction; what the rules refuse is a misused command."""

    async def run(url: str) -> Answer:
        database = Database(url, pool_size=1)
        try:
            async with database.as_system() as db:
                return await work(db)
        finally:
            await database.close()

    with opened(settings) as url:
        try:
            return asyncio.run(run(url))
        except (MarketError, BankUnknown) as error:
            raise SettingsError(str(error)) from error


def _plain(one: Integrator) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "name": one.name,
        "gateway": one.gateway,
        "bank_bins": list(one.bank_bins),
        "created_at": one.created_at.isoformat(),
        "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
    }


def _for(one: Integrator) -> str:
    if not one.bank_bins:
        return "as an acquirer, for our payments"
    return f"for accounts of {', '.join(one.bank_bins)}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
