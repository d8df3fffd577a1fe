"""Commands about who is told by webhook: `market webhook add|list|rotate|replay|park`."""

import argparse
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from market.settings import Settings, SettingsError

if TYPE_CHECKING:  # `--help` imports nothing heavy
    from sqlmodel.ext.asyncio.session import AsyncSession

    from market.webhooks import Endpoint

Answer = TypeVar("Answer")


def add_parser(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    data: argparse.ArgumentParser,
) -> None:
    """`market webhook …`."""
    about = "whom we tell by webhook, and how that goes"
    group = commands.add_parser("webhook", help=about, description=about)
    actions = group.add_subparsers(title="actions", metavar="ACTION", required=True)

    def action(name: str, run: Callable[..., int], about: str) -> argparse.ArgumentParser:
        one = actions.add_parser(name, help=about, description=about, parents=[data])
        one.set_defaults(command=run)
        one.add_argument("--json", action="store_true", help="answer as JSON")
        return one

    new = action("add", _add, "tell an address; its secret and key are printed this once")
    new.add_argument("name", help="who it is, for people")
    new.add_argument("--url", required=True, help="https://…")
    new.add_argument("--vendor", metavar="ID", help="only what happens to this vendor")
    new.add_argument(
        "--kind", action="append", default=[], dest="kinds", help="only this; again for more"
    )
    new.add_argument(
        "--allow-private", action="store_true", help="a system in our own house: private, http"
    )
    action("list", _list, "all addresses and how they stand")
    rotate = action("rotate", _rotate, "a new secret; the old one signs beside it for a day")
    rotate.add_argument("id", help="as `list` shows it")
    again = action("replay", _replay, "tell again: one message, or all since an instant")
    again.add_argument("id", help="as `list` shows it")
    which = again.add_mutually_exclusive_group(required=True)
    which.add_argument("--message", metavar="ID", help="msg_… as it was sent")
    which.add_argument("--since", metavar="TIME", help="ISO 8601 with its zone")
    parked = action("park", _park, "send nothing there for now, or send again")
    parked.add_argument("id", help="as `list` shows it")
    parked.add_argument("--resume", action="store_true", help="send again, all that waits")


def _add(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock, ids, webhooks

    made = webhooks.Endpoint(
        id=ids.new(),
        owner_id=_uuid(options.vendor) if options.vendor else None,
        name=options.name,
        url=options.url,
        kinds=tuple(options.kinds),
        allow_private=options.allow_private,
        state="active",
        failed_count=0,
        failing_since=None,
        parked_at=None,
        parked_why="",
        created_at=clock.now(),
    )
    secret, key = _run(settings, lambda db: webhooks.add(db, made))
    return _answer(
        options,
        {"id": str(made.id), "secret": secret, "key": key},
        f"{made.name} is told at {made.url}. Its id is {made.id}.",
        f"Its signing secret, shown only now: {secret}",
        f"Its key to pull with, shown only now: {key}",
    )


def _list(options: argparse.Namespace, settings: Settings) -> int:
    from market import webhooks

    found = _run(settings, webhooks.endpoints)
    lines = [_line(one) for one in found] or ["There are none yet: market webhook add NAME --url …"]
    return _answer(options, [_plain(one) for one in found], *lines)


def _rotate(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock, webhooks

    wanted = _uuid(options.id)
    secret = _run(settings, lambda db: webhooks.rotate(db, wanted, now=clock.now()))
    return _answer(
        options,
        {"id": str(wanted), "secret": secret},
        f"The new secret, shown only now: {secret}",
        "The old one signs beside it for 24 hours.",
    )


def _replay(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock, webhooks

    wanted = _uuid(options.id)
    message_id = _uuid(options.message.removeprefix("msg_")) if options.message else None
    since = _instant(options.since) if options.since else None
    count = _run(
        settings,
        lambda db: webhooks.replay(db, wanted, now=clock.now(), message_id=message_id, since=since),
    )
    _answer(options, {"count": count}, f"{count} messages are told again.")
    return 0 if count else 1


def _park(options: argparse.Namespace, settings: Settings) -> int:
    from market import clock, webhooks

    wanted = _uuid(options.id)
    if options.resume:
        _run(settings, lambda db: webhooks.resume(db, wanted, now=clock.now()))
        return _answer(options, {"state": "active"}, "What waits there is sent from now on.")
    _run(settings, lambda db: webhooks.park(db, wanted, "by hand", now=clock.now()))
    return _answer(options, {"state": "parked"}, "Nothing is sent there; what happens waits.")


def _run(settings: Settings, work: "Callable[[AsyncSession], Awaitable[Answer]]") -> Answer:
    """One transaction; what the rules refuse is a misused command."""
    import asyncio

    from market.commands.database import opened
    from market.db import Database
    from market.errors import MarketError

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
        except MarketError as error:
            raise SettingsError(str(error)) from error


def _answer(options: argparse.Namespace, plain: Any, *lines: str) -> int:
    import json
    import sys

    said = json.dumps(plain, ensure_ascii=False) if options.json else "\n".join(lines)
    sys.stdout.write(said + "\n")
    return 0


def _plain(one: "Endpoint") -> dict[str, Any]:
    return {
        "id": str(one.id),
        "name": one.name,
        "url": one.url,
        "vendor_id": str(one.owner_id) if one.owner_id else None,
        "kinds": list(one.kinds),
        "state": one.state,
        "failed_count": one.failed_count,
        "parked_at": one.parked_at.isoformat() if one.parked_at else None,
        "parked_why": one.parked_why,
    }


def _line(one: "Endpoint") -> str:
    state = f"parked: {one.parked_why}" if one.state == "parked" else one.state
    if one.state == "active" and one.failed_count:
        state = f"active, {one.failed_count} tries failed since {one.failing_since:%Y-%m-%d %H:%M}"
    return f"{one.id}  {one.name}  {one.url}  {state}"


def _uuid(given: str) -> UUID:
    try:
        return UUID(given)
    except ValueError:
        raise SettingsError(f"“{given}” is not an id; see `market webhook list`.") from None


def _instant(given: str) -> datetime:
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise SettingsError(
            f"“{given}” is not an instant, such as 2026-11-23T07:00+07:00."
        ) from None
    if found.tzinfo is None:
        raise SettingsError(f"“{given}” lacks its zone, such as +07:00.")
    return found
